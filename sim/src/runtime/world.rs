//! The world: memory, stacks and oracles for one run after another.
//!
//! A world belongs to one OS thread at a time and is used again for many runs; every run begins
//! with zeroed memory and nothing known, and depends only on its plan, its bodies and its chooser.
//!
//! Invariants:
//! 1. A world has an engine of its own, from `new` to `drop`, and is neither `Send` nor `Sync`. Its
//!    root and user areas lie in its arena.
//! 2. Simulated code runs inside of [`World::run`] and `Stage::step` only, which have the world
//!    borrowed exclusively: in all other methods no fiber runs, and nobody but the caller can come
//!    to the engine.
//! 3. What a run borrows (bodies, chooser, observer) is used as if it lived for ever, but only by
//!    fibers, by [`World::run`] itself and by the stage; the fibers are gone, all reset or ended,
//!    when [`World::run`] or [`World::stage`] returns or unwinds.
//! 4. Bodies own nothing, while they call into the simulation, whose drop code anybody's safety
//!    rests on, and lend nothing of their stacks to anybody who lives on: see [`Body`]. **Nothing
//!    checks this.**

use std::io;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::ptr::NonNull;

use hak_core::Fault;

use super::access::{THREADS_MAX, ThreadId};
use super::arena::Arena;
use super::blocks::{Block, Blocks};
use super::chooser::Chooser;
use super::clock::ThreadClocks;
use super::control::{Control, OPERATION_KINDS_MAX};
use super::current;
use super::digest::Digest;
use super::engine::{Engine, borrow};
use super::fiber::{self, Fiber, Stacks};
use super::names::MemoryModel;
use super::observer::{Observer, Wants};
use super::pages::Pages;
use super::panics;
use super::shadow::Shadow;
use super::stepwise::footprint::Footprint;
use super::stepwise::history::Histories;
use super::violation::Violation;
use super::weak::Weak;
use super::weakening::Weakening;

/// The measures of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorldConfig {
    /// The unit of commit and decommit: that of the geometry.
    pub page_size: usize,
    /// All memory; rounded up to whole system pages.
    pub arena_bytes: usize,
    /// The root area; rounded up to pages.
    pub root_bytes: usize,
    /// The scenario's own words; rounded up to pages.
    pub user_bytes: usize,
    /// The stack of each thread.
    pub stack_bytes: usize,
}

impl WorldConfig {
    /// 1 MiB of 64-byte pages: for the tiny geometry and for code without an allocator.
    pub const TINY: WorldConfig = WorldConfig {
        page_size: 64,
        arena_bytes: 1 << 20,
        root_bytes: 16384,
        user_bytes: 1024,
        stack_bytes: 64 * 1024,
    };
}

/// When a body begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From the beginning.
    AtOnce,
    /// Once that thread has ended, *not* ordered after it: the reuse of a thread's identity.
    After(ThreadId),
    /// Once that thread has ended, ordered after it: a thread that was joined or did the
    /// preparation.
    Joining(ThreadId),
    /// Once all threads that do not begin so have ended, ordered after all of them: the epilogue.
    /// If one has stopped for ever: once nobody can go, ordered after those that have ended; the
    /// searches of `prove` leave that out.
    AfterAll,
}

/// What a simulated thread does.
///
/// After a violation a body is abandoned without unwinding: it must own nothing whose drop code
/// matters while it calls into the simulation, and lend nothing that lies on its stack to anybody
/// who lives on, such as a thread of the system.
#[derive(Clone, Copy)]
pub struct Body<'a> {
    /// When it begins.
    pub start: Start,
    /// What it does.
    pub run: &'a dyn Fn(),
}

