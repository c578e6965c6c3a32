//! Tidying: what a heap holds and has not used for a while goes back.
//!
//! Nothing runs in the background, and the fast paths count nothing. Each slow path counts; after so many of them
//! (`Geometry::tidy_slow_paths`) the heap's thread looks at the clock, and if an interval has passed
//! (`Geometry::decay_interval`), it goes through the classes:
//!
//! - A class that was not refilled since the last time, and whose thread cache begins with the same block as then, is not in use:
//!   its cache is flushed, and its slabs are given up, so that other heaps can adopt them.
//! - Of the other classes, what was freed by others is taken off the remote lists, and slabs of which nothing is out go back
//!   to the pool.
//!
//! So a thread holds no more than its caches (which are bounded) and what it used within the last two intervals, as long as it
//! calls the allocator at all. A thread that ends gives everything up (see `thread`).

use crate::cache;
use crate::decay;
use crate::heap::Heap;
use crate::platform::{Plain, Platform};
use crate::pool;
use crate::range::Range;
use crate::size_class;

/// Counts a slow path of the running thread, whose heap this is, and tidies the heap if that is due.
pub(crate) fn count<P: Platform>(heap: &Heap<P>) {
    match heap.slow_paths_left.get() {
        0 => look(heap),
        left => heap.slow_paths_left.set(left - 1),
    }
}

#[cold]
fn look<P: Platform>(heap: &Heap<P>) {
    heap.slow_paths_left.set(P::GEOMETRY.tidy_slow_paths);
    let now = P::now();
    let due = heap.tidy_due.get();
    if due != 0 && decay::is_to_come::<P>(due, now) {
        return;
    }
    heap.tidy_due.set(decay::time_after::<P>(now));
    if due != 0 {
        tidy(heap);
    }
}

/// Goes through the classes.
fn tidy<P: Platform>(heap: &Heap<P>) {
    let range = heap.range();
    for class in 1..=size_class::class_of(P::GEOMETRY.small_max) {
        let bin = heap.bin(class);
        let first = bin.cache.get();
        let was_used = heap.was_used(class);
        if was_used || first != heap.seen[class as usize].get() {
            take_back(range, heap, class);
        } else {
            // SAFETY: the heap is the running thread's.
            unsafe { cache::flush(heap, class) };
            cache::give_up_class(range, heap, class);
        }
        heap.seen[class as usize].set(bin.cache.get());
    }
    heap.forget_used();
}

/// Takes what others freed to the heap's slabs of `class`; those that are unused then go to the pool, but for one.
fn take_back<P: Platform>(range: Range<P>, heap: &Heap<P>, class: u32) {
    let bin = heap.bin(class);
    let mut next = bin.first(range);
    while let Some(owned) = next {
        next = bin.after(range, owned);
        owned.slab.drain();
        if owned.slab.is_unused() && !bin.is_only(owned) {
            bin.unlink(range, owned);
            pool::give_back(range, owned);
        }
    }
}
