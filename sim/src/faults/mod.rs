//! The list of planted faults: where each comes from, what it does, and which oracle finds it.
//!
//! Most faults take a line away that protects against the bug, or put it in another place. Where the core is built so that no
//! single line protects, a fault breaks the promise itself (S5, D5); its sentence says so.
//!
//! The list is for people. No oracle reads it, and none knows which fault is planted. The rows of the acceptance list
//! that nothing can be planted for stand in [`crate::faults::not_plantable`].

pub mod not_plantable;

use hak_core::Fault;

use crate::runtime::{GeometryName, MemoryModel};

/// A row of the list.
pub struct Row {
    /// The fault.
    pub fault: Fault,
    /// Its row in the acceptance list.
    pub origin: &'static str,
    /// What is taken away or broken, in one sentence.
    pub about: &'static str,
    /// The oracles that are the first to find it, in one search or another; a run that goes on may break other rules.
    pub oracles: &'static [&'static str],
}

/// Every fault that can be planted.
pub const FAULTS: &[Row] = &[
    Row {
        fault: Fault::UnownedDrain,
        origin: "S1",
        about: "refill drains the remote lists of the slabs around it without owning them",
        oracles: &["owner-only"],
    },
    Row {
        fault: Fault::DrainBeforeClaim,
        origin: "S2",
        about: "a slab's remote list is drained first and the slab claimed afterwards",
        oracles: &["owner-only"],
    },
    Row {
        fault: Fault::LgMismatch,
        origin: "S4",
        about: "a slab is found with one size of a SuperSlab and given back with another",
        oracles: &["released-memory", "accounting", "live-block", "data-race"],
    },
    Row {
        fault: Fault::RegistryUninit,
        origin: "S5",
        about: "the promise that any thread may free is broken: a free asks its thread's heap for the range, and a \
                thread that never allocated has no heap",
        oracles: &["misuse"],
    },
    Row {
        fault: Fault::FrontCacheBypass,
        origin: "S6",
        about: "blocks that went back to their slabs stay in the thread cache too",
        oracles: &["live-block", "assertion", "data-race", "misuse", "progress"],
    },
    Row {
        fault: Fault::ClassLeftBehind,
        origin: "S6",
        about: "a slab that goes to the pool keeps its class in the class map",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::SlabExhaustion,
        origin: "S8",
        about: "the pool does not grow beyond its first SuperSlab",
        oracles: &["out-of-memory"],
    },
    Row {
        fault: Fault::StaleSlot,
        origin: "S9",
        about: "a slot is taken that was seen free, though its SuperSlab was retired meanwhile",
        oracles: &["transition", "accounting", "data-race"],
    },
    Row {
        fault: Fault::StaleClaim,
        origin: "S10",
        about: "a SuperSlab is retired that was seen wholly free, though a slot of it was claimed meanwhile",
        oracles: &["transition"],
    },
    Row {
        fault: Fault::OwnerAlias,
        origin: "S12",
        about: "only one bit of the owner identity is compared",
        oracles: &["owner-only"],
    },
    Row {
        fault: Fault::ActiveUnderflow,
        origin: "H2",
        about: "a batch that leaves the freelist is not counted",
        oracles: &["foreign-access", "accounting", "assertion", "misuse", "live-block"],
    },
    Row {
        fault: Fault::GuessUnmapped,
        origin: "H3",
        about: "a pointer's slab is guessed, wherever the pointer leads",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::DropOnMiss,
        origin: "H4",
        about: "a remote free that loses its exchange is not tried again",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::RetireWhileCached,
        origin: "H5",
        about: "blocks in a thread cache are not counted, and their SuperSlab is retired",
        oracles: &["misuse", "live-block", "assertion"],
    },
    Row {
        fault: Fault::CacheStrand,
        origin: "H9",
        about: "a thread ends with blocks in its cache",
        oracles: &["accounting", "misuse"],
    },
    Row {
        fault: Fault::StaleBitmap,
        origin: "D1",
        about: "the word of a SuperSlab's slot mask is exchanged with relaxed ordering",
        oracles: &["data-race"],
    },
    Row {
        fault: Fault::StackAba,
        origin: "D2",
        about: "the tag of the stacks of descriptors does not change",
        oracles: &["data-race"],
    },
    Row {
        fault: Fault::ReleaseWithoutLook,
        origin: "D3",
        about: "a released slab's remote list is not looked at again",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::PushWithoutLook,
        origin: "D3",
        about: "who frees remotely does not look whether the slab was released meanwhile",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::FlagLost,
        origin: "D4",
        about: "a flag is changed by load and store while the rest of its word changes",
        oracles: &["accounting", "data-race"],
    },
    Row {
        fault: Fault::AgedWithoutExchange,
        origin: "D4",
        about: "a kept mapping is marked as old by a store, though it may be taken meanwhile",
        oracles: &[
            "overlap",
            "accounting",
            "page-state",
            "released-memory",
            "data-race",
            "misuse",
            "live-block",
            "transition",
            "double-hand-out",
        ],
    },
    Row {
        fault: Fault::IdentityReused,
        origin: "D5",
        about: "the promise that an owner identity has one life is broken: the next thread of a heap gets that of the \
                last one",
        oracles: &["transition"],
    },
    Row {
        fault: Fault::PublishBeforeReady,
        origin: "D6",
        about: "a piece of the range is published before its tables have memory",
        oracles: &["data-race", "released-memory"],
    },
    Row {
        fault: Fault::InitHalfSeen,
        origin: "D6",
        about: "the word that says how far the range has grown is read with relaxed ordering",
        oracles: &["data-race"],
    },
    Row {
        fault: Fault::HeapBeforeMemory,
        origin: "D6",
        about: "a heap is counted as used before it has memory",
        oracles: &["released-memory"],
    },
    Row {
        fault: Fault::HeapAfterExit,
        origin: "D7",
        about: "a thread that has ended goes on with its old heap",
        oracles: &["transition", "assertion"],
    },
    Row {
        fault: Fault::ClaimWithoutExchange,
        origin: "D8",
        about: "a slab is claimed by a store, not by an exchange",
        oracles: &["transition", "data-race"],
    },
    Row {
        fault: Fault::FreeOnlyStrand,
        origin: "D10",
        about: "a thread that only freed ends with blocks in its cache",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::CountStrand,
        origin: "D10",
        about: "a thread ends with counts of slots in its heap: from then on more or less is taken to be idle than is",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::GuestKeepsSlab,
        origin: "D10",
        about: "a thread without a heap keeps the slab that it took a block of",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::OfferBeforeReady,
        origin: "D11",
        about: "a slot is offered before its slab is ready for the next owner",
        oracles: &["transition", "data-race"],
    },
    Row {
        fault: Fault::OfferBeforePurge,
        origin: "D11",
        about: "slots are offered again before their pages were purged",
        oracles: &["data-race"],
    },
    Row {
        fault: Fault::UnmapBeforeRetire,
        origin: "D12",
        about: "a SuperSlab's memory is taken away before the SuperSlab is closed",
        oracles: &["accounting", "released-memory", "page-state", "live-block", "data-race"],
    },
    Row {
        fault: Fault::DrainWithoutAcquire,
        origin: "D16",
        about: "a remote list is taken with relaxed ordering",
        oracles: &["data-race"],
    },
    Row {
        fault: Fault::SlabUsedAfterPurge,
        origin: "D17",
        about: "a slab that was given to the pool stays in its heap's list",
        oracles: &["owner-only"],
    },
    Row {
        fault: Fault::GrownOnOldLook,
        origin: "D17",
        about: "a run grows into slots that were seen free, though they were taken meanwhile",
        oracles: &["overlap", "data-race", "live-block", "double-hand-out"],
    },
    Row {
        fault: Fault::MissedWakeUp,
        origin: "D20",
        about: "the look at a released slab's remote list is relaxed: releaser and remote free may miss each other",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::RoundMissed,
        origin: "D20",
        about: "a round of decay is noted as made at its end, not at its beginning: what becomes idle meanwhile has no \
                round to come",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::ListedTwice,
        origin: "D21",
        about: "whether a SuperSlab is listed is decided by an earlier look, though others list it too",
        oracles: &["accounting", "progress"],
    },
    Row {
        fault: Fault::PurgeWithoutTaking,
        origin: "D21",
        about: "pages of slots are purged that were seen free and not taken",
        oracles: &["data-race", "live-block"],
    },
    Row {
        fault: Fault::OpenBeforeReady,
        origin: "D23",
        about: "a SuperSlab is opened before it has memory",
        oracles: &["data-race"],
    },
    Row {
        fault: Fault::ReleaseBeforeUnmap,
        origin: "D23",
        about: "a mapping's units are free for others before its memory was taken away",
        oracles: &["data-race", "page-state"],
    },
    Row {
        fault: Fault::KeptBeforeClosed,
        origin: "D23",
        about: "a freed mapping is there for others before its block was closed",
        oracles: &["misuse", "accounting"],
    },
    Row {
        fault: Fault::OfferBeforeMove,
        origin: "D23",
        about: "a mapping's units are free for others before its pages were moved away",
        oracles: &["page-state", "data-race"],
    },
    Row {
        fault: Fault::MapUpdateLost,
        origin: "D24",
        about: "a unit is given back by a load and a store of the unit map, while others claim",
        oracles: &["data-race", "page-state", "accounting"],
    },
    Row {
        fault: Fault::TouchLost,
        origin: "D24",
        about: "which slots were touched is noted by a load and a store, while others touch theirs",
        oracles: &["content", "accounting"],
    },
    Row {
        fault: Fault::KeptWithoutExchange,
        origin: "D24",
        about: "a kept mapping is taken by a store, not by an exchange",
        oracles: &["double-hand-out", "data-race", "live-block", "page-state", "released-memory"],
    },
    Row {
        fault: Fault::ReopenedAtExit,
        origin: "D27",
        about: "a slab that a late free brings back while its thread ends is not given up again",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::HeapReusedEarly,
        origin: "D29",
        about: "a heap is free for the next thread before its slabs were given up",
        oracles: &["data-race"],
    },
    Row {
        fault: Fault::CommitFailureLeak,
        origin: "D30",
        about: "after a failed commit the unit stays claimed",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::ReuseFailureLeak,
        origin: "D30",
        about: "a kept mapping that the system refuses to make longer is lost",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::GrowthFailureLeak,
        origin: "D30",
        about: "a mapping that cannot grow keeps the units that it was to grow into",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::MoveFailureLeak,
        origin: "D30",
        about: "a mapping whose pages the system refuses to move keeps the units that they were to be moved to",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::LeftoverForgotten,
        origin: "D30",
        about: "memory of a mapping that the system did not take back is forgotten",
        oracles: &["accounting", "page-state"],
    },
    Row {
        fault: Fault::RefusedRetirement,
        origin: "D30",
        about: "a SuperSlab whose memory the system did not take back is not opened again",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::RefusedResetTrusted,
        origin: "D30",
        about: "pages that the system refused to reset are taken for fresh",
        oracles: &["content"],
    },
    Row {
        fault: Fault::RefusedShrink,
        origin: "D30",
        about: "a block whose end the system did not wholly take back is taken to be as it was",
        oracles: &["content"],
    },
    Row {
        fault: Fault::RollbackForgotten,
        origin: "D30",
        about: "a claim of units that fails in its second word of the map keeps those of the first",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::ListedAfterRelease,
        origin: "R1",
        about: "an abandoned slab is listed after it was released, when others may have claimed it",
        oracles: &["accounting", "out-of-memory"],
    },
    Row {
        fault: Fault::ClassSeenFirst,
        origin: "R1",
        about: "a slab's class is looked at before its slot word: it is adopted for a class that it had before",
        oracles: &["assertion"],
    },
    Row {
        fault: Fault::SealsLeftBehind,
        origin: "A1",
        about: "seals of free blocks stay in memory that becomes blocks of another size, or a run: the program can read \
                the secret off them",
        oracles: &["secret"],
    },
    Row {
        fault: Fault::UnsealedPush,
        origin: "A2",
        about: "a block that is freed straight to its slab gets a link, and no seal: it is not known to be free",
        oracles: &["misuse"],
    },
    Row {
        fault: Fault::RoomOffByOne,
        origin: "A2",
        about: "a refilled thread cache has one block more of room than it should",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::NoSecondAttempt,
        origin: "A3",
        about: "after memory went back to the system, there is no further attempt to allocate",
        oracles: &["out-of-memory"],
    },
    Row {
        fault: Fault::RunsLookedForShortly,
        origin: "A3",
        about: "a run is refused before every SuperSlab was looked at",
        oracles: &["out-of-memory"],
    },
    Row {
        fault: Fault::DecommitUncounted,
        origin: "A4",
        about: "the bytes of a decommit are not taken off what is counted as committed",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::RefusedCommitCounted,
        origin: "A4",
        about: "the bytes of a commit that the system refuses stay counted",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::MoveUncounted,
        origin: "A4",
        about: "what a moved mapping is longer by is not counted",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::IdleBoundOff,
        origin: "B1",
        about: "however much lies idle, it is not taken for too much",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::KeptBytesNotLowered,
        origin: "B1",
        about: "the bytes of a kept mapping that is taken stay counted as kept",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::CountsAfterHeap,
        origin: "B1",
        about: "a thread that ends adds what its heap counted after the heap was given up, when another may have it",
        oracles: &["data-race"],
    },
    Row {
        fault: Fault::ShareOfTheFirst,
        origin: "B1",
        about: "every heap counts as many slots for itself as the first one may: together they hide more than a constant",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::SliceForgets,
        origin: "B2",
        about: "the last of several slices of a round does not ask for another one",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::SliceOwnedForEver,
        origin: "B2",
        about: "a slice of decay keeps others out for ever, although its thread has stopped in the middle of it",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::RoundGivesNothing,
        origin: "B3",
        about: "a round of decay marks and finds what is old, and gives none of it back",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::NextRoundLate,
        origin: "B3",
        about: "the next round of decay is due in 49 days",
        oracles: &["accounting"],
    },
    Row {
        fault: Fault::OneBlockTooMany,
        origin: "C4",
        about: "the blocks of a slab are rounded up, so that its last one does not fit",
        oracles: &["misuse"],
    },
];

