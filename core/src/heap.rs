//! A heap: what one thread has of the allocator, a thread cache and its own slabs, per size class.
//!
//! ```text
//! bin of a class:   cache ──► block ──► block ──► 0     (thread cache, last in first out)
//!                   room                                 blocks that the cache still takes
//!                   slabs ──► slab ⇄ slab ⇄ slab         (owned; the first one is refilled from)
//! ```
//!
//! Heaps lie in a table that is never unmapped, and are used again by later threads under a new owner identity.
//!
//! Invariants:
//! 1. A heap's words are touched by its thread only.
//! 2. The slabs in a bin's list are exactly the slabs of that class that the heap owns.
//! 3. A bin whose `room` is 0 sends every free to the slow path: so does a bin that was never used, and bin 0, which
//!    stands for "no slab", always.

use crate::block;
use crate::ownership::Owned;
use crate::platform::{Plain, Platform};
use crate::range::Range;
use crate::size_class::{self, CLASSES};
use crate::slot::OwnerId;

/// What a heap has of one size class.
#[repr(C)]
pub struct Bin<P: Platform> {
    /// The thread cache: the address of the block freed last, or 0.
    pub(crate) cache: P::Plain<usize>,
    /// How many more blocks the thread cache takes.
    pub(crate) room: P::Plain<u32>,
    /// The owned slabs: index + 1 of the first, or 0.
    pub(crate) slabs: P::Plain<u32>,
    /// The slab that was refilled from last, also after it was given up: index + 1, or 0.
    pub(crate) last: P::Plain<u32>,
}

/// One per thread that allocates. Zeroed memory is a heap without a thread.
#[repr(C, align(128))]
pub struct Heap<P: Platform> {
    /// A copy of the range's base, so that the fast path of `free` reads one structure.
    pub(crate) base: P::Plain<usize>,
    /// A copy of the range's bytes; 0 while there is none.
    pub(crate) bytes: P::Plain<usize>,
    /// A copy of the slab table's address.
    pub(crate) slab_table: P::Plain<usize>,
    /// The owner identity.
    pub(crate) id: P::Plain<u32>,
    /// How often the heap got a thread.
    pub(crate) generation: P::Plain<u32>,
    /// The link on the stack of free heaps.
    pub(crate) stack_link: P::AtomicU32,
    pub(crate) bins: [Bin<P>; CLASSES + 1],
}

/// How many blocks of a class a thread cache holds at most.
pub(crate) const fn cache_capacity<P: Platform>(block_size: usize) -> u32 {
    let blocks = P::GEOMETRY.cache_bytes / block_size;
    if blocks < 2 {
        2
    } else if blocks > P::GEOMETRY.cache_blocks_max as usize {
        P::GEOMETRY.cache_blocks_max
    } else {
        blocks as u32
    }
}

/// How many blocks of a class a refill takes at most; never more than the cache holds besides the one handed out.
pub(crate) const fn refill_count<P: Platform>(block_size: usize) -> u32 {
    let capacity = cache_capacity::<P>(block_size);
    let blocks = P::GEOMETRY.refill_bytes / block_size;
    if blocks < 1 {
        1
    } else if blocks > capacity as usize {
        capacity
    } else {
        blocks as u32
    }
}

impl<P: Platform> Heap<P> {
    /// The owner identity.
    pub(crate) fn owner(&self) -> OwnerId {
        OwnerId(self.id.get())
    }

    /// The range, from the heap's copies. For a heap that has a thread.
    pub(crate) fn range(&self) -> Range<P> {
        Range::from_parts(self.base.get(), self.bytes.get())
    }

    #[inline(always)]
    pub(crate) fn bin(&self, class: u32) -> &Bin<P> {
        debug_assert!((class as usize) < self.bins.len());
        // SAFETY: classes come from `size_class` or from a slab's descriptor, which only `Slab::bind` writes.
        unsafe { self.bins.get_unchecked(class as usize) }
    }
}

impl<P: Platform> Bin<P> {
    /// Blocks in the thread cache, for a bin of that block size.
    pub(crate) fn cached(&self, block_size: usize) -> u32 {
        if self.cache.get() == 0 { 0 } else { cache_capacity::<P>(block_size) - self.room.get() }
    }

    /// Makes room for the first free of this class.
    pub(crate) fn open(&self, class: u32) {
        if self.room.get() == 0 && self.cache.get() == 0 {
            self.room.set(cache_capacity::<P>(size_class::size_of(class)));
        }
    }

    /// Takes the block that was freed last out of the thread cache.
    ///
    /// # Safety
    /// The bin is the running thread's.
    #[inline(always)]
    pub(crate) unsafe fn pop_cached(&self) -> Option<usize> {
        let block = self.cache.get();
        if block == 0 {
            return None;
        }
        // SAFETY: blocks in a thread cache are the thread's alone.
        self.cache.set(unsafe { block::link::<P>(block) }.get());
        self.room.set(self.room.get() + 1);
        Some(block)
    }

    /// Puts a freed block into the thread cache; `false` if it takes no more.
    ///
    /// # Safety
    /// The bin is the running thread's, `block` is of its class, and the caller alone holds it.
    #[inline(always)]
    pub(crate) unsafe fn push_cached(&self, block: usize) -> bool {
        let room = self.room.get();
        if room == 0 {
            return false;
        }
        // SAFETY: the caller's contract.
        unsafe { block::link::<P>(block) }.set(self.cache.get());
        self.cache.set(block);
        self.room.set(room - 1);
        true
    }

    /// The first owned slab.
    pub(crate) fn first(&self, range: Range<P>) -> Option<Owned<P>> {
        // SAFETY: invariant 2 of the module.
        self.slabs.get().checked_sub(1).map(|index| unsafe { Owned::assume(range, index) })
    }

    /// Binds a slab as the one to refill from.
    pub(crate) fn link_first(&self, range: Range<P>, owned: Owned<P>) {
        let next = self.slabs.get();
        owned.slab.next.set(next);
        owned.slab.previous.set(0);
        if let Some(index) = next.checked_sub(1) {
            range.slab(index).previous.set(owned.index + 1);
        }
        self.slabs.set(owned.index + 1);
        self.last.set(owned.index + 1);
    }

    /// Binds a slab behind the one that is refilled from.
    pub(crate) fn link_second(&self, range: Range<P>, owned: Owned<P>) {
        let Some(first) = self.first(range) else { return self.link_first(range, owned) };
        let next = first.slab.next.get();
        owned.slab.next.set(next);
        owned.slab.previous.set(first.index + 1);
        first.slab.next.set(owned.index + 1);
        if let Some(index) = next.checked_sub(1) {
            range.slab(index).previous.set(owned.index + 1);
        }
    }

    /// Takes a slab out of the list.
    pub(crate) fn unlink(&self, range: Range<P>, owned: Owned<P>) {
        let (next, previous) = (owned.slab.next.get(), owned.slab.previous.get());
        match previous.checked_sub(1) {
            Some(index) => range.slab(index).next.set(next),
            None => self.slabs.set(next),
        }
        if let Some(index) = next.checked_sub(1) {
            range.slab(index).previous.set(previous);
        }
        owned.slab.next.set(0);
        owned.slab.previous.set(0);
    }
}
