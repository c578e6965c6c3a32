//! Continuations: a recorded run followed for a while, and then left to chance.
//!
//! ```text
//!  the recorded run   0 ─────────── steps ──────────────────► end
//!  continuation 0     0 ─────────── steps ─── ─ ── ─ ─► end
//!  continuation 1     0 ─────────── steps ─ ── ─── ─ ── ─► end
//! ```
//!
//! The first steps of the run are made again, each by its thread and with what happened to it. From
//! there on a strategy chooses, under a seed of the continuation's own. How many continuations fail
//! says how far the run was decided by then. The program is the recorded one, and so is what
//! follows from the settings: the thread that stops for ever, and how the last thread tidies up.
//!
//! Continuations are numbered, and each depends on its number alone: any number of jobs counts the
//! same.

use std::collections::BTreeMap;
use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use hak_replay::{Guide, GuideChoice, Recorder, StepSeen};
use hak_traces::{Config, Step, Trace};

use crate::program::Program;
use crate::run::events;
use crate::run::settings::{Settings, StrategyName};
use crate::run::simulation::{Extras, Report, Simulator};
use crate::run::strategies;
use crate::runtime::strategy::Choices;

/// Key of the stream from which the seeds of continuations are drawn.
const CONTINUED: u64 = 0x636f_6e74_696e_7565;

/// A recorded run, to be followed as far as one likes.
#[derive(Clone, Copy)]
pub(crate) struct Recorded<'a> {
    /// With nothing left to draw but choices.
    pub(crate) settings: Settings,
    /// What the threads do.
    pub(crate) program: &'a Program,
    /// Its steps.
    pub(crate) steps: &'a [Step],
}

/// The settings and the program of a trace, as a [`Recorded`] run has them.
///
/// # Errors
/// One sentence on what this version does not have.
pub(crate) fn recorded_program(trace: &Trace) -> Result<(Settings, Program), String> {
    let settings = Settings::from_config(&trace.config)?;
    // The program first: in it, a thread that ends early does so.
    let program = match &trace.config.program {
        None => settings.program(),
        Some(text) => Program::from_notation(text, settings.threads)?,
    };
    Ok((events::settled(&settings), program))
}

impl Recorded<'_> {
    /// Follows so many steps, and then the strategy under the continuation's seed.
    ///
    /// # Errors
    /// The system has no memory for the simulated world.
    pub(crate) fn continuation(
        &self,
        simulator: &mut Simulator,
        steps: usize,
        drawn: Drawn,
        extras: Extras,
    ) -> io::Result<Report> {
        let mut guide = PrefixGuide { steps: &self.steps[..steps], recorder: None };
        self.continued(simulator, drawn, extras, &mut guide)
    }

    /// The same, recorded.
    ///
    /// # Errors
    /// The system has no memory for the simulated world.
    pub(crate) fn recording(
        &self,
        simulator: &mut Simulator,
        steps: usize,
        drawn: Drawn,
    ) -> io::Result<(Trace, Report)> {
        let program = Some(self.program.to_notation());
        let config = Config { program, ..self.settings.to_config() };
        let recorder = Some(Recorder::new(config));
        let mut guide = PrefixGuide { steps: &self.steps[..steps], recorder };
        let report = self.continued(simulator, drawn, Extras::default(), &mut guide)?;
        let outcome = report.outcome_seen().expect("the guide stops nothing");
        Ok((guide.recorder.expect("it was given").finish(outcome), report))
    }

    fn continued(
        &self,
        simulator: &mut Simulator,
        drawn: Drawn,
        extras: Extras,
        guide: &mut PrefixGuide<'_>,
    ) -> io::Result<Report> {
        let settings = drawn.settings(&self.settings);
        simulator.run_program(&settings, self.program.clone(), extras, Some(guide))
    }
}

/// Who chooses behind the prefix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn {
    /// The seed of all continuations.
    pub(crate) seed: u64,
    /// The number of this one.
    pub(crate) number: u64,
    /// The strategy; of the portfolio, the one whose turn it is by that number.
    pub(crate) strategy: StrategyName,
}

