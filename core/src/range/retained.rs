//! Retained mappings: large blocks that were freed and whose memory is kept for the next one.
//!
//! A small table in the root. An entry is one word that says everything (first unit and number of
//! units), so that whoever exchanges it for nothing has the mapping: there is nothing to be
//! confused about if the same units come by twice.
//!
//! ```text
//! bit 63 ....... 32 | 31  | 30 ....... 0
//!     first unit + 1 | old | units
//! ```
//!
//! Kept are so many bytes (`Geometry::retained_bytes_max`), or a part of all committed ones if that
//! is more; see `kept` for what happens when more come.
//!
//! Invariant: who takes an entry out of the table alone decides about its units; their bits in the
//! unit map stay set meanwhile.

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::numbers::excess::Excess;
use crate::numbers::geometry::Geometry;
use crate::range::budget;
use crate::tables::root::root;

/// A mapping of whole units that was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) first: u32,
    pub(crate) count: u32,
}

/// Set in an entry that was there in the last round of decay already.
const OLD: u64 = 1 << 31;

/// Whether the entry was there in the last round of decay already.
pub(crate) const fn is_old(word: u64) -> bool {
    word & OLD != 0
}

impl Mapping {
    const fn word(self) -> u64 {
        debug_assert!(self.count >= 1 && (self.count as u64) < OLD);
        (self.first as u64 + 1) << 32 | self.count as u64
    }

    pub(crate) const fn of(word: u64) -> Option<Mapping> {
        match (word >> 32) as u32 {
            0 => None,
            next => Some(Mapping { first: next - 1, count: (word & !OLD) as u32 }),
        }
    }

    /// The unit behind it.
    pub(crate) const fn end(self) -> u32 {
        self.first + self.count
    }

    const fn bytes(self, geometry: &Geometry) -> usize {
        (self.count as usize) << geometry.unit_shift()
    }
}

/// Takes the shortest kept mapping of at least `count` units out of the table.
pub(crate) fn take<P: Platform>(count: u32) -> Option<Mapping> {
    take_first_by::<P>(|kept| kept.count.checked_sub(count))
}

/// Takes the longest kept mapping of less than `count` units out of the table, of those that are
/// `wanted`.
pub(crate) fn take_shorter<P: Platform>(
    count: u32,
    wanted: impl Fn(Mapping) -> bool,
) -> Option<Mapping> {
    take_first_by::<P>(|kept| {
        let lacks = count.checked_sub(kept.count).filter(|lacks| *lacks != 0);
        lacks.filter(|_| wanted(kept))
    })
}

/// Takes a kept mapping out of the table that ends where this one begins, or begins where it ends.
pub(crate) fn take_neighbour<P: Platform>(mapping: Mapping) -> Option<Mapping> {
    take_if::<P>(|kept, _| kept.end() == mapping.first || mapping.end() == kept.first)
}

/// Takes the kept mapping with the lowest rank out of the table, of those that have one. `None`
/// also if somebody else is faster.
fn take_first_by<P: Platform>(rank: impl Fn(Mapping) -> Option<u32>) -> Option<Mapping> {
    // Relaxed: a look; the exchange checks it again.
    if root::<P>().retained_bytes.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let entries = root::<P>().retained[..P::GEOMETRY.retained_max].iter();
    let kept = entries.filter_map(|entry| Mapping::of(entry.load(Ordering::Relaxed)));
    let ranked = kept.filter_map(|kept| Some((rank(kept)?, kept)));
    let (_, best) = ranked.min_by_key(|(rank, _)| *rank)?;
    take_if::<P>(|kept, _| kept == best)
}

/// Takes any kept mapping out of the table.
pub(crate) fn take_any<P: Platform>() -> Option<Mapping> {
    take_if::<P>(|_, _| true)
}

/// Takes a mapping out of the table that was there in the last round of decay already.
pub(crate) fn take_old<P: Platform>() -> Option<Mapping> {
    take_if::<P>(|_, word| is_old(word))
}

