//! The workloads: the rows of the table.
//!
//! | Name                 | What happens                                                         |
//! |----------------------|----------------------------------------------------------------------|
//! | `larson`             | random ones of 1,024 blocks of 8 to 128 B are replaced; 1, 4 threads |
//! | `mixed-400`, `-8192` | random blocks of a set are replaced by others of 16 to 1,039 B       |
//! | `fixed-16`, …        | the oldest of a set of equal blocks is replaced                      |
//! | `mid`, `large`       | 2 threads replace random blocks; each page of a new one is written   |
//! | `large-untouched`    | the same, and only the first byte is written                         |
//! | `large-many`         | the same as `large` with 256 blocks a thread                         |
//! | `large-longer`       | the same with 64, of up to 1.9 MiB                                   |
//! | `huge`               | one thread, 20 blocks of 5 to 25 MiB, each page written              |
//! | `xthread`            | one thread allocates 64 bytes, one on another processor frees        |
//! | `churn`              | threads come and go, each with 1,000 blocks                          |
//! | `larson-wide`        | as `larson`: 5,000 blocks of 8 to 1,000 B a thread, 2 threads        |
//! | `sizes`              | 8 blocks of each of 256 sizes are allocated, then freed; 1 thread    |
//! | `pass-on`            | threads take 500 blocks over, replace, pass 500 on, and end          |
//!
//! Every thread draws from its own stream with a fixed seed: all allocators get the same calls.
//!
//! Invariants:
//! 1. One thread at a time has a block, by having the value: it writes within its size, frees it
//!    once, and does not look at copies of the value any more.
//! 2. The calls of the system for the processors of a thread read or write the set that they are
//!    given, and keep nothing.

use std::hint::black_box;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::allocator::{Block, allocate, free};

/// Blocks in each batch that the thread of `xthread` which allocates hands to the one which frees.
const BATCH: usize = 256;

/// Batches under way at once in `xthread`.
const BATCHES: usize = 16;

/// Blocks of one thread of `churn`.
const CHURN: usize = 1_000;

/// Blocks of each size in a round of `sizes`, and the sizes: 8 to 2,048 bytes.
const OF_EACH: usize = 8;
const STEP: usize = 8;
const STEPS: usize = 256;

/// Blocks that a thread of `pass-on` has, and how many of them it replaces. It takes half of the
/// blocks over from a thread before it, and passes half on.
const HELD: usize = 1_000;
const REPLACED: usize = 2_000;

/// Runs the workload until about so many pairs of an allocation and a free were done; the exact
/// number of them. `None` if there is no such workload.
pub(crate) fn run(name: &str, pairs: u64) -> Option<u64> {
    Some(match name {
        "larson" => {
            on_threads(1, pairs, |seed, pairs| replace_random(seed, pairs, 1_024, 8, 121, false))
        }
        "larson-4" => {
            on_threads(4, pairs, |seed, pairs| replace_random(seed, pairs, 1_024, 8, 121, false))
        }
        "larson-wide" => {
            on_threads(2, pairs, |seed, pairs| replace_random(seed, pairs, 5_000, 8, 993, false))
        }
        "mixed-400" => {
            on_threads(1, pairs, |seed, pairs| replace_random(seed, pairs, 400, 16, 1_024, false))
        }
        "mixed-8192" => {
            on_threads(1, pairs, |seed, pairs| replace_random(seed, pairs, 8_192, 16, 1_024, false))
        }
        "fixed-16" => on_threads(1, pairs, |_, pairs| replace_oldest(pairs, 64, 16)),
        "fixed-256" => on_threads(1, pairs, |_, pairs| replace_oldest(pairs, 128, 256)),
        "fixed-1024" => on_threads(1, pairs, |_, pairs| replace_oldest(pairs, 256, 1_024)),
        "mid" => on_threads(2, pairs, |seed, pairs| {
            replace_random(seed, pairs, 128, 8 << 10, 24 << 10, true)
        }),
        "large" => on_threads(2, pairs, |seed, pairs| {
            replace_random(seed, pairs, 32, 64 << 10, 960 << 10, true)
        }),
        "large-untouched" => on_threads(2, pairs, |seed, pairs| {
            replace_random(seed, pairs, 32, 64 << 10, 960 << 10, false)
        }),
        "large-many" => on_threads(2, pairs, |seed, pairs| {
            replace_random(seed, pairs, 256, 64 << 10, 960 << 10, true)
        }),
        "large-longer" => on_threads(2, pairs, |seed, pairs| {
            replace_random(seed, pairs, 64, 64 << 10, 1_882 << 10, true)
        }),
        "huge" => on_threads(1, pairs, |seed, pairs| {
            replace_random(seed, pairs, 20, 5 << 20, 20 << 20, true)
        }),
        "xthread" => hand_over(pairs),
        "churn" => come_and_go(pairs),
        "sizes" => many_sizes(pairs),
        "pass-on" => pass_on(pairs),
        "pairs" => single_pairs(pairs, true),
        "pairs-loop" => single_pairs(pairs, false),
        "batches" => batches(pairs, true),
        "batches-loop" => batches(pairs, false),
        _ => return None,
    })
}

