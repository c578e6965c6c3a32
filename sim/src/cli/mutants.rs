//! `hak-sim mutants`: the mutation score.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

use super::arguments::Mutants;
use super::{Exit, Refusal, print};
use crate::mutants::{Verdict, judge, mutants, name};
use crate::report::grouped;
use crate::simulation::Simulator;

pub(super) fn main(options: &Mutants) -> Result<Exit, Refusal> {
    if options.schedules == 0 || options.jobs == 0 || options.jobs > 256 {
        let why = "a score needs at least one schedule for each mutant, and 1 to 256 jobs";
        return Err(Refusal(why.to_owned()));
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
        verdicts.push(judge(change, options.seed, options.schedules, options.jobs)?);
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
                "{killed} of {} mutants killed, {survived} survived {} schedules, in {seconds:.1} s",
                verdicts.len(),
                grouped(options.schedules)
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

fn line(verdict: &Verdict) -> String {
    let name = name(&verdict.change);
    match verdict.killed {
        Some((schedule, oracle)) => format!("killed    {name}  (schedule {schedule}, {oracle})\n"),
        None => format!("SURVIVED  {name}\n"),
    }
}
