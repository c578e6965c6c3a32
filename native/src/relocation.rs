//! Moving pages: a large block grows to another place, and its contents are not touched.
//!
//! On Linux since 5.7, `mremap` with `MREMAP_DONTUNMAP` hands the pages of one range to another
//! one, in time that does not depend on what they hold, and leaves the old range mapped, reading as
//! zero: there is no hole that another thread's `mmap` could get. (Only a call that fails for want
//! of kernel memory may leave one, at the target; it is closed at once.) Other systems refuse, and
//! the core copies.
//!
//! # What it costs
//!
//! The system remembers of touched pages at which offset they were mapped first. What was moved is
//! therefore a *mapping* (a line of `/proc/self/maps`) of its own that never merges with its
//! neighbours, and a process may have 65,530 of them. Three things keep their number small:
//!
//! - A moved range that is given back, or moved on, gets fresh pages mapped over it ([`replace`]),
//!   which merge with what lies around them. For that, [`MOVED`] has a mark for each unit.
//! - At most [`MAPPINGS_MAX`] such mappings exist at a time, and a block has at most
//!   [`PIECES_MAX`]: what is more is copied, and is one mapping again.
//! - Small blocks are copied anyway (`Geometry::relocate_min`).
//!
//! # Why pieces
//!
//! `mremap` moves a range only if it lies in one mapping; across a border it fails, on most systems
//! *behind* the point at which the target was unmapped. So nothing is moved whose borders are not
//! known: [`extent`] asks the system first. A block that has grown by moving before consists of
//! what was moved then and what came fresh behind it.
//!
//! Invariants:
//! 1. The marks of a unit are changed only by whoever holds the unit, or a slab in it.
//! 2. A mark too many costs a slower call; a mark that lacks costs a mapping that does not merge.
//!    No correctness depends on them.
//! 3. The two ranges of a move are the caller's, apart, and lie in mappings of ours. The target was
//!    committed, and stays mapped when a move fails: what the system has unmapped by then is mapped
//!    again at once. (It unmaps first only where it has no memory for its own tables then. That may
//!    be lacking for the second call too, or another thread's `mmap` be faster: a gap that is
//!    known, and that nobody has seen.)
//! 4. What [`make_marks`] mapped stays mapped once it is in [`MOVED`].

use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering};

use hak_core::Platform;
use libc::{
    MAP_FAILED, MAP_FIXED, MAP_FIXED_NOREPLACE, MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE,
    PROT_READ, PROT_WRITE, c_int,
};

use crate::huge;
use crate::memory::{MAP_RESERVED, commit, forget};
use crate::{Native, errno};

const PAGE: usize = Native::GEOMETRY.page_size;
const UNIT: usize = Native::GEOMETRY.unit_size();
const UNITS: usize = Native::GEOMETRY.units_max;

/// The most mappings that moved pages may take, out of some 65,530 for the whole process.
const MAPPINGS_MAX: usize = 4096;

/// The most mappings that one block is moved in.
const PIECES_MAX: usize = 8;

/// For each unit of the range, which has at most so many, by address: 0, or one more than the
/// number of moved mappings that begin in it, if there are moved pages in it. Mapped when the first
/// block moves; of zeroed memory a page is touched per 8 GiB.
static MOVED: AtomicPtr<AtomicU8> = AtomicPtr::new(ptr::null_mut());

/// Where the address space ends, or above that, less a page.
const TOP: usize = (1 << if cfg!(target_arch = "x86_64") { 47 } else { 48 }) - PAGE;

/// How many moved mappings there are.
static MAPPINGS: AtomicUsize = AtomicUsize::new(0);

/// The system has said that it cannot move pages so.
static ABSENT: AtomicBool = AtomicBool::new(false);

/// The marks, if a block has moved.
fn marks() -> &'static [AtomicU8] {
    // Acquire: pairs with `make_marks`.
    let marks = MOVED.load(Ordering::Acquire);
    if marks.is_null() {
        return &[];
    }
    // SAFETY: [relocation 4] `make_marks` mapped that many zeroed bytes.
    unsafe { slice::from_raw_parts(marks, UNITS) }
}