/// The linear congruential generator that all workloads draw from.
pub(crate) struct Draw(pub(crate) u32);

impl Draw {
    #[inline(always)]
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // The upper bits are the good ones; a multiplication costs less than a remainder.
        ((u64::from(self.0 >> 8) * u64::from(bound)) >> 24) as u32
    }
}

fn on_threads(count: u64, pairs: u64, work: impl Fn(u32, u64) + Sync) -> u64 {
    let share = pairs / count;
    thread::scope(|scope| {
        for number in 0..count {
            let work = &work;
            scope.spawn(move || work(42 + 77 * number as u32, share));
        }
    });
    share * count
}

/// Replaces random blocks of `set` by others of `least` to `least + span - 1` bytes.
#[inline(always)]
fn replace_random(seed: u32, pairs: u64, set: usize, least: usize, span: usize, touch: bool) {
    let mut draw = Draw(seed);
    let new = |draw: &mut Draw| {
        let block = allocate(least + draw.below(span as u32) as usize);
        if touch {
            write_pages(block);
        }
        block
    };
    let mut held: Vec<Block> = (0..set).map(|_| new(&mut draw)).collect();
    for _ in 0..pairs.saturating_sub(set as u64) {
        let place = draw.below(set as u32) as usize;
        free(held[place]);
        held[place] = new(&mut draw);
    }
    held.into_iter().for_each(free);
}

/// Writes a byte into each page of a block.
#[inline(always)]
pub(crate) fn write_pages(block: Block) {
    for offset in (0..block.size).step_by(4_096) {
        // SAFETY: [workloads 1] the offset lies in the block.
        unsafe { block.start.add(offset).write_volatile(1) };
    }
}

/// Replaces the oldest of `set` blocks of `size` bytes.
#[inline(always)]
fn replace_oldest(pairs: u64, set: usize, size: usize) {
    let mut held: Vec<Block> = (0..set).map(|_| allocate(black_box(size))).collect();
    let mut oldest = 0;
    for _ in 0..pairs.saturating_sub(set as u64) {
        free(held[oldest]);
        held[oldest] = allocate(black_box(size));
        oldest += 1;
        if oldest == set {
            oldest = 0;
        }
    }
    held.into_iter().for_each(free);
}

/// One thread allocates, another one frees. Batches go over in a queue on which both sleep, so that
/// waiting costs no processor time; their lists are made once and go round.
fn hand_over(pairs: u64) -> u64 {
    let rounds = pairs / BATCH as u64;
    let (full, to_free) = sync_channel::<Vec<Block>>(BATCHES);
    let (empty, to_fill) = sync_channel::<Vec<Block>>(BATCHES);
    for _ in 0..BATCHES {
        empty.send(Vec::with_capacity(BATCH)).expect("the queue has room for all of them");
    }
    thread::scope(|scope| {
        scope.spawn(move || {
            stay_on_processor(0);
            for _ in 0..rounds {
                let mut batch = to_fill.recv().expect("lists come back while batches go out");
                batch.extend((0..BATCH).map(|_| allocate(black_box(64))));
                full.send(batch).expect("the other thread waits for every batch");
            }
        });
        scope.spawn(move || {
            stay_on_processor(1);
            while let Ok(mut batch) = to_free.recv() {
                batch.drain(..).for_each(free);
                // The other thread is gone after the last batch.
                let _ = empty.send(batch);
            }
        });
    });
    rounds * BATCH as u64
}

