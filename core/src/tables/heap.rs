//! A heap: what one thread has of the allocator, a thread cache and its own slabs, per size class.
//!
//! ```text
//! bin of a class:   cache ──► block ──► block ──► 0     (thread cache, last in first out)
//!                   room                                 blocks that this list still takes
//! reserve                ──► block ──► block ──► 0     (the other half of the thread cache: nothing, or a nearly full list)
//!                   slabs ──► slab ⇄ slab ⇄ slab         (owned; the first one is refilled from)
//! ```
//!
//! Heaps lie in a table that is never unmapped, and are used again by later threads under a new owner identity.
//!
//! Invariants:
//! 1. A heap's words are touched by its thread only.
//! 2. The slabs in a bin's list are exactly the slabs of that class that the heap owns.
//! 3. A bin whose `bound` is 0 sends every free to the slow path: so do bins that were never used, and bin 0, which
//!    stands for "no slab", always.
//! 4. The heaps that a thread without a heap has, [`Heap::nobody`] and [`Heap::ended`], are zeroed memory and nobody ever
//!    writes to them: they have no block to hand out, and take none.

use crate::boundary::platform::{Plain, Platform};
use crate::numbers::size_class::{self, CLASSES};
use crate::numbers::slot::OwnerId;
use crate::pool::count::Counts;
use crate::range::Range;
use crate::slabs::ownership::Owned;
use crate::tables::block;

/// What a heap has of one size class.
#[repr(C)]
pub struct Bin<P: Platform> {
    /// The thread cache: the address of the block freed last, or 0.
    pub(crate) cache: P::Plain<usize>,
    /// How many more blocks this list of the thread cache takes.
    pub(crate) room: P::Plain<u32>,
    /// 2^32 divided by the block size, rounded up. See [`Bin::is_start`].
    pub(crate) reciprocal: P::Plain<u32>,
    /// What the product with the reciprocal is below where a block begins; 0 before the heap's first block of the class. See
    /// [`Bin::is_start`].
    pub(crate) bound: P::Plain<u32>,
    /// The owned slabs: index + 1 of the first, or 0.
    pub(crate) slabs: P::Plain<u32>,
    /// The secret in seals (see `block`); 0 before the heap's first block of the class.
    pub(crate) secret: P::Plain<usize>,
}

/// Bytes of a bin.
pub(crate) const BIN_SIZE: usize = 32;

/// For each size up to [`size_class::TABLE_MAX`]: where the bin lies in a heap. (A place for each 16 bytes would do, and take
/// two instructions more.)
const BIN_OFFSETS: [u16; size_class::TABLE_MAX + 1] = {
    let mut offsets = [0; size_class::TABLE_MAX + 1];
    let mut size = 0;
    while size < offsets.len() {
        offsets[size] = (size_class::class_of(size) as usize * BIN_SIZE) as u16;
        size += 1;
    }
    offsets
};

/// Where the bin for blocks of at least `size` bytes lies in a heap. `size` is at most [`size_class::TABLE_MAX`].
#[inline(always)]
pub(crate) fn fine_bin_offset(size: usize) -> usize {
    BIN_OFFSETS[size] as usize
}

