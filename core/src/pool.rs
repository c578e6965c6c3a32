//! The shared pool: hands the slots of SuperSlabs to heaps, and takes them back.
//!
//! | Stage | Where the slot comes from                                             |
//! |-------|-----------------------------------------------------------------------|
//! | 1     | an EMPTY slot of an available SuperSlab: its pages were touched before |
//! | 2     | an UNUSED slot of it                                                  |
//! | 3     | a new SuperSlab: a free unit of the range gets memory                  |
//!
//! Slots are taken from the lowest bit of the mask up, so that stage 1 comes before stage 2 without looking. A slot that
//! comes back sets its bit; a SuperSlab all of whose slots are free is a *spare*, and beyond a number of spares it is
//! retired: its mask is exchanged for nothing in one step, its memory goes back, and its unit becomes free.
//!
//! Invariants:
//! 1. The holder of a slot is whoever cleared its bit in the mask; nobody else changes the slab until the bit is set.
//! 2. A SuperSlab is retired only from "all slots free", by one compare-and-swap: nothing of it is live, cached in a
//!    thread, or on a remote list then, since an EMPTY slab has no block out.
//! 3. A SuperSlab with a free slot is listed on the stack of available ones, or in the hand of a thread that is about
//!    to look at it again.

use core::ptr::with_exposed_provenance_mut;

use crate::fault::Fault;
use crate::ownership::Owned;
use crate::platform::{Atomic, Ordering, Platform};
use crate::range::{Range, root};
use crate::slot::{OwnerId, SlabState, SlotWord};
use crate::superslab::Use;
use crate::units;

/// A slot for a slab of `class`, owned by `me`. `None` if the system has no memory, or the range no unit.
pub(crate) fn acquire<P: Platform>(range: Range<P>, class: u32, me: OwnerId) -> Option<Owned<P>> {
    let index = match take_available(range) {
        None if P::planted(Fault::SlabExhaustion)
            && range.superslab(0).load().generation() != 0 =>
        {
            None
        }
        None => take_new(range),
        found => found,
    }?;
    // SAFETY: the slot's bit was ours to clear, and the exchange that cleared it acquired the last owner's words.
    Some(unsafe { Owned::bind_new(range, index, me, class) })
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
        // Nothing to be had here: take the node off the stack, if it is still the top one.
        if available.pop_if(top, &range.superslab(unit).stack_link) {
            unlist(range, unit);
        }
    }
}

/// Clears the lowest bit of the slot mask of `unit`.
fn take_slot<P: Platform>(range: Range<P>, unit: u32) -> Option<u32> {
    let superslab = range.superslab(unit);
    let take_lowest = |slots: u32| slots & slots.wrapping_sub(1);
    let (old, _) = if P::planted(Fault::StaleSlot) {
        let seen = superslab.load();
        let left = take_lowest(seen.free_slots());
        let taken =
            seen.is_available().then(|| superslab.update(|word| Some(word.with_slots(left))));
        (seen, taken??.1)
    } else {
        superslab.update(|word| {
            word.is_available().then(|| word.with_slots(take_lowest(word.free_slots())))
        })?
    };
    if old.free_slots() == P::GEOMETRY.all_slots() {
        // Relaxed: a count, nothing is published by it.
        root::<P>().spares.fetch_sub(1, Ordering::Relaxed);
    }
    Some(unit * P::GEOMETRY.slabs_per_superslab + old.free_slots().trailing_zeros())
}

/// Says that the node of `unit`, which we popped, is not listed any more; or lists it again if it has slots after all.
fn unlist<P: Platform>(range: Range<P>, unit: u32) {
    let superslab = range.superslab(unit);
    if P::planted(Fault::FlagLost) {
        let seen = superslab.load();
        superslab.word.store(seen.unlisted().0, Ordering::Release);
        return;
    }
    let unlisted = superslab.update(|word| (!word.is_available()).then_some(word.unlisted()));
    if unlisted.is_none() {
        root::<P>().available.push(unit, &superslab.stack_link);
    }
}

/// Stage 3. The first slot of the new SuperSlab is the caller's.
fn take_new<P: Platform>(range: Range<P>) -> Option<u32> {
    let unit = claim_units(range, 1, 1)?;
    if P::planted(Fault::OpenBeforeReady) {
        share(range, unit, P::GEOMETRY.all_slots() & !1);
    }
    if !P::commit(with_exposed_provenance_mut(range.unit_start(unit)), P::GEOMETRY.unit_size()) {
        if !P::planted(Fault::CommitFailureLeak) {
            units::release(range, unit, 1);
        }
        return None;
    }
    if !P::planted(Fault::OpenBeforeReady) {
        share(range, unit, P::GEOMETRY.all_slots() & !1);
    }
    Some(unit * P::GEOMETRY.slabs_per_superslab)
}

