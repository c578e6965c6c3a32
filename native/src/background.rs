//! A thread that gives idle memory back while the program does nothing; only if it is asked for.
//!
//! Without it, rounds of decay are made by threads that allocate and free, and a program that stops
//! doing so keeps what is idle then. A library that starts threads on its own surprises programs
//! (some system calls are for processes of one thread only), so it is a choice.
//!
//! The thread sleeps, and makes the rounds that are due. It has no heap and allocates nothing. In
//! the child of a fork it is started anew.
//!
//! # Signals
//!
//! None is delivered to it: a signal is for the threads of the program, as without this one. If
//! they all block it, it waits for one that takes it (`sigwait`), or for the process's end.
//!
//! # The end of the process
//!
//! A process ends when `main` returns or somebody calls `exit`, whatever threads there are; or when
//! its last thread ends, as if that one had called `exit(0)` then. A program whose main thread ends
//! by `pthread_exit` counts on the second, which this thread would prevent. So when it wakes, it
//! looks whether the main thread has ended (without a system call, with the GNU C library), and if
//! so, whether the system knows of another one than these two. If not, `exit(0)` is called at once:
//! on a thread with a stack as large, and the signals blocked, as the program has it, because that
//! runs the program's functions. The end is noticed within a quarter of a second. Where there is no
//! `/proc` it is not noticed.
//!
//! Invariants:
//! 1. What signals the program blocks is noted by one thread at a time, before it makes ours, which
//!    reads that: by the one that turned [`WANTED`] on, or by the only thread of a fork's child.
//!    Who turns it off, since there is no thread, hands on to who turns it on next.
//! 2. A value without a beginning is written by the call that makes it, before it is read.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use hak_core::Platform;

use crate::{Allocator, Native, huge};

/// Bytes of the thread's stack beside what the C library takes: it calls little.
const STACK: usize = 256 << 10;

/// Nanoseconds of an interval of decay.
const INTERVAL: u64 = Native::GEOMETRY.decay_interval as u64 * 1_000_000;

/// Whether it was asked for, here or in the process that this one was forked from.
static WANTED: AtomicBool = AtomicBool::new(false);

/// Starts the thread, unless it was started before; whether it runs.
pub(crate) fn start() -> bool {
    // Acquire: pairs with the store below: an attempt in vain has noted its signals before we do.
    if WANTED.swap(true, Ordering::Acquire) {
        return true;
    }
    // SAFETY: [lib 1] the handler is a function without arguments that lives as long as this
    // library.
    let forks = unsafe { libc::pthread_atfork(None, None, Some(start_in_child)) } == 0;
    let runs = forks && start_thread();
    if !runs {
        // Release: pairs with the exchange above.
        WANTED.store(false, Ordering::Release);
    }
    runs
}

unsafe extern "C" fn start_in_child() {
    if WANTED.load(Ordering::Relaxed) {
        // The child goes on without it, if it cannot have a thread.
        let _ = start_thread();
    }
}

/// Starts the thread; whether there is one.
fn start_thread() -> bool {
    crate::errno::kept(|| {
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        last::note_starter();
        // SAFETY: [lib 1, background 1, background 2] each set is written before it is read; nobody
        // else starts the thread now.
        unsafe {
            // A thread begins with the signals blocked that are blocked where it is made.
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            last::note_signals(before.as_ptr());
            let made = make(run, least_stack() + STACK);
            libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
            made
        }
    })
}

/// Makes a thread that nobody waits for; `stack` 0 leaves the size of its stack to the C library.
fn make(body: extern "C" fn(*mut c_void) -> *mut c_void, stack: usize) -> bool {
    let mut thread = MaybeUninit::uninit();
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: [lib 1, background 2] the attributes are written before they are read, and live until
    // the last call.
    unsafe {
        if libc::pthread_attr_init(attributes.as_mut_ptr()) != 0 {
            return false;
        }
        let attributes = attributes.as_mut_ptr();
        libc::pthread_attr_setdetachstate(attributes, libc::PTHREAD_CREATE_DETACHED);
        if stack != 0 {
            libc::pthread_attr_setstacksize(attributes, stack);
        }
        let made = libc::pthread_create(thread.as_mut_ptr(), attributes, body, ptr::null_mut());
        libc::pthread_attr_destroy(attributes);
        made == 0
    }
}

/// The least stack of a thread that does nothing. The GNU C library puts the thread-local variables
/// of all libraries into it, and says by this function how much that takes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn least_stack() -> usize {
    type MinStack = unsafe extern "C" fn(*const libc::pthread_attr_t) -> usize;
    let name = c"__pthread_get_minstack";
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: [lib 1, background 2] a C string; the function of that name has this type and looks
    // at attributes that were written.
    unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        if found.is_null() || libc::pthread_attr_init(attributes.as_mut_ptr()) != 0 {
            return libc::PTHREAD_STACK_MIN;
        }
        let least = core::mem::transmute::<*mut c_void, MinStack>(found)(attributes.as_ptr());
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        least
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn least_stack() -> usize {
    libc::PTHREAD_STACK_MIN as usize
}

extern "C" fn run(_: *mut c_void) -> *mut c_void {
    #[cfg(target_os = "linux")]
    // SAFETY: [lib 1] the name is a C string of less than 16 bytes.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, c"hak".as_ptr());
    }
    loop {
        if last::is_this() {
            last::end();
        }
        // While nothing is idle there is nothing to be late for, but the end.
        let is_busy = Allocator::tick() | huge::look() || last::may_be_near();
        let intervals = if is_busy { 1 } else { 4 };
        let pause = libc::timespec {
            tv_sec: (intervals * INTERVAL / 1_000_000_000) as libc::time_t,
            tv_nsec: (intervals * INTERVAL % 1_000_000_000) as _,
        };
        // SAFETY: [lib 1] the time is valid; what is left of it does not matter.
        unsafe { libc::nanosleep(&raw const pause, ptr::null_mut()) };
    }
}