/// What a run is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The planted fault.
    pub plant: Option<Fault>,
    /// The ordering that is made weaker.
    pub weakening: Option<Weakening>,
    /// A thread that stops for ever in front of the step after so many of its own. The others must
    /// still finish; threads that wait for it to end do not begin, but for the epilogue.
    pub stops: Option<(ThreadId, u32)>,
    /// A run of more steps makes no progress.
    pub steps_max: u64,
    /// Which stores a load may read.
    pub memory: MemoryModel,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            plant: None,
            weakening: None,
            stops: None,
            steps_max: 1_000_000,
            memory: MemoryModel::Sc,
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub enum End {
    /// Every body returned.
    Finished,
    /// A rule was broken.
    Violation(Violation),
    /// The chooser or the observer ended it.
    Stopped,
}

/// What a run was.
#[derive(Clone, Debug)]
pub struct Run {
    /// How it ended.
    pub end: End,
    /// Steps done: starts of threads, operations on shared words, fences, spin hints, system calls.
    pub steps: u64,
    /// Steps in front of which more than one thread could go.
    pub choices: u64,
    /// Changes of the running thread, including those at the end of one.
    pub switches: u64,
    /// Accesses that are no steps.
    pub plain_accesses: u64,
    /// Spin hints.
    pub spins: u64,
    /// Operations begun by each thread.
    pub operations: [u32; THREADS_MAX],
    /// Steps done by each thread.
    pub thread_steps: [u32; THREADS_MAX],
    /// The most steps of an operation, by kind: see [`super::user::operation_ends`].
    pub longest: [u32; OPERATION_KINDS_MAX],
    /// System calls that were refused.
    pub refused: u32,
    /// Weak compare-exchanges that failed for no reason.
    pub spurious: u32,
    /// Whether the thread that was to stop for ever did.
    pub stopped: bool,
    /// Blocks that the program still holds.
    pub live_blocks: u32,
    /// The digest of all steps.
    pub digest: Digest,
}

impl Run {
    /// The violation, if there was one.
    pub fn violation(&self) -> Option<&Violation> {
        match &self.end {
            End::Violation(violation) => Some(violation),
            End::Finished | End::Stopped => None,
        }
    }
}

/// A simulated world.
pub struct World {
    pub(crate) engine: NonNull<Engine>,
    pub(crate) stacks: Stacks,
    owned: PhantomData<Engine>,
}

impl World {
    /// Makes a world.
    ///
    /// # Errors
    /// The system refuses memory, or the measures do not fit together.
    pub fn new(config: &WorldConfig) -> io::Result<World> {
        panics::install();
        let page_size = config.page_size;
        if !page_size.is_power_of_two() || !(8..=1 << 20).contains(&page_size) {
            return Err(io::Error::other("a page is a power of two of 8 bytes to 1 MiB"));
        }
        let rounded = |bytes: usize, to: usize| {
            let whole = bytes.checked_next_multiple_of(to);
            whole.ok_or_else(|| io::Error::other("no address space is that large"))
        };
        let arena_bytes = rounded(config.arena_bytes, page_size.max(4096))?;
        let user_offset = rounded(config.root_bytes, page_size)?;
        let user_bytes = rounded(config.user_bytes, page_size)?;
        let fixed_bytes = user_offset.checked_add(user_bytes).filter(|&end| end <= arena_bytes);
        let Some(fixed_bytes) = fixed_bytes else {
            return Err(io::Error::other("the root and user areas do not fit into the arena"));
        };
        let fixed = fixed_bytes / page_size;
        let engine = Engine {
            control: Control::begin(0, std::iter::empty()),
            clocks: [ThreadClocks::default(); THREADS_MAX],
            arena: Arena::new(arena_bytes)?,
            pages: Pages::new(arena_bytes, page_size, fixed)?,
            shadow: Shadow::new(arena_bytes, page_size)?,
            blocks: Blocks::new()?,
            weak: Weak::new(),
            root_bytes: user_offset,
            user_offset,
            user_bytes,
            plant: None,
            weakening: None,
            end: None,
            panic: None,
            chooser: None,
            observer: None,
            wants: Wants::NOTHING,
            stepwise: false,
            histories: Histories::default(),
            footprint: Footprint::default(),
            yielders: [std::ptr::null(); THREADS_MAX],
        };
        let engine = NonNull::from(Box::leak(Box::new(engine)));
        Ok(World { engine, stacks: Stacks::new(config.stack_bytes), owned: PhantomData })
    }

