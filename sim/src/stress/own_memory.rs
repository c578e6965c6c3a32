//! The memory of the `hak-sim` command itself: hak's, with one exception.
//!
//! In the process that `hak-sim stress` starts, hak is what is examined: at rest every one of its
//! blocks must be one that the programs know of. There the command's own memory is the system's.

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
    // SAFETY: a string that ends with a zero byte; the first allocation comes before `main`, so
    // nobody changes the environment meanwhile.
    let apart = !unsafe { libc::getenv(STRESS_CHILD.as_ptr()) }.is_null();
    CHOICE.store(if apart { SYSTEM } else { HAK }, Ordering::Relaxed);
    apart
}

// SAFETY: each function forwards to one of two allocators that keep the contract, and always to the
// same one.
unsafe impl GlobalAlloc for CommandHeap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same contract.
        unsafe { if apart() { System.alloc(layout) } else { Hak.alloc(layout) } }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same contract.
        unsafe { if apart() { System.alloc_zeroed(layout) } else { Hak.alloc_zeroed(layout) } }
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the same contract; the choice has not changed since the block was handed out.
        unsafe { if apart() { System.dealloc(ptr, layout) } else { Hak.dealloc(ptr, layout) } }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as in `dealloc`.
        unsafe {
            if apart() {
                System.realloc(ptr, layout, new_size)
            } else {
                Hak.realloc(ptr, layout, new_size)
            }
        }
    }
}
