//! Heaps of threads that ended are used again: alone in its process, to count memory.

mod common;

use std::thread;

use common::Block;

/// More threads, one after the other, than there are places for heaps (32,768).
#[test]
fn more_threads_than_heaps_can_live_one_after_the_other() {
    let mut early = 0;
    for count in 0..40_000_u32 {
        thread::Builder::new()
            .stack_size(32 * 1024)
            .spawn(|| drop(Block::new(100, 8, 1).unwrap()))
            .unwrap()
            .join()
            .unwrap();
        if count == 4_000 {
            early = common::resident_bytes();
        }
    }
    let late = common::resident_bytes();
    assert!(late < early + (4 << 20), "{early} bytes grew to {late}");
}
