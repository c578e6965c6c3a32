//! Idle memory: slots that nobody uses and whose pages the system has not got back.
//!
//! Kept, because it will probably be asked for again; but not without bound. Slots may lie idle in
//! number up to a part of those in use, or up to as many as were in use at a time lately, whichever
//! is more; of the latter a number is the most (`Geometry::idle_slots_max`), and one the least.
//!
//! | Idle are      | Then whoever gives slots back                                 |
//! |---------------|---------------------------------------------------------------|
//! | not more      | does nothing else                                             |
//! | more          | sweeps, if nobody has for a `Geometry::sweep_interval`, or it |
//! |               | has given back `Geometry::returns_max` times in a row         |
//! | far more      | sweeps                                                        |
//!
//! So whoever keeps somewhat more than the bound, and uses it again and again, pays little for it.
//! A sweep goes on from SuperSlab to SuperSlab, behind the last one: what it meets has been let
//! alone for longest. In each it gives back what is idle:
//!
//! - all of its slots are free: it is *retired*. Its mask is exchanged for nothing in one step, its
//!   memory goes back, and its unit becomes free;
//! - else it is *purged*. The slots that are idle are taken like for a slab, their pages go back,
//!   and they are offered again, fresh.
//!
//! Memory that stays idle within the bound goes back some time later, see `decay`.
//!
//! Invariant: pages are purged only by whoever took their slots out of the slot mask. (From which
//! state a SuperSlab is retired is invariant 2 of `pool`.)

use core::ptr::with_exposed_provenance_mut;

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::numbers::excess::Excess;
use crate::numbers::geometry::Geometry;
use crate::numbers::slot::{OwnerId, SlabState, SlotWord};
use crate::pool;
use crate::pool::count;
use crate::pool::decay;
use crate::pool::fit;
use crate::range::Range;
use crate::range::budget;
use crate::range::units;
use crate::slabs::ownership::Owned;
use crate::tables::counts::Slots;
use crate::tables::heap;
use crate::tables::root::root;
use crate::tables::superslab::{SuperSlabWord, Use};

/// Takes a slab back no block of which is out.
pub(crate) fn give_back<P: Platform>(range: Range<P>, owned: Owned<P>) {
    let slabs = P::GEOMETRY.slabs_per_superslab;
    let slabs = P::wrong(Fault::LgMismatch, slabs, slabs / 2);
    let (unit, bit) = (owned.index / slabs, 1 << (owned.index % slabs));
    P::swapped(
        Fault::OfferBeforeReady,
        || owned.empty(range),
        || give_back_slots(range, unit, bit),
    );
}

/// Takes slots back that are ours, and of which nothing is in use. If too much memory lies idle
/// then, some of it goes back to the system.
pub(crate) fn give_back_slots<P: Platform>(range: Range<P>, unit: u32, slots: u32) {
    debug_assert!(slots != 0 && slots & !P::GEOMETRY.all_slots() == 0);
    count::given::<P>(slots.count_ones());
    let Some(new) = pool::offer(range, unit, slots) else { return };
    // Behind the offer: of two threads that give slots back, one finds both.
    let known = count::known::<P>();
    let lately = note_used::<P>(known.used + slots.count_ones() as i32);
    if let Some(heap) = heap::existing::<P>() {
        fit::remember(heap, unit, new.free_slots(), slots.trailing_zeros());
    }
    // At once, also if too much lies idle: whoever stops here for ever leaves the rest of it to the
    // others.
    decay::expect::<P>();
    if is_to_sweep::<P>(known, lately) {
        // With each slot that comes back, one more is idle, and three quarters less of one may be.
        let most = P::GEOMETRY.slice_slots.max(2 * P::GEOMETRY.run_slabs_max);
        let is_whole = new.free_slots() == P::GEOMETRY.all_slots();
        let done = if is_whole { shrink(range, unit, new) } else { 0 };
        sweep(range, most.saturating_sub(done), lately);
    }
    decay::tick(range, P::GEOMETRY.slice_slots);
}

/// By how much more slots lie idle than should, if so many were in use lately.
fn excess<P: Platform>(Slots { used, idle }: Slots, lately: u32) -> Excess {
    let Geometry { idle_slots_min, idle_slots_max, .. } = P::GEOMETRY;
    let least = lately.clamp(idle_slots_min, idle_slots_max);
    // What is known may be below zero: others have not added what they counted.
    Excess::of(idle.max(0) as usize, least as usize, used.max(0) as usize)
}

