//! One side of a comparison, in words: what was recorded, or what happened.

use std::fmt;

use hak_traces::{
    EVENT_PLAIN, EVENT_READ_FROM, EVENT_READ_FROM_LAST, EVENT_SPURIOUS_FAILURE,
    EVENT_SYSTEM_CALL_FAILURE, Outcome, Site, Step, Trace,
};

use crate::recorder::site_of;
use crate::seen::{OutcomeSeen, StepSeen};

/// The name of a kind of step: kinds are numbers here, and only the subject knows what they mean.
pub type KindName = fn(u8) -> &'static str;

/// What stands on one side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// A step.
    Step(StepSide),
    /// No step: the run ends here.
    End {
        /// After how many steps.
        step_count: u64,
        /// How.
        outcome: OutcomeSide,
    },
    /// No step yet: these threads could make one.
    Runnable(Vec<u8>),
}

/// A step, with its source place written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepSide {
    /// The thread that made it.
    pub thread: u8,
    /// What was done to it.
    pub event: u8,
    /// What kind of access it was.
    pub kind: u8,
    /// Which operation of its thread it belongs to.
    pub operation: u32,
    /// What was accessed.
    pub place: u64,
    /// Where in the source.
    pub site: Site,
}

/// An outcome, with its source place written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutcomeSide {
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
        /// In which step.
        step: u64,
        /// Where in the source, if that is known.
        site: Option<Site>,
    },
}

impl Side {
    /// What the trace has at this step: the step, or its end.
    pub(crate) fn recorded(trace: &Trace, step: u64) -> Self {
        match step_at(trace, step) {
            Some(recorded) => Side::Step(StepSide::recorded(trace, recorded)),
            None => Side::end(trace),
        }
    }

    /// The end of the trace.
    pub(crate) fn end(trace: &Trace) -> Self {
        Side::End {
            step_count: trace.steps.len() as u64,
            outcome: OutcomeSide::recorded(trace, &trace.outcome),
        }
    }

    /// The side as text that calls the kinds by these names.
    pub fn display(&self, kind_name: KindName) -> impl fmt::Display {
        SideText { side: self, kind_name }
    }
}

impl StepSide {
    pub(crate) fn recorded(trace: &Trace, step: &Step) -> Self {
        let Step { thread, event, kind, operation, place, site } = *step;
        StepSide { thread, event, kind, operation, place, site: site_at(trace, site) }
    }

    pub(crate) fn seen(seen: &StepSeen) -> Self {
        let StepSeen { thread, event, kind, operation, place, site } = *seen;
        StepSide { thread, event, kind, operation, place, site: site_of(site) }
    }
}

impl OutcomeSide {
    pub(crate) fn recorded(trace: &Trace, outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Passed => OutcomeSide::Passed,
            Outcome::Violation { oracle, message, thread, step, site } => OutcomeSide::Violation {
                oracle: oracle.clone(),
                message: message.clone(),
                thread: *thread,
                step: *step,
                site: site.map(|site| site_at(trace, site)),
            },
        }
    }

    pub(crate) fn seen(seen: &OutcomeSeen) -> Self {
        match seen {
            OutcomeSeen::Passed => OutcomeSide::Passed,
            OutcomeSeen::Violation { oracle, message, thread, step, site } => {
                OutcomeSide::Violation {
                    oracle: oracle.clone(),
                    message: message.clone(),
                    thread: *thread,
                    step: *step,
                    site: site.map(site_of),
                }
            }
        }
    }
}

/// The step with this index, if the trace has so many.
pub(crate) fn step_at(trace: &Trace, step: u64) -> Option<&Step> {
    trace.steps.get(usize::try_from(step).ok()?)
}

/// The site with this index. A trace that was never validated may lack it; describing a difference
/// is no place to fail over that.
fn site_at(trace: &Trace, site: u32) -> Site {
    trace.sites.get(site as usize).cloned().unwrap_or_default()
}

struct SideText<'side> {
    side: &'side Side,
    kind_name: KindName,
}

impl fmt::Display for SideText<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.side {
            Side::Step(step) => {
                let StepSide { thread, operation, kind, place, event, site } = step;
                let name = (self.kind_name)(*kind);
                write!(formatter, "thread {thread}, operation {operation}: {name} at {place:#x}")?;
                match *event {
                    EVENT_PLAIN | EVENT_READ_FROM => {}
                    EVENT_SYSTEM_CALL_FAILURE => write!(formatter, " (made to fail)")?,
                    EVENT_SPURIOUS_FAILURE => write!(formatter, " (failing spuriously)")?,
                    EVENT_READ_FROM..=EVENT_READ_FROM_LAST => {
                        let newer = event - EVENT_READ_FROM;
                        write!(formatter, " (of the store {newer} behind the newest it may)")?;
                    }
                    other => write!(formatter, " (event {other})")?,
                }
                write!(formatter, ", {}", SiteText(site))
            }
            Side::End { step_count, outcome } => {
                write!(formatter, "the end after {step_count} steps: {outcome}")
            }
            Side::Runnable(threads) => match threads.as_slice() {
                [] => write!(formatter, "no thread can run"),
                [thread] => write!(formatter, "only thread {thread} can run"),
                [first, rest @ ..] => {
                    write!(formatter, "threads {first}")?;
                    rest.iter().try_for_each(|thread| write!(formatter, ", {thread}"))?;
                    write!(formatter, " can run")
                }
            },
        }
    }
}

impl fmt::Display for OutcomeSide {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutcomeSide::Violation { oracle, message, thread, step, site } = self else {
            return write!(formatter, "passed");
        };
        write!(formatter, "violation of {oracle} at step {step} in thread {thread}")?;
        if let Some(site) = site {
            write!(formatter, ", {}", SiteText(site))?;
        }
        write!(formatter, " ({message})")
    }
}

struct SiteText<'site>(&'site Site);

impl fmt::Display for SiteText<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Site { file, line, column } = self.0;
        write!(formatter, "{file}:{line}:{column}")
    }
}
