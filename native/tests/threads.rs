//! Blocks that cross threads, threads that end, and threads whose end allocates.
//!
//! Invariant: a value of the key is a [`Late`] that nobody else has; its destructor takes it over.

mod common;

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use common::{Block, Random};

fn some_block(random: &mut Random, tag: usize) -> Block {
    let size_end = if tag.is_multiple_of(500) { 1 << 17 } else { 1 << 11 };
    Block::new(random.size(size_end), 1 << random.below(6), tag as u8).unwrap()
}

#[test]
fn consumers_free_what_producers_allocate() {
    const PRODUCERS: u64 = 4;
    const BLOCKS: usize = 25_000;
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..3).map(|_| mpsc::sync_channel::<Block>(256)).unzip();
    let consumed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for receiver in receivers {
            let consumed = &consumed;
            scope.spawn(move || {
                for block in receiver {
                    drop(block);
                    consumed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for seed in 1..=PRODUCERS {
            let senders = senders.clone();
            scope.spawn(move || {
                let mut random = Random::new(seed);
                for turn in 0..BLOCKS {
                    let block = some_block(&mut random, turn);
                    senders[random.below(senders.len())].send(block).unwrap();
                }
            });
        }
        drop(senders);
    });
    assert_eq!(consumed.into_inner(), BLOCKS * PRODUCERS as usize);
}

#[test]
fn blocks_that_wander_between_threads_keep_their_content() {
    const PLACES: usize = 512;
    let places: Vec<Mutex<Option<Block>>> = (0..PLACES).map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for seed in 1..=8 {
            let places = &places;
            scope.spawn(move || {
                let mut random = Random::new(seed);
                for turn in 0..30_000 {
                    let fresh = (random.below(4) != 0).then(|| some_block(&mut random, turn));
                    let place = &places[random.below(PLACES)];
                    let mut old = std::mem::replace(&mut *place.lock().unwrap(), fresh);
                    if let Some(block) = &mut old
                        && turn.is_multiple_of(8)
                    {
                        assert!(block.resize(random.size(1 << 12)));
                    }
                }
            });
        }
    });
}

#[test]
fn threads_end_while_others_free_their_blocks() {
    let (sender, receiver) = mpsc::sync_channel::<Vec<Block>>(4);
    let consumers: Vec<_> = {
        let receiver = Arc::new(Mutex::new(receiver));
        (0..2)
            .map(|_| {
                let receiver = Arc::clone(&receiver);
                thread::spawn(move || {
                    loop {
                        // The lock is held while waiting, and released before the blocks are freed.
                        let Ok(blocks) = receiver.lock().unwrap().recv() else { return };
                        drop(blocks);
                    }
                })
            })
            .collect()
    };
    for wave in 0..60 {
        let producers: Vec<_> = (0..8)
            .map(|index| {
                let sender = sender.clone();
                thread::spawn(move || {
                    let mut random = Random::new(wave * 8 + index + 1);
                    let blocks = (0..300).map(|turn| some_block(&mut random, turn)).collect();
                    sender.send(blocks).unwrap();
                    // And ends, while its blocks are being freed.
                })
            })
            .collect();
        for producer in producers {
            producer.join().unwrap();
        }
    }
    drop(sender);
    for consumer in consumers {
        consumer.join().unwrap();
    }
}

#[test]
fn blocks_outlive_the_thread_that_allocated_them() {
    let mut inherited: Vec<Block> = Vec::new();
    for seed in 1..200 {
        let more = thread::spawn(move || {
            let mut random = Random::new(seed);
            (0..100).map(|turn| some_block(&mut random, turn)).collect::<Vec<_>>()
        });
        inherited.extend(more.join().unwrap());
        let mut random = Random::new(seed);
        for _ in 0..90 {
            drop(inherited.swap_remove(random.below(inherited.len())));
        }
    }
}

thread_local! {
    /// Freed by the destructor of the thread-local, which also allocates.
    static LEFTOVER: RefCell<Leftover> = const { RefCell::new(Leftover(Vec::new())) };
}

struct Leftover(Vec<Block>);

