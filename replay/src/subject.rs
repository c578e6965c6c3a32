//! The contract between something that runs under a schedule and whoever guides it.
//!
//! ```text
//!  run(config, guide)
//!    step = 0
//!    while a thread can run:
//!       guide.choose(step, runnable) ──▶ Own: the subject's strategy chooses thread and event
//!                                        Thread: this one, with this event
//!                                        Stop: return None
//!       the thread makes the step
//!       guide.executed(step, seen, digest) ──▶ Break: return None
//!       step += 1
//!    return how it ended
//! ```
//!
//! What a subject owes:
//!
//! 1. The same configuration and the same choices give the same steps, digests and outcome.
//! 2. Steps are numbered from 0 without gaps; each is announced once, right after it was made, and
//!    before it is judged: the step that runs into a violation is announced too.
//! 3. It never chooses by itself when the guide names a thread, and it is named only threads that
//!    it has declared runnable.
//! 4. It returns `None` if, and only if, the guide told it to stop.

use std::error::Error;
use std::fmt;
use std::ops::ControlFlow;

use hak_traces::{Config, Trace};

use crate::divergence::Divergence;
use crate::follower::Follower;
use crate::recorder::Recorder;
use crate::seen::{OutcomeSeen, StepSeen};
use crate::side::KindName;

/// Something that runs under a schedule.
pub trait Subject {
    /// Why a run could not even be tried: an unknown scenario, for instance.
    type Error;

    /// Makes one run and says how it ended; `None` if the guide stopped it.
    ///
    /// # Errors
    ///
    /// The run could not be tried. A violation is no error but an outcome.
    fn run(
        &mut self,
        config: &Config,
        guide: &mut dyn Guide,
    ) -> Result<Option<OutcomeSeen>, Self::Error>;
}

/// Whoever is asked before each step, and told after it.
pub trait Guide {
    /// Who makes this step? `runnable` are the threads that can, ascending, and never none.
    fn choose(&mut self, step: u64, runnable: &[u8]) -> GuideChoice;

    /// What is to happen to this step, now that it is known to which operation of its thread it
    /// belongs. `None` leaves it to the answer of [`choose`](Self::choose): a guide whose events
    /// belong to operations, and not to steps by number, answers here.
    fn event(&mut self, _step: u64, _thread: u8, _operation: u32) -> Option<u8> {
        None
    }

    /// This step was made, and left the state with this digest. `Break` stops the run.
    fn executed(&mut self, step: u64, seen: &StepSeen, digest: u64) -> ControlFlow<()>;
}

/// A guide's answer to "who is next?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuideChoice {
    /// Whomever the subject's own strategy names, with whatever event it picks.
    Own,
    /// This thread, which is runnable, with this event.
    Thread {
        /// The thread.
        thread: u8,
        /// One of the `EVENT_…` constants of the trace format.
        event: u8,
    },
    /// Nobody: the run is over.
    Stop,
}

/// Why a replay did not reproduce its trace.
#[derive(Debug)]
pub enum ReplayError<E> {
    /// The run could not be tried.
    Subject(E),
    /// The run was not the recorded one.
    Diverged(Divergence),
}

impl<E: fmt::Display> fmt::Display for ReplayError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::Subject(error) => error.fmt(formatter),
            ReplayError::Diverged(divergence) => divergence.fmt(formatter),
        }
    }
}

impl<E: Error> Error for ReplayError<E> {}

/// Makes a run in which the subject chooses, and returns its trace.
///
/// # Errors
///
/// The run could not be tried.
///
/// # Panics
///
/// If the subject stops without being told to.
pub fn record<S: Subject>(subject: &mut S, config: &Config) -> Result<Trace, S::Error> {
    let mut guide = Recording { recorder: Recorder::new(config.clone()) };
    let outcome = subject.run(config, &mut guide)?;
    let outcome = outcome.expect("a subject stops only when it is told to");
    Ok(guide.recorder.finish(outcome))
}

/// Makes the recorded run again: all of it, or the first `until` steps. Returns how it ended;
/// `None` if it was stopped as requested.
///
/// # Errors
///
/// The run could not be tried, or it was not the recorded one.
///
/// # Panics
///
/// If the subject stops without being told to.
pub fn replay<S: Subject>(
    subject: &mut S,
    trace: &Trace,
    until: Option<u64>,
    kind_name: KindName,
) -> Result<Option<OutcomeSeen>, ReplayError<S::Error>> {
    let mut follower = Follower::new(trace, kind_name);
    if let Some(step) = until {
        follower = follower.until(step);
    }
    let mut guide = Following { follower, stopped: false, divergence: None };
    let outcome = subject.run(&trace.config, &mut guide).map_err(ReplayError::Subject)?;
    if let Some(divergence) = guide.divergence {
        return Err(ReplayError::Diverged(divergence));
    }
    match &outcome {
        Some(outcome) => guide.follower.finish(outcome).map_err(ReplayError::Diverged)?,
        None => assert!(guide.stopped, "a subject stops only when it is told to"),
    }
    Ok(outcome)
}

/// The guide of a recording: lets the subject choose, and takes note.
struct Recording {
    recorder: Recorder,
}

impl Guide for Recording {
    fn choose(&mut self, _step: u64, _runnable: &[u8]) -> GuideChoice {
        GuideChoice::Own
    }

    fn executed(&mut self, step: u64, seen: &StepSeen, digest: u64) -> ControlFlow<()> {
        assert_eq!(step, self.recorder.step_count(), "steps are announced in order");
        self.recorder.step(seen, digest);
        ControlFlow::Continue(())
    }
}

/// The guide of a replay: stops the run at the first divergence, and keeps it.
struct Following<'trace> {
    follower: Follower<'trace>,
    stopped: bool,
    divergence: Option<Divergence>,
}

impl Guide for Following<'_> {
    fn choose(&mut self, step: u64, runnable: &[u8]) -> GuideChoice {
        if self.follower.stops_at(step) {
            self.stopped = true;
            return GuideChoice::Stop;
        }
        let divergence = match self.follower.next_thread(step) {
            Some(thread) if runnable.contains(&thread) => {
                return GuideChoice::Thread { thread, event: self.follower.event(step) };
            }
            Some(_) => self.follower.not_runnable(step, runnable),
            None => self.follower.continues(step, runnable),
        };
        self.divergence = Some(divergence);
        GuideChoice::Stop
    }

    fn executed(&mut self, step: u64, seen: &StepSeen, digest: u64) -> ControlFlow<()> {
        match self.follower.check(step, seen, digest) {
            Ok(()) => ControlFlow::Continue(()),
            Err(divergence) => {
                self.divergence = Some(divergence);
                ControlFlow::Break(())
            }
        }
    }
}