impl Drawn {
    fn settings(self, settings: &Settings) -> Settings {
        let turn = Settings { strategy: self.strategy, schedule: self.number, ..*settings };
        // The schedule's number stays: by it the last thread tidies up.
        let seed = Choices::new(self.seed ^ CONTINUED, self.number).word();
        Settings { seed, strategy: strategies::resolved(&turn), ..*settings }
    }
}

/// Follows the first steps of a run, and leaves the rest to the strategy.
struct PrefixGuide<'a> {
    steps: &'a [Step],
    recorder: Option<Recorder>,
}

impl Guide for PrefixGuide<'_> {
    fn choose(&mut self, step: u64, runnable: &[u8]) -> GuideChoice {
        match self.steps.get(step as usize) {
            Some(made) if runnable.contains(&made.thread) => {
                GuideChoice::Thread { thread: made.thread, event: made.event }
            }
            _ => GuideChoice::Own,
        }
    }

    fn executed(&mut self, _step: u64, seen: &StepSeen, digest: u64) -> ControlFlow<()> {
        if let Some(recorder) = &mut self.recorder {
            recorder.step(seen, digest);
        }
        ControlFlow::Continue(())
    }
}

/// What became of many continuations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContinuedCounts {
    /// How many there were.
    pub(crate) continuations: u64,
    /// How many failed.
    pub(crate) failing: u64,
    /// Steps of all of them behind the prefix.
    pub(crate) steps: u64,
    /// Failures by oracle and source line, with the number of the first of each.
    pub(crate) kinds: BTreeMap<(&'static str, String), (u64, u64)>,
}

impl ContinuedCounts {
    fn note(&mut self, number: u64, prefix: usize, report: &Report) {
        self.continuations += 1;
        self.steps += report.steps.saturating_sub(prefix as u64);
        if let Some(violation) = report.violation() {
            self.failing += 1;
            let kind = (violation.oracle, violation.access.site.to_string());
            let (count, first) = self.kinds.entry(kind).or_insert((0, number));
            *count += 1;
            *first = number.min(*first);
        }
    }

    fn add(&mut self, other: ContinuedCounts) {
        self.continuations += other.continuations;
        self.failing += other.failing;
        self.steps += other.steps;
        for (kind, (count, first)) in other.kinds {
            let sum = self.kinds.entry(kind).or_insert((0, first));
            sum.0 += count;
            sum.1 = first.min(sum.1);
        }
    }

    /// The number of the first continuation that failed.
    pub(crate) fn first_failing(&self) -> Option<u64> {
        self.kinds.values().map(|(_, first)| *first).min()
    }
}

/// Counts which of these continuations fail, on one OS thread.
///
/// # Errors
/// The system has no memory for the simulated world.
pub(crate) fn count_here(
    simulator: &mut Simulator,
    recorded: &Recorded<'_>,
    steps: usize,
    drawn: Drawn,
    numbers: Range<u64>,
) -> io::Result<ContinuedCounts> {
    let mut counts = ContinuedCounts::default();
    for number in numbers {
        let drawn = Drawn { number, ..drawn };
        let report = recorded.continuation(simulator, steps, drawn, Extras::default())?;
        counts.note(number, steps, &report);
    }
    Ok(counts)
}

/// Continuations that an OS thread takes at once.
const CHUNK: u64 = 16;

/// Counts which of so many continuations fail, on so many OS threads.
///
/// # Errors
/// The system has no memory for the simulated world.
pub(crate) fn count(
    recorded: &Recorded<'_>,
    steps: usize,
    drawn: Drawn,
    continuations: u64,
    jobs: usize,
) -> io::Result<ContinuedCounts> {
    let next = AtomicU64::new(0);
    let sum = Mutex::new(ContinuedCounts::default());
    let work = || -> io::Result<()> {
        let mut simulator = Simulator::new();
        loop {
            let begin = next.fetch_add(CHUNK, Ordering::Relaxed);
            if begin >= continuations {
                return Ok(());
            }
            let numbers = begin..continuations.min(begin + CHUNK);
            let counts = count_here(&mut simulator, recorded, steps, drawn, numbers)?;
            sum.lock().unwrap_or_else(PoisonError::into_inner).add(counts);
        }
    };
    std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        jobs.into_iter().try_for_each(|job| match job.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    Ok(sum.into_inner().unwrap_or_else(PoisonError::into_inner))
}
