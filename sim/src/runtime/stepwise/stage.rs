//! Stage: a run that somebody leads step by step, forth and back.
//!
//! [`World::run`](crate::runtime::World::run) asks a chooser inside the running fiber and knows
//! only the way ahead. On a stage every thread stands suspended in front of its next step; whoever
//! leads picks one, and may return to any state that it marked. What it has seen of the steps (who
//! went) makes the same run again under a chooser that follows the list.
//!
//! Bodies must keep their state on their own stack and in the arena, nowhere else: that is what is
//! put back.
//!
//! Invariants:
//! 1. A stage lies in a frame of [`World::stage`], which has the world borrowed exclusively, until
//!    that returns or unwinds: the caller's contract says that `lead` does not put another one in
//!    its place. When it is dropped its fibers are reset; handles are never dropped in another way.
//! 2. Fibers run inside of [`Stage::step`] only: in all other methods, and in that one in front of
//!    the resumption and behind it, nobody but the caller can come to the engine.
//! 3. The scripted answers lie in the same frame, for longer than the stage. The engine uses them
//!    while a fiber runs, the stage while none does; nobody else knows them.
//! 4. The way back leads only to states of the same run, and puts back all that a step can change
//!    (see `snapshot`).

use std::mem::ManuallyDrop;
use std::panic::resume_unwind;
use std::ptr::NonNull;

use super::footprint::{Manner, SPURIOUS, Span, Touched};
use super::order_hash::Uses;
use super::scripted_answers::{Allowance, Answers, ScriptedAnswers};
use super::snapshot::{Fibers, Snapshots};
use crate::runtime::access::{Access, Kind, THREADS_MAX, ThreadId, ThreadSet};
use crate::runtime::control::Control;
use crate::runtime::current::{self, Entered};
use crate::runtime::digest::Digest;
use crate::runtime::engine::{Engine, borrow};
use crate::runtime::fiber;
use crate::runtime::observer::Observer;

use crate::runtime::violation::Violation;
use crate::runtime::world::{Body, End, Plan, Start, World};

/// A run in the hands of a search.
pub struct Stage {
    engine: NonNull<Engine>,
    scripted: NonNull<ScriptedAnswers>,
    fibers: Fibers,
    snapshots: Snapshots,
    _entered: Entered,
}

/// What can be done next.
#[derive(Clone, Debug)]
pub enum StepEnd {
    /// One of these threads can go.
    Open(ThreadSet),
    /// All threads have ended.
    Finished,
    /// A rule was broken.
    Violation(Box<Violation>),
}

/// What a stage is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whether states that differ only in what happened before what are different. What decides
    /// which stores can be read is a difference in any case.
    pub clocks_matter: bool,
    /// What may happen beside the interleaving.
    pub events: Allowance,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms { clocks_matter: true, events: Allowance::default() }
    }
}

/// A step that was done.
#[derive(Clone, Debug)]
pub struct Stepped {
    /// What it touched.
    pub touched: Touched,
    /// The way that it went.
    pub answers: Answers,
    /// The next way that it could have gone.
    pub next: Option<Answers>,
}

