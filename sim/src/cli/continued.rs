//! `hak-sim explore --from FILE@STEP`: many continuations of a recorded run.

use std::fmt::Write;
use std::path::PathBuf;

use hak_replay::ReplayError;
use hak_traces::Trace;
use serde_json::json;

use super::arguments::Explore;
use super::{COMMIT, Exit, Refusal, print, replay, run};
use crate::report::{counted, folded, grouped};
use crate::run::events::Events;
use crate::run::settings::StrategyName;
use crate::run::simulation::{Extras, Guidable, Simulator};
use crate::search::continued::{ContinuedCounts, Drawn, Recorded, count, recorded_program};

/// Where continuations begin: behind so many steps of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunPrefix {
    file: PathBuf,
    steps: u64,
}

/// FILE@STEP.
pub(super) fn from(text: &str) -> Result<RunPrefix, String> {
    let parts = text.rsplit_once('@').filter(|(file, _)| !file.is_empty());
    let parsed = parts.and_then(|(file, steps)| Some((file, steps.parse().ok()?)));
    match parsed {
        Some((file, steps)) => Ok(RunPrefix { file: file.into(), steps }),
        None => Err("a prefix is FILE@STEP, as in race.hak@120".to_owned()),
    }
}

/// Continuations, unless another number is asked for.
const CONTINUATIONS: u64 = 1_000;

pub(super) fn main(options: &Explore, from: &RunPrefix) -> Result<Exit, Refusal> {
    let (strategy, events) = options.strategy.unwrap_or((StrategyName::Portfolio, Events::NONE));
    if events != Events::NONE {
        return Err(Refusal(
            "a continuation has the events of the run that it continues: name a strategy without \
            +events"
                .to_owned(),
        ));
    }
    let continuations = options.schedules.unwrap_or(CONTINUATIONS);
    if continuations == 0 || options.jobs == 0 || options.jobs > 256 {
        let why = "a search needs at least one schedule, and 1 to 256 jobs";
        return Err(Refusal(why.to_owned()));
    }
    options.trace.as_deref().map_or(Ok(()), run::check_trace_file)?;
    let trace = replay::read(&from.file)?;
    if from.steps > trace.steps.len() as u64 {
        return Err(Refusal(format!(
            "{}: the trace has {}, so that none goes on behind step {}: give a STEP of at most {}",
            from.file.display(),
            counted(trace.steps.len() as u64, "step", "steps"),
            grouped(from.steps),
            trace.steps.len()
        )));
    }
    let mut simulator = Simulator::new();
    if let Some(exit) = follow(options, from, &trace, &mut simulator)? {
        return Ok(exit);
    }
    let (settings, program) = recorded_program(&trace).map_err(Refusal)?;
    let recorded = Recorded { settings, program: &program, steps: &trace.steps };
    let drawn = Drawn { seed: options.seed, number: 0, strategy };
    let steps = from.steps as usize;
    let counts = count(&recorded, steps, drawn, continuations, options.jobs)?;
    if let (Some(file), Some(number)) = (&options.trace, counts.first_failing()) {
        let (trace, _) = recorded.recording(&mut simulator, steps, Drawn { number, ..drawn })?;
        trace.write(file)?;
    }
    print(
        options.common.json,
        || text(options, from, &trace, strategy, &counts),
        || value(options, from, strategy, &counts),
    )?;
    Ok(if counts.failing > 0 { Exit::Violation } else { Exit::Passed })
}

/// Follows the prefix once, and compares it with what was recorded: how the command ends if it
/// differs.
fn follow(
    options: &Explore,
    from: &RunPrefix,
    trace: &Trace,
    simulator: &mut Simulator,
) -> Result<Option<Exit>, Refusal> {
    let mut subject = Guidable { simulator, extras: Extras::default(), script: None, report: None };
    match hak_replay::replay(&mut subject, trace, Some(from.steps), replay::kind_name) {
        Ok(_) => Ok(None),
        Err(ReplayError::Subject(error)) => Err(Refusal::from(error)),
        Err(ReplayError::Diverged(divergence)) => {
            replay::say_diverged(&from.file, options.common.json, &divergence).map(Some)
        }
    }
}

fn text(
    options: &Explore,
    from: &RunPrefix,
    trace: &Trace,
    strategy: StrategyName,
    counts: &ContinuedCounts,
) -> String {
    let line = format!(
        "followed {} of {} in {}, then seed {}, strategy {strategy}",
        counted(from.steps, "step", "steps"),
        grouped(trace.steps.len() as u64),
        from.file.display(),
        options.seed
    );
    let mut text = folded(&crate::report::plain(&line), 0, 2) + "\n";
    let line = format!(
        "{} of {} a rule ({:.1} %); {} behind those that were followed",
        grouped(counts.failing),
        counted(counts.continuations, "continuation breaks", "continuations break"),
        100.0 * counts.failing as f64 / counts.continuations as f64,
        counted(counts.steps, "step", "steps"),
    );
    let _ = writeln!(text, "  {}", folded(&line, 2, 4));
    for ((oracle, site), (count, first)) in &counts.kinds {
        let runs = counted(*count, "run", "runs");
        let line = format!("VIOLATION {oracle} at {site}: {runs}, first in continuation {first}");
        let _ = writeln!(text, "{}", folded(&line, 0, 2));
    }
    if counts.failing == 0 {
        text.push_str("nothing wrong\n");
    }
    if let Some(file) = &options.trace {
        let file = file.display();
        let _ = match counts.first_failing() {
            Some(number) => writeln!(text, "continuation {number} is recorded into {file}"),
            None => writeln!(text, "no violation, so {file} was not written"),
        };
    }
    text
}

fn value(
    options: &Explore,
    from: &RunPrefix,
    strategy: StrategyName,
    counts: &ContinuedCounts,
) -> serde_json::Value {
    json!({
        "outcome": if counts.failing > 0 { "violation" } else { "passed" },
        "file": from.file.display().to_string(),
        "followed": from.steps,
        "seed": options.seed,
        "strategy": strategy.to_string(),
        "continuations": counts.continuations,
        "violating": counts.failing,
        "steps": counts.steps,
        "kinds": counts.kinds.iter().map(|((oracle, site), (count, first))| json!({
            "oracle": oracle,
            "site": site,
            "runs": count,
            "first": first,
        })).collect::<Vec<_>>(),
        "commit": COMMIT,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_file_and_a_number_of_steps() {
        let expected = RunPrefix { file: "a@b.hak".into(), steps: 12 };
        assert_eq!(from("a@b.hak@12"), Ok(expected));
        for text in ["", "race.hak", "race.hak@", "race.hak@-1", "@12", "race.hak@all"] {
            assert!(from(text).is_err(), "{text}");
        }
    }
}