/// Maps memory for the marks, if there is none; whether there is some. Changes `errno`.
fn make_marks() -> bool {
    if !marks().is_empty() {
        return true;
    }
    let flags = MAP_RESERVED | libc::MAP_NORESERVE;
    // SAFETY: [memory 2] a new mapping at an address of the system's choice.
    let new = unsafe { libc::mmap(ptr::null_mut(), UNITS, PROT_READ | PROT_WRITE, flags, -1, 0) };
    if new == MAP_FAILED {
        return false;
    }
    // Release: pairs with `marks`.
    let made =
        MOVED.compare_exchange(ptr::null_mut(), new.cast(), Ordering::Release, Ordering::Relaxed);
    if made.is_err() {
        // SAFETY: [relocation 4] mapped above, and not in `MOVED`: no thread but this one knows it.
        unsafe { libc::munmap(new, UNITS) };
    }
    true
}

/// The units that a range has bytes in; none if nothing has moved yet.
fn units(start: *mut u8, bytes: usize) -> impl Iterator<Item = &'static AtomicU8> {
    let marks = marks();
    let first = start.addr() / UNIT;
    let last = (start.addr() + bytes - 1) / UNIT;
    (first..=last).filter_map(|unit| marks.get(unit % UNITS))
}

/// See [`hak_core::Platform::relocate`].
pub(crate) fn relocate(from: *mut u8, old_bytes: usize, to: *mut u8, new_bytes: usize) -> bool {
    // Relaxed, here and below: a hint, a count, and marks that their units' holder alone changes.
    if ABSENT.load(Ordering::Relaxed) {
        return false;
    }
    errno::kept(|| {
        let Some((pieces, count)) = pieces(from, old_bytes) else { return false };
        if MAPPINGS.load(Ordering::Relaxed) + count > MAPPINGS_MAX
            || !make_marks()
            || !commit(to, new_bytes)
        {
            return false;
        }
        let mut done = 0;
        for &piece in &pieces[..count] {
            let (from, to) = (from.wrapping_add(done), to.wrapping_add(done));
            if !move_piece(from, to, piece) {
                if done == 0 {
                    return false;
                }
                // There is no way back that could not fail as well: the rest is copied.
                // SAFETY: [relocation 3] both ranges are the caller's, accessible and apart;
                // `move_piece` has left them so.
                unsafe { ptr::copy_nonoverlapping(from, to, old_bytes - done) };
                break;
            }
            note(to, piece);
            done += piece;
        }
        if !replace(from, old_bytes) && done < old_bytes {
            // What was copied is still here, also where the system does not take it back.
            forget(from, old_bytes);
        }
        true
    })
}

/// The mappings that a range consists of, by length; `None` if they are too many.
fn pieces(start: *mut u8, bytes: usize) -> Option<([usize; PIECES_MAX], usize)> {
    let mut pieces = [0; PIECES_MAX];
    let mut done = 0;
    for (count, piece) in pieces.iter_mut().enumerate() {
        *piece = extent(start.wrapping_add(done), bytes - done);
        done += *piece;
        if *piece == 0 {
            return None;
        }
        if done == bytes {
            return Some((pieces, count + 1));
        }
    }
    None
}

/// How much of a range lies in the same mapping as its beginning; 0 if the system does not say.
fn extent(start: *mut u8, bytes: usize) -> usize {
    if is_one_mapping(start, bytes) {
        return bytes;
    }
    let (mut within, mut beyond) = (0, bytes / PAGE);
    while beyond - within > 1 {
        let middle = within + (beyond - within) / 2;
        if is_one_mapping(start, middle * PAGE) { within = middle } else { beyond = middle }
    }
    within * PAGE
}

