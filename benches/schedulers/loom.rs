//! The models under loom, with its cells as plain words: it checks them for races, as hak does.
//!
//! Invariant: the words of a run are used by loom's threads alone, which are fibers of one OS
//! thread: one runs at a time, and nothing of a plain word is held across a switch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as Counter, Ordering};
use std::time::{Duration, Instant};

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::atomic::AtomicU64;
use loom::thread;

use crate::clock::Work;
use crate::models::{Memory, Model};

struct Words {
    shared: Vec<AtomicU64>,
    plain: Vec<UnsafeCell<u64>>,
}

// SAFETY: [loom 1]
unsafe impl Send for Words {}
// SAFETY: [loom 1]
unsafe impl Sync for Words {}

impl Words {
    fn new(model: Model) -> Words {
        let (shared, plain) = model.words();
        Words {
            shared: (0..shared).map(|_| AtomicU64::new(0)).collect(),
            plain: (0..=plain).map(|_| UnsafeCell::new(0)).collect(),
        }
    }
}

impl Memory for Words {
    #[inline]
    fn load(&self, word: usize, order: Ordering) -> u64 {
        self.shared[word].load(order)
    }

    #[inline]
    fn store(&self, word: usize, value: u64, order: Ordering) {
        self.shared[word].store(value, order);
    }

    #[inline]
    fn swap(&self, word: usize, value: u64, order: Ordering) -> u64 {
        self.shared[word].swap(value, order)
    }

    #[inline]
    fn compare_exchange(
        &self,
        word: usize,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.shared[word].compare_exchange(current, new, success, failure)
    }

    #[inline]
    fn get(&self, word: usize) -> u64 {
        // SAFETY: [loom 1] the cell's own value, copied at once.
        self.plain[word].with(|value| unsafe { *value })
    }

    #[inline]
    fn set(&self, word: usize, value: u64) {
        // SAFETY: [loom 1] the cell's own value, written at once.
        self.plain[word].with_mut(|place| unsafe { *place = value });
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.max_branches = 20_000;
    builder.checkpoint_interval = 1;
    builder
}

/// Explores; returns the number of permutations.
fn check(builder: &Builder, model: Model) -> u64 {
    let permutations = Arc::new(Counter::new(0));
    let counter = permutations.clone();
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        let words = Arc::new(Words::new(model));
        let others: Vec<_> = (1..model.threads())
            .map(|thread| {
                let words = words.clone();
                thread::spawn(move || model.run(&*words, thread))
            })
            .collect();
        model.run(&*words, 0);
        others.into_iter().for_each(|other| other.join().expect("it does not panic"));
    });
    permutations.load(Ordering::Relaxed)
}

/// What runs so many permutations, from the first again when all were seen.
pub(crate) fn runner(model: Model, preemption_bound: Option<usize>) -> Work {
    let mut builder = builder();
    builder.preemption_bound = preemption_bound;
    Box::new(move |count| {
        let mut done = 0;
        while done < count {
            // It stops in front of the permutation with this number, counted from one.
            builder.max_permutations = Some((count - done) as usize + 1);
            done += check(&builder, model);
        }
        done
    })
}

/// Explores all permutations without a bound, but no longer than this. Returns how many there were,
/// and whether there are more.
pub(crate) fn prove(model: Model, limit: Duration) -> (u64, bool) {
    let mut builder = builder();
    builder.max_duration = Some(limit);
    let begin = Instant::now();
    let permutations = check(&builder, model);
    (permutations, begin.elapsed() >= limit)
}
