//! The thread cache when it is full, or given up: freed blocks go back to the slabs that they came
//! from.
//!
//! The bin's list takes blocks and hands them out. When it is full, some blocks stay, those that
//! were freed last, and the others leave. Of small blocks the list is long: there, most of it
//! leaves at once, without a walk to find where to cut it, and waits as the reserve; what goes back
//! to the slabs is the reserve that there was. An empty list takes the reserve over. So whatever a
//! program does, nearly half a cache of allocations or frees lies between two steps that touch
//! slabs (after the magazines of Bonwick and Adams: Magazines and vmem, 2001).
//!
//! Each cached block may be the last one of its slab, whose memory then stays. So if a list is full
//! several times in a row (`Geometry::overflows_max`), never empty in between, and what leaves it
//! goes to slabs of this heap, then the thread is giving up what it has: the list *shrinks* to one
//! block, without a reserve, until it is empty once. Blocks of other heaps' slabs go back in
//! batches all the time: there a batch saves an exchange for each block.
//!
//! A block of a slab that this heap owns, or that nobody owns and this heap claims for that, goes
//! on its freelist; every other one on the remote list of its slab (remote free); in chains of
//! neighbours, so that a batch costs one exchange. A slab whose last block comes back goes to the
//! shared pool, unless it is the heap's only one of its class, and the list has not shrunk.

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Misuse, Plain, Platform};
use crate::numbers::capacity::{has_reserve, stay_count};
use crate::numbers::size_class;
use crate::numbers::slot::OwnerId;
use crate::pool::idle;
use crate::range::Range;
use crate::slabs::ownership::{self, Owned};
use crate::tables::block::{self, Chain};
use crate::tables::heap::Heap;

/// Makes room in the full list of the thread cache of `class`: a few blocks stay, the others become
/// the reserve, and the reserve that there was goes back. If the list shrinks, everything does.
///
/// # Safety
/// `heap` is the running thread's, and the list is full.
pub(crate) unsafe fn make_room<P: Platform>(heap: &Heap<P>, class: u32) {
    let overflows = heap.overflows(class);
    let opens = |count: u32, stay: u32| {
        overflows.set(count);
        heap.bin(class).room.set(heap.list_capacity(class) - stay);
    };
    if overflows.get() >= P::GEOMETRY.overflows_max {
        opens(P::GEOMETRY.overflows_max + 1, 0);
        // SAFETY: [contract] the heap is the running thread's.
        if !unsafe { flush(heap, class) } {
            opens(0, 0);
        }
        return;
    }
    // SAFETY: [contract] the heap is the running thread's, and the list is full.
    let (leaves, stay) = unsafe { cut(heap, class) };
    opens(overflows.get() + 1, stay);
    // SAFETY: [contract, block 1] the list is in no cache any more: it is ours alone.
    if leaves != 0 && !unsafe { scatter(heap, class, leaves) } {
        opens(0, stay);
    }
}

/// Cuts the full list of the thread cache of `class`: the list that goes back, or 0, and how many
/// blocks stay.
///
/// # Safety
/// As [`make_room`].
unsafe fn cut<P: Platform>(heap: &Heap<P>, class: u32) -> (usize, u32) {
    let (bin, reserve) = (heap.bin(class), heap.reserve(class));
    let size = size_class::size_of(class);
    let stay = stay_count(&P::GEOMETRY, size);
    debug_assert!(stay >= 1, "a block stays behind which the list is cut");
    let mut last = bin.cache.get();
    // SAFETY: [contract, bin 2, capacity 1] the cache's blocks are ours, and more than these.
    let rest = unsafe {
        for _ in 1..stay {
            last = block::next::<P>(last);
        }
        let rest = block::next::<P>(last);
        P::skipped(Fault::FrontCacheBypass, || {
            block::set_next::<P>(last, 0, block::secret::<P>());
        });
        rest
    };
    if !has_reserve(&P::GEOMETRY, size) {
        return (rest, stay);
    }
    let older = reserve.get();
    reserve.set(rest);
    (older, stay)
}

