//! What a search says of itself.

use std::fmt::Write;

use serde_json::{Value, json};

use super::arguments::Explore;
use super::explore::strategy;
use super::run;
use crate::faults;
use crate::report::{self, counted, folded, grouped};
use crate::run::settings::MemoryModel;
use crate::run::simulation::Report;
use crate::search::explore::{Bound, ERROR_PERCENT, ExploreTotals, Found, Search, ViolationKind};
use crate::search::shrink::Shrunk;

/// The first violation, run again.
pub(super) struct Failure {
    pub(super) report: Report,
    pub(super) shrunk: Option<Shrunk>,
}

/// Fewer schedules than this say nothing about others.
const RULE_OF_THREE_MIN: u64 = 100;

pub(super) fn text(
    options: &Explore,
    search: &Search,
    found: &Found,
    failure: Option<&Failure>,
) -> String {
    let totals = &found.totals;
    let mut text = headline(options);
    let mut line = |words: &str| {
        let _ = writeln!(text, "  {}", folded(words, 2, 4));
    };
    line(&sums(totals));
    if totals.places > 0 {
        line(&format!(
            "{}: each thread in front of each of its steps",
            counted(totals.places, "place where a thread stopped", "places where a thread stopped")
        ));
    }
    if let Some((estimate, _)) = &found.states {
        line(&format!(
            "about {} (standard error {ERROR_PERCENT} %)",
            counted(rounded(*estimate), "distinct state", "distinct states")
        ));
    }
    let seconds = found.elapsed.as_secs_f64().max(1e-9);
    line(&format!(
        "{:.1} s with {}: {} schedules/s, {} steps/s",
        seconds,
        counted(search.jobs as u64, "job", "jobs"),
        grouped((totals.schedules as f64 / seconds) as u64),
        grouped((totals.steps as f64 / seconds) as u64)
    ));
    let _ = writeln!(text, "{}", report::counts_text(&totals.counts));
    let _ = writeln!(text, "  {}", folded(&report::longest_text(&totals.longest_operations), 2, 4));
    if let Some(incidents) = report::incidents_text(&totals.incidents) {
        let _ = writeln!(text, "  {}", folded(&incidents, 2, 4));
    }
    let _ = writeln!(text, "  digest {:016x}", totals.digest);
    if options.all && !found.kinds.is_empty() {
        text += &kinds_text(totals, &found.kinds);
        if let Some(file) = &options.trace {
            let _ = writeln!(text, "the first of all is recorded into {}", file.display());
        }
    } else if let Some(failure) = failure {
        let schedule = failure.report.settings.schedule;
        let _ = writeln!(text, "schedule {schedule} breaks a rule:");
        text += &run::full_text(&failure.report, options.trace.as_deref(), failure.shrunk.as_ref());
    } else {
        text += &nothing_wrong(found);
        text += &other_memory(options);
        if let Some(file) = &options.trace {
            let _ = writeln!(text, "no violation, so {} was not written", file.display());
        }
    }
    text
}

/// What was searched.
fn headline(options: &Explore) -> String {
    let (strategy, events) = strategy(options);
    let line = format!(
        "explored {}, seed {}, strategy {strategy}{events}, {} geometry, {} memory",
        match options.scenario.as_str() {
            "all" => "all scenarios".to_owned(),
            name => format!("scenario {name}"),
        },
        options.seed,
        options.common.geometry().name(),
        options.common.memory().name()
    );
    let mut text = folded(&line, 0, 2) + "\n";
    if let Some(fault) = options.common.plant {
        let _ = writeln!(text, "  planted fault {}", fault.name());
    }
    if let Some((part, parts)) = options.shard {
        let _ = writeln!(text, "  part {part} of {parts}");
    }
    text
}

fn sums(totals: &ExploreTotals) -> String {
    format!(
        "{}, {}, {} ({}, {}), {}",
        counted(totals.schedules, "schedule", "schedules"),
        counted(totals.operations, "operation", "operations"),
        counted(totals.steps, "step", "steps"),
        counted(totals.choices, "choice", "choices"),
        counted(totals.switches, "context switch", "context switches"),
        counted(totals.plain_accesses, "plain access", "plain accesses")
    )
}

/// Three digits of an estimate: the others mean nothing.
fn rounded(estimate: u64) -> u64 {
    let unit = 10_u64.pow(estimate.checked_ilog10().unwrap_or(0).saturating_sub(2));
    (estimate + unit / 2) / unit * unit
}

