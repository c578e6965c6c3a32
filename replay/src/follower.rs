//! From a trace to choices and checks: the guide of a replay.
//!
//! For each step, in this order:
//!
//! ```text
//!  stops_at(step) ──yes──▶ the run is over by request (`--until`)
//!       │ no
//!  next_thread(step) ──None──▶ the trace is at its end: if a thread can run, continues(…)
//!       │ Some(thread)
//!  runnable? ──no──▶ not_runnable(…)
//!       │ yes
//!  event(step), the step is made
//!       │
//!  check(step, seen, digest) ──▶ on to the next step, or the Divergence
//!  …
//!  finish(outcome) ──▶ the run is the recorded one, or the Divergence
//! ```
//!
//! Invariant: steps are checked in ascending order from 0, each once; `checked` is the next one.

use hak_traces::{EVENT_PLAIN, Trace};

use crate::divergence::{Divergence, Reason};
use crate::seen::{Identity, OutcomeSeen, StepSeen, same_outcome};
use crate::side::{KindName, OutcomeSide, Side, StepSide, step_at};

/// Follows one trace.
#[derive(Debug)]
pub struct Follower<'trace> {
    trace: &'trace Trace,
    /// The first step that is not to be made.
    until: Option<u64>,
    /// How many steps have been checked.
    checked: u64,
    /// How many digests have been compared.
    digests_compared: usize,
    kind_name: KindName,
}

impl<'trace> Follower<'trace> {
    /// A follower of the whole trace. `kind_name` is for the text of a divergence.
    #[must_use]
    pub fn new(trace: &'trace Trace, kind_name: KindName) -> Self {
        Follower { trace, until: None, checked: 0, digests_compared: 0, kind_name }
    }

    /// The same, but stopping in front of this step: `step` steps are made, numbers 0 to
    /// `step - 1`.
    #[must_use]
    pub fn until(self, step: u64) -> Self {
        Follower { until: Some(step), ..self }
    }

    /// Whether the run is to be stopped in front of this step, by request.
    #[must_use]
    pub fn stops_at(&self, step: u64) -> bool {
        self.until.is_some_and(|until| step >= until)
    }

    /// The thread that is to make this step; `None` behind the end of the trace, and where the
    /// follower [stops](Self::stops_at).
    #[must_use]
    pub fn next_thread(&self, step: u64) -> Option<u8> {
        if self.stops_at(step) {
            return None;
        }
        step_at(self.trace, step).map(|recorded| recorded.thread)
    }

    /// The event that is to happen to this step; none behind the end of the trace.
    #[must_use]
    pub fn event(&self, step: u64) -> u8 {
        step_at(self.trace, step).map_or(EVENT_PLAIN, |recorded| recorded.event)
    }

    /// Compares the step that has just been made, and the digest of the state right after it, with
    /// what was recorded.
    ///
    /// # Errors
    ///
    /// The [`Divergence`], if they differ, or if nothing was recorded here.
    ///
    /// # Panics
    ///
    /// If steps are not checked in order, each once.
    pub fn check(&mut self, step: u64, seen: &StepSeen, digest: u64) -> Result<(), Divergence> {
        assert_eq!(step, self.checked, "steps are checked in order");
        self.checked += 1;
        let actual = || Side::Step(StepSide::seen(seen));
        let Some(recorded) = step_at(self.trace, step) else {
            return Err(self.divergence(step, Reason::Continues, actual()));
        };
        if let Some(reason) = Reason::between(recorded.into(), Identity::from(seen)) {
            return Err(self.divergence(step, reason, actual()));
        }
        if let Some(kept) = self.trace.digests.get(self.digests_compared)
            && kept.step == step
        {
            if kept.value != digest {
                let before = self.digests_compared.checked_sub(1);
                let agreed = before.map(|before| self.trace.digests[before].step);
                let reason = Reason::Digest { recorded: kept.value, actual: digest, agreed };
                return Err(self.divergence(step, reason, actual()));
            }
            self.digests_compared += 1;
        }
        Ok(())
    }

    /// The divergence of a run in which the recorded thread cannot make this step, but these can.
    #[must_use]
    pub fn not_runnable(&self, step: u64, runnable: &[u8]) -> Divergence {
        self.divergence(step, Reason::NotRunnable, Side::Runnable(runnable.to_vec()))
    }