/// Remembers how many slots are in use before some come back; how many were lately.
fn note_used<P: Platform>(used: i32) -> u32 {
    let lately = &root::<P>().used_lately;
    let used = used.max(0) as u32;
    // Relaxed, here and below: a hint.
    let mut seen = lately.load(Ordering::Relaxed);
    while used > seen {
        match lately.compare_exchange_weak(seen, used, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return used,
            Err(now) => seen = now,
        }
    }
    seen
}

/// Forgets, in each round of decay, half of what is above the number of slots in use.
pub(crate) fn forget_used<P: Platform>() {
    let lately = &root::<P>().used_lately;
    let used = count::known::<P>().used.max(0) as u32;
    let before = lately.load(Ordering::Relaxed);
    let after = used + before.saturating_sub(used) / 2;
    // If somebody is faster, the next round does it.
    let _ = lately.compare_exchange(before, after, Ordering::Relaxed, Ordering::Relaxed);
}

/// Whether so much lies idle that some has to go back, or if it is only somewhat more than should,
/// whether nobody has given back some for a while.
fn is_to_sweep<P: Platform>(known: Slots, lately: u32) -> bool {
    let wanted = match excess::<P>(known, lately) {
        Excess::None => false,
        Excess::Some => count::is_shrinking::<P>() || is_time::<P>(),
        Excess::Much => true,
    };
    P::wrong(Fault::IdleBoundOff, wanted, false)
}

