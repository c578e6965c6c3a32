//! What a subject reports about its run.
//!
//! The types mirror `Step` and `Outcome` of a trace. The one difference is the source place: here
//! it is the compiler's own [`Location`], which costs nothing to pass on; in a trace it is an
//! index.

use std::panic::Location;

use hak_traces::{Outcome, Step};

/// A step that has just been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepSeen {
    /// The thread that made it.
    pub thread: u8,
    /// What was done to it: one of the `EVENT_…` constants of the trace format.
    pub event: u8,
    /// What kind of access it was, in the subject's own numbering.
    pub kind: u8,
    /// Which operation of its thread it belongs to, counted from 0.
    pub operation: u32,
    /// What was accessed, as an offset that is the same in every run of the same schedule.
    pub place: u64,
    /// Where in the source.
    pub site: &'static Location<'static>,
}

/// How a run has just ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutcomeSeen {
    /// Nothing wrong was seen.
    Passed,
    /// An oracle objected.
    Violation {
        /// Name of the oracle.
        oracle: String,
        /// What it saw, in words.
        message: String,
        /// The thread that was running.
        thread: u8,
        /// Index of the step in which it happened; the number of steps if it was seen at the end.
        step: u64,
        /// Where in the source, if that is known.
        site: Option<&'static Location<'static>>,
    },
}

/// What makes two steps the same step. The order of the fields is the order in which differences
/// are reported: the first says most about the others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) thread: u8,
    pub(crate) operation: u32,
    pub(crate) kind: u8,
    pub(crate) place: u64,
    pub(crate) event: u8,
}

impl From<&Step> for Identity {
    fn from(step: &Step) -> Self {
        let Step { thread, event, kind, operation, place, .. } = *step;
        Identity { thread, operation, kind, place, event }
    }
}

impl From<&StepSeen> for Identity {
    fn from(seen: &StepSeen) -> Self {
        let StepSeen { thread, event, kind, operation, place, .. } = *seen;
        Identity { thread, operation, kind, place, event }
    }
}

/// Whether a recorded outcome and one just seen are the same.
pub(crate) fn same_outcome(recorded: &Outcome, seen: &OutcomeSeen) -> bool {
    match (recorded, seen) {
        (Outcome::Passed, OutcomeSeen::Passed) => true,
        (
            Outcome::Violation { oracle, thread, step, .. },
            OutcomeSeen::Violation {
                oracle: oracle_seen,
                thread: thread_seen,
                step: step_seen,
                ..
            },
        ) => oracle == oracle_seen && thread == thread_seen && step == step_seen,
        _ => false,
    }
}
