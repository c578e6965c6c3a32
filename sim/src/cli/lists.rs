//! `hak-sim scenarios` and `hak-sim faults`.

use std::fmt::Write;

use serde_json::json;

use super::arguments::Plain;
use super::{Exit, Refusal, print};
use crate::faults::FAULTS;
use crate::protocols::PROTOCOLS;
use crate::report::folded;
use crate::scenario::{SCENARIOS, Scenario};

/// Everything that can be run: what is drawn, and what is fixed.
fn all() -> impl Iterator<Item = &'static Scenario> {
    SCENARIOS.iter().chain(PROTOCOLS)
}

pub(super) fn scenarios(options: &Plain) -> Result<Exit, Refusal> {
    print(
        options.json,
        || {
            let mut text = String::new();
            let indent = 2 + longest(all().map(|scenario| scenario.name));
            for scenario in all() {
                let _ = writeln!(
                    text,
                    "{:indent$}{}",
                    scenario.name,
                    folded(scenario.about, indent, indent)
                );
                let sizes = format!(
                    "{} threads of {} operations; about {}",
                    scenario.threads, scenario.operations, scenario.origins
                );
                let _ = writeln!(text, "{:indent$}{}", "", folded(&sizes, indent, indent));
            }
            text
        },
        || {
            json!({ "outcome": "passed", "scenarios": all().map(|scenario| json!({
                "name": scenario.name,
                "about": scenario.about,
                "origins": scenario.origins.split(' ').collect::<Vec<_>>(),
                "threads": scenario.threads,
                "operations": scenario.operations,
            })).collect::<Vec<_>>() })
        },
    )?;
    Ok(Exit::Passed)
}

pub(super) fn faults(options: &Plain) -> Result<Exit, Refusal> {
    print(
        options.json,
        || {
            let mut text = String::new();
            let names = 2 + longest(FAULTS.iter().map(|row| row.fault.name()));
            let indent = names + 2 + longest(FAULTS.iter().map(|row| row.origin));
            let origins = indent - names;
            for row in FAULTS {
                let _ = writeln!(
                    text,
                    "{:names$}{:origins$}{}",
                    row.fault.name(),
                    row.origin,
                    folded(row.about, indent, indent)
                );
                if !row.oracles.is_empty() {
                    let found = format!("found by {}", row.oracles.join(", "));
                    let _ = writeln!(text, "{:indent$}{}", "", folded(&found, indent, indent));
                }
            }
            text
        },
        || {
            json!({ "outcome": "passed", "faults": FAULTS.iter().map(|row| json!({
                "name": row.fault.name(),
                "origin": row.origin,
                "about": row.about,
                "oracles": row.oracles,
            })).collect::<Vec<_>>() })
        },
    )?;
    Ok(Exit::Passed)
}

/// The length of the longest of these names.
fn longest<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(str::len).max().unwrap_or(0)
}
