//! hak beside the system's allocator, in one process, on the workloads of the library.
//!
//! A first look, not the comparison with peers: criterion times one after the other, so read
//! ratios, not figures.

#![allow(missing_docs)]

use std::alloc::System;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hak::Hak;
use hak_benches::{fixed_size, random_mixed};

const OPERATIONS: usize = 100_000;

fn fixed(criterion: &mut Criterion) {
    for (size, set) in [(16, 64), (256, 128), (1_024, 256)] {
        let mut group = criterion.benchmark_group(format!("fixed_size {size} B, set {set}"));
        group.throughput(Throughput::Elements(OPERATIONS as u64));
        group.bench_function("hak", |bencher| {
            bencher.iter(|| fixed_size(&Hak, black_box(OPERATIONS), size, set));
        });
        group.bench_function("system", |bencher| {
            bencher.iter(|| fixed_size(&System, black_box(OPERATIONS), size, set));
        });
        group.finish();
    }
}

fn mixed(criterion: &mut Criterion) {
    for set in [400, 8_192] {
        let mut group = criterion.benchmark_group(format!("random_mixed, working set {set}"));
        group.throughput(Throughput::Elements(OPERATIONS as u64));
        group.bench_function("hak", |bencher| {
            bencher.iter(|| random_mixed(&Hak, black_box(OPERATIONS), set, 42));
        });
        group.bench_function("system", |bencher| {
            bencher.iter(|| random_mixed(&System, black_box(OPERATIONS), set, 42));
        });
        group.finish();
    }
}

criterion_group!(benches, fixed, mixed);
criterion_main!(benches);
