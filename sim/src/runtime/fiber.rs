//! Fibers: the stacks of simulated threads.
//!
//! A fiber is made for each body of each run on a stack that the world keeps: making one writes a
//! few words. After a violation a fiber is abandoned wherever it is, without unwinding: bodies own
//! nothing that must be dropped.
//!
//! Invariants:
//! 1. The stacks of a world are [`DefaultStack`]s, mapped with a guard page until the world is
//!    dropped; the list of them only grows. What is leased is gone before: fibers do not outlive
//!    the call of `World::run` or `World::stage` that made them.
//! 2. A stack has one fiber at a time, that of its thread in the present run; the one that finds
//!    out [`stack_pointer_word`] is gone before.
//! 3. A fiber ends by returning, or is reset while it is suspended and never resumed again: nothing
//!    on its stack is dropped, and its handle then has nothing to drop either. That is sound since
//!    bodies own nothing on which the safety of others rests (see [`Body`](super::world::Body)),
//!    and the engine's own frames below them nothing but what may be leaked.
//! 4. A handle is [`FIBER_WORDS`] words without padding: the two of a [`Lease`], two stack pointers
//!    and the function that drops a closure which never ran. That one is not called: the closures
//!    here own nothing, and no handle is dropped before its fiber ended or was reset.
//! 5. What simulated code, a chooser or an observer panics with, the fiber catches; then it is
//!    suspended for ever. Where a resumption unwinds after all (a panic that panics when it is
//!    dropped), the fiber has ended.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};

use corosensei::Coroutine;
use corosensei::stack::{DefaultStack, Stack, StackPointer};

use super::access::{Kind, ThreadId};
use super::current;
use super::engine::{Engine, Trouble, abandon, borrow, halt};
use super::oracle;
use super::panics;
use super::violation::Finding;

/// A stack that belongs to the world.
#[derive(Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) base: NonZeroUsize,
    pub(crate) limit: NonZeroUsize,
}

// SAFETY: [fiber 1] the bounds are those of a `DefaultStack`, which has a guard page, the least
// size and the alignment.
unsafe impl Stack for Lease {
    fn base(&self) -> StackPointer {
        self.base
    }

    fn limit(&self) -> StackPointer {
        self.limit
    }
}

/// The stacks of a world, one for each thread.
pub(crate) struct Stacks {
    stacks: Vec<DefaultStack>,
    bytes: usize,
}

impl Stacks {
    pub(crate) fn new(bytes: usize) -> Stacks {
        Stacks { stacks: Vec::new(), bytes }
    }

    /// Maps stacks until there are so many.
    pub(crate) fn provide(&mut self, count: usize) -> io::Result<()> {
        while self.stacks.len() < count {
            self.stacks.push(DefaultStack::new(self.bytes)?);
        }
        Ok(())
    }

    pub(crate) fn lease(&self, thread: ThreadId) -> Lease {
        let stack = &self.stacks[thread];
        Lease { base: stack.base(), limit: stack.limit() }
    }
}

/// A simulated thread in the making.
pub(crate) type Fiber = Coroutine<(), (), (), Lease>;

/// Words of a fiber's handle.
pub(crate) const FIBER_WORDS: usize = size_of::<Fiber>() / size_of::<usize>();

/// Which word of a fiber's handle is the stack pointer at which it is suspended: the one that a
/// first resumption changes. The library does not say, so it is found out on a stack that is not in
/// use yet.
///
/// # Panics
/// The library keeps something else that changes.
pub(crate) fn stack_pointer_word(lease: Lease) -> usize {
    // SAFETY: [fiber 1, fiber 2] the closure captures nothing, and the fiber is gone when this
    // function returns.
    let mut fiber: Fiber = unsafe {
        Coroutine::with_stack_unchecked(lease, |yielder: &corosensei::Yielder<(), ()>, ()| {
            yielder.suspend(());
        })
    };
    let before = words(&fiber);
    fiber.resume(());
    let after = words(&fiber);
    // SAFETY: [fiber 3] the closure owns nothing.
    unsafe { fiber.force_reset() };
    let mut changed = (0..FIBER_WORDS).filter(|&word| before[word] != after[word]);
    let word = changed.next().expect("a resumption moves the stack pointer");
    assert!(changed.next().is_none(), "a resumption changes the stack pointer and nothing else");
    assert!((lease.limit.get()..lease.base.get()).contains(&after[word]));
    word
}

/// The words of a fiber's handle.
pub(crate) fn words(fiber: &Fiber) -> [usize; FIBER_WORDS] {
    const { assert!(size_of::<Fiber>() == size_of::<Lease>() + 3 * size_of::<usize>()) };
    let mut words = [0; FIBER_WORDS];
    // SAFETY: [fiber 4] so many words, each initialised; addresses are read as such.
    unsafe {
        std::ptr::copy_nonoverlapping(
            std::ptr::from_ref(fiber).cast::<usize>(),
            words.as_mut_ptr(),
            FIBER_WORDS,
        );
    }
    words
}

/// Makes the fiber of a body.
///
/// # Safety
/// The engine and the body outlive every resumption; nobody else uses the stack until the fiber has
/// ended or was reset, and it is not dropped before; whenever the fiber is resumed, the engine's
/// world is entered, `LIVE` is the engine, and `control.current` is the thread.
pub(crate) unsafe fn make(
    engine: *mut Engine,
    thread: ThreadId,
    lease: Lease,
    body: *const dyn Fn(),
) -> Fiber {
    // SAFETY: [contract] the closure owns two pointers and a number; in it, [engine 1, engine 2] as
    // in all simulated code: what is borrowed ends in front of the next call.
    unsafe {
        Coroutine::with_stack_unchecked(lease, move |yielder, ()| {
            (*engine).yielders[thread] = yielder;
            let result = catch_unwind(AssertUnwindSafe(|| {
                let begun = borrow(engine).start_thread();
                if let Err(trouble) = begun {
                    let access = (*engine).control.pending[thread];
                    halt(engine, &access, trouble);
                }
                (*body)();
                if let Some(exit) = (*engine).control.exits[thread].take() {
                    exit();
                }
            }));
            if let Err(payload) = result {
                current::set_live(engine);
                caught(engine, thread, payload);
            }
        })
    }
}

/// A body panicked, or a chooser or observer that it called.
#[cold]
fn caught(engine: *mut Engine, thread: ThreadId, payload: Box<dyn std::any::Any + Send>) -> ! {
    // SAFETY: [engine 1, engine 2] called by the engine's fiber; not used by `abandon`.
    let here = unsafe { borrow(engine) };
    match panics::take_message() {
        Some(message) => {
            drop(payload);
            let mut access = here.control.pending[thread];
            access.kind = access.kind.max(Kind::Start);
            let finding = Finding::new(oracle::ASSERTION, message);
            here.finish(thread, &access, Trouble::Found(finding));
        }
        None => here.panic = Some(payload),
    }
    abandon(engine, thread)
}