/// The faults that only weak memory shows: some word must be read stale.
const WEAK: &[Fault] = &[Fault::MissedWakeUp];

/// The faults that show only if a thread stops for ever.
const STOPPED: &[Fault] = &[Fault::SliceOwnedForEver];

/// The faults that only the wide geometry shows: they are about more than one word of the unit map.
const WIDE: &[Fault] = &[Fault::RollbackForgotten];

/// The geometry that shows a fault.
pub fn geometry(plant: Option<Fault>) -> GeometryName {
    match plant {
        Some(fault) if WIDE.contains(&fault) => GeometryName::Wide,
        _ => GeometryName::Tiny,
    }
}

/// Whether a fault shows only if a thread stops for ever: then one does, in every schedule of a search that was not asked for
/// events.
pub fn needs_stop(fault: Fault) -> bool {
    STOPPED.contains(&fault)
}

/// The memory model that shows a fault, or a run without one, unless another was asked for.
pub fn memory(plant: Option<Fault>) -> MemoryModel {
    match plant {
        Some(fault) if WEAK.contains(&fault) => MemoryModel::Weak,
        _ => MemoryModel::Sc,
    }
}

/// The faults that stand for a row of the acceptance list.
pub fn of_row(origin: &str) -> impl Iterator<Item = Fault> {
    FAULTS.iter().filter(move |row| row.origin == origin).map(|row| row.fault)
}

