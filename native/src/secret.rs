//! The secret with which free blocks are sealed.
//!
//! Chosen once, in front of the first reservation of address space: on Linux with `getrandom`, so
//! it is nobody else's. Where that gives nothing (a system call that is refused, a kernel that has
//! no random bits yet), from what is at hand: the sixteen bytes that the kernel gave the process at
//! its start, all of them, mixed with addresses and the time. The C library makes its own guards of
//! the same sixteen bytes (glibc the stack guard of the first eight, the pointer guard of the
//! second): mixed so, the secret does not show them. Off Linux, addresses and the time are all
//! there is. It protects against accidents and makes an attack on a free block's link harder; it is
//! no cryptography: what is free is no program's, and who reads it anyway can compute the secret.
//!
//! Invariant: where the system's `AT_RANDOM` leads, there are sixteen bytes as long as the process
//! runs.

use core::sync::atomic::{AtomicUsize, Ordering};

/// 0 before it was chosen. Written once; everybody who sees the published range has happened after
/// that.
static SECRET: AtomicUsize = AtomicUsize::new(0);

#[inline(always)]
pub(crate) fn get() -> usize {
    // Relaxed: published with the range.
    SECRET.load(Ordering::Relaxed)
}

/// Chooses the secret, if nobody did yet.
#[cold]
pub(crate) fn choose() {
    if get() == 0 {
        // Relaxed: as in `get`. Who loses takes the winner's. Not 0, which stands for "not chosen".
        let _ = SECRET.compare_exchange(0, random().max(1), Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn random() -> usize {
    from_system().unwrap_or_else(from_surroundings)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn random() -> usize {
    from_surroundings()
}

/// What the system draws for this alone, if it does so at once.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn from_system() -> Option<usize> {
    let mut word = 0_usize;
    let bytes = size_of_val(&word);
    // By number: the C library's function is younger than the oldest one that hak runs with. Up to
    // 256 bytes come whole.
    // SAFETY: [lib 1] a place for that many bytes.
    let drawn = crate::errno::kept(|| unsafe {
        libc::syscall(libc::SYS_getrandom, &raw mut word, bytes, libc::GRND_NONBLOCK)
    });
    (drawn == bytes as libc::c_long).then_some(word)
}

/// The sixteen bytes that the kernel gave the process at its start, in two words; zeros if it gave
/// none.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn from_start() -> [u64; 2] {
    // SAFETY: [lib 1] asks for a value of the process's start; it has no precondition.
    let bytes = unsafe { libc::getauxval(libc::AT_RANDOM) } as *const [u64; 2];
    if bytes.is_null() {
        return [0; 2];
    }
    // SAFETY: [secret 1] the bytes are there, and are read as they lie.
    unsafe { bytes.read_unaligned() }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn from_start() -> [u64; 2] {
    [0; 2]
}

/// Bits of the process's start, of addresses, which systems choose at random, and of the time.
fn from_surroundings() -> usize {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: [lib 1] a place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    let seed = (&raw const time).addr() ^ (&raw const SECRET).addr().rotate_left(29);
    let seed = seed as u64 ^ (time.tv_nsec as u64).rotate_left(17) ^ time.tv_sec as u64;
    let [first, second] = from_start();
    mixed(mixed(mixed(seed) ^ first) ^ second) as usize
}

/// A permutation that spreads the bits (the end of MurmurHash3, Appleby 2011).
fn mixed(seed: u64) -> u64 {
    let mixed = (seed ^ seed >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ mixed >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_hand_differs_from_one_time_to_the_next() {
        let drawn: std::collections::HashSet<usize> =
            (0..100).map(|_| from_surroundings()).collect();
        // The clock may stand still for a moment.
        assert!(drawn.len() > 50);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_draws_a_word() {
        assert_ne!(from_system(), from_system());
        assert!(from_system().is_some());
    }
}
