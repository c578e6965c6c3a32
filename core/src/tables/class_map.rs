//! The class map: for each slab of the range its size class, dense, for the fast path of `free`.
//!
//! A word for a slab, sixteen slabs to a cache line. The word is the class times the size of a bin:
//! added to the address of a heap it gives the bin. Zero stands for "no slab", and bin 0 takes
//! nothing.
//!
//! Invariant: the word changes only while no block of the slab is out; whoever holds a block may
//! read it.

use core::ptr::with_exposed_provenance;

use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::tables::bin::BIN_SIZE;

/// The class of one slab, times [`BIN_SIZE`].
#[repr(transparent)]
pub(crate) struct ClassWord<P: Platform>(P::AtomicU32);

impl<P: Platform> ClassWord<P> {
    /// The word of slab `index` in the map at `map`.
    ///
    /// # Safety
    /// `map` is the class map of a published range, and `index` the number of a slab in it.
    #[inline(always)]
    pub(crate) unsafe fn at<'a>(map: usize, index: usize) -> &'a ClassWord<P> {
        // SAFETY: the map is committed for ever, zeroed memory is valid, and the words are atomic.
        unsafe { &*with_exposed_provenance(map + index * size_of::<ClassWord<P>>()) }
    }

    /// Bytes from the first bin of a heap to the bin of this class.
    #[inline(always)]
    pub(crate) fn bin_offset(&self) -> usize {
        // Relaxed: the module's invariant. For a pointer that is no live block any value is good:
        // the slow path judges it.
        self.0.load(Ordering::Relaxed) as usize
    }

    /// The size class; 0 for "no slab".
    pub(crate) fn class(&self) -> u32 {
        (self.bin_offset() / BIN_SIZE) as u32
    }

    /// Sets the class. For whoever owns the slab, while no block is out.
    pub(crate) fn set(&self, class: u32) {
        // Relaxed: published by whatever hands a block or the slab on.
        self.0.store(class * BIN_SIZE as u32, Ordering::Relaxed);
    }
}
