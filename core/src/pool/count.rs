//! How many slots are in use, and how many lie idle: what `idle` decides by.
//!
//! Every run and every slab that is handed out or comes back changes these numbers. If it were one word, all threads would
//! wait for it in turn. So each heap adds up what its thread does, and adds it to the root's word when it is more than a few
//! (`Geometry::count_batch`), and when the thread ends. The more heaps there are, the less each keeps for itself, down to nothing:
//! the root's word is never off by more than a bound for all of them together (`Geometry::count_hidden_max`, and what was kept when
//! there were fewer). The sum of all is exact at rest.
//!
//! Invariant: the root's word and the words of all heaps that have a thread, added up, are the slots of SuperSlabs that are taken
//! out of the slot mask, and of the others those whose pages were touched; but for what threads are in the middle of.

use crate::boundary::fault::Fault;
use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::tables::counts::Slots;
use crate::tables::heap::{self, Heap};
use crate::tables::root::{self, root};

/// Counts.
pub(crate) fn add<P: Platform>(change: Slots) {
    let Some(heap) = heap::existing::<P>() else { return add_to_root::<P>(change) };
    let sum = heap.counts.get() + change;
    let most = sum.used.unsigned_abs().max(sum.idle.unsigned_abs());
    let share = P::GEOMETRY.count_hidden_max;
    if most > P::GEOMETRY.count_batch || most.saturating_mul(root::heaps_used::<P>()) > share {
        heap.counts.set(Slots::default());
        add_to_root::<P>(sum);
    } else {
        heap.counts.set(sum);
    }
}

/// The thread of this heap ends: what it counted is added to the root's word.
pub(crate) fn settle<P: Platform>(heap: &Heap<P>) {
    let sum = heap.counts.get();
    heap.counts.set(Slots::default());
    if sum != Slots::default() && !P::planted(Fault::CountStrand) {
        add_to_root::<P>(sum);
    }
}

fn add_to_root<P: Platform>(change: Slots) {
    // Relaxed: a count, nothing is published by it.
    root::<P>().slots.fetch_add(change.word(), Ordering::Relaxed);
}

/// What the running thread knows: all that was added to the root's word, and what it counted itself.
pub(crate) fn known<P: Platform>() -> Slots {
    let all = in_root::<P>();
    heap::existing::<P>().map_or(all, |heap| all + heap.counts.get())
}

/// What was added to the root's word.
pub(crate) fn in_root<P: Platform>() -> Slots {
    Slots::from_word(root::<P>().slots.load(Ordering::Relaxed))
}
