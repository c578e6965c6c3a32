//! Growth of a large block where the place behind it is taken: nanoseconds for each `realloc` of a
//! block to twice its size.
//!
//! `moved` is what the allocator does, `copied` is what it did before pages could be moved: a new
//! block, a copy, a free. `pages written` says how much of the block has pages: all of them, or one
//! in 64 as in a table that is mostly empty.
//!
//! Invariant: alignments are powers of two; and a block is hak's, nobody else knows it, and who
//! gives it up or frees it does so once, in the turn of the loop in which it was allocated.

#![allow(missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use hak::Hak;

const MIB: usize = 1 << 20;

/// Makes a block twice as long.
type Grow = unsafe fn(*mut u8, usize) -> *mut u8;

/// # Safety
/// A block of hak of so many bytes, which is given up.
unsafe fn moved(block: *mut u8, bytes: usize) -> *mut u8 {
    // SAFETY: [contract]
    unsafe { Hak::reallocate(block, 2 * bytes, 16) }
}

/// # Safety
/// As [`moved`].
unsafe fn copied(block: *mut u8, bytes: usize) -> *mut u8 {
    // SAFETY: [contract, growth 1] the new block is longer.
    unsafe {
        let new = Hak::allocate(2 * bytes, 16);
        assert!(!new.is_null());
        std::ptr::copy_nonoverlapping(block, new, bytes);
        Hak::free(block);
        new
    }
}

/// So many growths, each of a block that is new and has another one behind it.
fn growths(count: u64, bytes: usize, step: usize, grow: Grow) -> Duration {
    let mut time = Duration::ZERO;
    for _ in 0..count {
        // SAFETY: [growth 1] blocks of this turn of the loop, in which bytes are written.
        unsafe {
            let block = Hak::allocate(bytes, 16);
            let blocker = Hak::allocate(2 * bytes, 16);
            assert!(!block.is_null() && !blocker.is_null());
            for at in (0..bytes).step_by(step) {
                block.add(at).write(1);
            }
            let begin = Instant::now();
            let grown = black_box(grow(block, bytes));
            time += begin.elapsed();
            assert!(!grown.is_null() && grown != block);
            Hak::free(grown);
            Hak::free(blocker);
            Hak::collect();
        }
    }
    time
}

fn growth(criterion: &mut Criterion) {
    for (pages, step) in [("all", 4096), ("one in 64", 64 * 4096)] {
        let mut group =
            criterion.benchmark_group(format!("growth to twice, {pages} pages written"));
        group.sample_size(10);
        for bytes in [4 * MIB, 16 * MIB, 64 * MIB] {
            for (name, grow) in [("moved", moved as Grow), ("copied", copied)] {
                let id = BenchmarkId::new(name, format!("{} MiB", bytes / MIB));
                group.bench_function(id, |bencher| {
                    bencher.iter_custom(|count| growths(count, bytes, step, grow));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, growth);
criterion_main!(benches);
