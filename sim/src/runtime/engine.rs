//! The engine: what happens at an access.
//!
//! ```text
//! simulated word ── pending[t] = access ── choice ──(another thread)── suspend ... resume
//!                                             │
//!     ┌───────────────────────────────────────┘
//!     └── step counted ── observer ── oracles ── effect ── observer
//! ```
//!
//! Everything runs inside the fiber of the thread, up to the suspension. Functions that may suspend
//! take the engine as a raw pointer and hold no reference across the suspension; the others are
//! methods. After a violation the fiber is suspended for ever and later abandoned without
//! unwinding.
//!
//! Invariants:
//! 1. One OS thread has an engine: that of its world, which is not `Send`. On it, at any moment,
//!    one alone uses the engine: a fiber of the world, from one suspension to the next, or, while
//!    all of them are suspended, who has the world or its stage borrowed.
//! 2. Nobody has a `&mut Engine` across a suspension: what may suspend gets the engine as a raw
//!    pointer and has no reference of [`borrow`] that it uses behind the suspension; methods of the
//!    engine never suspend. So the next who borrows it is alone.
//! 3. The chooser and the observer are called with the engine borrowed, in [`current::outside`].
//!    They get a view of it at most, and what they call finds `LIVE` null: so it neither suspends,
//!    nor calls out again, nor borrows the engine. Of the engine itself it reads only what
//!    invariant 4 is about; to shared memory it goes through the arena's raw accesses.
//! 4. `arena` (the numbers; what lies there is memory), `root_bytes`, `user_offset` and
//!    `user_bytes` never change once the engine is made; `plant` and `weakening` change only where
//!    a run begins, when nothing of it is current yet. They may be read through the pointer at any
//!    time.
//! 5. The pointers to chooser and observer are those that the last [`Engine::begin`] got. They are
//!    used by simulated code, `World::run` and the stage only: all inside of the call of
//!    `World::run` or `World::stage` that handed them over, and has the two borrowed until it
//!    returns. Nobody else uses them meanwhile, and by 3 no call of one is inside another.
//! 6. `control.current` is the thread whose fiber runs: who resumes a fiber has set it, and
//!    whoever sets it in a fiber suspends right after. `yielders` has the yielder of each thread
//!    that has begun, which lies at the root of its fiber's stack and is entered before anything
//!    can suspend.

use std::any::Any;
use std::panic::Location;
use std::ptr::NonNull;

use corosensei::Yielder;
use hak_core::Fault;

use super::access::{Access, Kind, Ordering, THREADS_MAX, ThreadId, ThreadSet};
use super::arena::Arena;
use super::blocks::Blocks;
use super::chooser::{Choice, ChoicePoint, Chooser};
use super::clock::ThreadClocks;
use super::control::{Candidates, Control};
use super::current;
use super::memory::{WordOperation, WordOutcome};
use super::observer::{Observer, Verdict, Wants, WorldView};
use super::pages::Pages;
use super::shadow::Shadow;
use super::stepwise::footprint::{Footprint, Manner};
use super::stepwise::history::Histories;
use super::violation::{Finding, Violation};
use super::weak::Weak;
use super::weakening::Weakening;
use super::world::{End, Start};
use crate::runtime::oracle;

/// All of a world.
pub(crate) struct Engine {
    pub(crate) control: Control,
    pub(crate) clocks: [ThreadClocks; THREADS_MAX],
    pub(crate) arena: Arena,
    pub(crate) pages: Pages,
    pub(crate) shadow: Shadow,
    pub(crate) blocks: Blocks,
    pub(crate) weak: Weak,
    pub(crate) root_bytes: usize,
    pub(crate) user_offset: usize,
    pub(crate) user_bytes: usize,
    pub(crate) plant: Option<Fault>,
    pub(crate) weakening: Option<Weakening>,
    pub(crate) end: Option<End>,
    /// A panic that is not the simulated code's.
    pub(crate) panic: Option<Box<dyn Any + Send>>,
    pub(crate) chooser: Option<NonNull<dyn Chooser>>,
    pub(crate) observer: Option<NonNull<dyn Observer>>,
    pub(crate) wants: Wants,
    /// A search decides in front of every step, outside of the fibers.
    pub(crate) stepwise: bool,
    pub(crate) histories: Histories,
    pub(crate) footprint: Footprint,
    pub(crate) yielders: [*const Yielder<(), ()>; THREADS_MAX],
}

