//! Violations: what a run found wrong, and the oracles' names.
//!
//! A violation stops a run at the very access that breaks the rule, before that access has any effect.

use std::fmt;
use std::panic::Location;

use super::access::{Access, Kind, ThreadId};

/// The oracles of the runtime, by name.
pub mod oracle {
    /// An access outside of the arena.
    pub const FOREIGN_ACCESS: &str = "foreign-access";
    /// An access to a page without memory.
    pub const RELEASED_MEMORY: &str = "released-memory";
    /// A page operation on pages in the wrong state.
    pub const PAGE_STATE: &str = "page-state";
    /// Two accesses, one of them a write and one of them plain, that nothing orders.
    pub const DATA_RACE: &str = "data-race";
    /// The allocator touches a block that the program holds.
    pub const LIVE_BLOCK: &str = "live-block";
    /// A block that overlaps a live one was handed out.
    pub const OVERLAP: &str = "overlap";
    /// A live block was handed out again.
    pub const DOUBLE_HAND_OUT: &str = "double-hand-out";
    /// A block, or an access, is not aligned.
    pub const ALIGNMENT: &str = "alignment";
    /// A block's contents changed while the program held it.
    pub const CONTENT: &str = "content";
    /// The program returned what it does not hold.
    pub const USABLE_SIZE: &str = "usable-size";
    /// The program returned what it does not hold.
    pub const INVALID_FREE: &str = "invalid-free";
    /// The run does not end.
    pub const PROGRESS: &str = "progress";
    /// An assertion failed.
    pub const ASSERTION: &str = "assertion";
    /// The allocator accuses the program of misuse.
    pub const MISUSE: &str = "misuse";
}

/// An earlier access that a violation is about.
#[derive(Clone, Copy, Debug)]
pub struct OtherAccess {
    /// By whom.
    pub thread: ThreadId,
    /// What it did.
    pub kind: Kind,
    /// At which line.
    pub site: &'static Location<'static>,
    /// Where.
    pub offset: usize,
}

/// What an oracle says; the engine adds who and when.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which oracle.
    pub oracle: &'static str,
    /// One plain sentence.
    pub message: String,
    /// The earlier access of the pair, if there is one.
    pub other: Option<OtherAccess>,
    /// The slab that it is about, if the accesses do not tell: its SuperSlab and its number there.
    pub slab: Option<(u32, u32)>,
}

impl Finding {
    /// A finding about one access.
    pub fn new(oracle: &'static str, message: impl Into<String>) -> Box<Finding> {
        Box::new(Finding { oracle, message: message.into(), other: None, slab: None })
    }

    /// A finding about a pair of accesses.
    pub fn about(
        oracle: &'static str,
        message: impl Into<String>,
        other: OtherAccess,
    ) -> Box<Finding> {
        Box::new(Finding { oracle, message: message.into(), other: Some(other), slab: None })
    }
}

/// A violation.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which oracle.
    pub oracle: &'static str,
    /// One plain sentence.
    pub message: String,
    /// The thread that broke the rule.
    pub thread: ThreadId,
    /// The number of the step.
    pub step: u64,
    /// The number of the thread's operation.
    pub operation: u32,
    /// The access, which had no effect.
    pub access: Access,
    /// The earlier access of the pair, if there is one.
    pub other: Option<OtherAccess>,
    /// The slab that it is about, if the accesses do not tell: its SuperSlab and its number there.
    pub slab: Option<(u32, u32)>,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}: {} (step {}, thread {}, operation {}, {})",
            self.oracle, self.message, self.step, self.thread, self.operation, self.access.site
        )
    }
}
