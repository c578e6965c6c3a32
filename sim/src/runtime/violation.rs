//! Violations: what a run found wrong.
//!
//! A violation stops a run at the very access that breaks the rule, before that access has any
//! effect.

use std::fmt;
use std::panic::Location;

use super::access::{Access, Kind, ThreadId};

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
