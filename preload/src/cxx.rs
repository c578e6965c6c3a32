//! `operator new` and `operator delete` in every form of the Itanium C++ ABI (which all compilers for Linux follow).
//!
//! The C++ runtime's own versions would call `malloc` and `free` and be right; these save the way. What C++ asks for
//! beyond a block is asked of the runtime that the program has, by name, when memory has run out and not before:
//!
//! * `new` calls the new handler as long as there is one and tries again, then throws `std::bad_alloc`. An alignment
//!   that is no power of two throws at once.
//! * The `nothrow` forms return null. With a new handler, which may throw, the runtime's own version takes over: it calls
//!   `new` above and catches.
//! * A program without a C++ runtime cannot be thrown at: it is ended with one line.

use core::ffi::{CStr, c_void};
use core::mem::transmute;
use core::ptr;

use libc::size_t;
use native::{Hak, Text};

use crate::malloc::ALIGN;

type NewHandler = Option<unsafe extern "C-unwind" fn()>;
type NothrowNew = unsafe extern "C-unwind" fn(size_t, *const c_void) -> *mut c_void;
type AlignedNothrowNew = unsafe extern "C-unwind" fn(size_t, size_t, *const c_void) -> *mut c_void;

/// `operator new` and `new[]` at an alignment.
#[inline(always)]
fn new(size: usize, align: usize) -> *mut c_void {
    // SAFETY: the callers check that the alignment is a power of two.
    let block = unsafe { Hak::allocate(size, align) };
    if block.is_null() { new_again(size, align) } else { block.cast() }
}

#[cold]
#[inline(never)]
fn new_again(size: usize, align: usize) -> *mut c_void {
    loop {
        match new_handler() {
            // SAFETY: the program made this function known to be called here.
            Some(handler) => unsafe { handler() },
            None => throw_bad_alloc(),
        }
        // SAFETY: as in `new`.
        let block = unsafe { Hak::allocate(size, align) };
        if !block.is_null() {
            return block.cast();
        }
    }
}

#[inline(always)]
fn new_aligned(size: usize, align: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        throw_bad_alloc();
    }
    new(size, align.max(ALIGN))
}

#[cold]
#[inline(never)]
fn new_nothrow_again(name: &CStr, size: usize, tag: *const c_void) -> *mut c_void {
    match next(name) {
        // SAFETY: the runtime's function of that name has this type.
        Some(of_runtime) if new_handler().is_some() => unsafe {
            transmute::<*mut c_void, NothrowNew>(of_runtime)(size, tag)
        },
        _ => ptr::null_mut(),
    }
}

#[cold]
#[inline(never)]
fn new_aligned_nothrow_again(
    name: &CStr,
    size: usize,
    align: usize,
    tag: *const c_void,
) -> *mut c_void {
    match next(name) {
        // SAFETY: the runtime's function of that name has this type.
        Some(of_runtime) if new_handler().is_some() => unsafe {
            transmute::<*mut c_void, AlignedNothrowNew>(of_runtime)(size, align, tag)
        },
        _ => ptr::null_mut(),
    }
}

/// The program's new handler, if it has one.
fn new_handler() -> NewHandler {
    let get = of_runtime(c"_ZSt15get_new_handlerv")?;
    // SAFETY: the function of that name has this type.
    unsafe { transmute::<*mut c_void, unsafe extern "C-unwind" fn() -> NewHandler>(get)() }
}

#[cold]
fn throw_bad_alloc() -> ! {
    if let Some(throw) = of_runtime(c"_ZSt17__throw_bad_allocv") {
        // SAFETY: the function of that name has this type, and throws.
        unsafe { transmute::<*mut c_void, unsafe extern "C-unwind" fn() -> !>(throw)() }
    }
    Text::line(format_args!(
        "hak: out of memory in operator new, and no C++ runtime to throw std::bad_alloc with: link \
         with the C++ compiler"
    ))
    .print();
    // SAFETY: no precondition.
    unsafe { libc::abort() }
}

