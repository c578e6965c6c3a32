//! Oracles that know what a slab is. Those that know memory only belong to the runtime.
//!
//! None of them knows of planted faults, and none asks the core what it believes: they look at the words themselves, as
//! they lie in memory.

pub mod accounting;
mod descriptors;
pub mod event_log;
pub(crate) mod hyperloglog;
pub mod lifecycle;
pub mod limit;
pub mod ownership;
pub mod picture;
pub mod room;
pub mod secret;
pub(crate) mod states;

use crate::observe::event_log::EventLog;
use crate::observe::lifecycle::Lifecycle;
use crate::observe::limit::Limit;
use crate::observe::ownership::Ownership;
use crate::observe::states::States;
use crate::runtime::{Observer, WorldGeometry};

/// The observers of one run of the allocator.
pub struct RunObservers<G: WorldGeometry> {
    /// Keeps each step, if they are to be kept.
    pub events: Option<EventLog<G>>,
    /// Counts states, if they are to be counted.
    pub(crate) states: Option<Box<States>>,
    /// Checks who touches owner-only words.
    pub ownership: Ownership<G>,
    /// Checks and counts the steps of slabs and SuperSlabs.
    pub lifecycle: Lifecycle<G>,
    /// Compares what is counted as committed with the limit.
    pub limit: Limit<G>,
}

impl<G: WorldGeometry> RunObservers<G> {
    /// The oracles alone.
    pub fn oracles() -> RunObservers<G> {
        RunObservers {
            events: None,
            states: None,
            ownership: Ownership::default(),
            lifecycle: Lifecycle::new(false),
            limit: Limit::default(),
        }
    }

    /// All of them. Who only keeps what it sees stands in front of who ends the run.
    pub fn list(&mut self) -> impl Observer {
        let states = self.states.as_deref_mut();
        (self.events.as_mut(), states, &mut self.ownership, &mut self.lifecycle, &mut self.limit)
    }
}

/// Every oracle, with one sentence on what it checks.
pub const ORACLES: &[(&str, &str)] = &[
    ("overlap", "no two live blocks overlap"),
    ("double-hand-out", "no live block is handed out again"),
    ("alignment", "blocks and accesses are aligned as asked for"),
    ("content", "a live block keeps its contents; a zeroed one is zero"),
    ("live-block", "the allocator does not touch a block that the program holds"),
    ("usable-size", "of a block at least what was asked for may be used"),
    ("invalid-free", "the program returns only what it holds"),
    ("foreign-access", "no access leaves the arena"),
    ("released-memory", "no access to memory that was never had, or was given back"),
    ("page-state", "pages are reserved, committed and released in order"),
    ("data-race", "accesses to a plain word are ordered by happens-before"),
    (ownership::OWNER_ONLY, "only the owner touches a slab's freelist and counts"),
    (
        lifecycle::TRANSITION,
        "slabs and SuperSlabs take only the steps of their lifecycle, made by who may make them",
    ),
    (
        accounting::ACCOUNTING,
        "at rest each block is in exactly one place, counts and stacks agree, memory goes back",
    ),
    (
        accounting::OUT_OF_MEMORY,
        "null is the answer only where no room was left, or the system refused it",
    ),
    (limit::LIMIT, "what is counted as committed never exceeds the limit that was read"),
    (accounting::PAUSE, "an operation takes a bounded number of steps"),
    ("progress", "the run ends within its bound of steps, and not in spinning alone"),
    ("assertion", "no assertion of the core fails"),
    ("misuse", "a correct program is never accused"),
    (secret::SECRET, "no memory that the program gets shows the seal of a free block"),
];