/// Marks what is in the table as old; whether there is something.
pub(crate) fn age<P: Platform>() -> bool {
    let mut some = false;
    // Relaxed: hints. The mark does not change what the entry says.
    if root::<P>().retained_bytes.load(Ordering::Relaxed) == 0 {
        return false;
    }
    for entry in &root::<P>().retained[..P::GEOMETRY.retained_max] {
        let word = entry.load(Ordering::Relaxed);
        if word != 0 {
            some = true;
            // A failure means that somebody took the mapping, and perhaps put another one there.
            let old = word | OLD;
            let _ = P::replaced(
                Fault::AgedWithoutExchange,
                || entry.compare_exchange(word, old, Ordering::Relaxed, Ordering::Relaxed),
                || {
                    entry.store(old, Ordering::Relaxed);
                    Ok(word)
                },
            );
        }
    }
    some
}

fn take_if<P: Platform>(fits: impl Fn(Mapping, u64) -> bool) -> Option<Mapping> {
    // Relaxed: hints; and counts.
    let bytes = &root::<P>().retained_bytes;
    if bytes.load(Ordering::Relaxed) == 0 {
        return None;
    }
    for entry in &root::<P>().retained[..P::GEOMETRY.retained_max] {
        let word = entry.load(Ordering::Relaxed);
        let Some(mapping) = Mapping::of(word).filter(|kept| fits(*kept, word)) else { continue };
        let taken = P::replaced(
            Fault::KeptWithoutExchange,
            // Acquire: pairs with `keep`: the last holder's use of the memory is over.
            || entry.compare_exchange(word, 0, Ordering::Acquire, Ordering::Relaxed).is_ok(),
            || {
                entry.store(0, Ordering::Relaxed);
                true
            },
        );
        if taken {
            P::skipped(Fault::KeptBytesNotLowered, || {
                bytes.fetch_sub(mapping.bytes(&P::GEOMETRY), Ordering::Relaxed);
            });
            return Some(mapping);
        }
    }
    None
}

/// Whether a mapping of so many units is worth keeping at all.
pub(crate) fn is_worth_it<P: Platform>(count: u32) -> bool {
    let bytes = (count as usize) << P::GEOMETRY.unit_shift();
    bytes <= (P::GEOMETRY.retained_bytes_max / 2).max(budget::committed::<P>() / 12)
}

/// By how much the table would hold too many bytes with so many units more.
pub(crate) fn excess<P: Platform>(count: u32) -> Excess {
    // Relaxed: a count.
    let kept = root::<P>().retained_bytes.load(Ordering::Relaxed);
    let bytes = kept + ((count as usize) << P::GEOMETRY.unit_shift());
    Excess::of(bytes, P::GEOMETRY.retained_bytes_max, budget::committed::<P>())
}

/// Puts a mapping into the table; `false` if there is no place.
pub(crate) fn keep<P: Platform>(mapping: Mapping) -> bool {
    put::<P>(mapping, mapping.word())
}

/// Puts a mapping back into the table that was there in the last round of decay already; `false` if
/// there is no place.
pub(crate) fn keep_old<P: Platform>(mapping: Mapping) -> bool {
    put::<P>(mapping, mapping.word() | OLD)
}

fn put<P: Platform>(mapping: Mapping, word: u64) -> bool {
    let bytes = &root::<P>().retained_bytes;
    // Relaxed: a count, raised first so that it is never below zero.
    bytes.fetch_add(mapping.bytes(&P::GEOMETRY), Ordering::Relaxed);
    for entry in &root::<P>().retained[..P::GEOMETRY.retained_max] {
        // Release: pairs with `take_if`: our use of the memory is over.
        if entry.load(Ordering::Relaxed) == 0
            && entry.compare_exchange(0, word, Ordering::Release, Ordering::Relaxed).is_ok()
        {
            return true;
        }
    }
    bytes.fetch_sub(mapping.bytes(&P::GEOMETRY), Ordering::Relaxed);
    false
}
