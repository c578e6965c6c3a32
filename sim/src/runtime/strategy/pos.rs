//! Partial order sampling: every pending access has a random priority, and the highest goes.
//!
//! When an access runs, the pending accesses that conflict with it (a common word, one of them a
//! write) draw new priorities; the others keep theirs. Priorities decide the order of conflicting
//! accesses only, so that partial orders are sampled more evenly than by a random walk, which
//! favours those with many interleavings (Yuan, Yang and Gu 2018).

use super::super::access::{Access, THREADS_MAX, ThreadId};
use super::super::chooser::{Choice, ChoicePoint, Chooser};
use super::{Choices, Strategy};

/// Partial order sampling.
#[derive(Clone, Debug)]
pub struct Pos {
    seed: u64,
    schedule: u64,
    choices: Choices,
    /// Of the pending access of each thread; higher goes first.
    priorities: [u64; THREADS_MAX],
    /// For which step of the thread, counted from one, its priority was drawn; zero for none.
    drawn_for: [u32; THREADS_MAX],
}

impl Pos {
    /// The sampling of schedule zero.
    pub fn new(seed: u64) -> Pos {
        Pos {
            seed,
            schedule: 0,
            choices: Choices::new(seed, 0),
            priorities: [0; THREADS_MAX],
            drawn_for: [0; THREADS_MAX],
        }
    }
}

impl Chooser for Pos {
    fn begin(&mut self, _threads: usize) {
        self.choices = Choices::new(self.seed, self.schedule);
        self.drawn_for = [0; THREADS_MAX];
    }

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        let mut best = point.runnable.first();
        for thread in point.runnable.iter() {
            let step = point.steps[thread] + 1;
            if self.drawn_for[thread] != step {
                self.drawn_for[thread] = step;
                self.priorities[thread] = self.choices.word();
            }
            if self.priorities[thread] > self.priorities[best] {
                best = thread;
            }
        }
        for thread in point.runnable.without(best).iter() {
            if point.pending[thread].conflicts(&point.pending[best]) {
                self.drawn_for[thread] = 0;
            }
        }
        Choice::Run(best)
    }

    fn read_from(&mut self, _: ThreadId, _: &Access, candidates: usize) -> usize {
        self.choices.store(candidates)
    }
}

impl Strategy for Pos {
    fn aim(&mut self, schedule: u64) {
        self.schedule = schedule;
    }
}