/// Where a row stands in the acceptance list: first S, then H, D, R, A, B and C, each by number.
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
    use crate::search::explore::{Limit, Search, explore};

    #[test]
    fn every_fault_has_a_row_and_every_row_names_oracles_that_exist() {
        assert_eq!(FAULTS.len(), Fault::ALL.len());
        for (row, fault) in FAULTS.iter().zip(Fault::ALL) {
            assert_eq!(row.fault, *fault);
            for oracle in row.oracles {
                assert!(ORACLES.iter().any(|(name, _)| name == oracle), "{oracle}");
            }
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
        let mut listed: Vec<&str> = FAULTS.iter().map(|row| row.origin).collect();
        assert!(listed.is_sorted_by_key(|origin| order(origin)), "{listed:?}");
        listed.dedup();
        listed.extend(ABSENT.iter().map(|row| row.origin));
        listed.sort_by_key(|origin| order(origin));
        assert_eq!(listed, expected);
    }

    #[test]
    fn each_planted_row_has_a_scenario_that_is_about_it() {
        for row in FAULTS {
            let named = |origins: &str| origins.split(' ').any(|origin| origin == row.origin);
            assert!(SCENARIOS.iter().any(|scenario| named(scenario.origins)), "{}", row.origin);
        }
    }

    #[test]
    fn what_weak_memory_alone_shows_is_not_found_without_it() {
        for fault in WEAK {
            let settings = SCENARIOS.iter().map(|scenario| Settings {
                plant: Some(*fault),
                strategy: StrategyName::Portfolio,
                ..Settings::new(scenario, 42)
            });
            let limit = Limit::Schedules(2_000);
            let search = Search { settings: settings.collect(), limit, shard: (0, 1), jobs: 2 };
            let found = explore(&search, &|_, _| {}).expect("memory for a world");
            assert!(found.violation.is_none(), "{}", fault.name());
        }
    }

    #[test]
    fn each_fault_is_found_by_an_oracle_of_its_row_and_nothing_is_found_without_one() {
        for row in FAULTS {
            let found = search(Some(row.fault));
            let found = found.unwrap_or_else(|| panic!("{} is not found", row.fault.name()));
            assert!(row.oracles.contains(&found), "{} was found by {found}", row.fault.name());
        }
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
        let limit = Limit::Schedules(if plant.is_some() { 60_000 } else { 1_000 });
        let search = Search { settings: settings.collect(), limit, shard: (0, 1), jobs: 2 };
        let found = explore(&search, &|_, _| {}).expect("memory for a world");
        let report = Simulator::new().run(&found.violation?, Extras::default());
        Some(report.expect("memory for a world").violation().expect("it fails again").oracle)
    }
}
