//! The class map: for each slab of the range its size class, dense, for the fast path of `free`.
//!
//! A word for a slab, sixteen slabs to a cache line: the class times the size of a bin. Added to
//! the address of a heap it gives the bin. Zero stands for "no slab", and bin 0 takes nothing.
//!
//! Invariants:
//! 1. The word changes only while no block of the slab is out; whoever holds a block may read it.
//! 2. It is 0, as in fresh memory, or what [`ClassWord::set`] made of a class of `size_class`.

use core::ptr::with_exposed_provenance;

use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::numbers::size_class::CLASSES;
use crate::tables::bin::BIN_SIZE;

/// The class of one slab, times [`BIN_SIZE`].
#[repr(transparent)]
pub(crate) struct ClassWord<P: Platform>(P::AtomicU32);

impl<P: Platform> ClassWord<P> {
    /// The word of slab `index` in the map at `map`.
    ///
    /// # Safety
    /// `map` is the class map of a published range, and `index` that of a slab below its extent.
    #[inline(always)]
    pub(crate) unsafe fn at<'a>(map: usize, index: usize) -> &'a ClassWord<P> {
        // SAFETY: [contract, growth 1, platform 1] the map has memory, and the words are atomic.
        unsafe { &*with_exposed_provenance(map + index * size_of::<ClassWord<P>>()) }
    }

    /// Bytes from the first bin of a heap to the bin of this class.
    #[inline(always)]
    pub(crate) fn bin_offset(&self) -> usize {
        // Relaxed: invariant 1. For a pointer that is no live block any value is good:
        // the slow path judges it.
        self.0.load(Ordering::Relaxed) as usize
    }

    /// The size class; 0 for "no slab".
    pub(crate) fn class(&self) -> u32 {
        let offset = self.bin_offset();
        debug_assert!(offset.is_multiple_of(BIN_SIZE) && offset <= CLASSES * BIN_SIZE);
        (offset / BIN_SIZE) as u32
    }

    /// Sets the class. For whoever owns the slab, while no block is out.
    pub(crate) fn set(&self, class: u32) {
        debug_assert!(class as usize <= CLASSES);
        // Relaxed: published by whatever hands a block or the slab on.
        self.0.store(class * BIN_SIZE as u32, Ordering::Relaxed);
    }
}
