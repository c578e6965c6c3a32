//! Setting `errno`. The functions of the allocator itself leave it alone.

use core::ffi::c_int;
use core::ptr;

/// Sets `errno` and returns null, as the functions that allocate do when they fail.
#[cold]
#[inline(never)]
pub(crate) fn null_with<T>(code: c_int) -> *mut T {
    // SAFETY: [native errno 1] the C library's own word of the running thread.
    unsafe { *libc::__errno_location() = code };
    ptr::null_mut()
}
