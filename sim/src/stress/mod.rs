//! The scenarios on real threads: the same programs, the same interpreter, hak as it ships.
//!
//! ```text
//! hak-sim stress     supervisor ── starts, bounds in time, tells how it ended
//!                           │ process
//!                stress_process ── round after round until the time is up
//!                           │
//!                         rounds ── a program from (seed, round); threads; at rest: audit, free,
//!                           │       collect, audit
//!                           │ thread
//!                         worker ── an `interpreter::Side`: oracles around each call
//!                           │
//!                         subject ── hak, or a small allocator with a known fault (stand_in)
//! ```
//!
//! What the simulator cannot see is looked at here: the machine code, caches, the system's memory
//! and threads, and sizes as they are. What it can do is lost: the system schedules, so a run
//! cannot be repeated, only tried again, and nothing looks into the allocator between two
//! operations. A stress that passes says less than a search that passes.
//!
//! Everything that the harness needs lies apart from the memory of the allocator: it could not
//! trust it otherwise.

mod filled_block;
pub mod own_memory;
mod rounds;
mod shadow;
mod stand_in;
pub(crate) mod stress_process;
mod subject;
mod supervisor;
mod totals;
mod worker;

use std::time::Duration;

use crate::scenario::Scenario;

pub use stand_in::{Flaw, STAND_INS};
pub(crate) use supervisor::{Ended, watch};
pub(crate) use totals::StressTotals;

/// Threads of a program, at most.
pub const THREADS_MAX: usize = 64;

/// Seconds of a stress, at most.
pub const SECONDS_MAX: u64 = 86_400;

/// What a stress is asked for.
#[derive(Clone)]
pub struct StressPlan {
    /// Keys the programs.
    pub seed: u64,
    /// Threads of each program.
    pub threads: usize,
    /// For how long.
    pub time: Duration,
    /// What happens, in turn.
    pub scenarios: Vec<&'static Scenario>,
    /// Only the program of this round, again and again.
    pub round: Option<u64>,
    /// The faulty allocator that takes hak's place.
    pub stand_in: Option<Flaw>,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StressFinding {
    /// Which oracle found it.
    pub oracle: String,
    /// What is wrong, in one sentence.
    pub message: String,
}

impl StressFinding {
    pub(crate) fn new(oracle: &str, message: impl Into<String>) -> StressFinding {
        StressFinding { oracle: oracle.to_owned(), message: message.into() }
    }
}

/// The oracles of a stress: those of a run that can be asked outside of it, and two more.
///
/// A new one stands in the list and where it accuses.
pub mod oracle {
    pub use crate::runtime::oracle::{
        ACCOUNTING, ALIGNMENT, ASSERTION, CONTENT, MISUSE, OVERLAP, PROGRESS, USABLE_SIZE,
    };

    /// The allocator knows its blocks for its own.
    pub const OWNS: &str = "owns";
    /// The process is not ended by a signal.
    pub const CRASH: &str = "crash";

    /// Each oracle of a stress.
    pub const ALL: &[&str] = &[
        OVERLAP,
        ALIGNMENT,
        CONTENT,
        USABLE_SIZE,
        OWNS,
        ACCOUNTING,
        MISUSE,
        ASSERTION,
        CRASH,
        PROGRESS,
    ];
}