/// Borrows the engine between two suspensions.
///
/// # Safety
/// The engine is alive, its world is this OS thread's, the reference is not used behind the next
/// suspension of the fiber, and no other reference to the engine is in use until then.
#[inline]
pub(crate) unsafe fn borrow<'a>(engine: *mut Engine) -> &'a mut Engine {
    // SAFETY: [contract]
    unsafe { &mut *engine }
}

/// An operation on a shared word. It is compiled once for each kind and size: what depends on them
/// is decided then and not at each step.
#[inline(never)]
pub(crate) fn atomic<const KIND: u8, const BYTES: usize>(
    address: usize,
    operation: WordOperation,
    site: &'static Location<'static>,
) -> WordOutcome {
    let kind = const { Kind::numbered(KIND) };
    let operation = WordOperation { kind, ..operation };
    let engine = current::live();
    if engine.is_null() {
        return atomic_raw(address, BYTES, operation);
    }
    // SAFETY: [current 2, engine 4] a number that never changes.
    let offset = address.wrapping_sub(unsafe { (*engine).arena.base });
    // SAFETY: [current 2, engine 4] the run has begun.
    let order = match unsafe { (*engine).weakening } {
        Some(weakening) if weakening.applies(site) => weakening.order,
        _ => operation.order,
    };
    // A load has its ordering in both places.
    let failure = if kind == Kind::Load { order } else { operation.failure };
    let operation = WordOperation { order, failure, ..operation };
    let may_be_address = operation.may_be_address;
    let access = || Access { offset, bytes: BYTES, site, kind, order, may_be_address };
    turn(engine, access());
    // Made again: a copy of what was just written in small pieces would wait for them.
    let access = access();
    // SAFETY: [current 3, engine 1, engine 2] simulated code, which does not suspend here.
    match unsafe { borrow(engine) }.operate::<KIND, BYTES>(&access, &operation) {
        Ok(outcome) => outcome,
        Err(trouble) => halt(engine, &access, trouble),
    }
}

#[cold]
fn atomic_raw(address: usize, bytes: usize, operation: WordOperation) -> WordOutcome {
    // SAFETY: [current 1, engine 4] what is read are numbers that never change, also where the
    // engine is borrowed by who called out.
    let arena = unsafe { &(*current::world()).arena };
    let offset = arena.offset_of(address);
    assert!(arena.contains(offset, bytes), "a simulated word lies outside of the arena");
    let old = arena.read(offset, bytes);
    let new = operation.result(old, bytes);
    if let Some(new) = new {
        arena.write(offset, bytes, new);
    }
    WordOutcome { old, written: new.is_some() }
}

/// A fence, a spin hint.
pub(crate) fn mark(kind: Kind, order: Ordering, site: &'static Location<'static>) {
    let engine = current::live();
    if engine.is_null() {
        return;
    }
    let access = Access { order, ..Access::plain(kind, 0, 0, site) };
    turn(engine, access);
    // SAFETY: [current 3, engine 1, engine 2] simulated code, which does not suspend here.
    let result = unsafe { borrow(engine) }.pass(&access);
    if let Err(trouble) = result {
        halt(engine, &access, trouble);
    }
}

/// Why a run ends at an access.
pub(crate) enum Trouble {
    /// An oracle says so.
    Found(Box<Finding>),
    /// The observer wants it.
    Stop,
}

impl From<Box<Finding>> for Trouble {
    fn from(finding: Box<Finding>) -> Trouble {
        Trouble::Found(finding)
    }
}

/// Waits until the thread is to do this access; counts the step.
#[inline]
pub(crate) fn turn(engine: *mut Engine, access: Access) {
    // SAFETY: [engine 1, engine 2] called by simulated code; not used behind these lines.
    let here = unsafe { borrow(engine) };
    let me = here.control.current;
    here.control.pending[me] = access;
    await_turn(engine, me);
}

/// Waits until the thread is to do its pending access; counts the step.
#[inline(never)]
fn await_turn(engine: *mut Engine, me: ThreadId) {
    // SAFETY: [engine 1, engine 2] called by simulated code; not used behind a `suspend`.
    let here = unsafe { borrow(engine) };
    if here.stepwise {
        suspend(engine, me);
        // SAFETY: [engine 1, engine 2] the fiber was resumed, and returns.
        return unsafe { borrow(engine) }.control.count_step();
    }
    here.control.stop_if_due(me);
    let Some(next) = here.decide() else { abandon(engine, me) };
    if next != me {
        here.control.current = next;
        here.control.switches += 1;
        suspend(engine, me);
    }
    // SAFETY: [engine 1, engine 2] the fiber was resumed, or never suspended, and returns.
    unsafe { borrow(engine) }.control.count_step();
}

