//! The shared pool: hands the slots of SuperSlabs to heaps, and takes them back.
//!
//! | Stage | Where the slot comes from                                             |
//! |-------|-----------------------------------------------------------------------|
//! | 1     | an EMPTY slot of an available SuperSlab: its pages were touched before |
//! | 2     | an UNUSED slot of it                                                  |
//! | 3     | a new SuperSlab: a free unit of the range gets memory                  |
//!
//! Slots are taken from the lowest bit of the mask up, so that stage 1 comes before stage 2 without
//! looking. A slot that comes back sets its bit. What becomes of memory that nobody takes again is
//! told in `idle` and `decay`.
//!
//! Invariants:
//! 1. The holder of a slot is whoever cleared its bit in the mask; nobody else changes the slab
//!    until the bit is set.
//! 2. A SuperSlab is retired only from "all slots free", by one compare-and-swap: nothing of it is
//!    live, cached in a thread, or on a remote list then, since an EMPTY slab has no block out.
//! 3. A SuperSlab with a free slot is listed on the stack of available ones, or in the hand of a
//!    thread that is about to look at it again.

pub mod count;
pub(crate) mod decay;
pub(crate) mod fit;
pub(crate) mod idle;
pub(crate) mod kept;
pub(crate) mod large;
pub(crate) mod run;

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Plain, Platform};
use crate::numbers::geometry::SLABS_MAX;
use crate::numbers::slot::OwnerId;
use crate::range::Range;
use crate::range::budget;
use crate::range::leftover;
use crate::range::units;
use crate::slabs::ownership::Owned;
use crate::tables::heap::Heap;
use crate::tables::root::root;
use crate::tables::superslab::{SuperSlabWord, Use};

/// A slot for a slab of `class`, owned by `me`. `None` if the system has no memory, or the range no
/// unit.
pub(crate) fn acquire<P: Platform>(range: Range<P>, class: u32, me: OwnerId) -> Option<Owned<P>> {
    let index = take_available(range).or_else(|| {
        let new = || take_new(range, 1);
        P::replaced(Fault::SlabExhaustion, new, || {
            let is_first = range.extent() == 0 || range.superslab(0).load().generation() == 0;
            if is_first { new() } else { None }
        })
    })?;
    let slabs = P::GEOMETRY.slabs_per_superslab;
    let (unit, slot) = (index / slabs, slots(index % slabs, 1));
    touch(range, unit, slot);
    // Relaxed, as in `touch`.
    let sealed = &range.superslab(unit).sealed;
    let has_seals = sealed.load(Ordering::Relaxed) & slot != 0;
    if !has_seals {
        sealed.fetch_or(slot, Ordering::Relaxed);
    }
    // SAFETY: [pool 1] the slot's bit was ours to clear, and the exchange that cleared it acquired
    // the last owner's words.
    Some(unsafe { Owned::bind_new(range, index, me, class, has_seals) })
}

/// Stages 1 and 2.
fn take_available<P: Platform>(range: Range<P>) -> Option<u32> {
    let available = &root::<P>().available;
    loop {
        let top = available.top();
        let unit = top.index()?;
        if let Some(slot) = take_slot(range, unit) {
            return Some(slot);
        }
        // Nothing is left here: take the node off the stack, if it is still the top one.
        if available.pop_if(top, &range.superslab(unit).stack_link) {
            unlist(range, unit);
        }
    }
}

/// Clears the lowest bit of the slot mask of `unit`.
fn take_slot<P: Platform>(range: Range<P>, unit: u32) -> Option<u32> {
    let superslab = range.superslab(unit);
    let take_lowest = |slots: u32| slots & slots.wrapping_sub(1);
    let take = |word: SuperSlabWord| {
        word.is_available().then(|| word.with_slots(take_lowest(word.free_slots())))
    };
    let (old, _) = P::replaced(
        Fault::StaleSlot,
        || superslab.update(take),
        || {
            let seen = superslab.load();
            let left = take(seen)?.free_slots();
            superslab.update(|word| Some(word.with_slots(left))).map(|(_, new)| (seen, new))
        },
    )?;
    Some(unit * P::GEOMETRY.slabs_per_superslab + old.free_slots().trailing_zeros())
}