/// Right after [`Bin::push_cached`](crate::tables::bin::Bin::push_cached) found the thread cache of
/// `class` full, and nothing else wrong: if there is no reserve, the list becomes it, and the block
/// the first one of a new list. Whether that was the case.
///
/// # Safety
/// `heap` is the running thread's; the block is of `class`, and the caller alone holds it.
pub(crate) unsafe fn push_beside_reserve<P: Platform>(
    heap: &Heap<P>,
    class: u32,
    block: usize,
) -> bool {
    let bin = heap.bin(class);
    let has_reserve = |class| has_reserve(&P::GEOMETRY, size_class::size_of(class));
    // In this order: the bin of class 0, which stands for "no slab", was never full.
    if !bin.was_full() || !has_reserve(class) || heap.reserve(class).get() != 0 {
        return false;
    }
    // SAFETY: [contract] heap and block are ours; the list is full, as we have just seen.
    unsafe {
        make_room(heap, class);
        bin.push_judged(block)
    }
}

/// The first block of the reserve of `class`, whose other blocks become the list of the thread
/// cache, if that is empty.
///
/// # Safety
/// `heap` is the running thread's.
pub(crate) unsafe fn take_reserve<P: Platform>(heap: &Heap<P>, class: u32) -> Option<usize> {
    debug_assert!(class != 0, "bin 0 has no blocks");
    let (bin, reserve) = (heap.bin(class), heap.reserve(class));
    if reserve.get() == 0 || bin.cache.get() != 0 {
        return None;
    }
    heap.overflows(class).set(0);
    bin.cache.set(reserve.get());
    bin.room.set(stay_count(&P::GEOMETRY, size_class::size_of(class)));
    reserve.set(0);
    // SAFETY: [contract] the heap is the running thread's. If the first block is not as it was
    // left, the list is not empty: refill says so.
    unsafe { bin.pop_cached() }
}

/// Gives all blocks of the thread cache of `class` back; whether all went to slabs of this heap.
/// What room there is then [`give_up_class`] says.
///
/// # Safety
/// `heap` is the running thread's.
pub(crate) unsafe fn flush<P: Platform>(heap: &Heap<P>, class: u32) -> bool {
    let bin = heap.bin(class);
    let reserve = P::wrong(Fault::ReserveLostByFlush, heap.reserve(class).get(), 0);
    let lists = [bin.cache.get(), reserve];
    bin.cache.set(0);
    heap.reserve(class).set(0);
    let mut all_own = true;
    for list in lists {
        if list != 0 {
            // SAFETY: [contract, block 1] the list is in no cache any more: it is ours alone.
            all_own &= unsafe { scatter(heap, class, list) };
        }
    }
    all_own
}

/// Gives each block of a list (linked, ending in 0) back to its slab; whether all slabs are this
/// heap's.
///
/// # Safety
/// `heap` is the running thread's, which alone holds the blocks; they are of `class`.
unsafe fn scatter<P: Platform>(heap: &Heap<P>, class: u32, mut block: usize) -> bool {
    debug_assert!(class != 0 && block != 0);
    let range = Range::of(heap);
    let bin = heap.bin(class);
    let begins = |block| bin.is_start(block);
    let bytes = heap.bytes.get();
    let mut all_own = true;
    while block != 0 {
        let index = home::<P>(range, bytes, block, begins);
        let mut chain = Chain::of(block);
        // SAFETY: [contract] the list is ours.
        block = unsafe { block::next::<P>(block) };
        while block != 0 && home::<P>(range, bytes, block, begins) == index {
            chain.extend(block);
            // SAFETY: [contract] the list is ours.
            block = unsafe { block::next::<P>(block) };
        }
        // SAFETY: [contract] the chain's blocks are of that slab, and ours.
        all_own &= unsafe { give_back(range, heap, class, index, chain) };
    }
    all_own
}

/// The slab that a freed block came from; `begins` says whether a block of the class can begin
/// there. The range is known to have so many bytes.
fn home<P: Platform>(
    range: Range<P>,
    bytes: usize,
    block: usize,
    begins: impl Fn(usize) -> bool,
) -> u32 {
    match range.slab_index_within(block, bytes).or_else(|| range.slab_index_of(block)) {
        Some(index) if begins(block) => index,
        _ => P::misuse(Misuse::CorruptedLink, block),
    }
}

