//! The allocator under test: C `malloc`, or the allocator of one crate.
//!
//! In the crates' builds every allocation of the program comes from the crate, as
//! `#[global_allocator]`. A peer measured under a wrong name is the classic mistake of such
//! comparisons, so [`identify`] looks which allocator answers, and does not take anybody's word for
//! it.
//!
//! Invariants:
//! 1. Sizes are those of the workloads and of the probe here: 1 byte at least, some MiB at most.
//! 2. A block is of the one allocator that this program is built with or runs under, and has the
//!    size that it was asked for with.
//! 3. The functions of the C library that are asked here take numbers, strings, and structures to
//!    fill, and keep nothing. The name of a file that they give is a C string, which stays as long
//!    as the file is loaded, and is copied at once.

use std::hint::black_box;

/// A block that a workload holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) start: *mut u8,
    pub(crate) size: usize,
}

// SAFETY: [workloads 1, allocator 2] any thread may free it.
unsafe impl Send for Block {}

/// Declares the crate of a feature as the program's allocator.
macro_rules! global {
    ($feature:literal, $name:literal, $type:path) => {
        #[cfg(feature = $feature)]
        #[global_allocator]
        static GLOBAL: $type = $type;
        #[cfg(feature = $feature)]
        const CRATE: Option<&str> = Some($name);
    };
}

global!("with-hak", "hak", hak::Hak);
global!("with-mimalloc-3", "mimalloc 3", mimalloc::MiMalloc);
global!("with-mimalloc-2", "mimalloc 2", mimalloc::MiMalloc);
global!("with-jemalloc", "jemalloc", tikv_jemallocator::Jemalloc);
global!("with-snmalloc", "snmalloc", snmalloc_rs::SnMalloc);
global!("with-rpmalloc", "rpmalloc", rpmalloc::RpMalloc);
global!("with-tcmalloc", "tcmalloc", tcmalloc_better::TCMalloc);
global!("with-scudo", "scudo", scudo::GlobalScudoAllocator);
global!("with-hardened", "hardened", hardened_malloc_rs::HardenedMalloc);
global!("with-ferroc", "ferroc", ferroc::Ferroc);

/// The crate that is built in, if any.
#[cfg(not(feature = "from-crate"))]
const CRATE: Option<&str> = None;

/// A block of this size, its first byte written.
#[inline(always)]
pub(crate) fn allocate(size: usize) -> Block {
    let block = allocate_untouched(size);
    // SAFETY: [allocator 1] at least one byte; volatile, so that the block is not optimised away.
    unsafe { block.start.write_volatile(1) };
    block
}

/// A block of this size, to which nothing was written. The caller writes to it, so that the block
/// is not optimised away.
#[inline(always)]
pub(crate) fn allocate_untouched(size: usize) -> Block {
    let start = raw::allocate(size);
    if start.is_null() {
        eprintln!("out of memory: a block of {size} bytes was refused");
        std::process::exit(1);
    }
    Block { start, size }
}

/// Frees a block.
#[inline(always)]
pub(crate) fn free(block: Block) {
    raw::free(block);
}

/// With a crate: what a Rust program calls for a boxed value with the alignment of a word.
#[cfg(feature = "from-crate")]
mod raw {
    use std::alloc::{Layout, alloc, dealloc};

    use super::Block;

    #[inline(always)]
    fn layout(size: usize) -> Layout {
        // SAFETY: [allocator 1] and 8 is a power of two.
        unsafe { Layout::from_size_align_unchecked(size, 8) }
    }

    #[inline(always)]
    pub(super) fn allocate(size: usize) -> *mut u8 {
        // SAFETY: [allocator 1]
        unsafe { alloc(layout(size)) }
    }

    #[inline(always)]
    pub(super) fn free(block: Block) {
        // SAFETY: [workloads 1, allocator 2] it came from `allocate` with this size.
        unsafe { dealloc(block.start, layout(block.size)) };
    }
}

/// Without a crate: the C functions, under whatever library was loaded first.
#[cfg(not(feature = "from-crate"))]
mod raw {
    use super::Block;

    #[inline(always)]
    pub(super) fn allocate(size: usize) -> *mut u8 {
        // SAFETY: [allocator 1] as the function is declared, it takes any number.
        unsafe { libc::malloc(size) }.cast()
    }

    #[inline(always)]
    pub(super) fn free(block: Block) {
        // SAFETY: [workloads 1, allocator 2] it came from `malloc`.
        unsafe { libc::free(block.start.cast()) };
    }
}

/// Which allocator answers: `crate NAME`, or the file that `malloc` and `free` come from. An error
/// says what is wrong.
pub(crate) fn identify() -> Result<String, String> {
    match CRATE {
        Some(name) => {
            let grown = growth_of_c_heap();
            if grown >= PROBE_BLOCKS * PROBE_SIZE / 2 {
                return Err(format!(
                    "the crate {name} is built in, but blocks come from the C library's heap: \
                    {grown} bytes"
                ));
            }
            Ok(format!("crate {name}"))
        }
        None => {
            let (malloc, free) = (file_of(c"malloc")?, file_of(c"free")?);
            if malloc != free {
                return Err(format!("malloc comes from {malloc} and free from {free}"));
            }
            Ok(malloc)
        }
    }
}

const PROBE_BLOCKS: usize = 64;
const PROBE_SIZE: usize = 4_000;

/// By how many bytes glibc's own heap grows while this program's allocator hands out 64 blocks of
/// 4,000.
fn growth_of_c_heap() -> usize {
    // SAFETY: [allocator 3] a copy of counters.
    let used = || unsafe { libc::mallinfo2() }.uordblks;
    let before = used();
    let blocks: [Block; PROBE_BLOCKS] = std::array::from_fn(|_| black_box(allocate(PROBE_SIZE)));
    let after = used();
    blocks.into_iter().for_each(free);
    after.saturating_sub(before)
}

/// The name of the file that defines the symbol which calls from this program reach.
fn file_of(symbol: &std::ffi::CStr) -> Result<String, String> {
    // SAFETY: [allocator 3] a C string, and a structure of this function, for which zero is a
    // value.
    let path = unsafe {
        let address = libc::dlsym(libc::RTLD_DEFAULT, symbol.as_ptr());
        let mut info: libc::Dl_info = std::mem::zeroed();
        if address.is_null() || libc::dladdr(address, &mut info) == 0 || info.dli_fname.is_null() {
            return Err(format!("no file defines {symbol:?}"));
        }
        std::ffi::CStr::from_ptr(info.dli_fname).to_string_lossy().into_owned()
    };
    Ok(path.rsplit('/').next().unwrap_or(&path).to_owned())
}
