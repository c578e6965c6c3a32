//! `dlopen` without `RTLD_DEEPBIND`.
//!
//! A library that is loaded with that flag looks for each name in itself and in what it needs
//! before it looks into the program. It needs the C library, and so its `malloc` and `free` are the
//! C library's, while `strdup` and all else that allocates inside of the C library give it blocks
//! of hak. It frees these with the C library's `free`, and the program ends. (Debian's PHP loads
//! its modules in this way.) No allocator that is preloaded can be asked there: the calls never
//! reach it. So the flag is taken off, and the library finds what every other library of the
//! program finds.
//!
//! The price: of two things of the same name, one in such a library and one in the program, the
//! library now gets the program's.
//!
//! `dlopen` looks at its return address: whose `RUNPATH` counts, and which namespace. So this
//! function is no caller: it changes the one bit and jumps, and the next `dlopen` (the C library's,
//! or that of another preloaded library) returns to the program.

use core::ffi::{CStr, c_void};
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// The next `dlopen` behind this one; null until it was looked for.
static NEXT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Looks for the next `dlopen`. What is found is the same for each thread that looks.
#[cold]
extern "C" fn find_next() -> *mut c_void {
    const NAME: &CStr = c"dlopen";
    // SAFETY: [native lib 1] a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, NAME.as_ptr()) };
    let next = if found.is_null() { refuse as *mut c_void } else { found };
    // Relaxed: an address of code, and nothing is published by it.
    NEXT.store(next, Ordering::Relaxed);
    next
}

/// There is no `dlopen` behind this one.
extern "C" fn refuse() -> *mut c_void {
    ptr::null_mut()
}

/// POSIX's `dlopen`; see the module.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn dlopen() {
    core::arch::naked_asm!(
        ".cfi_startproc",
        "mov rax, qword ptr [rip + {next}]",
        "test rax, rax",
        "je 2f",
        "3:",
        "and esi, {kept}",
        "jmp rax",
        // Both arguments wait on the stack.
        "2:",
        "push rdi",
        ".cfi_adjust_cfa_offset 8",
        "push rsi",
        ".cfi_adjust_cfa_offset 8",
        "sub rsp, 8",
        ".cfi_adjust_cfa_offset 8",
        "call {find_next}",
        "add rsp, 8",
        ".cfi_adjust_cfa_offset -8",
        "pop rsi",
        ".cfi_adjust_cfa_offset -8",
        "pop rdi",
        ".cfi_adjust_cfa_offset -8",
        "jmp 3b",
        ".cfi_endproc",
        next = sym NEXT,
        kept = const !libc::RTLD_DEEPBIND,
        find_next = sym find_next,
    )
}
