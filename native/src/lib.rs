//! hak on real threads and real memory: a global allocator for Rust programs.
//!
//! # Using it
//!
//! ```
//! #[global_allocator]
//! static GLOBAL: hak::Hak = hak::Hak;
//!
//! let words: Vec<String> = ["slab", "owner", "pool"].map(String::from).to_vec();
//! assert!(hak::Hak::owns(words.as_ptr().cast()));
//! ```
//!
//! Nothing has to be initialised: the allocator's root is zeroed static memory, and zero is a valid state. There is no
//! second allocator behind this one: out of memory is a null pointer.
//!
//! # The life of a thread's heap
//!
//! The first allocation of a thread gives it a heap; from then on, the thread's allocations and the frees of
//! its own blocks touch no memory that other threads write to. Blocks may be freed by any thread.
//!
//! When the thread ends, its heap is handed over: blocks that are still in use stay valid, may still be freed
//! by others, and what gets free is used by the threads that go on. This happens after Rust's thread-local destructors
//! ran, which may allocate and free as they like. Allocating even later (in the destructor of a pthread key) works
//! too. [`Hak::thread_exit`] does the same at a moment of the program's choice, for a thread that will sleep for long.
//!
//! # Memory goes back
//!
//! Empty memory is kept in reserve, within bounds, since it will probably be asked for again. [`Hak::collect`] gives
//! it back to the system now.
//!
//! # `errno`
//!
//! No function of this crate changes `errno`, whatever its system calls do.
//!
//! # Misuse
//!
//! A pointer that is no block's, a block that is freed twice: what is noticed ends the process with one line on
//! standard error that says what and where, and with an abort. Nothing is promised to be noticed.
//!
//! # What is not there
//!
//! * `fork` in a process with several threads is not handled yet: the child may find a lock of a thread
//!   that it does not have. Fork and `exec` at once, as `std::process::Command` does, is fine.
//! * Signal handlers must not allocate or free.
//!
//! # Inside
//!
//! This crate is the machine's side of the boundary [`hak_core::Platform`]; the allocator itself is `hak-core`.

mod errno;
mod memory;
mod platform;
mod report;
mod thread;
mod words;

use core::alloc::{GlobalAlloc, Layout};

pub use platform::Native;

/// The core, driven by the machine.
type Allocator = hak_core::Allocator<Native>;

/// Ends the process if `call` unwinds: a global allocator must not, and after a failed assertion of the core nothing that
/// it says can be relied on.
#[inline(always)]
fn unwinding_aborts<R>(call: impl FnOnce() -> R) -> R {
    struct Abort;
    impl Drop for Abort {
        fn drop(&mut self) {
            // SAFETY: `abort` may be called at any time.
            unsafe { libc::abort() }
        }
    }
    let abort = Abort;
    let result = call();
    core::mem::forget(abort);
    result
}

/// The allocator. It has no state of its own: all values are the same one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hak;

// SAFETY: the contract of `GlobalAlloc` is that of the core's functions, called here with the layout's size
// and alignment: blocks are as large and aligned as asked, apart from each other, and valid until freed; failure is
// null. A layout never has size zero here, by the same contract. Nothing unwinds: a failed assertion of
// the core ends the process.
unsafe impl GlobalAlloc for Hak {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unwinding_aborts(|| Allocator::allocate(layout.size(), layout.align()))
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unwinding_aborts(|| Allocator::allocate_zeroed(layout.size(), layout.align()))
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, _layout: Layout) {
        // SAFETY: the caller promises that this is a block of this allocator, and gives it up.
        unwinding_aborts(|| unsafe { Allocator::free(ptr) })
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that this is a block of this allocator with that alignment, gives it up if the
        // result is not null, and that the size is not zero.
        unwinding_aborts(|| unsafe { Allocator::reallocate(ptr, new_size, layout.align()) })
    }
}

impl Hak {
    /// Allocates `size` bytes at a multiple of `align`; null if there is no memory for it.
    ///
    /// # Safety
    /// `align` is a power of two and `size` is not zero.
    #[inline]
    pub unsafe fn allocate(size: usize, align: usize) -> *mut u8 {
        unwinding_aborts(|| Allocator::allocate(size, align))
    }

    /// As [`Hak::allocate`], and every byte is zero.
    ///
    /// # Safety
    /// As for [`Hak::allocate`].
    #[inline]
    pub unsafe fn allocate_zeroed(size: usize, align: usize) -> *mut u8 {
        unwinding_aborts(|| Allocator::allocate_zeroed(size, align))
    }

    /// Frees a block.
    ///
    /// # Safety
    /// `ptr` is a block of this allocator, in use, and nobody uses it any more.
    #[inline]
    pub unsafe fn free(ptr: *mut u8) {
        // SAFETY: the same contract.
        unwinding_aborts(|| unsafe { Allocator::free(ptr) })
    }

    /// Makes a block larger or smaller, moving it if need be; its contents are kept up to the smaller size. Null if
    /// there is no memory for it: the block is then as it was.
    ///
    /// # Safety
    /// `ptr` is a block of this allocator, in use, and nobody uses it any more if the result is not null;
    /// `new_size` is not zero; `align` is a power of two.
    #[inline]
    pub unsafe fn reallocate(ptr: *mut u8, new_size: usize, align: usize) -> *mut u8 {
        // SAFETY: the same contract.
        unwinding_aborts(|| unsafe { Allocator::reallocate(ptr, new_size, align) })
    }

    /// How many bytes of a block may be used: at least what was asked for.
    ///
    /// # Safety
    /// `ptr` is a block of this allocator, in use.
    #[inline]
    pub unsafe fn usable_size(ptr: *const u8) -> usize {
        // SAFETY: the same contract.
        unsafe { Allocator::usable_size(ptr) }
    }

    /// Hands the running thread's heap over, as at its end. The thread may go on: its next allocation gets a
    /// new heap. There is no need to call this before a thread ends.
    #[inline]
    pub fn thread_exit() {
        Allocator::thread_exit();
    }

    /// Gives empty memory back to the system: what the running thread keeps in reserve, and what all threads share.
    #[inline]
    pub fn collect() {
        Allocator::collect();
    }

    /// Whether this is the address of memory that this allocator manages. Any address may be asked about.
    #[inline]
    pub fn owns(ptr: *const u8) -> bool {
        Allocator::owns(ptr)
    }
}
