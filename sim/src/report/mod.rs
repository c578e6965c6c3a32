//! What a run says of itself: as text for people, as JSON for programs.

pub mod calls;
pub(crate) mod cause;
pub mod columns;
pub(crate) mod explain;
pub mod source;

use std::fmt::Write;

use serde_json::{Value, json};

use crate::observe::ORACLES;
use crate::observe::lifecycle::{Change, LifecycleCounts, Transition};
use crate::program::{KINDS, Operation};
use crate::run::simulation::{Incidents, Report};
use crate::runtime::{End, OPERATION_KINDS_MAX, Violation};
use crate::search::cause::Cause;
use crate::search::shrink::Shrunk;

use hak_core::numbers::slot::SlabState;

/// The width that all text keeps to.
pub(crate) const WIDTH: usize = 100;

/// The report for people.
pub fn text(report: &Report) -> String {
    let mut text = headline(report);
    let steps = format!(
        "{}, {}, {} ({}, {}), {}",
        counted(report.settings.threads as u64, "thread", "threads"),
        counted(report.operations, "operation", "operations"),
        counted(report.steps, "step", "steps"),
        counted(report.choices, "choice", "choices"),
        counted(report.switches, "context switch", "context switches"),
        counted(report.plain_accesses, "plain access", "plain accesses")
    );
    let _ = writeln!(text, "  {}", folded(&steps, 2, 4));
    let _ = writeln!(text, "{}", counts_text(&report.counts));
    if let Some(incidents) = incidents_text(&report.incidents) {
        let _ = writeln!(text, "  {}", folded(&incidents, 2, 4));
    }
    let names: Vec<&str> = ORACLES.iter().map(|(name, _)| *name).collect();
    let oracles = format!("{} oracles: {}", names.len(), names.join(" "));
    let _ = writeln!(text, "  {}", folded(&oracles, 2, 4));
    let _ = writeln!(text, "  digest {:016x}", report.digest);
    match &report.end {
        End::Finished => text.push_str("nothing wrong\n"),
        End::Stopped => text.push_str("stopped before its end, nothing wrong so far\n"),
        End::Violation(violation) => text.push_str(&violation_text(report, violation)),
    }
    text
}

/// How often each step of the lifecycle was seen, in two lines, without the last line feed.
pub(crate) fn counts_text(counts: &LifecycleCounts) -> String {
    let slabs = format!(
        "slabs: {} bound, {} filled, {} reopened, {} abandoned, {} adopted, {} emptied",
        grouped(counts.bound),
        grouped(counts.filled),
        grouped(counts.reopened),
        grouped(counts.abandoned),
        grouped(counts.adopted),
        grouped(counts.emptied)
    );
    let others = format!(
        "{}, {} retired, {}, {}",
        counted(counts.remote_frees, "remote free", "remote frees"),
        counted(counts.retired, "superslab", "superslabs"),
        counted(counts.runs, "run", "runs"),
        counted(counts.large, "large block", "large blocks")
    );
    format!("  {}\n  {}", folded(&slabs, 2, 4), folded(&others, 2, 4))
}

/// The most steps of an operation, by kind.
pub(crate) fn longest_text(longest: &[u32; OPERATION_KINDS_MAX]) -> String {
    let kinds = KINDS.iter().zip(longest).filter(|(_, steps)| **steps > 0);
    let parts: Vec<_> =
        kinds.map(|(kind, steps)| format!("{kind} {}", grouped((*steps).into()))).collect();
    format!("longest operations in steps: {}", parts.join(", "))
}

