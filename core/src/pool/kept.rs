//! Mappings that are kept: freed ones whose memory the next one gets.
//!
//! They lie in a table (`retained`). One that is put there is joined with its neighbours that lie
//! there too; one that is taken out is cut to what is needed, and the rest put back. So the next
//! mapping, however long, is placed over memory that is there already as far as can be:
//!
//! 1. the shortest kept mapping that is long enough;
//! 2. the longest shorter one behind which units are free, and these;
//! 3. free units (`large`).
//!
//! Of what is more than the bound (`retained`), older ones go back to the system first.
//!
//! Invariant: a mapping that nobody has taken out of the table is changed by nobody; its units but
//! the first one are FREE and claimed; memory ends in the last one, as the first's `bytes` says.

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::numbers::excess::Excess;
use crate::pool::count;
use crate::pool::decay;
use crate::pool::idle;
use crate::range::Range;
use crate::range::budget;
use crate::range::leftover;
use crate::range::retained::{self, Mapping};
use crate::range::units;
use crate::tables::superslab::Use;

/// A kept mapping of `count` units that has memory for `bytes`, and how many it has. `None` if
/// there is none, or if it gets no more memory: then it went back, which may leave room for
/// another one.
pub(crate) fn take<P: Platform>(
    range: Range<P>,
    count: u32,
    bytes: usize,
) -> Option<(Mapping, usize)> {
    let mapping = match retained::take::<P>(count) {
        Some(mapping) => cut(range, mapping, count),
        None => extend(range, count)?,
    };
    // Relaxed, here and below: the mapping is ours.
    let committed = range.superslab(mapping.first).bytes.load(Ordering::Relaxed);
    let end = range.unit_start(mapping.first) + committed;
    if committed < bytes && !budget::commit::<P>(end, bytes - committed) {
        P::skipped(Fault::ReuseFailureLeak, || release(range, mapping));
        return None;
    }
    Some((mapping, committed.max(bytes)))
}

/// Cuts a mapping that is ours to so many units; the rest is kept.
fn cut<P: Platform>(range: Range<P>, mapping: Mapping, count: u32) -> Mapping {
    let Mapping { first, count: old } = mapping;
    if old == count {
        return mapping;
    }
    debug_assert!(count < old);
    let superslab = range.superslab(first);
    let (size, bytes) = (bytes_of::<P>(count), superslab.bytes.load(Ordering::Relaxed));
    let cut = Mapping { first, count };
    let rest = Mapping { first: cut.end(), count: old - count };
    let rest = P::wrong(Fault::CutTooLong, rest, mapping);
    // So the rest has memory, too.
    debug_assert!(bytes > size, "memory reaches into the last unit");

    superslab.bytes.store(size, Ordering::Relaxed);
    note(range, rest, bytes - size);
    put(range, rest);

    cut
}

/// Takes a kept mapping of less than `count` units, and the free ones behind it.
fn extend<P: Platform>(range: Range<P>, count: u32) -> Option<Mapping> {
    let is_free = |unit: u32| (unit as usize) < range.extent() && !units::is_claimed(range, unit);
    let longer = |kept: Mapping| Mapping { first: kept.first, count };
    let kept =
        retained::take_shorter::<P>(count, |kept| (kept.end()..longer(kept).end()).all(is_free))?;
    let more = (count - kept.count) as usize;
    let is_longer = P::replaced(
        Fault::ExtendedOnOldLook,
        || leftover::claim_at(range, kept.end(), more),
        || true,
    );
    if !is_longer {
        put(range, kept);
        return None;
    }
    Some(longer(kept))
}

/// Keeps a mapping that is ours, joined with its neighbours.
pub(crate) fn keep<P: Platform>(range: Range<P>, mapping: Mapping) {
    make_room(range, mapping.count);
    let mut mapping = mapping;
    while let Some(other) = retained::take_neighbour::<P>(mapping) {
        match join(range, mapping, other) {
            Some(joined) => mapping = joined,
            None => {
                put(range, other);
                break;
            }
        }
    }
    put(range, mapping);
}

/// Gives older mappings back to the system if too much is kept with so many units more: a slice,
/// and twice what these units are, if some has to go at once.
fn make_room<P: Platform>(range: Range<P>, units: u32) {
    let older = || retained::take_old::<P>().or_else(retained::take_any::<P>);
    let slice = P::GEOMETRY.slice_slots;
    let mut left = slice.saturating_add(units.saturating_mul(2 * P::GEOMETRY.slabs_per_superslab));
    while left != 0 {
        let is_at_once = match retained::excess::<P>(units) {
            Excess::None => return,
            Excess::Some => count::is_shrinking::<P>(),
            Excess::Much => true,
        };
        if !is_at_once && !idle::is_time::<P>() {
            return;
        }
        let Some(older) = older() else { return };
        let most = if is_at_once { left } else { left.min(slice) };
        left = left.saturating_sub(release_part(range, older, most));
    }
}

