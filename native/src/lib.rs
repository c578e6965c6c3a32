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
//! Nothing has to be initialised: the allocator's root is zeroed static memory, and zero is a valid
//! state. There is no second allocator behind this one: out of memory is a null pointer.
//!
//! # The life of a thread's heap
//!
//! The first allocation of a thread gives it a heap; from then on, the thread's allocations and the
//! frees of its own blocks touch no memory that other threads write to. Blocks may be freed by any
//! thread.
//!
//! When the thread ends, its heap is handed over: blocks that are still in use stay valid, may
//! still be freed by others, and what gets free is used by the threads that go on. This happens
//! after Rust's thread-local destructors ran, which may allocate and free as they like. Allocating
//! even later (in the destructor of a pthread key) works too. [`Hak::thread_exit`] does the same at
//! a moment of the program's choice, for a thread that will sleep for long.
//!
//! # Memory goes back
//!
//! Empty memory is kept in reserve, within bounds, since it will probably be asked for again. What
//! stays unused goes back to the system after a quarter to half a second, a little at each call
//! that a thread's cache does not answer, or with [`Hak::start_background`] without any call;
//! [`Hak::collect`] gives it back now. [`Hak::set_limit`] bounds what is obtained from the system,
//! and [`stats()`] says what is in use.
//!
//! # `errno`
//!
//! No function of this crate changes `errno`, whatever its system calls do.
//!
//! # Misuse
//!
//! A pointer that is no block's, a block that is freed twice: what is noticed ends the process with
//! one line on standard error that says what and where, and with an abort. Nothing is promised to
//! be noticed.
//!
//! # What is not there
//!
//! * After a `fork` in a process with several threads both processes may go on allocating, since
//!   there are no locks. What the other threads' caches held, and what is freed to slabs that they
//!   own, is lost to the child.
//! * Signal handlers must not allocate or free.
//! * The reserved range is a tebibyte of addresses. `mlockall(MCL_CURRENT)` counts it, so that only
//!   a process that may lock as much as it likes (`CAP_IPC_LOCK`) can call it. Locked memory does
//!   not go back, on systems older than Linux 5.18.
//!
//! * A shared library that contains this crate is not unloaded by `dlclose`, with the GNU C
//!   library: threads may hold its blocks, and call it when they end. Loaded again it goes on where
//!   it was.
//!
//! # Inside
//!
//! This crate is the machine's side of the boundary [`hak_core::Platform`]; the allocator itself is
//! `hak-core`.
//!
//! Invariants:
//! 1. A function of the C library, or a call of the system, gets places for its results that are
//!    there until it returns, as long as it is told, and strings that end in zero. It writes to no
//!    other memory of ours, but as `memory` and `relocation` want it to.
//! 2. A block is as long and as aligned as was asked for, apart from all others, and the caller's
//!    until it frees it; failure is null. The core promises that of [`hak_core::Allocator`].
//! 3. Nothing unwinds into a caller: the slow paths have the C calling convention, where a panic
//!    aborts, and the fast paths have none, but for assertions of debug builds, which hold.
//! 4. Tests and examples ask for alignments that are powers of two, and free a block once: who
//!    allocated it, or was handed it.

#![no_std]

#[cfg(any(test, not(all(target_arch = "x86_64", target_os = "linux", not(hak_portable)))))]
extern crate std;

mod atomics;
mod background;
mod caches;
mod description;
mod errno;
mod huge;
mod memory;
#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
mod pinned;
mod platform;
#[cfg(target_os = "linux")]
mod relocation;
mod report;
mod secret;
mod stack_text;
pub mod stats;
mod thread;

use core::alloc::{GlobalAlloc, Layout};

pub use description::Description;
pub use huge::HugePages;
pub use platform::Native;
pub use stack_text::StackText;
pub use stats::{Stats, Totals};

/// What is in use; see [`Stats`].
pub fn stats() -> Stats {
    Stats::take()
}

/// The core, driven by the machine.
type Allocator = hak_core::Allocator<Native>;

/// The slow paths under the C calling convention: a failed assertion of the core ends the process,
/// since nothing that it says could be relied on after that, and since nothing unwinds, the fast
/// paths go there with a jump.
mod slow {
    use crate::Allocator;

    pub(crate) extern "C" fn allocate(size: usize, align: usize) -> *mut u8 {
        Allocator::allocate_slow(size, align)
    }

    pub(crate) extern "C" fn allocate_zeroed(size: usize, align: usize) -> *mut u8 {
        Allocator::allocate_zeroed(size, align)
    }

    /// # Safety
    /// As `Allocator::free`.
    pub(crate) unsafe extern "C" fn free(block: *mut u8) {
        // SAFETY: [contract] the same as the core's.
        unsafe { Allocator::free_slow(block) }
    }

    /// # Safety
    /// As `Allocator::reallocate`.
    pub(crate) unsafe extern "C" fn reallocate(
        block: *mut u8,
        size: usize,
        align: usize,
    ) -> *mut u8 {
        // SAFETY: [contract] the same as the core's.
        unsafe { Allocator::reallocate(block, size, align) }
    }

    /// # Safety
    /// As `Allocator::usable_size`.
    pub(crate) unsafe extern "C" fn usable_size(block: *const u8) -> usize {
        // SAFETY: [contract] the same as the core's.
        unsafe { Allocator::usable_size(block) }
    }
}

/// The allocator. It has no state of its own: all values are the same one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hak;

