//! The questions and wishes of `malloc.h` around the allocation itself.
//!
//! What the C library's allocator counts and hak does not is 0 here, and nothing is guessed.
//! `mallinfo2` has:
//!
//! | Field             | What it is here                                                    |
//! |-------------------|--------------------------------------------------------------------|
//! | `arena`           | bytes of SuperSlabs                                                |
//! | `uordblks`        | of these, bytes of slabs with blocks that are in use, or in caches |
//! | `fordblks`        | of these, the rest                                                 |
//! | `hblks`, `hblkhd` | blocks with a mapping of their own, and their bytes                |

use core::ffi::{c_int, c_void};

use libc::{FILE, size_t};
use native::{Hak, StackText, Totals};

/// Bytes that the program may use of a block; 0 for null.
///
/// # Safety
/// `block` is null or a block of this library, in use.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> size_t {
    if block.is_null() {
        return 0;
    }
    // SAFETY: [contract] the block is ours and in use.
    unsafe { Hak::usable_size(block.cast()) }
}

/// Whether this is the address of memory that hak manages: 1 or 0. Any address may be asked about.
/// Not of the C library's family: it is for programs that want to know whether hak is what serves
/// them.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn hak_owns(address: *const c_void) -> c_int {
    c_int::from(Hak::owns(address.cast()))
}

/// Gives empty memory back to the system; 1 if there was any. What is left at the top, as the
/// argument asks, has no meaning here.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn malloc_trim(_top: size_t) -> c_int {
    let before = Totals::take().total_bytes();
    Hak::collect();
    c_int::from(Totals::take().total_bytes() < before)
}

/// The C library's structure, whose fields are `size_t`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct MallInfo2 {
    arena: size_t,
    ordblks: size_t,
    smblks: size_t,
    hblks: size_t,
    hblkhd: size_t,
    usmblks: size_t,
    fsmblks: size_t,
    uordblks: size_t,
    fordblks: size_t,
    keepcost: size_t,
}

/// The older structure, whose fields are too small for what they count: they stop at the largest
/// `int`.
#[repr(C)]
pub(crate) struct MallInfo([c_int; 10]);

/// See the module's table.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn mallinfo2() -> MallInfo2 {
    let stats = Totals::take();
    MallInfo2 {
        arena: stats.superslab_bytes(),
        hblks: stats.mappings,
        hblkhd: stats.mapping_bytes,
        uordblks: stats.bound_bytes(),
        fordblks: stats.free_bytes(),
        ..MallInfo2::default()
    }
}

/// As [`mallinfo2`].
#[unsafe(no_mangle)]
pub(crate) extern "C" fn mallinfo() -> MallInfo {
    let info = mallinfo2();
    let all = [
        info.arena,
        info.ordblks,
        info.smblks,
        info.hblks,
        info.hblkhd,
        info.usmblks,
        info.fsmblks,
        info.uordblks,
        info.fordblks,
        info.keepcost,
    ];
    MallInfo(all.map(|field| c_int::try_from(field).unwrap_or(c_int::MAX)))
}

/// Prints what is in use to standard error.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn malloc_stats() {
    let mut text = StackText::<1024>::new();
    // What does not fit is cut.
    let _ = Totals::take().write_lines(&mut text);
    text.print();
}

/// Writes what is in use as XML, in a dialect of its own as the C library's is.
///
/// # Safety
/// `file` is an open stream.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn malloc_info(options: c_int, file: *mut FILE) -> c_int {
    if options != 0 {
        return libc::EINVAL;
    }
    let stats = Totals::take();
    let mut text = StackText::<1024>::new();
    // What does not fit is cut: numbers have an end.
    let _ = core::fmt::write(
        &mut text,
        format_args!(
            "<malloc version=\"hak-{}\">\n<superslabs count=\"{}\" size=\"{}\" bound=\"{}\"/>\n\
             <mappings count=\"{}\" size=\"{}\"/>\n<heaps count=\"{}\"/>\n</malloc>\n",
            env!("CARGO_PKG_VERSION"),
            stats.superslabs,
            stats.superslab_bytes(),
            stats.bound_bytes(),
            stats.mappings,
            stats.mapping_bytes,
            stats.heaps,
        ),
    );
    let bytes = text.bytes();
    // SAFETY: [contract, native lib 1] the bytes outlive the call, and the stream is open.
    let written = unsafe { libc::fwrite(bytes.as_ptr().cast(), 1, bytes.len(), file) };
    if written == bytes.len() { 0 } else { -1 }
}

/// Takes note of nothing: none of the C library's knobs exists here. 1 ("done") for those that only
/// trade time for memory, 0 ("not done") for those that a program would see the effect of, and for
/// unknown ones.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn mallopt(parameter: c_int, _value: c_int) -> c_int {
    /// M_MXFAST, M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_TEST,
    /// M_ARENA_MAX.
    const TRADES: [c_int; 7] = [1, -1, -2, -3, -4, -7, -8];
    c_int::from(TRADES.contains(&parameter))
}
