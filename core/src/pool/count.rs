//! How many slots are in use, and how many lie idle: what `idle` decides by.
//!
//! Every run and every slab that is handed out or comes back changes these numbers. If it were one
//! word, all threads would wait for it in turn. So each heap adds up what its thread does, and adds
//! it to the root's word when it is more than its share, and when the thread ends. The share
//! follows from the heap's number alone (`Geometry::count_share`): a few slots for the first heaps,
//! nothing for those with high numbers. So the root's word is never off by more than a constant for
//! all heaps together (`Geometry::count_hidden_max`), however many there are and in whatever order
//! they came. The numbers of heaps whose threads have ended are used again first, so that a few
//! threads at a time have low numbers. The sum of all is exact at rest.
//!
//! Invariant: the root's word and the words of all heaps that have a thread, added up, are the
//! slots of SuperSlabs that are taken out of the slot mask, and of the others those whose pages
//! were touched; but for what threads are in the middle of.

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Plain, Platform};
use crate::tables::counts::Slots;
use crate::tables::heap::{self, Heap};
use crate::tables::root::root;

/// The numbers change by so many slots.
pub(crate) fn add<P: Platform>(change: Slots) {
    let Some(heap) = heap::existing::<P>() else { return add_to_root::<P>(change) };
    let sum = heap.counts.get() + change;
    let most = sum.used.unsigned_abs().max(sum.idle.unsigned_abs());
    if most > share(heap) {
        heap.counts.set(Slots::default());
        add_to_root::<P>(sum);
    } else {
        heap.counts.set(sum);
    }
}

/// So many slots at most the heap keeps for itself.
fn share<P: Platform>(heap: &Heap<P>) -> u32 {
    let index = P::replaced(Fault::ShareOfTheFirst, || heap.owner().heap(), || Some(0));
    index.map_or(0, |index| P::GEOMETRY.count_share(index))
}

/// So many slots were taken, of which so many had been idle.
pub(crate) fn taken<P: Platform>(slots: u32, idle: u32) {
    asked::<P>();
    debug_assert!(idle <= slots && slots <= P::GEOMETRY.slabs_per_superslab);
    add::<P>(Slots { used: slots as i32, idle: -(idle as i32) });
}

/// So many slots are about to be given back.
pub(crate) fn given<P: Platform>(slots: u32) {
    returned::<P>();
    debug_assert!(1 <= slots && slots <= P::GEOMETRY.slabs_per_superslab);
    add::<P>(Slots { used: -(slots as i32), idle: slots as i32 });
}

/// The running thread takes slots or a mapping.
pub(crate) fn asked<P: Platform>() {
    if let Some(heap) = heap::existing::<P>() {
        heap.returns.set(0);
    }
}

/// The running thread gives slots or a mapping back.
pub(crate) fn returned<P: Platform>() {
    if let Some(heap) = heap::existing::<P>() {
        heap.returns.set(heap.returns.get().saturating_add(1));
    }
}

/// Whether the running thread only gives memory back, and takes none.
pub(crate) fn is_shrinking<P: Platform>() -> bool {
    heap::existing::<P>().is_some_and(|heap| heap.returns.get() >= P::GEOMETRY.returns_max)
}

/// The thread of this heap ends: what it counted is added to the root's word.
pub(crate) fn settle<P: Platform>(heap: &Heap<P>) {
    let sum = heap.counts.get();
    heap.counts.set(Slots::default());
    if sum != Slots::default() {
        P::skipped(Fault::CountStrand, || add_to_root::<P>(sum));
    }
}

fn add_to_root<P: Platform>(change: Slots) {
    // Relaxed: a count, nothing is published by it.
    root::<P>().slots.fetch_add(change.word(), Ordering::Relaxed);
}

/// What the running thread knows: all that was added to the root's word, and what it counted
/// itself.
pub(crate) fn known<P: Platform>() -> Slots {
    let all = in_root::<P>();
    heap::existing::<P>().map_or(all, |heap| all + heap.counts.get())
}

/// What was added to the root's word.
pub(crate) fn in_root<P: Platform>() -> Slots {
    Slots::from_word(root::<P>().slots.load(Ordering::Relaxed))
}
