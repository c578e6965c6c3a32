//! `errno` across system calls: a `free` that the program did not see fail must not change it.
//!
//! Cleanup code often runs between a failed call and the look at its `errno`; in Rust,
//! `io::Error::last_os_error` after a `Drop` is the same situation. Every system call of this crate
//! therefore goes through [`kept`].
//!
//! Invariant: where [`location`] leads is the running thread's own word, as long as the thread
//! runs.

use libc::c_int;

/// Runs `calls` and puts `errno` back to what it was before.
#[inline]
pub(crate) fn kept<R>(calls: impl FnOnce() -> R) -> R {
    let word = location();
    // SAFETY: [errno 1] the running thread's own word.
    let before = unsafe { *word };
    let result = calls();
    // SAFETY: [as above] and this is the same thread.
    unsafe { *word = before };
    result
}

/// Where `errno` of the running thread is. The name of the function is the C library's choice.
pub(crate) fn location() -> *mut c_int {
    #[cfg(any(target_os = "solaris", target_os = "illumos"))]
    use libc::___errno as errno_location;
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    use libc::__errno as errno_location;
    #[cfg(not(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "android",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "solaris",
        target_os = "illumos",
    )))]
    use libc::__errno_location as errno_location;
    #[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "dragonfly"))]
    use libc::__error as errno_location;

    // SAFETY: [lib 1] it has no precondition.
    unsafe { errno_location() }
}

#[cfg(test)]
mod tests {
    use super::{kept, location};

    #[test]
    fn a_failing_call_leaves_errno_as_it_was() {
        // SAFETY: [errno 1] the running thread's own word.
        unsafe { *location() = 1234 };
        // SAFETY: [lib 1] the call refuses the descriptor and touches nothing.
        let result = kept(|| unsafe { libc::close(-1) });
        assert_eq!(result, -1);
        // SAFETY: [errno 1] the running thread's own word.
        assert_eq!(unsafe { *location() }, 1234);
    }
}
