//! What is stressed: an allocator.
//!
//! Invariants:
//! 1. What hak asks of who allocates is that the alignment is a power of two: it is looked at here.

use hak::{Hak, Native};
use hak_core::range::Range;
use hak_core::{Allocator, Platform};

use crate::observe::accounting;

/// An allocator for all threads. Its blocks begin at multiples of 16 at least.
pub(super) trait StressSubject: Sync {
    /// The largest block that shares its memory with others: what "small" means for the programs.
    fn small_max(&self) -> usize;

    /// A block; null if there is no memory.
    fn allocate(&self, size: usize, align: usize) -> *mut u8;

    /// A block of zeros; null if there is no memory.
    fn allocate_zeroed(&self, size: usize, align: usize) -> *mut u8;

    /// Takes a block back.
    ///
    /// # Safety
    /// The block is one of this allocator, in use, and the caller's.
    unsafe fn free(&self, block: *mut u8);

    /// Changes a block's size; null if there is no memory, and the block is as it was.
    ///
    /// # Safety
    /// As [`StressSubject::free`]; it was asked for with this alignment.
    unsafe fn reallocate(&self, block: *mut u8, size: usize, align: usize) -> *mut u8;

    /// Bytes of the block that may be used.
    ///
    /// # Safety
    /// As [`StressSubject::free`].
    unsafe fn usable_size(&self, block: *const u8) -> usize;

    /// Whether the address is the allocator's.
    fn owns(&self, address: *const u8) -> bool;

    /// Gives back to the system what nobody uses.
    fn collect(&self);

    /// The running thread will not allocate for long.
    fn thread_exit(&self);

    /// The running thread ends, as far as the allocator is concerned: what it does from then on it
    /// does late.
    fn thread_end(&self) {
        self.thread_exit();
    }

    /// Looks whether idle memory is to go back.
    fn tick(&self) {}

    /// Limits the committed bytes; 0 for no limit.
    fn set_limit(&self, _bytes: usize) {}

    /// Looks at everything at rest. `live` are the blocks in use, address and bytes; with
    /// `all_freed` nothing may be kept.
    ///
    /// # Errors
    /// One sentence on what is wrong.
    fn audit(&self, live: &[(usize, usize)], all_freed: bool) -> Result<(), String>;

    /// Where blocks lie, address and bytes, once there have been some.
    fn memory(&self) -> Option<(usize, usize)>;
}

/// What ships.
pub(super) struct Shipped;

impl StressSubject for Shipped {
    fn small_max(&self) -> usize {
        Native::GEOMETRY.small_max
    }

    fn allocate(&self, size: usize, align: usize) -> *mut u8 {
        assert!(align.is_power_of_two());
        // SAFETY: [subject 1]
        unsafe { Hak::allocate(size, align) }
    }

    fn allocate_zeroed(&self, size: usize, align: usize) -> *mut u8 {
        assert!(align.is_power_of_two());
        // SAFETY: [subject 1]
        unsafe { Hak::allocate_zeroed(size, align) }
    }

    unsafe fn free(&self, block: *mut u8) {
        // SAFETY: [contract]
        unsafe { Hak::free(block) }
    }

    unsafe fn reallocate(&self, block: *mut u8, size: usize, align: usize) -> *mut u8 {
        // SAFETY: [contract]
        unsafe { Hak::reallocate(block, size, align) }
    }

    unsafe fn usable_size(&self, block: *const u8) -> usize {
        // SAFETY: [contract]
        unsafe { Hak::usable_size(block) }
    }

    fn owns(&self, address: *const u8) -> bool {
        Hak::owns(address)
    }

    fn collect(&self) {
        Hak::collect();
    }

    fn thread_exit(&self) {
        Hak::thread_exit();
    }

    fn thread_end(&self) {
        Allocator::<Native>::thread_end();
    }

    fn tick(&self) {
        Allocator::<Native>::tick();
    }

    fn set_limit(&self, bytes: usize) {
        Hak::set_limit(bytes);
    }

    fn audit(&self, live: &[(usize, usize)], all_freed: bool) -> Result<(), String> {
        accounting::audit::<Native>(live, all_freed).map_err(|found| found.message)
    }

    fn memory(&self) -> Option<(usize, usize)> {
        Range::<Native>::get().map(|range| (range.base(), range.bytes()))
    }
}
