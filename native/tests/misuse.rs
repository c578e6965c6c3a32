//! What a program does wrong ends with one line on standard error and an abort.

mod common;

use std::os::unix::process::ExitStatusExt;

use common::{is_child, run_as_child};
use hak::Hak;

/// Runs `wrong` in a process of its own and checks how that ends.
fn ends_with(test: &str, what: &str, wrong: impl FnOnce() -> *mut u8) {
    if is_child() {
        let address = wrong();
        // SAFETY: none: this is the misuse.
        unsafe { Hak::free(address) };
        unreachable!("the misuse was not noticed");
    }
    let output = run_as_child(test, || {
        let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: reads the limits given: no core file.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &limit) };
    });
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{message}");
    let line = message.lines().last().unwrap();
    assert!(line.starts_with(&format!("hak: {what}: address 0x")), "{message}");
    assert!(line.len() < 200, "{message}");
}

#[test]
fn freeing_a_pointer_into_the_stack_is_reported() {
    ends_with("freeing_a_pointer_into_the_stack_is_reported", "foreign pointer", || {
        let mut place = 0_u64;
        (&raw mut place).cast()
    });
}

#[test]
fn freeing_a_pointer_that_is_no_mapping_is_reported() {
    ends_with("freeing_a_pointer_that_is_no_mapping_is_reported", "foreign pointer", || {
        std::ptr::without_provenance_mut(0x1000)
    });
}

#[test]
fn freeing_the_middle_of_a_large_block_is_reported() {
    ends_with("freeing_the_middle_of_a_large_block_is_reported", "interior pointer", || {
        // SAFETY: the size is not zero.
        unsafe { Hak::allocate(1 << 20, 16) }.wrapping_add(64)
    });
}
