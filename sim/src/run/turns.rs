//! Turns: a directed interleaving, for stories and snapshots.
//!
//! Each turn lets one thread go until it has finished so many of its operations; nobody else goes
//! meanwhile, unless that thread cannot. After the last turn the run either ends there, so that the
//! state can be looked at, or goes on with whoever has the least number.

use crate::runtime::{Choice, ChoicePoint, Chooser, ThreadId};

/// Lets `thread` go until it has finished `operations` operations since the beginning of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who goes.
    pub thread: ThreadId,
    /// How many operations of it are finished when the turn is over.
    pub operations: u32,
}

/// The chooser that follows turns.
#[derive(Clone, Debug)]
pub struct Turns {
    turns: Vec<Turn>,
    next: usize,
    stop_at_end: bool,
}

impl Turns {
    /// Follows the turns, and stops the run after the last one.
    pub fn then_stop(turns: impl Into<Vec<Turn>>) -> Turns {
        Turns { turns: turns.into(), next: 0, stop_at_end: true }
    }

    /// Follows the turns, and lets the threads run to their end after the last one.
    pub fn then_finish(turns: impl Into<Vec<Turn>>) -> Turns {
        Turns { turns: turns.into(), next: 0, stop_at_end: false }
    }
}

impl Chooser for Turns {
    fn begin(&mut self, _threads: usize) {
        self.next = 0;
    }

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        while let Some(turn) = self.turns.get(self.next) {
            // Operations are counted when they begin.
            let begun = point.operations[turn.thread];
            if begun <= turn.operations && point.runnable.contains(turn.thread) {
                return Choice::Run(turn.thread);
            }
            self.next += 1;
        }
        if self.stop_at_end { Choice::Stop } else { Choice::Run(point.runnable.first()) }
    }
}