/// Makes one of two mappings that are ours and lie side by side. `None` if the first one's last
/// units have no memory and get none; nothing is changed then.
fn join<P: Platform>(range: Range<P>, one: Mapping, other: Mapping) -> Option<Mapping> {
    let (low, high) = if one.first < other.first { (one, other) } else { (other, one) };
    let (below, above) = (range.superslab(low.first), range.superslab(high.first));
    let (size, bytes) = (bytes_of::<P>(low.count), below.bytes.load(Ordering::Relaxed));
    let gap = size - bytes;
    let has_memory = P::replaced(
        Fault::JoinedOverGap,
        || gap == 0 || budget::commit::<P>(range.unit_start(low.first) + bytes, gap),
        || true,
    );
    if !has_memory {
        return None;
    }
    let more = above.bytes.load(Ordering::Relaxed);
    above.update(|word| Some(word.used_as(Use::Free)));
    let joined = Mapping { first: low.first, count: low.count + high.count };
    note(range, joined, size + more);
    Some(joined)
}

/// Writes down, in its first unit, what a mapping is that is ours and is to be kept.
fn note<P: Platform>(range: Range<P>, mapping: Mapping, bytes: usize) {
    let superslab = range.superslab(mapping.first);
    superslab.units.store(mapping.count, Ordering::Relaxed);
    superslab.bytes.store(bytes, Ordering::Relaxed);
    superslab.update(|word| (word.usage() != Use::Retained).then(|| word.used_as(Use::Retained)));
}

/// Puts a mapping that is ours into the table, or gives it back if there is no place.
fn put<P: Platform>(range: Range<P>, mapping: Mapping) {
    if retained::keep::<P>(mapping) {
        // Also if it lay there before: a round may have found nothing meanwhile.
        decay::expect::<P>();
    } else {
        release(range, mapping);
    }
}

const fn bytes_of<P: Platform>(units: u32) -> usize {
    (units as usize) << P::GEOMETRY.unit_shift()
}

/// Gives a mapping that is ours back to the system.
pub(crate) fn release<P: Platform>(range: Range<P>, mapping: Mapping) {
    let superslab = range.superslab(mapping.first);
    let (first, count) = (mapping.first, mapping.count as usize);
    // Relaxed: the mapping is ours.
    let bytes = superslab.bytes.load(Ordering::Relaxed);
    superslab.update(|word| (word.usage() != Use::Free).then(|| word.used_as(Use::Free)));
    P::swapped(
        Fault::ReleaseBeforeUnmap,
        || {
            if !budget::decommit::<P>(range.unit_start(first), bytes) {
                P::skipped(Fault::LeftoverForgotten, || leftover::remember(range, first, bytes));
            }
        },
        || units::release(range, first, count),
    );
}

/// Gives a kept mapping that is ours back to the system, or its end if it has memory for more than
/// `most` slots: then the rest is kept as an old one. How many slots went back.
pub(crate) fn release_part<P: Platform>(range: Range<P>, mapping: Mapping, most: u32) -> u32 {
    debug_assert!(most >= 1, "part of a mapping goes back");
    let slots = |bytes: usize| bytes.div_ceil(P::GEOMETRY.slab_size()) as u32;
    let superslab = range.superslab(mapping.first);
    // Relaxed, here and below: the mapping is ours; `keep_old` publishes.
    let bytes = superslab.bytes.load(Ordering::Relaxed);
    if slots(bytes) <= most {
        release(range, mapping);
        return slots(bytes);
    }
    let left = bytes - ((most as usize) << P::GEOMETRY.slab_shift);
    if !budget::decommit::<P>(range.unit_start(mapping.first) + left, bytes - left) {
        // The system does not take it: it will not take the whole either, and that is written down.
        release(range, mapping);
        return slots(bytes);
    }
    let count = left.div_ceil(P::GEOMETRY.unit_size()) as u32;
    let shorter = Mapping { count, ..mapping };
    superslab.bytes.store(left, Ordering::Relaxed);
    superslab.units.store(count, Ordering::Relaxed);
    units::release(range, shorter.end(), (mapping.count - count) as usize);
    if retained::keep_old::<P>(shorter) {
        return most;
    }
    // There is no place for it any more.
    release(range, shorter);
    slots(bytes)
}

/// Gives all kept mappings back to the system; whether there were any.
pub(crate) fn release_all<P: Platform>(range: Range<P>) -> bool {
    let mut some = false;
    while let Some(mapping) = retained::take_any::<P>() {
        release(range, mapping);
        some = true;
    }
    some
}