/// Gives a chain of blocks back to their slab; whether it is this heap's.
///
/// # Safety
/// As `scatter`; the chain's blocks are in slab `index`.
unsafe fn give_back<P: Platform>(
    range: Range<P>,
    heap: &Heap<P>,
    class: u32,
    index: u32,
    chain: Chain,
) -> bool {
    let me = heap.owner();
    let slab = range.slab(index);
    // Relaxed: only this thread writes or removes its own identity.
    let owner = slab.slot_hint().owner();
    let mine = P::replaced(
        Fault::OwnerAlias,
        || owner == me,
        || owner.heap().is_some_and(|heap| Some(heap & 1) == me.heap().map(|me| me & 1)),
    );
    if mine {
        // SAFETY: [contract, slot 1, heap 2] the slot word names this thread's heap.
        let owned = unsafe { Owned::assume(range, index) };
        // SAFETY: [contract, ownership 1] the slab is ours, and so are the chain's blocks.
        unsafe { slab.push(chain) };
        let bin = heap.bin(class);
        if slab.is_unused() && (!bin.is_only(owned) || heap.has_shrunk(class)) {
            P::skipped(Fault::SlabUsedAfterPurge, || bin.unlink(range, owned));
            idle::give_back(range, owned);
        }
        return true;
    }
    // SAFETY: [contract] the chain's blocks are of that slab, and ours.
    if let Some(owned) = unsafe { ownership::free_remote(index, slab, chain, me) } {
        settle(range, heap, owned);
    }
    false
}

/// Finds a place for a slab that a remote free has reopened: our own list if we allocate from its
/// class, else it is given up again.
fn settle<P: Platform>(range: Range<P>, heap: &Heap<P>, owned: Owned<P>) {
    let bin = heap.bin(range.class(owned.index));
    if bin.slabs.get() != 0 && !owned.slab.is_unused() {
        bin.link_second(range, owned.unlisted(range));
    } else {
        give_up(range, heap.owner(), owned);
    }
}

/// Frees a block on a thread that has no heap and can have none.
///
/// # Safety
/// `block` is a block of `class`, and the caller alone holds it.
pub(crate) unsafe fn free_without_heap<P: Platform>(range: Range<P>, block: usize, class: u32) {
    debug_assert!(class != 0);
    let size = size_class::size_of(class);
    let index = home::<P>(range, 0, block, |block| {
        (block & (P::GEOMETRY.slab_size() - 1)).is_multiple_of(size)
    });
    let slab = range.slab(index);
    // SAFETY: [contract] the block is ours, and lies in that slab.
    let opened = unsafe { ownership::free_remote(index, slab, Chain::of(block), OwnerId::GUEST) };
    if let Some(owned) = opened {
        give_up(range, OwnerId::GUEST, owned);
    }
}

/// Gives up an owned slab that is in no list: to the pool if no block is out, else it becomes
/// ABANDONED or FULL.
pub(crate) fn give_up<P: Platform>(range: Range<P>, me: OwnerId, owned: Owned<P>) {
    owned.slab.drain();
    let mut kept = Some(owned);
    while let Some(owned) = kept.take() {
        if owned.slab.is_unused() {
            return idle::give_back(range, owned.unlisted(range));
        }
        // A block that was freed at the last moment brings the slab back.
        kept = P::wrong(Fault::ReopenedAtExit, owned.release(range, me), None);
    }
}

/// Gives up the slabs of `class` that the heap owns, `most` at most; how many it were.
pub(crate) fn give_up_class<P: Platform>(
    range: Range<P>,
    heap: &Heap<P>,
    class: u32,
    most: u32,
) -> u32 {
    debug_assert!(most >= 1);
    let bin = heap.bin(class);
    let mut slabs = 0;
    while slabs < most {
        let Some(owned) = bin.first(range) else { break };
        bin.unlink(range, owned);
        give_up(range, heap.owner(), owned);
        slabs += 1;
    }
    heap.last(class).set(0);
    heap.overflows(class).set(0);
    bin.room.set(0);
    slabs
}
