//! `hak-sim replay`, `show` and `diff`: what is done with recorded traces.
//!
//! Traces number their steps from 0; people read numbers that count from one, as in every report.

use std::fmt::Write;
use std::path::Path;

use hak_replay::{
    ConfigDifference, Difference, Divergence, OutcomeDifference, Reason, ReplayError,
    StepDifference, compare,
};
use hak_traces::{Outcome, Trace, TraceError};
use serde_json::json;

use super::arguments::{Diff, Replay, Show, Shrink};
use super::{COMMIT, Exit, Refusal, print, run};
use crate::report::columns;
use crate::report::{self, counted, folded, plain};
use crate::run::settings::Settings;
use crate::run::simulation::{Extras, Guidable, GuidedError, Simulator};
use crate::runtime::{Kind, THREADS_MAX};

pub(super) fn read(file: &Path) -> Result<Trace, Refusal> {
    Trace::read(file).map_err(|error| match error {
        // These name the file themselves.
        TraceError::Unreadable { .. } | TraceError::Unwritable { .. } => Refusal::from(error),
        _ => Refusal(format!("{}: {error}", file.display())),
    })
}

pub(super) fn kind_name(kind: u8) -> &'static str {
    Kind::ALL.get(kind as usize).map_or("unknown access", |kind| kind.name())
}

const PICTURE: Extras =
    Extras { transitions: false, picture: true, events: false, accesses: false };

/// `hak-sim shrink FILE`.
pub(super) fn shrink(options: &Shrink) -> Result<Exit, Refusal> {
    let trace = read(&options.file)?;
    options.output.as_deref().map_or(Ok(()), run::check_trace_file)?;
    Settings::from_config(&trace.config)
        .map_err(|error| Refusal::from(GuidedError::Config(error)))?;
    let mut simulator = Simulator::new();
    let Some(shrunk) = run::explained(&mut simulator, &trace)? else {
        return Err(Refusal(format!(
            "{}: it does not fail here, and only a failing run can be shrunk; `hak-sim replay` \
            says what it does",
            options.file.display()
        )));
    };
    if let Some(file) = &options.output {
        shrunk.trace.write(file)?;
    }
    print(
        options.json,
        || report::shrunk_text(&shrunk),
        || {
            let mut value = report::shrunk_value(&shrunk);
            value["outcome"] = json!("violation");
            value
        },
    )?;
    Ok(Exit::Violation)
}

/// `hak-sim replay FILE`.
pub(super) fn replay(options: &Replay) -> Result<Exit, Refusal> {
    let trace = read(&options.file)?;
    let mut simulator = Simulator::new();
    let mut subject =
        Guidable { simulator: &mut simulator, extras: PICTURE, script: None, report: None };
    match hak_replay::replay(&mut subject, &trace, options.until, kind_name) {
        Err(ReplayError::Subject(error)) => Err(Refusal::from(error)),
        Err(ReplayError::Diverged(divergence)) => {
            say_diverged(&options.file, options.json, &divergence)
        }
        Ok(_) => {
            let report = subject.report.take().expect("a run leaves a report");
            print(
                options.json,
                || {
                    let compared =
                        trace.digests.iter().filter(|digest| digest.step < report.steps).count();
                    let mut text = format!(
                        "replayed {} of {}, {} compared: all as recorded\n",
                        report::grouped(report.steps),
                        counted(trace.steps.len() as u64, "recorded step", "recorded steps"),
                        counted(compared as u64, "digest", "digests"),
                    );
                    text += &report::text(&report);
                    if options.until.is_some() && report.violation().is_none() {
                        let made = counted(report.steps, "step", "steps");
                        let _ = writeln!(text, "the state after {made}:");
                        text += &report::picture_text(&report, 2);
                    }
                    text
                },
                || report::value(&report, COMMIT),
            )?;
            Ok(run::exit_of(&report))
        }
    }
}

/// Says where a trace does not fit this code.
pub(super) fn say_diverged(
    file: &Path,
    json: bool,
    divergence: &Divergence,
) -> Result<Exit, Refusal> {
    print(
        json,
        || {
            format!(
                "the trace {} does not fit this code (commit {COMMIT})\n{}",
                file.display(),
                divergence_text(divergence)
            )
        },
        || {
            json!({
                "outcome": "diverged",
                "step": number(divergence.step, divergence.reason),
                "reason": reason_text(divergence.reason),
                "recorded": divergence.recorded_text(),
                "this_run": divergence.actual_text(),
                "commit": COMMIT,
            })
        },
    )?;
    Ok(Exit::Diverged)
}

/// The number of a step for people; a difference between two ends is behind the last step of both.
fn number(step: u64, reason: Reason) -> u64 {
    if reason == Reason::Outcome { step } else { step + 1 }
}