    /// Runs the bodies from a clean world until all have returned or something ends the run.
    ///
    /// # Panics
    /// There are more than [`THREADS_MAX`] bodies, or no stack can be mapped, or the chooser or
    /// observer panics.
    pub fn run(
        &mut self,
        plan: &Plan,
        bodies: &[Body<'_>],
        chooser: &mut dyn Chooser,
        observer: &mut dyn Observer,
    ) -> Run {
        assert!(bodies.len() <= THREADS_MAX, "a world has at most {THREADS_MAX} threads");
        self.stacks.provide(bodies.len()).expect("stacks can be mapped");
        let engine = self.engine.as_ptr();
        // SAFETY: [world 1, world 2] the world is borrowed exclusively, and no fiber was made yet.
        unsafe { borrow(engine) }.begin(plan, bodies, chooser, observer);
        let entered = current::enter(engine, false);
        let mut fibers = RunFibers([const { None }; THREADS_MAX]);
        self.schedule(bodies, &mut fibers);
        drop(fibers);
        drop(entered);
        // SAFETY: [world 1, world 2] the world is borrowed exclusively, and all fibers are gone.
        let engine = unsafe { borrow(engine) };
        engine.chooser = None;
        engine.observer = None;
        if let Some(payload) = engine.panic.take() {
            resume_unwind(payload);
        }
        engine.report()
    }

    /// Resumes whoever is current until the run has ended.
    fn schedule(&mut self, bodies: &[Body<'_>], fibers: &mut RunFibers) {
        let engine = self.engine.as_ptr();
        let mut from_end = true;
        loop {
            if from_end {
                // SAFETY: [world 1, world 2] no fiber runs; not used behind this block.
                let here = unsafe { borrow(engine) };
                if here.control.all_ended() {
                    here.end = Some(End::Finished);
                    return;
                }
                let Some(next) = here.decide() else { return };
                here.control.switches += u64::from(here.control.step != 0);
                here.control.current = next;
            }
            // SAFETY: [world 1, world 2] no fiber runs; a number is copied.
            let thread = unsafe { (*engine).control.current };
            let fiber = fibers.0[thread].get_or_insert_with(|| {
                let body: *const (dyn Fn() + '_) = bodies[thread].run;
                // SAFETY: [world 3] only the lifetime changes.
                let body: *const dyn Fn() = unsafe { std::mem::transmute(body) };
                // SAFETY: [world 3, fiber 1, fiber 2, engine 6] engine and stack are this world's,
                // which `run` has entered; `RunFibers` resets what has not ended.
                unsafe { fiber::make(engine, thread, self.stacks.lease(thread), body) }
            });
            let ended = current::resuming(engine, || fiber.resume(()).as_return().is_some());
            // SAFETY: [world 1, world 2] no fiber runs; not used behind this turn of the loop.
            let here = unsafe { borrow(engine) };
            if here.end.is_some() || here.panic.is_some() {
                return;
            }
            from_end = ended;
            if ended {
                here.control.end(thread);
            }
        }
    }

    /// Calls `action` with this world current and raw accesses: simulated words are read without
    /// being scheduled or checked. For looking at the memory that a run left.
    pub fn inspect<R>(&mut self, action: impl FnOnce() -> R) -> R {
        let _entered = current::enter(self.engine.as_ptr(), true);
        action()
    }

    fn engine(&self) -> &Engine {
        // SAFETY: [world 1, world 2] the world is borrowed, so no fiber runs.
        unsafe { self.engine.as_ref() }
    }

    /// Where the arena begins.
    pub fn base(&self) -> usize {
        self.engine().arena.base
    }

    /// The offset of an address in the arena.
    pub fn offset_of(&self, address: usize) -> Option<usize> {
        let arena = &self.engine().arena;
        let offset = arena.offset_of(address);
        arena.contains(offset, 1).then_some(offset)
    }

    /// The address of an offset in the arena. Offsets of addresses outside wrap around, and so does
    /// this.
    pub fn address_of(&self, offset: usize) -> usize {
        self.engine().arena.base.wrapping_add(offset)
    }

    /// The word of 1, 2, 4 or 8 bytes at an offset; zero outside of the arena.
    pub fn read(&self, offset: usize, bytes: usize) -> u64 {
        self.engine().arena.read(offset, bytes)
    }

    /// Whether the page at this offset has memory.
    pub fn is_committed(&self, offset: usize) -> bool {
        self.engine().pages.is_committed(offset)
    }

    /// The addresses that are reserved: begin and end, in their order.
    pub fn reserved(&self) -> impl Iterator<Item = (usize, usize)> {
        let base = self.base();
        self.engine().pages.ranges().map(move |(from, to)| (base + from, base + to))
    }

    /// The offset of the user area.
    pub fn user_offset(&self) -> usize {
        self.engine().user_offset
    }

    /// The blocks that the program holds.
    pub fn live_blocks(&self) -> impl Iterator<Item = &Block> {
        self.engine().blocks.live()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // SAFETY: [world 1, world 2] `new` has leaked it, and no fiber runs.
        drop(unsafe { Box::from_raw(self.engine.as_ptr()) });
    }
}

/// The fibers of a run, which are gone when it ends, whether by a panic or not.
struct RunFibers([Option<Fiber>; THREADS_MAX]);

impl Drop for RunFibers {
    fn drop(&mut self) {
        for fiber in self.0.iter_mut().flatten() {
            // SAFETY: [fiber 3, world 4] it is suspended or has ended, and is not resumed again.
            unsafe { fiber.force_reset() };
        }
    }
}

impl Engine {
    pub(crate) fn begin(
        &mut self,
        plan: &Plan,
        bodies: &[Body<'_>],
        chooser: &mut dyn Chooser,
        observer: &mut dyn Observer,
    ) {
        let arena = &self.arena;
        if !self.pages.begin(|offset, bytes| arena.zero(offset, bytes)) {
            self.arena.clear();
            self.shadow.clear();
        }
        self.shadow.begin();
        self.blocks.begin();
        self.weak.begin(plan.memory).expect("the weak model's tables can be mapped");
        self.control = Control::begin(plan.steps_max, bodies.iter().map(|body| body.start));
        self.control.stops = plan.stops;
        self.plant = plan.plant;
        self.weakening = plan.weakening;
        self.end = None;
        self.panic = None;
        self.stepwise = false;
        self.shadow.keep_records = false;
        self.pages.track(false);
        self.footprint.turn(false);
        self.wants = observer.wants();
        chooser.begin(bodies.len());
        // SAFETY: [world 3] only the lifetime changes.
        let chooser = unsafe {
            std::mem::transmute::<NonNull<dyn Chooser + '_>, NonNull<dyn Chooser>>(chooser.into())
        };
        // SAFETY: [world 3] only the lifetime changes.
        let observer = unsafe {
            std::mem::transmute::<NonNull<dyn Observer + '_>, NonNull<dyn Observer>>(
                observer.into(),
            )
        };
        self.chooser = Some(chooser);
        self.observer = Some(observer);
    }

    fn report(&mut self) -> Run {
        let control = &self.control;
        Run {
            end: self.end.take().expect("a run ends for a reason"),
            steps: control.step,
            choices: control.choices,
            switches: control.switches,
            plain_accesses: control.plain_accesses,
            spins: control.spins,
            operations: control.operations,
            thread_steps: control.steps,
            longest: control.longest,
            refused: control.refused.iter().sum(),
            spurious: control.spurious,
            stopped: control.stopped,
            live_blocks: self.blocks.count,
            digest: control.digest,
        }
    }
}
