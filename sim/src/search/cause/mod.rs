//! The cause of a failing run: the smallest change that would have saved it.
//!
//! Where a rule is broken at an access, the last steps say why. Where a block is lost, it is found
//! missing when all is tidied up, hundreds of steps later. So a failing run is run again, changed
//! in one place each time, and what makes it pass is what decided it:
//!
//! ```text
//!  the failing run ──► continuations at some of its steps ──► how likely failure is there,
//!        │                                                    and the point of no return
//!        ├──► what happened beside the turns, left out        (a refused call, a stopped thread)
//!        ├──► an older store, and the newest read instead
//!        ├──► two accesses that do not commute, reversed      (near the point of no return first)
//!        └──► an operation, left out
//!                   │
//!                   └──► the rest of the schedule, then other seeds: does it pass?
//! ```
//!
//! | File | What it knows |
//! |---|---|
//! | `curve` | how likely failure is along the run |
//! | `changed` | a run with one change |
//! | `pairs` | accesses that do not commute |
//! | `about` | what the violation is about |
//!
//! The number of runs and of their steps is bounded, and nothing is drawn but from fixed seeds: the
//! same run has the same cause everywhere.

mod about;
mod changed;
mod curve;
mod pairs;

use std::collections::BTreeSet;
use std::io;

use hak_traces::{
    EVENT_PLAIN, EVENT_READ_FROM, EVENT_SPURIOUS_FAILURE, EVENT_SYSTEM_CALL_FAILURE, Outcome, Trace,
};

pub use curve::CurvePoint;

use crate::observe::access_log::LoggedAccess;
use crate::program::Program;
use crate::run::events::{Events, Kill};
use crate::run::settings::Settings;
use crate::run::simulation::{Extras, Report, Simulator};
use crate::runtime::ThreadId;
use crate::search::continued::{Recorded, recorded_program};
use crate::search::shrink::failing::{Done, without_operations};
use changed::ChangedRun;

/// What would have saved a run.
#[derive(Clone, Copy, Debug)]
pub enum SavingChange {
    /// The system does not refuse this call.
    NotRefused(LoggedAccess),
    /// This weak compare-exchange does not fail for no reason.
    NotSpurious(LoggedAccess),
    /// This thread does not stop.
    NotStopped(ThreadId),
    /// The load reads the newest store.
    NewestRead {
        /// What read an older store.
        load: LoggedAccess,
        /// The newest one.
        store: Option<LoggedAccess>,
    },
    /// The second comes before the first.
    Reversed {
        /// What came first in the failing run.
        first: LoggedAccess,
        /// What came second.
        second: LoggedAccess,
    },
    /// A thread does not do one of its operations, counted from one.
    WithoutOperation(ThreadId, u32),
    /// None of those that were tried.
    Nothing,
}

/// What decided a failing run.
#[derive(Clone, Debug)]
pub struct Cause {
    /// The change that makes it pass.
    pub change: SavingChange,
    /// The accesses that decided it, in their order.
    pub named: Vec<LoggedAccess>,
    /// All accesses of the run, or the first of them if there are many.
    pub accesses: Vec<LoggedAccess>,
    /// How likely failure was along the run; empty if the run is too long for that.
    pub curve: Vec<CurvePoint>,
    /// Behind so many steps no continuation passed any more.
    pub no_return: Option<u64>,
    /// How many runs it took.
    pub runs: u64,
    /// Of so many runs with the change so many passed.
    pub passed: (u32, u32),
}

/// Runs with a change: the rest of the schedule, and so many other seeds.
const SEEDS: u32 = 7;
/// A change counts if so many of them pass.
const PASSES_MIN: u32 = SEEDS;

/// Steps of all runs, at most.
const STEPS_MAX: u64 = 2_000_000;
/// Pairs that are tried, at most.
const PAIRS_MAX: usize = 120;

