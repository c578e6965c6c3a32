//! Address space and memory from the system.
//!
//! A range goes through three states:
//!
//! | State     | How it got there | Reading it        | Memory behind it |
//! |-----------|------------------|-------------------|------------------|
//! | reserved  | [`reserve`]      | faults, or zeroes | none             |
//! | committed | [`commit`]       | what was written  | as touched       |
//! | returned  | [`decommit`]     | faults, or zeroes | none             |
//!
//! and [`commit`] takes a returned range to committed again, where it reads as zero like any other.
//!
//! # Why a returned range may stay readable
//!
//! On Linux, [`decommit`] is one `madvise(MADV_DONTNEED)` and the pages stay mapped for reading and
//! writing. For private anonymous memory the system promises that the next touch of such a page
//! finds zeroes. Taking the access rights away as well, or mapping fresh pages over the old ones,
//! would promise no more, but it would cut the mapping in pieces: each hole costs two of the 65,530
//! mappings that a process may have (so that `decommit` itself could fail for lack of
//! *bookkeeping*), needs the process-wide lock for writing, and loses the advice against huge
//! pages. Where `MADV_DONTNEED` is only a hint (all other systems), fresh inaccessible pages are
//! mapped over the range instead. Pages that were moved are the exception: see
//! [`crate::relocation`].
//!
//! The system refuses that call for memory that is locked (`mlockall`), unless it is asked in so
//! many words, and a sandbox may refuse it altogether. The pages are then cleared by hand, but for
//! those that are zero: that gives nothing back and takes nothing, and is what was promised
//! otherwise. With a refusal, units that were used once could never be used again.
//!
//! # Why whole units
//!
//! [`commit`] gives access to whole units (SuperSlab-sized pieces), although the core asks for less
//! where a block is smaller: a page that nobody touches costs nothing, but a border between
//! accessible and inaccessible pages costs a mapping. With exact borders, a program could hold
//! 32,750 blocks of 20 KiB and not one more. [`reserve`] therefore rounds to whole units, so that
//! rounding never reaches into somebody else's mapping. (The tables, of which there is no second
//! mapping, get access page by page: [`ensure`].) And when many blocks lie apart all the same
//! (because of their alignment), the gaps between them become accessible too.
//!
//! # Where the range lies
//!
//! [`reserve`] is asked for the tables' addresses, and told how much is to come behind them. On
//! 64-bit Linux it takes a random place in a part of the address space where systems put nothing of
//! themselves ([`AREA`]), and [`extend`] takes what is behind it piece by piece, at just these
//! addresses or not at all. So a limit of the address space (`ulimit -v`) is not used up by what
//! nobody needs, and whoever lowers it later still has something. Where that part cannot be
//! obtained, everything is reserved at once, if it takes at most half of the limit; the core asks
//! again for less.
//!
//! Nothing that is only reserved counts as memory: it is private and inaccessible. So it is in no
//! core file, no lock of the process' memory makes it resident, and the system decides when it
//! becomes accessible whether there is as much.
//!
//! # Why no huge pages
//!
//! With transparent huge pages the first touch of one block may fill 2 MiB, and a `decommit` of a
//! slab in it cannot return anything until the system splits the page. So the system is advised
//! against them, unless the program asks for them: see [`crate::huge`]. The advice is only that: a
//! system without it is fine.
//!
//! Nothing here allocates, and nothing here changes `errno` (see [`crate::errno`]).
//!
//! Invariants:
//! 1. Ranges that the core names lie in mappings that [`reserve`] and [`extend`] made. So does what
//!    they are rounded to: whole units, which are the caller's, or which nobody uses.
//! 2. A mapping at a place of the system's choice, and one that is to replace nothing
//!    (`MAP_FIXED_NOREPLACE`), takes nothing away from anybody. (Linux before 4.17 takes that
//!    address for a wish.)
//! 3. Fresh pages are mapped over others only where these are the caller's, who gives their
//!    contents up or has given them none; or in tables, over pages that are not accessible, while
//!    nobody else does so. (A sandbox that forbids to change access is there for all threads: if it
//!    were one thread's, another one could make a page accessible and write to it just before.)
//! 4. Access that is given takes nothing away, and advice changes no contents.
//! 5. Pages that were committed are accessible until they are returned.