/// A mask of `count` slots from `first` on.
pub(crate) const fn slots(first: u32, count: u32) -> u32 {
    debug_assert!(count >= 1 && first + count <= SLABS_MAX);
    (u32::MAX >> (32 - count)) << first
}

/// Takes a run of `count` slots whose first one's number is a multiple of `step`: where it fits
/// best (see `fit`), else in a few SuperSlabs, in a new one, or, if there is no memory for one, in
/// any. The first slot's number in the range.
pub(crate) fn take_run<P: Platform>(
    range: Range<P>,
    heap: Option<&Heap<P>>,
    count: u32,
    step: u32,
) -> Option<u32> {
    let slabs = P::GEOMETRY.slabs_per_superslab;
    debug_assert!(1 <= count && count <= slabs);
    debug_assert!(step.is_power_of_two() && step <= slabs);
    if step == 1
        && let Some(heap) = heap
        && let Some(slot) = fit::take_remembered(range, heap, count)
    {
        return Some(slot);
    }
    decay::tick(range, P::GEOMETRY.slice_slots);
    if let Some(slot) = fit::take_best(range, heap, count, step) {
        return Some(slot);
    }
    let start = heap.map_or(0, |heap| heap.run_unit.get().saturating_sub(1));
    let found = units::visit_claimed(range, start, P::GEOMETRY.run_probes, |unit| {
        take_run_in(range, unit, count, step).map(|slot| unit * slabs + slot)
    });
    if found.is_some() {
        return found;
    }
    let slot = (slabs - count) / step * step;
    let new = take_new(range, slots(slot, count)).map(|first| first + slot);
    if P::wrong(Fault::RunsLookedForShortly, new.is_some(), true) {
        return new;
    }
    // No memory for a new SuperSlab: before there is said to be none, every one is looked at.
    units::visit_claimed(range, start, u32::MAX, |unit| {
        take_run_in(range, unit, count, step).map(|slot| unit * slabs + slot)
    })
}

/// Takes the highest such run in `unit`.
fn take_run_in<P: Platform>(range: Range<P>, unit: u32, count: u32, step: u32) -> Option<u32> {
    let place = |word: SuperSlabWord| {
        let starts =
            if word.usage() == Use::Shared { runs(word.free_slots(), count, step) } else { 0 };
        starts.checked_ilog2()
    };
    let (old, _) = range.superslab(unit).update(|word| {
        place(word).map(|slot| word.with_slots(word.free_slots() & !slots(slot, count)))
    })?;
    place(old)
}

/// A bit for each multiple of `step` from which on `count` slots are free.
const fn runs(free: u32, count: u32, step: u32) -> u32 {
    debug_assert!(count >= 1 && step >= 1);
    let mut starts = free;
    let mut length = 1;
    while length < count {
        let more = if count - length < length { count - length } else { length };
        starts &= starts >> more;
        length += more;
    }
    starts & multiples(step)
}

/// A bit for each multiple of `step`.
const fn multiples(step: u32) -> u32 {
    if step == 1 {
        return u32::MAX;
    }
    let mut slots = 0;
    let mut slot = 0;
    while slot < 32 {
        slots |= 1 << slot;
        slot += step;
    }
    slots
}

/// Takes just these slots of `unit`, if all of them are free; the word after that.
pub(crate) fn take_slots<P: Platform>(
    range: Range<P>,
    unit: u32,
    slots: u32,
) -> Option<SuperSlabWord> {
    debug_assert!(slots != 0 && slots & !P::GEOMETRY.all_slots() == 0);
    let superslab = range.superslab(unit);
    let are_free =
        |word: SuperSlabWord| word.usage() == Use::Shared && word.free_slots() & slots == slots;
    let rest = |word: SuperSlabWord| word.with_slots(word.free_slots() & !slots);
    let taken = P::replaced(
        Fault::GrownOnOldLook,
        || superslab.update(|word| are_free(word).then_some(rest(word))),
        || {
            let were_free = are_free(superslab.load());
            superslab.update(|word| (were_free || are_free(word)).then_some(rest(word)))
        },
    );
    taken.map(|(_, new)| new)
}

