//! The mutation score: does the search notice when a line of the core that matters is taken away?
//!
//! A mutant is the core with one ordering made weaker by one step, or with one re-check or
//! comparison dropped (those are planted faults). It is *killed* if the search finds a violation,
//! and *survived* if not: then the ordering or the check is not needed, or the search is too weak.
//! The orderings are not listed anywhere: they are met by running.

use std::collections::BTreeMap;
use std::io;

use hak_core::{Fault, Takes};

use crate::run::settings::{MemoryModel, Settings, StrategyName};
use crate::run::simulation::{Extras, Simulator};
use crate::runtime::{Kind, Ordering, Weakening};
use crate::scenario::SCENARIOS;
use crate::search::explore::{Search, SearchLimit, explore};

/// What is changed in the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderingChange {
    /// An ordering that was stronger.
    Order {
        /// What the operation does.
        kind: Kind,
        /// What its ordering is.
        from: Ordering,
        /// Where it is, and what its ordering becomes.
        weakening: Weakening,
    },
    /// A check or comparison that is dropped.
    Check(Fault),
}

/// What became of a mutant.
pub(crate) struct MutantVerdict {
    /// The mutant.
    pub change: OrderingChange,
    /// The schedule and the oracle that killed it.
    pub killed: Option<(u64, &'static str)>,
}

/// The planted faults that drop a check, a comparison or an exchange's condition.
pub(crate) fn checks() -> impl Iterator<Item = Fault> {
    Fault::ALL.iter().copied().filter(|fault| fault.row().takes == Takes::Check)
}

/// Schedules in which orderings are met.
const SURVEY: u64 = 600;

/// Where an operation is: file, line, column.
pub(crate) type SourcePlace = (&'static str, u32, u32);

/// Every non-relaxed ordering of the core that is met, with what its operation does.
///
/// # Errors
/// The system has no memory for the simulated world.
pub(crate) fn survey(
    simulator: &mut Simulator,
) -> io::Result<BTreeMap<SourcePlace, (Kind, Ordering)>> {
    let mut sites = BTreeMap::new();
    for schedule in 0..SURVEY {
        let scenario = &SCENARIOS[(schedule % SCENARIOS.len() as u64) as usize];
        let settings =
            Settings { schedule, strategy: StrategyName::Portfolio, ..Settings::new(scenario, 42) };
        let report = simulator.run(&settings, Extras { events: true, ..Extras::default() })?;
        for event in &report.events {
            let site = event.site;
            if event.kind.is_atomic()
                && event.order != Ordering::Relaxed
                && site.file().contains("core/src/")
            {
                sites.insert((site.file(), site.line(), site.column()), (event.kind, event.order));
            }
        }
    }
    Ok(sites)
}

/// The mutants of the core: each ordering made weaker by one step, each check dropped.
///
/// # Errors
/// The system has no memory for the simulated world.
pub(crate) fn mutants(simulator: &mut Simulator) -> io::Result<Vec<OrderingChange>> {
    let mut changes = Vec::new();
    for ((file, line, column), (kind, from)) in survey(simulator)? {
        for &order in weaker(kind, from) {
            let weakening = Weakening { file, line, column, order };
            changes.push(OrderingChange::Order { kind, from, weakening });
        }
    }
    changes.extend(checks().map(OrderingChange::Check));
    Ok(changes)
}

/// The orderings one step below.
fn weaker(kind: Kind, from: Ordering) -> &'static [Ordering] {
    match (kind, from) {
        (Kind::Load, Ordering::SeqCst) => &[Ordering::Acquire],
        (Kind::Store, Ordering::SeqCst) => &[Ordering::Release],
        (_, Ordering::SeqCst) => &[Ordering::AcqRel],
        (_, Ordering::AcqRel) => &[Ordering::Acquire, Ordering::Release],
        (_, Ordering::Acquire | Ordering::Release) => &[Ordering::Relaxed],
        _ => &[],
    }
}

/// Searches for a violation of a mutant, under weak memory.
///
/// # Errors
/// The system has no memory for the simulated world.
pub(crate) fn judge(
    change: OrderingChange,
    seed: u64,
    schedules: u64,
    jobs: usize,
) -> io::Result<MutantVerdict> {
    let settings = SCENARIOS.iter().map(|scenario| {
        let mut settings = Settings::new(scenario, seed);
        settings.memory = MemoryModel::Weak;
        settings.strategy = StrategyName::Portfolio;
        match change {
            OrderingChange::Order { weakening, .. } => settings.weakening = Some(weakening),
            OrderingChange::Check(fault) => settings.plant = Some(fault),
        }
        settings
    });
    let limit = SearchLimit::Schedules(schedules);
    let search = Search { settings: settings.collect(), limit, shard: (0, 1), jobs };
    let found = explore(&search, &|_, _| {})?;
    let killed = match found.violation {
        None => None,
        Some(settings) => {
            let report = Simulator::new().run(&settings, Extras::default())?;
            report.violation().map(|violation| (settings.schedule, violation.oracle))
        }
    };
    Ok(MutantVerdict { change, killed })
}

/// A mutant, in one line.
pub(crate) fn name(change: &OrderingChange) -> String {
    match change {
        OrderingChange::Order { kind, from, weakening } => format!(
            "{}:{}: {} {from:?} → {:?}",
            weakening.file,
            weakening.line,
            kind.name(),
            weakening.order
        ),
        OrderingChange::Check(fault) => format!("dropped check: {}", fault.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every ordering in the core's source, but for those inside planted faults, by file.
    fn in_source() -> BTreeMap<String, usize> {
        let core = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/src");
        let mut counts = BTreeMap::new();
        for entry in walkdir::WalkDir::new(core) {
            let entry = entry.expect("the core's source");
            let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
            let count = healthy(&text)
                .lines()
                .map(|line| {
                    let strong = ["SeqCst", "AcqRel", "Acquire", "Release"];
                    let named = |name: &&str| line.contains(&format!("Ordering::{name}"));
                    usize::from(strong.iter().any(named))
                })
                .sum();
            if count > 0 {
                let name = entry.path().strip_prefix(core).expect("below it");
                counts.insert(name.to_string_lossy().into_owned(), count);
            }
        }
        counts
    }

    /// A source text without comments, and without what is done only while a fault is planted: the
    /// last argument of these words.
    fn healthy(text: &str) -> String {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let mut text = code.collect::<Vec<_>>().join("\n");
        for word in ["P::replaced(", "P::added(", "P::wrong("] {
            let mut from = 0;
            while let Some(found) = text[from..].find(word) {
                from += found + word.len();
                let (mut depth, mut commas, mut end) = (0, Vec::new(), from);
                for (at, letter) in text[from..].char_indices() {
                    match letter {
                        '(' | '[' | '{' => depth += 1,
                        ')' | ']' | '}' => depth -= 1,
                        ',' if depth == 0 => commas.push(from + at),
                        _ => {}
                    }
                    if depth < 0 {
                        end = from + at;
                        break;
                    }
                }
                let is_last = |comma: &&usize| !text[**comma + 1..end].trim().is_empty();
                let last = *commas.iter().rfind(is_last).expect("a word has arguments");
                text.replace_range(last..end, "");
            }
        }
        text
    }

    #[test]
    fn what_is_done_only_while_a_fault_is_planted_is_cut_out() {
        let text = "P::replaced(\n    X,\n    // Acquire, (so).\n    || a(1, 2),\n    \
            || { b(3); c },\n);\nP::added(X, || d);";
        assert_eq!(healthy(text), "P::replaced(\n    X,\n    || a(1, 2));\nP::added(X);");
    }

    #[test]
    fn every_ordering_of_the_core_is_met_and_stands_in_the_list_of_orderings() {
        let mut met = BTreeMap::new();
        for (file, ..) in survey(&mut Simulator::new()).expect("memory for a world").keys() {
            let name = file.rsplit("core/src/").next().unwrap_or_default().to_owned();
            *met.entry(name).or_insert(0) += 1;
        }
        assert_eq!(met, in_source(), "an ordering that no scenario meets");
        let list = include_str!("../../../docs/ORDERINGS.md");
        for (file, count) in met {
            let rows = list.lines().filter(|line| line.starts_with(&format!("| `{file}`"))).count();
            assert_eq!(rows, count, "rows of {file} in docs/ORDERINGS.md");
        }
    }

    #[test]
    fn weaker_means_one_step() {
        assert_eq!(weaker(Kind::Swap, Ordering::SeqCst), [Ordering::AcqRel]);
        assert_eq!(weaker(Kind::Load, Ordering::SeqCst), [Ordering::Acquire]);
        assert!(weaker(Kind::Load, Ordering::Relaxed).is_empty());
    }
}
