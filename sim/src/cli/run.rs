//! `hak-sim --seed 42`: one schedule.

use std::path::Path;

use hak_traces::Trace;
use serde_json::Value;

use super::arguments::{self, RunOptions};
use super::{COMMIT, Exit, Refusal, print};
use crate::report;
use crate::run::settings::Settings;
use crate::run::simulation::{Extras, Guidable, GuidedError, Report, Simulator};
use crate::search::cause;
use crate::search::shrink::{Shrunk, shrink};

pub(super) fn main(options: &RunOptions) -> Result<Exit, Refusal> {
    let scenario = arguments::scenario(&options.scenario)?;
    if options.events.kill_each() {
        return Err(Refusal(
            "--kill=each is for a search: use `hak-sim explore --kill=each`".to_owned(),
        ));
    }
    let (strategy, events) = options.strategy;
    let settings = options.common.settings(scenario, options.seed, options.schedule, strategy)?;
    let settings = Settings { events: events.with(options.events.events()), ..settings };
    settings.check().map_err(Refusal)?;
    options.trace.as_deref().map_or(Ok(()), check_trace_file)?;
    let mut simulator = Simulator::new();
    let (trace, report) = record(&mut simulator, &settings)?;
    if let Some(file) = &options.trace {
        trace.write(file)?;
    }
    let shrunk = explained(&mut simulator, &trace)?;
    print(
        options.common.json,
        || full_text(&report, options.trace.as_deref(), shrunk.as_ref()),
        || full_value(&report, shrunk.as_ref()),
    )?;
    Ok(exit_of(&report))
}

/// The smallest failing run near a recorded one, with what decided it.
pub(super) fn explained(
    simulator: &mut Simulator,
    trace: &Trace,
) -> Result<Option<Shrunk>, Refusal> {
    let Some(mut shrunk) = shrink(simulator, trace)? else { return Ok(None) };
    shrunk.cause = cause::find(simulator, &shrunk.trace)?;
    Ok(Some(shrunk))
}

pub(super) const EXTRAS: Extras =
    Extras { transitions: false, picture: false, events: false, accesses: false };

/// Makes the run that is asked for, and records it if there is a file for it.
pub(super) fn record(
    simulator: &mut Simulator,
    settings: &Settings,
) -> Result<(Trace, Report), Refusal> {
    let mut subject = Guidable { simulator, extras: EXTRAS, script: None, report: None };
    let trace = hak_replay::record(&mut subject, &settings.to_config()).map_err(Refusal::from)?;
    let report = subject.report.take().expect("a run leaves a report");
    Ok((trace, report))
}

impl From<GuidedError> for Refusal {
    fn from(error: GuidedError) -> Refusal {
        Refusal(match error {
            GuidedError::Config(message) => format!("this trace cannot be run here: {message}"),
            GuidedError::World(error) => format!("no memory for the simulated world: {error}"),
        })
    }
}

/// The report; after a violation also how to see it again, and what it shrinks to.
pub(super) fn full_text(report: &Report, trace: Option<&Path>, shrunk: Option<&Shrunk>) -> String {
    let mut text = report::text(report);
    if let Some(shrunk) = shrunk {
        text += &report::shrunk_text(shrunk);
    }
    if report.violation().is_some() {
        text += &report::reproduce_text(report, COMMIT);
    }
    if let Some(file) = trace {
        text += &format!(
            "recorded into {}; replay it with:\n  cargo run --release -- replay {}\n",
            file.display(),
            quoted(file)
        );
    }
    text
}

/// The same for programs.
pub(super) fn full_value(report: &Report, shrunk: Option<&Shrunk>) -> Value {
    let mut value = report::value(report, COMMIT);
    if let Some(shrunk) = shrunk {
        value["shrunk"] = report::shrunk_value(shrunk);
    }
    value
}

/// A file's name as a shell takes it.
fn quoted(file: &Path) -> String {
    let name = file.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    match name.starts_with('-') {
        true => format!("./{name}"),
        false if name.chars().all(is_plain) => name,
        false => format!("'{}'", name.replace('\'', "'\\''")),
    }
}

/// Whether a trace could be written there, as far as can be told before there is one: a search may
/// take long, and what it finds is not to be lost over a mistyped folder.
pub(super) fn check_trace_file(file: &Path) -> Result<(), Refusal> {
    let refuse = |reason: String| {
        Err(Refusal(format!(
            "the trace {} cannot be written ({reason}): give a file in a folder that exists",
            file.display()
        )))
    };
    if file.is_dir() {
        return refuse("it is a folder".to_owned());
    }
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match folder.metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => refuse(format!("{} is no folder", folder.display())),
        Err(error) => refuse(error.to_string()),
    }
}

pub(super) fn exit_of(report: &Report) -> Exit {
    if report.violation().is_some() { Exit::Violation } else { Exit::Passed }
}
