//! `hak-sim corpus`: the shrunk traces of all planted faults, replayed or recorded anew.
//!
//! A change of the core moves steps and source lines, and recorded traces diverge then. `--record`
//! does for each fault what `explore --plant FAULT --trace` and `shrink -o` do: the first failing
//! schedule of a search, shrunk.

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use hak_core::Fault;
use hak_replay::ReplayError;
use hak_traces::Trace;
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

use super::arguments::Corpus;
use super::{Exit, Refusal, print, run};
use crate::faults;
use crate::run::events::Events;
use crate::run::settings::{GeometryName, Settings, StrategyName};
use crate::run::simulation::{Extras, Guidable, Simulator};
use crate::runtime::Kind;
use crate::scenario::SCENARIOS;
use crate::search::explore::{Search, SearchLimit, explore};
use crate::search::shrink::shrink;

/// What became of a fault's trace.
enum CorpusOutcome {
    /// It replays, with so many steps.
    Replays(usize),
    /// It does not, and why.
    Stale(String),
    /// It was found in this schedule, shrunk to so many steps, and written.
    Recorded(u64, usize),
    /// The search did not find the fault.
    NotFound,
}

impl CorpusOutcome {
    const fn name(&self) -> &'static str {
        match self {
            CorpusOutcome::Replays(_) => "replays",
            CorpusOutcome::Stale(_) => "STALE",
            CorpusOutcome::Recorded(..) => "recorded",
            CorpusOutcome::NotFound => "NOT FOUND",
        }
    }
}

pub(super) fn main(options: &Corpus) -> Result<Exit, Refusal> {
    if options.schedules == 0 || options.jobs == 0 || options.jobs > 256 {
        let why = "a search needs at least one schedule, and 1 to 256 jobs";
        return Err(Refusal(why.to_owned()));
    }
    if !options.folder.is_dir() {
        return Err(Refusal(format!(
            "{} is no folder: give the one with the traces, traces/corpus of the repository",
            options.folder.display()
        )));
    }
    let faults: Vec<Fault> = Fault::ALL
        .iter()
        .copied()
        .filter(|fault| options.only.is_none_or(|only| only == *fault))
        .collect();
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::with_draw_target(Some(faults.len() as u64), ProgressDrawTarget::stderr())
    } else {
        ProgressBar::hidden()
    };
    let mut simulator = Simulator::new();
    let mut outcomes = Vec::new();
    for fault in faults {
        bar.set_message(fault.name());
        outcomes.push((fault, outcome(options, &mut simulator, fault)?));
        bar.inc(1);
    }
    bar.finish_and_clear();
    print(options.json, || text(&outcomes), || value(&outcomes))?;
    let any =
        |wanted: fn(&CorpusOutcome) -> bool| outcomes.iter().any(|(_, outcome)| wanted(outcome));
    Ok(if any(|outcome| matches!(outcome, CorpusOutcome::NotFound)) {
        Exit::Cut
    } else if any(|outcome| matches!(outcome, CorpusOutcome::Stale(_))) {
        Exit::Diverged
    } else {
        Exit::Passed
    })
}

fn outcome(
    options: &Corpus,
    simulator: &mut Simulator,
    fault: Fault,
) -> Result<CorpusOutcome, Refusal> {
    let file = file(&options.folder, fault);
    if options.record && !options.stale {
        return record(options, simulator, fault, &file);
    }
    let checked = check(simulator, fault, &file);
    match checked {
        CorpusOutcome::Stale(_) if options.record => record(options, simulator, fault, &file),
        checked => Ok(checked),
    }
}

/// The trace of a fault.
fn file(folder: &Path, fault: Fault) -> PathBuf {
    folder.join(format!("{}.hak", fault.name()))
}

