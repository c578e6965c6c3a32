//! Mappings of their own: blocks longer than any run of slabs.
//!
//! Each takes whole units of the reserved range, of which only the pages that are needed get
//! memory, so that the registry finds them like any slab. The block begins where its first unit
//! begins. A freed one is kept for the next (see [`crate::range::retained`]) or goes back to the
//! system.
//!
//! One that is to grow does so in place if the units behind it are free. Otherwise, from some size
//! on, its pages are moved to more units elsewhere ([`relocate`]); if the system cannot do that
//! either, the block is copied like any other.
//!
//! Invariant: the first unit's word is LARGE exactly while the block is the program's; whoever
//! changes it to something else frees the block.

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Misuse, Ordering, Platform};
use crate::pool::decay;
use crate::pool::run::Fresh;
use crate::range::Range;
use crate::range::budget;
use crate::range::leftover;
use crate::range::retained::{self, Mapping};
use crate::range::units;
use crate::tables::superslab::Use;

/// A block of at least `size` bytes at a multiple of `align`. `None` if there is no memory or no
/// such units in a row.
pub(crate) fn allocate<P: Platform>(range: Range<P>, size: usize, align: usize) -> Option<Fresh> {
    debug_assert!(align.is_power_of_two());
    let unit_size = P::GEOMETRY.unit_size();
    let bytes = P::GEOMETRY.round_to_pages(size.max(1))?;
    let count = bytes.div_ceil(unit_size);
    if align <= unit_size
        && let Some(mapping) = retained::take::<P>(count)
        && let Some(fresh) = reuse(range, mapping, bytes)
    {
        return Some(fresh);
    }
    let first = claim_aligned(range, count, align)?;
    if !budget::commit::<P>(range.unit_start(first), bytes) {
        units::release(range, first, count);
        return None;
    }
    open(range, Mapping { first, count: count as u32 }, bytes);
    Some(Fresh { address: range.unit_start(first), is_zero: true })
}

/// Hands a kept mapping out again. `None` if it has too little memory and gets no more: then it
/// went back, which may leave room for another one.
fn reuse<P: Platform>(range: Range<P>, mapping: Mapping, bytes: usize) -> Option<Fresh> {
    // Relaxed: the mapping is ours.
    let committed = range.superslab(mapping.first).bytes.load(Ordering::Relaxed);
    let end = range.unit_start(mapping.first) + committed;
    if committed < bytes && !budget::commit::<P>(end, bytes - committed) {
        P::skipped(Fault::ReuseFailureLeak, || release(range, mapping));
        return None;
    }
    open(range, mapping, committed.max(bytes));
    Some(Fresh { address: range.unit_start(mapping.first), is_zero: false })
}

fn open<P: Platform>(range: Range<P>, mapping: Mapping, bytes: usize) {
    debug_assert!(bytes != 0 && bytes.is_multiple_of(P::GEOMETRY.page_size));
    debug_assert!(bytes.div_ceil(P::GEOMETRY.unit_size()) <= mapping.count as usize);
    let superslab = range.superslab(mapping.first);
    // Relaxed: published by the word, and by whatever hands the block to another thread.
    superslab.units.store(mapping.count, Ordering::Relaxed);
    superslab.bytes.store(bytes, Ordering::Relaxed);
    superslab.update(|word| Some(word.used_as(Use::Large)));
}

/// Claims units whose memory begins at a multiple of `align`.
fn claim_aligned<P: Platform>(range: Range<P>, count: usize, align: usize) -> Option<u32> {
    leftover::claim(range, count, (align / P::GEOMETRY.unit_size()).max(1))
}

/// Frees the block that begins with unit `first`. What is no such block is a misuse.
pub(crate) fn free<P: Platform>(range: Range<P>, first: u32, address: usize) {
    check(range, first, address);
    let superslab = range.superslab(first);
    let mapping = Mapping { first, count: superslab.units.load(Ordering::Relaxed) };
    let is_worth_it = retained::is_worth_it::<P>(mapping.count as usize);
    let usage = if is_worth_it { Use::Retained } else { Use::Free };
    let close = || {
        let closed =
            superslab.update(|word| (word.usage() == Use::Large).then(|| word.used_as(usage)));
        if closed.is_none() {
            P::misuse(Misuse::DoubleFree, address);
        }
    };
    let ((), is_kept) =
        P::swapped(Fault::KeptBeforeClosed, close, || is_worth_it && keep(range, mapping));
    if is_kept {
        decay::expect::<P>();
        decay::tick(range, P::GEOMETRY.slice_slots);
        return;
    }
    release(range, mapping);
}

/// Keeps a mapping, and makes room for it first; whether there was a place.
fn keep<P: Platform>(range: Range<P>, mapping: Mapping) -> bool {
    while retained::is_full_for::<P>(mapping.count as usize) {
        match retained::take_any::<P>() {
            Some(older) => release(range, older),
            None => break,
        }
    }
    retained::keep::<P>(mapping)
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

/// Gives a kept mapping that is ours back to the system, or its end if it is longer than `most`
/// slots: then it is kept again, as old as it was. How many slots went back.
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
    if budget::decommit::<P>(range.unit_start(mapping.first) + left, bytes - left) {
        superslab.bytes.store(left, Ordering::Relaxed);
        if retained::keep_old::<P>(mapping) {
            return most;
        }
    }
    // There is no place for it any more, or the system does not take it.
    release(range, mapping);
    slots(bytes)
}