/// Lets the main loop resume the current thread.
#[inline]
fn suspend(engine: *mut Engine, me: ThreadId) {
    // SAFETY: [engine 6] `me` is the thread whose fiber runs, and its yielder is used on the stack
    // that it lies on. The pointer is copied: no reference to the engine is alive.
    unsafe {
        let yielder = (*engine).yielders[me];
        (*yielder).suspend(());
    }
}

/// Suspends for ever. The main loop sees that the run has ended.
pub(crate) fn abandon(engine: *mut Engine, me: ThreadId) -> ! {
    loop {
        suspend(engine, me);
    }
}

/// Ends the run at an access.
#[cold]
pub(crate) fn halt(engine: *mut Engine, access: &Access, trouble: Trouble) -> ! {
    // SAFETY: [engine 1, engine 2] called by simulated code; not used by `abandon`.
    let here = unsafe { borrow(engine) };
    let me = here.control.current;
    here.finish(me, access, trouble);
    abandon(engine, me)
}

impl Engine {
    /// Who can go; `None` if the run has ended.
    #[inline]
    pub(crate) fn offer(&mut self) -> Option<ThreadSet> {
        match self.control.candidates() {
            Candidates::Some(candidates) if self.control.step < self.control.steps_max => {
                Some(candidates)
            }
            Candidates::Some(_) => {
                let most = self.control.steps_max;
                self.no_progress(format!("the run did not end within {most} steps"))
            }
            Candidates::Deadlock if self.control.stopped => {
                // Everybody else has finished; whoever waits for the stopped thread does not begin,
                // but who comes behind all others does. A search that goes step by step ends here:
                // see `prove`.
                if !self.stepwise && self.control.begin_last() {
                    return self.offer();
                }
                self.end = Some(End::Finished);
                None
            }
            Candidates::Deadlock => {
                self.no_progress("every thread left waits for another to end".to_owned())
            }
            Candidates::Stuck => self.no_progress("every thread left only spins".to_owned()),
        }
    }

    /// Who goes next; `None` if the run has ended.
    #[inline(always)]
    pub(crate) fn decide(&mut self) -> Option<ThreadId> {
        let candidates = self.offer()?;
        if candidates.len() == 1 {
            return Some(candidates.first());
        }
        self.control.choices += 1;
        let point = ChoicePoint {
            step: self.control.step,
            current: self.control.current,
            runnable: candidates,
            pending: &self.control.pending,
            operations: &self.control.operations,
            steps: &self.control.steps,
        };
        let chooser = self.chooser.expect("a run has a chooser");
        // SAFETY: [engine 3, engine 5] the one call of it.
        match current::outside(|| unsafe { (*chooser.as_ptr()).choose(&point) }) {
            Choice::Run(thread) => {
                if !candidates.contains(thread) {
                    current::set_live(std::ptr::null_mut());
                    panic!("the chooser picked thread {thread}, which cannot run");
                }
                Some(thread)
            }
            Choice::Stop => {
                self.end = Some(End::Stopped);
                None
            }
        }
    }

    #[cold]
    fn no_progress(&mut self, message: String) -> Option<ThreadSet> {
        let me = self.control.current;
        let access = self.control.pending[me];
        self.finish(me, &access, Finding::new(oracle::PROGRESS, message).into());
        None
    }

    /// Enters why the run ended.
    #[cold]
    pub(crate) fn finish(&mut self, thread: ThreadId, access: &Access, trouble: Trouble) {
        self.end = Some(match trouble {
            Trouble::Stop => End::Stopped,
            Trouble::Found(finding) => End::Violation(Violation {
                oracle: finding.oracle,
                message: finding.message,
                thread,
                step: self.control.step,
                operation: self.control.operations[thread],
                access: *access,
                other: finding.other,
                slab: finding.slab,
            }),
        });
    }

    /// Asks the chooser something else than who goes next.
    pub(crate) fn ask(
        &mut self,
        access: &Access,
        question: fn(&mut dyn Chooser, ThreadId, &Access) -> bool,
    ) -> bool {
        let me = self.control.current;
        let chooser = self.chooser.expect("a run has a chooser");
        // SAFETY: [engine 3, engine 5] the one call of it.
        current::outside(|| question(unsafe { &mut *chooser.as_ptr() }, me, access))
    }

    #[inline]
    pub(crate) fn before(&self, access: &Access) -> Result<(), Trouble> {
        match self.observer {
            Some(observer) if self.wants.before(access.kind) => {
                self.look(observer, |observer, me, view| observer.before(me, access, view))
            }
            _ => Ok(()),
        }
    }