/// What passing means: the rule of three (with 95 % confidence, fewer than three in this many
/// schedules like these break a rule), and what `pct` promises.
fn nothing_wrong(found: &Found) -> String {
    let totals = &found.totals;
    let mut verdict = "nothing wrong".to_owned();
    if totals.places > 0 {
        verdict += ": wherever a thread stopped, the others finished";
    }
    if totals.schedules >= RULE_OF_THREE_MIN {
        let _ = write!(
            verdict,
            "; with 95 % confidence fewer than 1 in {} such schedules breaks a rule (rule of \
            three)",
            grouped(totals.schedules / 3)
        );
    }
    let mut text = folded(&verdict, 0, 2) + "\n";
    for bound in &found.bounds {
        text += &folded(&bound_text(bound), 0, 2);
        text.push('\n');
    }
    text
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

fn bound_text(bound: &Bound) -> String {
    let mut text = format!(
        "pct:{} promises: {} of {} ({}, {} steps) would have met a bug of depth {} that is in all \
        of them with a probability of at least {}",
        bound.depth,
        counted(bound.schedules, "schedule", "schedules"),
        bound.scenario,
        counted(bound.threads, "thread", "threads"),
        grouped(bound.steps),
        bound.depth,
        chance(bound.found)
    );
    if bound.longest > bound.steps {
        let _ = write!(
            text,
            ", if it lies in the first {} steps (the longest run had {})",
            grouped(bound.steps),
            grouped(bound.longest)
        );
    }
    text
}

/// A probability that is not made greater than it is.
fn chance(probability: f64) -> String {
    if probability >= 0.01 {
        return format!("{:.1} %", (probability * 1_000.0).floor() / 10.0);
    }
    // A number beyond the greatest stays the greatest.
    let one_in = (1.0 / probability).ceil() as u64;
    let unit = 10_u64.pow(one_in.checked_ilog10().unwrap_or(0).saturating_sub(2));
    format!("1 in {}", grouped(one_in.div_ceil(unit).saturating_mul(unit)))
}

/// The violations by kind, each with the command that shows the first of them.
fn kinds_text(totals: &ExploreTotals, kinds: &[ViolationKind]) -> String {
    let mut text = format!(
        "{} of {} a rule, in {}:\n",
        grouped(totals.violating),
        counted(totals.schedules, "schedule breaks", "schedules break"),
        counted(kinds.len() as u64, "kind", "kinds")
    );
    for kind in kinds {
        let line = format!(
            "VIOLATION {} at {}: {}, first in schedule {}",
            kind.oracle,
            kind.site,
            counted(kind.count, "run", "runs"),
            kind.first.schedule
        );
        let _ = writeln!(text, "{}", folded(&line, 0, 2));
        let _ = writeln!(text, "  {}", kind.first.command());
    }
    text
}

pub(super) fn value(
    options: &Explore,
    search: &Search,
    found: &Found,
    failure: Option<&Failure>,
) -> Value {
    let totals = &found.totals;
    json!({
        "outcome": if found.violation.is_some() { "violation" } else { "passed" },
        "scenario": options.scenario,
        "seed": options.seed,
        "strategy": search.settings[0].strategy_text(),
        "memory": options.common.memory().name(),
        "geometry": options.common.geometry().name(),
        "plant": options.common.plant.map(|fault| fault.name()),
        "schedules": totals.schedules,
        "operations": totals.operations,
        "steps": totals.steps,
        "choices": totals.choices,
        "switches": totals.switches,
        "plain_accesses": totals.plain_accesses,
        "longest": totals.longest,
        "longest_operations": report::longest_value(&totals.longest_operations),
        "remote_frees": totals.counts.remote_frees,
        "superslabs_retired": totals.counts.retired,
        "incidents": report::incidents_value(&totals.incidents),
        "kill_places": options.events.kill_each().then_some(totals.places),
        "distinct_states": found.states.as_ref().map(|(estimate, sketch)| json!({
            "estimate": estimate,
            "standard_error_percent": ERROR_PERCENT,
            "sketch": sketch,
        })),
        "pct": found.bounds.iter().map(bound_value).collect::<Vec<_>>(),
        "digest": format!("{:016x}", totals.digest),
        "seconds": found.elapsed.as_secs_f64(),
        "violating": totals.violating,
        "kinds": found.kinds.iter().map(kind_value).collect::<Vec<_>>(),
        "failure": failure.map(|failure| run::full_value(&failure.report, failure.shrunk.as_ref())),
    })
}

fn bound_value(bound: &Bound) -> Value {
    json!({
        "depth": bound.depth,
        "scenario": bound.scenario,
        "threads": bound.threads,
        "steps": bound.steps,
        "longest": bound.longest,
        "schedules": bound.schedules,
        "found_at_least": bound.found,
    })
}

fn kind_value(kind: &ViolationKind) -> Value {
    json!({
        "oracle": kind.oracle,
        "site": kind.site,
        "runs": kind.count,
        "first": kind.first.schedule,
        "scenario": kind.first.scenario.name,
        "strategy": kind.first.strategy_text(),
        "command": kind.first.command(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_keeps_three_digits() {
        let pairs = [(0, 0), (7, 7), (999, 999), (1_234, 1_230), (1_235, 1_240), (99_950, 100_000)];
        for (estimate, shown) in pairs {
            assert_eq!(rounded(estimate), shown);
        }
    }

    #[test]
    fn a_probability_is_never_shown_greater_than_it_is() {
        assert_eq!(chance(0.5), "50.0 %");
        assert_eq!(chance(0.012_39), "1.2 %");
        assert_eq!(chance(0.001), "1 in 1,000");
        assert_eq!(chance(1.0 / 123_456.0), "1 in 124,000");
        assert!(chance(1e-30).starts_with("1 in 18,"));
    }
}
