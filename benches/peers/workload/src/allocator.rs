//! The allocator under test: C `malloc`, or the allocator of one crate.
//!
//! In the crates' builds every allocation of the program comes from the crate, as
//! `#[global_allocator]`. A peer measured under a wrong name is the classic mistake of such
//! comparisons, so [`identify`] looks which allocator answers, and does not take anybody's word for
//! it.

use std::hint::black_box;

/// A block that a workload holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) start: *mut u8,
    pub(crate) size: usize,
}

// SAFETY: a block belongs to whoever holds the value; any thread may use and free it.
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
global!("with-ferroc", "ferroc", ferroc::Ferroc);

/// The crate that is built in, if any.
#[cfg(not(feature = "from-crate"))]
const CRATE: Option<&str> = None;

/// A block of this size, its first byte written.
#[inline(always)]
pub(crate) fn allocate(size: usize) -> Block {
    let start = raw::allocate(size);
    if start.is_null() {
        eprintln!("out of memory: a block of {size} bytes was refused");
        std::process::exit(1);
    }
    // SAFETY: the block has at least one byte; volatile, so that the block is not optimised away.
    unsafe { start.write_volatile(1) };
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
        // SAFETY: 8 is a power of two, and no workload's size comes near the end of the address
        // space.
        unsafe { Layout::from_size_align_unchecked(size, 8) }
    }

    #[inline(always)]
    pub(super) fn allocate(size: usize) -> *mut u8 {
        // SAFETY: no workload asks for zero bytes.
        unsafe { alloc(layout(size)) }
    }

    #[inline(always)]
    pub(super) fn free(block: Block) {
        // SAFETY: the block came from `allocate` with this size, and whoever held it gives it up.
        unsafe { dealloc(block.start, layout(block.size)) };
    }
}

/// Without a crate: the C functions, under whatever library was loaded first.
#[cfg(not(feature = "from-crate"))]
mod raw {
    use super::Block;

    #[inline(always)]
    pub(super) fn allocate(size: usize) -> *mut u8 {
        // SAFETY: C malloc has no preconditions.
        unsafe { libc::malloc(size) }.cast()
    }

    #[inline(always)]
    pub(super) fn free(block: Block) {
        // SAFETY: the block came from `malloc`, and whoever held it gives it up.
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
    // SAFETY: reads glibc's counters; no preconditions.
    let used = || unsafe { libc::mallinfo2() }.uordblks;
    let before = used();
    let blocks: [Block; PROBE_BLOCKS] = std::array::from_fn(|_| black_box(allocate(PROBE_SIZE)));
    let after = used();
    blocks.into_iter().for_each(free);
    after.saturating_sub(before)
}

/// The name of the file that defines the symbol which calls from this program reach.
fn file_of(symbol: &std::ffi::CStr) -> Result<String, String> {
    // SAFETY: both take valid C strings and a valid place for the answer.
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
