//! Safe Rust that moves bytes which it never wrote: the payload of `None`. What earlier blocks left
//! there comes along, and must mean nothing to the allocator. Alone in its process: the blocks
//! before decide what is left.
#![forbid(unsafe_code)]

use std::hint::black_box;

#[global_allocator]
static GLOBAL: hak::Hak = hak::Hak;

#[test]
fn moving_what_was_never_written_is_no_double_free() {
    let boxes: Vec<Box<[u8; 16]>> = (0..100_000).map(|n| Box::new([n as u8; 16])).collect();
    drop(black_box(boxes));
    for _ in 0..1_000 {
        let mut slots: Vec<Option<u64>> = Vec::with_capacity(30);
        for _ in 0..30 {
            slots.push(None);
        }
        slots.remove(0);
        black_box(&slots);
    }
}
