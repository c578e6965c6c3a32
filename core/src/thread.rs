//! A thread's heap: how a thread gets one, and what becomes of everything when the thread ends.
//!
//! At the end, the thread cache is flushed and every owned slab given up: to the pool, ABANDONED
//! (other heaps adopt it then), or FULL. Then the heap itself goes on the stack of free heaps. Its
//! next thread gets a new owner identity, so nothing that remembers the old one mistakes the new thread for it.
//!
//! A thread that allocates again after that (from a destructor that runs late) simply gets a heap again.

use crate::cache;
use crate::count;
use crate::fault::Fault;
use crate::heap::Heap;
use crate::platform::{Atomic, Ordering, Plain, Platform};
use crate::range::{Range, root};
use crate::size_class;
use crate::slot::OwnerId;

/// The running thread's heap, made now if it has none. `None` without memory, or with too many threads.
pub(crate) fn heap<P: Platform>() -> Option<&'static Heap<P>> {
    existing_heap().or_else(adopt_heap)
}

/// The running thread's heap, if it has one.
pub(crate) fn existing_heap<P: Platform>() -> Option<&'static Heap<P>> {
    let heap = P::thread_heap();
    (heap != Heap::nobody() && heap != Heap::ended()).then(|| as_ref(heap))
}

#[inline(always)]
pub(crate) fn as_ref<P: Platform>(heap: *mut Heap<P>) -> &'static Heap<P> {
    // SAFETY: the platform returns what `adopt_heap` set, a heap in the range's table, which is committed for ever and
    // valid when zeroed, and whose words only this thread touches; or nobody's heap, which is only read.
    unsafe { &*heap }
}

#[cold]
fn adopt_heap<P: Platform>() -> Option<&'static Heap<P>> {
    let range = Range::<P>::get_or_reserve()?;
    let index = free_heap(range)?;
    let pointer = range.heap(index);
    let heap = as_ref(pointer);
    let step = if P::planted(Fault::IdentityReused) { 0 } else { 1 };
    let generation = heap.generation.get().wrapping_add(step);
    heap.generation.set(generation);
    heap.id.set(OwnerId::new(index, generation).0);
    heap.base.set(range.base());
    heap.bytes.set(range.bytes());
    heap.class_map.set(range.class_map());
    P::set_thread_heap(pointer);
    Some(heap)
}

/// The number of a heap that has no thread; the caller's now.
fn free_heap<P: Platform>(range: Range<P>) -> Option<u32> {
    let used = root::<P>().free_heaps.pop(|index| {
        // SAFETY: the table is committed for ever; the link is atomic.
        unsafe { &(*range.heap(index)).stack_link }
    });
    if used.is_some() {
        return used;
    }
    // Relaxed: a count; each value is given to one thread. A heap that was never used is zeroed memory, published with
    // the range.
    let heaps_used = &root::<P>().heaps_used;
    let mut index = heaps_used.load(Ordering::Relaxed);
    while (index as usize) < P::GEOMETRY.heaps_max {
        match heaps_used.compare_exchange_weak(
            index,
            index + 1,
            Ordering::Relaxed,
            Ordering::Relaxed,
        ) {
            Ok(_) => return Some(index),
            Err(seen) => index = seen,
        }
    }
    None
}

/// The running thread's heap for a free, made now if it has none; `None` also for a thread that has ended.
pub(crate) fn heap_for_free<P: Platform>() -> Option<&'static Heap<P>> {
    if P::thread_heap() == Heap::ended() { None } else { heap() }
}

/// The thread ends: as [`exit`], and what it still frees after that it frees without a heap.
pub(crate) fn end<P: Platform>() {
    exit::<P>();
    P::set_thread_heap(Heap::ended());
}

/// Gives everything up that the running thread's heap holds, and the heap.
pub(crate) fn exit<P: Platform>() {
    let Some(heap) = existing_heap::<P>() else { return };
    let range = heap.range();
    let index = heap.owner().heap().expect("a thread's heap has an identity");
    let early = P::planted(Fault::HeapReusedEarly);
    if early {
        root::<P>().free_heaps.push(index, &heap.stack_link);
    }
    give_up_all(range, heap);
    count::settle(heap);
    heap.id.set(OwnerId::NOBODY.0);
    if !P::planted(Fault::HeapAfterExit) {
        P::set_thread_heap(Heap::nobody());
    }
    if !early {
        root::<P>().free_heaps.push(index, &heap.stack_link);
    }
}

/// Flushes the thread cache and gives up every owned slab.
pub(crate) fn give_up_all<P: Platform>(range: Range<P>, heap: &Heap<P>) {
    let classes = size_class::class_of(P::GEOMETRY.small_max);
    for class in 1..=classes {
        let strand = P::planted(Fault::CacheStrand)
            || P::planted(Fault::FreeOnlyStrand) && heap.last(class).get() == 0;
        if !strand {
            // SAFETY: the heap is the running thread's.
            unsafe { cache::flush(heap, class) };
        }
    }
    for class in 1..=classes {
        cache::give_up_class(range, heap, class);
    }
}
