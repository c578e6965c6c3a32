//! A failing run with one change: followed up to it, and then as far as its schedule goes, or by
//! chance.

use std::io;
use std::ops::ControlFlow;

use hak_replay::{Guide, GuideChoice, StepSeen};
use hak_traces::EVENT_PLAIN;

use super::CauseSearch;
use crate::run::settings::{MemoryModel, Settings, StrategyName};
use crate::run::simulation::{Extras, Report};
use crate::runtime::strategy::Choices;
use crate::search::shrink::failing::{Done, Failing, turns_of};
use crate::search::shrink::guides::TurnsGuide;
use crate::search::shrink::settings_for;

/// Key of the stream from which the seeds of the rest are drawn.
const CHANGED: u64 = 0x6368_616e_6765_6421;

/// A run with one change.
pub(super) struct ChangedRun {
    pub(super) failing: Failing,
    pub(super) settings: Settings,
    /// Behind so many steps the change is made, and chance may choose.
    pub(super) free_from: u64,
}

impl CauseSearch<'_> {
    /// The failing run as it is.
    pub(super) fn unchanged(&self) -> ChangedRun {
        self.changed(&self.rows, 0)
    }

    /// The run in these steps.
    pub(super) fn changed(&self, rows: &[Done], free_from: usize) -> ChangedRun {
        let (turns, incidents) = turns_of(rows);
        let program = self.program.clone();
        let failing = Failing { program, turns, incidents, steps: rows.len() as u64 };
        ChangedRun { failing, settings: self.settings, free_from: free_from as u64 }
    }

    /// Runs it under the rest of its schedule, or under a seed of its own.
    pub(super) fn run(&mut self, changed: &ChangedRun, seed: Option<u64>) -> io::Result<Report> {
        self.run_with(changed, seed, Extras::default())
    }

    /// The same, and asks for more than the verdict.
    pub(super) fn run_with(
        &mut self,
        changed: &ChangedRun,
        seed: Option<u64>,
        extras: Extras,
    ) -> io::Result<Report> {
        let turns = TurnsGuide::new(&changed.failing, None);
        let free_from = seed.map_or(u64::MAX, |_| changed.free_from);
        let is_weak = self.settings.memory == MemoryModel::Weak;
        let mut guide = ChangedGuide { turns, free_from, is_weak };
        let settings = settings_for(&changed.settings, &changed.failing.program);
        let settings = match seed {
            None => settings,
            Some(number) => Settings {
                seed: Choices::new(CHANGED, number).word(),
                strategy: StrategyName::Random,
                ..settings
            },
        };
        let program = changed.failing.program.clone();
        let report = self.simulator.run_program(&settings, program, extras, Some(&mut guide))?;
        self.runs += 1;
        self.steps_left = self.steps_left.saturating_sub(report.steps);
        Ok(report)
    }
}

/// Follows turns up to a step, and leaves the rest to the strategy.
struct ChangedGuide<'a> {
    turns: TurnsGuide<'a>,
    free_from: u64,
    is_weak: bool,
}

impl Guide for ChangedGuide<'_> {
    fn choose(&mut self, step: u64, runnable: &[u8]) -> GuideChoice {
        if step >= self.free_from {
            return GuideChoice::Own;
        }
        self.turns.choose(step, runnable)
    }

    fn event(&mut self, step: u64, thread: u8, operation: u32) -> Option<u8> {
        if step >= self.free_from {
            // Nothing more is refused: who passes is not to fail for another reason.
            return (!self.is_weak).then_some(EVENT_PLAIN);
        }
        self.turns.event(step, thread, operation)
    }

    fn executed(&mut self, step: u64, seen: &StepSeen, digest: u64) -> ControlFlow<()> {
        self.turns.executed(step, seen, digest)
    }
}
