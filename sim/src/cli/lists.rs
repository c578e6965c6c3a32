//! `hak-sim scenarios` and `hak-sim faults`.

use std::fmt::Write;

use hak_core::Fault;
use serde_json::json;

use super::arguments::{Faults, PlainOptions};
use super::{Exit, Refusal, measure, print};
use crate::faults;
use crate::faults::not_plantable::{ABSENT, Absent};
use crate::report::{counted, folded};
use crate::run::events::Events;
use crate::run::settings::MemoryModel;
use crate::scenario::protocols::PROTOCOLS;
use crate::scenario::{SCENARIOS, Scenario};

/// What stands in front of the scenarios.
const SCENARIOS_INTRODUCTION: &str = "Run one with --scenario NAME. The programs of the first \
    ones are drawn from the seed: they are for one run, and for `hak-sim explore`. Those called \
    prove-... are small and always the same: they are for `hak-sim prove`, which searches all of \
    their schedules. What they are about are rows of `hak-sim faults`.";

/// What stands in front of the faults.
const FAULTS_INTRODUCTION: &str = "Known bugs: rows S and H are those of the allocator that hak \
    descends from, rows D and R those that other allocators shipped. A bug with a name can be \
    planted: --plant NAME, or --plant ROW where the row has one name. The sentence says what is \
    wrong then, and below it stand the oracles that are the first to find it.";

/// Everything that can be run: what is drawn, and what is fixed.
fn all() -> impl Iterator<Item = &'static Scenario> {
    SCENARIOS.iter().chain(PROTOCOLS)
}

pub(super) fn scenarios(options: &PlainOptions) -> Result<Exit, Refusal> {
    print(
        options.json,
        || {
            let mut text = folded(SCENARIOS_INTRODUCTION, 0, 0) + "\n\n";
            let indent = 2 + longest(all().map(|scenario| scenario.name));
            for scenario in all() {
                let _ = writeln!(
                    text,
                    "{:indent$}{}",
                    scenario.name,
                    folded(scenario.about, indent, indent)
                );
                let sizes = format!(
                    "{} threads of {}; about {}",
                    scenario.threads,
                    counted(scenario.operations as u64, "operation", "operations"),
                    scenario.origins
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

/// A row of the list of known bugs.
enum ListRow {
    Planted(Fault),
    Absent(&'static Absent),
}

impl ListRow {
    fn origin(&self) -> &'static str {
        match self {
            ListRow::Planted(fault) => fault.row().origin,
            ListRow::Absent(row) => row.origin,
        }
    }

    /// The name to plant, the sentence, and what follows it.
    fn texts(&self) -> (&'static str, &'static str, String) {
        match self {
            ListRow::Planted(fault) => {
                let row = fault.row();
                let mut found = format!("found by {}", row.oracles.join(", "));
                if faults::memory(Some(*fault)) == MemoryModel::Weak {
                    found += "; only under weak memory, which is its default";
                }
                if Events::showing(Some(*fault)) != Events::NONE {
                    found +=
                        "; only if a thread stops for ever, as in a search with default settings";
                }
                (row.name, row.about, found)
            }
            ListRow::Absent(row) => ("-", row.about, format!("no counterpart: {}", row.why)),
        }
    }
}

/// The whole list of known bugs, in its order.
fn rows() -> Vec<ListRow> {
    let planted = Fault::ALL.iter().copied().map(ListRow::Planted);
    let mut rows: Vec<ListRow> = planted.chain(ABSENT.iter().map(ListRow::Absent)).collect();
    rows.sort_by_key(|row| faults::order(row.origin()));
    rows
}

pub(super) fn faults(options: &Faults) -> Result<Exit, Refusal> {
    if options.measure {
        return measure::main(options);
    }
    print(
        options.json,
        || {
            let mut text = folded(FAULTS_INTRODUCTION, 0, 0) + "\n\n";
            let rows = rows();
            let names = 2 + longest(Fault::ALL.iter().map(|fault| fault.name()));
            let indent = names + 2 + longest(rows.iter().map(ListRow::origin));
            let origins = indent - names;
            for row in &rows {
                let (name, about, rest) = row.texts();
                let about = folded(about, indent, indent);
                let _ = writeln!(text, "{name:names$}{:origins$}{about}", row.origin());
                let _ = writeln!(text, "{:indent$}{}", "", folded(&rest, indent, indent));
            }
            text
        },
        || {
            json!({
                "outcome": "passed",
                "faults": Fault::ALL.iter().map(|fault| json!({
                    "name": fault.name(),
                    "origin": fault.row().origin,
                    "about": fault.row().about,
                    "oracles": fault.row().oracles,
                    "memory": faults::memory(Some(*fault)).name(),
                })).collect::<Vec<_>>(),
                "absent": ABSENT.iter().map(|row| json!({
                    "origin": row.origin,
                    "about": row.about,
                    "why": row.why,
                })).collect::<Vec<_>>(),
            })
        },
    )?;
    Ok(Exit::Passed)
}

/// The length of the longest of these names.
fn longest<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(str::len).max().unwrap_or(0)
}