/// Whether a range lies in one mapping; `false` too if the system does not say.
///
/// It is asked to grow where it is up to the end of the address space. That fails in any case: the
/// stack lies in between. But first the system looks for borders.
fn is_one_mapping(start: *mut u8, bytes: usize) -> bool {
    // SAFETY: [memory 1] the call fails and changes nothing, see above.
    let answer = unsafe { libc::mremap(start.cast(), bytes, TOP - start.addr(), 0) };
    debug_assert_eq!(answer, MAP_FAILED);
    match last_error() {
        // No place, or no right to lock as much as that.
        libc::ENOMEM | libc::EAGAIN => true,
        libc::EFAULT => false,
        _ => {
            ABSENT.store(true, Ordering::Relaxed);
            false
        }
    }
}

/// Moves a range that lies in one mapping; the target is accessible. `false` if the system refuses:
/// both are then as they were.
fn move_piece(from: *mut u8, to: *mut u8, bytes: usize) -> bool {
    let flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
    // SAFETY: [relocation 3] both ranges are the caller's. The old one stays mapped.
    let moved =
        unsafe { libc::mremap(from.cast(), bytes, bytes, flags, to.cast::<libc::c_void>()) };
    if moved != MAP_FAILED {
        return true;
    }
    if matches!(last_error(), libc::EINVAL | libc::ENOSYS | libc::EPERM) {
        // An older system, which looks at the flags before anything else, or a filter in front of
        // it.
        ABSENT.store(true, Ordering::Relaxed);
        return false;
    }
    // Out of kernel memory, or a limit was lowered below what is in use: the target may have been
    // unmapped before that was noticed. It is mapped again at once, unless it is there.
    map_fresh(to, bytes, MAP_FIXED_NOREPLACE);
    false
}

/// Remembers that a moved mapping lies there.
fn note(start: *mut u8, bytes: usize) {
    MAPPINGS.fetch_add(1, Ordering::Relaxed);
    for (place, mark) in units(start, bytes).enumerate() {
        let seen = mark.load(Ordering::Relaxed);
        let begun = u8::from(place == 0);
        mark.store(seen.max(1).saturating_add(begun), Ordering::Relaxed);
    }
}

/// If there are moved pages in a range, maps fresh ones over all of it, so that it merges with its
/// neighbours again; its contents are gone then. `false` if there are none, or if the system
/// refuses. Changes `errno`.
pub(crate) fn replace(start: *mut u8, bytes: usize) -> bool {
    if MAPPINGS.load(Ordering::Relaxed) == 0
        || units(start, bytes).all(|mark| mark.load(Ordering::Relaxed) == 0)
        || !map_fresh(start, bytes, MAP_FIXED)
    {
        return false;
    }
    // What begins in front of the range, in its first unit, stays.
    let skipped = usize::from(!start.addr().is_multiple_of(UNIT));
    for mark in units(start, bytes).skip(skipped) {
        let begun = mark.swap(0, Ordering::Relaxed).saturating_sub(1);
        MAPPINGS.fetch_sub(begun.into(), Ordering::Relaxed);
    }
    true
}

/// Maps accessible zeroed pages, like those around them.
fn map_fresh(start: *mut u8, bytes: usize, fixed: c_int) -> bool {
    // SAFETY: [memory 1, memory 2, memory 3] the range is the caller's, who gives its contents up;
    // or nothing is replaced.
    let fresh = unsafe {
        libc::mmap(start.cast(), bytes, PROT_READ | PROT_WRITE, MAP_RESERVED | fixed, -1, 0)
    };
    if fresh == MAP_FAILED {
        return false;
    }
    huge::advise(start, bytes, huge::is_always());
    true
}

