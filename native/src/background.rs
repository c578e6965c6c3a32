//! A thread that gives idle memory back while the program does nothing; only if it is asked for.
//!
//! Without it, rounds of decay are made by threads that allocate and free, and a program that stops doing so keeps what is idle
//! then. A library that starts threads on its own surprises programs (some system calls are for processes of one thread only), so
//! it is a choice.
//!
//! The thread sleeps, and makes the rounds that are due. It has no heap, allocates nothing, and no signal is delivered to it. In
//! the child of a fork it is started anew.

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use hak_core::Platform;

use crate::{Allocator, Native};

/// Bytes of the thread's stack: it calls little, but the C library puts every library's thread-local words there too.
const STACK: usize = 256 << 10;

/// Nanoseconds of an interval of decay.
const INTERVAL: u64 = Native::GEOMETRY.decay_interval as u64 * 1_000_000;

/// Whether it was asked for, here or in the process that this one was forked from.
static WANTED: AtomicBool = AtomicBool::new(false);

/// Starts the thread, unless it was started before; whether it runs.
pub(crate) fn start() -> bool {
    // Relaxed: nothing is published by it.
    if WANTED.swap(true, Ordering::Relaxed) {
        return true;
    }
    // SAFETY: the handler is a function without arguments that lives as long as this library.
    let forks = unsafe { libc::pthread_atfork(None, None, Some(start_in_child)) } == 0;
    let runs = forks && start_thread() == 0;
    if !runs {
        WANTED.store(false, Ordering::Relaxed);
    }
    runs
}

unsafe extern "C" fn start_in_child() {
    if WANTED.load(Ordering::Relaxed) {
        // The child goes on without it, if there is no thread to be had.
        let _ = start_thread();
    }
}

fn start_thread() -> c_int {
    crate::errno::kept(|| {
        let mut thread = MaybeUninit::uninit();
        let mut attributes = MaybeUninit::uninit();
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: each value is written by the call that makes it before it is read, and all live until the last call.
        unsafe {
            if libc::pthread_attr_init(attributes.as_mut_ptr()) != 0 {
                return -1;
            }
            let attributes = attributes.as_mut_ptr();
            libc::pthread_attr_setdetachstate(attributes, libc::PTHREAD_CREATE_DETACHED);
            libc::pthread_attr_setstacksize(attributes, STACK);
            // A thread begins with the signals blocked that are blocked where it is made.
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            let made = libc::pthread_create(thread.as_mut_ptr(), attributes, run, ptr::null_mut());
            libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
            libc::pthread_attr_destroy(attributes);
            made
        }
    })
}

extern "C" fn run(_: *mut c_void) -> *mut c_void {
    #[cfg(target_os = "linux")]
    // SAFETY: the name is a C string of less than 16 bytes.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, c"hak".as_ptr());
    }
    loop {
        // While nothing is idle there is nothing to be late for.
        let intervals = if Allocator::tick() { 1 } else { 4 };
        let pause = libc::timespec {
            tv_sec: (intervals * INTERVAL / 1_000_000_000) as libc::time_t,
            tv_nsec: (intervals * INTERVAL % 1_000_000_000) as _,
        };
        // SAFETY: the time is valid; what is left of it does not matter.
        unsafe { libc::nanosleep(&raw const pause, ptr::null_mut()) };
    }
}