/// Opens a unit that we hold, and that has memory, to the pool, with these free slots.
fn share<P: Platform>(range: Range<P>, unit: u32, slots: u32) {
    let superslab = range.superslab(unit);
    let change =
        superslab.update(|word| Some(word.used_as(Use::Shared).with_slots(slots).listed()));
    if change.is_some_and(|(old, _)| !old.is_listed()) {
        root::<P>().available.push(unit, &superslab.stack_link);
    }
}

/// Takes a slab back no block of which is out; retires its SuperSlab if that is the last one and there are spares.
pub(crate) fn give_back<P: Platform>(range: Range<P>, owned: Owned<P>) {
    let slabs = P::GEOMETRY.slabs_per_superslab;
    let slabs = if P::planted(Fault::LgMismatch) { slabs / 2 } else { slabs };
    let (unit, bit) = (owned.index / slabs, 1 << (owned.index % slabs));
    if !P::planted(Fault::OfferBeforeReady) {
        owned.empty();
    }
    let superslab = range.superslab(unit);
    let seen = P::planted(Fault::ListedTwice).then(|| superslab.load());
    let change = superslab.update(|word| Some(word.with_slots(word.free_slots() | bit).listed()));
    let Some((old, new)) = change else { return };
    if P::planted(Fault::OfferBeforeReady) {
        owned.empty();
    }
    if !seen.unwrap_or(old).is_listed() {
        root::<P>().available.push(unit, &superslab.stack_link);
    }
    if new.free_slots() == P::GEOMETRY.all_slots() {
        // Relaxed: a count. It may run behind the masks: a spare too many or too few for a moment.
        let spares = root::<P>().spares.fetch_add(1, Ordering::Relaxed);
        if spares as usize >= P::GEOMETRY.spare_superslabs {
            retire(range, unit);
        }
    }
}

/// Gives the memory of a wholly free SuperSlab back to the system, unless somebody took a slot meanwhile.
pub(crate) fn retire<P: Platform>(range: Range<P>, unit: u32) {
    let all = P::GEOMETRY.all_slots();
    let superslab = range.superslab(unit);
    let start = with_exposed_provenance_mut(range.unit_start(unit));
    let early = P::planted(Fault::UnmapBeforeRetire);
    if early {
        P::decommit(start, P::GEOMETRY.unit_size());
    }
    let retired = superslab.update(|word| {
        let free = word.free_slots() == all || P::planted(Fault::StaleClaim);
        (word.usage() == Use::Shared && free).then_some(word.used_as(Use::Retired))
    });
    if retired.is_none() {
        return;
    }
    // Relaxed: a count.
    root::<P>().spares.fetch_sub(1, Ordering::Relaxed);
    if !early && !P::decommit(start, P::GEOMETRY.unit_size()) {
        // The system refuses: the SuperSlab stays a spare.
        root::<P>().spares.fetch_add(1, Ordering::Relaxed);
        share(range, unit, all);
        return;
    }
    for slot in 0..P::GEOMETRY.slabs_per_superslab {
        let slab = range.slab(unit * P::GEOMETRY.slabs_per_superslab + slot);
        let word = slab.slot_hint();
        if word.is(SlabState::Empty) {
            let unused = SlotWord::new(SlabState::Unused, word.generation(), OwnerId::NOBODY);
            // Relaxed: the SuperSlab is ours alone; published by the unit map.
            slab.slot.store(unused.0, Ordering::Relaxed);
        }
    }
    superslab.update(|word| Some(word.used_as(Use::Free)));
    units::release(range, unit, 1);
}

/// Retires every wholly free SuperSlab.
pub(crate) fn retire_spares<P: Platform>(range: Range<P>) {
    let spares = root::<P>().spares.load(Ordering::Relaxed);
    if spares == 0 {
        return;
    }
    for unit in 0..range.units() as u32 {
        let word = range.superslab(unit).load();
        if word.usage() == Use::Shared && word.free_slots() == P::GEOMETRY.all_slots() {
            retire(range, unit);
            if root::<P>().spares.load(Ordering::Relaxed) == 0 {
                return;
            }
        }
    }
}

/// Claims units, and takes memory away that an earlier use could not give back.
pub(crate) fn claim_units<P: Platform>(range: Range<P>, count: usize, align: usize) -> Option<u32> {
    let first = units::claim(range, count, align)?;
    for unit in first..first + count as u32 {
        let leftover = &range.superslab(unit).leftover;
        // Relaxed, here and below: the unit's bit is ours; the unit map publishes.
        let bytes = leftover.load(Ordering::Relaxed);
        if bytes != 0 {
            if !P::decommit(with_exposed_provenance_mut(range.unit_start(unit)), bytes) {
                units::release(range, first, count);
                return None;
            }
            leftover.store(0, Ordering::Relaxed);
        }
    }
    Some(first)
}
