//! The thread cache when it is full, or given up: freed blocks go back to the slabs that they came from.
//!
//! A thread cache has two halves. The bin's list takes blocks and hands them out; when it is full it becomes the reserve, and
//! the reserve that there was goes back to the slabs. Refill takes the reserve first. So whatever a program does, at least half
//! a cache of allocations or frees lies between two steps that touch slabs (Bonwick and Adams: Magazines and vmem, 2001), and
//! no list is walked to find where to cut it.
//!
//! A block of a slab that this heap owns goes on its freelist (local free); every other one on the remote list of its
//! slab (remote free), in chains of neighbours of the same slab, so that a batch costs one exchange. A slab whose last
//! block comes back goes to the shared pool, unless it is the only one of its class that the heap has.

use crate::block::{self, Chain};
use crate::fault::Fault;
use crate::heap::{Heap, half_capacity};
use crate::ownership::{self, Owned};
use crate::platform::{Misuse, Plain, Platform};
use crate::pool;
use crate::range::Range;
use crate::size_class;
use crate::slot::OwnerId;

/// Makes the full list of the thread cache of `class` its reserve, and gives back the reserve that there was.
///
/// # Safety
/// `heap` is the running thread's.
pub(crate) unsafe fn set_aside<P: Platform>(heap: &Heap<P>, class: u32) {
    let bin = heap.bin(class);
    let reserve = heap.reserve(class);
    let older = reserve.get();
    reserve.set(bin.cache.get());
    bin.cache.set(0);
    bin.room.set(half_capacity::<P>(size_class::size_of(class)));
    if older != 0 {
        if P::planted(Fault::FrontCacheBypass) {
            reserve.set(older);
        }
        // SAFETY: the list is in no cache any more: it is ours alone.
        unsafe { scatter(heap, class, older) };
    }
}

/// Gives all blocks of the thread cache of `class` back.
///
/// # Safety
/// `heap` is the running thread's.
pub(crate) unsafe fn flush<P: Platform>(heap: &Heap<P>, class: u32) {
    let bin = heap.bin(class);
    let lists = [bin.cache.get(), heap.reserve(class).get()];
    bin.cache.set(0);
    heap.reserve(class).set(0);
    for list in lists {
        if list != 0 {
            // SAFETY: as above.
            unsafe { scatter(heap, class, list) };
        }
    }
    if lists != [0, 0] {
        bin.room.set(half_capacity::<P>(size_class::size_of(class)));
    }
}

/// Gives each block of a list (linked, ending in 0) back to its slab.
///
/// # Safety
/// `heap` is the running thread's, which alone holds the blocks; they are of `class`.
unsafe fn scatter<P: Platform>(heap: &Heap<P>, class: u32, mut block: usize) {
    let range = heap.range();
    let bin = heap.bin(class);
    let begins = |block| bin.is_start(block);
    while block != 0 {
        let index = home::<P>(range, block, begins);
        let mut chain = Chain::of(block);
        // SAFETY: the list is ours.
        block = unsafe { block::next::<P>(block) };
        while block != 0 && home::<P>(range, block, begins) == index {
            // SAFETY: the list is ours; its link is read before the chain overwrites it.
            let next = unsafe { block::next::<P>(block) };
            // SAFETY: the chain and the block are ours.
            unsafe { chain.push::<P>(block) };
            block = next;
        }
        // SAFETY: the chain's blocks are of that slab, and ours.
        unsafe { give_back(range, heap, class, index, chain) };
    }
}

/// The slab that a freed block came from; `begins` says whether a block of the class can begin there.
fn home<P: Platform>(range: Range<P>, block: usize, begins: impl Fn(usize) -> bool) -> u32 {
    match range.slab_index_of(block) {
        Some(index) if begins(block) => index,
        _ => P::misuse(Misuse::CorruptedLink, block),
    }
}

/// # Safety
/// As `scatter`; the chain's blocks are in slab `index`.
unsafe fn give_back<P: Platform>(
    range: Range<P>,
    heap: &Heap<P>,
    class: u32,
    index: u32,
    chain: Chain,
) {
    let me = heap.owner();
    let slab = range.slab(index);
    // Relaxed: only this thread writes or removes its own identity.
    let owner = slab.slot_hint().owner();
    let mine = owner == me
        || P::planted(Fault::OwnerAlias)
            && owner.0 != 0
            && owner.heap().is_some_and(|heap| Some(heap & 1) == me.heap().map(|me| me & 1));
    if mine {
        // SAFETY: the slot word names this thread's heap.
        let owned = unsafe { Owned::assume(range, index) };
        // SAFETY: the slab is ours, and so are the chain's blocks.
        unsafe { slab.push(chain) };
        let bin = heap.bin(class);
        if slab.is_unused() && !bin.is_only(owned) {
            if !P::planted(Fault::SlabUsedAfterPurge) {
                bin.unlink(range, owned);
            }
            pool::give_back(range, owned);
        }
        return;
    }
    // SAFETY: the caller's contract.
    if let Some(owned) = unsafe { ownership::free_remote(index, slab, chain, me) } {
        settle(range, heap, owned);
    }
}

/// Finds a place for a slab that a remote free has reopened: our own list if we allocate from its class, else it is given up
/// again.
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
    let size = size_class::size_of(class);
    let index = home::<P>(range, block, |block| {
        (block & (P::GEOMETRY.slab_size() - 1)).is_multiple_of(size)
    });
    let slab = range.slab(index);
    // SAFETY: the caller's contract.
    let opened = unsafe { ownership::free_remote(index, slab, Chain::of(block), OwnerId::GUEST) };
    if let Some(owned) = opened {
        give_up(range, OwnerId::GUEST, owned);
    }
}

/// Gives up an owned slab that is in no list: to the pool if no block is out, else it becomes ABANDONED or FULL.
pub(crate) fn give_up<P: Platform>(range: Range<P>, me: OwnerId, owned: Owned<P>) {
    owned.slab.drain();
    let mut kept = Some(owned);
    while let Some(owned) = kept {
        if owned.slab.is_unused() {
            return pool::give_back(range, owned.unlisted(range));
        }
        // A block that was freed at the last moment brings the slab back.
        kept = owned.release(range, me).filter(|_| !P::planted(Fault::ReopenedAtExit));
    }
}

/// Gives up every slab of `class` that the heap owns.
pub(crate) fn give_up_class<P: Platform>(range: Range<P>, heap: &Heap<P>, class: u32) {
    let bin = heap.bin(class);
    while let Some(owned) = bin.first(range) {
        bin.unlink(range, owned);
        give_up(range, heap.owner(), owned);
    }
    bin.last.set(0);
    bin.room.set(0);
}
