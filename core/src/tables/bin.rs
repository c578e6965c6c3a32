//! A bin: what a heap has of one size class. The fast paths: pop a cached block, push a freed one.
//!
//! ```text
//! cache ──► block ──► block ──► 0      (thread cache, last in first out)
//! room                                  blocks that this list still takes
//! slabs ──► slab ⇄ slab ⇄ slab          (owned; the first one is refilled from)
//! ```
//!
//! Invariants:
//! 1. A bin whose `bound` is 0 takes no block on the fast path: an unused one, and bin 0 always.
//! 2. The blocks on `cache` are free and the thread's alone: it put them there, and held them.

use crate::boundary::platform::{Plain, Platform};
use crate::numbers::capacity::list_capacity;
use crate::numbers::size_class;
use crate::tables::block;
use crate::tables::heap::Heap;

/// What a heap has of one size class.
#[repr(C)]
pub(crate) struct Bin<P: Platform> {
    /// The thread cache: the address of the block freed last, or 0.
    pub(crate) cache: P::Plain<usize>,
    /// How many more blocks this list of the thread cache takes.
    pub(crate) room: P::Plain<u32>,
    /// 2^32 divided by the block size, rounded up. See [`Bin::is_start`].
    pub(crate) reciprocal: P::Plain<u32>,
    /// What the product with the reciprocal is below where a block begins; 0 before the heap's
    /// first block of the class. See [`Bin::is_start`].
    pub(crate) bound: P::Plain<u32>,
    /// The owned slabs: index + 1 of the first, or 0.
    pub(crate) slabs: P::Plain<u32>,
    /// The secret in seals (see `block`); 0 before the heap's first block of the class.
    pub(crate) secret: P::Plain<usize>,
}

/// Bytes of a bin.
pub(crate) const BIN_SIZE: usize = 32;

/// For each size up to [`size_class::TABLE_MAX`]: where the bin lies in a heap. (A place for each
/// 16 bytes would do, and take two instructions more.)
const BIN_OFFSETS: [u16; size_class::TABLE_MAX + 1] = {
    let mut offsets = [0; size_class::TABLE_MAX + 1];
    let mut size = 0;
    while size < offsets.len() {
        offsets[size] = (size_class::class_of(size) as usize * BIN_SIZE) as u16;
        size += 1;
    }
    offsets
};

/// Where the bin for blocks of at least `size` bytes lies in a heap. `size` is at most
/// [`size_class::TABLE_MAX`].
#[inline(always)]
pub(crate) fn fine_bin_offset(size: usize) -> usize {
    BIN_OFFSETS[size] as usize
}

impl<P: Platform> Bin<P> {
    /// The bin at an address.
    ///
    /// # Safety
    /// It is the address of the running thread's heap plus an offset from [`fine_bin_offset`] or
    /// from the class map.
    #[inline(always)]
    pub(crate) unsafe fn at<'a>(address: usize) -> &'a Bin<P> {
        const {
            assert!(size_of::<Bin<P>>() == BIN_SIZE);
            assert!(core::mem::offset_of!(Heap<P>, bins) == 0);
        }
        // SAFETY: [contract, thread 1, heap 1, heap 4] bins lie at the start of a heap: the
        // thread's, which keeps its memory, or one that everybody only reads.
        unsafe { &*core::ptr::with_exposed_provenance(address) }
    }

    /// Whether a block of this class can begin at this address, and the bin is in use.
    ///
    /// With M = 2^32 / size rounded up, n is a multiple of size exactly when n * M modulo 2^32 is
    /// less than M (Lemire, Kaser, Kurz: Faster remainder by direct computation, 2019). The product
    /// is then n / size times what rounding up added to size * M, so it grows with n, and a smaller
    /// bound than M leaves out the end of the slab, where no block fits. Exact for n below 2^16 and
    /// sizes from 16 to 2^15, which a test below tries in full.
    #[inline(always)]
    pub(crate) fn is_start(&self, address: usize) -> bool {
        let offset = address as u32 & (P::GEOMETRY.slab_size() - 1) as u32;
        offset.wrapping_mul(self.reciprocal.get()) < self.bound.get()
    }
}

