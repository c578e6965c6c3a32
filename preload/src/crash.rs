//! `HAK_CRASH_REPORT=1`: one line on SIGSEGV, SIGBUS and SIGABRT, and then whatever the program wants to do about them.
//!
//! The library's handler is the one that the system knows. The program's `sigaction` and `signal` for these three are
//! kept here instead, with the same answers as ever, and the program's handler is called after the line was printed,
//! with its own mask and flags. Without the variable both functions only pass on.
//!
//! A signal that the program ignores stays ignored, without a line. Where the program wants the default, the default is
//! restored and the signal happens again. Handlers that were set by another way than these two functions (a
//! direct system call) replace this one.

use core::ffi::{c_int, c_void};
use core::mem::{MaybeUninit, transmute};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use libc::{SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_SIGINFO, SIG_DFL, SIG_ERR, SIG_IGN};
use libc::{sigaction as Action, sighandler_t, siginfo_t};
use native::{Hak, Text};

unsafe extern "C" {
    /// The C library's own `sigaction`.
    fn __sigaction(signal: c_int, new: *const Action, old: *mut Action) -> c_int;
    /// The C library's own `signal`, by its other name.
    fn ssignal(signal: c_int, handler: sighandler_t) -> sighandler_t;
}

/// What the program wants to happen. Two words and no lock: who changes a signal's handler on two threads at once does not
/// know which one it will be.
struct Wish {
    handler: AtomicUsize,
    flags: AtomicI32,
}

impl Wish {
    const fn new() -> Wish {
        Wish { handler: AtomicUsize::new(SIG_DFL), flags: AtomicI32::new(0) }
    }
}

static SIGNALS: [(c_int, &str); 3] =
    [(libc::SIGSEGV, "SIGSEGV"), (libc::SIGBUS, "SIGBUS"), (libc::SIGABRT, "SIGABRT")];
static WISHES: [Wish; 3] = [const { Wish::new() }; 3];
static ON: AtomicBool = AtomicBool::new(false);

/// The place of a signal in the tables, if reports are asked for and it is one of the three.
#[inline]
fn reported(signal: c_int) -> Option<usize> {
    // Relaxed: set by a constructor.
    if !ON.load(Ordering::Relaxed) {
        return None;
    }
    SIGNALS.iter().position(|(reported, _)| *reported == signal)
}

/// Asks for reports. For the constructor.
pub(crate) fn install() {
    ON.store(true, Ordering::Relaxed);
    for (signal, _) in SIGNALS {
        let mut inherited = MaybeUninit::<Action>::zeroed();
        // SAFETY: a zeroed action is a valid one; the result is written there.
        unsafe {
            if __sigaction(signal, ptr::null(), inherited.as_mut_ptr()) == 0
                && (*inherited.as_ptr()).sa_sigaction == SIG_DFL
            {
                sigaction(signal, inherited.as_ptr(), ptr::null_mut());
            }
        }
    }
}

/// POSIX's `sigaction`.
///
/// # Safety
/// As in POSIX: both pointers are null or valid, and a handler may be called as one.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn sigaction(
    signal: c_int,
    new: *const Action,
    old: *mut Action,
) -> c_int {
    let Some(place) = reported(signal) else {
        // SAFETY: the caller's contract.
        return unsafe { __sigaction(signal, new, old) };
    };
    let wish = &WISHES[place];
    let before =
        (wish.handler.load(Ordering::Relaxed), wish.flags.load(Ordering::Relaxed) as c_int);
    let mut ours = MaybeUninit::<Action>::uninit();
    let mut installed = ptr::null();
    if !new.is_null() {
        // SAFETY: the caller's contract. A copy: `old` may be the same place.
        let action = ours.write(unsafe { *new });
        wish.handler.store(action.sa_sigaction, Ordering::Relaxed);
        wish.flags.store(action.sa_flags, Ordering::Relaxed);
        if action.sa_sigaction != SIG_IGN {
            let default = action.sa_sigaction == SIG_DFL;
            action.sa_flags |= SA_SIGINFO | if default { SA_ONSTACK } else { 0 };
            action.sa_sigaction = on_signal as *const () as usize;
        }
        installed = ours.as_ptr();
    }
    // SAFETY: the caller's contract; `installed` is null or was written above.
    let result = unsafe { __sigaction(signal, installed, old) };
    if result == 0 && !old.is_null() {
        // SAFETY: the caller's contract, and the call has written it.
        let old = unsafe { &mut *old };
        if old.sa_sigaction == on_signal as *const () as usize {
            (old.sa_sigaction, old.sa_flags) = before;
        }
    }
    result
}

