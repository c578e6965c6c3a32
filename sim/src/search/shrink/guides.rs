//! Guides: they drive a candidate, by its turns or by chance with few switches.

use std::ops::ControlFlow;

use hak_replay::{Guide, GuideChoice, Recorder, StepSeen};
use hak_traces::{EVENT_PLAIN, EVENT_READ_FROM, EVENT_SYSTEM_CALL_FAILURE};

use super::failing::{Done, Failing, FailingMoment, Incident};
use crate::run::events;
use crate::run::settings::{MemoryModel, Settings};
use crate::runtime::THREADS_MAX;
use crate::runtime::strategy::Choices;

/// Key of the stream from which samples are drawn.
pub(in crate::search) const SAMPLE: u64 = 0x7361_6d70_6c65;
/// The same where programs have few operations.
pub(in crate::search) const SAMPLE_FEW: u64 = 0x6665_7773_6d70;

/// Threads have an order, and the first that can go goes; at a few steps the running one is put
/// last.
pub(in crate::search) struct SampleGuide {
    order: [u8; THREADS_MAX],
    demotions: [u64; 5],
    /// Draws what happens to steps.
    incidents: Choices,
    /// Whether loads may read older stores.
    is_weak: bool,
    /// The system refuses calls of so many threads.
    refused: u8,
    pub(in crate::search) executed: Vec<Done>,
}

/// One system call in so many is refused.
const REFUSED_IN: usize = 8;
/// One load in so many reads an older store, at most the one so far behind the newest.
const OLDER_IN: usize = 4;
const OLDER_BACK: usize = 2;

impl SampleGuide {
    pub(in crate::search) fn new(
        mut choices: Choices,
        steps: u64,
        settings: &Settings,
    ) -> SampleGuide {
        let mut order: [u8; THREADS_MAX] = std::array::from_fn(|thread| thread as u8);
        for place in (1..order.len()).rev() {
            order.swap(place, choices.below(place + 1));
        }
        let demotions = [0; 5].map(|_| choices.word() % (steps + 1));
        let is_weak = settings.memory == MemoryModel::Weak;
        let refused = if events::resolved(settings).failures { settings.threads as u8 } else { 0 };
        let executed = Vec::new();
        SampleGuide { order, demotions, incidents: choices, is_weak, refused, executed }
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

    fn event(&mut self, _step: u64, thread: u8, _operation: u32) -> Option<u8> {
        // A step takes no notice of what cannot happen to it.
        if thread < self.refused && self.incidents.below(REFUSED_IN) == 0 {
            return Some(EVENT_SYSTEM_CALL_FAILURE);
        }
        let is_older = self.is_weak && self.incidents.below(OLDER_IN) == 0;
        is_older.then(|| EVENT_READ_FROM + 1 + self.incidents.below(OLDER_BACK) as u8)
    }

    fn executed(&mut self, _step: u64, seen: &StepSeen, _digest: u64) -> ControlFlow<()> {
        self.executed.push((seen.thread, seen.operation, seen.event));
        ControlFlow::Continue(())
    }
}

/// Follows turns; after the last one nobody is preempted any more.
pub(in crate::search) struct TurnsGuide<'a> {
    failing: &'a Failing,
    next: usize,
    /// The incidents, by thread and moment.
    incidents: Vec<Incident>,
    /// The last step of each thread.
    moments: [FailingMoment; THREADS_MAX],
    pub(in crate::search) executed: Vec<Done>,
    pub(in crate::search) recorder: Option<Recorder>,
}

impl<'a> TurnsGuide<'a> {
    pub(in crate::search) fn new(
        failing: &'a Failing,
        recorder: Option<Recorder>,
    ) -> TurnsGuide<'a> {
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
