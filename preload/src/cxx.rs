//! `operator new` and `operator delete` in every form of the Itanium C++ ABI (which all compilers
//! for Linux follow).
//!
//! The C++ runtime's own versions would call `malloc` and `free` and be right; these save the way.
//!
//! # Forms that call others
//!
//! A program may replace some of the forms and leave the others, which then call those that it
//! replaced. So only the first row of each table allocates or frees; the others jump to the form on
//! their right, by its name, as the program sees it.
//!
//! | Form of `new`        | calls              | Form of `delete`            | calls              |
//! |----------------------|--------------------|-----------------------------|--------------------|
//! | one object; aligned  | –                  | one object; aligned         | –                  |
//! | array; aligned array | that of one object | array; aligned array        | that of one object |
//! | nothrow, of all four | that which throws  | sized, nothrow, of all four | that without       |
//!
//! # Out of memory
//!
//! What C++ asks for beyond a block is asked of the runtime that the program has, by name, when
//! memory has run out and not before:
//!
//! * `new` calls the new handler as long as there is one and tries again, then throws
//!   `std::bad_alloc`. An alignment that is no power of two throws at once.
//! * The `nothrow` forms catch whatever that throws, and return null. Without a new handler nothing
//!   is thrown for it.
//! * A program without a C++ runtime cannot be thrown at: it is ended with one line.
//!
//! A runtime that is a part of the program (`-static-libstdc++`) can be found only if the linker
//! exports its functions; it does for those that this library names. If it has no function that
//! throws `std::bad_alloc`, the exception is put together from the parts that a program has which
//! catches it; one that cannot name it gets a `std::exception`.
//!
//! Invariants:
//! 1. The entries of the global offset table are filled when the library is loaded: with an
//!    address, or, for a weak name that nobody defines, with null.
//! 2. A function that has a name of the C++ ABI has the type that goes with it.

use core::arch::{asm, naked_asm};
use core::ffi::{CStr, c_void};
use core::mem::transmute;
use core::ptr;

use libc::size_t;
use native::{Hak, StackText};

use crate::malloc::ALIGN;

/// Whether a form is the one of this file for the whole program. Each has a second name here, which
/// nobody else can define.
macro_rules! is_ours {
    ($name:ident) => {{
        let here: *mut c_void;
        // SAFETY: [cxx 1] computes an address.
        unsafe {
            asm!(
                concat!("lea {}, [rip + hak", stringify!($name), "]"),
                out(reg) here,
                options(nostack, preserves_flags, pure, nomem),
            );
        }
        address_of!($name) == here
    }};
}

/// The second name, where the form begins.
macro_rules! second_name {
    ($name:ident) => {
        concat!(
            ".hidden hak",
            stringify!($name),
            "\n",
            ".globl hak",
            stringify!($name),
            "\n",
            "hak",
            stringify!($name),
            ":",
        )
    };
}

type NewHandler = Option<unsafe extern "C" fn()>;

/// The address that a name has for the whole program; with `weak`, of a name that perhaps nobody
/// defines: null then.
macro_rules! address_of {
    (weak $name:ident) => {{
        // SAFETY: [cxx 1] no instruction: says that the name may be missing.
        unsafe { asm!(concat!(".weak ", stringify!($name)), options(nomem, nostack)) };
        address_of!($name)
    }};
    ($name:ident) => {{
        let address: *mut c_void;
        // SAFETY: [cxx 1] reads an entry of the table.
        unsafe {
            asm!(
                concat!("mov {}, qword ptr [rip + ", stringify!($name), "@GOTPCREL]"),
                out(reg) address,
                options(nostack, preserves_flags, pure, readonly),
            );
        }
        address
    }};
}

/// A block, or what to call before it is tried again.
#[repr(C)]
struct CxxStep {
    block: *mut c_void,
    call: *mut c_void,
}

/// `malloc` that leaves `errno` alone.
extern "C" fn malloc_quietly(size: size_t) -> *mut c_void {
    // SAFETY: [lib 1] the alignment is a power of two.
    unsafe { Hak::allocate(size, ALIGN) }.cast()
}

/// One attempt of `operator new`: the block, or the new handler, or what throws.
#[cold]
extern "C" fn new_step(size: size_t, align: size_t) -> CxxStep {
    if !align.is_power_of_two() {
        return CxxStep { block: ptr::null_mut(), call: thrower() };
    }
    // SAFETY: [lib 1] the alignment is a power of two.
    let block: *mut c_void = unsafe { Hak::allocate(size, align.max(ALIGN)) }.cast();
    if !block.is_null() {
        return CxxStep { block, call: ptr::null_mut() };
    }
    let call = match new_handler() {
        Some(handler) => handler as *mut c_void,
        None => thrower(),
    };
    CxxStep { block, call }
}