/// Finds what decided a failing run. `None` if it does not fail here.
///
/// # Errors
/// The system has no memory for the simulated world, or the trace names what this version does not
/// have.
pub fn find(simulator: &mut Simulator, trace: &Trace) -> io::Result<Option<Cause>> {
    let Outcome::Violation { oracle, .. } = &trace.outcome else { return Ok(None) };
    let (settings, program) = recorded_program(trace).map_err(io::Error::other)?;
    let rows: Vec<Done> =
        trace.steps.iter().map(|step| (step.thread, step.operation, step.event)).collect();
    let mut search = CauseSearch {
        simulator,
        settings,
        program,
        rows,
        oracle,
        accesses: Vec::new(),
        runs: 0,
        steps_left: STEPS_MAX,
    };
    let unchanged = search.unchanged();
    let extras = Extras { accesses: true, events: true, ..Extras::default() };
    let report = search.run_with(&unchanged, None, extras)?;
    if report.violation().is_none_or(|violation| violation.oracle != search.oracle) {
        return Ok(None);
    }
    search.accesses.clone_from(&report.accesses);
    let recorded =
        Recorded { settings: search.settings, program: &search.program, steps: &trace.steps };
    let along = curve::along(search.simulator, &recorded)?;
    search.runs += along.runs;
    let (change, passed) = search.change(along.no_return)?;
    let named = search.named(change, &report);
    let CauseSearch { runs, accesses, .. } = search;
    let (curve, no_return) = (along.points, along.no_return);
    Ok(Some(Cause { change, named, accesses, curve, no_return, runs, passed }))
}

struct CauseSearch<'a> {
    simulator: &'a mut Simulator,
    settings: Settings,
    program: Program,
    /// The steps of the failing run.
    rows: Vec<Done>,
    oracle: &'a str,
    /// Its accesses.
    accesses: Vec<LoggedAccess>,
    runs: u64,
    steps_left: u64,
}

