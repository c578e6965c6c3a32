//! The unit map: which units of the range are free, one bit each, and which ones there are.
//!
//! Lock-free: neighbouring units are claimed word by word with compare-and-swap, from the left, and
//! given back if a later word is lost to somebody else. Nothing is ever waited for. A unit that was
//! not obtained from the system yet is not free.
//!
//! Invariants:
//! 1. Whoever cleared a unit's bit alone decides about the unit until it sets the bit.
//! 2. A unit whose bit is set has no memory, unless its descriptor says so
//!    ([`SuperSlab::leftover`]).
//!
//! [`SuperSlab::leftover`]: crate::tables::superslab::SuperSlab::leftover

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::range::Range;
use crate::range::growth;
use crate::tables::root::root;

/// Claims `count` neighbouring units, the first one's address a multiple of `align` units. If there
/// are none, the range grows. `None` if it cannot. Several units are not obtained from the last
/// part of the range ([`end_for`]).
pub(crate) fn claim<P: Platform>(range: Range<P>, count: usize, align: usize) -> Option<u32> {
    debug_assert!(align.is_power_of_two());
    if count == 0 || count > range.units() {
        return None;
    }
    loop {
        // Read before the search: what others add behind it is searched the next time.
        let extent = range.extent();
        let found = search(range, count, align, extent);
        if found.is_some() || !growth::grow(range, count, align, extent) {
            return found;
        }
    }
}

/// Where the search for `count` units ends at last. A sixteenth of the range is for single units,
/// so that small blocks can be obtained when large ones have taken all the rest.
pub(crate) fn end_for<P: Platform>(range: Range<P>, count: usize) -> usize {
    if count == 1 { range.units() } else { range.units() - range.units() / 16 }
}

/// Searches the units below `extent`.
fn search<P: Platform>(range: Range<P>, count: usize, align: usize, extent: usize) -> Option<u32> {
    // Relaxed: a hint.
    let hint = root::<P>().unit_hint.load(Ordering::Relaxed) * 64;
    let end = extent.min(end_for(range, count));
    let first = claim_in(range, count, align, hint, end);
    first.or_else(|| claim_in(range, count, align, 0, end.min(hint + count)))
}

/// The first unit from `from` on whose address is a multiple of `align` units.
pub(crate) fn next_place<P: Platform>(range: Range<P>, from: usize, align: usize) -> usize {
    debug_assert!(align.is_power_of_two());
    let before = (range.base() >> P::GEOMETRY.unit_shift()) & (align - 1);
    (from + before).next_multiple_of(align) - before
}

fn claim_in<P: Platform>(
    range: Range<P>,
    count: usize,
    align: usize,
    from: usize,
    to: usize,
) -> Option<u32> {
    debug_assert!(count >= 1 && to <= range.units());
    let mut first = next_place(range, from, align);
    while first + count <= to {
        match claim_run(range, first, count) {
            Ok(()) => {
                if count == 1 {
                    // Relaxed: a hint.
                    root::<P>().unit_hint.store(first / 64, Ordering::Relaxed);
                }
                return Some(first as u32);
            }
            Err(taken) => first = next_place(range, taken + 1, align),
        }
    }
    None
}

/// Claims just the units `first..first + count`, if they are there and free.
pub(crate) fn claim_at<P: Platform>(range: Range<P>, first: u32, count: usize) -> bool {
    let end = first as usize + count;
    end <= range.extent().min(end_for(range, usize::MAX))
        && claim_run(range, first as usize, count).is_ok()
}

/// The units of a word of the map that somebody has, of those below the extent: of the others there
/// may be bits already.
pub(crate) fn claimed<P: Platform>(range: Range<P>, word: usize, extent: usize) -> u64 {
    debug_assert!(word * 64 < extent && extent <= range.units());
    let there = if extent - word * 64 < 64 { (1 << (extent % 64)) - 1 } else { u64::MAX };
    // Relaxed: a hint, and for messages.
    match there & !range.free_word(word).load(Ordering::Relaxed) {
        0 => 0,
        // Acquire: pairs with `add`: the descriptors of the units' slabs have memory.
        taken => taken & range.obtained_word(word).load(Ordering::Acquire),
    }
}

/// Whether somebody has the unit, which is below the extent.
pub(crate) fn is_claimed<P: Platform>(range: Range<P>, unit: u32) -> bool {
    claimed(range, unit as usize / 64, unit as usize + 1) >> (unit % 64) & 1 == 1
}