/// The same for programs.
pub(crate) fn longest_value(longest: &[u32; OPERATION_KINDS_MAX]) -> Value {
    KINDS
        .iter()
        .zip(longest)
        .map(|(kind, steps)| ((*kind).to_owned(), json!(steps)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What happened beside the interleaving; `None` if nothing did.
pub(crate) fn incidents_text(incidents: &Incidents) -> Option<String> {
    let Incidents { refused, spurious, ended_early, stopped } = *incidents;
    let parts: Vec<String> = [
        (refused, "system call refused", "system calls refused"),
        (spurious, "weak exchange failed for no reason", "weak exchanges failed for no reason"),
        (ended_early, "thread ended early", "threads ended early"),
        (stopped, "thread stopped for ever", "threads stopped for ever"),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, one, many)| counted(count, one, many))
    .collect();
    (!parts.is_empty()).then(|| format!("events: {}", parts.join(", ")))
}

/// The same for programs.
pub(crate) fn incidents_value(incidents: &Incidents) -> Value {
    json!({
        "system_calls_refused": incidents.refused,
        "spurious_failures": incidents.spurious,
        "threads_ended_early": incidents.ended_early,
        "threads_stopped": incidents.stopped,
    })
}

/// What was run, in one line, and in a second one what was planted.
pub(crate) fn headline(report: &Report) -> String {
    let settings = &report.settings;
    let line = format!(
        "scenario {}, seed {}, schedule {}, strategy {}, {} geometry, {} memory",
        settings.scenario.name,
        settings.seed,
        settings.schedule,
        settings.strategy_text(),
        settings.geometry.name(),
        settings.memory.name()
    );
    let mut text = folded(&line, 0, 2) + "\n";
    if let Some(fault) = settings.plant {
        let _ = writeln!(text, "  planted fault {}", fault.name());
    }
    text
}

/// The violation: which oracle, who, where, against whom, and how to see it again.
pub(crate) fn violation_text(report: &Report, violation: &Violation) -> String {
    let sentence = format!("VIOLATION {}: {}", violation.oracle, violation.message);
    let mut text = folded(&sentence, 0, 2) + "\n";
    let (place, other_place) = report.places.clone().unwrap_or_default();
    let _ = writeln!(
        text,
        "  at step {}: thread {}, operation {}{}",
        violation.step,
        violation.thread,
        violation.operation,
        operation_text(report, violation)
    );
    let _ = writeln!(text, "      {} of {}", violation.access.kind.name(), place);
    let _ = writeln!(text, "      at {}", violation.access.site);
    if let Some(other) = &violation.other {
        let _ = writeln!(text, "  against thread {}:", other.thread);
        let _ =
            writeln!(text, "      {} of {}", other.kind.name(), other_place.unwrap_or_default());
        let _ = writeln!(text, "      at {}", other.site);
    }
    if !report.picture.is_empty() {
        text.push_str("  the state in which it was stopped:\n");
        text.push_str(&picture_text(report, 4));
    }
    text
}

/// The state of all slabs at the end, indented.
pub(crate) fn picture_text(report: &Report, indent: usize) -> String {
    let mut text = String::new();
    for line in report.picture.lines() {
        let words = line.trim_start();
        let column = indent + line.len() - words.len();
        let _ = writeln!(text, "{:column$}{}", "", folded(words, column, column + 8));
    }
    text
}

/// The smallest failing run that was found, explained.
pub(crate) fn shrunk_text(shrunk: &Shrunk) -> String {
    let text = format!(
        "shrunk from {} to {} operations and from {} to {} context switches, in {} runs:\n",
        shrunk.operations.0,
        shrunk.operations.1,
        shrunk.switches.0,
        shrunk.switches.1,
        grouped(shrunk.runs)
    );
    text + &explanation(&shrunk.report, shrunk.cause.as_ref())
}

/// A failing run whose steps were kept: what the threads do, what decided it, if that is known, its
/// steps as columns, and the state at the end.
pub fn explanation(report: &Report, cause: Option<&Cause>) -> String {
    let mut text = String::new();
    for (thread, operations) in report.program.threads.iter().enumerate() {
        let words: Vec<String> = operations.iter().map(Operation::to_string).collect();
        let _ = writeln!(text, "  thread {thread}: {}", folded(&words.join("; "), 12, 4));
    }
    if let Some(cause) = cause {
        text.push_str(&cause::text(cause, report));
    }
    text.push_str(&explain::draw(report, cause));
    if let Some(violation) = report.violation() {
        let sentence = format!("VIOLATION {}: {}", violation.oracle, violation.message);
        let _ = writeln!(text, "{}", folded(&sentence, 0, 2));
    }
    text.push_str("the state there:\n");
    for line in report.picture.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// The same for programs.
pub(crate) fn shrunk_value(shrunk: &Shrunk) -> Value {
    json!({
        "program": shrunk.report.program.to_notation(),
        "operations": shrunk.operations.1,
        "switches": shrunk.switches.1,
        "steps": shrunk.report.steps,
        "runs": shrunk.runs,
        "message": shrunk.report.violation().map(|violation| violation.message.clone()),
        "cause": shrunk.cause.as_ref().map(|cause| cause::value(cause, &shrunk.report)),
    })
}

/// How to see the run again.
pub(crate) fn reproduce_text(report: &Report, commit: &str) -> String {
    format!("reproduce it (commit {commit}) with:\n  {}\n", report.settings.command())
}

fn operation_text(report: &Report, violation: &Violation) -> String {
    operation(report, violation.thread, violation.operation)
        .map_or(String::new(), |operation| format!(" ({operation})"))
}

/// The operation of that number, counted from one; `None` for the end of a thread, and for the
/// thread that tidies up.
pub(crate) fn operation(report: &Report, thread: usize, number: u32) -> Option<Operation> {
    let operations = report.program.threads.get(thread)?;
    operations.get((number as usize).checked_sub(1)?).copied()
}

/// A step of a lifecycle, in one line.
pub fn transition_text(transition: &Transition, slabs_per_superslab: u32) -> String {
    let mut text = format!("step {:>5}  thread {}  ", transition.step, transition.thread);
    let slab_name = |index: u32| {
        format!("superslab {}, slab {}", index / slabs_per_superslab, index % slabs_per_superslab)
    };
    let _ = match transition.change {
        Change::Slab(index, old, new) => {
            let name = |state: Option<SlabState>| state.map_or("?", SlabState::name);
            let owner = match (old.owner().heap(), new.owner().heap()) {
                (_, Some(heap)) => format!("  to heap {heap}"),
                (Some(heap), None) => format!("  from heap {heap}"),
                (None, None) => String::new(),
            };
            write!(
                text,
                "{}  {} → {}  gen {}{owner}",
                slab_name(index),
                name(old.state()),
                name(new.state()),
                new.generation()
            )
        }
        Change::SuperSlab(index, old, new) => write!(
            text,
            "superslab {index}  {} → {}  gen {}",
            old.usage().name(),
            new.usage().name(),
            new.generation()
        ),
        Change::RemoteFree(index) => write!(text, "{}  remote free", slab_name(index)),
    };
    text
}

/// The report for programs.
pub(crate) fn value(report: &Report, commit: &str) -> Value {
    let settings = &report.settings;
    let counts = &report.counts;
    json!({
        "outcome": match &report.end {
            End::Finished => "passed",
            End::Stopped => "stopped",
            End::Violation(_) => "violation",
        },
        "seed": settings.seed,
        "schedule": settings.schedule,
        "scenario": settings.scenario.name,
        "plant": settings.plant.map(|fault| fault.name()),
        "strategy": settings.strategy_text(),
        "memory": settings.memory.name(),
        "geometry": settings.geometry.name(),
        "threads": settings.threads,
        "operations": report.operations,
        "steps": report.steps,
        "choices": report.choices,
        "switches": report.switches,
        "plain_accesses": report.plain_accesses,
        "longest_operations": longest_value(&report.longest_operations),
        "incidents": incidents_value(&report.incidents),
        "digest": format!("{:016x}", report.digest),
        "transitions": {
            "bound": counts.bound,
            "filled": counts.filled,
            "reopened": counts.reopened,
            "abandoned": counts.abandoned,
            "adopted": counts.adopted,
            "emptied": counts.emptied,
            "remote_frees": counts.remote_frees,
            "superslabs_retired": counts.retired,
            "runs": counts.runs,
            "large_blocks": counts.large,
        },
        "oracles": ORACLES.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        "violation": report.violation().map(|violation| violation_value(report, violation)),
        "command": settings.command(),
        "commit": commit,
    })
}

fn violation_value(report: &Report, violation: &Violation) -> Value {
    let (place, other_place) = report.places.clone().unwrap_or_default();
    json!({
        "oracle": violation.oracle,
        "message": violation.message,
        "thread": violation.thread,
        "step": violation.step,
        "operation": violation.operation,
        "access": violation.access.kind.name(),
        "place": place,
        "site": violation.access.site.to_string(),
        "other": violation.other.map(|other| json!({
            "thread": other.thread,
            "access": other.kind.name(),
            "place": other_place,
            "site": other.site.to_string(),
        })),
    })
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// The words of a text in lines of at most [`WIDTH`] columns. The first line begins at column
/// `begin`, the others are indented by `indent`. A word that is longer than a line stays whole.
pub(crate) fn folded(text: &str, begin: usize, indent: usize) -> String {
    folded_within(text, begin, indent, WIDTH)
}

/// The words of a text in lines of at most `width` columns; all but the first are indented by two.
pub(crate) fn folded_to(text: &str, width: usize) -> String {
    folded_within(text, 0, 2, width)
}

fn folded_within(text: &str, begin: usize, indent: usize, most: usize) -> String {
    let mut folded = String::new();
    let mut column = begin;
    for word in text.split(' ') {
        let width = word.chars().count();
        if folded.is_empty() {
            column += width;
        } else if column + 1 + width > most {
            folded.push('\n');
            folded.push_str(&" ".repeat(indent));
            column = indent + width;
        } else {
            folded.push(' ');
            column += 1 + width;
        }
        folded.push_str(word);
    }
    folded
}

/// A text that somebody else wrote, as in a trace, without what would move a terminal's cursor.
pub(crate) fn plain(text: &str) -> String {
    text.replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let texts: Vec<String> = [0, 999, 1_000, 1_234_567].map(grouped).to_vec();
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn words_stay_whole_and_within_the_width() {
        let text = "alpha ".repeat(40) + "omega";
        let folded = folded(&text, 12, 4);
        assert!(folded.lines().count() > 2);
        assert!(
            folded.lines().skip(1).all(|line| line.len() <= WIDTH && line.starts_with("    a"))
        );
        assert!(folded.lines().next().is_some_and(|line| 12 + line.len() <= WIDTH));
        assert_eq!(folded.split_whitespace().count(), 41);
    }

    #[test]
    fn one_thing_is_not_said_in_the_plural() {
        assert_eq!(counted(1, "step", "steps"), "1 step");
        assert_eq!(counted(0, "step", "steps"), "0 steps");
        assert_eq!(counted(1_000, "step", "steps"), "1,000 steps");
    }
}