/// The C standard's `signal`, with BSD's meaning as in the GNU C library.
///
/// # Safety
/// The handler may be called as one.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn signal(number: c_int, handler: sighandler_t) -> sighandler_t {
    if reported(number).is_none() {
        // SAFETY: the caller's contract.
        return unsafe { ssignal(number, handler) };
    }
    let mut new = MaybeUninit::<Action>::zeroed();
    let mut old = MaybeUninit::<Action>::zeroed();
    // SAFETY: zeroed actions are valid ones; the caller's contract for the handler.
    unsafe {
        (*new.as_mut_ptr()).sa_sigaction = handler;
        (*new.as_mut_ptr()).sa_flags = SA_RESTART;
        libc::sigaddset(&mut (*new.as_mut_ptr()).sa_mask, number);
        match sigaction(number, new.as_ptr(), old.as_mut_ptr()) {
            0 => (*old.as_ptr()).sa_sigaction,
            _ => SIG_ERR,
        }
    }
}

/// Reports, and goes on as the program wishes. Runs in a signal handler: atomic loads, and `write`.
unsafe extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let Some(place) = SIGNALS.iter().position(|(reported, _)| *reported == signal) else { return };
    // SAFETY: the system calls handlers with SA_SIGINFO with a valid `info`.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr()) };
    report(SIGNALS[place].1, code, address.cast());
    let wish = &WISHES[place];
    let handler = wish.handler.load(Ordering::Relaxed);
    let flags = wish.flags.load(Ordering::Relaxed);
    match handler {
        SIG_IGN => {}
        SIG_DFL => restore_default(signal, code),
        handler => {
            if flags & SA_RESETHAND != 0 {
                wish.handler.store(SIG_DFL, Ordering::Relaxed);
            }
            // SAFETY: the program named this function as its handler. One of the one-argument kind ignores the
            // others, as the C calling conventions let it.
            unsafe {
                transmute::<usize, extern "C" fn(c_int, *mut siginfo_t, *mut c_void)>(handler)(
                    signal, info, context,
                );
            }
        }
    }
}

/// The default action takes place once the handler has returned: a fault happens again; a signal that was sent is sent
/// again, and waits until then.
fn restore_default(signal: c_int, code: c_int) {
    let mut default = MaybeUninit::<Action>::zeroed();
    // SAFETY: a zeroed action is a valid one, and means the default; the thread sends the signal to itself.
    unsafe {
        (*default.as_mut_ptr()).sa_sigaction = SIG_DFL;
        __sigaction(signal, default.as_ptr(), ptr::null_mut());
        if code <= 0 {
            libc::pthread_kill(libc::pthread_self(), signal);
        }
    }
}

fn report(name: &str, code: c_int, address: *const u8) {
    // SAFETY: no precondition.
    let (process, thread) = unsafe { (libc::getpid(), libc::gettid()) };
    if code <= 0 {
        Text::line(format_args!("hak: {name}: sent to thread {thread} of process {process}"))
    } else {
        let spot = Hak::describe(address);
        Text::line(format_args!(
            "hak: {name}: thread {thread} of process {process} touched {address:p}, {spot}"
        ))
    }
    .print();
}