    /// The divergence of a run in which these threads could make a step behind the end of the
    /// trace.
    #[must_use]
    pub fn continues(&self, step: u64, runnable: &[u8]) -> Divergence {
        self.divergence(step, Reason::Continues, Side::Runnable(runnable.to_vec()))
    }

    /// Compares the end of the run with the recorded one. A run that was stopped by request is
    /// compared as far as it went, whatever its outcome.
    ///
    /// # Errors
    ///
    /// The [`Divergence`], if the run ended early or with another outcome.
    pub fn finish(&self, outcome: &OutcomeSeen) -> Result<(), Divergence> {
        let recorded_count = self.trace.steps.len() as u64;
        if self.stops_at(self.checked) && self.checked < recorded_count {
            return Ok(());
        }
        let actual = || Side::End { step_count: self.checked, outcome: OutcomeSide::seen(outcome) };
        if self.checked < recorded_count {
            return Err(self.divergence(self.checked, Reason::Ended, actual()));
        }
        if !same_outcome(&self.trace.outcome, outcome) {
            return Err(self.divergence(self.checked, Reason::Outcome, actual()));
        }
        Ok(())
    }

    fn divergence(&self, step: u64, reason: Reason, actual: Side) -> Divergence {
        Divergence {
            step,
            reason,
            recorded: Box::new(Side::recorded(self.trace, step)),
            actual: Box::new(actual),
            kind_name: self.kind_name,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use hak_traces::{Config, EVENT_SYSTEM_CALL_FAILURE};

    use super::*;
    use crate::recorder::Recorder;

    fn seen(thread: u8, event: u8) -> StepSeen {
        StepSeen { thread, event, kind: 0, operation: 0, place: 8, site: Location::caller() }
    }

    /// Two steps: thread 0, then thread 1, whose system call fails.
    fn trace() -> Trace {
        let mut recorder = Recorder::new(Config { threads: 2, ..Config::default() });
        recorder.step(&seen(0, EVENT_PLAIN), 10);
        recorder.step(&seen(1, EVENT_SYSTEM_CALL_FAILURE), 20);
        recorder.finish(OutcomeSeen::Passed)
    }

    #[test]
    fn a_follower_names_threads_and_events_and_accepts_the_recorded_run() {
        let trace = trace();
        let mut follower = Follower::new(&trace, |_| "load");
        assert_eq!([0, 1, 2].map(|step| follower.next_thread(step)), [Some(0), Some(1), None]);
        assert_eq!([0, 1, 2].map(|step| follower.event(step)), [0, 1, 0]);
        assert!(follower.check(0, &seen(0, EVENT_PLAIN), 10).is_ok());
        assert!(follower.check(1, &seen(1, EVENT_SYSTEM_CALL_FAILURE), 20).is_ok());
        assert!(follower.finish(&OutcomeSeen::Passed).is_ok());
    }

    #[test]
    fn another_thread_another_event_and_a_step_too_many_are_noticed() {
        let trace = trace();
        let mut follower = Follower::new(&trace, |_| "load");
        let divergence = follower.check(0, &seen(1, EVENT_PLAIN), 10).unwrap_err();
        assert_eq!((divergence.step, divergence.reason), (0, Reason::Thread));
        let divergence = follower.check(1, &seen(1, EVENT_PLAIN), 20).unwrap_err();
        assert_eq!((divergence.step, divergence.reason), (1, Reason::Event));
        assert!(divergence.recorded_text().contains("load at 0x8 (made to fail), replay/src/"));
        assert!(divergence.actual_text().contains("load at 0x8, replay/src/"));
        let divergence = follower.check(2, &seen(0, EVENT_PLAIN), 20).unwrap_err();
        assert_eq!((divergence.step, divergence.reason), (2, Reason::Continues));
    }

    #[test]
    #[should_panic(expected = "steps are checked in order")]
    fn a_skipped_step_is_a_fault_of_the_caller() {
        let trace = trace();
        let _ = Follower::new(&trace, |_| "load").check(1, &seen(1, EVENT_PLAIN), 20);
    }
}
