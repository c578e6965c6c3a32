//! `hak-sim explore`: many schedules.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::arguments::{self, Explore};
use super::{Exit, Refusal, print, run};
use crate::explore::{Found, Limit, Search, Totals, explore};
use crate::faults;
use crate::report::{self, counted, folded, grouped};
use crate::scenario::SCENARIOS;
use crate::settings::{MemoryModel, Settings};
use crate::shrink::{Shrunk, shrink};
use crate::simulation::{Report, Simulator};

const SCHEDULES: u64 = 10_000;

/// From so many schedules on, a search in which nothing happened is an error.
const POWER: u64 = 100;

pub(super) fn main(options: &Explore) -> Result<Exit, Refusal> {
    let search = search(options)?;
    options.trace.as_deref().map_or(Ok(()), run::check_trace_file)?;
    let bar = progress_bar(search.limit);
    let found = explore(&search, &|schedules, steps| {
        bar.set_position(match search.limit {
            Limit::Schedules(_) => schedules,
            Limit::Time(_) => bar.elapsed().as_secs(),
        });
        bar.set_message(format!("{} schedules, {} steps", grouped(schedules), grouped(steps)));
    })?;
    bar.finish_and_clear();
    if found.violation.is_none() {
        check_power(&search, &found.totals)?;
    }
    let failure = match &found.violation {
        None => None,
        Some(settings) => {
            let mut simulator = Simulator::new();
            let (trace, report) = run::record(&mut simulator, settings)?;
            if let Some(file) = &options.trace {
                trace.write(file)?;
            }
            let shrunk = shrink(&mut simulator, &trace)?;
            Some((report, shrunk))
        }
    };
    print(
        options.common.json,
        || text(options, &search, &found, failure.as_ref()),
        || value(options, &found, failure.as_ref()),
    )?;
    Ok(if failure.is_some() { Exit::Violation } else { Exit::Passed })
}

fn search(options: &Explore) -> Result<Search, Refusal> {
    let settings: Vec<Settings> = if options.scenario == "all" {
        let all = SCENARIOS.iter();
        all.map(|scenario| options.common.settings(scenario, options.seed, 0, options.strategy))
            .collect::<Result<_, _>>()?
    } else {
        let scenario = arguments::scenario(&options.scenario)?;
        vec![options.common.settings(scenario, options.seed, 0, options.strategy)?]
    };
    if options.jobs == 0 || options.jobs > 256 {
        return Err(Refusal("the number of jobs is from 1 to 256".to_owned()));
    }
    let limit = match (options.schedules, options.time) {
        (Some(0), _) | (_, Some(0)) => {
            return Err(Refusal("a search needs at least one schedule, or one second".to_owned()));
        }
        (_, Some(seconds)) => Limit::Time(Duration::from_secs(seconds)),
        (schedules, None) => Limit::Schedules(schedules.unwrap_or(SCHEDULES)),
    };
    let shard = options.shard.map_or((0, 1), |(part, parts)| (part - 1, parts));
    Ok(Search { settings, limit, shard, jobs: options.jobs })
}

/// A search that could not have found anything is no pass: with several threads there must have been preemptions, and
/// blocks freed by others than their slab's owner.
fn check_power(search: &Search, totals: &Totals) -> Result<(), Refusal> {
    let several = search.settings.iter().all(|settings| settings.threads > 1);
    if !several || totals.schedules < POWER {
        return Ok(());
    }
    let missing = if totals.without_switches == totals.schedules {
        "no thread was ever preempted"
    } else if totals.counts.remote_frees == 0 {
        "no block was ever freed by another thread than its slab's owner"
    } else {
        return Ok(());
    };
    Err(Refusal(format!(
        "this search proves nothing: {missing} in {} schedules; try more operations or another strategy",
        grouped(totals.schedules)
    )))
}

