//! Where a replay left its trace, and in what.
//!
//! As text, a divergence is three lines, both source places among them:
//!
//! ```text
//! the replay diverged at step 17: another place is accessed
//!   recorded: thread 1, operation 3: exchange at 0x10040, core/src/remote.rs:88:13
//!   this run: thread 1, operation 3: exchange at 0x10080, core/src/remote.rs:91:13
//! ```

use std::fmt;

use crate::seen::Identity;
use crate::side::{KindName, Side};

/// In what two runs differ at the first step at which they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Another thread made the step.
    Thread,
    /// The thread is in another operation.
    Operation,
    /// The access is of another kind.
    Kind,
    /// The access is to another place.
    Place,
    /// Another event, or none, was done to the step.
    Event,
    /// The steps agree, the state after them does not.
    Digest {
        /// The recorded digest (or that of the first trace).
        recorded: u64,
        /// The digest of this run (or that of the second trace).
        actual: u64,
        /// The last step whose digests agree, if there is one.
        agreed: Option<u64>,
    },
    /// The recorded thread cannot run.
    NotRunnable,
    /// The run (or the second trace) ends before the trace (or the first) does.
    Ended,
    /// The run (or the second trace) goes on where the trace (or the first) ends.
    Continues,
    /// The runs end at the same step and not in the same way.
    Outcome,
}

impl Reason {
    /// The first thing in which these two steps differ.
    pub(crate) fn between(recorded: Identity, actual: Identity) -> Option<Self> {
        if recorded == actual {
            None
        } else if recorded.thread != actual.thread {
            Some(Reason::Thread)
        } else if recorded.operation != actual.operation {
            Some(Reason::Operation)
        } else if recorded.kind != actual.kind {
            Some(Reason::Kind)
        } else if recorded.place != actual.place {
            Some(Reason::Place)
        } else {
            Some(Reason::Event)
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Reason::Thread => "another thread runs",
            Reason::Operation => "the thread is in another operation",
            Reason::Kind => "the access is of another kind",
            Reason::Place => "another place is accessed",
            Reason::Event => "another event happens to the step",
            Reason::NotRunnable => "the recorded thread cannot run",
            Reason::Ended => "the run ends early",
            Reason::Continues => "the run goes on where the trace ends",
            Reason::Outcome => "the end is another one",
            Reason::Digest { recorded, actual, agreed } => {
                write!(
                    formatter,
                    "the state is another one ({recorded:016x}, now {actual:016x}), "
                )?;
                return match agreed {
                    Some(agreed) => write!(formatter, "and it was the same after step {agreed}"),
                    None => write!(formatter, "and may have been since the start"),
                };
            }
        })
    }
}

/// The first moment at which a replay is not the recorded run any more.
#[derive(Clone, Debug)]
pub struct Divergence {
    /// Index of the step.
    pub step: u64,
    /// In what it differs.
    pub reason: Reason,
    /// What was recorded.
    pub recorded: Box<Side>,
    /// What this run did.
    pub actual: Box<Side>,
    /// What the kinds are called.
    pub(crate) kind_name: KindName,
}

impl Divergence {
    /// The recorded side as text, with its source place.
    #[must_use]
    pub fn recorded_text(&self) -> String {
        self.recorded.display(self.kind_name).to_string()
    }

    /// The side of this run as text, with its source place.
    #[must_use]
    pub fn actual_text(&self) -> String {
        self.actual.display(self.kind_name).to_string()
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "the replay diverged at step {}: {}", self.step, self.reason)?;
        writeln!(formatter, "  recorded: {}", self.recorded.display(self.kind_name))?;
        write!(formatter, "  this run: {}", self.actual.display(self.kind_name))
    }
}

impl std::error::Error for Divergence {}
