//! Leftovers: memory of units that the system did not take back. Whoever claims the units next
//! tries again.
//!
//! Invariant: a unit's word `leftover` is its holder's; the unit map publishes it.

use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::range::Range;
use crate::range::{budget, units};

/// Claims units, and takes memory away that an earlier use could not give back.
pub(crate) fn claim<P: Platform>(range: Range<P>, count: usize, align: usize) -> Option<u32> {
    let first = units::claim(range, count, align)?;
    take(range, first, count).then_some(first)
}

/// Claims just these units, as [`claim`].
pub(crate) fn claim_at<P: Platform>(range: Range<P>, first: u32, count: usize) -> bool {
    units::claim_at(range, first, count) && take(range, first, count)
}

/// Takes memory away from our units that an earlier use could not give back; if the system refuses
/// again, the units are given back.
fn take<P: Platform>(range: Range<P>, first: u32, count: usize) -> bool {
    debug_assert!(first as usize + count <= range.units());
    for unit in first..first + count as u32 {
        let leftover = &range.superslab(unit).leftover;
        // Relaxed, here and below: the unit's bit is ours; the unit map publishes.
        let bytes = leftover.load(Ordering::Relaxed);
        if bytes != 0 {
            if !budget::decommit::<P>(range.unit_start(unit), bytes) {
                units::release(range, first, count);
                return false;
            }
            leftover.store(0, Ordering::Relaxed);
        }
    }
    true
}

/// The system refused to take memory back: the units' next claimer tries again.
pub(crate) fn remember<P: Platform>(range: Range<P>, first: u32, bytes: usize) {
    let unit_size = P::GEOMETRY.unit_size();
    debug_assert!(bytes.is_multiple_of(P::GEOMETRY.page_size));
    for unit in 0..bytes.div_ceil(unit_size) {
        let rest = (bytes - unit * unit_size).min(unit_size);
        // Relaxed: the units are ours until their bits are cleared.
        range.superslab(first + unit as u32).leftover.store(rest, Ordering::Relaxed);
    }
}