/// One per thread that allocates. Zeroed memory is a heap without a thread.
#[repr(C, align(128))]
pub struct Heap<P: Platform> {
    pub(crate) bins: [Bin<P>; CLASSES + 1],
    /// A copy of the range's base, so that the fast path of `free` reads one structure.
    pub(crate) base: P::Plain<usize>,
    /// The bytes of the range, as far as they were there when this was looked at last (see `thread::catch_up`).
    pub(crate) bytes: P::Plain<usize>,
    /// A copy of the class map's address.
    pub(crate) class_map: P::Plain<usize>,
    /// A copy of the word that the range was published with.
    pub(crate) range_word: P::Plain<usize>,
    /// The owner identity.
    pub(crate) id: P::Plain<u32>,
    /// How often the heap got a thread.
    pub(crate) generation: P::Plain<u32>,
    /// The unit where the last run was found, plus one; 0 for none.
    pub(crate) run_unit: P::Plain<u32>,
    /// What was counted of slots and not yet added to the root's word.
    pub(crate) counts: Counts<P>,
    /// The link on the stack of free heaps.
    pub(crate) stack_link: P::AtomicU32,
    /// Slow paths until the next look at the clock; see the module `tidy`.
    pub(crate) slow_paths_left: P::Plain<u32>,
    /// When the heap is to be tidied next; 0 for "not known yet".
    pub(crate) tidy_due: P::Plain<u32>,
    /// The class where tidying goes on; 0 if it is done.
    pub(crate) tidy_at: P::Plain<u32>,
    /// A bit for each class that was refilled since the heap was tidied last.
    pub(crate) used: [P::Plain<u64>; (CLASSES + 1).div_ceil(64)],
    /// Per class: the other half of the thread cache, see the module `cache`; the first block's address, or 0.
    reserves: [P::Plain<usize>; CLASSES + 1],
    /// Per class: the first block of the thread cache when the heap was tidied last.
    pub(crate) seen: [P::Plain<usize>; CLASSES + 1],
    /// Per class: the slab that was refilled from last, also after it was given up: index + 1, or 0.
    last: [P::Plain<u32>; CLASSES + 1],
}

/// Whether the thread cache of a class has a reserve: not if it holds so few blocks that cutting the list is quick.
pub(crate) const fn has_reserve<P: Platform>(block_size: usize) -> bool {
    cache_capacity::<P>(block_size) >= P::GEOMETRY.reserve_blocks_min
}

/// How many blocks the list of a thread cache holds at most.
pub(crate) const fn list_capacity<P: Platform>(block_size: usize) -> u32 {
    let blocks = cache_capacity::<P>(block_size);
    if has_reserve::<P>(block_size) { blocks / 2 } else { blocks }
}

/// How many blocks stay in the list when it was full.
pub(crate) const fn stay_count<P: Platform>(block_size: usize) -> u32 {
    let blocks = list_capacity::<P>(block_size);
    if !has_reserve::<P>(block_size) {
        blocks / 2
    } else if blocks < 16 {
        1
    } else {
        blocks / 8
    }
}

/// How many blocks of a class a thread cache holds at most.
const fn cache_capacity<P: Platform>(block_size: usize) -> u32 {
    let blocks = P::GEOMETRY.cache_bytes / block_size;
    if blocks < P::GEOMETRY.cache_blocks_min as usize {
        P::GEOMETRY.cache_blocks_min
    } else if blocks > P::GEOMETRY.cache_blocks_max as usize {
        P::GEOMETRY.cache_blocks_max
    } else {
        blocks as u32
    }
}

/// How many blocks of a class a refill takes at most; never more than the list holds.
pub(crate) const fn refill_count<P: Platform>(block_size: usize) -> u32 {
    let capacity = list_capacity::<P>(block_size);
    let blocks = P::GEOMETRY.refill_bytes / block_size;
    if blocks < 1 {
        1
    } else if blocks > capacity as usize {
        capacity
    } else {
        blocks as u32
    }
}

/// How many blocks a refill takes of a slab that has no more free ones: a list need not be cut then.
pub(crate) const fn refill_most<P: Platform>(block_size: usize) -> u32 {
    if has_reserve::<P>(block_size) {
        list_capacity::<P>(block_size)
    } else {
        refill_count::<P>(block_size)
    }
}

impl<P: Platform> Heap<P> {
    /// The heap of threads that have none: a heap in which there is nothing and which takes nothing.
    pub fn nobody() -> *mut Heap<P> {
        // SAFETY: the platform's root is a live structure.
        unsafe { (&raw mut (*P::root().as_ptr()).nobody).cast() }
    }

    /// The heap of threads that have ended: as [`Heap::nobody`], but a thread that has it does not get another one.
    pub fn ended() -> *mut Heap<P> {
        // SAFETY: the platform's root is a live structure.
        unsafe { (&raw mut (*P::root().as_ptr()).ended).cast() }
    }

    /// The owner identity.
    pub(crate) fn owner(&self) -> OwnerId {
        OwnerId(self.id.get())
    }

    /// The range, from the heap's copy. For a heap that has a thread.
    pub(crate) fn range(&self) -> Range<P> {
        Range::of_copy(self.range_word.get())
    }