/// A function of the program's C++ runtime. One that came with a plugin is not in the global scope: it is asked for
/// by its file.
fn of_runtime(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a C string, and no library is loaded by this.
    let global = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    if !global.is_null() {
        return Some(global);
    }
    [c"libstdc++.so.6", c"libc++abi.so.1", c"libc++.so.1"].into_iter().find_map(|file| {
        // SAFETY: as above: what is not loaded yet stays so.
        let library = unsafe { libc::dlopen(file.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        if library.is_null() {
            return None;
        }
        // SAFETY: the library was loaded.
        let found = unsafe { libc::dlsym(library, name.as_ptr()) };
        (!found.is_null()).then_some(found)
    })
}

/// The next function of that name behind ours: the C++ runtime's own.
fn next(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a C string, and no library is loaded by this.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// The forms of `new`, for one object and for arrays.
macro_rules! new_forms {
    ($($plain:ident $aligned:ident $nothrow:ident $aligned_nothrow:ident)*) => { $(
        /// `operator new(size)`.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub(crate) extern "C-unwind" fn $plain(size: size_t) -> *mut c_void {
            new(size, ALIGN)
        }

        /// `operator new(size, align)`.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub(crate) extern "C-unwind" fn $aligned(size: size_t, align: size_t) -> *mut c_void {
            new_aligned(size, align)
        }

        /// `operator new(size, nothrow)`.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub(crate) extern "C-unwind" fn $nothrow(size: size_t, tag: *const c_void) -> *mut c_void {
            // SAFETY: a power of two.
            let block = unsafe { Hak::allocate(size, ALIGN) };
            if block.is_null() {
                let name = concat!(stringify!($nothrow), "\0").as_bytes();
                let name = CStr::from_bytes_with_nul(name).expect("a name ends where it ends");
                return new_nothrow_again(name, size, tag);
            }
            block.cast()
        }

        /// `operator new(size, align, nothrow)`.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub(crate) extern "C-unwind" fn $aligned_nothrow(
            size: size_t,
            align: size_t,
            tag: *const c_void,
        ) -> *mut c_void {
            if !align.is_power_of_two() {
                return ptr::null_mut();
            }
            // SAFETY: a power of two.
            let block = unsafe { Hak::allocate(size, align.max(ALIGN)) };
            if block.is_null() {
                let name = concat!(stringify!($aligned_nothrow), "\0").as_bytes();
                let name = CStr::from_bytes_with_nul(name).expect("a name ends where it ends");
                return new_aligned_nothrow_again(name, size, align, tag);
            }
            block.cast()
        }
    )* };
}

new_forms! {
    _Znwm _ZnwmSt11align_val_t _ZnwmRKSt9nothrow_t _ZnwmSt11align_val_tRKSt9nothrow_t
    _Znam _ZnamSt11align_val_t _ZnamRKSt9nothrow_t _ZnamSt11align_val_tRKSt9nothrow_t
}

/// The forms of `delete`: what follows the block is known to the allocator already.
macro_rules! delete_forms {
    ($($name:ident($($argument:ident: $type:ty),*))*) => { $(
        /// A form of `operator delete`.
        ///
        /// # Safety
        /// The block is null, or came from the matching `operator new` and is given up.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub(crate) unsafe extern "C" fn $name(block: *mut c_void $(, $argument: $type)*) {
            // SAFETY: the caller's contract.
            unsafe { Hak::free(block.cast()) };
        }
    )* };
}

delete_forms! {
    _ZdlPv()
    _ZdlPvm(_size: size_t)
    _ZdlPvSt11align_val_t(_align: size_t)
    _ZdlPvmSt11align_val_t(_size: size_t, _align: size_t)
    _ZdlPvRKSt9nothrow_t(_tag: *const c_void)
    _ZdlPvSt11align_val_tRKSt9nothrow_t(_align: size_t, _tag: *const c_void)
    _ZdaPv()
    _ZdaPvm(_size: size_t)
    _ZdaPvSt11align_val_t(_align: size_t)
    _ZdaPvmSt11align_val_t(_size: size_t, _align: size_t)
    _ZdaPvRKSt9nothrow_t(_tag: *const c_void)
    _ZdaPvSt11align_val_tRKSt9nothrow_t(_align: size_t, _tag: *const c_void)
}