/// `operator new(size, align)`. A new handler may throw, and what throws does: in between lies this
/// function, which the unwinder passes by its frame description, and no frame of Rust.
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

/// The program's new handler, if it has one.
fn new_handler() -> NewHandler {
    let get = match address_of!(weak _ZSt15get_new_handlerv) {
        get if get.is_null() => of_runtime(c"_ZSt15get_new_handlerv")?,
        get => get,
    };
    // SAFETY: [cxx 2] the function of that name has this type, and does not throw.
    unsafe { transmute::<*mut c_void, unsafe extern "C" fn() -> NewHandler>(get)() }
}

/// What throws `std::bad_alloc`, or ends the program.
fn thrower() -> *mut c_void {
    let named = address_of!(weak _ZSt17__throw_bad_allocv);
    if !named.is_null() {
        return named;
    }
    let throws = [address_of!(weak __cxa_allocate_exception), address_of!(weak __cxa_throw)];
    let bad_alloc = [
        address_of!(weak _ZTVSt9bad_alloc),
        address_of!(weak _ZTISt9bad_alloc),
        address_of!(weak _ZNSt9bad_allocD1Ev),
    ];
    let exception = [
        address_of!(weak _ZTVSt9exception),
        address_of!(weak _ZTISt9exception),
        address_of!(weak _ZNSt9exceptionD1Ev),
    ];
    let are_there = |parts: &[*mut c_void]| parts.iter().all(|part| !part.is_null());
    if are_there(&throws) && are_there(&bad_alloc) {
        return throw_bad_alloc as *mut c_void;
    }
    if are_there(&throws) && are_there(&exception) {
        return throw_exception as *mut c_void;
    }
    of_runtime(c"_ZSt17__throw_bad_allocv").unwrap_or(nobody_to_throw_at as *mut c_void)
}

/// `throw`, in a program that has the parts: an object that is nothing but the pointer to its table
/// of functions, which begins 16 bytes into the symbol.
macro_rules! throwing {
    ($($name:ident $table:ident $type:ident $destructor:ident)*) => { $(
        #[unsafe(naked)]
        extern "C-unwind" fn $name() {
            naked_asm!(
                ".weak __cxa_allocate_exception",
                ".weak __cxa_throw",
                concat!(".weak ", stringify!($table)),
                concat!(".weak ", stringify!($type)),
                concat!(".weak ", stringify!($destructor)),
                ".cfi_startproc",
                "sub rsp, 8",
                ".cfi_adjust_cfa_offset 8",
                "mov edi, 8",
                "call qword ptr [rip + __cxa_allocate_exception@GOTPCREL]",
                concat!("mov rcx, qword ptr [rip + ", stringify!($table), "@GOTPCREL]"),
                "add rcx, 16",
                "mov qword ptr [rax], rcx",
                "mov rdi, rax",
                concat!("mov rsi, qword ptr [rip + ", stringify!($type), "@GOTPCREL]"),
                concat!("mov rdx, qword ptr [rip + ", stringify!($destructor), "@GOTPCREL]"),
                "call qword ptr [rip + __cxa_throw@GOTPCREL]",
                "ud2",
                ".cfi_endproc",
            )
        }
    )* };
}

// A program without the type of `std::bad_alloc` has no handler for it, but perhaps one for what it
// is derived from.
throwing! {
    throw_bad_alloc _ZTVSt9bad_alloc _ZTISt9bad_alloc _ZNSt9bad_allocD1Ev
    throw_exception _ZTVSt9exception _ZTISt9exception _ZNSt9exceptionD1Ev
}

extern "C" fn nobody_to_throw_at() -> ! {
    StackText::line(format_args!(
        "hak: out of memory in operator new, and no C++ runtime to throw std::bad_alloc with: link \
         with the C++ compiler"
    ))
    .print();
    // SAFETY: [native lib 1] no precondition.
    unsafe { libc::abort() }
}