/// Binds the running thread to one of the processors that it may use, by number. Two threads that
/// take turns on the same one would share its cache, and it would be up to the machine's load how
/// often they do.
fn stay_on_processor(number: usize) {
    // SAFETY: [workloads 2] sets of this function, with their size; zero is the empty one.
    unsafe {
        let size = size_of::<libc::cpu_set_t>();
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size, &mut allowed) != 0 {
            return;
        }
        let all = (0..libc::CPU_SETSIZE as usize).filter(|&cpu| libc::CPU_ISSET(cpu, &allowed));
        let all: Vec<usize> = all.collect();
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(all[number % all.len()], &mut one);
        // Without the right to bind itself, the thread runs wherever it likes.
        libc::sched_setaffinity(0, size, &one);
    }
}

/// One thread after the other, each with 1,000 blocks of 16 to 527 bytes.
fn come_and_go(pairs: u64) -> u64 {
    let threads = pairs / CHURN as u64;
    for _ in 0..threads {
        let thread = thread::spawn(|| {
            let blocks: [Block; CHURN] = std::array::from_fn(|i| allocate(16 + ((i * 37) & 511)));
            black_box(&blocks);
            blocks.into_iter().for_each(free);
        });
        thread.join().expect("the thread does nothing that could fail");
    }
    threads * CHURN as u64
}

/// Some blocks of each of many sizes are allocated, then all of them freed, again and again.
fn many_sizes(pairs: u64) -> u64 {
    let rounds = pairs / (STEPS * OF_EACH) as u64;
    let mut held: Vec<Block> = Vec::with_capacity(STEPS * OF_EACH);
    for _ in 0..rounds {
        for step in 1..=STEPS {
            held.extend((0..OF_EACH).map(|_| allocate(black_box(step * STEP))));
        }
        held.drain(..).for_each(free);
    }
    rounds * (STEPS * OF_EACH) as u64
}

/// Two threads at a time. Each takes blocks over from one that has ended, replaces random ones of
/// them and of its own, passes half of what it then has on to the next one, and ends. Who passes on
/// to whom changes each time. Lists are made once and go round.
fn pass_on(pairs: u64) -> u64 {
    let mut draw = Draw(42);
    let mut lists: [Vec<Block>; 2] = std::array::from_fn(|_| Vec::with_capacity(HELD));
    for list in &mut lists {
        list.extend((0..HELD / 2).map(|_| allocate(16 + draw.below(497) as usize)));
    }
    let mut done = HELD as u64;
    let mut round = 0;
    while done < pairs {
        let threads = lists.map(|mut list| {
            round += 1;
            let mut draw = Draw(42 + 77 * round);
            thread::spawn(move || {
                let new = |draw: &mut Draw| allocate(16 + draw.below(497) as usize);
                list.extend((HELD / 2..HELD).map(|_| new(&mut draw)));
                for _ in 0..REPLACED {
                    let place = draw.below(HELD as u32) as usize;
                    free(list[place]);
                    list[place] = new(&mut draw);
                }
                // Every other one, so that what is passed on lies between what is free.
                let mut place = 0;
                list.retain(|&block| {
                    place += 1;
                    let is_kept = place % 2 == 0;
                    if !is_kept {
                        free(block);
                    }
                    is_kept
                });
                list
            })
        });
        let [one, other] =
            threads.map(|thread| thread.join().expect("the thread does nothing that could fail"));
        lists = [other, one];
        done += 2 * (HELD / 2 + REPLACED) as u64;
    }
    lists.into_iter().flatten().for_each(free);
    done
}

/// For counting instructions: pairs of 64 bytes one after the other; or just the loop around them.
fn single_pairs(pairs: u64, real: bool) -> u64 {
    let other = allocate(64);
    for _ in 0..pairs {
        let block = if real { allocate(black_box(64)) } else { written(other, black_box(64)) };
        let block = black_box(block);
        if real {
            free(block);
        }
    }
    free(other);
    pairs
}

/// For counting instructions: 100 blocks of 64 bytes are allocated, then freed; or just the loops
/// around that.
fn batches(pairs: u64, real: bool) -> u64 {
    let other = allocate(64);
    let mut held = [other; 100];
    for _ in 0..pairs / 100 {
        for place in &mut held {
            *place = if real { allocate(black_box(64)) } else { written(other, black_box(64)) };
        }
        for place in &held {
            let block = black_box(*place);
            if real {
                free(block);
            }
        }
    }
    free(other);
    pairs / 100 * 100
}

/// What `allocate` does beside calling the allocator.
#[inline(always)]
fn written(block: Block, size: usize) -> Block {
    // SAFETY: [workloads 1] the block has a byte, and is freed behind the loops only.
    unsafe { block.start.write_volatile(1) };
    Block { start: block.start, size }
}
