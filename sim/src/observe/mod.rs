//! What is looked at while a run goes on, and at rest.
//!
//! | File | What it is |
//! |---|---|
//! | `ownership`, [`lifecycle`], `limit` | oracles at each step; `descriptors` is what they share |
//! | `accounting`, `room`, `secret` | oracles at rest, and when a block is or is not handed out |
//! | [`event_log`] | each step, for those who tell it |
//! | [`access_log`] | each access, for who looks for the cause of a failure |
//! | [`coherence`] | which cache lines pass from one thread to another |
//! | `states`, `hyperloglog` | how many different states were seen, about |
//! | `picture` | the state as text |
//!
//! Here are the oracles that know what a slab is; those that know memory only belong to the
//! runtime. None of them knows of planted faults, and none asks the core what it believes: they
//! look at the words themselves, as they lie in memory.

pub mod access_log;
pub(crate) mod accounting;
pub mod coherence;
mod descriptors;
pub mod event_log;
pub(crate) mod hyperloglog;
pub mod lifecycle;
pub(crate) mod limit;
pub(crate) mod ownership;
pub(crate) mod picture;
pub(crate) mod room;
pub(crate) mod secret;
pub(crate) mod states;

use crate::observe::access_log::AccessLog;
use crate::observe::event_log::EventLog;
use crate::observe::lifecycle::Lifecycle;
use crate::observe::limit::Limit;
use crate::observe::ownership::Ownership;
use crate::observe::states::States;
pub use crate::runtime::oracle::ALL as ORACLES;
use crate::runtime::{Observer, WorldGeometry};

/// The observers of one run of the allocator.
pub(crate) struct RunObservers<G: WorldGeometry> {
    /// Keeps each step, if they are to be kept.
    pub events: Option<EventLog<G>>,
    /// Keeps each access, if they are to be kept.
    pub(crate) accesses: Option<AccessLog>,
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
    pub(crate) fn oracles() -> RunObservers<G> {
        RunObservers {
            events: None,
            accesses: None,
            states: None,
            ownership: Ownership::default(),
            lifecycle: Lifecycle::new(false),
            limit: Limit::default(),
        }
    }

    /// All of them. Who only keeps what it sees stands in front of who ends the run.
    pub(crate) fn list(&mut self) -> impl Observer {
        let states = self.states.as_deref_mut();
        (
            self.accesses.as_mut(),
            self.events.as_mut(),
            states,
            &mut self.ownership,
            &mut self.lifecycle,
            &mut self.limit,
        )
    }
}