/// Gives all kept mappings back to the system; whether there were any.
pub(crate) fn release_retained<P: Platform>(range: Range<P>) -> bool {
    let mut some = false;
    while let Some(mapping) = retained::take_any::<P>() {
        release(range, mapping);
        some = true;
    }
    some
}

/// Judges what is said to be the block of the mapping that begins with `unit`.
fn check<P: Platform>(range: Range<P>, unit: u32, address: usize) {
    let word = range.superslab(unit).load();
    let begins = range.unit_start(unit) == address;
    P::misuse(
        match word.usage() {
            Use::Large if begins => return,
            Use::Large => Misuse::InteriorPointer,
            // Nobody's now, but a block began here once.
            _ if begins && word.generation() != 0 => Misuse::DoubleFree,
            _ if units::is_claimed(range, unit) => Misuse::InteriorPointer,
            _ => Misuse::ForeignPointer,
        },
        address,
    )
}

/// Bytes that the program may use of the block that begins with unit `first`.
pub(crate) fn usable_size<P: Platform>(range: Range<P>, first: u32, address: usize) -> usize {
    check(range, first, address);
    range.superslab(first).bytes.load(Ordering::Relaxed)
}

/// Changes the block's size in place; `false` if that cannot be done, and nothing is changed then.
pub(crate) fn resize<P: Platform>(
    range: Range<P>,
    first: u32,
    address: usize,
    size: usize,
) -> bool {
    check(range, first, address);
    let superslab = range.superslab(first);
    // Relaxed: the block is the caller's, and with it these words.
    let old = superslab.bytes.load(Ordering::Relaxed);
    let units = superslab.units.load(Ordering::Relaxed) as usize;
    let Some(new) = P::GEOMETRY.round_to_pages(size.max(1)) else { return false };
    let wanted = new.div_ceil(P::GEOMETRY.unit_size());
    if new <= old {
        return shrink(range, Mapping { first, count: units as u32 }, old, new);
    }
    if wanted > units && !leftover::claim_at(range, first + units as u32, wanted - units) {
        return false;
    }
    let done = budget::commit::<P>(range.unit_start(first) + old, new - old);
    if done {
        superslab.bytes.store(new, Ordering::Relaxed);
        superslab.units.store(wanted.max(units) as u32, Ordering::Relaxed);
    } else if wanted > units {
        P::skipped(Fault::GrowthFailureLeak, || {
            units::release(range, first + units as u32, wanted - units);
        });
    }
    done
}

/// Makes the `old` bytes of `mapping`'s block `new` bytes where they are: what is behind them
/// goes back. If the system does not take that, the block has shrunk all the same, and only its
/// memory stays: what is behind the new size may be zero already, so that the old block is no more.
fn shrink<P: Platform>(range: Range<P>, mapping: Mapping, old: usize, new: usize) -> bool {
    debug_assert!(0 < new && new <= old);
    let superslab = range.superslab(mapping.first);
    let cut = range.unit_start(mapping.first) + new;
    if new == old {
        return true;
    }
    if !budget::decommit::<P>(cut, old - new) {
        return P::wrong(Fault::RefusedShrink, true, false);
    }
    // Relaxed, here and below: as in `resize`.
    superslab.bytes.store(new, Ordering::Relaxed);
    let units = new.div_ceil(P::GEOMETRY.unit_size()) as u32;
    if units < mapping.count {
        superslab.units.store(units, Ordering::Relaxed);
        units::release(range, mapping.first + units, (mapping.count - units) as usize);
    }
    true
}

/// Makes a block longer that cannot grow in place, by moving its pages to other units; its new
/// address. `None` if that cannot be done, or is not worth it, and nothing is changed then.
pub(crate) fn relocate<P: Platform>(
    range: Range<P>,
    first: u32,
    size: usize,
    align: usize,
) -> Option<usize> {
    let superslab = range.superslab(first);
    // Relaxed, here and below: as in `resize`.
    let old = superslab.bytes.load(Ordering::Relaxed);
    let new = P::GEOMETRY.round_to_pages(size.max(1))?;
    if new <= old || old < P::GEOMETRY.relocate_min {
        return None;
    }
    let count = new.div_ceil(P::GEOMETRY.unit_size());
    let to = claim_aligned(range, count, align)?;
    let units = superslab.units.load(Ordering::Relaxed) as usize;
    // Closed first, as by `free`: a second thread that frees the block meanwhile learns that it has
    // none.
    let closed =
        superslab.update(|word| (word.usage() == Use::Large).then(|| word.used_as(Use::Free)));
    if closed.is_none() {
        P::misuse(Misuse::DoubleFree, range.unit_start(first));
    }
    P::added(Fault::OfferBeforeMove, || units::release(range, first, units));
    if !budget::relocate::<P>(range.unit_start(first), old, range.unit_start(to), new) {
        superslab.update(|word| Some(word.again(Use::Large)));
        P::skipped(Fault::MoveFailureLeak, || units::release(range, to, count));
        return None;
    }
    open(range, Mapping { first: to, count: count as u32 }, new);
    P::skipped(Fault::OfferBeforeMove, || units::release(range, first, units));
    Some(range.unit_start(to))
}
