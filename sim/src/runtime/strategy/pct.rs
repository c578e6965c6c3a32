//! Probabilistic concurrency testing: random priorities, lowered at a few random steps.
//!
//! The runnable thread of the highest priority goes. With `depth - 1` change points among `k` steps
//! and `n` threads, a bug that needs `depth` ordered events is found with a probability of at least
//! `1 / (n * k^(depth - 1))` (Burckhardt, Kothari, Musuvathi and Nagarakatte 2010). `k` is an
//! estimate that the caller takes from a first run.

use super::super::access::{Access, THREADS_MAX, ThreadId, ThreadSet};
use super::super::chooser::{Choice, ChoicePoint, Chooser};
use super::{Choices, Strategy};

/// The deepest bug that is aimed at.
const DEPTH_MAX: usize = 16;

/// Probabilistic concurrency testing.
#[derive(Clone, Debug)]
pub struct Pct {
    seed: u64,
    schedule: u64,
    depth: usize,
    steps: u64,
    /// The threads by priority, the highest first.
    order: [u8; THREADS_MAX],
    threads: usize,
    /// The steps at which the leading thread is put last, in order.
    changes: [u64; DEPTH_MAX],
    changes_done: usize,
    choices: Choices,
}

impl Pct {
    /// Aims at bugs of this depth (at least 1) in runs of about so many steps.
    pub fn new(seed: u64, depth: usize, steps: u64) -> Pct {
        Pct {
            seed,
            schedule: 0,
            depth: depth.clamp(1, DEPTH_MAX),
            steps: steps.max(1),
            order: [0; THREADS_MAX],
            threads: 0,
            changes: [0; DEPTH_MAX],
            changes_done: 0,
            choices: Choices::new(seed, 0),
        }
    }

    /// The place in the order of the first thread that can go.
    #[inline]
    fn leader(&self, runnable: ThreadSet) -> usize {
        let order = &self.order[..self.threads];
        order
            .iter()
            .position(|&thread| runnable.contains(thread.into()))
            .expect("every thread has a place in the order")
    }
}

impl Chooser for Pct {
    fn begin(&mut self, threads: usize) {
        let mut choices = Choices::new(self.seed, self.schedule);
        let depth = self.depth;
        let mut ranks: [usize; THREADS_MAX] = std::array::from_fn(|thread| thread);
        for thread in (1..threads).rev() {
            ranks.swap(thread, choices.below(thread + 1));
        }
        self.threads = threads;
        for (thread, rank) in ranks[..threads].iter().enumerate() {
            self.order[threads - 1 - rank] = thread as u8;
        }
        let changes = &mut self.changes[..depth - 1];
        for change in &mut *changes {
            *change = ((u128::from(choices.word()) * u128::from(self.steps)) >> 64) as u64;
        }
        changes.sort_unstable();
        self.changes_done = 0;
        self.choices = choices;
    }

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        let mut leader = self.leader(point.runnable);
        while self.changes_done < self.depth - 1 && self.changes[self.changes_done] < point.step {
            self.changes_done += 1;
            self.order[leader..self.threads].rotate_left(1);
            leader = self.leader(point.runnable);
        }
        Choice::Run(self.order[leader].into())
    }

    #[inline]
    fn read_from(&mut self, _: ThreadId, _: &Access, candidates: usize) -> usize {
        self.choices.store(candidates)
    }
}

impl Strategy for Pct {
    fn aim(&mut self, schedule: u64) {
        self.schedule = schedule;
    }
}
