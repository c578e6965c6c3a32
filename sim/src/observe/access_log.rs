//! The access log: every access of a run with its line, plain ones too, for whoever looks for the
//! cause of a failure.

use std::panic::Location;

use crate::runtime::{Access, Kind, Observer, ThreadId, Verdict, Wants, WorldView};

/// An access, and the step that it belongs to: a plain one belongs to the step in front of it.
#[derive(Clone, Copy, Debug)]
pub struct LoggedAccess {
    /// The number of the step, counted from one.
    pub step: u64,
    /// By whom.
    pub thread: ThreadId,
    /// In which operation, counted from one.
    pub operation: u32,
    /// What it does.
    pub kind: Kind,
    /// Where in the arena.
    pub offset: usize,
    /// How many bytes.
    pub bytes: usize,
    /// At which line.
    pub site: &'static Location<'static>,
}

impl LoggedAccess {
    /// Whether the two touch a common byte and one of them may write: their order then matters.
    pub fn conflicts(&self, other: &LoggedAccess) -> bool {
        (self.kind.may_write() || other.kind.may_write())
            && self.offset < other.offset.wrapping_add(other.bytes)
            && other.offset < self.offset.wrapping_add(self.bytes)
    }
}

/// So many are kept, the first ones: a run that goes in a circle says nothing new later.
const ACCESSES_MAX: usize = 200_000;

/// Keeps each access of one run.
#[derive(Default)]
pub(crate) struct AccessLog {
    pub(crate) accesses: Vec<LoggedAccess>,
    /// The step that each thread did last.
    steps: [u64; crate::runtime::THREADS_MAX],
}

impl Observer for AccessLog {
    #[inline]
    fn wants(&self) -> Wants {
        Wants::BEFORE_STEPS.and(Wants::BEFORE_PLAIN)
    }

    fn before(&mut self, thread: ThreadId, access: &Access, view: &WorldView<'_>) -> Verdict {
        if access.kind.is_choice() {
            self.steps[thread] = view.step();
        }
        if self.accesses.len() >= ACCESSES_MAX {
            return Verdict::Go;
        }
        self.accesses.push(LoggedAccess {
            step: self.steps[thread],
            thread,
            operation: view.operation(thread),
            kind: access.kind,
            offset: access.offset,
            bytes: access.bytes,
            site: access.site,
        });
        Verdict::Go
    }
}
