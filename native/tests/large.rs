//! Blocks with a mapping of their own, requests that cannot be met, and `errno`.

mod common;

use std::alloc::{self, Layout};
use std::hint::black_box;
use std::thread;

use common::{Block, Random};

const MIB: usize = 1 << 20;

#[test]
fn large_blocks_grow_and_shrink_by_reallocation() {
    for start in [MIB, 3 * MIB + 1] {
        let mut block = Block::new(start, 8, 17).unwrap();
        while block.size() < 64 * MIB {
            assert!(block.resize((block.size() * 2).min(64 * MIB)));
        }
        for size in [64 * MIB - 1, 33 * MIB, 5 * MIB + 4096, MIB - 1, 100_000, 5_000, 10, 2 * MIB] {
            assert!(block.resize(size));
        }
    }
}

#[test]
fn a_vector_grows_from_nothing_to_64_mib() {
    let mut numbers = Vec::new();
    for number in 0..(64 * MIB / 8) as u64 {
        numbers.push(number ^ 0x5a5a);
    }
    assert!(numbers.iter().zip(0..).all(|(&number, index)| number == index ^ 0x5a5a));
    numbers.truncate(10);
    numbers.shrink_to_fit();
    assert_eq!(numbers[9], 9 ^ 0x5a5a);
}

#[test]
fn large_blocks_of_many_sizes_come_and_go_on_many_threads() {
    thread::scope(|scope| {
        for seed in 1..=4 {
            scope.spawn(move || {
                let mut random = Random::new(seed);
                let mut blocks: Vec<Block> = Vec::new();
                for turn in 0..120 {
                    let size = 16 * 1024 + random.size(2 * MIB);
                    blocks.push(Block::new(size, 1 << random.below(14), turn).unwrap());
                    if blocks.len() > 6 {
                        drop(blocks.swap_remove(random.below(6)));
                    }
                }
            });
        }
    });
}

#[test]
fn large_blocks_are_freed_by_other_threads() {
    for round in 0..50 {
        let block = Block::new(MIB + round * 4096, 4096, 3).unwrap();
        let block = thread::spawn(move || {
            drop(block);
            Block::zeroed(MIB, 8, 4).unwrap()
        });
        drop(block.join().unwrap());
    }
}

#[test]
fn the_sizes_around_every_boundary_work() {
    let slab = 64 * 1024;
    for boundary in [1024, slab / 4, slab / 2, slab, 512 * 1024, MIB, 2 * MIB, 4 * MIB] {
        for size in boundary - 17..boundary + 18 {
            let mut block = Block::new(size, 16, size as u8).unwrap();
            assert!(block.resize(size + 1));
            assert!(block.resize(size - 1));
        }
    }
}

/// Each is a mapping of its own to the allocator, but must not be one to the system, which allows
/// 65,530.
#[test]
fn forty_thousand_blocks_with_a_mapping_of_their_own_live_at_once() {
    let mut blocks = Vec::new();
    for number in 0..40_000_usize {
        let mut block = Vec::<usize>::new();
        assert!(block.try_reserve_exact(2_500).is_ok(), "block {number}");
        block.push(number);
        blocks.push(block);
    }
    assert!(blocks.iter().enumerate().all(|(number, block)| block[0] == number));
}

#[test]
fn a_request_that_cannot_be_met_is_null_and_harms_nothing() {
    let most = isize::MAX as usize;
    let kept: Vec<Block> = (1..100).map(|size| Block::new(size, 8, 1).unwrap()).collect();
    for size in [most, most - 1, most - 4095, most - 65_536, most - 4 * MIB, most / 2, 1 << 47] {
        for align in [1_usize, 16, 4096, 2 * MIB, 8 * MIB] {
            let Ok(layout) = Layout::from_size_align(size, align) else { continue };
            for allocate in [alloc::alloc, alloc::alloc_zeroed] {
                // SAFETY: [common 1] the size is not zero. The black box keeps the compiler, which
                // may assume that an allocation nobody looks at succeeds, from doing so.
                let block = black_box(unsafe { allocate(layout) });
                assert!(block.is_null(), "{layout:?}");
            }
        }
    }
    drop(kept);
}

#[test]
fn a_reallocation_that_cannot_be_met_leaves_the_block() {
    for size in [10, 1_000, 30_000, MIB, 5 * MIB] {
        let mut block = Block::new(size, 8, 9).unwrap();
        for huge in [isize::MAX as usize - 7, isize::MAX as usize / 2, 1 << 47] {
            assert!(!block.resize(huge));
        }
        assert!(block.resize(size * 2));
    }
}

#[test]
fn errno_is_left_alone() {
    let set = |value: i32| {
        // SAFETY: [lib 1] the call refuses the descriptor, and sets `errno`.
        unsafe { libc::close(-1) };
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(value));
    };
    let blocks: Vec<Block> =
        (0..200).map(|turn| Block::new(1 + turn * 20_000, 8, turn as u8).unwrap()).collect();
    set(libc::EBADF);
    drop(blocks);
    hak::Hak::collect();
    hak::Hak::thread_exit();
    // SAFETY: [common 1] the alignment is a power of two.
    let huge = unsafe { hak::Hak::allocate(isize::MAX as usize - 4095, 8) };
    let errno = std::io::Error::last_os_error().raw_os_error();
    assert!(huge.is_null());
    assert_eq!(errno, Some(libc::EBADF));
}
