//! `hak-sim --seed 42`: one schedule.

use std::path::Path;

use hak_traces::Trace;

use super::arguments::{self, Run};
use super::{COMMIT, Exit, Refusal, print};
use crate::report;
use crate::settings::Settings;
use crate::simulation::{Extras, Guidable, GuidedError, Report, Simulator};

pub(super) fn main(options: &Run) -> Result<Exit, Refusal> {
    let scenario = arguments::scenario(&options.scenario)?;
    let settings =
        options.common.settings(scenario, options.seed, options.schedule, options.strategy)?;
    let mut simulator = Simulator::new();
    let report = match &options.trace {
        None => simulator.run(&settings, EXTRAS)?,
        Some(file) => {
            let (trace, report) = record(&mut simulator, &settings)?;
            trace.write(file)?;
            report
        }
    };
    print(
        options.common.json,
        || full_text(&report, options.trace.as_deref()),
        || report::value(&report, COMMIT),
    );
    Ok(exit_of(&report))
}

pub(super) const EXTRAS: Extras = Extras { transitions: false, picture: true };

/// Runs and records.
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

/// The report, and after a violation how to see it again.
pub(super) fn full_text(report: &Report, trace: Option<&Path>) -> String {
    let mut text = report::text(report);
    if report.violation().is_some() {
        text += &report::reproduce_text(report, COMMIT);
    }
    if let Some(file) = trace {
        text += &format!(
            "recorded into {0}; replay it with:\n  cargo run --release -- replay {0}\n",
            file.display()
        );
    }
    text
}

pub(super) fn exit_of(report: &Report) -> Exit {
    if report.violation().is_some() { Exit::Violation } else { Exit::Passed }
}
