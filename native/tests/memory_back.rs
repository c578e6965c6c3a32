//! Memory goes back to the system. Each test measures the process, so each runs in one of its own.
#![cfg(target_os = "linux")]

mod common;

use std::thread;

use common::{Random, is_child, resident_bytes, run_as_child};

const MIB: usize = 1 << 20;

/// Runs `measure` alone in a process.
fn alone(test: &str, measure: impl FnOnce()) {
    if is_child() {
        return measure();
    }
    let output = run_as_child(test, || ());
    assert!(output.status.success(), "{output:?}");
}

/// Boxes of 16 to 1,024 bytes, `bytes` in all, written to.
fn small_blocks(bytes: usize) -> Vec<Box<[u8]>> {
    let mut random = Random::new(7);
    let mut total = 0;
    let mut blocks = Vec::new();
    while total < bytes {
        let size = 16 + random.below(1_009);
        total += size;
        blocks.push(vec![1; size].into());
    }
    blocks
}

#[test]
fn small_blocks_that_were_freed_go_back_after_collect() {
    alone("small_blocks_that_were_freed_go_back_after_collect", || {
        let before = resident_bytes();
        let blocks = small_blocks(256 * MIB);
        let peak = resident_bytes();
        assert!(peak >= before + 256 * MIB);
        drop(blocks);
        hak::Hak::collect();
        let after = resident_bytes();
        assert!(after < before + 16 * MIB, "{before} rose to {peak} and fell to {after}");
    });
}

#[test]
fn small_blocks_that_another_thread_freed_go_back_after_collect() {
    alone("small_blocks_that_another_thread_freed_go_back_after_collect", || {
        let before = resident_bytes();
        let blocks = small_blocks(128 * MIB);
        let peak = resident_bytes();
        thread::spawn(move || drop(blocks)).join().unwrap();
        hak::Hak::collect();
        let after = resident_bytes();
        assert!(after < before + 16 * MIB, "{before} rose to {peak} and fell to {after}");
    });
}

#[test]
fn small_blocks_of_threads_that_ended_go_back_after_collect() {
    alone("small_blocks_of_threads_that_ended_go_back_after_collect", || {
        let before = resident_bytes();
        let threads: Vec<_> = (0..8).map(|_| thread::spawn(|| small_blocks(16 * MIB))).collect();
        let blocks: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        let peak = resident_bytes();
        drop(blocks);
        hak::Hak::collect();
        let after = resident_bytes();
        assert!(after < before + 16 * MIB, "{before} rose to {peak} and fell to {after}");
    });
}

#[test]
fn large_blocks_go_back() {
    alone("large_blocks_go_back", || {
        let before = resident_bytes();
        let blocks: Vec<Vec<u8>> = (1..16).map(|mib| vec![1; mib * MIB]).collect();
        let peak = resident_bytes();
        assert!(peak >= before + 100 * MIB);
        drop(blocks);
        hak::Hak::collect();
        let after = resident_bytes();
        assert!(after < before + 8 * MIB, "{before} rose to {peak} and fell to {after}");
    });
}

#[test]
fn allocating_and_freeing_for_ever_does_not_grow() {
    alone("allocating_and_freeing_for_ever_does_not_grow", || {
        drop(small_blocks(8 * MIB));
        let before = resident_bytes();
        for _ in 0..30 {
            let blocks = small_blocks(8 * MIB);
            thread::spawn(move || drop(blocks)).join().unwrap();
        }
        let after = resident_bytes();
        assert!(after < before + 24 * MIB, "{before} rose to {after}");
    });
}

#[test]
fn a_process_with_little_address_space_starts_and_runs_out_cleanly() {
    if is_child() {
        drop(small_blocks(64 * MIB));
        let mut hoard = Vec::new();
        loop {
            // SAFETY: [common 1] the alignment is a power of two.
            let block = unsafe { hak::Hak::allocate(MIB / 4, 8) };
            if block.is_null() {
                break;
            }
            hoard.push(block);
            assert!(hoard.len() < 4096);
        }
        for block in hoard {
            // SAFETY: [common 2] allocated above, once each.
            unsafe { hak::Hak::free(block) };
        }
        drop(small_blocks(64 * MIB));
        return;
    }
    let output =
        run_as_child("a_process_with_little_address_space_starts_and_runs_out_cleanly", || {
            let limit = libc::rlimit { rlim_cur: 600 << 20, rlim_max: 600 << 20 };
            // SAFETY: [lib 1] reads the limits given.
            unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) };
        });
    assert!(output.status.success(), "{output:?}");
}