/// Claims the units `first..first + count`, or none of them: then a unit that was taken, the last
/// one of a row.
fn claim_run<P: Platform>(range: Range<P>, first: usize, count: usize) -> Result<(), usize> {
    debug_assert!(count >= 1 && first + count <= range.units());
    let mut unit = first;
    while unit < first + count {
        let (word, mask) = part(unit, first + count);
        let map = range.free_word(word);
        let mut seen = map.load(Ordering::Relaxed);
        loop {
            if seen & mask != mask {
                P::skipped(Fault::RollbackForgotten, || {
                    release(range, first as u32, unit - first);
                });
                return Err(last_of_row(word, !seen, mask));
            }
            // Acquire: pairs with `release`, and with `add`: what the last holder did to the units
            // is done.
            let left = seen & !mask;
            match map.compare_exchange_weak(seen, left, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        unit += mask.count_ones() as usize;
    }
    Ok(())
}

/// Gives the units `first..first + count` back.
pub(crate) fn release<P: Platform>(range: Range<P>, first: u32, count: usize) {
    let end = first as usize + count;
    debug_assert!(end <= range.units());
    let mut unit = first as usize;
    while unit < end {
        let (word, mask) = part(unit, end);
        let map = range.free_word(word);
        P::replaced(
            Fault::MapUpdateLost,
            // Release: pairs with the claim: our use of the units is over.
            || map.fetch_or(mask, Ordering::Release),
            || {
                let seen = map.load(Ordering::Relaxed);
                map.store(seen | mask, Ordering::Release);
                seen
            },
        );
        unit += mask.count_ones() as usize;
    }
    // Relaxed: hints.
    let hint = &root::<P>().unit_hint;
    if hint.load(Ordering::Relaxed) > first as usize / 64 {
        hint.store(first as usize / 64, Ordering::Relaxed);
    }
}

/// Adds units that were just obtained from the system, and are free.
pub(crate) fn add<P: Platform>(range: Range<P>, first: u32, count: usize) {
    let end = first as usize + count;
    debug_assert!((first as usize) < end && end <= range.units());
    let mut unit = first as usize;
    while unit < end {
        let (word, mask) = part(unit, end);
        // Release: pairs with `claimed`: the descriptors of the units' slabs have memory.
        range.obtained_word(word).fetch_or(mask, Ordering::Release);
        unit += mask.count_ones() as usize;
    }
    release(range, first, count);
}

/// Shows claimed units to `visit`, cyclically from `start` on, until it finds something or has seen
/// `most` of them.
pub(crate) fn visit_claimed<P: Platform, T>(
    range: Range<P>,
    start: u32,
    most: u32,
    mut visit: impl FnMut(u32) -> Option<T>,
) -> Option<T> {
    let extent = range.extent();
    let words = extent.div_ceil(64);
    if words == 0 {
        return None;
    }
    let start = if start as usize / 64 < words { start } else { 0 };
    let mut left = most;
    // The first word is looked at twice: from `start` on, and at the end up to it.
    for round in 0..=words {
        let word = (start as usize / 64 + round) % words;
        let skipped = u64::MAX << (start % 64);
        let part = match round {
            0 => skipped,
            _ if round == words => !skipped,
            _ => u64::MAX,
        };
        // A hint; the visitor takes what it finds by an exchange.
        let mut claimed = claimed(range, word, extent) & part;
        while claimed != 0 {
            if left == 0 {
                return None;
            }
            left -= 1;
            let found = visit((word * 64) as u32 + claimed.trailing_zeros());
            if found.is_some() {
                return found;
            }
            claimed &= claimed - 1;
        }
    }
    None
}

/// The word of the map that holds `unit`, and the bits of `unit..end` in it.
const fn part(unit: usize, end: usize) -> (usize, u64) {
    debug_assert!(unit < end);
    let word = unit / 64;
    let low = unit % 64;
    let high = if end - word * 64 < 64 { end - word * 64 } else { 64 };
    let mask = (u64::MAX >> (64 - (high - low))) << low;
    (word, mask)
}

/// The last unit of the row of taken units that begins with the first one taken in `mask`.
const fn last_of_row(word: usize, seen: u64, mask: u64) -> usize {
    debug_assert!(seen & mask != 0);
    let first = (seen & mask).trailing_zeros();
    let row = (seen >> first).trailing_ones();
    word * 64 + (first + row) as usize - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_cut_at_word_borders() {
        assert_eq!(part(0, 64), (0, u64::MAX));
        assert_eq!(part(3, 5), (0, 0b11000));
        assert_eq!(part(62, 130), (0, 0b11 << 62));
        assert_eq!(part(64, 130), (1, u64::MAX));
        assert_eq!(part(128, 130), (2, 0b11));
    }

    #[test]
    fn the_search_goes_on_behind_a_row_of_taken_units() {
        assert_eq!(last_of_row(0, 0b0111_0100, 0b1111_0000), 6);
        assert_eq!(last_of_row(1, u64::MAX, u64::MAX), 127);
    }
}
