//! `hak-sim mutants`: the mutation score.

use std::fmt::Write;
use std::io::IsTerminal;
use std::process::Command;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

use super::arguments::Mutants;
use super::{Exit, Refusal, print};
use crate::report::grouped;
use crate::run::simulation::Simulator;
use crate::search::mutants::{MutantVerdict, judge, mutants, name};

pub(super) fn main(options: &Mutants) -> Result<Exit, Refusal> {
    let schedules = options.schedules;
    if schedules == 0 || options.jobs == 0 || options.jobs > 256 {
        let why = "a score needs at least one schedule for each mutant, and 1 to 256 jobs";
        return Err(Refusal(why.to_owned()));
    }
    if options.guards {
        return guards(options);
    }
    let begin = Instant::now();
    let changes = mutants(&mut Simulator::new())?;
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::with_draw_target(Some(changes.len() as u64), ProgressDrawTarget::stderr())
    } else {
        ProgressBar::hidden()
    };
    let mut verdicts = Vec::new();
    for change in changes {
        verdicts.push(judge(change, options.seed.unwrap_or(42), schedules, options.jobs)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let killed = verdicts.iter().filter(|verdict| verdict.killed.is_some()).count();
    let survived = verdicts.len() - killed;
    let seconds = begin.elapsed().as_secs_f64();
    print(
        options.json,
        || {
            let mut text: String = verdicts.iter().map(line).collect();
            let _ = writeln!(
                text,
                "{killed} of {} mutants killed, {survived} survived {} schedules, in {seconds:.1} \
                s",
                verdicts.len(),
                grouped(schedules)
            );
            text
        },
        || {
            json!({
                "outcome": if survived == 0 { "passed" } else { "survived" },
                "killed": killed,
                "survived": survived,
                "seconds": seconds,
                "mutants": verdicts.iter().map(|verdict| json!({
                    "change": name(&verdict.change),
                    "killed": verdict.killed.is_some(),
                    "schedule": verdict.killed.map(|(schedule, _)| schedule),
                    "oracle": verdict.killed.map(|(_, oracle)| oracle),
                })).collect::<Vec<_>>(),
            })
        },
    )?;
    Ok(if survived == 0 { Exit::Passed } else { Exit::Violation })
}

/// Leaves it to the crate that changes the core's source; this program is built on the core as it
/// is.
fn guards(options: &Mutants) -> Result<Exit, Refusal> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut command = Command::new("cargo");
    command.current_dir(source).args(["run", "--quiet", "--release", "-p", "hak-mutants", "--"]);
    command.args(["--jobs", &options.jobs.to_string()]);
    command.args(["--schedules", &options.schedules.to_string()]);
    command.args(options.list.then_some("--list")).args(options.json.then_some("--json"));
    for (name, value) in [("--only", &options.only), ("--shard", &options.shard)] {
        if let Some(value) = value {
            command.arg(format!("{name}={value}"));
        }
    }
    let status = command.status().map_err(|error| {
        Refusal(format!(
            "the mutants of guards need cargo, in {source}: it cannot be started ({error})"
        ))
    })?;
    match status.code() {
        Some(0) => Ok(Exit::Passed),
        Some(1) => Ok(Exit::Violation),
        _ => Err(Refusal("the mutants of guards were not run to their end".to_owned())),
    }
}

fn line(verdict: &MutantVerdict) -> String {
    let name = name(&verdict.change);
    match verdict.killed {
        Some((schedule, oracle)) => format!("killed    {name}  (schedule {schedule}, {oracle})\n"),
        None => format!("SURVIVED  {name}\n"),
    }
}