impl CauseSearch<'_> {
    /// The first of these changes that makes the run pass, and how many of its runs passed.
    fn change(&mut self, no_return: Option<u64>) -> io::Result<(SavingChange, (u32, u32))> {
        if let Some(found) = self.without_stop()? {
            return Ok(found);
        }
        if let Some(found) = self.without_incidents(|event| event != EVENT_SPURIOUS_FAILURE)? {
            return Ok(found);
        }
        // Where every continuation fails from the beginning, no order saves it.
        if no_return != Some(0)
            && let Some(found) = self.reversed(no_return)?
        {
            return Ok(found);
        }
        if let Some(found) = self.without_incidents(|event| event == EVENT_SPURIOUS_FAILURE)? {
            return Ok(found);
        }
        if let Some(found) = self.without_operation()? {
            return Ok(found);
        }
        Ok((SavingChange::Nothing, (0, 0)))
    }

    /// Does the run pass with this change, under the rest of the schedule and other seeds? How many
    /// runs did, if nearly all.
    fn passes(&mut self, changed: &ChangedRun) -> io::Result<Option<(u32, u32)>> {
        let mut passed = 0;
        for seed in 0..=SEEDS {
            if self.steps_left == 0 {
                return Ok(None);
            }
            let report = self.run(changed, seed.checked_sub(1).map(u64::from))?;
            passed += u32::from(report.violation().is_none());
            // The rest of the schedule, and all seeds but one.
            if passed + 1 < seed + 1 || (seed == 0 && passed == 0) {
                return Ok(None);
            }
        }
        Ok((passed >= PASSES_MIN).then_some((passed, SEEDS + 1)))
    }

    fn without_stop(&mut self) -> io::Result<Option<(SavingChange, (u32, u32))>> {
        let Kill::At(thread, _) = self.settings.events.kill else { return Ok(None) };
        let mut changed = self.unchanged();
        changed.settings.events = Events { kill: Kill::Nobody, ..self.settings.events };
        let passed = self.passes(&changed)?;
        Ok(passed.map(|passed| (SavingChange::NotStopped(thread), passed)))
    }

    /// Refusals, older stores or spurious failures, the last of them first.
    fn without_incidents(
        &mut self,
        wanted: fn(u8) -> bool,
    ) -> io::Result<Option<(SavingChange, (u32, u32))>> {
        for place in (0..self.rows.len()).rev() {
            let (thread, operation, event) = self.rows[place];
            if event == EVENT_PLAIN || event == EVENT_READ_FROM || !wanted(event) {
                continue;
            }
            let mut rows = self.rows.clone();
            let newest = event > EVENT_READ_FROM;
            rows[place] = (thread, operation, if newest { EVENT_READ_FROM } else { EVENT_PLAIN });
            let changed = self.changed(&rows, place + 1);
            let Some(passed) = self.passes(&changed)? else { continue };
            let Some(access) = self.access_at(place) else { continue };
            let change = match event {
                EVENT_SYSTEM_CALL_FAILURE => SavingChange::NotRefused(access),
                EVENT_SPURIOUS_FAILURE => SavingChange::NotSpurious(access),
                _ => SavingChange::NewestRead { load: access, store: self.newest_store(&access) },
            };
            return Ok(Some((change, passed)));
        }
        Ok(None)
    }

    /// Pairs that do not commute: the later one before the earlier one.
    fn reversed(
        &mut self,
        no_return: Option<u64>,
    ) -> io::Result<Option<(SavingChange, (u32, u32))>> {
        let last = self.rows.len() as u64;
        let centre = no_return.filter(|&step| step > 0).unwrap_or(last);
        let threads = self.program.threads.len();
        let pairs = pairs::around(&self.accesses, threads, centre);
        for (first, second) in pairs.into_iter().take(PAIRS_MAX) {
            let (first, second) = (self.accesses[first], self.accesses[second]);
            let (rows, begin) = pairs::reversed(&self.rows, first.step, second.step);
            let changed = self.changed(&rows, begin);
            if let Some(passed) = self.passes(&changed)? {
                return Ok(Some((SavingChange::Reversed { first, second }, passed)));
            }
        }
        Ok(None)
    }

    /// Operations left out, the last that was begun first.
    fn without_operation(&mut self) -> io::Result<Option<(SavingChange, (u32, u32))>> {
        let mut begun: Vec<(u64, ThreadId, u32)> = Vec::new();
        for (step, &(thread, operation, _)) in self.rows.iter().enumerate() {
            let thread = ThreadId::from(thread);
            let known = begun.iter().any(|&(_, who, what)| (who, what) == (thread, operation));
            let list = self.program.threads.get(thread);
            if !known && operation > 0 && list.is_some_and(|all| all.len() >= operation as usize) {
                begun.push((step as u64, thread, operation));
            }
        }
        let mut found = None;
        for &(step, thread, operation) in begun.iter().rev() {
            let number = operation as usize;
            let base = self.unchanged().failing;
            let failing = without_operations(&base, thread, number - 1, number);
            let settings = self.settings;
            let changed = ChangedRun { failing, settings, free_from: step };
            if let Some(passed) = self.passes(&changed)?
                && found.is_none()
            {
                found = Some((SavingChange::WithoutOperation(thread, operation), passed));
            }
        }
        Ok(found)
    }

    /// The access that is the step of this place.
    fn access_at(&self, place: usize) -> Option<LoggedAccess> {
        let step = place as u64 + 1;
        self.accesses.iter().find(|one| one.step == step && one.kind.is_choice()).copied()
    }

    fn newest_store(&self, load: &LoggedAccess) -> Option<LoggedAccess> {
        let is_it = |one: &&LoggedAccess| {
            one.step < load.step && one.kind.may_write() && one.conflicts(load)
        };
        self.accesses.iter().rfind(is_it).copied()
    }

    /// The accesses that decided the run: those of the change, what makes a circle with them, and
    /// what the violation is about.
    fn named(&self, change: SavingChange, report: &Report) -> Vec<LoggedAccess> {
        let threads = self.program.threads.len();
        let mut named = match change {
            SavingChange::NotRefused(access) | SavingChange::NotSpurious(access) => vec![access],
            SavingChange::NewestRead { load, store } => match store {
                Some(store) => pairs::circle(&self.accesses, store, load),
                None => vec![load],
            },
            SavingChange::Reversed { first, second } => {
                pairs::circle(&self.accesses, first, second)
            }
            SavingChange::NotStopped(thread) => {
                let last = self.accesses.iter().rfind(|one| one.thread == thread);
                last.copied().into_iter().collect()
            }
            SavingChange::WithoutOperation(..) | SavingChange::Nothing => Vec::new(),
        };
        let broken = about::broken(report);
        let written = about::written_last(report, &broken);
        let is_at_rest = broken.is_empty();
        named.extend(broken);
        named.extend(written);
        named.extend(about::done_last(report));
        let is_decided =
            !matches!(change, SavingChange::WithoutOperation(..) | SavingChange::Nothing);
        if is_at_rest && !is_decided {
            named.extend(about::changed_last(report, threads));
        }
        let mut lines = BTreeSet::new();
        named.retain(|one| lines.insert((one.step, one.site)));
        named.truncate(NAMED_MAX);
        named.sort_by_key(|one| one.step);
        named
    }
}

/// So many accesses are named, at most.
const NAMED_MAX: usize = 8;