/// See [`Bin::is_start`].
pub(crate) const fn reciprocal(block_size: usize) -> u32 {
    debug_assert!(block_size >= size_class::SIZE_MIN && block_size <= size_class::SIZE_MAX);
    (1u64 << 32).div_ceil(block_size as u64) as u32
}

/// One more than the product of [`Bin::is_start`] for the last block of a slab.
const fn start_bound(block_size: usize, slab_size: usize) -> u32 {
    debug_assert!(slab_size <= 1 << 16, "see `Bin::is_start`");
    debug_assert!(block_size * 2 <= slab_size);
    let last = (slab_size / block_size - 1) * block_size;
    (last as u32).wrapping_mul(reciprocal(block_size)) + 1
}

impl<P: Platform> Bin<P> {
    /// Puts `room` right after [`Bin::push_cached`] took no block, and makes room for the first
    /// block of this class.
    pub(crate) fn open(&self, class: u32) {
        debug_assert!(class != 0, "bin 0 takes nothing");
        if self.room.get() == u32::MAX {
            self.room.set(0);
        }
        if self.room.get() == 0 && self.cache.get() == 0 {
            let size = size_class::size_of(class);
            self.room.set(list_capacity(&P::GEOMETRY, size));
            self.reciprocal.set(reciprocal(size));
            self.bound.set(start_bound(size, P::GEOMETRY.slab_size()));
            self.secret.set(block::secret::<P>());
        }
    }

    /// Whether [`Bin::push_cached`] has just found the list full, and nothing wrong with the block.
    pub(crate) fn was_full(&self) -> bool {
        self.room.get() == u32::MAX && self.cache.get() != 0
    }

    /// Takes the block that was freed last out of the thread cache. `None` if there is none, or if
    /// it was written to while it was free, which the slow path then says: the list is not empty.
    ///
    /// # Safety
    /// The bin is the running thread's.
    #[inline(always)]
    pub(crate) unsafe fn pop_cached(&self) -> Option<usize> {
        let block = self.cache.get();
        if block == 0 {
            return None;
        }
        debug_assert!(block.is_multiple_of(size_class::SIZE_MIN));
        // SAFETY: [contract, bin 2] blocks in a thread cache are the thread's alone.
        let next = unsafe { block::unseal::<P>(block, self.secret.get())? };
        self.cache.set(next);
        self.room.set(self.room.get().wrapping_add(1));
        Some(block)
    }

    /// Puts a freed block into the thread cache. `false` if the cache takes no more, or if the
    /// block may be free already, which the slow path then finds out.
    ///
    /// # Safety
    /// The bin is the running thread's, `block` is of its class, and the caller alone holds it.
    #[inline(always)]
    pub(crate) unsafe fn push_cached(&self, block: usize) -> bool {
        // SAFETY: [contract] the caller alone holds the block.
        unsafe { !block::may_be_sealed::<P>(block) && self.push_judged(block) }
    }

    /// As [`Bin::push_cached`], for a block that is known not to be free.
    ///
    /// # Safety
    /// As [`Bin::push_cached`].
    #[inline(always)]
    pub(crate) unsafe fn push_judged(&self, block: usize) -> bool {
        debug_assert!(block.is_multiple_of(size_class::SIZE_MIN));
        // Written first and judged then: one instruction counts. `open` puts it right again.
        let (left, full) = self.room.get().overflowing_sub(1);
        self.room.set(left);
        if full {
            return false;
        }
        // SAFETY: [contract] the caller alone holds the block.
        unsafe { block::set_next::<P>(block, self.cache.get(), self.secret.get()) };
        self.cache.set(block);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::size_class::CLASSES;

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