/// Whether the thread is the last one of the process, and what happens then.
#[cfg(target_os = "linux")]
mod last {
    use core::cell::UnsafeCell;
    use core::ffi::c_void;
    use core::mem::MaybeUninit;
    use core::ptr;
    use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// The main thread, if it was the one that started ours; else 0.
    static MAIN: AtomicUsize = AtomicUsize::new(0);

    /// What was blocked where our thread was started. Written before a thread is made, which reads
    /// it.
    struct Signals(UnsafeCell<MaybeUninit<libc::sigset_t>>);
    // SAFETY: [background 1] one thread at a time writes, before those that read are made.
    unsafe impl Sync for Signals {}
    static SIGNALS: Signals = Signals(UnsafeCell::new(MaybeUninit::uninit()));

    /// Takes note of the main thread, if it runs this.
    pub(super) fn note_starter() {
        // SAFETY: [lib 1] no precondition. The main thread has the number of the process.
        let main = unsafe {
            if libc::syscall(libc::SYS_gettid) == libc::getpid() as libc::c_long {
                libc::pthread_self() as usize
            } else {
                0
            }
        };
        // Relaxed: read by the thread that is made after this, here and in `may_be_near`.
        MAIN.store(main, Ordering::Relaxed);
    }

    /// Takes note of the signals that the program blocks.
    ///
    /// # Safety
    /// The set is there. One thread calls this, before it makes ours: the first one that calls
    /// `start`, or the only one of a child.
    pub(super) unsafe fn note_signals(before: *const libc::sigset_t) {
        // SAFETY: [contract, background 1] nobody else reads or writes it now.
        unsafe { (*SIGNALS.0.get()).write(*before) };
    }

    /// Whether the main thread has ended, as far as can be told without a system call.
    pub(super) fn may_be_near() -> bool {
        let main = MAIN.load(Ordering::Relaxed);
        if main == 0 || !cfg!(target_env = "gnu") {
            return true;
        }
        let mut clock = 0;
        // SAFETY: [lib 1] the C library keeps the main thread's description until the process ends,
        // and says of a thread that has ended that there is none.
        unsafe { libc::pthread_getcpuclockid(main as libc::pthread_t, &mut clock) == libc::ESRCH }
    }

    /// Whether the main thread has ended and there is no other thread but this one.
    pub(super) fn is_this() -> bool {
        let mut text = [0; 512];
        may_be_near() && super::last_of(read_stat(&mut text))
    }

    fn read_stat(text: &mut [u8; 512]) -> &[u8] {
        // SAFETY: [lib 1] a C string, and a buffer of the length that is given.
        let length = unsafe {
            let file = libc::open(c"/proc/self/stat".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
            if file < 0 {
                return &[];
            }
            let length = libc::read(file, text.as_mut_ptr().cast(), text.len());
            libc::close(file);
            length
        };
        &text[..usize::try_from(length).unwrap_or(0)]
    }

    /// Ends the process as its last thread would.
    pub(super) fn end() -> ! {
        static ENDS: AtomicBool = AtomicBool::new(false);
        // Relaxed: for this thread alone.
        if !ENDS.swap(true, Ordering::Relaxed) && !super::make(exit, 0) {
            exit(ptr::null_mut());
        }
        loop {
            // SAFETY: [lib 1] it has no precondition.
            unsafe { libc::pause() };
        }
    }

    extern "C" fn exit(_: *mut c_void) -> *mut c_void {
        // SAFETY: [background 1] the set was written before the thread was made that made this one.
        unsafe {
            let before = (*SIGNALS.0.get()).as_ptr();
            libc::pthread_sigmask(libc::SIG_SETMASK, before, ptr::null_mut());
            libc::exit(0)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod last {
    pub(super) fn note_starter() {}

    pub(super) unsafe fn note_signals(_before: *const libc::sigset_t) {}

    pub(super) fn may_be_near() -> bool {
        false
    }

    pub(super) fn is_this() -> bool {
        false
    }

    pub(super) fn end() -> ! {
        unreachable!("nobody knows that this thread is the last one")
    }
}

/// What `/proc/self/stat` says: the main thread has ended (its state is Z), and there are two
/// threads, with that one. The name, in the second field, may have anything in it; the number of
/// threads is the 20th field.
#[cfg(any(target_os = "linux", test))]
fn last_of(stat: &[u8]) -> bool {
    let Some(name_ends) = stat.iter().rposition(|&byte| byte == b')') else { return false };
    let mut fields = stat[name_ends + 1..].split(|&byte| byte == b' ').skip(1);
    fields.next() == Some(b"Z") && fields.nth(16) == Some(b"2")
}

#[cfg(test)]
mod tests {
    use super::last_of;

    #[test]
    fn the_last_thread_is_told_from_others() {
        let stat = |state: &str, threads: &str| {
            std::format!(
                "12 (a) Z 1 (b) {state} 1 12 12 0 -1 4194304 0 0 0 0 5 6 0 0 20 0 {threads} 0 9 0\n"
            )
        };
        assert!(last_of(stat("Z", "2").as_bytes()));
        assert!(!last_of(stat("S", "2").as_bytes()));
        assert!(!last_of(stat("Z", "3").as_bytes()));
        assert!(!last_of(stat("Z", "22").as_bytes()));
        assert!(!last_of(b"") && !last_of(b"12 (a) Z"));
    }
}