use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hak_core::range::Range;
use hak_core::{Extension, Platform, inspect};
use libc::{MAP_ANON, MAP_FAILED, MAP_PRIVATE, PROT_NONE, PROT_READ, PROT_WRITE, c_int};

#[cfg(target_os = "linux")]
use crate::relocation;
use crate::{Native, errno, huge};

/// Memory that the system counts as soon as it is accessible.
pub(crate) const MAP_RESERVED: c_int = MAP_PRIVATE | MAP_ANON;

/// Where ranges lie that grow, from 18 to 32 TiB: above what sanitizers use, below where the system
/// puts mappings in either order. All ranges that lie elsewhere were reserved whole. Empty where
/// nothing is known of the address space.
const AREA: core::ops::Range<usize> = if cfg!(all(
    any(target_os = "linux", target_os = "android"),
    any(target_arch = "x86_64", target_arch = "aarch64"),
)) {
    18 << 40..32 << 40
} else {
    0..0
};

/// Places in [`AREA`] that are tried.
const TRIES: usize = 8;

/// What reserved ranges are rounded to, and what access is given to at once. See the module's
/// documentation.
const UNIT: usize = Native::GEOMETRY.unit_size();

const PAGE: usize = Native::GEOMETRY.page_size;

/// See [`hak_core::Platform::units_planned`]: room for eight times the memory of the machine, and
/// for a TiB of what programs ask for and never touch; but where the address space is limited no
/// more than that the tables are a small part of it.
pub(crate) fn units_planned() -> usize {
    let most = address_space_limit().saturating_mul(16);
    let bytes = memory_of_machine().saturating_mul(8).max(1 << 40).min(most);
    bytes.div_ceil(UNIT).next_power_of_two()
}

/// Bytes of memory and swap; 0 where that is not known.
fn memory_of_machine() -> usize {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: [lib 1] zeroed memory is a valid place for the result.
    return errno::kept(|| unsafe {
        let mut info: libc::sysinfo = core::mem::zeroed();
        if libc::sysinfo(&mut info) != 0 {
            return 0;
        }
        let units = info.totalram as usize + info.totalswap as usize;
        units.saturating_mul(info.mem_unit as usize)
    });
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    0
}

/// Bytes that the process may map at most.
fn address_space_limit() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: [lib 1] a place for the result.
    let known = errno::kept(|| unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) == 0 });
    if known { usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX) } else { usize::MAX }
}

/// See [`hak_core::Platform::reserve`], and this module's documentation.
pub(crate) fn reserve(bytes: usize, align: usize, room: usize) -> *mut u8 {
    debug_assert!(align.is_power_of_two());
    let align = align.max(UNIT);
    let Some(bytes) = bytes.checked_next_multiple_of(UNIT) else { return ptr::null_mut() };
    let Some(whole) = bytes.checked_add(room) else { return ptr::null_mut() };
    errno::kept(|| {
        let places = AREA.len().saturating_sub(whole) / align;
        for _ in 0..TRIES.min(places) {
            let start = AREA.start.next_multiple_of(align) + random() % places * align;
            match map_at(start, bytes) {
                Extension::Done if !leaves_room(start + bytes, bytes) => {
                    unmap(ptr::with_exposed_provenance_mut(start), bytes);
                    return ptr::null_mut();
                }
                Extension::Done => return ptr::with_exposed_provenance_mut(start),
                Extension::Taken => {}
                // As much as that is refused at any place.
                Extension::Refused => return ptr::null_mut(),
            }
        }
        if whole > address_space_limit() / 2 {
            ptr::null_mut()
        } else {
            reserve_anywhere(whole, align)
        }
    })
}

/// Whether three times as many bytes as the tables take can be obtained behind them. A process that
/// locks what it will map (`mlockall`) may map as much as it may lock; the tables must not be
/// nearly all of that.
fn leaves_room(start: usize, bytes: usize) -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: [lib 1] a place for the result.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) == 0 };
    let lockable = if known { limit.rlim_cur } else { libc::RLIM_INFINITY };
    if lockable == libc::RLIM_INFINITY || lockable / 4 > bytes as u64 {
        return true;
    }
    let answer = map_at(start, 3 * bytes);
    if answer == Extension::Done {
        unmap(ptr::with_exposed_provenance_mut(start), 3 * bytes);
    }
    answer != Extension::Refused
}

