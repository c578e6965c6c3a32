//! `hak-sim scenarios` and `hak-sim faults`.

use serde_json::json;

use super::arguments::Plain;
use super::{Exit, Refusal, print};
use crate::faults::FAULTS;
use crate::protocols::PROTOCOLS;
use crate::scenario::SCENARIOS;

pub(super) fn scenarios(options: &Plain) -> Result<Exit, Refusal> {
    print(
        options.json,
        || {
            let mut text = String::new();
            for scenario in SCENARIOS.iter().chain(PROTOCOLS) {
                text += &format!(
                    "{:19} {}\n{:19} {} threads of {} operations; about {}\n",
                    scenario.name,
                    scenario.about,
                    "",
                    scenario.threads,
                    scenario.operations,
                    scenario.origins
                );
            }
            text
        },
        || {
            json!({ "scenarios": SCENARIOS.iter().chain(PROTOCOLS).map(|scenario| json!({
                "name": scenario.name,
                "about": scenario.about,
                "origins": scenario.origins.split(' ').collect::<Vec<_>>(),
                "threads": scenario.threads,
                "operations": scenario.operations,
            })).collect::<Vec<_>>() })
        },
    );
    Ok(Exit::Passed)
}

pub(super) fn faults(options: &Plain) -> Result<Exit, Refusal> {
    print(
        options.json,
        || {
            let mut text = String::new();
            for row in FAULTS {
                text += &format!(
                    "{:19} {:4} {}\n{:24} found by {}\n",
                    row.fault.name(),
                    row.origin,
                    row.about,
                    "",
                    row.oracles.join(", ")
                );
            }
            text
        },
        || {
            json!({ "faults": FAULTS.iter().map(|row| json!({
                "name": row.fault.name(),
                "origin": row.origin,
                "about": row.about,
                "oracles": row.oracles,
            })).collect::<Vec<_>>() })
        },
    );
    Ok(Exit::Passed)
}