// SAFETY: [lib 2, lib 3] the core's functions are called with the layout's size and alignment, and
// that is what `GlobalAlloc` promises: blocks that are so long and so aligned, or null, and nothing
// unwinds. A layout never has size zero here, by its contract.
unsafe impl GlobalAlloc for Hak {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: [contract] the alignment of a layout is a power of two.
        unsafe { Hak::allocate(layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        slow::allocate_zeroed(layout.size(), layout.align())
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, _layout: Layout) {
        // SAFETY: [contract] this is a block of this allocator, and the caller gives it up.
        unsafe { Hak::free(ptr) }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: [contract] this is a block of this allocator with that alignment, which the
        // caller gives up if the result is not null; the size is not zero.
        unsafe { slow::reallocate(ptr, new_size, layout.align()) }
    }
}

impl Hak {
    /// The fast path of [`Hak::allocate`] alone: a block of the thread cache, if there is one. For
    /// who has a way of its own to go on, such as one that sets `errno`.
    ///
    /// # Safety
    /// As for [`Hak::allocate`].
    #[inline(always)]
    pub unsafe fn allocate_fast(size: usize, align: usize) -> Option<*mut u8> {
        Allocator::allocate_fast(size, align)
    }

    /// Allocates `size` bytes at a multiple of `align`; null if there is no memory for it. A size
    /// of zero counts as one.
    ///
    /// # Safety
    /// `align` is a power of two.
    #[inline]
    pub unsafe fn allocate(size: usize, align: usize) -> *mut u8 {
        Allocator::allocate_fast(size, align).unwrap_or_else(|| slow::allocate(size, align))
    }

    /// As [`Hak::allocate`], and every byte is zero.
    ///
    /// # Safety
    /// As for [`Hak::allocate`].
    #[inline]
    pub unsafe fn allocate_zeroed(size: usize, align: usize) -> *mut u8 {
        slow::allocate_zeroed(size, align)
    }

    /// Frees a block.
    ///
    /// # Safety
    /// `ptr` is a block of this allocator, in use, and nobody uses it any more.
    #[inline]
    pub unsafe fn free(ptr: *mut u8) {
        // SAFETY: [contract] the same as the core's.
        unsafe {
            if !Allocator::free_fast(ptr) {
                slow::free(ptr);
            }
        }
    }

    /// Makes a block larger or smaller, moving it if need be; its contents are kept up to the
    /// smaller size. Null if there is no memory for it: the block is then as it was.
    ///
    /// # Safety
    /// `ptr` is a block of this allocator, in use, and nobody uses it any more if the result is not
    /// null; `new_size` is not zero; `align` is a power of two.
    #[inline]
    pub unsafe fn reallocate(ptr: *mut u8, new_size: usize, align: usize) -> *mut u8 {
        // SAFETY: [contract] the same as the core's.
        unsafe { slow::reallocate(ptr, new_size, align) }
    }

    /// How many bytes of a block may be used: at least what was asked for.
    ///
    /// # Safety
    /// `ptr` is a block of this allocator, in use.
    #[inline]
    pub unsafe fn usable_size(ptr: *const u8) -> usize {
        // SAFETY: [contract] the same as the core's.
        unsafe { slow::usable_size(ptr) }
    }

    /// Hands the running thread's heap over, as at its end. The thread may go on: its next
    /// allocation gets a new heap. There is no need to call this before a thread ends.
    #[inline]
    pub fn thread_exit() {
        Allocator::thread_exit();
    }

    /// Bytes that the system has committed for blocks, used or idle.
    #[inline]
    pub fn committed() -> usize {
        Allocator::committed()
    }

    /// Limits the committed bytes; 0 for no limit. What does not fit is refused, with a null
    /// pointer.
    #[inline]
    pub fn set_limit(bytes: usize) {
        Allocator::set_limit(bytes);
    }

    /// Gives empty memory back to the system: what the running thread keeps in reserve, and what
    /// all threads share.
    #[inline]
    pub fn collect() {
        Allocator::collect();
    }

    /// Starts a thread that gives idle memory back also while the program does nothing, unless
    /// there is one; `false` if the system has no thread for it. It is started anew in children of
    /// `fork`, and does not keep a process alive whose other threads have all ended. Under
    /// libhak.so, `HAK_BACKGROUND=1` does this.
    pub fn start_background() -> bool {
        background::start()
    }

    /// Says which memory the system may put into huge pages: none, unless this was called. With
    /// [`HugePages::Adaptive`] the thread of [`Hak::start_background`] looks which, and is started;
    /// `false` if there is none for it. (It needs Linux 6.1, and finds nothing elsewhere.) Memory
    /// that is accessible already stays as it is with [`HugePages::Always`]. Under libhak.so,
    /// `HAK_HUGE` does this.
    pub fn set_huge_pages(policy: HugePages) -> bool {
        let obeyed = policy != HugePages::Adaptive || background::start();
        if obeyed {
            huge::set(policy);
        }
        obeyed
    }

    /// Whether this is the address of memory that this allocator manages. Any address may be asked
    /// about.
    #[inline]
    pub fn owns(ptr: *const u8) -> bool {
        Allocator::owns(ptr)
    }

    /// What lies at an address, in words. Any address may be asked about, at any time.
    #[inline]
    pub fn describe(ptr: *const u8) -> Description {
        Description::of(ptr.addr())
    }
}
