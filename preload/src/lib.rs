//! libhak.so: the C malloc family and C++ `new` and `delete` over hak, for `LD_PRELOAD` and for
//! linking.
//!
//! | Module          | What it is                                                                |
//! |-----------------|---------------------------------------------------------------------------|
//! | [`malloc`]      | malloc, calloc, realloc, free and their relatives                         |
//! | [`aligned`]     | posix_memalign, aligned_alloc, memalign, valloc, pvalloc                  |
//! | [`libc_names`]  | the same by the C library's own names: `__libc_malloc` and others         |
//! | [`deep_binding`]| `dlopen`, which makes every library find these functions                  |
//! | [`cxx`]         | every form of `operator new` and `operator delete`                        |
//! | [`information`] | malloc_usable_size, malloc_trim, mallinfo2, mallopt and other questions   |
//! | [`environment`] | the `HAK_*` variables, read by a constructor; what is said at the end     |
//! | [`crash`]       | a line on SIGSEGV, SIGBUS and SIGABRT, for `HAK_CRASH_REPORT=1`           |
//!
//! # What holds at any moment
//!
//! * The first call of a process may be any of these functions, from any constructor: the
//!   allocator's root is zeroed static memory, and this library has nothing to initialise before it
//!   can allocate. What the environment asks for is read by a constructor and never on the way of
//!   an allocation.
//! * Nothing here allocates by itself, and nothing of Rust's standard library that would is called.
//! * There is one allocator in the process: no call is ever forwarded to the C library's, and a
//!   library that asks to find that one finds this (`deep_binding`). So no block of the C library's
//!   is ever seen here, and none has to be told from a pointer that is nobody's: what is not hak's
//!   ends the process with one line. Out of memory is null and `ENOMEM`.
//! * Nothing is exported that has nothing to do with memory; `dlopen`, which has, changes one bit
//!   and jumps to the next one.
//! * Blocks of every size are aligned to 16 bytes, as the C library's are.
//! * No lock is held anywhere, so that a fork in a process with many threads finds nothing locked
//!   in the child: to the allocator, the threads that the child lacks have stopped for ever. What
//!   they held stays held.
//! * As everywhere, a signal handler must not allocate.
//!
//! Invariant: an alignment that is handed on is a power of two: [`malloc::ALIGN`] is, and what a
//! caller says is looked at first.
#![cfg_attr(panic = "abort", no_std)]
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod aligned;
mod crash;
mod cxx;
mod deep_binding;
mod environment;
mod errno;
mod information;
mod libc_names;
mod malloc;

/// As it ships, the library is built without Rust's standard library and without unwinding: less of
/// it is mapped into each program, and it needs no other library than the C library. A panic, which
/// only a failed assertion of the core can be, is one line and an abort.
#[cfg(panic = "abort")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    native::StackText::line(format_args!("hak: {info}")).print();
    // SAFETY: [native lib 1] it may be called at any time, and does not return.
    unsafe { libc::abort() }
}

// What Rust's precompiled core library names as the unwinder's way through its frames; nothing
// unwinds here. Hidden: a program's own must not be taken for it.
#[cfg(panic = "abort")]
core::arch::global_asm!(
    ".hidden rust_eh_personality",
    ".globl rust_eh_personality",
    "rust_eh_personality:",
    ".byte 0",
);
