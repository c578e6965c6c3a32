//! Mappings of their own: blocks that no slab holds.
//!
//! Each takes a run of whole units of the reserved range, of which only the pages that are needed get memory, so that
//! the registry finds them like any slab. The block begins where its first unit begins.
//!
//! Invariant: the first unit's word is LARGE exactly while the block is the program's; whoever changes it to FREE frees
//! the block.

use core::ptr::with_exposed_provenance_mut;

use crate::fault::Fault;
use crate::platform::{Atomic, Misuse, Ordering, Platform};
use crate::pool::claim_units;
use crate::range::Range;
use crate::superslab::{SuperSlab, Use};
use crate::units;

/// A block of at least `size` bytes at a multiple of `align`, cleared; 0 if there is no memory or no such run.
pub(crate) fn allocate<P: Platform>(range: Range<P>, size: usize, align: usize) -> usize {
    let unit_size = P::GEOMETRY.unit_size();
    let Some(bytes) = P::GEOMETRY.round_to_pages(size.max(1)) else { return 0 };
    let count = bytes.div_ceil(unit_size);
    let Some(first) = claim_aligned(range, count, align) else { return 0 };
    let start = range.unit_start(first);
    if !P::commit(with_exposed_provenance_mut(start), bytes) {
        units::release(range, first, count);
        return 0;
    }
    let superslab = range.superslab(first);
    // Relaxed: published by the word, and by whatever hands the block to another thread.
    superslab.run.store(count as u32, Ordering::Relaxed);
    superslab.bytes.store(bytes, Ordering::Relaxed);
    superslab.update(|word| Some(word.used_as(Use::Large)));
    start
}

/// Claims units whose memory begins at a multiple of `align`.
fn claim_aligned<P: Platform>(range: Range<P>, count: usize, align: usize) -> Option<u32> {
    let unit_size = P::GEOMETRY.unit_size();
    if align <= unit_size {
        return claim_units(range, count, 1);
    }
    // The base is a multiple of the unit's size only: a longer run is claimed, and what is too much given back.
    let align_units = align / unit_size;
    let longer = count.checked_add(align_units - 1)?;
    let claimed = claim_units(range, longer, 1)?;
    let start = range.unit_start(claimed).checked_next_multiple_of(align)?;
    let first = claimed + ((start - range.unit_start(claimed)) / unit_size) as u32;
    units::release(range, claimed, (first - claimed) as usize);
    let end = first + count as u32;
    units::release(range, end, (claimed as usize + longer) - end as usize);
    Some(first)
}

/// Gives a block back. What is no such block is a misuse.
pub(crate) fn free<P: Platform>(range: Range<P>, address: usize) {
    let (first, superslab) = find(range, address);
    let bytes = superslab.bytes.load(Ordering::Relaxed);
    let count = superslab.run.load(Ordering::Relaxed) as usize;
    let freed =
        superslab.update(|word| (word.usage() == Use::Large).then(|| word.used_as(Use::Free)));
    if freed.is_none() {
        P::misuse(Misuse::DoubleFree, address);
    }
    let early = P::planted(Fault::ReleaseBeforeUnmap);
    if early {
        units::release(range, first, count);
    }
    if !P::decommit(with_exposed_provenance_mut(range.unit_start(first)), bytes) {
        remember_leftover(range, first, bytes);
    }
    if !early {
        units::release(range, first, count);
    }
}

/// The system refused to take memory back: the units' next claimer tries again.
fn remember_leftover<P: Platform>(range: Range<P>, first: u32, bytes: usize) {
    let unit_size = P::GEOMETRY.unit_size();
    for unit in 0..bytes.div_ceil(unit_size) {
        let rest = (bytes - unit * unit_size).min(unit_size);
        // Relaxed: the units are ours until their bits are cleared.
        range.superslab(first + unit as u32).leftover.store(rest, Ordering::Relaxed);
    }
}

/// The mapping that begins at `address`; anything else is a misuse.
fn find<P: Platform>(range: Range<P>, address: usize) -> (u32, &'static SuperSlab<P>) {
    let Some(slab) = range.slab_index_of(address) else {
        P::misuse(Misuse::ForeignPointer, address)
    };
    let unit = slab / P::GEOMETRY.slabs_per_superslab;
    let superslab = range.superslab(unit);
    match superslab.load().usage() {
        Use::Large if range.unit_start(unit) == address => (unit, superslab),
        Use::Large => P::misuse(Misuse::InteriorPointer, address),
        Use::Shared => P::misuse(Misuse::DoubleFree, address),
        // Nobody's now, but a block began here once.
        Use::Free | Use::Retired
            if range.unit_start(unit) == address && superslab.load().generation() != 0 =>
        {
            P::misuse(Misuse::DoubleFree, address)
        }
        Use::Free | Use::Retired => P::misuse(Misuse::ForeignPointer, address),
    }
}

/// Bytes that the program may use of the block at `address`.
pub(crate) fn usable_size<P: Platform>(range: Range<P>, address: usize) -> usize {
    find(range, address).1.bytes.load(Ordering::Relaxed)
}

/// Changes the block's size in place; `false` if that cannot be done, and nothing is changed then.
pub(crate) fn resize<P: Platform>(range: Range<P>, address: usize, size: usize) -> bool {
    let (_, superslab) = find(range, address);
    // Relaxed: the block is the caller's, and with it these words.
    let old = superslab.bytes.load(Ordering::Relaxed);
    let run = superslab.run.load(Ordering::Relaxed) as usize;
    let Some(new) = P::GEOMETRY.round_to_pages(size.max(1)) else { return false };
    if new.div_ceil(P::GEOMETRY.unit_size()) != run {
        return false;
    }
    let done = if new > old {
        P::commit(with_exposed_provenance_mut(address + old), new - old)
    } else {
        new == old || P::decommit(with_exposed_provenance_mut(address + new), old - new)
    };
    if done {
        superslab.bytes.store(new, Ordering::Relaxed);
    }
    done
}
