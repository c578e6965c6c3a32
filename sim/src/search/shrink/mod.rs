//! Shrinking: the smallest failing run that can be found near a failing run.
//!
//! Greedy, by running again (in the spirit of delta debugging, Zeller and Hildebrandt 2002):
//! threads, operations and turns of the schedule are taken away as long as the same oracle still
//! complains. A schedule is kept as turns: a thread goes until it has done a certain step of a
//! certain operation. So the turns of the operations that are left mean the same when others are
//! taken away. A turn ends early if its thread cannot go.
//!
//! Where that is stuck with a run that is not small yet, smaller programs are tried under other
//! schedules with few switches: a failure may have a shorter way that no single turn taken away
//! leads to. Last come programs of a few of the operations that are left, any of them: they are run
//! fast, so that many can be tried. Samples let loads read older stores and the system refuse calls
//! where the run did.
//!
//! The measure that decreases: threads, then operations, then turns, then what happened beside the
//! turns (refused system calls, older stores that were read), then steps.

pub(in crate::search) mod failing;
pub(in crate::search) mod guides;

use std::io;

use failing::{
    Done, Failing, joined_earlier, joined_later, turns_of, without, without_operation,
    without_operations, without_thread,
};
use guides::{SAMPLE, SAMPLE_FEW, SampleGuide, TurnsGuide};
use hak_replay::Recorder;
use hak_traces::{Config, Outcome, Trace};

use crate::program::Program;
use crate::run::events::{self, Events, Kill};
use crate::run::settings::Settings;
use crate::run::simulation::{Extras, Report, Simulator};
use crate::runtime::strategy::Choices;
use crate::search::cause::Cause;

/// What shrinking made of a trace.
pub(crate) struct Shrunk {
    /// The small failing run, recorded.
    pub trace: Trace,
    /// What happened in it.
    pub report: Report,
    /// What decided it, once somebody has looked for that.
    pub cause: Option<Cause>,
    /// How many runs it took.
    pub runs: u64,
    /// Operations before and after.
    pub operations: (usize, usize),
    /// Context switches before and after.
    pub switches: (usize, usize),
}

/// Runs at most, so that shrinking ends in a few seconds.
const RUNS_MAX: u64 = 20_000;

/// Where taking away is stuck with more operations or turns than this, other schedules are tried,
/// so many.
const SMALL: (usize, usize) = (8, 6);
const SAMPLES: u64 = 5_000;

/// Where there are more operations than this, programs of at most so many of them are tried, so
/// many.
const FEW: usize = 6;
const SAMPLES_OF_FEW: u64 = 10_000;

/// Shrinks a failing trace. `None` if it does not fail (any more).
///
/// # Errors
/// The system has no memory for the simulated world, or the trace names what this version does not
/// have.
pub(crate) fn shrink(simulator: &mut Simulator, trace: &Trace) -> io::Result<Option<Shrunk>> {
    let Outcome::Violation { oracle, .. } = &trace.outcome else { return Ok(None) };
    let settings = Settings::from_config(&trace.config).map_err(io::Error::other)?;
    // The program first: in it, a thread that ends early does so.
    let program = match &trace.config.program {
        None => settings.program(),
        Some(text) => Program::from_notation(text, settings.threads).map_err(io::Error::other)?,
    };
    let settings = events::settled(&settings);
    let steps: Vec<Done> =
        trace.steps.iter().map(|step| (step.thread, step.operation, step.event)).collect();
    let (turns, incidents) = turns_of(&steps);
    let before = (program.operations(), turns.len());
    let mut shrinker = Shrinker { simulator, settings, oracle, runs: 0, runs_max: RUNS_MAX };
    let first = Failing { program, turns, incidents, steps: u64::MAX };
    let Some(mut best) = shrinker.begin(&first)? else { return Ok(None) };
    shrinker.greedily(&mut best)?;
    if shrinker.sample_few(&mut best)? {
        shrinker.runs_max = shrinker.runs + RUNS_MAX;
        shrinker.greedily(&mut best)?;
    }
    shrinker.finish(best, before)
}

