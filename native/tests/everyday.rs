//! Ordinary programs on the allocator: collections, strings, sorting, reallocation, alignment,
//! zeroes.

mod common;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::thread;

use common::{Block, Random};

const THREADS: u64 = 8;

/// Runs `work` on several threads at once, each with a seed of its own.
fn on_threads(work: impl Fn(u64) + Sync) {
    thread::scope(|scope| {
        for seed in 1..=THREADS {
            let work = &work;
            scope.spawn(move || work(seed));
        }
    });
}

#[test]
fn the_tests_run_on_this_allocator() {
    common::assert_hak_is_in_use();
    on_threads(|_| common::assert_hak_is_in_use());
}

#[test]
fn maps_hold_what_was_put_in() {
    on_threads(|seed| {
        let mut random = Random::new(seed);
        let mut hash = HashMap::new();
        let mut tree = BTreeMap::new();
        for _ in 0..30_000 {
            let key = random.below(4_000);
            let value = format!("{key}:{:x}", random.next());
            if random.below(3) == 0 {
                assert_eq!(hash.remove(&key), tree.remove(&key));
            } else {
                assert_eq!(hash.insert(key, value.clone()), tree.insert(key, value));
            }
        }
        assert_eq!(hash.len(), tree.len());
        for (key, value) in &tree {
            assert_eq!(hash.get(key), Some(value));
            assert!(value.starts_with(&key.to_string()));
        }
    });
}

#[test]
fn strings_are_built_split_sorted_and_joined() {
    on_threads(|seed| {
        let mut random = Random::new(seed);
        for _ in 0..20 {
            let mut words: Vec<String> = (0..1_000)
                .map(|_| {
                    "slab owner pool".repeat(1 + random.below(12)) + &random.next().to_string()
                })
                .collect();
            let text = words.join("\n");
            words.sort();
            let mut again: Vec<&str> = text.split('\n').collect();
            again.sort_unstable();
            assert_eq!(words, again);
            words.retain(|word| word.len() % 2 == 0);
            words.shrink_to_fit();
            assert!(words.is_sorted());
        }
    });
}

#[test]
fn queues_of_boxes_keep_their_order() {
    on_threads(|seed| {
        let mut random = Random::new(seed);
        let mut queue: VecDeque<Box<[usize]>> = VecDeque::new();
        let (mut next_in, mut next_out) = (0, 0);
        for _ in 0..50_000 {
            if queue.is_empty() || random.below(100) < 51 {
                queue.push_back(vec![next_in; random.size(256)].into());
                next_in += 1;
            } else {
                let front = queue.pop_front().unwrap();
                assert!(front.iter().all(|&item| item == next_out));
                next_out += 1;
            }
        }
    });
}

#[test]
fn blocks_of_all_sizes_keep_their_content_through_reallocation() {
    on_threads(|seed| {
        let mut random = Random::new(seed);
        let mut blocks: Vec<Block> = Vec::new();
        for turn in 0..20_000 {
            let size_end = if turn % 100 == 0 { 1 << 20 } else { 1 << 12 };
            match random.below(4) {
                0 | 1 if blocks.len() < 500 => {
                    let align = 1 << random.below(7);
                    blocks.push(Block::new(random.size(size_end), align, turn as u8).unwrap());
                }
                2 if !blocks.is_empty() => {
                    let index = random.below(blocks.len());
                    assert!(blocks[index].resize(random.size(size_end)));
                }
                _ if !blocks.is_empty() => {
                    let index = random.below(blocks.len());
                    drop(blocks.swap_remove(index));
                }
                _ => {}
            }
        }
    });
}

#[test]
fn every_small_size_is_served_at_every_small_alignment() {
    for align in (0..13).map(|shift| 1 << shift) {
        let blocks: Vec<Block> = (1..1_100)
            .chain((1_100..40_000).step_by(977))
            .map(|size| Block::new(size, align, size as u8).unwrap())
            .collect();
        drop(blocks);
    }
}

#[test]
fn blocks_do_not_overlap() {
    let mut random = Random::new(9);
    let blocks: Vec<Block> = (0..20_000)
        .map(|turn| Block::new(random.size(1 << 15), 1 << random.below(5), turn as u8).unwrap())
        .collect();
    let mut ranges: Vec<(usize, usize)> =
        blocks.iter().map(|block| (block.address(), block.address() + block.size())).collect();
    ranges.sort_unstable();
    assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0));
}

#[test]
fn large_alignments_are_kept_also_through_reallocation() {
    on_threads(|seed| {
        let mut random = Random::new(seed);
        for shift in [12, 14, 16, 18, 20, 21, 22, 23] {
            let mut blocks = Vec::new();
            for _ in 0..4 {
                let size = random.size(1 << 17);
                // `None` would be a clean refusal, but there is no reason for one here.
                blocks.push(Block::new(size, 1 << shift, seed as u8).unwrap());
            }
            for block in &mut blocks {
                assert!(block.resize(random.size(1 << 18)));
                assert!(block.resize(random.size(1 << 10)));
            }
        }
    });
}

#[test]
fn an_alignment_beyond_reason_is_served_or_refused_cleanly() {
    for shift in 24..63 {
        for size in [1, 100_000] {
            drop(Block::new(size, 1 << shift, 5));
            drop(Block::zeroed(size, 1 << shift, 5));
        }
    }
}

#[test]
fn zeroed_memory_is_zero_where_dirty_blocks_were_freed() {
    on_threads(|seed| {
        let mut random = Random::new(seed);
        for round in 0..60 {
            let size_end = if round % 10 == 0 { 1 << 22 } else { 1 << 13 };
            let sizes: Vec<usize> = (0..60).map(|_| random.size(size_end)).collect();
            for make in [Block::new, Block::zeroed] {
                let blocks: Vec<Block> = sizes
                    .iter()
                    .map(|&size| make(size, 1 << random.below(7), 0xa5).unwrap())
                    .collect();
                drop(blocks);
            }
        }
    });
}
