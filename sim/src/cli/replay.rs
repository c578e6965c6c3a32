//! `hak-sim replay`, `show` and `diff`: what is done with recorded traces.

use std::path::Path;

use hak_replay::{ReplayError, compare};
use hak_traces::{Outcome, Trace};
use serde_json::json;

use super::arguments::{Diff, Replay, Show};
use super::{COMMIT, Exit, Refusal, print, run};
use crate::columns;
use crate::report;
use crate::runtime::Kind;
use crate::simulation::{Guidable, Simulator};

fn read(file: &Path) -> Result<Trace, Refusal> {
    Ok(Trace::read(file)?)
}

fn kind_name(kind: u8) -> &'static str {
    Kind::ALL.get(kind as usize).map_or("unknown access", |kind| kind.name())
}

/// `hak-sim replay FILE`.
pub(super) fn replay(options: &Replay) -> Result<Exit, Refusal> {
    let trace = read(&options.file)?;
    let mut simulator = Simulator::new();
    let mut subject =
        Guidable { simulator: &mut simulator, extras: run::EXTRAS, script: None, report: None };
    match hak_replay::replay(&mut subject, &trace, options.until, kind_name) {
        Err(ReplayError::Subject(error)) => Err(Refusal::from(error)),
        Err(ReplayError::Diverged(divergence)) => {
            print(
                options.json,
                || {
                    format!(
                        "the trace {} does not fit this code (commit {COMMIT})\n{divergence}\n",
                        options.file.display()
                    )
                },
                || json!({ "outcome": "diverged", "step": divergence.step, "message": divergence.to_string() }),
            );
            Ok(Exit::Diverged)
        }
        Ok(_) => {
            let report = subject.report.take().expect("a run leaves a report");
            print(
                options.json,
                || {
                    let mut text = format!(
                        "replayed {} of {} recorded steps, {} digests compared: each step as recorded\n",
                        report.steps.min(trace.steps.len() as u64),
                        trace.steps.len(),
                        trace.digests.iter().filter(|digest| digest.step < report.steps).count()
                    );
                    text += &report::text(&report);
                    if options.until.is_some() && report.violation().is_none() {
                        text += "the state there:\n";
                        text += &report.picture;
                    }
                    text
                },
                || report::value(&report, COMMIT),
            );
            Ok(run::exit_of(&report))
        }
    }
}

/// `hak-sim show FILE`.
pub(super) fn show(options: &Show) -> Result<Exit, Refusal> {
    let trace = read(&options.file)?;
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
                "plant": trace.config.plant,
                "steps": trace.steps.len(),
                "digests": trace.digests.len(),
            })
        },
    );
    Ok(Exit::Passed)
}

/// `hak-sim diff FILE FILE`.
pub(super) fn diff(options: &Diff) -> Result<Exit, Refusal> {
    let (first, second) = (read(&options.first)?, read(&options.second)?);
    let difference = compare(&first, &second, kind_name);
    print(
        options.json,
        || format!("{difference}\n"),
        || json!({ "identical": difference.is_identical(), "message": difference.to_string() }),
    );
    Ok(if difference.is_identical() { Exit::Passed } else { Exit::Diverged })
}
