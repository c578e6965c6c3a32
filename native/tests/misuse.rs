//! What a program does wrong ends with one line on standard error and an abort.

mod common;

use std::os::unix::process::ExitStatusExt;

use common::{is_child, run_as_child};
use hak::Hak;

fn allocate(size: usize) -> *mut u8 {
    // SAFETY: the size is not zero.
    unsafe { Hak::allocate(size, 16) }
}

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
    assert!(line.len() < 320, "{message}");
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

#[test]
fn freeing_a_block_twice_is_reported() {
    ends_with("freeing_a_block_twice_is_reported", "double free", || {
        let block = allocate(64);
        // SAFETY: the block is ours; the second time is the misuse.
        unsafe { Hak::free(block) };
        block
    });
}

#[test]
fn freeing_a_block_twice_is_reported_also_when_others_were_freed_between() {
    let name = "freeing_a_block_twice_is_reported_also_when_others_were_freed_between";
    ends_with(name, "double free", || {
        let blocks: Vec<_> = (0..10_000).map(|_| allocate(48)).collect();
        for &block in &blocks {
            // SAFETY: the block is ours; the second time is the misuse.
            unsafe { Hak::free(block) };
        }
        blocks[4_711]
    });
}

#[test]
fn freeing_on_another_thread_what_was_freed_here_is_reported() {
    ends_with("freeing_on_another_thread_what_was_freed_here_is_reported", "double free", || {
        let address = allocate(16).expose_provenance();
        let free = move || {
            // SAFETY: the block is ours; the second time is the misuse.
            unsafe { Hak::free(std::ptr::with_exposed_provenance_mut(address)) }
        };
        std::thread::spawn(free).join().unwrap();
        std::ptr::with_exposed_provenance_mut(address)
    });
}

#[test]
fn freeing_a_large_block_twice_is_reported() {
    ends_with("freeing_a_large_block_twice_is_reported", "double free", || {
        let block = allocate(5 << 20);
        // SAFETY: the block is ours; the second time is the misuse.
        unsafe { Hak::free(block) };
        block
    });
}

#[test]
fn freeing_the_old_address_of_a_block_that_was_moved_is_reported() {
    let name = "freeing_the_old_address_of_a_block_that_was_moved_is_reported";
    ends_with(name, "double free", || {
        let (block, _blocker) = (allocate(64 << 20), allocate(2 << 20));
        // SAFETY: the block is ours; that it is freed at its old address is the misuse.
        let moved = unsafe { Hak::reallocate(block, 128 << 20, 16) };
        assert!(!moved.is_null() && moved != block);
        block
    });
}

#[test]
fn freeing_the_middle_of_a_small_block_is_reported() {
    ends_with("freeing_the_middle_of_a_small_block_is_reported", "interior pointer", || {
        let first = allocate(112);
        // SAFETY: the block is ours.
        unsafe { Hak::free(first) };
        allocate(112).wrapping_add(16)
    });
}

#[test]
fn a_write_to_a_free_block_is_reported() {
    ends_with("a_write_to_a_free_block_is_reported", "corrupted link", || {
        let (first, second) = (allocate(80), allocate(80));
        // SAFETY: the blocks are ours; the write after the free is the misuse.
        unsafe {
            Hak::free(first);
            Hak::free(second);
            second.cast::<usize>().write(0x6261);
        }
        std::hint::black_box(allocate(80));
        std::hint::black_box(allocate(80));
        std::ptr::null_mut()
    });
}
