//! Runs under a guide: the bridge between the runtime and whatever records, replays or shrinks.
//!
//! A guide is asked in front of each step who makes it and what is to happen to it, and is shown
//! the step once it is known how it went. What it does not choose is left to a chooser of the run's
//! own.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use hak_replay::{Guide, GuideChoice as Guided, StepSeen};
use hak_traces::{
    EVENT_PLAIN, EVENT_READ_FROM, EVENT_READ_FROM_LAST, EVENT_SPURIOUS_FAILURE,
    EVENT_SYSTEM_CALL_FAILURE,
};

use crate::observe::RunObservers;
use crate::runtime::{
    Access, Body, Choice, ChoicePoint, Chooser, Observer, Plan, Run, STORES_MAX, THREADS_MAX,
    ThreadId, Verdict, Wants, World, WorldGeometry, WorldView,
};

const _: () = assert!((EVENT_READ_FROM_LAST - EVENT_READ_FROM) as usize == STORES_MAX - 1);

/// Runs the bodies under a guide.
pub(crate) fn run<G: WorldGeometry>(
    world: &mut World,
    plan: &Plan,
    bodies: &[Body<'_>],
    own: &mut dyn Chooser,
    observers: &mut RunObservers<G>,
    guide: &mut dyn Guide,
) -> Run {
    let bridge = Bridge {
        guide: RefCell::new(guide),
        asked: Cell::new(None),
        event: Cell::new(None),
        stopped: Cell::new(false),
        waiting: Cell::new(None),
    };
    let mut chooser = GuidedChooser { own, bridge: &bridge };
    let shown = ShownToGuide { bridge: &bridge };
    let mut list = (shown, observers.list());
    let mut run = world.run(plan, bodies, &mut chooser, &mut list);
    // A step in front of which the guide stopped was begun and not made.
    run.steps -= u64::from(bridge.stopped.get());
    // The step that the run ended at; there is nothing left to stop.
    let _ = bridge.flush();
    run
}

/// Asks a guide in front of each step, and shows it the step once it is known how it went.
struct Bridge<'a> {
    guide: RefCell<&'a mut dyn Guide>,
    /// The step for which the guide was asked last.
    asked: Cell<Option<u64>>,
    /// The event that the guide wants for that step; `None` leaves it to the strategy.
    event: Cell<Option<u8>>,
    /// Whether the guide stopped the run when a step had begun.
    stopped: Cell<bool>,
    waiting: Cell<Option<(u64, StepSeen, u64)>>,
}

impl Bridge<'_> {
    /// Asks who makes this step, and with which event.
    fn ask(&self, step: u64, runnable: &[u8]) -> Guided {
        let guided = self.guide.borrow_mut().choose(step, runnable);
        self.asked.set(Some(step));
        self.event.set(match guided {
            Guided::Thread { event, .. } => Some(event),
            Guided::Own | Guided::Stop => None,
        });
        guided
    }

    /// Asks which event the step gets, now that its operation is known.
    fn settle_event(&self, step: u64, thread: ThreadId, view: &WorldView<'_>) {
        let operation = view.operation(thread);
        let event = self.guide.borrow_mut().event(step, thread as u8, operation);
        if event.is_some() {
            self.event.set(event);
        }
    }

    /// Whether an event happens to this step: as the guide wants it, or else as the strategy does.
    fn happens(&self, event: u8, own: impl FnOnce() -> bool) -> bool {
        let happens = self.event.get().map_or_else(own, |wanted| wanted == event);
        if happens {
            self.mark(event);
        }
        happens
    }

    fn begin(&self, thread: ThreadId, access: &Access, view: &WorldView<'_>) {
        let place = if access.bytes == 0 { 0 } else { access.offset as u64 };
        let seen = StepSeen {
            thread: thread as u8,
            event: EVENT_PLAIN,
            kind: access.kind as u8,
            operation: view.operation(thread),
            place,
            site: access.site,
        };
        self.waiting.set(Some((view.step() - 1, seen, view.digest().value())));
    }

    fn mark(&self, event: u8) {
        if let Some((step, seen, digest)) = self.waiting.take() {
            self.waiting.set(Some((step, StepSeen { event, ..seen }, digest)));
        }
    }

    fn flush(&self) -> ControlFlow<()> {
        match self.waiting.take() {
            Some((step, seen, digest)) => self.guide.borrow_mut().executed(step, &seen, digest),
            None => ControlFlow::Continue(()),
        }
    }
}

struct GuidedChooser<'a, 'b> {
    own: &'a mut dyn Chooser,
    bridge: &'a Bridge<'b>,
}

impl Chooser for GuidedChooser<'_, '_> {
    fn begin(&mut self, threads: usize) {
        self.own.begin(threads);
    }

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        let mut runnable = [0; THREADS_MAX];
        let mut count = 0;
        for thread in point.runnable.iter() {
            runnable[count] = thread as u8;
            count += 1;
        }
        match self.bridge.ask(point.step, &runnable[..count]) {
            Guided::Own => self.own.choose(point),
            Guided::Thread { thread, .. } => Choice::Run(thread as ThreadId),
            Guided::Stop => Choice::Stop,
        }
    }

    fn system_call_fails(&mut self, thread: ThreadId, access: &Access) -> bool {
        let own = || self.own.system_call_fails(thread, access);
        self.bridge.happens(EVENT_SYSTEM_CALL_FAILURE, own)
    }

    fn spurious_failure(&mut self, thread: ThreadId, access: &Access) -> bool {
        let own = || self.own.spurious_failure(thread, access);
        self.bridge.happens(EVENT_SPURIOUS_FAILURE, own)
    }

    fn read_from(&mut self, thread: ThreadId, access: &Access, candidates: usize) -> usize {
        let picked = match self.bridge.event.get() {
            None => self.own.read_from(thread, access, candidates),
            // An event of something else leaves the newest store; one that does not fit shows up as
            // a difference.
            Some(event) => (event.saturating_sub(EVENT_READ_FROM) as usize).min(candidates - 1),
        };
        self.bridge.mark(EVENT_READ_FROM + picked as u8);
        picked
    }
}

/// Shows the guide each step. It stands in front of all other observers.
struct ShownToGuide<'a, 'b> {
    bridge: &'a Bridge<'b>,
}

impl Observer for ShownToGuide<'_, '_> {
    #[inline]
    fn wants(&self) -> Wants {
        Wants::BEFORE_STEPS.and(Wants::AFTER_STEPS)
    }

    fn before(&mut self, thread: ThreadId, access: &Access, view: &WorldView<'_>) -> Verdict {
        // Where only one thread can go the chooser was not asked; the guide is, about each step.
        let step = view.step() - 1;
        if self.bridge.asked.get() != Some(step)
            && self.bridge.ask(step, &[thread as u8]) == Guided::Stop
        {
            self.bridge.stopped.set(true);
            return Verdict::Stop;
        }
        self.bridge.begin(thread, access, view);
        self.bridge.settle_event(step, thread, view);
        Verdict::Go
    }

    fn after(&mut self, _: ThreadId, _: &Access, _: u64, _: u64, _: &WorldView<'_>) -> Verdict {
        if self.bridge.flush().is_break() { Verdict::Stop } else { Verdict::Go }
    }
}