/// A number that nobody needs to guess.
fn random() -> usize {
    let mut number = 0_usize;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: [lib 1] a place for the result. If the system has no such call, the address of a
    // variable has to do.
    unsafe {
        libc::getrandom((&raw mut number).cast(), size_of::<usize>(), libc::GRND_NONBLOCK);
    }
    (number ^ (&raw mut number).addr().wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 8
}

/// The system aligns to its pages only, which may be smaller than ours: the mapping is made larger
/// by the alignment, and what sticks out on both sides is given back.
fn reserve_anywhere(bytes: usize, align: usize) -> *mut u8 {
    let Some(total) = bytes.checked_add(align) else { return ptr::null_mut() };
    // SAFETY: [memory 2] a new mapping at an address of the system's choice.
    let start = unsafe { libc::mmap(ptr::null_mut(), total, PROT_NONE, MAP_RESERVED, -1, 0) };
    if start == MAP_FAILED {
        return ptr::null_mut();
    }
    let start = start.cast::<u8>();
    let head = start.addr().wrapping_neg() & (align - 1);
    let aligned = start.wrapping_add(head);
    if AREA.contains(&aligned.addr()) {
        // It would be taken for one that grows.
        unmap(start, total);
        return ptr::null_mut();
    }
    unmap(start, head);
    unmap(aligned.wrapping_add(bytes), align - head);
    leave_alone(aligned, bytes);
    aligned
}

/// See [`hak_core::Platform::extend`].
pub(crate) fn extend(start: *mut u8, bytes: usize) -> Extension {
    if !AREA.contains(&start.addr()) {
        return Extension::Done;
    }
    errno::kept(|| map_at(start.addr(), bytes))
}

/// Reserves just these addresses. Changes `errno`.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn map_at(start: usize, bytes: usize) -> Extension {
    let place = ptr::without_provenance_mut(start);
    let flags = MAP_RESERVED | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: [memory 2] a new mapping which replaces nothing.
    let mapped = unsafe { libc::mmap(place, bytes, PROT_NONE, flags, -1, 0) };
    if mapped == MAP_FAILED {
        // SAFETY: [errno 1] the running thread's own word.
        let taken = unsafe { *errno::location() } == libc::EEXIST;
        return if taken { Extension::Taken } else { Extension::Refused };
    }
    if mapped.addr() != start {
        unmap(mapped.cast(), bytes);
        return Extension::Taken;
    }
    leave_alone(mapped.cast(), bytes);
    Extension::Done
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn map_at(_start: usize, _bytes: usize) -> Extension {
    Extension::Taken
}

/// See [`hak_core::Platform::ensure`].
pub(crate) fn ensure(start: *mut u8, bytes: usize) -> bool {
    errno::kept(|| {
        #[cfg(target_os = "linux")]
        return give_access(start, bytes) || map_lacking(start, bytes);
        #[cfg(not(target_os = "linux"))]
        give_access(start, bytes)
    })
}

/// Maps fresh accessible pages over those of a range that are not accessible, where a sandbox
/// refuses to change access. One thread at a time: others are refused meanwhile. Changes `errno`.
#[cfg(target_os = "linux")]
#[cold]
fn map_lacking(start: *mut u8, bytes: usize) -> bool {
    static BUSY: AtomicBool = AtomicBool::new(false);
    // SAFETY: [errno 1] the running thread's own word.
    if unsafe { *errno::location() } == libc::ENOMEM || BUSY.swap(true, Ordering::Acquire) {
        return false;
    }
    let done = (0..bytes).step_by(PAGE).map(|offset| start.wrapping_add(offset)).all(|page| {
        let fixed = MAP_RESERVED | libc::MAP_FIXED;
        // SAFETY: [memory 1, memory 3] the page is a table's, and has no contents, since nobody can
        // have written any.
        is_accessible(page)
            || unsafe {
                libc::mmap(page.cast(), PAGE, PROT_READ | PROT_WRITE, fixed, -1, 0) != MAP_FAILED
            }
    });
    // Release: pairs with the exchange above: one thread after the other.
    BUSY.store(false, Ordering::Release);
    done
}

/// Whether a page can be read, as a system call says that nearly every sandbox allows: it looks
/// whether a word has some value.
#[cfg(target_os = "linux")]
fn is_accessible(page: *mut u8) -> bool {
    let no_time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: [lib 1] the system only reads the word, if it can, and waits for no time.
    let answer = unsafe {
        let wait = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
        libc::syscall(libc::SYS_futex, page, wait, 0, &raw const no_time)
    };
    // SAFETY: [errno 1] the running thread's own word.
    answer == 0 || unsafe { matches!(*errno::location(), libc::EAGAIN | libc::ETIMEDOUT) }
}

/// See [`hak_core::Platform::commit`], and this module's documentation for the rounding. Where the
/// system counts accessible pages as used, it may refuse whole units and grant what was asked for;
/// a sandbox may refuse the call, not what it does.
pub(crate) fn commit(start: *mut u8, bytes: usize) -> bool {
    let before = start.addr() % UNIT;
    let whole = (before + bytes).next_multiple_of(UNIT);
    let unit = start.wrapping_sub(before);
    errno::kept(|| {
        // Relaxed, here and below: a count.
        let gap = gap_before(unit);
        if gap != 0 && ISLANDS.load(Ordering::Relaxed) < ISLANDS_MAX {
            ISLANDS.fetch_add(1, Ordering::Relaxed);
        } else if gap != 0 && give_access(unit.wrapping_sub(gap), whole + gap) {
            prefer_huge_pages(unit.wrapping_sub(gap), whole + gap);
            return true;
        }
        if give_access(unit, whole) {
            prefer_huge_pages(unit, whole);
            return true;
        }
        give_access(start, bytes) || map_over(start, bytes)
    })
}

/// Of memory that became accessible, if all of it may be in huge pages. Changes `errno`.
fn prefer_huge_pages(start: *mut u8, bytes: usize) {
    if huge::is_always() {
        huge::advise(start, bytes, true);
    }
}

/// So many times, access is given to units that lie behind a gap of units that nobody uses. After
/// that, the gap gets it too: two mappings less each time, and no memory before it is touched.
const ISLANDS_MAX: usize = 4096;

static ISLANDS: AtomicUsize = AtomicUsize::new(0);

/// Bytes of the units in front of this one that nobody uses, if they are not many.
fn gap_before(start: *mut u8) -> usize {
    const MOST: usize = 64;
    let Some(range) = Range::<Native>::get() else { return 0 };
    let unit = start.addr().wrapping_sub(range.base()) / UNIT;
    if unit >= range.extent() {
        return 0;
    }
    let before = (unit.saturating_sub(MOST)..unit).rev();
    // All of them have to be ours.
    let free = before
        .take_while(|&unit| {
            inspect::is_obtained(range, unit as u32) && !inspect::is_in_use(range, unit as u32)
        })
        .count();
    if free < MOST.min(unit) { free * UNIT } else { 0 }
}

fn give_access(start: *mut u8, bytes: usize) -> bool {
    // SAFETY: [memory 1, memory 4] the range lies in mappings of ours, and becomes accessible.
    let done = unsafe { libc::mprotect(start.cast(), bytes, PROT_READ | PROT_WRITE) == 0 };
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if done {
        // SAFETY: [memory 1, memory 4] advice about a mapping of ours. Refusal is fine.
        unsafe { libc::madvise(start.cast(), bytes, libc::MADV_DODUMP) };
    }
    done
}

/// Advises against huge pages, and to leave a range out of core files until it is accessible: the
/// system does so anyway, debuggers that write one ask for the advice.
fn leave_alone(start: *mut u8, bytes: usize) {
    huge::advise(start, bytes, false);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: [memory 1, memory 4] advice about a mapping of ours. Refusal is fine.
    unsafe {
        libc::madvise(start.cast(), bytes, libc::MADV_DONTDUMP);
    }
}

/// Gives access by another call, where a sandbox forbids that one: fresh pages are mapped over the
/// range, which has none yet.
fn map_over(start: *mut u8, bytes: usize) -> bool {
    // SAFETY: [errno 1] the running thread's own word.
    if unsafe { *errno::location() } == libc::ENOMEM {
        return false;
    }
    let fixed = MAP_RESERVED | libc::MAP_FIXED;
    // SAFETY: [memory 1, memory 3] the range is the caller's, and has no contents yet.
    unsafe { libc::mmap(start.cast(), bytes, PROT_READ | PROT_WRITE, fixed, -1, 0) != MAP_FAILED }
}

/// See [`hak_core::Platform::decommit`], and this module's documentation for the choice of call.
pub(crate) fn decommit(start: *mut u8, bytes: usize) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return errno::kept(|| {
        #[cfg(target_os = "linux")]
        if relocation::replace(start, bytes) {
            return true;
        }
        bytes >= UNCOUNTED_MIN && map_reserved(start, bytes) || forget(start, bytes)
    });
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    // SAFETY: [memory 1, memory 3] the range is the caller's, who gives its contents up.
    return errno::kept(|| unsafe {
        let fixed = MAP_RESERVED | libc::MAP_FIXED;
        libc::mmap(start.cast(), bytes, PROT_NONE, fixed, -1, 0) != MAP_FAILED
    });
}

