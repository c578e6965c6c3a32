//! A thread's heap: how a thread gets one, and what becomes of everything when the thread ends.
//!
//! At the end, the thread cache is flushed and every owned slab given up: to the pool, ABANDONED,
//! or FULL. Then the heap goes on the stack of free heaps. Its next thread is another owner, so
//! that nothing takes it for the old one. A thread that allocates after that (in a late destructor)
//! gets a heap if it only gave its own up ([`exit`]), and is a guest if it has ended ([`end`]).
//!
//! Invariant: heaps below `heaps_used` have memory for ever, zeroed at first: [`free_heap`] gives
//! it before it counts them. Who takes a number off the stack of free heaps has the heap alone.

pub(crate) mod cache;
pub(crate) mod guest;
pub(crate) mod refill;
mod slab_list;
pub(crate) mod tidy;

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Plain, Platform};
use crate::numbers::size_class;
use crate::numbers::slot::OwnerId;
use crate::pool::count;
use crate::range::Range;
use crate::tables::heap::{self, Heap};
use crate::tables::root::{heaps_used, root};

/// The running thread's heap, made now if it has none. `None` without memory, with too many
/// threads, and for a thread that has ended.
pub(crate) fn heap<P: Platform>() -> Option<&'static Heap<P>> {
    let heap = P::thread_heap();
    if heap == Heap::nobody() {
        return adopt_heap();
    }
    // SAFETY: [platform 3] it is what the core set for this thread.
    (heap != Heap::ended()).then(|| unsafe { heap::as_ref(heap) })
}

#[cold]
fn adopt_heap<P: Platform>() -> Option<&'static Heap<P>> {
    let range = Range::<P>::get_or_reserve()?;
    let index = free_heap(range)?;
    let pointer = range.heap(index);
    // SAFETY: [thread 1] who got the number has the heap alone.
    let heap = unsafe { heap::as_ref(pointer) };
    let step = P::wrong(Fault::IdentityReused, 1, 0);
    let generation = heap.generation.get().wrapping_add(step);
    heap.generation.set(generation);
    heap.id.set(OwnerId::new(index, generation).0);
    heap.base.set(range.base());
    heap.bytes.set(range.extent_bytes());
    heap.class_map.set(range.class_map());
    heap.range_word.set(range.word());
    P::set_thread_heap(pointer);
    Some(heap)
}

/// The range has grown since the heap looked at its length: the fast path of `free` knows the block
/// at `address` from now on.
pub(crate) fn catch_up<P: Platform>(heap: &Heap<P>, range: Range<P>, address: usize) {
    if address.wrapping_sub(heap.base.get()) >= heap.bytes.get() {
        heap.bytes.set(range.extent_bytes());
    }
}

/// Heaps get memory by so many.
const HEAPS_AT_ONCE: u32 = 4;

/// The number of a heap that has no thread; the caller's now.
fn free_heap<P: Platform>(range: Range<P>) -> Option<u32> {
    let used = root::<P>().free_heaps.pop(|index| {
        // SAFETY: [thread 1] a heap that was used has memory for ever; the link is atomic.
        unsafe { &(*range.heap(index)).stack_link }
    });
    if used.is_some() {
        return used;
    }
    let used = &root::<P>().heaps_used;
    let mut index = heaps_used::<P>();
    while (index as usize) < range.heaps() {
        if !P::replaced(Fault::HeapBeforeMemory, || give_memory(range, index), || true) {
            return None;
        }
        // Release, or Acquire on failure: pairs with itself and with `heaps_used`: the heaps below
        // the number have memory.
        match used.compare_exchange_weak(index, index + 1, Ordering::Release, Ordering::Acquire) {
            Ok(_) => {
                P::added(Fault::HeapBeforeMemory, || {
                    give_memory(range, index);
                });
                return Some(index);
            }
            Err(seen) => index = seen,
        }
    }
    None
}

/// Gives memory to heap `index`, and to a few behind it; or nothing, if somebody did that who got
/// the first one of these.
fn give_memory<P: Platform>(range: Range<P>, index: u32) -> bool {
    if !index.is_multiple_of(HEAPS_AT_ONCE) {
        return true;
    }
    let end = (index + HEAPS_AT_ONCE).min(range.heaps() as u32);
    debug_assert!(index < end);
    let (start, bytes) = range.heap_pages(index, end);
    P::ensure(core::ptr::with_exposed_provenance_mut(start), bytes)
}

/// The thread ends: as [`exit`], and what it still frees after that it frees without a heap.
pub(crate) fn end<P: Platform>() {
    exit::<P>();
    P::set_thread_heap(Heap::ended());
}

/// Gives everything up that the running thread's heap holds, and the heap.
pub(crate) fn exit<P: Platform>() {
    let Some(heap) = heap::existing::<P>() else { return };
    let range = Range::of(heap);
    let index = heap.owner().heap().expect("a thread's heap has an identity");
    P::swapped(
        Fault::HeapReusedEarly,
        || {
            give_up_all(range, heap);
            P::skipped(Fault::CountsAfterHeap, || count::settle(heap));
            heap.id.set(OwnerId::NOBODY.0);
            P::skipped(Fault::HeapAfterExit, || P::set_thread_heap(Heap::nobody()));
        },
        || root::<P>().free_heaps.push(index, &heap.stack_link),
    );
    P::added(Fault::CountsAfterHeap, || count::settle(heap));
}

/// Flushes the thread cache and gives up every owned slab.
pub(crate) fn give_up_all<P: Platform>(range: Range<P>, heap: &Heap<P>) {
    let classes = size_class::class_of(P::GEOMETRY.small_max);
    for class in 1..=classes {
        let flush = || {
            // SAFETY: [heap 1] the heap is the running thread's.
            unsafe { cache::flush(heap, class) };
        };
        P::skipped(Fault::CacheStrand, || {
            P::replaced(Fault::FreeOnlyStrand, flush, || {
                if heap.last(class).get() != 0 {
                    flush();
                }
            });
        });
    }
    for class in 1..=classes {
        cache::give_up_class(range, heap, class, u32::MAX);
    }
}
