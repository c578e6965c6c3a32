//! What a planted fault needs of a run, and where its row stands.
//!
//! The list of faults is that of the core ([`Fault::row`]): where each comes from, what it does,
//! and which oracles find it. Most faults take a line away that protects against the bug, or put it
//! in another place. Where the core is built so that no single line protects, a fault breaks the
//! promise itself (S5, D5); its sentence says so.
//!
//! The list is for people. No oracle reads it, and none knows which fault is planted. The known
//! bugs that cannot be planted stand in [`not_plantable`].

pub mod not_plantable;

use hak_core::{Fault, Needs};

use crate::runtime::{GeometryName, MemoryModel};

/// The geometry that shows a fault.
pub(crate) fn geometry(plant: Option<Fault>) -> GeometryName {
    match needs(plant) {
        Needs::WideMap => GeometryName::Wide,
        Needs::Nothing | Needs::WeakMemory | Needs::StoppedThread => GeometryName::Tiny,
    }
}

/// Whether a fault shows only if a thread stops for ever: then one does, in every schedule of a
/// search that was not asked for events.
pub(crate) fn needs_stop(plant: Option<Fault>) -> bool {
    match needs(plant) {
        Needs::StoppedThread => true,
        Needs::Nothing | Needs::WeakMemory | Needs::WideMap => false,
    }
}

/// The memory model that shows a fault, or a run without one, unless another was asked for.
pub(crate) fn memory(plant: Option<Fault>) -> MemoryModel {
    match needs(plant) {
        Needs::WeakMemory => MemoryModel::Weak,
        Needs::Nothing | Needs::StoppedThread | Needs::WideMap => MemoryModel::Sc,
    }
}

fn needs(plant: Option<Fault>) -> Needs {
    plant.map_or(Needs::Nothing, |fault| fault.row().needs)
}

/// The faults that stand for a row of the list of known bugs.
pub fn of_row(origin: &str) -> impl Iterator<Item = Fault> {
    Fault::ALL.iter().copied().filter(move |fault| fault.row().origin == origin)
}

/// Where a row stands in the list of known bugs: first S, then H, D, R, A, B and C, each by number.
pub fn order(origin: &str) -> (Option<usize>, Option<u32>) {
    ("SHDRABC".find(&origin[..1]), origin[1..].parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::not_plantable::ABSENT;
    use crate::observe::ORACLES;
    use crate::run::events::Events;
    use crate::run::settings::{Settings, StrategyName};
    use crate::run::simulation::{Extras, Simulator};
    use crate::scenario::SCENARIOS;
    use crate::search::explore::{Search, SearchLimit, explore};

    #[test]
    fn each_fault_has_a_name_of_its_own_that_is_its_own_in_small_letters() {
        for (number, fault) in Fault::ALL.iter().enumerate() {
            assert_eq!(*fault as usize, number);
            let mut name = String::new();
            for letter in format!("{fault:?}").chars() {
                if letter.is_ascii_uppercase() && !name.is_empty() {
                    name.push('-');
                }
                name.push(letter.to_ascii_lowercase());
            }
            assert_eq!(fault.name(), name);
            assert_eq!(Fault::from_name(&name), Some(*fault));
        }
    }

    #[test]
    fn each_fault_names_oracles_that_exist() {
        for oracle in Fault::ALL.iter().flat_map(|fault| fault.row().oracles) {
            assert!(ORACLES.iter().any(|(name, _)| name == oracle), "{oracle}");
        }
    }

    #[test]
    fn every_row_of_the_acceptance_list_is_planted_or_says_why_not() {
        let rows = |letter: char, numbers: &'static [u32]| {
            numbers.iter().map(move |number| format!("{letter}{number}"))
        };
        let expected: Vec<String> = rows('S', &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
            .chain(rows('H', &[2, 3, 4, 5, 6, 9, 10]))
            .chain(rows('D', &[1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 14, 16, 17, 19, 20, 21]))
            .chain(rows('D', &[23, 24, 25, 27, 28, 29, 30]))
            .chain(rows('R', &[1]))
            .chain(rows('A', &[1, 2, 3, 4]))
            .chain(rows('B', &[1, 2, 3]))
            .chain(rows('C', &[4]))
            .collect();
        let mut listed: Vec<&str> = Fault::ALL.iter().map(|fault| fault.row().origin).collect();
        assert!(listed.is_sorted_by_key(|origin| order(origin)), "{listed:?}");
        listed.dedup();
        listed.extend(ABSENT.iter().map(|row| row.origin));
        listed.sort_by_key(|origin| order(origin));
        assert_eq!(listed, expected);
    }

    #[test]
    fn each_planted_row_has_a_scenario_that_is_about_it() {
        for origin in Fault::ALL.iter().map(|fault| fault.row().origin) {
            let named = |origins: &str| origins.split(' ').any(|one| one == origin);
            assert!(SCENARIOS.iter().any(|scenario| named(scenario.origins)), "{origin}");
        }
    }

    #[test]
    fn what_weak_memory_alone_shows_is_not_found_without_it() {
        let weak = |fault: &&Fault| fault.row().needs == Needs::WeakMemory;
        for fault in Fault::ALL.iter().filter(weak) {
            let settings = SCENARIOS.iter().map(|scenario| Settings {
                plant: Some(*fault),
                strategy: StrategyName::Portfolio,
                ..Settings::new(scenario, 42)
            });
            let limit = SearchLimit::Schedules(2_000);
            let search = Search { settings: settings.collect(), limit, shard: (0, 1), jobs: 2 };
            let found = explore(&search, &|_, _| {}).expect("memory for a world");
            assert!(found.violation.is_none(), "{}", fault.name());
        }
    }

    #[test]
    fn each_fault_is_found_by_an_oracle_of_its_row_and_nothing_is_found_without_one() {
        let mut wrong = Vec::new();
        for fault in Fault::ALL {
            let found = search(Some(*fault)).unwrap_or("nothing");
            if !fault.row().oracles.contains(&found) {
                wrong.push(format!("{} was found by {found}", fault.name()));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert_eq!(search(None), None);
    }

    /// The oracle that the first violation of the default search is found by.
    fn search(plant: Option<Fault>) -> Option<&'static str> {
        let settings = SCENARIOS.iter().map(|scenario| Settings {
            plant,
            strategy: StrategyName::Portfolio,
            memory: memory(plant),
            events: Events::showing(plant),
            geometry: geometry(plant),
            ..Settings::new(scenario, 42)
        });
        let limit = SearchLimit::Schedules(if plant.is_some() { 60_000 } else { 1_000 });
        let search = Search { settings: settings.collect(), limit, shard: (0, 1), jobs: 2 };
        let found = explore(&search, &|_, _| {}).expect("memory for a world");
        let report = Simulator::new().run(&found.violation?, Extras::default());
        Some(report.expect("memory for a world").violation().expect("it fails again").oracle)
    }
}
