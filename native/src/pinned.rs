//! A library that contains hak stays in memory once it was loaded.
//!
//! `dlclose` would take away what others go on to need: the function that the C library calls when
//! a thread ends (see `thread`), the handler for forks, the blocks that were not freed yet. No key
//! can be deleted for threads that have a value of it, and no block be called back. So the library
//! asks for its own pages to be kept: a constructor opens it once more, as one that is never
//! unloaded. The loader runs constructors on the thread that loads, with its own lock held, so that
//! this cannot wait for anybody. Loading the library again gives the same one, with its heaps and
//! its range.
//!
//! libhak.so says so in its own header (`-z nodelete`), and programs are never unloaded: nothing is
//! opened for these. Only the GNU C library is asked; others never unload a library (musl), or run
//! no such function in one that they have unloaded.
//!
//! Invariant: the loader's description of a library begins as [`LinkMap`] does, and is there as
//! long as the library; the name is a C string or null, the dynamic section ends in `DT_NULL`.

use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::ptr;

use libc::{Dl_info, RTLD_LAZY, RTLD_NODELETE, RTLD_NOLOAD};

/// The beginning of the loader's description of a library, as `link.h` has it.
#[repr(C)]
struct LinkMap {
    base: usize,
    name: *const libc::c_char,
    dynamic: *const Entry,
}

/// An entry of the dynamic section.
#[repr(C)]
struct Entry {
    tag: isize,
    value: usize,
}

const DT_NULL: isize = 0;
const DT_FLAGS_1: isize = 0x6fff_fffb;
const DF_1_NODELETE: usize = 8;
const RTLD_DL_LINKMAP: libc::c_int = 2;

unsafe extern "C" {
    fn dladdr1(
        address: *const c_void,
        info: *mut Dl_info,
        extra: *mut *mut c_void,
        flags: libc::c_int,
    ) -> libc::c_int;
}

/// Runs when the library is loaded.
#[used]
#[unsafe(link_section = ".init_array")]
static PIN: extern "C" fn() = pin;

extern "C" fn pin() {
    crate::errno::kept(|| {
        let mut info = MaybeUninit::<Dl_info>::uninit();
        let mut map = ptr::null_mut();
        let here = (&raw const PIN).cast();
        // SAFETY: [lib 1, pinned 1] both results are written there if the call succeeds, and the
        // description is that of this library, which is there while it runs.
        unsafe {
            if dladdr1(here, info.as_mut_ptr(), &mut map, RTLD_DL_LINKMAP) == 0 || map.is_null() {
                return;
            }
            let map = map.cast::<LinkMap>();
            let is_program = (*map).name.is_null() || CStr::from_ptr((*map).name).is_empty();
            if !is_program && !stays((*map).dynamic) {
                // Refused, it is as without: nothing can be done about it.
                libc::dlopen((*map).name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
            }
        }
    });
}

/// Whether a library says of itself that it is not to be unloaded.
///
/// # Safety
/// A dynamic section, or null.
unsafe fn stays(mut entry: *const Entry) -> bool {
    // SAFETY: [contract, pinned 1] an entry up to DT_NULL.
    unsafe {
        while !entry.is_null() && (*entry).tag != DT_NULL {
            if (*entry).tag == DT_FLAGS_1 {
                return (*entry).value & DF_1_NODELETE != 0;
            }
            entry = entry.wrapping_add(1);
        }
    }
    false
}
