//! Blocks at an alignment of the program's choice.
//!
//! An alignment that is no power of two is refused with `EINVAL`, by each of them. (The GNU C
//! library's `memalign`, and `aligned_alloc` before version 2.38, round it up; POSIX and the later
//! C standards do not know such a block.) The size need not be a multiple of the alignment.

use core::ffi::{c_int, c_void};

use libc::{EINVAL, ENOMEM, size_t};
use native::Hak;

use crate::errno::null_with;
use crate::malloc::{ALIGN, or_enomem};

/// The old name of `aligned_alloc`.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn memalign(align: size_t, size: size_t) -> *mut c_void {
    if !align.is_power_of_two() {
        return null_with(EINVAL);
    }
    // SAFETY: [lib 1] the alignment is a power of two.
    or_enomem(unsafe { Hak::allocate(size, align.max(ALIGN)) })
}

/// The C standard's `aligned_alloc`.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn aligned_alloc(align: size_t, size: size_t) -> *mut c_void {
    memalign(align, size)
}

/// POSIX's `posix_memalign`: the result is the error, `errno` and `*place` are left alone when
/// there is one.
///
/// # Safety
/// `place` may be written to.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn posix_memalign(
    place: *mut *mut c_void,
    align: size_t,
    size: size_t,
) -> c_int {
    if !align.is_power_of_two() || align < size_of::<*mut c_void>() {
        return EINVAL;
    }
    // SAFETY: [lib 1] the alignment is a power of two.
    let block = unsafe { Hak::allocate(size, align.max(ALIGN)) };
    if block.is_null() {
        return ENOMEM;
    }
    // SAFETY: [contract] the place may be written to.
    unsafe { *place = block.cast() };
    0
}

/// A block at the start of a page.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn valloc(size: size_t) -> *mut c_void {
    memalign(page_size(), size)
}

/// A block of whole pages, at least one.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn pvalloc(size: size_t) -> *mut c_void {
    let page = page_size();
    match size.max(1).checked_next_multiple_of(page) {
        Some(bytes) => memalign(page, bytes),
        None => null_with(ENOMEM),
    }
}

fn page_size() -> usize {
    // SAFETY: [native lib 1] no precondition. The system knows its page size: the answer is
    // positive.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}
