//! Workloads that the benches share: loops over an allocator, without timing.
//!
//! The shapes follow the original's benchmarks: `fixed_size` replaces the oldest of a set of equal
//! blocks, `random_mixed` replaces random blocks of a working set by others of 16 to 1,039 bytes.
//!
//! Invariants:
//! 1. Each block of a set is the allocator's, of the layout beside it, and stands there once: it
//!    came with that layout, and goes back when another one takes its place or the set is dropped.
//! 2. A layout is not empty.

use std::alloc::{GlobalAlloc, Layout, handle_alloc_error};

/// The linear congruential generator that all workloads draw from, so that every allocator sees the
/// same calls.
#[derive(Clone, Debug)]
pub struct Draw(u32);

impl Draw {
    /// A stream of this seed.
    pub fn new(seed: u32) -> Draw {
        Draw(seed)
    }

    /// The next number.
    pub fn next_number(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }
}

/// Blocks that a workload holds. They go back when it is dropped.
pub struct Held<'a, A: GlobalAlloc> {
    allocator: &'a A,
    blocks: Vec<(*mut u8, Layout)>,
}

impl<'a, A: GlobalAlloc> Held<'a, A> {
    /// A set of so many blocks of these sizes.
    pub fn new(allocator: &'a A, count: usize, mut size: impl FnMut() -> usize) -> Held<'a, A> {
        let blocks = (0..count).map(|_| allocate(allocator, layout(size()))).collect();
        Held { allocator, blocks }
    }

    /// Frees one block and puts a new one in its place.
    pub fn replace(&mut self, place: usize, size: usize) {
        let next = layout(size);
        let (block, layout) = self.blocks[place];
        // SAFETY: [lib 1] the block leaves the set here: what follows does not unwind.
        unsafe { self.allocator.dealloc(block, layout) };
        self.blocks[place] = allocate(self.allocator, next);
    }
}

impl<A: GlobalAlloc> Drop for Held<'_, A> {
    fn drop(&mut self) {
        for &(block, layout) in &self.blocks {
            // SAFETY: [lib 1] the set is not used again.
            unsafe { self.allocator.dealloc(block, layout) };
        }
    }
}

fn layout(size: usize) -> Layout {
    assert_ne!(size, 0, "a block has a byte to write to");
    Layout::from_size_align(size, 16).expect("a small size")
}

/// A block, or the process ends.
fn allocate<A: GlobalAlloc>(allocator: &A, layout: Layout) -> (*mut u8, Layout) {
    // SAFETY: [lib 2] layouts are made by `layout`.
    let block = unsafe { allocator.alloc(layout) };
    if block.is_null() {
        handle_alloc_error(layout);
    }
    // SAFETY: [lib 2] the block holds at least one byte.
    unsafe { block.write(1) };
    (block, layout)
}

/// `fixed_size`: so many replacements of the oldest of `set` blocks of `size` bytes.
pub fn fixed_size<A: GlobalAlloc>(allocator: &A, operations: usize, size: usize, set: usize) {
    let mut held = Held::new(allocator, set, || size);
    for operation in 0..operations {
        held.replace(operation % set, size);
    }
}

/// `random_mixed`: so many replacements of random blocks of a working set.
pub fn random_mixed<A: GlobalAlloc>(allocator: &A, operations: usize, set: usize, seed: u32) {
    let mut draw = Draw::new(seed);
    let mut sizes = Draw::new(seed ^ 0x55);
    let mut size = move || 16 + (sizes.next_number() & 0x3ff) as usize;
    let mut held = Held::new(allocator, set, &mut size);
    for _ in 0..operations {
        held.replace(draw.next_number() as usize % set, size());
    }
}
