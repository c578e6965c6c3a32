//! Fibers: the stacks of simulated threads.
//!
//! A fiber is made for each body of each run on a stack that the world keeps: making one writes a
//! few words. After a violation a fiber is abandoned wherever it is, without unwinding: bodies own
//! nothing that must be dropped.

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

// SAFETY: the bounds are those of a `DefaultStack`, which has a guard page and the least size; the
// world keeps it mapped for longer than any fiber.
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
    const { assert!(size_of::<Fiber>().is_multiple_of(size_of::<usize>())) };
    // SAFETY: the closure captures nothing, and the fiber is gone when this function returns.
    let mut fiber: Fiber = unsafe {
        Coroutine::with_stack_unchecked(lease, |yielder: &corosensei::Yielder<(), ()>, ()| {
            yielder.suspend(());
        })
    };
    let before = words(&fiber);
    fiber.resume(());
    let after = words(&fiber);
    // SAFETY: nothing on its stack needs dropping.
    unsafe { fiber.force_reset() };
    let mut changed = (0..FIBER_WORDS).filter(|&word| before[word] != after[word]);
    let word = changed.next().expect("a resumption moves the stack pointer");
    assert!(changed.next().is_none(), "a resumption changes the stack pointer and nothing else");
    assert!((lease.limit.get()..lease.base.get()).contains(&after[word]));
    word
}

/// The words of a fiber's handle.
pub(crate) fn words(fiber: &Fiber) -> [usize; FIBER_WORDS] {
    let mut words = [0; FIBER_WORDS];
    // SAFETY: a handle is that many words without padding: addresses, and function pointers, which
    // are read as such.
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
/// The engine and the body outlive every resumption, nobody else uses the stack until the fiber has
/// ended or was abandoned, and the world's `current` is entered whenever the fiber is resumed.
pub(crate) unsafe fn make(
    engine: *mut Engine,
    thread: ThreadId,
    lease: Lease,
    body: *const dyn Fn(),
) -> Fiber {
    // SAFETY: what the closure captures is plain pointers, valid by the contract above.
    unsafe {
        Coroutine::with_stack_unchecked(lease, move |yielder, ()| {
            (*engine).yielders[thread] = yielder;
            let result = borrow(engine).start_thread();
            if let Err(trouble) = result {
                let access = (*engine).control.pending[thread];
                halt(engine, &access, trouble);
            }
            let result = catch_unwind(AssertUnwindSafe(|| {
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
    // SAFETY: in simulated code of this engine's world; the reference ends before the fiber is
    // suspended.
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
