//! malloc, calloc, realloc, free and their relatives.
//!
//! | Case                               | Answer                                            |
//! |------------------------------------|---------------------------------------------------|
//! | `malloc(0)`, `calloc(0, n)`        | a block of its own, not null                      |
//! | more than there is, or can be      | null and `ENOMEM`, as for more than `PTRDIFF_MAX` |
//! | `calloc`, `reallocarray`: overflow | null and `ENOMEM`                                 |
//! | `realloc(NULL, n)`                 | `malloc(n)`                                       |
//! | `realloc(p, 0)`                    | frees `p`; null, as in the GNU C library          |
//! | `realloc` that fails               | null and `ENOMEM`; the block is as it was         |
//! | `free(NULL)`                       | nothing                                           |
//! | `free`                             | leaves `errno` alone                              |

use core::ffi::c_void;
use core::ptr;

use libc::{ENOMEM, size_t};
use native::Hak;

use crate::errno::null_with;

/// What every block is aligned to: the largest alignment of a C type.
pub(crate) const ALIGN: usize = 16;

/// `block`, or null with `ENOMEM`.
#[inline(always)]
pub(crate) fn or_enomem(block: *mut u8) -> *mut c_void {
    if block.is_null() { null_with(ENOMEM) } else { block.cast() }
}

/// The C standard's `malloc`.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn malloc(size: size_t) -> *mut c_void {
    // SAFETY: [lib 1] the alignment is a power of two.
    match unsafe { Hak::allocate_fast(size, ALIGN) } {
        Some(block) => block.cast(),
        None => malloc_slow(size),
    }
}

/// The rest of `malloc`; it does not return to the fast path, which so keeps nothing for
/// afterwards.
#[cold]
#[inline(never)]
pub(crate) extern "C" fn malloc_slow(size: size_t) -> *mut c_void {
    // SAFETY: [lib 1] the alignment is a power of two.
    or_enomem(unsafe { Hak::allocate(size, ALIGN) })
}

/// The C standard's `calloc`.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn calloc(count: size_t, size: size_t) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: [lib 1] the alignment is a power of two.
        Some(bytes) => or_enomem(unsafe { Hak::allocate_zeroed(bytes, ALIGN) }),
        None => null_with(ENOMEM),
    }
}

/// The C standard's `realloc`, with the GNU C library's answer to a size of zero.
///
/// # Safety
/// `block` is null or a block of this library that the program gives up if the result is not null
/// or the size is zero.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn realloc(block: *mut c_void, size: size_t) -> *mut c_void {
    if block.is_null() {
        return malloc(size);
    }
    if size == 0 {
        // SAFETY: [contract] the block is ours, and the program gives it up.
        unsafe { Hak::free(block.cast()) };
        return ptr::null_mut();
    }
    // SAFETY: [contract, lib 1] the block is ours, and the program gives it up if there is another.
    or_enomem(unsafe { Hak::reallocate(block.cast(), size, ALIGN) })
}

/// `realloc` for `count` elements of `size` bytes.
///
/// # Safety
/// As for [`realloc`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn reallocarray(
    block: *mut c_void,
    count: size_t,
    size: size_t,
) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: [contract] the same as that of `realloc`.
        Some(bytes) => unsafe { realloc(block, bytes) },
        None => null_with(ENOMEM),
    }
}

/// The C standard's `free`.
///
/// # Safety
/// `block` is null or a block of this library, in use, that the program gives up.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn free(block: *mut c_void) {
    // SAFETY: [contract] the block is ours, and the program gives it up; null is ignored.
    unsafe { Hak::free(block.cast()) };
}

/// An old name of [`free`], for programs that were linked when it had one.
///
/// # Safety
/// As for [`free`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cfree(block: *mut c_void) {
    // SAFETY: [contract] as in `free`.
    unsafe { Hak::free(block.cast()) };
}

/// C23's `free` for who knows the size. The allocator knows it too.
///
/// # Safety
/// As for [`free`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn free_sized(block: *mut c_void, _size: size_t) {
    // SAFETY: [contract] as in `free`.
    unsafe { Hak::free(block.cast()) };
}

/// C23's `free` for who knows the size and the alignment.
///
/// # Safety
/// As for [`free`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn free_aligned_sized(
    block: *mut c_void,
    _align: size_t,
    _size: size_t,
) {
    // SAFETY: [contract] as in `free`.
    unsafe { Hak::free(block.cast()) };
}