fn check(simulator: &mut Simulator, fault: Fault, file: &Path) -> CorpusOutcome {
    let trace = match Trace::read(file) {
        Ok(trace) => trace,
        Err(error) => return CorpusOutcome::Stale(error.to_string()),
    };
    if trace.config.plant.as_deref() != Some(fault.name()) {
        let plant = trace.config.plant.as_deref().unwrap_or("nothing");
        return CorpusOutcome::Stale(format!("{plant} is planted in it"));
    }
    let extras = Extras { transitions: false, picture: false, events: false, accesses: false };
    let mut subject = Guidable { simulator, extras, script: None, report: None };
    let kind_name = |kind: u8| Kind::ALL.get(kind as usize).map_or("unknown", |kind| kind.name());
    match hak_replay::replay(&mut subject, &trace, None, kind_name) {
        Ok(_) => CorpusOutcome::Replays(trace.steps.len()),
        Err(ReplayError::Diverged(divergence)) => {
            let step = divergence.step + 1;
            CorpusOutcome::Stale(format!("diverges at step {step}: {}", divergence.reason))
        }
        Err(ReplayError::Subject(error)) => CorpusOutcome::Stale(Refusal::from(error).0),
    }
}

fn record(
    options: &Corpus,
    simulator: &mut Simulator,
    fault: Fault,
    file: &Path,
) -> Result<CorpusOutcome, Refusal> {
    // A fault that the first geometry cannot show is looked for in the others.
    for &geometry in GeometryName::value_variants() {
        let settings = SCENARIOS.iter().map(|scenario| Settings {
            plant: Some(fault),
            strategy: StrategyName::Portfolio,
            events: Events::DRAWN.with(Events::showing(Some(fault))),
            memory: faults::memory(Some(fault)),
            geometry,
            ..Settings::new(scenario, options.seed)
        });
        let settings = settings.filter(|settings| settings.check().is_ok()).collect();
        let limit = SearchLimit::Schedules(options.schedules);
        let search = Search { settings, limit, shard: (0, 1), jobs: options.jobs };
        let Some(failing) = explore(&search, &|_, _| {})?.violation else { continue };
        let (trace, _) = run::record(simulator, &failing)?;
        let shrunk = shrink(simulator, &trace)?.map_or(trace, |shrunk| shrunk.trace);
        shrunk.write(file)?;
        return Ok(CorpusOutcome::Recorded(failing.schedule, shrunk.steps.len()));
    }
    Ok(CorpusOutcome::NotFound)
}

fn text(outcomes: &[(Fault, CorpusOutcome)]) -> String {
    let mut text = String::new();
    for (fault, outcome) in outcomes {
        let what = match outcome {
            CorpusOutcome::Replays(steps) => format!("{steps} steps"),
            CorpusOutcome::Stale(why) => crate::report::plain(why).to_string(),
            CorpusOutcome::Recorded(schedule, steps) => {
                format!("schedule {schedule}, {steps} steps")
            }
            CorpusOutcome::NotFound => "in no geometry; its trace stays as it was".to_owned(),
        };
        let _ = writeln!(text, "{:<9}  {}  ({what})", outcome.name(), fault.name());
    }
    let count = |name| outcomes.iter().filter(|(_, outcome)| outcome.name() == name).count();
    let _ = writeln!(
        text,
        "{} faults: {} replay, {} recorded, {} stale, {} not found",
        outcomes.len(),
        count("replays"),
        count("recorded"),
        count("STALE"),
        count("NOT FOUND"),
    );
    text
}

fn value(outcomes: &[(Fault, CorpusOutcome)]) -> serde_json::Value {
    json!({
        "outcome": if outcomes.iter().all(|(_, outcome)| {
            matches!(outcome, CorpusOutcome::Replays(_) | CorpusOutcome::Recorded(..))
        }) { "passed" } else { "stale" },
        "faults": outcomes.iter().map(|(fault, outcome)| json!({
            "name": fault.name(),
            "outcome": outcome.name().to_lowercase(),
            "schedule": match outcome {
                CorpusOutcome::Recorded(schedule, _) => Some(schedule),
                _ => None,
            },
            "steps": match outcome {
                CorpusOutcome::Recorded(_, steps) | CorpusOutcome::Replays(steps) => Some(steps),
                _ => None,
            },
        })).collect::<Vec<_>>(),
    })
}