struct Shrinker<'a> {
    simulator: &'a mut Simulator,
    settings: Settings,
    oracle: &'a str,
    runs: u64,
    /// How many there may be until it is stuck.
    runs_max: u64,
}

impl Shrinker<'_> {
    /// Runs the trace again: first without the thread that stops for ever, if there is one and it
    /// does not matter.
    fn begin(&mut self, first: &Failing) -> io::Result<Option<Failing>> {
        let settings = self.settings;
        self.settings.events.kill = Kill::Nobody;
        let failing = self.attempt(first)?;
        if failing.is_some() || settings.events.kill == Kill::Nobody {
            return Ok(failing);
        }
        self.settings = settings;
        self.attempt(first)
    }

    /// Takes away what can be taken away, until nothing is left of that.
    fn greedily(&mut self, best: &mut Failing) -> io::Result<()> {
        loop {
            let measure = best.measure();
            self.without_threads(best)?;
            self.without_operations(best)?;
            self.without_turns(best)?;
            self.without_incidents(best)?;
            let stuck =
                best.measure() == measure && !self.without_pairs(best)? && !self.resample(best)?;
            if stuck || self.runs >= self.runs_max {
                return Ok(());
            }
        }
    }

    /// Runs a candidate. If it fails as it should: what really happened, without what was not
    /// reached.
    fn attempt(&mut self, candidate: &Failing) -> io::Result<Option<Failing>> {
        self.runs += 1;
        let mut guide = TurnsGuide::new(candidate, None);
        let settings = settings_for(&self.settings, &candidate.program);
        let program = candidate.program.clone();
        let report =
            self.simulator.run_program(&settings, program, Extras::default(), Some(&mut guide))?;
        if report.violation().is_none_or(|violation| violation.oracle != self.oracle) {
            return Ok(None);
        }
        let mut program = report.program;
        for (operations, begun) in program.threads.iter_mut().zip(report.operations_begun) {
            operations.truncate(begun as usize);
        }
        let (turns, incidents) = turns_of(&guide.executed);
        Ok(Some(Failing { program, turns, incidents, steps: report.steps }))
    }

    /// Takes the candidate if it fails and is smaller; whether it did.
    fn improve(&mut self, best: &mut Failing, candidate: &Failing) -> io::Result<bool> {
        if self.runs >= self.runs_max {
            return Ok(false);
        }
        match self.attempt(candidate)? {
            Some(failing) if failing.measure() < best.measure() => {
                *best = failing;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn without_threads(&mut self, best: &mut Failing) -> io::Result<()> {
        let mut thread = best.program.threads.len();
        while thread > 0 {
            thread -= 1;
            if best.program.threads.len() > 1 {
                let candidate = without_thread(best, thread);
                self.improve(best, &candidate)?;
            }
        }
        Ok(())
    }

    fn without_operations(&mut self, best: &mut Failing) -> io::Result<()> {
        for thread in 0..best.program.threads.len() {
            let mut chunk = best.program.threads[thread].len().div_ceil(2).max(1);
            loop {
                let mut end = best.program.threads[thread].len();
                while end > 0 {
                    let start = end.saturating_sub(chunk);
                    let candidate = without_operations(best, thread, start, end);
                    self.improve(best, &candidate)?;
                    end = start.min(best.program.threads[thread].len());
                }
                if chunk == 1 {
                    break;
                }
                chunk = chunk.div_ceil(2);
            }
        }
        Ok(())
    }

    /// Takes two operations away at once: what one brings and the other takes back (two allocations
    /// that fill a slab, a block that one thread allocates and another frees) cannot go one by one.
    /// Whether that made the run smaller.
    fn without_pairs(&mut self, best: &mut Failing) -> io::Result<bool> {
        let measure = best.measure();
        let mut last = best.program.operations();
        while last > 1 {
            last -= 1;
            let mut first = last;
            while first > 0 {
                first -= 1;
                let without_last = without_operation(best, last);
                if self.improve(best, &without_operation(&without_last, first))? {
                    last = last.min(best.program.operations());
                    break;
                }
            }
        }
        Ok(best.measure() < measure)
    }

    /// Takes turns away: a turn is done later, with the next turn of its thread, or earlier, with
    /// the one before.
    fn without_turns(&mut self, best: &mut Failing) -> io::Result<()> {
        let mut place = best.turns.len();
        while place > 0 {
            place = (place - 1).min(best.turns.len() - 1);
            let turns = &best.turns;
            let fewer = [joined_later(turns, place), joined_earlier(turns, place)];
            for turns in fewer.into_iter().flatten() {
                let candidate = Failing { turns, ..best.clone() };
                if self.improve(best, &candidate)? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn without_incidents(&mut self, best: &mut Failing) -> io::Result<()> {
        let mut place = best.incidents.len();
        while place > 0 {
            place = (place - 1).min(best.incidents.len().saturating_sub(1));
            if place < best.incidents.len() {
                let mut candidate = best.clone();
                candidate.incidents.remove(place);
                self.improve(best, &candidate)?;
            }
        }
        Ok(())
    }

    /// Tries slightly smaller programs under schedules with few switches; whether a smaller failing
    /// run was found.
    fn resample(&mut self, best: &mut Failing) -> io::Result<bool> {
        if best.program.operations() <= SMALL.0 && best.turns.len() <= SMALL.1 {
            return Ok(false);
        }
        for sample in 0..SAMPLES {
            if self.runs >= self.runs_max {
                return Ok(false);
            }
            self.runs += 1;
            let mut choices = Choices::new(SAMPLE, sample);
            let mut program = best.program.clone();
            for _ in 0..sample % 4 {
                let thread = choices.below(program.threads.len());
                let operations = &mut program.threads[thread];
                if !operations.is_empty() {
                    operations.remove(choices.below(operations.len()));
                }
            }
            if self.sample(best, program, choices)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tries programs of a few of the operations that are left, and whether a smaller failing run
    /// was found. Between a long failing program and a short one there need not be a row of failing
    /// ones, each a little shorter; but the short ones are few, and each is run fast.
    fn sample_few(&mut self, best: &mut Failing) -> io::Result<bool> {
        let all = best.program.operations();
        if all <= FEW {
            return Ok(false);
        }
        self.runs_max = u64::MAX;
        let most = (all - 1).min(FEW);
        for sample in 0..SAMPLES_OF_FEW {
            self.runs += 1;
            let mut choices = Choices::new(SAMPLE_FEW, sample);
            let kept = most - choices.below(most.min(3));
            let mut program = best.program.clone();
            for left in (kept..all).rev() {
                without(&mut program, choices.below(left + 1));
            }
            if self.sample(best, program, choices)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Runs a program under a schedule with few switches; whether it fails and is smaller.
    fn sample(
        &mut self,
        best: &mut Failing,
        program: Program,
        choices: Choices,
    ) -> io::Result<bool> {
        let settings = settings_for(&self.settings, &program);
        let mut guide = SampleGuide::new(choices, best.steps, &settings);
        let extras = Extras::default();
        let report = self.simulator.run_program(&settings, program, extras, Some(&mut guide))?;
        if report.violation().is_none_or(|violation| violation.oracle != self.oracle) {
            return Ok(false);
        }
        let (turns, incidents) = turns_of(&guide.executed);
        let found = Failing { program: report.program, turns, incidents, steps: report.steps };
        self.improve(best, &found)
    }

    fn finish(mut self, best: Failing, before: (usize, usize)) -> io::Result<Option<Shrunk>> {
        let settings = settings_for(&self.settings, &best.program);
        let config = Config { program: Some(best.program.to_notation()), ..settings.to_config() };
        let mut guide = TurnsGuide::new(&best, Some(Recorder::new(config)));
        let extras = Extras { transitions: true, picture: true, events: true, accesses: false };
        let operations = best.program.operations();
        let program = best.program.clone();
        let report = self.simulator.run_program(&settings, program, extras, Some(&mut guide))?;
        self.runs += 1;
        let (Some(outcome), Some(recorder)) = (report.outcome_seen(), guide.recorder) else {
            return Ok(None);
        };
        Ok(Some(Shrunk {
            trace: recorder.finish(outcome),
            operations: (before.0, operations),
            switches: (before.1.saturating_sub(1), best.turns.len().saturating_sub(1)),
            report,
            cause: None,
            runs: self.runs,
        }))
    }
}

pub(in crate::search) fn settings_for(settings: &Settings, program: &Program) -> Settings {
    let longest = program.threads.iter().map(Vec::len).max().unwrap_or(0);
    let threads = program.threads.len();
    let kill = match settings.events.kill {
        Kill::At(thread, _) if thread >= threads => Kill::Nobody,
        kill => kill,
    };
    let events = Events { kill, ..settings.events };
    Settings { threads, operations: longest.max(1), events, ..*settings }
}

#[cfg(test)]
mod tests {
    use hak_core::Fault;

    use super::*;
    use crate::faults;
    use crate::run::settings::StrategyName;
    use crate::run::simulation::Guidable;
    use crate::scenario::SCENARIOS;
    use crate::search::explore::{Search, SearchLimit, explore};

    #[test]
    fn a_run_in_which_a_thread_ends_early_can_be_shrunk() {
        let scenario = SCENARIOS.first().expect("a scenario");
        let mut simulator = Simulator::new();
        let mut shrunk = 0;
        for schedule in 0..40 {
            let settings = Settings {
                schedule,
                plant: Some(Fault::DrainBeforeClaim),
                events: Events { exit: true, ..Events::NONE },
                ..Settings::new(scenario, 42)
            };
            let mut subject = Guidable {
                simulator: &mut simulator,
                extras: Extras::default(),
                script: None,
                report: None,
            };
            let trace = hak_replay::record(&mut subject, &settings.to_config()).expect("it runs");
            if matches!(trace.outcome, Outcome::Violation { .. }) {
                let small = shrink(&mut simulator, &trace).expect("memory");
                assert!(small.is_some(), "schedule {schedule} fails and is not shrunk");
                shrunk += 1;
            }
        }
        assert!(shrunk > 5, "{shrunk} of 40 runs fail");
    }

    #[test]
    fn each_planted_fault_shrinks_to_a_few_operations_and_switches() {
        for &fault in Fault::ALL {
            let settings = SCENARIOS.iter().map(|scenario| Settings {
                plant: Some(fault),
                memory: faults::memory(Some(fault)),
                events: Events::showing(Some(fault)),
                geometry: faults::geometry(Some(fault)),
                strategy: StrategyName::Portfolio,
                ..Settings::new(scenario, 42)
            });
            let search = Search {
                settings: settings.collect(),
                limit: SearchLimit::Schedules(60_000),
                shard: (0, 1),
                jobs: 2,
            };
            let found = explore(&search, &|_, _| {}).expect("memory for a world");
            let failing = found.violation.expect("the fault is found");
            let mut simulator = Simulator::new();
            let mut subject = Guidable {
                simulator: &mut simulator,
                extras: Extras::default(),
                script: None,
                report: None,
            };
            let trace = hak_replay::record(&mut subject, &failing.to_config()).expect("it runs");
            let shrunk = shrink(&mut simulator, &trace).expect("memory").expect("it fails");
            let again = shrink(&mut simulator, &trace).expect("memory").expect("it fails");
            assert_eq!(shrunk.trace, again.trace, "the same twice");
            let name = fault.name();
            println!(
                "{name}: {:?} operations, {} steps, {:?} switches, {} runs: {}",
                shrunk.operations,
                shrunk.report.steps,
                shrunk.switches,
                shrunk.runs,
                shrunk.report.program.to_notation()
            );
            assert!(shrunk.operations.1 <= 32, "{name}: {:?} operations", shrunk.operations);
            assert!(shrunk.switches.1 <= 20, "{name}: {:?} switches", shrunk.switches);
        }
    }
}
