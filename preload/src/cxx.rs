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

type NewHandler = Option<unsafe extern "C" fn()>;
type NothrowNew = unsafe extern "C" fn(size_t, *const c_void) -> *mut c_void;
type AlignedNothrowNew = unsafe extern "C" fn(size_t, size_t, *const c_void) -> *mut c_void;

/// A block, or what to call before it is tried again.
#[repr(C)]
struct Step {
    block: *mut c_void,
    call: *mut c_void,
}

/// `malloc` that leaves `errno` alone.
extern "C" fn malloc_quietly(size: size_t) -> *mut c_void {
    // SAFETY: a power of two.
    unsafe { Hak::allocate(size, ALIGN) }.cast()
}

/// One attempt of `operator new`: the block, or the new handler, or what throws.
#[cold]
extern "C" fn new_step(size: size_t, align: size_t) -> Step {
    if !align.is_power_of_two() {
        return Step { block: ptr::null_mut(), call: thrower() };
    }
    // SAFETY: a power of two.
    let block: *mut c_void = unsafe { Hak::allocate(size, align.max(ALIGN)) }.cast();
    if !block.is_null() {
        return Step { block, call: ptr::null_mut() };
    }
    let call = match new_handler() {
        Some(handler) => handler as *mut c_void,
        None => thrower(),
    };
    Step { block, call }
}

/// `operator new(size, align)`. A new handler may throw, and what throws does: in between lies this function, which the
/// unwinder passes by its frame description, and no frame of Rust.
#[unsafe(naked)]
extern "C-unwind" fn new_again(size: size_t, align: size_t) -> *mut c_void {
    core::arch::naked_asm!(
        ".cfi_startproc",
        "push rbx",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbx, 0",
        "push r12",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r12, 0",
        "sub rsp, 8",
        ".cfi_adjust_cfa_offset 8",
        "mov rbx, rdi",
        "mov r12, rsi",
        "2:",
        "mov rdi, rbx",
        "mov rsi, r12",
        "call {step}",
        "test rax, rax",
        "jne 3f",
        "call rdx",
        "jmp 2b",
        "3:",
        "add rsp, 8",
        ".cfi_adjust_cfa_offset -8",
        "pop r12",
        ".cfi_adjust_cfa_offset -8",
        "pop rbx",
        ".cfi_adjust_cfa_offset -8",
        "ret",
        ".cfi_endproc",
        step = sym new_step,
    )
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
    // SAFETY: the function of that name has this type, and does not throw.
    unsafe { transmute::<*mut c_void, unsafe extern "C" fn() -> NewHandler>(get)() }
}

/// What throws `std::bad_alloc`, or ends the program.
fn thrower() -> *mut c_void {
    of_runtime(c"_ZSt17__throw_bad_allocv").unwrap_or(nobody_to_throw_at as *mut c_void)
}

extern "C" fn nobody_to_throw_at() -> ! {
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
        /// `operator new(size)`: as `malloc`, and when that has nothing, as `new_again`.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        #[unsafe(naked)]
        pub(crate) extern "C-unwind" fn $plain(size: size_t) -> *mut c_void {
            core::arch::naked_asm!(
                ".cfi_startproc",
                "push rbx",
                ".cfi_adjust_cfa_offset 8",
                ".cfi_rel_offset rbx, 0",
                "mov rbx, rdi",
                "call {malloc}",
                "mov rdi, rbx",
                "pop rbx",
                ".cfi_adjust_cfa_offset -8",
                "test rax, rax",
                "je 2f",
                "ret",
                "2:",
                "mov esi, {align}",
                "jmp {again}",
                ".cfi_endproc",
                malloc = sym malloc_quietly,
                align = const ALIGN,
                again = sym new_again,
            )
        }

        /// `operator new(size, align)`.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        #[unsafe(naked)]
        pub(crate) extern "C-unwind" fn $aligned(size: size_t, align: size_t) -> *mut c_void {
            core::arch::naked_asm!("jmp {again}", again = sym new_again)
        }

        /// `operator new(size, nothrow)`.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub(crate) extern "C" fn $nothrow(size: size_t, tag: *const c_void) -> *mut c_void {
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
        pub(crate) extern "C" fn $aligned_nothrow(
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