fn last_error() -> c_int {
    // SAFETY: [errno 1] the running thread's own word.
    unsafe { *errno::location() }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, MutexGuard};
    use std::vec;

    use super::*;
    use crate::memory::{decommit, release, reserve};

    /// The tests count the mappings of the process, and the moved ones, which are all tests'.
    fn alone() -> MutexGuard<'static, ()> {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        assert_eq!(moved(), 0);
        turn
    }

    fn moved() -> usize {
        MAPPINGS.load(Ordering::Relaxed)
    }

    /// So many units, of which the first ones are accessible.
    fn units_of(count: usize, accessible: usize) -> *mut u8 {
        let start = reserve(count * UNIT, UNIT, 0);
        assert!(!start.is_null() && (accessible == 0 || commit(start, accessible * UNIT)));
        start
    }

    /// Writes to the first and last byte of each page of a range of our own.
    fn sign(start: *mut u8, bytes: usize, tag: u64) {
        for page in (0..bytes).step_by(PAGE) {
            let first = start.wrapping_add(page).cast::<u64>();
            let last = start.wrapping_add(page + PAGE - 8).cast::<u64>();
            // SAFETY: [memory 5] accessible, aligned, and ours alone.
            unsafe {
                first.write(tag ^ page as u64);
                last.write(!tag ^ page as u64);
            }
        }
    }

    fn is_signed(start: *mut u8, bytes: usize, tag: u64) -> bool {
        (0..bytes).step_by(PAGE).all(|page| {
            let first = start.wrapping_add(page).cast::<u64>();
            let last = start.wrapping_add(page + PAGE - 8).cast::<u64>();
            // SAFETY: [memory 5] accessible, aligned, and ours alone.
            unsafe { first.read() == tag ^ page as u64 && last.read() == !tag ^ page as u64 }
        })
    }

    fn is_zero(start: *mut u8, bytes: usize) -> bool {
        // SAFETY: [memory 5] accessible, initialised by the system, and ours alone.
        unsafe { std::slice::from_raw_parts(start, bytes) }.iter().all(|&byte| byte == 0)
    }

    #[test]
    fn contents_move_and_the_old_range_reads_as_zero() {
        let _turn = alone();
        let bytes = 2 * UNIT + 5 * PAGE;
        let (from, to) = (units_of(3, 3), units_of(6, 0));
        sign(from, bytes, 1);
        let before = std::io::Error::last_os_error().raw_os_error();
        assert!(relocate(from, bytes, to, 5 * UNIT));
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), before);
        assert!(is_signed(to, bytes, 1));
        assert!(is_zero(to.wrapping_add(bytes), 5 * UNIT - bytes));
        assert!(is_zero(from, 3 * UNIT));
        assert_eq!(moved(), 1);
        assert!(decommit(to, 5 * UNIT));
        assert!(is_zero(to, 5 * UNIT));
        assert_eq!(moved(), 0);
        release(from, 3 * UNIT);
        release(to, 6 * UNIT);
    }

    #[test]
    fn what_has_moved_before_moves_on_in_pieces() {
        let _turn = alone();
        let (mut from, mut bytes) = (units_of(1, 1), UNIT - PAGE);
        let mut left = vec![(from, 1)];
        sign(from, bytes, 9);
        for round in 1..PIECES_MAX {
            let count = 2 * round + 1;
            let to = units_of(count, 0);
            left.push((to, count));
            let longer = count * UNIT - PAGE * round;
            assert!(relocate(from, bytes, to, longer));
            assert_eq!(
                (pieces(to, longer).map(|(_, count)| count), moved()),
                (Some(round + 1), round)
            );
            assert!(is_signed(to, bytes, 9) && is_zero(to.wrapping_add(bytes), longer - bytes));
            assert!(is_zero(from, bytes));
            sign(to, longer, 9);
            (from, bytes) = (to, longer);
        }
        let to = units_of(20, 0);
        assert!(relocate(from, bytes, to, 20 * UNIT), "eight pieces");
        assert_eq!(moved(), PIECES_MAX);
        let further = units_of(21, 0);
        assert!(!relocate(to, 20 * UNIT, further, 21 * UNIT), "nine are copied");
        assert!(is_signed(to, bytes, 9) && is_zero(to.wrapping_add(bytes), 20 * UNIT - bytes));
        // Given back from the middle of a piece on, as when a block shrinks, and then whole.
        assert!(decommit(to.wrapping_add(5 * PAGE), 20 * UNIT - 5 * PAGE));
        assert!(is_signed(to, 5 * PAGE, 9) && is_zero(to.wrapping_add(5 * PAGE), UNIT));
        assert!(decommit(to, 5 * PAGE));
        assert_eq!(moved(), 0);
        left.extend([(to, 20), (further, 21)]);
        left.into_iter().for_each(|(start, units)| release(start, units * UNIT));
    }

    #[test]
    fn what_the_system_refuses_leaves_contents_and_errno_alone() {
        let _turn = alone();
        let from = units_of(2, 2);
        sign(from, 2 * UNIT, 5);
        // The top of the address space belongs to the system on every machine.
        let nowhere = ptr::without_provenance_mut(usize::MAX & !(4 * UNIT - 1));
        let before = std::io::Error::last_os_error().raw_os_error();
        assert!(!relocate(from, 2 * UNIT, nowhere, 3 * UNIT));
        let nothing = units_of(2, 0);
        release(nothing, 2 * UNIT);
        assert!(!relocate(nothing, UNIT, from, 2 * UNIT), "there is no mapping");
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), before);
        assert!(is_signed(from, 2 * UNIT, 5));
        assert_eq!((moved(), ABSENT.load(Ordering::Relaxed)), (0, false));
        release(from, 2 * UNIT);
    }

    #[test]
    fn a_hole_that_a_failed_move_left_is_closed_and_nothing_else_is_replaced() {
        let _turn = alone();
        let (from, to) = (units_of(2, 2), units_of(3, 3));
        sign(from, 2 * UNIT, 3);
        sign(to, 3 * UNIT, 4);
        // Across a border, which `relocate` never does: the system may unmap the target before it
        // sees that.
        let (middle, behind) = (from.wrapping_add(UNIT), to.wrapping_add(UNIT));
        // SAFETY: [memory 1] a unit of our own.
        assert_eq!(unsafe { libc::mprotect(middle.cast(), UNIT, libc::PROT_READ) }, 0);
        if !move_piece(from, behind, 2 * UNIT) {
            assert!(is_signed(from, 2 * UNIT, 3));
            let words = [behind, behind.wrapping_add(2 * UNIT - 8)];
            // SAFETY: [relocation 3] mapped again, or as it was.
            assert!(words.iter().all(|word| unsafe { word.cast::<u64>().read() } < u64::MAX));
        }
        assert!(is_signed(to, UNIT, 4));
        release(from, 2 * UNIT);
        release(to, 3 * UNIT);
    }

    #[test]
    fn what_is_given_back_merges_again() {
        let _turn = alone();
        let lines =
            || std::fs::read_to_string("/proc/self/maps").map_or(0, |text| text.lines().count());
        let range = units_of(64, 64);
        sign(range, 64 * UNIT, 1);
        let before = lines();
        for round in 0..1_000 {
            let (from, to) = (round % 31, 32 + round % 29);
            let (from, to) = (range.wrapping_add(from * UNIT), range.wrapping_add(to * UNIT));
            assert!(decommit(to, 2 * UNIT));
            sign(from, UNIT, round as u64);
            assert!(relocate(from, UNIT, to, 2 * UNIT));
            assert!(is_signed(to, UNIT, round as u64));
            sign(to, 2 * UNIT, 7);
            if round % 3 != 0 {
                assert!(decommit(to, 2 * UNIT));
            }
        }
        let during = lines();
        assert!(decommit(range, 64 * UNIT));
        assert_eq!(moved(), 0);
        assert!(during < before + 2 * 32 + 20, "{before} mappings became {during}");
        assert!(lines() < before + 20, "{before} mappings became {during} and then {}", lines());
        release(range, 64 * UNIT);
    }
}
