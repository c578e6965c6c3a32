//! The heap of the running thread, and how the thread's end is noticed.
//!
//! # The word
//!
//! The thread-local word has a constant initial value, nobody's heap, and no destructor: it can be
//! read at any time, also while the thread's other thread-locals are being destroyed, and reading
//! it never allocates.
//!
//! On x86-64 Linux it is a symbol of our own in `.tdata`, read in the initial-exec model: its
//! offset from the thread pointer is loaded from the global offset table, which the linker turns
//! into a constant in executables. `thread_local!` is as fast there, but in a shared library it
//! would call `__tls_get_addr` each time. The price: such a library must be loaded with the program
//! (linked, or by `LD_PRELOAD`), or find room in the C library's reserve for `dlopen`.
//!
//! # The end
//!
//! `thread_local!` with a destructor would have to register it, and the C library allocates for
//! that. A pthread key does not: the first [`set_heap`] of the process makes one key, and each
//! `set_heap` with a heap gives it a value on the running thread, which asks the C library to call
//! [`on_thread_end`] when the thread ends.
//!
//! The order at a thread's end is:
//!
//! 1. Rust's and C++'s thread-local destructors run; they allocate and free as ever, the heap is
//!    still there.
//! 2. The C library runs the destructors of all pthread keys with a value, clearing each value
//!    first. Ours hands the heap over.
//! 3. What runs later and allocates or frees does so without a heap, as a guest (see `hak_core`'s
//!    module `guest`): no heap is left behind.
//!
//! The main thread's end is the process's end: its heap is never handed over, which nobody can see.
//!
//! # When there is no key
//!
//! A process has 1,024 keys. If none is left, heaps of threads that end stay behind (their blocks
//! can still be freed by others), and the next thread tries again.
//!
//! Invariants:
//! 1. Each thread has its own copy of the word, which begins as nobody's heap and is there as long
//!    as the thread runs; nobody but the module `word` touches it.
//! 2. A key that is in [`KEY`] is never deleted.

use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering};

use hak_core::{Allocator, Heap};
use libc::pthread_key_t;

use crate::{Native, errno};

#[cfg(all(target_arch = "x86_64", target_os = "linux", not(hak_portable)))]
mod word {
    use core::arch::{asm, global_asm};

    use hak_core::Heap;

    use crate::Native;
    use crate::platform::ROOT;

    global_asm!(
        ".pushsection .tdata.hak_thread_heap, \"awT\", @progbits",
        ".p2align 3",
        ".hidden hak_thread_heap",
        ".globl hak_thread_heap",
        ".type hak_thread_heap, @object",
        ".size hak_thread_heap, 8",
        "hak_thread_heap:",
        ".quad {root} + {nobody}",
        ".popsection",
        root = sym ROOT,
        nobody = const hak_core::tables::root::nobody_at::<Native>(),
    );

    #[inline(always)]
    pub(super) fn get() -> *mut Heap<Native> {
        let heap;
        // SAFETY: [thread 1] reads the running thread's word.
        unsafe {
            asm!(
                "mov {heap}, qword ptr [rip + hak_thread_heap@GOTTPOFF]",
                "mov {heap}, qword ptr fs:[{heap}]",
                heap = out(reg) heap,
                options(nostack, preserves_flags, readonly),
            );
        }
        heap
    }

    #[inline(always)]
    pub(super) fn get_plus(bytes: usize) -> usize {
        let mut sum = bytes;
        // SAFETY: [thread 1] reads the running thread's word.
        unsafe {
            asm!(
                "mov {offset}, qword ptr [rip + hak_thread_heap@GOTTPOFF]",
                "add {sum}, qword ptr fs:[{offset}]",
                offset = out(reg) _,
                sum = inout(reg) sum,
                options(nostack, readonly),
            );
        }
        sum
    }

