//! What a run says of itself: as text for people, as JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::oracle::ORACLES;
use crate::oracle::slabs::{Change, Transition};
use crate::program::Operation;
use crate::runtime::{End, Violation};
use crate::simulation::Report;

use hak_core::slot::SlabState;

/// The report for people.
pub fn text(report: &Report) -> String {
    let mut text = headline(report);
    let _ = writeln!(
        text,
        "  {} threads, {} operations, {} steps ({} choices, {} context switches), {} plain accesses",
        report.settings.threads,
        grouped(report.operations),
        grouped(report.steps),
        grouped(report.choices),
        grouped(report.switches),
        grouped(report.plain_accesses)
    );
    let counts = &report.counts;
    let _ = writeln!(
        text,
        "  slabs: {} bound, {} filled, {} reopened, {} abandoned, {} adopted, {} emptied; \
         {} remote frees; {} superslabs retired, {} large blocks",
        counts.bound,
        counts.filled,
        counts.reopened,
        counts.abandoned,
        counts.adopted,
        counts.emptied,
        counts.remote_frees,
        counts.retired,
        counts.large
    );
    let names: Vec<&str> = ORACLES.iter().map(|(name, _)| *name).collect();
    let _ = writeln!(text, "  {} oracles: {}", names.len(), wrapped(&names, 100, 4));
    let _ = writeln!(text, "  digest {:016x}", report.digest);
    match &report.end {
        End::Finished => text.push_str("nothing wrong\n"),
        End::Stopped => text.push_str("stopped before its end, nothing wrong so far\n"),
        End::Violation(violation) => text.push_str(&violation_text(report, violation)),
    }
    text
}

/// What was run, in one line.
pub fn headline(report: &Report) -> String {
    let settings = &report.settings;
    let plant =
        settings.plant.map_or(String::new(), |fault| format!(", planted fault {}", fault.name()));
    format!(
        "scenario {}, seed {}, schedule {}, strategy {}, {} geometry, {} memory{plant}\n",
        settings.scenario.name,
        settings.seed,
        settings.schedule,
        settings.strategy,
        settings.geometry.name(),
        settings.memory.name()
    )
}

/// The violation: which oracle, who, where, against whom, and how to see it again.
pub fn violation_text(report: &Report, violation: &Violation) -> String {
    let mut text = format!("VIOLATION {}: {}\n", violation.oracle, violation.message);
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
        for line in report.picture.lines() {
            let _ = writeln!(text, "      {line}");
        }
    }
    text
}

/// How to see the run again.
pub fn reproduce_text(report: &Report, commit: &str) -> String {
    format!("reproduce it (commit {commit}) with:\n  {}\n", report.settings.command())
}

fn operation_text(report: &Report, violation: &Violation) -> String {
    operation(report, violation.thread, violation.operation)
        .map_or(String::new(), |operation| format!(" ({operation})"))
}

/// The operation of that number, counted from one; `None` for the end of a thread, and for the thread that tidies up.
pub fn operation(report: &Report, thread: usize, number: u32) -> Option<Operation> {
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
pub fn value(report: &Report, commit: &str) -> Value {
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
        "strategy": settings.strategy.to_string(),
        "memory": settings.memory.name(),
        "geometry": settings.geometry.name(),
        "threads": settings.threads,
        "operations": report.operations,
        "steps": report.steps,
        "choices": report.choices,
        "switches": report.switches,
        "plain_accesses": report.plain_accesses,
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

/// Words in lines of at most `width` columns, all but the first one indented; the first line has something before it.
fn wrapped(words: &[&str], width: usize, indent: usize) -> String {
    let mut text = String::new();
    let mut column = indent + 12;
    for word in words {
        if column + word.len() + 1 > width {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
        column += word.len() + 1;
    }
    text
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
    fn words_stay_within_the_width() {
        let words = ["alpha"; 40];
        assert!(wrapped(&words, 60, 4).lines().all(|line| line.len() <= 60));
    }
}
