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
use crate::pool::count;
use crate::pool::decay;
use crate::pool::kept;
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
    count::asked::<P>();
    if align <= unit_size
        && let Some((mapping, committed)) = kept::take(range, count as u32, bytes)
    {
        open(range, mapping, committed);
        return Some(Fresh { address: range.unit_start(mapping.first), is_zero: false });
    }
    let first = claim_aligned(range, count, align)?;
    if !budget::commit::<P>(range.unit_start(first), bytes) {
        units::release(range, first, count);
        return None;
    }
    open(range, Mapping { first, count: count as u32 }, bytes);
    Some(Fresh { address: range.unit_start(first), is_zero: true })
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
    let is_kept = retained::is_worth_it::<P>(mapping.count);
    let close = || {
        let usage = if is_kept { Use::Retained } else { Use::Free };
        let closed =
            superslab.update(|word| (word.usage() == Use::Large).then(|| word.used_as(usage)));
        if closed.is_none() {
            P::misuse(Misuse::DoubleFree, address);
        }
    };
    let keep = || {
        if is_kept {
            kept::keep(range, mapping);
        }
    };
    count::returned::<P>();
    P::swapped(Fault::KeptBeforeClosed, close, keep);
    if is_kept {
        decay::tick(range, P::GEOMETRY.slice_slots);
    } else {
        kept::release(range, mapping);
    }
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