    #[inline(always)]
    pub(super) fn set(heap: *mut Heap<Native>) {
        // SAFETY: [thread 1] writes the running thread's word, which nobody else touches.
        unsafe {
            asm!(
                "mov {offset}, qword ptr [rip + hak_thread_heap@GOTTPOFF]",
                "mov qword ptr fs:[{offset}], {heap}",
                offset = out(reg) _,
                heap = in(reg) heap,
                options(nostack, preserves_flags),
            );
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(hak_portable))))]
mod word {
    use core::cell::Cell;
    use core::ptr;
    use std::thread_local;

    use hak_core::Heap;

    use crate::Native;

    thread_local! {
        /// The heap of the running thread; null for nobody's.
        static HEAP: Cell<*mut Heap<Native>> = const { Cell::new(ptr::null_mut()) };
    }

    #[inline(always)]
    pub(super) fn get() -> *mut Heap<Native> {
        let heap = HEAP.get();
        if heap.is_null() { Heap::nobody() } else { heap }
    }

    #[inline(always)]
    pub(super) fn get_plus(bytes: usize) -> usize {
        get().expose_provenance() + bytes
    }

    #[inline(always)]
    pub(super) fn set(heap: *mut Heap<Native>) {
        HEAP.set(heap);
    }
}

/// The key, plus one; 0 before there is one.
static KEY: AtomicUsize = AtomicUsize::new(0);

/// See [`hak_core::Platform::thread_heap`].
#[inline(always)]
pub(crate) fn heap() -> *mut Heap<Native> {
    word::get()
}

/// See [`hak_core::Platform::thread_heap_plus`].
#[inline(always)]
pub(crate) fn heap_plus(bytes: usize) -> usize {
    word::get_plus(bytes)
}

/// See [`hak_core::Platform::set_thread_heap`].
///
/// The word comes first: should the C library allocate to store the key's value (it may, for a
/// process's 33rd key and later ones) and should that reach us, the heap is found and not made
/// twice.
pub(crate) fn set_heap(heap: *mut Heap<Native>) {
    word::set(heap);
    if heap != Heap::nobody() && heap != Heap::ended() {
        errno::kept(|| watch(heap));
    }
}

/// Asks the C library to call [`on_thread_end`] on this thread.
#[cold]
fn watch(heap: *mut Heap<Native>) {
    if let Some(key) = key() {
        // SAFETY: [thread 2] the key is there. The value only has to be non-null. Refusal is the
        // case "no key" of the module's documentation.
        unsafe { libc::pthread_setspecific(key, heap.cast::<c_void>().cast_const()) };
    }
}

/// The process's key, made on first use; `None` if there are no more keys.
fn key() -> Option<pthread_key_t> {
    // Acquire pairs with the Release of `make_key`: what the C library wrote about the key is
    // visible.
    match KEY.load(Ordering::Acquire) {
        0 => make_key(),
        stored => Some((stored - 1) as pthread_key_t),
    }
}

/// Makes a key and publishes it. Of several threads that do so at once, one wins and the others
/// delete theirs.
fn make_key() -> Option<pthread_key_t> {
    let mut key: pthread_key_t = 0;
    // SAFETY: [lib 1] `key` is a place for the result, and the destructor never unwinds.
    if unsafe { libc::pthread_key_create(&mut key, Some(on_thread_end)) } != 0 {
        return None;
    }
    // Release, Acquire: see `key`.
    let stored = key as usize + 1;
    match KEY.compare_exchange(0, stored, Ordering::Release, Ordering::Acquire) {
        Ok(_) => Some(key),
        Err(winner) => {
            // SAFETY: [thread 2] made above, and not in `KEY`: no thread but this one knows it.
            unsafe { libc::pthread_key_delete(key) };
            Some((winner - 1) as pthread_key_t)
        }
    }
}

/// The key's destructor. `extern "C"`: a panic in it aborts.
extern "C" fn on_thread_end(_heap: *mut c_void) {
    Allocator::<Native>::thread_end();
}
