//! `hak-sim scenarios` and `hak-sim faults`.

use std::fmt::Write;

use serde_json::json;

use super::arguments::Plain;
use super::{Exit, Refusal, print};
use crate::faults::FAULTS;
use crate::report::folded;
use crate::scenario::SCENARIOS;

pub(super) fn scenarios(options: &Plain) -> Result<Exit, Refusal> {
    print(
        options.json,
        || {
            let mut text = String::new();
            for scenario in SCENARIOS {
                let _ = writeln!(
                    text,
                    "{:16}{}\n{:16}{} threads of {} operations; about {}",
                    scenario.name,
                    folded(scenario.about, 16, 16),
                    "",
                    scenario.threads,
                    scenario.operations,
                    scenario.origins
                );
            }
            text
        },
        || {
            json!({ "outcome": "passed", "scenarios": SCENARIOS.iter().map(|scenario| json!({
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
            for row in FAULTS {
                let _ = writeln!(
                    text,
                    "{:20}{:5}{}\n{:25}found by {}",
                    row.fault.name(),
                    row.origin,
                    folded(row.about, 25, 25),
                    "",
                    row.oracles.join(", ")
                );
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
