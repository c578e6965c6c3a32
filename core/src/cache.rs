//! Flushing a thread cache: freed blocks go back to the slabs that they came from.
//!
//! A block of a slab that this heap owns goes on its freelist (local free); every other one on the remote list of its
//! slab (remote free), in chains of neighbours of the same slab, so that a batch costs one exchange. A slab whose last
//! block comes back goes to the shared pool, unless it is the only one of its class that the heap has.

use crate::block::{self, Chain};
use crate::fault::Fault;
use crate::heap::{Bin, Heap, cache_capacity};
use crate::ownership::{self, Owned};
use crate::platform::{Misuse, Plain, Platform};
use crate::pool;
use crate::range::{Range, root};
use crate::size_class;
use crate::slot::OwnerId;

/// Shrinks the thread cache of `class` to `keep` blocks, those that were freed last.
///
/// # Safety
/// `heap` is the running thread's.
pub(crate) unsafe fn flush<P: Platform>(heap: &Heap<P>, class: u32, keep: u32) {
    let bin = heap.bin(class);
    let mut block = bin.cache.get();
    if block == 0 {
        return;
    }
    let uncut = P::planted(Fault::FrontCacheBypass);
    if keep == 0 {
        if !uncut {
            bin.cache.set(0);
        }
    } else {
        let mut last = block;
        // SAFETY: blocks in a thread cache are the thread's alone.
        unsafe {
            for _ in 1..keep {
                match block::next::<P>(last) {
                    0 => return,
                    next => last = next,
                }
            }
            block = block::next::<P>(last);
            if !uncut {
                block::set_next::<P>(last, 0, P::secret());
            }
        }
    }
    bin.room.set(cache_capacity::<P>(size_class::size_of(class)) - keep);
    // SAFETY: the rest of the list was cut off above: it is ours alone.
    unsafe { scatter(heap, class, block) };
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
        let owned = Owned { index, slab };
        // SAFETY: the slab is ours, and so are the chain's blocks.
        unsafe { slab.push(chain) };
        let bin = heap.bin(class);
        if slab.is_unused() && !is_only(bin, owned) {
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

fn is_only<P: Platform>(bin: &Bin<P>, owned: Owned<P>) -> bool {
    bin.slabs.get() == owned.index + 1 && owned.slab.next.get() == 0
}

/// Finds a place for a slab that a remote free has reopened: the pool if no block is out, our own list if we allocate
/// from its class, else the stack of abandoned slabs, where whoever needs it adopts it.
fn settle<P: Platform>(range: Range<P>, heap: &Heap<P>, owned: Owned<P>) {
    let bin = heap.bin(range.class(owned.index));
    if owned.slab.is_unused() {
        pool::give_back(range, owned);
    } else if bin.slabs.get() != 0 {
        bin.link_second(range, owned);
    } else {
        abandon(range, owned);
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
    match opened {
        Some(owned) if owned.slab.is_unused() => pool::give_back(range, owned),
        Some(owned) => abandon(range, owned),
        None => {}
    }
}

/// Puts an owned slab that has free blocks on the stack of abandoned slabs of its class.
pub(crate) fn abandon<P: Platform>(range: Range<P>, owned: Owned<P>) {
    let class = range.class(owned.index);
    let early = P::planted(Fault::ListedBeforeAbandoned);
    if !early {
        owned.abandon();
    }
    root::<P>().abandoned[class as usize].push(owned.index, &owned.slab.stack_link);
    if early {
        owned.abandon();
    }
}

/// Gives up an owned slab that is in no list: to the pool if no block is out, to the stack of abandoned slabs if it has
/// free blocks, else it becomes FULL.
pub(crate) fn give_up<P: Platform>(range: Range<P>, heap: &Heap<P>, owned: Owned<P>) {
    owned.slab.drain();
    let mut kept = Some(owned);
    while let Some(owned) = kept {
        if owned.slab.is_unused() {
            return pool::give_back(range, owned);
        }
        if owned.slab.has_free() {
            return abandon(range, owned);
        }
        // A block that was freed at the last moment brings the slab back.
        kept = owned.release_full(heap.owner()).filter(|_| !P::planted(Fault::ReopenedAtExit));
    }
}
