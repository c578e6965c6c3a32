//! Guides: they drive a candidate, by its turns or by chance with few switches.

use std::ops::ControlFlow;

use hak_replay::{Guide, GuideChoice, Recorder, StepSeen};
use hak_traces::EVENT_PLAIN;

use super::failing::{Done, Failing, FailingMoment, Incident};
use crate::runtime::THREADS_MAX;
use crate::runtime::strategy::Choices;

/// Key of the stream from which samples are drawn.
pub(super) const SAMPLE: u64 = 0x7361_6d70_6c65;

/// Threads have an order, and the first that can go goes; at a few steps the running one is put
/// last.
pub(super) struct SampleGuide {
    order: [u8; THREADS_MAX],
    demotions: [u64; 5],
    pub(super) executed: Vec<Done>,
}

impl SampleGuide {
    pub(super) fn new(mut choices: Choices, steps: u64) -> SampleGuide {
        let mut order: [u8; THREADS_MAX] = std::array::from_fn(|thread| thread as u8);
        for place in (1..order.len()).rev() {
            order.swap(place, choices.below(place + 1));
        }
        let demotions = [0; 5].map(|_| choices.word() % (steps + 1));
        SampleGuide { order, demotions, executed: Vec::new() }
    }
}

impl Guide for SampleGuide {
    fn choose(&mut self, step: u64, runnable: &[u8]) -> GuideChoice {
        let first = |order: &[u8]| order.iter().copied().find(|thread| runnable.contains(thread));
        let mut thread = first(&self.order).unwrap_or(runnable[0]);
        if self.demotions.contains(&step) {
            let place = self.order.iter().position(|&other| other == thread).unwrap_or(0);
            self.order[place..].rotate_left(1);
            thread = first(&self.order).unwrap_or(thread);
        }
        GuideChoice::Thread { thread, event: EVENT_PLAIN }
    }

    fn event(&mut self, _step: u64, _thread: u8, _operation: u32) -> Option<u8> {
        None
    }

    fn executed(&mut self, _step: u64, seen: &StepSeen, _digest: u64) -> ControlFlow<()> {
        self.executed.push((seen.thread, seen.operation, seen.event));
        ControlFlow::Continue(())
    }
}

/// Follows turns; after the last one nobody is preempted any more.
pub(super) struct TurnsGuide<'a> {
    failing: &'a Failing,
    next: usize,
    /// The incidents, by thread and moment.
    incidents: Vec<Incident>,
    /// The last step of each thread.
    moments: [FailingMoment; THREADS_MAX],
    pub(super) executed: Vec<Done>,
    pub(super) recorder: Option<Recorder>,
}

impl<'a> TurnsGuide<'a> {
    pub(super) fn new(failing: &'a Failing, recorder: Option<Recorder>) -> TurnsGuide<'a> {
        let moments = [FailingMoment::default(); THREADS_MAX];
        let mut incidents = failing.incidents.clone();
        incidents.sort_by_key(Incident::at);
        TurnsGuide { failing, next: 0, incidents, moments, executed: Vec::new(), recorder }
    }
}

impl Guide for TurnsGuide<'_> {
    fn choose(&mut self, _step: u64, runnable: &[u8]) -> GuideChoice {
        while let Some(turn) = self.failing.turns.get(self.next) {
            let over = self.moments[usize::from(turn.thread)] >= turn.until;
            if !over && runnable.contains(&turn.thread) {
                return GuideChoice::Thread { thread: turn.thread, event: EVENT_PLAIN };
            }
            self.next += 1;
        }
        let last = self.executed.last().map(|&(thread, ..)| thread);
        let thread = last.filter(|thread| runnable.contains(thread)).unwrap_or(runnable[0]);
        GuideChoice::Thread { thread, event: EVENT_PLAIN }
    }

    fn event(&mut self, _step: u64, thread: u8, operation: u32) -> Option<u8> {
        let moment = self.moments[usize::from(thread)].next(operation);
        let found = self.incidents.binary_search_by_key(&(thread, moment), Incident::at);
        found.ok().map(|place| self.incidents[place].event)
    }

    fn executed(&mut self, _step: u64, seen: &StepSeen, digest: u64) -> ControlFlow<()> {
        let moment = &mut self.moments[usize::from(seen.thread)];
        *moment = moment.next(seen.operation);
        self.executed.push((seen.thread, seen.operation, seen.event));
        if let Some(recorder) = &mut self.recorder {
            recorder.step(seen, digest);
        }
        ControlFlow::Continue(())
    }
}