/// From so many bytes on, what goes back is made inaccessible: the system counts accessible memory,
/// touched or not, and may refuse others then. It costs two mappings.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNCOUNTED_MIN: usize = 64 << 20;

/// Maps fresh inaccessible pages over a range, up to the end of its last unit, which is the
/// caller's. Changes `errno`.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn map_reserved(start: *mut u8, bytes: usize) -> bool {
    let bytes = (start.addr() + bytes).next_multiple_of(UNIT) - start.addr();
    let fixed = MAP_RESERVED | libc::MAP_FIXED;
    // SAFETY: [memory 1, memory 3] the range is the caller's, who gives its contents up.
    let done = unsafe { libc::mmap(start.cast(), bytes, PROT_NONE, fixed, -1, 0) != MAP_FAILED };
    if done {
        leave_alone(start, bytes);
    }
    done
}

/// Makes the contents of a range zero, and gives its memory back if the system takes it. `false` if
/// there is none, so that there is nothing to clear by hand either. Changes `errno`.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn forget(start: *mut u8, bytes: usize) -> bool {
    // Since Linux 5.18; what the C library calls `MADV_DONTNEED_LOCKED`.
    const DONTNEED_LOCKED: c_int = 24;
    // The program may have asked for huge pages in its block. Whoever is next has not.
    huge::advise(start, bytes, huge::is_always());
    for advice in [libc::MADV_DONTNEED, DONTNEED_LOCKED] {
        // SAFETY: [memory 1] the range is the caller's, who gives its contents up.
        if unsafe { libc::madvise(start.cast(), bytes, advice) } == 0 {
            return true;
        }
        // SAFETY: [errno 1] the running thread's own word.
        if unsafe { *errno::location() } == libc::ENOMEM {
            return false;
        }
    }
    // SAFETY: [memory 1, memory 5] the range is the caller's, who gives its contents up, and is
    // accessible since it was committed.
    unsafe { clear(start, bytes) };
    true
}