    /// The other half of the thread cache of `class`.
    pub(crate) fn reserve(&self, class: u32) -> &P::Plain<usize> {
        &self.reserves[class as usize]
    }

    /// The slab of `class` that was refilled from last, also after it was given up: index + 1, or 0.
    pub(crate) fn last(&self, class: u32) -> &P::Plain<u32> {
        &self.last[class as usize]
    }

    /// Remembers that blocks of `class` are asked for.
    pub(crate) fn note_used(&self, class: u32) {
        let word = &self.used[class as usize / 64];
        word.set(word.get() | 1 << (class % 64));
    }

    /// Whether blocks of `class` were asked for since [`Heap::forget_used`].
    pub(crate) fn was_used(&self, class: u32) -> bool {
        self.used[class as usize / 64].get() >> (class % 64) & 1 == 1
    }

    /// Begins anew to remember what is used.
    pub(crate) fn forget_used(&self) {
        for word in &self.used {
            word.set(0);
        }
    }

    /// Blocks of `class` in the thread cache.
    pub(crate) fn cached(&self, class: u32) -> u32 {
        let full = list_capacity::<P>(size_class::size_of(class));
        let bin = self.bin(class);
        let first = match bin.room.get() {
            _ if bin.cache.get() == 0 => 0,
            // In a copy that was made in the middle of a push, the room of a full list may be below zero.
            room if room > full => full,
            room => full - room,
        };
        first + self.in_reserve(class)
    }

    /// Of these, the ones in the reserve.
    pub(crate) fn in_reserve(&self, class: u32) -> u32 {
        let size = size_class::size_of(class);
        let some = list_capacity::<P>(size) - stay_count::<P>(size);
        if self.reserve(class).get() == 0 { 0 } else { some }
    }

    /// Where the tables of a word for each class lie in a heap, besides the bins, the bytes of their words, and what these are.
    pub(crate) const TABLES: [(usize, usize, &str); 3] = [
        (core::mem::offset_of!(Heap<P>, reserves), 8, "reserve of the thread cache"),
        (core::mem::offset_of!(Heap<P>, seen), 8, "thread cache when tidied last"),
        (core::mem::offset_of!(Heap<P>, last), 4, "slab used last"),
    ];

    #[inline(always)]
    pub(crate) fn bin(&self, class: u32) -> &Bin<P> {
        debug_assert!((class as usize) < self.bins.len());
        // SAFETY: classes come from `size_class` or from a slab's descriptor, which only `Slab::bind` writes.
        unsafe { self.bins.get_unchecked(class as usize) }
    }
}

impl<P: Platform> Bin<P> {
    /// The bin at an address.
    ///
    /// # Safety
    /// It is the address of the running thread's heap plus an offset from [`fine_bin_offset`] or from the class map.
    #[inline(always)]
    pub(crate) unsafe fn at<'a>(address: usize) -> &'a Bin<P> {
        const { assert!(size_of::<Bin<P>>() == BIN_SIZE && core::mem::offset_of!(Heap<P>, bins) == 0) };
        // SAFETY: bins lie at the start of a heap, which is never unmapped, and only its thread touches them.
        unsafe { &*core::ptr::with_exposed_provenance(address) }
    }

    /// Whether a block of this class can begin at this address, and the bin is in use.
    ///
    /// With M = 2^32 / size rounded up, n is a multiple of size exactly when n * M modulo 2^32 is less than M (Lemire, Kaser,
    /// Kurz: Faster remainder by direct computation, 2019). The product is then n / size times what rounding up added to
    /// size * M, so it grows with n, and a smaller bound than M leaves out the end of the slab, where no block fits. Exact for
    /// n below 2^16 and sizes from 16 to 2^15, which a test below tries in full.
    #[inline(always)]
    pub(crate) fn is_start(&self, address: usize) -> bool {
        let offset = address as u32 & (P::GEOMETRY.slab_size() - 1) as u32;
        offset.wrapping_mul(self.reciprocal.get()) < self.bound.get()
    }
}

/// See [`Bin::is_start`].
pub(crate) const fn reciprocal(block_size: usize) -> u32 {
    (1u64 << 32).div_ceil(block_size as u64) as u32
}

