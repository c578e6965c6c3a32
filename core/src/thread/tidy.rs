//! Tidying: what a heap holds and has not used for a while goes back.
//!
//! Nothing runs in the background, and the fast paths count nothing. Each slow path counts; after
//! so many of them (`Geometry::tidy_slow_paths`) the heap's thread looks at the clock, and if an
//! interval has passed (`Geometry::decay_interval`), it goes through the classes:
//!
//! - A class that was not refilled since the last time, and whose thread cache begins with the same
//!   block as then, is not in use: its cache is flushed, and its slabs are given up, so that other
//!   heaps can adopt them.
//! - Of the other classes, what was freed by others is taken off the remote lists, and slabs of
//!   which nothing is out go back to the pool.
//!
//! No call waits for all of that: the classes are gone through a few at a time, at one slow path
//! after the other, and so are the slabs of a class of which many go back.
//!
//! So a thread holds no more than its caches (which are bounded) and what it used within the last
//! two intervals, as long as it calls the allocator at all. A thread that ends gives everything up
//! (see `thread`).

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Plain, Platform};
use crate::numbers::size_class;
use crate::pool::{decay, idle};
use crate::range::Range;
use crate::tables::heap::Heap;
use crate::thread::cache;

/// Counts a slow path of the running thread, whose heap this is, and tidies the heap if that is
/// due.
pub(crate) fn count<P: Platform>(heap: &Heap<P>) {
    match heap.slow_paths_left.get() {
        0 => look(heap),
        left => heap.slow_paths_left.set(left - 1),
    }
}

#[cold]
fn look<P: Platform>(heap: &Heap<P>) {
    if heap.tidy_at.get() != 0 {
        return tidy(heap);
    }
    heap.slow_paths_left.set(P::GEOMETRY.tidy_slow_paths);
    let now = P::now();
    let due = heap.tidy_due.get();
    if due != 0 && decay::is_to_come::<P>(due, now) {
        return;
    }
    heap.tidy_due.set(decay::time_after::<P>(now));
    decay::tick(Range::of(heap), P::GEOMETRY.slice_slots);
    if P::wrong(Fault::NeverTidied, due != 0, false) {
        heap.tidy_at.set(1);
        tidy(heap);
    }
}

/// Slabs that go back in one call, at most.
const SLABS: u32 = 16;

/// Classes that are looked at in one call, at most.
const CLASSES_AT_ONCE: u32 = 8;

/// Goes through some classes: the next ones at the next slow path.
fn tidy<P: Platform>(heap: &Heap<P>) {
    let last = size_class::class_of(P::GEOMETRY.small_max);
    let mut left = SLABS;
    let first = heap.tidy_at.get();
    debug_assert!(first >= 1, "class 0 has nothing to tidy");
    for class in first..first + CLASSES_AT_ONCE {
        if class > last {
            heap.tidy_at.set(0);
            heap.forget_used();
            return;
        }
        left = left.saturating_sub(tidy_class(heap, class, left));
        if left == 0 {
            // This class again: there may be more.
            return heap.tidy_at.set(class);
        }
    }
    heap.tidy_at.set(first + CLASSES_AT_ONCE);
}

/// Tidies one class, and gives up `most` slabs at most; how many it were.
fn tidy_class<P: Platform>(heap: &Heap<P>, class: u32, most: u32) -> u32 {
    debug_assert!(most >= 1);
    let range = Range::of(heap);
    let bin = heap.bin(class);
    let first = bin.cache.get();
    let seen = &heap.seen[class as usize];
    let slabs = if heap.was_used(class) || first != seen.get() {
        take_back(range, heap, class, most)
    } else {
        // SAFETY: [heap 1] the heap is the running thread's.
        unsafe { cache::flush(heap, class) };
        cache::give_up_class(range, heap, class, most)
    };
    seen.set(bin.cache.get());
    slabs
}

/// Takes what others freed to the heap's slabs of `class`; those that are unused then go to the
/// pool, but for one, and `most` at most. How many it were.
fn take_back<P: Platform>(range: Range<P>, heap: &Heap<P>, class: u32, most: u32) -> u32 {
    let bin = heap.bin(class);
    let mut next = bin.first(range);
    let mut slabs = 0;
    while let Some(owned) = next {
        next = bin.after(range, owned);
        owned.slab.drain();
        if owned.slab.is_unused() && !bin.is_only(owned) {
            bin.unlink(range, owned);
            idle::give_back(range, owned);
            slabs += 1;
            if slabs == most {
                break;
            }
        }
    }
    slabs
}
