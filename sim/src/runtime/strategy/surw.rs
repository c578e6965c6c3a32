//! Selectively uniform random walk: uniform over the orders of a few selected accesses.
//!
//! A random walk that picks each thread with the weight of the accesses that it has left visits
//! every interleaving with the same chance. Over a whole run that is diluted by accesses that do
//! not matter; so a schedule selects a part of the words by chance, and is uniform over the orders
//! of accesses to those (Zhao, Wolff, Mathur and Roychoudhury 2025):
//!
//! ```text
//! intended: the thread whose selected access is to come next, by the weight of what each has left
//! blocked:  threads that are about to do a selected access and are not the intended one
//! step:     any thread that is not blocked, with equal chances
//! ```
//!
//! The paper counts the accesses in a run before the search. Here a schedule must be runnable
//! alone: the counts are an estimate that the caller gives, the same for each thread, divided by
//! the share of words that is selected.

use super::super::access::{Access, THREADS_MAX, ThreadId, ThreadSet};
use super::super::chooser::{Choice, ChoicePoint, Chooser};
use super::{Choices, Strategy};

/// Between one word in this many and all words are selected: one in 1, 2, 4, 8 or 16.
const SHARES: usize = 5;

/// Selectively uniform random walk.
#[derive(Clone, Debug)]
pub struct Surw {
    seed: u64,
    schedule: u64,
    choices: Choices,
    /// Steps that a thread is thought to do.
    steps: u64,
    /// log2 of the share of words that is selected.
    share_shift: u32,
    /// Which words are: a key of their hash.
    key: u64,
    /// Selected accesses that each thread is thought to have left.
    left: [u64; THREADS_MAX],
    /// Whose selected access is to come next.
    intended: ThreadId,
}

impl Surw {
    /// The walk of schedule zero, with threads of about so many steps.
    pub fn new(seed: u64, steps: u64) -> Surw {
        Surw {
            seed,
            schedule: 0,
            choices: Choices::new(seed, 0),
            steps,
            share_shift: 0,
            key: 0,
            left: [0; THREADS_MAX],
            intended: THREADS_MAX,
        }
    }

    fn is_selected(&self, access: &Access) -> bool {
        let mixed = ((access.offset as u64 >> 3) ^ self.key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        access.bytes != 0 && mixed >> (64 - SHARES as u32) & ((1 << self.share_shift) - 1) == 0
    }

    /// One of these threads, by the weight of what it has left; nobody has less than one.
    fn pick_by_weight(&mut self, runnable: ThreadSet) -> ThreadId {
        let all: u64 = runnable.iter().map(|thread| self.left[thread].max(1)).sum();
        let mut place = ((u128::from(self.choices.word()) * u128::from(all)) >> 64) as u64;
        for thread in runnable.iter() {
            let weight = self.left[thread].max(1);
            if place < weight {
                return thread;
            }
            place -= weight;
        }
        runnable.first()
    }
}

impl Chooser for Surw {
    fn begin(&mut self, _threads: usize) {
        self.choices = Choices::new(self.seed, self.schedule);
        self.share_shift = self.choices.below(SHARES) as u32;
        self.key = self.choices.word();
        self.left = [self.steps >> self.share_shift; THREADS_MAX];
        self.intended = THREADS_MAX;
    }

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        if !point.runnable.contains(self.intended) {
            self.intended = self.pick_by_weight(point.runnable);
        }
        let mut free = ThreadSet::EMPTY;
        for thread in point.runnable.iter() {
            if thread == self.intended || !self.is_selected(&point.pending[thread]) {
                free = free.with(thread);
            }
        }
        let place = self.choices.below(free.len());
        let next = free.nth(place);
        if next == self.intended && self.is_selected(&point.pending[next]) {
            self.left[next] = self.left[next].saturating_sub(1);
            self.intended = self.pick_by_weight(point.runnable);
        }
        Choice::Run(next)
    }

    fn read_from(&mut self, _: ThreadId, _: &Access, candidates: usize) -> usize {
        self.choices.store(candidates)
    }
}

impl Strategy for Surw {
    fn aim(&mut self, schedule: u64) {
        self.schedule = schedule;
    }
}