    #[inline]
    pub(crate) fn after(&self, access: &Access, old: u64, new: u64) -> Result<(), Trouble> {
        match self.observer {
            Some(observer) if self.wants.after(access.kind) => {
                self.look(observer, |observer, me, view| observer.after(me, access, old, new, view))
            }
            _ => Ok(()),
        }
    }

    fn look(
        &self,
        observer: NonNull<dyn Observer>,
        call: impl FnOnce(&mut dyn Observer, ThreadId, &WorldView<'_>) -> Verdict,
    ) -> Result<(), Trouble> {
        let view = WorldView { engine: self };
        // SAFETY: [engine 3, engine 5] the one call of it; the view is shared, as `self` is.
        let observer = unsafe { &mut *observer.as_ptr() };
        match current::outside(|| call(observer, self.control.current, &view)) {
            Verdict::Go => Ok(()),
            Verdict::Violation(finding) => Err(Trouble::Found(finding)),
            Verdict::Stop => Err(Trouble::Stop),
        }
    }

    /// Does an operation on a shared word, of this kind and size.
    #[inline(always)]
    fn operate<const KIND: u8, const BYTES: usize>(
        &mut self,
        access: &Access,
        operation: &WordOperation,
    ) -> Result<WordOutcome, Trouble> {
        if self.weak.on {
            return self.operate_weak(access, operation);
        }
        let kind = const { Kind::numbered(KIND) };
        let WordOperation { order, failure, .. } = *operation;
        let offset = access.offset;
        self.before(access)?;
        let me = self.control.current;
        let generation = self.check_atomic::<BYTES>(access, offset)?;
        let old = self.arena.read_word::<BYTES>(offset);
        let mut new = WordOperation { kind, ..*operation }.result(old, BYTES);
        if kind == Kind::CompareExchangeWeak
            && new.is_some()
            && self.ask(access, |chooser, me, access| chooser.spurious_failure(me, access))
        {
            new = None;
            self.control.spurious += 1;
        }
        let record = self.race_atomic::<BYTES>(access, offset, generation, new.is_some())?;
        let clocks = &mut self.clocks[me];
        let release = self.shadow.release_clock(record);
        if kind != Kind::Store {
            clocks.read(if new.is_some() { order } else { failure }, release);
        }
        if let Some(new) = new {
            clocks.write(order, release, kind != Kind::Store);
            clocks.after_write(me, order);
            self.arena.write(offset, BYTES, new);
            self.pages.mark_dirty(offset >> self.pages.shift);
            if new != old {
                // The program's own words, the mailboxes, count too: fewer moments pass for
                // undisturbed then.
                self.control.writes[me] += 1;
                self.control.changed();
            }
        }
        let value = new.unwrap_or(old);
        self.control.note(kind, offset, self.arena.normalise(access, value));
        if self.stepwise {
            self.footprint.note(offset, BYTES, new.is_some(), Manner::Shared);
            self.histories.atomic(me, kind, old, new.is_some());
        }
        self.after(access, old, value)?;
        Ok(WordOutcome { old, written: new.is_some() })
    }

    /// Passes a fence or a spin hint.
    fn pass(&mut self, access: &Access) -> Result<(), Trouble> {
        self.before(access)?;
        let me = self.control.current;
        if access.kind == Kind::Spin {
            self.control.spin();
            self.footprint.note_all();
        } else {
            self.clocks[me].fence(me, access.order);
            self.footprint.note_fence(self.weak.on && access.order == Ordering::SeqCst);
            if self.weak.on {
                self.weak.fences.pass(me, access.order, &self.clocks[me]);
            }
        }
        self.control.note(access.kind, 0, 0);
        self.after(access, 0, 0)
    }

    /// The first step of the current thread.
    pub(crate) fn start_thread(&mut self) -> Result<(), Trouble> {
        let me = self.control.current;
        let access = self.control.pending[me];
        self.control.count_step();
        self.before(&access)?;
        let mut clocks = ThreadClocks::begin(me);
        match self.control.starts[me] {
            Start::AtOnce | Start::After(_) => {}
            Start::Joining(other) => {
                clocks.now.join(&self.clocks[other].now);
                self.weak.fences.join(me, other);
            }
            Start::AfterAll => {
                for other in self.control.ended.iter() {
                    clocks.now.join(&self.clocks[other].now);
                    self.weak.fences.join(me, other);
                }
            }
        }
        self.clocks[me] = clocks;
        self.control.note(Kind::Start, 0, 0);
        self.after(&access, 0, 0)
    }
}