/// One more than the product of [`Bin::is_start`] for the last block of a slab.
const fn start_bound(block_size: usize, slab_size: usize) -> u32 {
    let last = (slab_size / block_size - 1) * block_size;
    (last as u32).wrapping_mul(reciprocal(block_size)) + 1
}

impl<P: Platform> Bin<P> {
    /// Puts `room` right after [`Bin::push_cached`] took no block, and makes room for the first block of this class.
    pub(crate) fn open(&self, class: u32) {
        if self.room.get() == u32::MAX {
            self.room.set(0);
        }
        if self.room.get() == 0 && self.cache.get() == 0 {
            let size = size_class::size_of(class);
            self.room.set(list_capacity::<P>(size));
            self.reciprocal.set(reciprocal(size));
            self.bound.set(start_bound(size, P::GEOMETRY.slab_size()));
            self.secret.set(block::secret::<P>());
        }
    }

    /// Whether [`Bin::push_cached`] has just found the list full, and nothing wrong with the block.
    pub(crate) fn was_full(&self) -> bool {
        self.room.get() == u32::MAX && self.cache.get() != 0
    }

    /// Takes the block that was freed last out of the thread cache. `None` if there is none, or if it was written to while it
    /// was free, which the slow path then says: the list is not empty.
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
        let next = unsafe { block::unseal::<P>(block, self.secret.get())? };
        self.cache.set(next);
        self.room.set(self.room.get().wrapping_add(1));
        Some(block)
    }

    /// Puts a freed block into the thread cache. `false` if the cache takes no more, or if the block may be free already,
    /// which the slow path then finds out.
    ///
    /// # Safety
    /// The bin is the running thread's, `block` is of its class, and the caller alone holds it.
    #[inline(always)]
    pub(crate) unsafe fn push_cached(&self, block: usize) -> bool {
        // SAFETY: the caller's contract.
        unsafe { !block::may_be_sealed::<P>(block) && self.push_judged(block) }
    }

    /// As [`Bin::push_cached`], for a block that is known not to be free.
    ///
    /// # Safety
    /// As [`Bin::push_cached`].
    #[inline(always)]
    pub(crate) unsafe fn push_judged(&self, block: usize) -> bool {
        // Written first and judged then: one instruction counts. `open` puts it right again.
        let (left, full) = self.room.get().overflowing_sub(1);
        self.room.set(left);
        if full {
            return false;
        }
        // SAFETY: the caller's contract.
        unsafe { block::set_next::<P>(block, self.cache.get(), self.secret.get()) };
        self.cache.set(block);
        true
    }

    /// The first owned slab.
    pub(crate) fn first(&self, range: Range<P>) -> Option<Owned<P>> {
        // SAFETY: invariant 2 of the module.
        self.slabs.get().checked_sub(1).map(|index| unsafe { Owned::assume(range, index) })
    }

    /// The owned slab behind this one.
    pub(crate) fn after(&self, range: Range<P>, owned: Owned<P>) -> Option<Owned<P>> {
        // SAFETY: invariant 2 of the module.
        owned.slab.next.get().checked_sub(1).map(|index| unsafe { Owned::assume(range, index) })
    }

    /// Whether this owned slab is the only one of the class.
    pub(crate) fn is_only(&self, owned: Owned<P>) -> bool {
        self.slabs.get() == owned.index + 1 && owned.slab.next.get() == 0
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_block_begins_is_told_from_elsewhere() {
        for class in 1..=CLASSES as u32 {
            let size = size_class::size_of(class) as u32;
            let reciprocal = reciprocal(size as usize);
            for slab in [1u32 << 16, 1 << 8, 1 << 10].into_iter().filter(|slab| size * 2 <= *slab) {
                let bound = start_bound(size as usize, slab as usize);
                for offset in 0..slab {
                    let is_start = offset.wrapping_mul(reciprocal) < bound;
                    let begins = offset.is_multiple_of(size) && offset + size <= slab;
                    assert_eq!(is_start, begins, "{offset} of {slab} in steps of {size}");
                }
            }
        }
    }

    #[test]
    fn each_size_has_the_bin_of_its_class() {
        for size in 0..=size_class::TABLE_MAX {
            assert_eq!(fine_bin_offset(size), size_class::class_of(size) as usize * BIN_SIZE);
        }
    }
}
