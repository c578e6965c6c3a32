//! Random walk: at each choice every runnable thread is as likely as the others.

use super::super::access::{Access, ThreadId};
use super::super::chooser::{Choice, ChoicePoint, Chooser};
use super::{Choices, Strategy};

/// The random walk.
#[derive(Clone, Debug)]
pub struct Random {
    seed: u64,
    schedule: u64,
    choices: Choices,
}

impl Random {
    /// The walk of schedule zero.
    pub fn new(seed: u64) -> Random {
        Random { seed, schedule: 0, choices: Choices::new(seed, 0) }
    }
}

impl Chooser for Random {
    fn begin(&mut self, _threads: usize) {
        self.choices = Choices::new(self.seed, self.schedule);
    }

    #[inline]
    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        let place = self.choices.below(point.runnable.len());
        Choice::Run(point.runnable.nth(place))
    }

    #[inline]
    fn read_from(&mut self, _: ThreadId, _: &Access, candidates: usize) -> usize {
        self.choices.store(candidates)
    }
}

impl Strategy for Random {
    fn aim(&mut self, schedule: u64) {
        self.schedule = schedule;
    }
}
