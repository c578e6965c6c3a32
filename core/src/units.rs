//! The unit map: which units of the range are in use, one bit each.
//!
//! Lock-free: a run of units is claimed word by word with compare-and-swap, from the left, and given back if a later
//! word is lost to somebody else. Nothing is ever waited for.
//!
//! Invariants:
//! 1. Whoever set a unit's bit alone decides about the unit until it clears the bit.
//! 2. A unit whose bit is clear has no memory, unless its descriptor says so ([`SuperSlab::leftover`]).
//!
//! [`SuperSlab::leftover`]: crate::superslab::SuperSlab::leftover

use crate::fault::Fault;
use crate::platform::{Atomic, Ordering, Platform};
use crate::range::{Range, root};

/// Claims `count` neighbouring units, the first one's number a multiple of `align`. `None` if there is no such run.
pub(crate) fn claim<P: Platform>(range: Range<P>, count: usize, align: usize) -> Option<u32> {
    if count == 0 || count > range.units() {
        return None;
    }
    // Relaxed: a hint.
    let hint = root::<P>().unit_hint.load(Ordering::Relaxed) * 64;
    let first = claim_in(range, count, align, hint, range.units());
    first.or_else(|| claim_in(range, count, align, 0, range.units().min(hint + count)))
}

fn claim_in<P: Platform>(
    range: Range<P>,
    count: usize,
    align: usize,
    from: usize,
    to: usize,
) -> Option<u32> {
    let mut first = from.next_multiple_of(align);
    while first + count <= to {
        match claim_run(range, first, count) {
            Ok(()) => {
                if count == 1 {
                    // Relaxed: a hint.
                    root::<P>().unit_hint.store(first / 64, Ordering::Relaxed);
                }
                return Some(first as u32);
            }
            Err(taken) => first = (taken + 1).next_multiple_of(align),
        }
    }
    None
}

/// Claims just the units `first..first + count`, if they lie in the range and are free.
pub(crate) fn claim_at<P: Platform>(range: Range<P>, first: u32, count: usize) -> bool {
    first as usize + count <= range.units() && claim_run(range, first as usize, count).is_ok()
}

/// Whether somebody has the unit.
pub(crate) fn is_claimed<P: Platform>(range: Range<P>, unit: u32) -> bool {
    // Relaxed: for messages.
    let word = range.map_word(unit as usize / 64).load(Ordering::Relaxed);
    word >> (unit % 64) & 1 == 1
}

/// Claims the units `first..first + count`, or none of them: then a unit that was taken, the last one of a row.
fn claim_run<P: Platform>(range: Range<P>, first: usize, count: usize) -> Result<(), usize> {
    let mut unit = first;
    while unit < first + count {
        let (word, mask) = part(unit, first + count);
        let map = range.map_word(word);
        let mut seen = map.load(Ordering::Relaxed);
        loop {
            if seen & mask != 0 {
                release(range, first as u32, unit - first);
                return Err(last_of_row(word, seen, mask));
            }
            // Acquire: pairs with `release`: what the last holder did to the units is done.
            match map.compare_exchange_weak(seen, seen | mask, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => {
                    note_used::<P>(word);
                    break;
                }
                Err(now) => seen = now,
            }
        }
        unit += mask.count_ones() as usize;
    }
    Ok(())
}

/// Remembers that this word of the map, and those in front of it, may have claimed units.
fn note_used<P: Platform>(word: usize) {
    // Relaxed: a bound for searches, that only grows.
    let words_used = &root::<P>().words_used;
    let mut seen = words_used.load(Ordering::Relaxed);
    while seen <= word {
        match words_used.compare_exchange_weak(seen, word + 1, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => return,
            Err(now) => seen = now,
        }
    }
}

/// Gives the units `first..first + count` back.
pub(crate) fn release<P: Platform>(range: Range<P>, first: u32, count: usize) {
    let end = first as usize + count;
    let mut unit = first as usize;
    while unit < end {
        let (word, mask) = part(unit, end);
        let map = range.map_word(word);
        if P::planted(Fault::MapUpdateLost) {
            map.store(map.load(Ordering::Relaxed) & !mask, Ordering::Release);
        } else {
            // Release: pairs with the claim: our use of the units is over.
            map.fetch_and(!mask, Ordering::Release);
        }
        unit += mask.count_ones() as usize;
    }
    // Relaxed: hints.
    let hint = &root::<P>().unit_hint;
    if hint.load(Ordering::Relaxed) > first as usize / 64 {
        hint.store(first as usize / 64, Ordering::Relaxed);
    }
}

/// Shows claimed units to `visit`, cyclically from `start` on, until it finds something or has seen `most` of them.
pub(crate) fn visit_claimed<P: Platform, T>(
    range: Range<P>,
    start: u32,
    most: u32,
    mut visit: impl FnMut(u32) -> Option<T>,
) -> Option<T> {
    let words = range.units().div_ceil(64).min(root::<P>().words_used.load(Ordering::Relaxed));
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
        // Relaxed: a hint; the visitor takes what it finds by an exchange.
        let mut claimed = range.map_word(word).load(Ordering::Relaxed) & part;
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
    let word = unit / 64;
    let low = unit % 64;
    let high = if end - word * 64 < 64 { end - word * 64 } else { 64 };
    let mask = (u64::MAX >> (64 - (high - low))) << low;
    (word, mask)
}

/// The last unit of the row of taken units that begins with the first one taken in `mask`.
const fn last_of_row(word: usize, seen: u64, mask: u64) -> usize {
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