fn reason_text(reason: Reason) -> String {
    match reason {
        Reason::Digest { recorded, actual, agreed: Some(agreed) } => format!(
            "the state is another one ({recorded:016x}, now {actual:016x}), and it was the same \
            after step {}",
            agreed + 1
        ),
        other => other.to_string(),
    }
}

fn divergence_text(divergence: &Divergence) -> String {
    let place = if divergence.reason == Reason::Outcome { "behind" } else { "at" };
    let number = number(divergence.step, divergence.reason);
    let reason = reason_text(divergence.reason);
    side(&format!("the replay diverged {place} step {number}: "), &reason, 2)
        + &side("  recorded: ", &divergence.recorded_text(), 12)
        + &side("  this run: ", &divergence.actual_text(), 12)
}

/// A line of a comparison, and further ones if it is too long; what stands in a trace is not
/// trusted.
fn side(begin: &str, text: &str, indent: usize) -> String {
    format!("{begin}{}\n", folded(&plain(text), begin.len(), indent))
}

/// `hak-sim show FILE`.
pub(super) fn show(options: &Show) -> Result<Exit, Refusal> {
    let trace = read(&options.file)?;
    if !(1..=THREADS_MAX).contains(&(trace.config.threads as usize)) {
        return Err(Refusal(format!(
            "{}: the trace has {} threads, and 1 to {THREADS_MAX} can be shown: give a trace that \
            this build recorded",
            options.file.display(),
            trace.config.threads
        )));
    }
    print(
        options.json,
        || columns::draw(&trace, options.last, kind_name),
        || {
            json!({
                "outcome": match trace.outcome {
                    Outcome::Passed => "passed",
                    Outcome::Violation { .. } => "violation",
                },
                "scenario": trace.config.scenario,
                "seed": trace.config.seed,
                "schedule": trace.config.schedule,
                "strategy": trace.config.strategy,
                "memory": trace.config.memory,
                "geometry": trace.config.geometry,
                "threads": trace.config.threads - 1,
                "plant": trace.config.plant,
                "steps": trace.steps.len(),
                "digests": trace.digests.len(),
            })
        },
    )?;
    Ok(Exit::Passed)
}

/// `hak-sim diff FILE FILE`.
pub(super) fn diff(options: &Diff) -> Result<Exit, Refusal> {
    let (first, second) = (read(&options.first)?, read(&options.second)?);
    let difference = compare(&first, &second, kind_name);
    let identical = difference.is_identical();
    print(
        options.json,
        || difference_text(&difference),
        || {
            json!({
                "outcome": if identical { "identical" } else { "different" },
                "configuration": difference.config.iter().map(|field| json!({
                    "name": field.name,
                    "first": field.first,
                    "second": field.second,
                })).collect::<Vec<_>>(),
                "step": difference.step.as_ref().map(|step| json!({
                    "step": number(step.step, step.reason),
                    "reason": step_reason(step),
                    "first": step.first.display(kind_name).to_string(),
                    "second": step.second.display(kind_name).to_string(),
                })),
                "outcomes": difference.outcome.as_ref().map(|outcome| json!({
                    "first": outcome.first.to_string(),
                    "second": outcome.second.to_string(),
                })),
                "moved": difference.moved_count,
            })
        },
    )?;
    Ok(if identical { Exit::Passed } else { Exit::Diverged })
}

fn step_reason(step: &StepDifference) -> String {
    match step.reason {
        Reason::Ended => "the second ends first".to_owned(),
        Reason::Continues => "the first ends first".to_owned(),
        reason => reason_text(reason),
    }
}

fn difference_text(difference: &Difference) -> String {
    let mut text = String::new();
    if difference.is_identical() {
        text.push_str("the traces are the same run\n");
    }
    if !difference.config.is_empty() {
        text.push_str("the configurations differ:\n");
    }
    for ConfigDifference { name, first, second } in &difference.config {
        text += &side(&format!("  {name}: "), &format!("first {first}, second {second}"), 4);
    }
    if let Some(step) = &difference.step {
        let number = number(step.step, step.reason);
        text += &side(&format!("the runs differ from step {number} on: "), &step_reason(step), 2);
        text += &side("  first:  ", &step.first.display(kind_name).to_string(), 10);
        text += &side("  second: ", &step.second.display(kind_name).to_string(), 10);
    }
    if let Some(OutcomeDifference { first, second }) = &difference.outcome {
        text.push_str("the outcomes differ:\n");
        text += &side("  first:  ", &first.to_string(), 10);
        text += &side("  second: ", &second.to_string(), 10);
    }
    if difference.moved_count > 0 {
        let steps = counted(difference.moved_count, "equal step stands", "equal steps stand");
        let _ = writeln!(text, "{steps} in another source line");
    }
    text
}