/// A function of the program's C++ runtime. One that came with a plugin is not in the global scope:
/// it is asked for by its file.
fn of_runtime(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: [native lib 1] a C string, and no library is loaded by this.
    let global = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    if !global.is_null() {
        return Some(global);
    }
    [c"libstdc++.so.6", c"libc++abi.so.1", c"libc++.so.1"].into_iter().find_map(|file| {
        // SAFETY: [native lib 1] a C string, and what is not loaded yet stays so.
        let library = unsafe { libc::dlopen(file.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        if library.is_null() {
            return None;
        }
        // SAFETY: [native lib 1] a C string, and the library was loaded.
        let found = unsafe { libc::dlsym(library, name.as_ptr()) };
        (!found.is_null()).then_some(found)
    })
}

/// `operator new(size)`: as `malloc`, and when that has nothing, as `new_again`.
#[unsafe(no_mangle)]
#[allow(non_snake_case)]
#[unsafe(naked)]
pub(crate) extern "C-unwind" fn _Znwm(size: size_t) -> *mut c_void {
    naked_asm!(
        second_name!(_Znwm),
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
pub(crate) extern "C-unwind" fn _ZnwmSt11align_val_t(size: size_t, align: size_t) -> *mut c_void {
    naked_asm!(second_name!(_ZnwmSt11align_val_t), "jmp {again}", again = sym new_again)
}

/// A form of `operator new` or `operator delete` that calls another one: what it hands on stands
/// where that one looks for it.
macro_rules! forwarding {
    ($($name:ident => $to:ident)*) => { $(
        /// See the module's table.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        #[unsafe(naked)]
        pub(crate) unsafe extern "C-unwind" fn $name() {
            naked_asm!(
                second_name!($name),
                concat!("jmp qword ptr [rip + ", stringify!($to), "@GOTPCREL]"),
            )
        }
    )* };
}

forwarding! {
    _Znam => _Znwm
    _ZnamSt11align_val_t => _ZnwmSt11align_val_t
    _ZdlPvm => _ZdlPv
    _ZdlPvRKSt9nothrow_t => _ZdlPv
    _ZdlPvSt11align_val_tRKSt9nothrow_t => _ZdlPvSt11align_val_t
    _ZdaPv => _ZdlPv
    _ZdaPvm => _ZdaPv
    _ZdaPvRKSt9nothrow_t => _ZdaPv
    _ZdaPvSt11align_val_t => _ZdlPvSt11align_val_t
    _ZdaPvSt11align_val_tRKSt9nothrow_t => _ZdaPvSt11align_val_t
}

/// The sized forms for an alignment: the alignment comes third, and second where it is handed on.
macro_rules! forwarding_third {
    ($($name:ident => $to:ident)*) => { $(
        /// See the module's table.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        #[unsafe(naked)]
        pub(crate) unsafe extern "C-unwind" fn $name() {
            naked_asm!(
                "mov rsi, rdx",
                concat!("jmp qword ptr [rip + ", stringify!($to), "@GOTPCREL]"),
            )
        }
    )* };
}

forwarding_third! {
    _ZdlPvmSt11align_val_t => _ZdlPvSt11align_val_t
    _ZdaPvmSt11align_val_t => _ZdaPvSt11align_val_t
}

/// A block for a nothrow form if what throws for it is hak's; null if there is none. Else, and
/// where there is a new handler: to call what throws, and to catch.
fn quiet(throwing_is_ours: bool, size: size_t, align: size_t) -> CxxStep {
    let (null, catching) =
        (ptr::null_mut(), CxxStep { block: ptr::null_mut(), call: ptr::dangling_mut() });
    if !throwing_is_ours {
        return catching;
    }
    if !align.is_power_of_two() {
        return CxxStep { block: null, call: null };
    }
    // SAFETY: [lib 1] the alignment is a power of two.
    let block: *mut c_void = unsafe { Hak::allocate(size, align.max(ALIGN)) }.cast();
    if !block.is_null() || new_handler().is_none() || address_of!(weak __cxa_begin_catch).is_null()
    {
        return CxxStep { block, call: null };
    }
    catching
}

/// The nothrow forms. Where the throwing form is the program's, or there is a new handler, it is
/// called here, and what it throws is caught: the frame has the personality of C++, and one landing
/// pad which catches everything. Where nobody has that personality, nobody throws.
macro_rules! nothrow_forms {
    ($($name:ident $step:ident => $to:ident $(=> $last:ident)?, $align:ident;)*) => { $(
        extern "C" fn $step(size: size_t, _align: size_t) -> CxxStep {
            let ours = is_ours!($to) $(&& is_ours!($last))?;
            quiet(ours, size, $align!(_align))
        }

        /// See the module's table.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name() {
            naked_asm!(
                ".weak __cxa_begin_catch",
                ".weak __cxa_end_catch",
                ".cfi_startproc",
                ".cfi_personality 0x9b, hak_cxx_personality",
                concat!(".cfi_lsda 0x1b, .Lhak_catches_", stringify!($name)),
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
                "call {step}",
                "test rdx, rdx",
                "je 5f",
                "mov rdi, rbx",
                "mov rsi, r12",
                "3:",
                concat!("call qword ptr [rip + ", stringify!($to), "@GOTPCREL]"),
                "4:",
                "5:",
                "add rsp, 8",
                ".cfi_remember_state",
                ".cfi_adjust_cfa_offset -8",
                "pop r12",
                ".cfi_adjust_cfa_offset -8",
                ".cfi_restore r12",
                "pop rbx",
                ".cfi_adjust_cfa_offset -8",
                ".cfi_restore rbx",
                "ret",
                ".cfi_restore_state",
                // Something was thrown.
                "6:",
                "mov rdi, rax",
                "call qword ptr [rip + __cxa_begin_catch@GOTPCREL]",
                "call qword ptr [rip + __cxa_end_catch@GOTPCREL]",
                "xor eax, eax",
                "jmp 5b",
                "7:",
                ".cfi_endproc",
                // What the personality reads: one call may throw, and everything is caught.
                ".pushsection .gcc_except_table.hak, \"a\", @progbits",
                ".p2align 2",
                concat!(".Lhak_catches_", stringify!($name), ":"),
                ".byte 0xff",                  // landing pads count from the function's start
                ".byte 0x03",                  // types are four absolute bytes, and null is any
                ".uleb128 8f - 19f",
                "19:",
                ".byte 0x01",                  // call sites are uleb128
                ".uleb128 29f - 18f",
                "18:",
                concat!(".uleb128 3b - ", stringify!($name)),
                ".uleb128 4b - 3b",
                concat!(".uleb128 6b - ", stringify!($name)),
                ".uleb128 1",                  // the first action
                concat!(".uleb128 4b - ", stringify!($name)),
                ".uleb128 7b - 4b",
                ".uleb128 0",
                ".uleb128 0",
                "29:",
                ".byte 1",                     // catches the first type
                ".byte 0",                     // and there is no other action
                ".p2align 2",
                ".long 0",                     // which is any
                "8:",
                ".popsection",
                step = sym $step,
            )
        }
    )* };
}

/// The alignment of a form without one.
macro_rules! plain {
    ($align:expr) => {
        ALIGN
    };
}

/// The alignment of a form with one.
macro_rules! aligned {
    ($align:expr) => {
        $align
    };
}

nothrow_forms! {
    _ZnwmRKSt9nothrow_t new_step_nothrow => _Znwm, plain;
    _ZnamRKSt9nothrow_t array_step_nothrow => _Znam => _Znwm, plain;
    _ZnwmSt11align_val_tRKSt9nothrow_t new_step_aligned_nothrow => _ZnwmSt11align_val_t, aligned;
    _ZnamSt11align_val_tRKSt9nothrow_t array_step_aligned_nothrow
        => _ZnamSt11align_val_t => _ZnwmSt11align_val_t, aligned;
}

// Where the unwinder finds the personality of the nothrow forms: the runtime's, or null where there
// is no runtime.
core::arch::global_asm!(
    ".weak __gxx_personality_v0",
    ".pushsection .data.rel.ro.hak_cxx_personality, \"aw\", @progbits",
    ".p2align 3",
    ".hidden hak_cxx_personality",
    ".globl hak_cxx_personality",
    "hak_cxx_personality:",
    ".quad __gxx_personality_v0",
    ".popsection",
);

/// The forms of `delete` that free.
macro_rules! delete_forms {
    ($($name:ident($($argument:ident: $type:ty),*))*) => { $(
        /// A form of `operator delete`.
        ///
        /// # Safety
        /// The block is null, or came from the matching `operator new` and is given up.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub(crate) unsafe extern "C" fn $name(block: *mut c_void $(, $argument: $type)*) {
            // SAFETY: [contract] the block is ours, and the program gives it up; null is ignored.
            unsafe { Hak::free(block.cast()) };
        }
    )* };
}

delete_forms! {
    _ZdlPv()
    _ZdlPvSt11align_val_t(_align: size_t)
}
