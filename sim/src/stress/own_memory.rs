//! The memory of the `hak-sim` command itself: hak's, with one exception.
//!
//! In the process that `hak-sim stress` starts, hak is what is examined: at rest every one of its
//! blocks must be one that the programs know of. There the command's own memory is the system's.
//!
//! Invariants:
//! 1. The choice is the same from the first allocation on: it follows from an environment variable
//!    that nothing in the process sets or takes away, and nothing changes the environment at all
//!    while the first allocation is made, in front of `main` or at its beginning. So a block goes
//!    back to where it came from.
//! 2. Both allocators keep the contract of [`GlobalAlloc`], and each function hands its call on as
//!    it came.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::CStr;
use std::sync::atomic::{AtomicU8, Ordering};

use hak::Hak;

/// The environment variable that a stress sets for the process that it starts.
pub const STRESS_CHILD: &CStr = c"HAK_SIM_STRESS_CHILD";

/// The command's global allocator.
pub struct CommandHeap;

const UNDECIDED: u8 = 0;
const HAK: u8 = 1;
const SYSTEM: u8 = 2;

/// Decided with the first allocation, and the same ever after: a block goes back to where it came
/// from.
static CHOICE: AtomicU8 = AtomicU8::new(UNDECIDED);

/// Whether hak is examined in this process, and the command keeps away from it.
#[inline]
fn apart() -> bool {
    // Relaxed: whoever decides comes to the same choice.
    match CHOICE.load(Ordering::Relaxed) {
        UNDECIDED => choose(),
        choice => choice == SYSTEM,
    }
}

#[cold]
fn choose() -> bool {
    // SAFETY: [own_memory 1] a string that ends with a zero byte.
    let apart = !unsafe { libc::getenv(STRESS_CHILD.as_ptr()) }.is_null();
    CHOICE.store(if apart { SYSTEM } else { HAK }, Ordering::Relaxed);
    apart
}

// SAFETY: [own_memory 1, own_memory 2]
unsafe impl GlobalAlloc for CommandHeap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: [contract]
        unsafe { if apart() { System.alloc(layout) } else { Hak.alloc(layout) } }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: [contract]
        unsafe { if apart() { System.alloc_zeroed(layout) } else { Hak.alloc_zeroed(layout) } }
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: [contract, own_memory 1] the block came from the same one.
        unsafe { if apart() { System.dealloc(ptr, layout) } else { Hak.dealloc(ptr, layout) } }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: [contract, own_memory 1] the block came from the same one.
        unsafe {
            if apart() {
                System.realloc(ptr, layout, new_size)
            } else {
                Hak.realloc(ptr, layout, new_size)
            }
        }
    }
}