impl Drop for Leftover {
    fn drop(&mut self) {
        let mut random = Random::new(self.0.len() as u64);
        let mut more: Vec<Block> = (0..50).map(|turn| some_block(&mut random, turn)).collect();
        self.0.clear();
        more.truncate(25);
        assert!(more.iter_mut().all(|block| block.resize(1_000)));
    }
}

#[test]
fn destructors_of_thread_locals_free_and_allocate() {
    for wave in 0..40 {
        let threads: Vec<_> = (0..8)
            .map(|index| {
                thread::spawn(move || {
                    let mut random = Random::new(wave * 8 + index + 1);
                    LEFTOVER.with_borrow_mut(|leftover| {
                        leftover.0 = (0..100).map(|turn| some_block(&mut random, turn)).collect();
                    });
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

/// What the destructor of [`a_key_of_the_program`] gets.
struct Late {
    rounds_left: u32,
    key: libc::pthread_key_t,
    blocks: Vec<Block>,
}

static LATE_ROUNDS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn late_destructor(value: *mut libc::c_void) {
    // SAFETY: [threads 1] the value that `store_late` made, for this destructor to own.
    let mut late = unsafe { Box::from_raw(value.cast::<Late>()) };
    LATE_ROUNDS.fetch_add(1, Ordering::Relaxed);
    let mut random = Random::new(u64::from(late.rounds_left) + 1);
    late.blocks.clear();
    late.blocks.extend((0..50).map(|turn| some_block(&mut random, turn)));
    if late.rounds_left > 0 {
        late.rounds_left -= 1;
        store_late(late);
    }
}

fn store_late(late: Box<Late>) {
    let key = late.key;
    // SAFETY: [lib 1, threads 1] the key exists, and its destructor takes the value over.
    let result = unsafe { libc::pthread_setspecific(key, Box::into_raw(late).cast()) };
    assert_eq!(result, 0);
}

/// A key that is younger than the allocator's own: its destructor runs after the heap was handed
/// over.
fn a_key_of_the_program() -> libc::pthread_key_t {
    let mut key = 0;
    // SAFETY: [lib 1] a place for the result, and a destructor that does not unwind.
    assert_eq!(unsafe { libc::pthread_key_create(&mut key, Some(late_destructor)) }, 0);
    key
}

#[test]
fn destructors_that_run_after_the_heap_was_handed_over_allocate_and_free() {
    const THREADS: usize = 400;
    const ROUNDS: u32 = 3;
    let key = a_key_of_the_program();
    for wave in 0..THREADS / 8 {
        let threads: Vec<_> = (0..8)
            .map(|index| {
                thread::spawn(move || {
                    let mut random = Random::new((wave * 8 + index + 1) as u64);
                    let blocks = (0..50).map(|turn| some_block(&mut random, turn)).collect();
                    store_late(Box::new(Late { rounds_left: ROUNDS - 1, key, blocks }));
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }
    assert_eq!(LATE_ROUNDS.load(Ordering::Relaxed), THREADS * ROUNDS as usize);
}

#[test]
fn a_thread_that_gave_its_heap_up_goes_on() {
    let mut random = Random::new(3);
    let mut blocks: Vec<Block> = Vec::new();
    for turn in 0..2_000 {
        blocks.push(some_block(&mut random, turn));
        if blocks.len() > 100 {
            drop(blocks.swap_remove(random.below(100)));
        }
        if turn % 20 == 0 {
            hak::Hak::thread_exit();
        }
        if turn % 50 == 0 {
            hak::Hak::thread_exit();
            hak::Hak::thread_exit();
        }
    }
}

#[test]
fn ten_thousand_threads_come_and_go_in_waves() {
    const WAVE: usize = 50;
    for wave in 0..200 {
        let start = Arc::new(Barrier::new(WAVE));
        let threads: Vec<_> = (0..WAVE)
            .map(|index| {
                let start = Arc::clone(&start);
                thread::spawn(move || {
                    start.wait();
                    let mut random = Random::new((wave * WAVE + index + 1) as u64);
                    let mut blocks: Vec<Block> =
                        (0..8).map(|turn| some_block(&mut random, turn + 1)).collect();
                    // Half of them are freed by the thread that waits.
                    blocks.split_off(4)
                })
            })
            .collect();
        for thread in threads {
            drop(thread.join().unwrap());
        }
    }
}