fn progress_bar(limit: Limit) -> ProgressBar {
    let (length, template) = match limit {
        Limit::Schedules(schedules) => {
            (schedules, "{bar:30} {percent:>3} %  {per_sec}  {msg}  {eta} left")
        }
        Limit::Time(time) => (time.as_secs(), "{bar:30} {percent:>3} %  {msg}  {eta} left"),
    };
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Fewer schedules than this say nothing about others.
const RULE_OF_THREE_MIN: u64 = 100;

/// The rule of three: with 95 % confidence, fewer than three in this many schedules like these break a rule.
fn nothing_wrong(totals: &Totals) -> String {
    let mut text = "nothing wrong".to_owned();
    if totals.schedules >= RULE_OF_THREE_MIN {
        let _ = write!(
            text,
            "; with 95 % confidence fewer than 1 in {} such schedules breaks a rule (rule of three)",
            grouped(totals.schedules / 3)
        );
    }
    folded(&text, 0, 2) + "\n"
}

/// A fault that the memory model hides is no fault that was not found.
fn other_memory(options: &Explore) -> String {
    let shown = faults::memory(options.common.plant);
    match options.common.plant {
        Some(fault) if shown == MemoryModel::Weak && options.common.memory() != shown => {
            let name = fault.name();
            let text = format!("only weak memory shows {name}: search with --memory weak");
            folded(&text, 0, 2) + "\n"
        }
        _ => String::new(),
    }
}

fn text(
    options: &Explore,
    search: &Search,
    found: &Found,
    failure: Option<&(Report, Option<Shrunk>)>,
) -> String {
    let totals = &found.totals;
    let headline = format!(
        "explored {}, seed {}, strategy {}, {} geometry, {} memory",
        match options.scenario.as_str() {
            "all" => "all scenarios".to_owned(),
            name => format!("scenario {name}"),
        },
        options.seed,
        options.strategy,
        options.common.geometry.name(),
        options.common.memory().name()
    );
    let mut text = folded(&headline, 0, 2) + "\n";
    if let Some(fault) = options.common.plant {
        let _ = writeln!(text, "  planted fault {}", fault.name());
    }
    if let Some((part, parts)) = options.shard {
        let _ = writeln!(text, "  part {part} of {parts}");
    }
    let seconds = found.elapsed.as_secs_f64().max(1e-9);
    let sums = format!(
        "{}, {}, {} ({}, {})",
        counted(totals.schedules, "schedule", "schedules"),
        counted(totals.operations, "operation", "operations"),
        counted(totals.steps, "step", "steps"),
        counted(totals.choices, "choice", "choices"),
        counted(totals.switches, "context switch", "context switches")
    );
    let _ = writeln!(text, "  {}", folded(&sums, 2, 4));
    let _ = writeln!(
        text,
        "  {:.1} s with {}: {} schedules/s, {} steps/s",
        seconds,
        counted(search.jobs as u64, "job", "jobs"),
        grouped((totals.schedules as f64 / seconds) as u64),
        grouped((totals.steps as f64 / seconds) as u64)
    );
    let _ = writeln!(text, "{}", report::counts_text(&totals.counts));
    let _ = writeln!(text, "  digest {:016x}", totals.digest);
    match failure {
        None => {
            text += &nothing_wrong(totals);
            text += &other_memory(options);
            if let Some(file) = &options.trace {
                let _ = writeln!(text, "no violation, so {} was not written", file.display());
            }
        }
        Some((report, shrunk)) => {
            let _ = writeln!(text, "schedule {} breaks a rule:", report.settings.schedule);
            text += &run::full_text(report, options.trace.as_deref(), shrunk.as_ref());
        }
    }
    text
}

fn value(options: &Explore, found: &Found, failure: Option<&(Report, Option<Shrunk>)>) -> Value {
    let totals = &found.totals;
    json!({
        "outcome": if failure.is_some() { "violation" } else { "passed" },
        "scenario": options.scenario,
        "seed": options.seed,
        "strategy": options.strategy.to_string(),
        "memory": options.common.memory().name(),
        "geometry": options.common.geometry.name(),
        "plant": options.common.plant.map(|fault| fault.name()),
        "schedules": totals.schedules,
        "operations": totals.operations,
        "steps": totals.steps,
        "choices": totals.choices,
        "switches": totals.switches,
        "remote_frees": totals.counts.remote_frees,
        "superslabs_retired": totals.counts.retired,
        "digest": format!("{:016x}", totals.digest),
        "seconds": found.elapsed.as_secs_f64(),
        "failure": failure.map(|(report, shrunk)| run::full_value(report, shrunk.as_ref())),
    })
}
