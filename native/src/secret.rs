//! The secret with which links in free blocks are hidden.
//!
//! Chosen once, in front of the first reservation of address space, from the random bytes that Linux gives each process
//! (no system call), or elsewhere from addresses and the time. It protects against accidents and makes an attack on a
//! free block's link harder; it is no cryptography.

use core::sync::atomic::{AtomicUsize, Ordering};

/// 0 before it was chosen. Written once; everybody who sees the published range has happened after that.
static SECRET: AtomicUsize = AtomicUsize::new(0);

/// The highest bit: no address has it, see `hak_core::Platform::secret`.
const ALWAYS: usize = 1 << (usize::BITS - 1);

#[inline(always)]
pub(crate) fn get() -> usize {
    // Relaxed: published with the range.
    SECRET.load(Ordering::Relaxed)
}

/// Chooses the secret, if nobody did yet.
#[cold]
pub(crate) fn choose() {
    if get() == 0 {
        // Relaxed: as in `get`. Who loses takes the winner's.
        let _ = SECRET.compare_exchange(0, random() | ALWAYS, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn random() -> usize {
    // SAFETY: asks for a value of the process's start; no precondition.
    let bytes = unsafe { libc::getauxval(libc::AT_RANDOM) } as *const usize;
    if bytes.is_null() {
        return from_surroundings();
    }
    // SAFETY: the system put 16 random bytes there, which stay. The C library uses the first eight for its own guards.
    from_surroundings() ^ unsafe { bytes.add(1).read_unaligned() }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn random() -> usize {
    from_surroundings()
}

/// Bits of addresses, which systems choose at random, and of the time.
fn from_surroundings() -> usize {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    let seed = (&raw const time).addr() ^ (&raw const SECRET).addr().rotate_left(29);
    let seed = seed as u64 ^ (time.tv_nsec as u64).rotate_left(17) ^ time.tv_sec as u64;
    // A permutation that spreads the bits (the end of MurmurHash3, Appleby 2011).
    let mixed = (seed ^ seed >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (mixed ^ mixed >> 33) as usize
}
