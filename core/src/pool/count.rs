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
use crate::boundary::platform::{Atomic, Gauge, Ordering, Plain, Platform};
use crate::range::root;
use crate::tables::heap::Heap;
use crate::thread;

/// What a heap has counted and not yet added to the root's word: a signed number each. Zeroed memory is nothing.
#[repr(C)]
pub(crate) struct Counts<P: Platform> {
    used: P::Gauge,
    idle: P::Gauge,
}

/// A number of slots in use, and one of idle ones; or by how much they change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// Taken out of the slot mask.
    pub used: i32,
    /// Free, with pages that were touched.
    pub idle: i32,
}

impl Slots {
    /// From the root's word: idle ones in the lower half, in the upper one those in use. One more is borrowed from there while the
    /// lower half is negative.
    fn from_word(word: u64) -> Slots {
        let idle = word as u32 as i32;
        let used = (word.wrapping_sub(idle as u64) >> 32) as i32;
        Slots { used, idle }
    }

    fn word(self) -> u64 {
        ((self.used as u64) << 32).wrapping_add(self.idle as u64)
    }
}

impl core::ops::Add for Slots {
    type Output = Slots;

    fn add(self, other: Slots) -> Slots {
        let used = self.used.wrapping_add(other.used);
        Slots { used, idle: self.idle.wrapping_add(other.idle) }
    }
}

impl<P: Platform> Counts<P> {
    fn get(&self) -> Slots {
        Slots { used: self.used.get() as i32, idle: self.idle.get() as i32 }
    }

    fn set(&self, slots: Slots) {
        self.used.set(slots.used as u32);
        self.idle.set(slots.idle as u32);
    }

    /// As far as it is known to others.
    pub(crate) fn peek(&self) -> Slots {
        Slots { used: self.used.peek() as i32, idle: self.idle.peek() as i32 }
    }
}

/// Counts.
pub(crate) fn add<P: Platform>(change: Slots) {
    let Some(heap) = thread::existing_heap::<P>() else { return add_to_root::<P>(change) };
    let sum = heap.counts.get() + change;
    let most = sum.used.unsigned_abs().max(sum.idle.unsigned_abs());
    let share = P::GEOMETRY.count_hidden_max;
    if most > P::GEOMETRY.count_batch || most.saturating_mul(thread::heaps_used::<P>()) > share {
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
    thread::existing_heap::<P>().map_or(all, |heap| all + heap.counts.get())
}

/// What was added to the root's word.
pub(crate) fn in_root<P: Platform>() -> Slots {
    Slots::from_word(root::<P>().slots.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_holds_two_signed_numbers_and_is_added_to_as_a_whole() {
        let numbers = [i32::MIN / 2, -70_000, -1, 0, 1, 5, 70_000, i32::MAX / 2];
        for used in numbers {
            for idle in numbers {
                let slots = Slots { used, idle };
                assert_eq!(Slots::from_word(slots.word()), slots);
                for change in [Slots { used: -3, idle: 3 }, Slots { used: 1, idle: -1 }] {
                    let word = slots.word().wrapping_add(change.word());
                    assert_eq!(Slots::from_word(word), slots + change);
                }
            }
        }
    }
}