/// Clears a range by hand, and writes only to pages that are not zero: a page that was never
/// touched has no memory, and looking at it gives it none.
///
/// # Safety
/// The range is committed, consists of whole pages, and the caller gives its contents up.
#[cfg(any(target_os = "linux", target_os = "android"))]
unsafe fn clear(start: *mut u8, bytes: usize) {
    for offset in (0..bytes).step_by(PAGE) {
        let page = start.wrapping_add(offset);
        // SAFETY: [contract] the page is accessible, aligned, and nobody else's.
        let words = unsafe { core::slice::from_raw_parts_mut(page.cast::<u64>(), PAGE / 8) };
        if words.iter().any(|&word| word != 0) {
            words.fill(0);
        }
    }
}

/// See [`hak_core::Platform::reset`]. Where [`decommit`] leaves pages accessible it does just this:
/// that is so up to a unit, and nobody resets more.
pub(crate) fn reset(start: *mut u8, bytes: usize) -> bool {
    debug_assert!(bytes <= UNIT);
    let returned = decommit(start, bytes);
    if cfg!(any(target_os = "linux", target_os = "android")) {
        returned
    } else {
        returned && errno::kept(|| give_access(start, bytes))
    }
}

/// See [`hak_core::Platform::now`]: a coarse clock where there is one, which costs no system call.
pub(crate) fn now() -> u32 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: [lib 1] a place for the result.
    errno::kept(|| unsafe { libc::clock_gettime(CLOCK, &mut time) });
    (time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000) as u32
}

