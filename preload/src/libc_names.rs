//! The names under which the C library exports its own allocator: `__libc_malloc` and its kind.
//!
//! Programs that wrap `malloc` themselves call these to get a block, and free it by either name.
//! They are the same functions here, so that both names lead to one allocator.

use core::ffi::{c_int, c_void};

use libc::size_t;

use crate::{aligned, malloc};

/// `malloc` by another name.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn __libc_malloc(size: size_t) -> *mut c_void {
    malloc::malloc(size)
}

/// `calloc` by another name.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn __libc_calloc(count: size_t, size: size_t) -> *mut c_void {
    malloc::calloc(count, size)
}

/// `realloc` by another name.
///
/// # Safety
/// As for [`malloc::realloc`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn __libc_realloc(block: *mut c_void, size: size_t) -> *mut c_void {
    // SAFETY: [contract] the same as behind the other name.
    unsafe { malloc::realloc(block, size) }
}

/// `free` by another name.
///
/// # Safety
/// As for [`malloc::free`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn __libc_free(block: *mut c_void) {
    // SAFETY: [contract] the same as behind the other name.
    unsafe { malloc::free(block) }
}

/// `memalign` by another name.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn __libc_memalign(align: size_t, size: size_t) -> *mut c_void {
    aligned::memalign(align, size)
}

/// `valloc` by another name.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn __libc_valloc(size: size_t) -> *mut c_void {
    aligned::valloc(size)
}

/// `pvalloc` by another name.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn __libc_pvalloc(size: size_t) -> *mut c_void {
    aligned::pvalloc(size)
}

/// `posix_memalign` by another name.
///
/// # Safety
/// As for [`aligned::posix_memalign`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn __posix_memalign(
    place: *mut *mut c_void,
    align: size_t,
    size: size_t,
) -> c_int {
    // SAFETY: [contract] the same as behind the other name.
    unsafe { aligned::posix_memalign(place, align, size) }
}
