//! The models under shuttle. Its plain words are ordinary memory: nothing looks at them.
//!
//! Invariant: the words of a run are used by shuttle's threads alone, which are fibers of one OS
//! thread: one runs at a time, and nothing of a plain word is held across a switch.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use shuttle::scheduler::Scheduler;
use shuttle::sync::atomic::AtomicU64;
use shuttle::{Config, FailurePersistence, Runner, thread};

use crate::clock::Work;
use crate::models::{Memory, Model};

struct Words {
    shared: Vec<AtomicU64>,
    plain: Vec<Cell<u64>>,
}

// SAFETY: [shuttle 1]
unsafe impl Sync for Words {}

impl Words {
    fn new(model: Model) -> Words {
        let (shared, plain) = model.words();
        Words {
            shared: (0..shared).map(|_| AtomicU64::new(0)).collect(),
            plain: (0..=plain).map(|_| Cell::new(0)).collect(),
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
        self.plain[word].get()
    }

    #[inline]
    fn set(&self, word: usize, value: u64) {
        self.plain[word].set(value);
    }
}

/// What runs so many schedules under the scheduler that `make` makes for a seed and so many
/// schedules.
pub(crate) fn runner<S: Scheduler + 'static>(
    model: Model,
    make: impl Fn(u64, usize) -> S + 'static,
) -> Work {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config.silence_warnings = true;
    let mut seed = 0;
    Box::new(move |count| {
        seed += 1;
        let runner = Runner::new(make(seed, count as usize), config.clone());
        let done = runner.run(move || {
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
        assert_eq!(done as u64, count);
        count
    })
}