/// Resident bytes of the process, where the system says them without an allocation; otherwise 0.
pub(crate) fn resident_bytes() -> usize {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return errno::kept(|| {
        let mut text = [0_u8; 128];
        // SAFETY: [lib 1] a C string, and a buffer of the length that is given.
        let length = unsafe {
            let file = libc::open(c"/proc/self/statm".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
            if file < 0 {
                return 0;
            }
            let length = libc::read(file, text.as_mut_ptr().cast(), text.len());
            libc::close(file);
            length
        };
        let text = &text[..usize::try_from(length).unwrap_or(0)];
        let pages = text
            .split(|&byte| byte == b' ')
            .nth(1)
            .and_then(|word| core::str::from_utf8(word).ok()?.parse::<usize>().ok());
        // SAFETY: [lib 1] it has no precondition.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        pages.unwrap_or(0) * usize::try_from(page).unwrap_or(0)
    });
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    0
}

/// See [`hak_core::Platform::release`]. Only a range that grows is given back, before it has grown:
/// what was reserved whole stays, addresses that nobody needs.
pub(crate) fn release(start: *mut u8, bytes: usize) {
    errno::kept(|| unmap(start, bytes.next_multiple_of(UNIT)));
}

/// Unmaps a range of our own; an empty one is fine.
///
/// If the system refuses (a process may run out of mappings when one is cut in two) the addresses
/// are lost, which wastes nothing but addresses: whoever calls this for memory that was in use has
/// decommitted it or does not mind.
fn unmap(start: *mut u8, bytes: usize) {
    if bytes != 0 {
        // SAFETY: [memory 1] the range lies in a mapping of ours, and the caller gives it up.
        unsafe { libc::munmap(start.cast(), bytes) };
    }
}

#[cfg(test)]
mod tests {
    use hak_core::Extension;

    use super::{PAGE, UNIT, commit, decommit, ensure, extend, release, reserve};

    /// How many mappings this process has.
    fn mappings() -> usize {
        std::fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count())
    }

    #[test]
    fn a_reserved_range_is_aligned_as_asked() {
        for shift in PAGE.trailing_zeros()..31 {
            let align = 1 << shift;
            let start = reserve(3 * PAGE, align, 0);
            assert!(!start.is_null());
            assert!(start.addr().is_multiple_of(align), "{start:p} at {align:#x}");
            release(start, 3 * PAGE);
        }
    }

    #[test]
    fn trimming_leaves_nothing_behind() {
        let before = mappings();
        for _ in 0..1000 {
            let start = reserve(PAGE, 1 << 26, 0);
            assert!(!start.is_null());
            release(start, PAGE);
        }
        assert!(mappings() < before + 100);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_only_reserved_is_left_out_of_core_files_and_does_not_count() {
        let start = reserve(4 * UNIT, UNIT, 0);
        assert!(commit(start, UNIT));
        let smaps = std::fs::read_to_string("/proc/self/smaps").expect("a list of mappings");
        let flags_of = |address: usize| {
            let mut inside = false;
            for line in smaps.lines() {
                let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
                let ends = range.map(|(from, to)| {
                    (usize::from_str_radix(from, 16), usize::from_str_radix(to, 16))
                });
                if let Some((Ok(from), Ok(to))) = ends {
                    inside = (from..to).contains(&address);
                } else if inside && let Some(flags) = line.strip_prefix("VmFlags:") {
                    return flags
                        .split(' ')
                        .map(std::string::String::from)
                        .collect::<std::vec::Vec<_>>();
                }
            }
            panic!("no mapping at {address:#x}");
        };
        // Written, counted, and left out of core files.
        let has = |address: usize, flag: &str| flags_of(address).iter().any(|one| one == flag);
        let (used, reserved) = (start.addr(), start.addr() + UNIT);
        assert!(has(used, "wr") && has(used, "ac") && !has(used, "dd"));
        assert!(!has(reserved, "wr") && !has(reserved, "ac") && has(reserved, "dd"));
        release(start, 4 * UNIT);
    }

    #[test]
    fn a_range_grows_at_just_these_addresses_or_not_at_all() {
        let start = reserve(UNIT, UNIT, 4 * UNIT);
        if !super::AREA.contains(&start.addr()) {
            return std::eprintln!("not tested: ranges do not grow here");
        }
        let behind = start.wrapping_add(UNIT);
        assert_eq!(extend(behind, 2 * UNIT), Extension::Done);
        assert_eq!(extend(behind.wrapping_add(UNIT), 2 * UNIT), Extension::Taken);
        for byte in [1, 2] {
            // Again, and what is there stays.
            assert!(ensure(behind, UNIT + PAGE));
            let place = behind.wrapping_add(UNIT);
            // SAFETY: [memory 5] accessible, and nobody else knows of it.
            assert_eq!(unsafe { place.replace(byte) }, byte - 1);
        }
        release(start, 3 * UNIT);
    }

    #[test]
    fn committed_memory_is_zero_at_first_and_again_after_a_decommit() {
        let bytes = 64 * PAGE;
        let start = reserve(bytes, 1 << 21, 0);
        for round in 1..4 {
            assert!(commit(start, bytes));
            // SAFETY: [memory 5] just committed, and nobody else knows of it.
            let words = unsafe { core::slice::from_raw_parts_mut(start, bytes) };
            assert!(words.iter().all(|&byte| byte == 0));
            words.fill(round);
            assert!(decommit(start, bytes));
        }
        release(start, bytes);
    }

    #[test]
    fn what_is_committed_in_pieces_is_one_mapping() {
        let bytes = 64 * UNIT;
        let start = reserve(bytes, UNIT, 0);
        let before = mappings();
        for unit in 0..64 {
            assert!(commit(start.wrapping_add(unit * UNIT), 5 * PAGE));
        }
        assert!(mappings() < before + 20);
        // SAFETY: [memory 5] a page that was committed, and nobody else knows of it.
        unsafe { start.wrapping_add(63 * UNIT + 4 * PAGE).write(1) };
        release(start, bytes);
    }

    #[test]
    fn a_decommit_of_a_part_leaves_the_rest() {
        let bytes = 8 * PAGE;
        let start = reserve(bytes, PAGE, 0);
        assert!(commit(start, bytes));
        // SAFETY: [memory 5] just committed, and nobody else knows of it.
        unsafe { start.write_bytes(7, bytes) };
        let middle = start.wrapping_add(2 * PAGE);
        assert!(decommit(middle, PAGE));
        assert!(commit(middle, PAGE));
        for page in 0..8 {
            // SAFETY: [memory 5] committed, the middle again.
            let byte = unsafe { *start.wrapping_add(page * PAGE) };
            assert_eq!(byte, if page == 2 { 0 } else { 7 });
        }
        release(start, bytes);
    }

    #[test]
    fn what_the_system_refuses_is_reported_and_leaves_errno_alone() {
        let errno = || std::io::Error::last_os_error().raw_os_error();
        let before = errno();
        assert!(reserve(isize::MAX as usize & !(PAGE - 1), PAGE, 0).is_null());
        assert!(reserve(usize::MAX & !(PAGE - 1), 1 << 30, 0).is_null());
        let start = reserve(PAGE, PAGE, 0);
        release(start, PAGE);
        // The top of the address space belongs to the system on every machine.
        let nowhere = core::ptr::without_provenance_mut(usize::MAX & !(PAGE - 1));
        assert!(!commit(nowhere, PAGE));
        // Not quite there: an end at address zero would be a mistake of another kind.
        assert!(!decommit(core::ptr::without_provenance_mut(1 << 63), PAGE));
        assert_eq!(errno(), before);
    }
}