impl World {
    /// Sets the bodies up, from a clean world, in front of their first steps, and lets `lead` lead
    /// them.
    ///
    /// # Panics
    /// There are more bodies than a world takes, or no stack can be mapped, or `lead` or the
    /// observer panics.
    ///
    /// # Safety
    /// The bodies keep their state on their stacks and in the arena and nowhere else, and own
    /// nothing that must be dropped while they call into the simulation: what they do may be taken
    /// back and done again. `lead` leaves the stage where it is, and exchanges it with no other.
    pub unsafe fn stage<R>(
        &mut self,
        plan: &Plan,
        bodies: &[Body<'_>],
        observer: &mut dyn Observer,
        terms: &Terms,
        lead: impl FnOnce(&mut Stage) -> R,
    ) -> R {
        assert!(bodies.len() <= THREADS_MAX, "a world has at most {THREADS_MAX} threads");
        self.stacks.provide(bodies.len()).expect("stacks can be mapped");
        let mut spared = [false; THREADS_MAX];
        for (spared, body) in spared.iter_mut().zip(bodies) {
            *spared = body.start == Start::AfterAll;
        }
        let mut scripted = ScriptedAnswers::new(spared);
        let scripted = NonNull::from(&mut scripted);
        let pointer = self.engine.as_ptr();
        // SAFETY: [world 1, world 2] the world is borrowed exclusively, and no fiber was made yet.
        let engine = unsafe { borrow(pointer) };
        // SAFETY: [stage 3] no fiber runs, and there is no stage yet.
        engine.begin(plan, bodies, unsafe { &mut *scripted.as_ptr() }, observer);
        engine.chooser = Some(scripted);
        engine.stepwise = true;
        engine.control.events = terms.events;
        engine.histories = Default::default();
        engine.clocks = Default::default();
        engine.footprint.turn(true);
        engine.shadow.keep_records = true;
        engine.pages.track(true);
        let leases: Vec<_> = (0..bodies.len()).map(|thread| self.stacks.lease(thread)).collect();
        let stack_pointer_word =
            leases.first().map_or(0, |&lease| fiber::stack_pointer_word(lease));
        let entered = current::enter(pointer, false);
        let fibers: Fibers = bodies
            .iter()
            .zip(&leases)
            .enumerate()
            .map(|(thread, (body, &lease))| {
                let body: *const (dyn Fn() + '_) = body.run;
                // SAFETY: [world 3, stage 1] only the lifetime changes.
                let body: *const dyn Fn() = unsafe { std::mem::transmute(body) };
                // SAFETY: [world 3, stage 1, fiber 1, fiber 2, engine 6] engine and stack are this
                // world's, which was entered until the stage is gone.
                ManuallyDrop::new(unsafe { fiber::make(pointer, thread, lease, body) })
            })
            .collect();
        let snapshots =
            Snapshots::new(engine, &fibers, leases, stack_pointer_word, terms.clocks_matter);
        let mut stage =
            Stage { engine: self.engine, scripted, fibers, snapshots, _entered: entered };
        lead(&mut stage)
    }
}

impl Stage {
    fn engine(&mut self) -> &mut Engine {
        // SAFETY: [stage 1, stage 2] no fiber runs, and the stage is borrowed exclusively.
        unsafe { borrow(self.engine.as_ptr()) }
    }

    fn view(&self) -> &Engine {
        // SAFETY: [stage 1, stage 2] no fiber runs, and the stage is borrowed.
        unsafe { self.engine.as_ref() }
    }

    /// What can be done in the present state.
    pub fn open(&mut self) -> StepEnd {
        let engine = self.engine();
        if engine.end.is_none() {
            if engine.control.all_ended() {
                return StepEnd::Finished;
            }
            if let Some(threads) = engine.offer() {
                return StepEnd::Open(threads);
            }
        }
        match &engine.end {
            Some(End::Violation(violation)) => StepEnd::Violation(Box::new(violation.clone())),
            // Nobody is left but who waits for a thread that stopped for ever.
            Some(End::Finished) => StepEnd::Finished,
            _ => panic!("the observer of a search does not stop it"),
        }
    }

    /// Lets a thread do its step, of those that [`Stage::open`] named, in this way.
    ///
    /// # Panics
    /// The observer panics.
    pub fn step(&mut self, thread: ThreadId, way: Answers) -> Stepped {
        self.snapshots.runs(thread);
        let control = &self.engine().control;
        let (left, newest) = (control.events, control.spinners().1 > 0);
        self.scripted().tell(way, left, newest);
        let engine = self.engine();
        engine.control.current = thread;
        let kind = engine.control.pending[thread].kind;
        engine.histories.step(thread, kind);
        let (engine, fiber) = (self.engine.as_ptr(), &mut self.fibers[thread]);
        let ended = current::resuming(engine, || fiber.resume(()).as_return().is_some());
        let engine = self.engine();
        if let Some(payload) = engine.panic.take() {
            resume_unwind(payload);
        }
        if ended && engine.end.is_none() {
            engine.control.end(thread);
        }
        let mut touched = engine.footprint.take();
        let scripted = self.scripted();
        let (answers, next, left) = scripted.told();
        if let Some(writes) = scripted.spurious {
            let manner = Manner::Shared;
            touched.spans.push(Span { start: SPURIOUS, end: SPURIOUS + 1, writes, manner });
        }
        self.engine().control.events = left;
        Stepped { touched, answers, next }
    }

    fn scripted(&mut self) -> &mut ScriptedAnswers {
        // SAFETY: [stage 2, stage 3] no fiber runs, and the stage is borrowed exclusively.
        unsafe { &mut *self.scripted.as_ptr() }
    }

    /// Whether the thread's next step might go several ways; if not, it goes one.
    pub fn has_ways(&mut self, thread: ThreadId) -> bool {
        let engine = self.engine();
        let Control { events, starts, pending, .. } = &engine.control;
        let access = pending[thread];
        let spared = starts[thread] == Start::AfterAll;
        match access.kind {
            Kind::Reserve
            | Kind::Extend
            | Kind::Ensure
            | Kind::Commit
            | Kind::Decommit
            | Kind::Reset
            | Kind::Relocate => events.failures > 0 && !spared,
            Kind::CompareExchangeWeak if events.spurious > 0 && !spared => true,
            kind => kind.is_atomic() && engine.weak.on && engine.may_read_several(thread, &access),
        }
    }

    /// The threads of these that may stop for ever in front of their next steps, with others left
    /// to go on.
    pub fn stoppable(&self, open: ThreadSet) -> ThreadSet {
        let control = &self.view().control;
        if control.events.stops == 0 || control.runnable.len() < 2 {
            return ThreadSet::EMPTY;
        }
        open.iter().fold(ThreadSet::EMPTY, |set, thread| match control.starts[thread] {
            Start::AfterAll => set,
            // One that has not begun would be missed by nobody, or stops behind its first step,
            // which touches nothing.
            _ if control.steps[thread] == 0 => set,
            _ => set.with(thread),
        })
    }

    /// Stops a thread for ever, one of [`Stage::stoppable`].
    pub fn stop(&mut self, thread: ThreadId) {
        let control = &mut self.engine().control;
        control.events.stops -= 1;
        control.stop(thread);
    }

    /// How many steps a thread has done.
    pub fn steps(&self, thread: ThreadId) -> u32 {
        self.view().control.steps[thread]
    }

    /// Whether a thread has ended.
    pub fn has_ended(&self, thread: ThreadId) -> bool {
        self.view().control.ended.contains(thread)
    }

    /// The way back leads here.
    pub fn mark(&mut self) {
        // SAFETY: [stage 1, stage 2] no fiber runs, and the stage is borrowed exclusively.
        let engine = unsafe { borrow(self.engine.as_ptr()) };
        self.snapshots.mark(engine, &self.fibers);
    }

    /// Back to the last mark.
    pub fn rewind(&mut self) {
        // SAFETY: [stage 1, stage 2] no fiber runs, and the stage is borrowed exclusively.
        let engine = unsafe { borrow(self.engine.as_ptr()) };
        self.snapshots.rewind(engine, &mut self.fibers);
        if let Some(observer) = engine.observer {
            // SAFETY: [engine 5, stage 1, stage 2] the one call of it, as no fiber runs.
            unsafe { (*observer.as_ptr()).put_back() };
        }
    }

    /// Forgets the last mark; the next thing done is to `unmark` or `rewind` again.
    pub fn unmark(&mut self) {
        // SAFETY: [stage 1, stage 2] no fiber runs, and the stage is borrowed exclusively.
        let engine = unsafe { borrow(self.engine.as_ptr()) };
        self.snapshots.unmark(engine);
    }

    /// The hash of the present state: see `state_hash`. What words remember enters as far as it is
    /// of use.
    pub fn state(&mut self, uses: &dyn Uses) -> u128 {
        // SAFETY: [stage 1, stage 2] no fiber runs, and the stage is borrowed exclusively.
        let engine = unsafe { borrow(self.engine.as_ptr()) };
        self.snapshots.state(engine, uses)
    }

    /// The hash of the present memory.
    pub fn memory(&mut self) -> u128 {
        // SAFETY: [stage 1, stage 2] no fiber runs, and the stage is borrowed exclusively.
        let engine = unsafe { borrow(self.engine.as_ptr()) };
        self.snapshots.memory(engine)
    }

    /// What a thread is about to do.
    pub fn pending(&self, thread: ThreadId) -> &Access {
        &self.view().control.pending[thread]
    }

    /// How far a thread has come: grows with each of its steps, and is the same in equal states.
    pub fn position(&self, thread: ThreadId) -> u32 {
        self.view().histories.position(thread)
    }

    /// The threads that still do steps, but for those that begin ordered after all others.
    pub fn unordered(&self) -> ThreadSet {
        self.view().control.unordered()
    }

    /// The other threads that can do steps before this one has ended.
    pub fn rivals(&self, thread: ThreadId) -> ThreadSet {
        let control = &self.view().control;
        let others = ThreadSet(control.runnable.0 | control.waiting.0).without(thread);
        others.iter().fold(others, |set, other| match control.starts[other] {
            _ if control.runnable.contains(other) => set,
            Start::AfterAll => set.without(other),
            Start::After(first) | Start::Joining(first) if first == thread => set.without(other),
            _ => set,
        })
    }

    /// The word of 1, 2, 4 or 8 bytes at an offset of the user area.
    pub fn user_word(&self, index: usize) -> u64 {
        let engine = self.view();
        engine.arena.read(engine.user_offset + index * 8, 8)
    }

    /// The digest of the run so far.
    pub fn digest(&self) -> Digest {
        self.view().control.digest
    }

    /// The most memory that marks held.
    pub fn bytes_max(&self) -> usize {
        self.snapshots.bytes_max()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for fiber in &mut self.fibers {
            // SAFETY: [fiber 3, stage 1, stage 2] no fiber runs, the bodies own nothing, and the
            // handle is not used again.
            unsafe {
                fiber.force_reset();
                ManuallyDrop::drop(fiber);
            }
        }
        let engine = self.engine();
        engine.stepwise = false;
        engine.footprint.turn(false);
        engine.pages.end_search();
        engine.chooser = None;
        engine.observer = None;
    }
}
