//! Runs: blocks of one slab or several neighbouring ones, for sizes between those that share a slab
//! and mappings of their own.
//!
//! ```text
//! a SuperSlab   | slab | slab | RUN  :      :      | slab |      | RUN  :      |
//!                               block of 3 slabs             free   block of 2
//! ```
//!
//! A run is slots of the shared pool: taken out of the slot mask with one exchange, where they fit
//! best (see `fit`; slabs of small blocks take the lowest ones), and put back with one. Nobody owns
//! it but whoever holds the block; any thread frees it. Pages that the block does not reach are
//! never touched.
//!
//! Which SuperSlab has room for a run is not kept anywhere: a look at the slot mask says it.
//!
//! Invariants:
//! 1. The slot word of the first slab is RUN exactly while the block is the program's; who changes
//!    it to EMPTY frees it.
//! 2. The class of every slab of a run is 0: frees take the slow path, and end here.
//! 3. No slot of a run has seals of earlier free blocks (see `slab`): the program could read the
//!    secret off them.

use crate::boundary::platform::{Atomic, Misuse, Ordering, Plain, Platform};
use crate::numbers::slot::SlabState;
use crate::pool;
use crate::pool::idle;
use crate::range::Range;
use crate::tables::heap::Heap;

/// A block that is not shared with others, and whether its memory is zero.
#[derive(Clone, Copy)]
pub(crate) struct Fresh {
    pub(crate) address: usize,
    pub(crate) is_zero: bool,
}

impl Fresh {
    /// A block of a slab: nobody knows what is in it.
    pub(crate) const fn small(address: usize) -> Fresh {
        Fresh { address, is_zero: false }
    }
}

/// Slabs of a run for `size` bytes at a multiple of `align`; `None` if a run cannot be that.
pub(crate) fn slabs_for<P: Platform>(size: usize, align: usize) -> Option<u32> {
    debug_assert!(align.is_power_of_two());
    let fits = size <= P::GEOMETRY.run_max() && align <= P::GEOMETRY.unit_size();
    fits.then(|| size.max(1).div_ceil(P::GEOMETRY.slab_size()) as u32)
}

/// A block of `count` slabs at a multiple of `align`, for a thread that has this heap, or none.
pub(crate) fn allocate<P: Platform>(
    range: Range<P>,
    heap: Option<&Heap<P>>,
    count: u32,
    align: usize,
) -> Option<Fresh> {
    debug_assert!(1 <= count && count <= P::GEOMETRY.run_slabs_max);
    let slabs = P::GEOMETRY.slabs_per_superslab;
    let step = align.div_ceil(P::GEOMETRY.slab_size()).max(1) as u32;
    let index = pool::take_run(range, heap, count, step)?;
    let unit = index / slabs;
    if let Some(heap) = heap {
        heap.run_unit.set(unit + 1);
    }
    let slab = range.slab(index);
    // Relaxed, here and below: the slots are ours; whatever hands the block to another thread
    // publishes these words.
    slab.run.store(count, Ordering::Relaxed);
    slab.slot.store(slab.slot_hint().unowned(SlabState::Run).0, Ordering::Relaxed);
    let is_zero = take_over(range, unit, pool::slots(index % slabs, count));
    Some(Fresh { address: range.slab_start(index), is_zero })
}

/// Makes these slots, which are ours, a run's; whether their memory is still zero.
fn take_over<P: Platform>(range: Range<P>, unit: u32, slots: u32) -> bool {
    let is_zero = pool::touch(range, unit, slots);
    if !is_zero {
        pool::scrub(range, unit, slots);
    }
    is_zero
}

/// Frees the block that begins with slab `index`. Not to be called for slabs that have a class.
pub(crate) fn free<P: Platform>(range: Range<P>, index: u32, address: usize) {
    let count = check(range, index, address);
    let slab = range.slab(index);
    let seen = slab.slot_hint();
    // Relaxed: it decides who frees; what was written to the block is published by the slot mask.
    let freed =
        slab.slot.compare_exchange(seen.0, seen.emptied().0, Ordering::Relaxed, Ordering::Relaxed);
    if !seen.is(SlabState::Run) || freed.is_err() {
        P::misuse(Misuse::DoubleFree, address);
    }
    let slabs = P::GEOMETRY.slabs_per_superslab;
    idle::give_back_slots(range, index / slabs, pool::slots(index % slabs, count));
}

/// Bytes that the program may use of the block that begins with slab `index`.
pub(crate) fn usable_size<P: Platform>(range: Range<P>, index: u32, address: usize) -> usize {
    (check(range, index, address) as usize) << P::GEOMETRY.slab_shift
}

/// Makes the block as long as `count` slabs in place: gives slabs at its end back, or takes the
/// free ones behind it. `false` if they are not free; nothing is changed then.
pub(crate) fn resize<P: Platform>(range: Range<P>, index: u32, address: usize, count: u32) -> bool {
    let old = check(range, index, address);
    let slabs = P::GEOMETRY.slabs_per_superslab;
    let (unit, slot) = (index / slabs, index % slabs);
    debug_assert!(1 <= count && count <= P::GEOMETRY.run_slabs_max);
    if count == old {
        return true;
    }
    let run = &range.slab(index).run;
    if count < old {
        run.store(count, Ordering::Relaxed);
        idle::give_back_slots(range, unit, pool::slots(slot + count, old - count));
        return true;
    }
    let more = || pool::take_slots(range, unit, pool::slots(slot + old, count - old));
    if slot + count > slabs || more().is_none() {
        return false;
    }
    take_over(range, unit, pool::slots(slot + old, count - old));
    run.store(count, Ordering::Relaxed);
    true
}

/// The slabs of the run that begins with slab `index`; anything else there is a misuse.
fn check<P: Platform>(range: Range<P>, index: u32, address: usize) -> u32 {
    let slab = range.slab(index);
    if slab.slot_hint().is(SlabState::Run) {
        if range.slab_start(index) != address {
            P::misuse(Misuse::InteriorPointer, address);
        }
        // Relaxed: the block is the caller's, and with it this word.
        return slab.run.load(Ordering::Relaxed);
    }
    let slabs = P::GEOMETRY.slabs_per_superslab;
    let free = range.superslab(index / slabs).load().free_slots();
    let inside = free >> (index % slabs) & 1 == 0;
    P::misuse(if inside { Misuse::InteriorPointer } else { Misuse::DoubleFree }, address)
}
