//! `HAK_CRASH_REPORT=1`: one line on SIGSEGV, SIGBUS and SIGABRT.
//!
//! A handler is installed when the library starts, for each of the three whose default nobody has
//! changed. It prints the line, restores the default, and the signal happens again. No function of
//! the program's is in between: a program that sets a handler of its own has that one, is told of
//! this one as the handler before, and may call it.
//!
//! Invariant: an action of zeros is a valid one, and means the default.

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr;

use libc::{SA_ONSTACK, SA_SIGINFO, SIG_DFL, sigaction as Action, siginfo_t};
use native::{Hak, StackText};

static SIGNALS: [(c_int, &str); 3] =
    [(libc::SIGSEGV, "SIGSEGV"), (libc::SIGBUS, "SIGBUS"), (libc::SIGABRT, "SIGABRT")];

/// Asks for reports. For the constructor.
pub(crate) fn install() {
    for (signal, _) in SIGNALS {
        let mut action = MaybeUninit::<Action>::zeroed();
        // SAFETY: [crash 1, native lib 1] the action before is written over a valid one, and then
        // changed and installed.
        unsafe {
            if libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) != 0
                || (*action.as_ptr()).sa_sigaction != SIG_DFL
            {
                continue;
            }
            (*action.as_mut_ptr()).sa_sigaction = on_signal as *const () as usize;
            (*action.as_mut_ptr()).sa_flags = SA_SIGINFO | SA_ONSTACK;
            libc::sigaction(signal, action.as_ptr(), ptr::null_mut());
        }
    }
}

/// Reports, and lets the default happen. Runs in a signal handler: `write` and `sigaction`.
///
/// # Safety
/// `info` is what the system says of the signal, as it does to a handler with `SA_SIGINFO`.
unsafe extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    let Some((_, name)) = SIGNALS.iter().find(|(reported, _)| *reported == signal) else { return };
    // SAFETY: [contract] `info` is valid.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr()) };
    report(name, code, address.cast());
    restore_default(signal, code);
}

/// The default action takes place once the handler has returned: a fault happens again; a signal
/// that was sent is sent again, and waits until then.
fn restore_default(signal: c_int, code: c_int) {
    let mut default = MaybeUninit::<Action>::zeroed();
    // SAFETY: [crash 1, native lib 1] the action is the default; the thread sends the signal to
    // itself.
    unsafe {
        (*default.as_mut_ptr()).sa_sigaction = SIG_DFL;
        libc::sigaction(signal, default.as_ptr(), ptr::null_mut());
        if code <= 0 {
            libc::pthread_kill(libc::pthread_self(), signal);
        }
    }
}

fn report(name: &str, code: c_int, address: *const u8) {
    // SAFETY: [native lib 1] no precondition.
    let (process, thread) = unsafe { (libc::getpid(), libc::gettid()) };
    if code <= 0 {
        StackText::line(format_args!("hak: {name}: sent to thread {thread} of process {process}"))
    } else {
        let description = Hak::describe(address);
        StackText::line(format_args!(
            "hak: {name}: thread {thread} of process {process} touched {address:p}, {description}"
        ))
    }
    .print();
}