/// Says that the memory of these slots, which are ours, is handed out; whether it is still zero.
pub(crate) fn touch<P: Platform>(range: Range<P>, unit: u32, slots: u32) -> bool {
    debug_assert!(slots != 0 && slots & !P::GEOMETRY.all_slots() == 0);
    // Relaxed, here and below: the bits of our slots are ours; the slot mask publishes them.
    let touched = &range.superslab(unit).touched;
    let seen = touched.load(Ordering::Relaxed);
    let before = seen & slots;
    if before != slots {
        P::replaced(
            Fault::TouchLost,
            || touched.fetch_or(slots, Ordering::Relaxed),
            || {
                touched.store(seen | slots, Ordering::Relaxed);
                seen
            },
        );
    }
    count::taken::<P>(slots.count_ones(), before.count_ones());
    before == 0
}

/// Clears the seals that earlier uses have left in these slots, which are ours and become part of a
/// run.
pub(crate) fn scrub<P: Platform>(range: Range<P>, unit: u32, slots: u32) {
    // Relaxed, as in `touch`.
    let sealed = &range.superslab(unit).sealed;
    let mut left = sealed.load(Ordering::Relaxed) & slots;
    if left == 0 {
        return;
    }
    sealed.fetch_and(!left, Ordering::Relaxed);
    while left != 0 {
        let index = unit * P::GEOMETRY.slabs_per_superslab + left.trailing_zeros();
        left &= left - 1;
        range.slab(index).scrub(range.slab_start(index));
    }
}

/// Says that the node of `unit`, which we popped, is not listed any more; or lists it again if it
/// has slots after all.
fn unlist<P: Platform>(range: Range<P>, unit: u32) {
    let superslab = range.superslab(unit);
    let unlisted = P::replaced(
        Fault::FlagLost,
        || superslab.update(|word| (!word.is_available()).then_some(word.unlisted())),
        || {
            let seen = superslab.load();
            superslab.word.store(seen.unlisted().0, Ordering::Release);
            Some((seen, seen.unlisted()))
        },
    );
    if unlisted.is_none() {
        root::<P>().available.push(unit, &superslab.stack_link);
    }
}

/// Stage 3. These slots of the new SuperSlab are the caller's; the number of its first one.
fn take_new<P: Platform>(range: Range<P>, taken: u32) -> Option<u32> {
    debug_assert!(taken != 0 && taken & !P::GEOMETRY.all_slots() == 0);
    let unit = leftover::claim(range, 1, 1)?;
    let open = || share(range, unit, P::GEOMETRY.all_slots() & !taken);
    P::added(Fault::OpenBeforeReady, open);
    if !budget::commit::<P>(range.unit_start(unit), P::GEOMETRY.unit_size()) {
        P::skipped(Fault::CommitFailureLeak, || units::release(range, unit, 1));
        return None;
    }
    P::skipped(Fault::OpenBeforeReady, open);
    Some(unit * P::GEOMETRY.slabs_per_superslab)
}

/// Opens a unit that we hold, and that has memory, to the pool, with these free slots.
pub(crate) fn share<P: Platform>(range: Range<P>, unit: u32, slots: u32) {
    debug_assert!(slots & !P::GEOMETRY.all_slots() == 0);
    let superslab = range.superslab(unit);
    let change =
        superslab.update(|word| Some(word.used_as(Use::Shared).with_slots(slots).listed()));
    if change.is_some_and(|(old, _)| !old.is_listed()) {
        root::<P>().available.push(unit, &superslab.stack_link);
    }
}

/// Sets the bits of slots that are ours; the word after that.
pub(crate) fn offer<P: Platform>(range: Range<P>, unit: u32, slots: u32) -> Option<SuperSlabWord> {
    debug_assert!(slots & !P::GEOMETRY.all_slots() == 0);
    let superslab = range.superslab(unit);
    let list = |word: SuperSlabWord| Some(word.with_slots(word.free_slots() | slots).listed());
    let (old, new) = P::replaced(
        Fault::ListedTwice,
        || superslab.update(list),
        || {
            let seen = superslab.load();
            superslab.update(list).map(|(_, new)| (seen, new))
        },
    )?;
    if !old.is_listed() {
        root::<P>().available.push(unit, &superslab.stack_link);
    }
    Some(new)
}