/// Whether nobody has given back for a while what is somewhat too much; if so, the running thread
/// is about to.
pub(crate) fn is_time<P: Platform>() -> bool {
    let due = &root::<P>().sweep_due;
    let (time, now) = (due.load(Ordering::Relaxed), P::now());
    let left = time.wrapping_sub(now);
    if left != 0 && left <= P::GEOMETRY.sweep_interval {
        return false;
    }
    let next = now.wrapping_add(P::GEOMETRY.sweep_interval);
    // Relaxed: nothing is published by it.
    due.compare_exchange(time, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

/// Gives back to the system what is idle in this SuperSlab, whose word was `seen`; how many slots
/// were tried.
pub(crate) fn shrink<P: Platform>(range: Range<P>, unit: u32, seen: SuperSlabWord) -> u32 {
    if seen.free_slots() == P::GEOMETRY.all_slots() {
        retire(range, unit)
    } else {
        purge(range, unit)
    }
}

/// SuperSlabs that one sweep looks at.
const SWEEP: u32 = 32;

/// Too much lies idle: a few SuperSlabs, each time the next ones, give up what is idle in them,
/// `most` slots at most.
fn sweep<P: Platform>(range: Range<P>, most: u32, lately: u32) {
    // Relaxed: a place to go on from.
    let next = &root::<P>().sweep;
    let start = next.load(Ordering::Relaxed);
    let (mut last, mut most) = (start, most);
    units::visit_claimed(range, start, SWEEP, |unit| {
        if most == 0 {
            return Some(());
        }
        last = unit + 1;
        let word = range.superslab(unit).load();
        let is_too_much = || excess::<P>(count::known::<P>(), lately) != Excess::None;
        if has_idle(range, unit, word) && is_too_much() {
            most = most.saturating_sub(shrink(range, unit, word));
        }
        None
    });
    next.store(last, Ordering::Relaxed);
}

/// Gives the memory of a wholly free SuperSlab back to the system, unless somebody took a slot
/// meanwhile; how many slots were idle, and at least one for the work, or 0 if it was lost.
fn retire<P: Platform>(range: Range<P>, unit: u32) -> u32 {
    let all = P::GEOMETRY.all_slots();
    let superslab = range.superslab(unit);
    let start = range.unit_start(unit);
    P::added(Fault::UnmapBeforeRetire, || {
        P::decommit(with_exposed_provenance_mut(start), P::GEOMETRY.unit_size());
    });
    let retired = superslab.update(|word| {
        let free = P::wrong(Fault::StaleClaim, word.free_slots() == all, true);
        (word.usage() == Use::Shared && free).then_some(word.used_as(Use::Retired))
    });
    if retired.is_none() {
        // Somebody took a slot: the others stay idle.
        decay::expect::<P>();
        return 0;
    }
    // Relaxed: the slots are ours.
    let idle = superslab.touched.load(Ordering::Relaxed).count_ones().max(1);
    let gone = P::replaced(
        Fault::UnmapBeforeRetire,
        || budget::decommit::<P>(start, P::GEOMETRY.unit_size()),
        || true,
    );
    if !gone {
        // The system refuses: the SuperSlab stays, idle.
        P::skipped(Fault::RefusedRetirement, || {
            pool::share(range, unit, all);
            decay::expect::<P>();
        });
        return idle;
    }
    forget(range, unit, all);
    superslab.update(|word| Some(word.used_as(Use::Free)));
    units::release(range, unit, 1);
    idle
}

/// Gives the pages of the slots that are idle in this SuperSlab back to the system; how many there
/// were.
fn purge<P: Platform>(range: Range<P>, unit: u32) -> u32 {
    let superslab = range.superslab(unit);
    let idle = |word: SuperSlabWord| {
        // Relaxed: a bit that changes meanwhile belongs to a slot that is not free, or then the
        // exchange fails.
        let touched = superslab.touched.load(Ordering::Relaxed);
        if word.usage() == Use::Shared { word.free_slots() & touched } else { 0 }
    };
    let take = |word: SuperSlabWord| match idle(word) {
        0 => None,
        idle => Some(word.with_slots(word.free_slots() & !idle)),
    };
    let taken = P::replaced(
        Fault::PurgeWithoutTaking,
        || superslab.update(take),
        || {
            let seen = superslab.load();
            take(seen).map(|new| (seen, new))
        },
    );
    let Some((old, new)) = taken else { return 0 };
    let mine = old.free_slots() & !new.free_slots();
    let (fresh, offered) = P::swapped(
        Fault::OfferBeforePurge,
        || reset(range, unit, mine),
        || pool::offer(range, unit, mine),
    );
    let is_whole = offered.is_some_and(|word| word.free_slots() == P::GEOMETRY.all_slots());
    if is_whole || fresh != mine {
        // Idle still: a SuperSlab whose other slots came back meanwhile, or pages that the system
        // did not take.
        decay::expect::<P>();
    }
    mine.count_ones()
}

/// Gives the pages of these slots, which are ours, back to the system; the slots whose memory is
/// fresh then.
fn reset<P: Platform>(range: Range<P>, unit: u32, slots: u32) -> u32 {
    debug_assert!(slots & !P::GEOMETRY.all_slots() == 0);
    let mut fresh = 0;
    let mut left = slots;
    while left != 0 {
        let first = left.trailing_zeros();
        let count = (left >> first).trailing_ones();
        let part = pool::slots(first, count);
        let slab = unit * P::GEOMETRY.slabs_per_superslab + first;
        let start = with_exposed_provenance_mut(range.slab_start(slab));
        let reset = P::reset(start, (count as usize) << P::GEOMETRY.slab_shift);
        if P::wrong(Fault::RefusedResetTrusted, reset, true) {
            fresh |= part;
        }
        left &= !part;
    }
    forget(range, unit, fresh);
    fresh
}

/// The memory of these slots, which are ours, is fresh again.
fn forget<P: Platform>(range: Range<P>, unit: u32, slots: u32) {
    debug_assert!(slots & !P::GEOMETRY.all_slots() == 0);
    // Relaxed, here and below: the slots are ours; published by the slot mask or by the unit map.
    let superslab = range.superslab(unit);
    if superslab.sealed.load(Ordering::Relaxed) & slots != 0 {
        superslab.sealed.fetch_and(!slots, Ordering::Relaxed);
    }
    let touched = superslab.touched.fetch_and(!slots, Ordering::Relaxed) & slots;
    count::add::<P>(Slots { used: 0, idle: -(touched.count_ones() as i32) });
    let mut left = slots;
    while left != 0 {
        let slot = left.trailing_zeros();
        left &= left - 1;
        let slab = range.slab(unit * P::GEOMETRY.slabs_per_superslab + slot);
        let word = slab.slot_hint();
        if word.is(SlabState::Empty) {
            let unused = SlotWord::new(SlabState::Unused, word.generation(), OwnerId::NOBODY);
            slab.slot.store(unused.0, Ordering::Relaxed);
        }
    }
}

/// Whether there is something in this SuperSlab for [`shrink`].
pub(crate) fn has_idle<P: Platform>(range: Range<P>, unit: u32, word: SuperSlabWord) -> bool {
    // Relaxed: a hint.
    let touched = range.superslab(unit).touched.load(Ordering::Relaxed);
    word.usage() == Use::Shared
        && (word.free_slots() == P::GEOMETRY.all_slots() || word.free_slots() & touched != 0)
}

/// Gives back to the system whatever is idle; whether there was something.
pub(crate) fn collect<P: Platform>(range: Range<P>) -> bool {
    let mut some = false;
    units::visit_claimed::<P, ()>(range, 0, u32::MAX, |unit| {
        let word = range.superslab(unit).load();
        if has_idle(range, unit, word) {
            shrink(range, unit, word);
            some = true;
        }
        None
    });
    some
}
