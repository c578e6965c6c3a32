//! Growth of large blocks where the place behind them is taken: pages move, contents do not change,
//! and the process does not run out of mappings. Each test measures the process, so each runs in
//! one of its own.
//!
//! Invariant: a [`Blocked`] has a block of so many bytes and one behind it; nobody else has them.
#![cfg(target_os = "linux")]

mod common;

use common::{Random, is_child, resident_bytes, run_as_child};
use hak::Hak;

const MIB: usize = 1 << 20;
const PAGE: usize = 4096;

/// Runs `measure` alone in a process.
fn alone(test: &str, measure: impl FnOnce()) {
    if is_child() {
        return measure();
    }
    let output = run_as_child(test, || ());
    assert!(output.status.success(), "{output:?}");
}

/// How many mappings this process has.
fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// A block of which a word in some pages was written, and another block right behind it.
struct Blocked {
    start: *mut u8,
    bytes: usize,
    step: usize,
    blocker: *mut u8,
}

impl Blocked {
    /// A word is written in every `step` bytes.
    fn new(bytes: usize, step: usize) -> Blocked {
        // SAFETY: [common 1] the alignment is a power of two.
        let (start, blocker) = unsafe { (Hak::allocate(bytes, 16), Hak::allocate(2 * MIB, 16)) };
        assert!(!start.is_null() && !blocker.is_null());
        let blocked = Blocked { start, bytes, step, blocker };
        blocked.write();
        blocked
    }

    fn places(&self) -> impl Iterator<Item = (*mut usize, usize)> {
        (0..self.bytes).step_by(self.step).map(|at| (self.start.wrapping_add(at).cast(), at))
    }

    fn write(&self) {
        for (word, at) in self.places() {
            // SAFETY: [growth 1] in the block, aligned, and ours alone.
            unsafe { word.write(!at) };
        }
    }

    fn check(&self) {
        for (word, at) in self.places() {
            // SAFETY: [growth 1] in the block, aligned, and ours alone.
            assert_eq!(unsafe { word.read() }, !at, "at {at:#x} of {:#x}", self.bytes);
        }
    }

    /// Makes the block longer or shorter; whether it is elsewhere now.
    fn resize(&mut self, bytes: usize) -> bool {
        // SAFETY: [growth 1, common 1] a block of ours, and a size that is not zero.
        let start = unsafe { Hak::reallocate(self.start, bytes, 16) };
        assert!(!start.is_null());
        let before = std::mem::replace(&mut self.start, start);
        let kept = Blocked { bytes: self.bytes.min(bytes), blocker: std::ptr::null_mut(), ..*self };
        kept.check();
        std::mem::forget(kept);
        self.bytes = bytes;
        self.write();
        start != before
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
        }
        // SAFETY: [growth 1, common 2] blocks of ours, given up now.
        unsafe {
            Hak::free(self.start);
            Hak::free(self.blocker);
        }
    }
}

#[test]
fn a_block_that_cannot_grow_in_place_is_moved_and_not_copied() {
    alone("a_block_that_cannot_grow_in_place_is_moved_and_not_copied", || {
        let mut block = Blocked::new(64 * MIB, 16 * MIB);
        let before = (resident_bytes(), Hak::committed());
        assert!(block.resize(128 * MIB), "there is another block behind it");
        let grown = resident_bytes() - before.0;
        assert!(grown < MIB, "copying touches 64 MiB, and {grown} bytes became resident");
        assert_eq!(Hak::committed(), before.1 + 64 * MIB);
        // Too large for the place that the block has left: it lies behind the block.
        // SAFETY: [common 1] the alignment is a power of two.
        let behind = unsafe { Hak::allocate(80 * MIB, 16) };
        // A limit that leaves room for what is added, and not for another copy.
        Hak::set_limit(Hak::committed() + 80 * MIB);
        let moved = block.resize(192 * MIB);
        Hak::set_limit(0);
        assert!(moved);
        // SAFETY: [common 2] a block of ours, given up now.
        unsafe { Hak::free(behind) };
    });
}

#[test]
fn ten_thousand_growths_keep_the_number_of_mappings_small() {
    alone("ten_thousand_growths_keep_the_number_of_mappings_small", || {
        let before = mappings();
        let mut random = Random::new(5);
        let mut blocks: Vec<Blocked> = Vec::new();
        let (mut moves, mut most) = (0, 0);
        let mut growths = 0;
        while growths < 10_000 {
            let size = 4 * MIB + random.below(8 * MIB);
            let mut block = Blocked::new(size, MIB);
            for _ in 0..=random.below(3) {
                growths += 1;
                moves += usize::from(block.resize(block.bytes + random.below(16 * MIB)));
                if random.below(4) == 0 {
                    block.resize(block.bytes - random.below(block.bytes / 8));
                }
            }
            blocks.push(block);
            if blocks.len() > 100 {
                drop(blocks.swap_remove(random.below(100)));
            }
            if growths % 64 == 0 {
                most = most.max(mappings());
            }
        }
        blocks.clear();
        let kept = mappings();
        Hak::collect();
        let after = mappings();
        println!(
            "{moves} moves; mappings: {before}, {most} at most, {kept} freed, {after} given back"
        );
        assert!(moves > 3_000, "{moves}");
        // It grows with the blocks that live, at most 8 mappings each, and not with time.
        assert!(most < before + 2_000, "{before} mappings became {most}");
        assert!(after < before + 50, "{before} mappings became {after}");
    });
}

#[test]
fn so_many_blocks_that_moved_live_at_once_that_others_are_copied() {
    alone("so_many_blocks_that_moved_live_at_once_that_others_are_copied", || {
        let before = mappings();
        // Blocks that were never written to have no pages that a copy would have to make.
        let mut blocks: Vec<Blocked> = Vec::new();
        for _ in 0..4_200 {
            let mut block = Blocked::new(4 * MIB, 4 * MIB);
            if blocks.len() < 4_150 {
                block.resize(4 * MIB + PAGE);
            }
            blocks.push(block);
        }
        let most = mappings();
        blocks.clear();
        Hak::collect();
        let after = mappings();
        println!("mappings: {before}, {most} at most, {after} given back");
        assert!(most > before + 4_000 && most < before + 3 * 4_096, "{before} became {most}");
        assert!(after < before + 50, "{before} mappings became {after}");
    });
}

#[test]
fn a_child_of_a_fork_has_what_was_moved() {
    alone("a_child_of_a_fork_has_what_was_moved", || {
        let mut block = Blocked::new(8 * MIB, PAGE);
        assert!(block.resize(16 * MIB));
        // SAFETY: [lib 1] one thread runs here; the child allocates, which is allowed behind a
        // fork.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // Too large for the place that the block has left.
            // SAFETY: [common 1] the alignment is a power of two.
            _ = unsafe { Hak::allocate(12 * MIB, 16) };
            let moved = block.resize(64 * MIB);
            drop(block);
            // SAFETY: [lib 1] it has no precondition.
            unsafe { libc::_exit(if moved { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: [lib 1] a child of ours and a place for its status.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0);
        block.check();
    });
}
