//! The allocator's entry points under names that can be found again in the machine code.
//!
//! `tests/machine_code.rs` compiles this in release mode and reads the instructions. By hand:
//!
//! ```text
//! cargo rustc --release -p hak --example paths -- --emit asm
//! ```

use std::hint::black_box;

use hak::Hak;

#[global_allocator]
static GLOBAL: Hak = Hak;

/// As C's `malloc`.
///
/// # Safety
/// `size` is not zero.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn hak_malloc(size: usize) -> *mut u8 {
    // SAFETY: [contract] the same as the crate's.
    unsafe { Hak::allocate(size, 16) }
}

/// A block whose size is known when the program is compiled.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn hak_malloc_64() -> *mut u8 {
    // SAFETY: [lib 4] the alignment is a power of two.
    unsafe { Hak::allocate(64, 8) }
}

/// As C's `free`, but for null.
///
/// # Safety
/// `ptr` is a block of this allocator.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn hak_free(ptr: *mut u8) {
    // SAFETY: [contract] the same as the crate's.
    unsafe { Hak::free(ptr) }
}

/// As C's `malloc_usable_size`.
///
/// # Safety
/// `ptr` is a block of this allocator.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn hak_usable_size(ptr: *const u8) -> usize {
    // SAFETY: [contract] the same as the crate's.
    unsafe { Hak::usable_size(ptr) }
}

/// As C's `realloc`, for a block of at most usual alignment.
///
/// # Safety
/// `ptr` is a block of this allocator and `size` is not zero.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn hak_realloc(ptr: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: [contract] the same as the crate's.
    unsafe { Hak::reallocate(ptr, size, 16) }
}

fn main() {
    for size in 1..2_000 {
        // SAFETY: [lib 4] the sizes are not zero, and each block is freed once.
        unsafe {
            let block = black_box(hak_malloc(black_box(size)));
            let block = black_box(hak_realloc(block, hak_usable_size(block) + 1));
            hak_free(block);
            hak_free(black_box(hak_malloc_64()));
        }
    }
}
