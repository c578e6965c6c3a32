//! Round robin: each thread in turn does so many steps. The same schedule for every seed; its
//! quantum is the number of the schedule plus one.

use super::super::access::ThreadId;
use super::super::chooser::{Choice, ChoicePoint, Chooser};
use super::Strategy;

/// Threads in turn.
#[derive(Clone, Debug)]
pub struct RoundRobin {
    quantum: u64,
    current: ThreadId,
    done: u64,
}

impl RoundRobin {
    /// Each thread does `quantum` choices in its turn.
    pub fn new(quantum: u64) -> RoundRobin {
        RoundRobin { quantum, current: 0, done: 0 }
    }
}

impl Chooser for RoundRobin {
    fn begin(&mut self, _threads: usize) {
        self.current = 0;
        self.done = 0;
    }

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        if self.done >= self.quantum || !point.runnable.contains(self.current) {
            let behind = point.runnable.iter().find(|&thread| thread > self.current);
            self.current = behind.unwrap_or(point.runnable.first());
            self.done = 0;
        }
        self.done += 1;
        Choice::Run(self.current)
    }
}

impl Strategy for RoundRobin {
    fn aim(&mut self, schedule: u64) {
        self.quantum = schedule.saturating_add(1);
    }
}
