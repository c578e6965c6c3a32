//! Observers: who looks at accesses.
//!
//! An observer is called in front of and behind each access that it wants to see, inside the
//! running fiber, and can end the run. Simulated words that it reads are read raw: they are neither
//! scheduled nor checked. A run has one, which may be a list: a tuple of observers is an observer.

use super::access::{Access, Kind, ThreadId};
use super::blocks::Block;
use super::digest::Digest;
use super::engine::Engine;
use super::stepwise::footprint::Manner;
use super::violation::Finding;

/// What an observer says.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing is wrong.
    Go,
    /// A rule is broken.
    Violation(Box<Finding>),
    /// The run ends here, with nothing wrong.
    Stop,
}

/// At which accesses an observer is called.
///
/// A *step* is an access at a choice point; the others are *plain* ([`Kind::is_choice`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants(u8);

impl Wants {
    /// At none.
    pub const NOTHING: Wants = Wants(0);
    /// In front of steps.
    pub const BEFORE_STEPS: Wants = Wants(1);
    /// Behind steps.
    pub const AFTER_STEPS: Wants = Wants(2);
    /// In front of plain accesses.
    pub const BEFORE_PLAIN: Wants = Wants(4);
    /// Behind plain accesses.
    pub const AFTER_PLAIN: Wants = Wants(8);
    /// At all, from both sides.
    pub const EVERYTHING: Wants = Wants(15);

    /// At these and at those.
    #[must_use]
    pub const fn and(self, other: Wants) -> Wants {
        Wants(self.0 | other.0)
    }

    /// Whether it is called in front of an access of this kind.
    #[inline]
    pub const fn before(self, kind: Kind) -> bool {
        let bit = if kind.is_choice() { Wants::BEFORE_STEPS } else { Wants::BEFORE_PLAIN };
        self.0 & bit.0 != 0
    }

    /// Whether it is called behind an access of this kind.
    #[inline]
    pub const fn after(self, kind: Kind) -> bool {
        let bit = if kind.is_choice() { Wants::AFTER_STEPS } else { Wants::AFTER_PLAIN };
        self.0 & bit.0 != 0
    }
}

/// Looks at accesses.
pub trait Observer {
    /// At which accesses it is called. Asked once for each run.
    fn wants(&self) -> Wants;

    /// The thread is about to do this, now.
    fn before(&mut self, _thread: ThreadId, _access: &Access, _view: &WorldView<'_>) -> Verdict {
        Verdict::Go
    }

    /// The thread has done this; the word held `old` and holds `new` (zero for what is no word of
    /// up to 8 bytes).
    fn after(
        &mut self,
        _thread: ThreadId,
        _access: &Access,
        _old: u64,
        _new: u64,
        _view: &WorldView<'_>,
    ) -> Verdict {
        Verdict::Go
    }

    /// The world was put back to an earlier state of the same run: what was derived from memory may
    /// be wrong now. Only searches do that.
    fn put_back(&mut self) {}
}

/// The observer that does not look.
impl Observer for () {
    fn wants(&self) -> Wants {
        Wants::NOTHING
    }
}

impl<T: Observer> Observer for &mut T {
    #[inline]
    fn wants(&self) -> Wants {
        (**self).wants()
    }

    #[inline]
    fn before(&mut self, thread: ThreadId, access: &Access, view: &WorldView<'_>) -> Verdict {
        (**self).before(thread, access, view)
    }

    #[inline]
    fn after(
        &mut self,
        thread: ThreadId,
        access: &Access,
        old: u64,
        new: u64,
        view: &WorldView<'_>,
    ) -> Verdict {
        (**self).after(thread, access, old, new, view)
    }

    fn put_back(&mut self) {
        (**self).put_back();
    }
}

/// An observer that may be absent.
impl<T: Observer> Observer for Option<T> {
    #[inline]
    fn wants(&self) -> Wants {
        self.as_ref().map_or(Wants::NOTHING, Observer::wants)
    }

    #[inline]
    fn before(&mut self, thread: ThreadId, access: &Access, view: &WorldView<'_>) -> Verdict {
        self.as_mut().map_or(Verdict::Go, |observer| observer.before(thread, access, view))
    }

    #[inline]
    fn after(
        &mut self,
        thread: ThreadId,
        access: &Access,
        old: u64,
        new: u64,
        view: &WorldView<'_>,
    ) -> Verdict {
        self.as_mut().map_or(Verdict::Go, |observer| observer.after(thread, access, old, new, view))
    }

    fn put_back(&mut self) {
        if let Some(observer) = self {
            observer.put_back();
        }
    }
}

/// A list of observers is a tuple: each is called in turn, until one ends the run. (A slice of
/// references to them would do as well, and took 14 % of the time of a search.)
macro_rules! list {
    ($($Observer:ident)*) => {
        impl<$($Observer: Observer),*> Observer for ($($Observer,)*) {
            fn wants(&self) -> Wants {
                let ($($Observer,)*) = self;
                Wants::NOTHING$(.and($Observer.wants()))*
            }

            fn before(
                &mut self,
                thread: ThreadId,
                access: &Access,
                view: &WorldView<'_>,
            ) -> Verdict {
                let ($($Observer,)*) = self;
                $(if $Observer.wants().before(access.kind) {
                    let verdict = $Observer.before(thread, access, view);
                    if !matches!(verdict, Verdict::Go) {
                        return verdict;
                    }
                })*
                Verdict::Go
            }

            fn after(
                &mut self,
                thread: ThreadId,
                access: &Access,
                old: u64,
                new: u64,
                view: &WorldView<'_>,
            ) -> Verdict {
                let ($($Observer,)*) = self;
                $(if $Observer.wants().after(access.kind) {
                    let verdict = $Observer.after(thread, access, old, new, view);
                    if !matches!(verdict, Verdict::Go) {
                        return verdict;
                    }
                })*
                Verdict::Go
            }

            fn put_back(&mut self) {
                let ($($Observer,)*) = self;
                $($Observer.put_back();)*
            }
        }
    };
}

#[allow(non_snake_case, reason = "a variable for each type")]
mod lists {
    use super::{Access, Observer, ThreadId, Verdict, Wants, WorldView};

    list!(A B);
    list!(A B C);
    list!(A B C D);
    list!(A B C D E);
    list!(A B C D E F);
    list!(A B C D E F G);
    list!(A B C D E F G H);
}

/// The world as an observer sees it.
#[derive(Clone, Copy)]
pub struct WorldView<'a> {
    pub(crate) engine: &'a Engine,
}

impl WorldView<'_> {
    /// The number of the step, counted from one: plain accesses belong to the step in front of
    /// them.
    pub fn step(&self) -> u64 {
        self.engine.control.step
    }

    /// The number of the thread's operation, counted from one; zero in front of the first.
    pub fn operation(&self, thread: ThreadId) -> u32 {
        self.engine.control.operations[thread]
    }

    /// The address of the thread's heap; 0 if it has none.
    pub fn thread_heap(&self, thread: ThreadId) -> usize {
        self.engine.control.heaps[thread]
    }

    /// Whether the thread begins when all others have ended: what it does meets nobody.
    pub fn is_last(&self, thread: ThreadId) -> bool {
        matches!(self.engine.control.starts[thread], super::world::Start::AfterAll)
    }

    /// The digest of the run so far.
    pub fn digest(&self) -> Digest {
        self.engine.control.digest
    }

    /// The word of 1, 2, 4 or 8 bytes at an offset; zero outside of the arena.
    pub fn read(&self, offset: usize, bytes: usize) -> u64 {
        self.engine.footprint.note(offset, bytes, false, Manner::Shared);
        self.engine.arena.read(offset, bytes)
    }

    /// A value of the word that is accessed, with the arena's place taken out of it, as digests see
    /// it.
    pub fn normalise(&self, access: &Access, value: u64) -> u64 {
        self.engine.arena.normalise(access, value)
    }

    /// What the thread is about to do, or has done last.
    pub fn pending(&self, thread: ThreadId) -> &Access {
        &self.engine.control.pending[thread]
    }

    /// Whether loads may read older stores: then what a step read need not be what the word holds.
    pub fn is_weak(&self) -> bool {
        self.engine.weak.on
    }

    /// Where the arena begins.
    pub fn base(&self) -> usize {
        self.engine.arena.base
    }

    /// Whether the page at this offset has memory.
    pub fn is_committed(&self, offset: usize) -> bool {
        self.engine.pages.is_committed(offset)
    }

    /// The blocks that the program holds.
    pub fn live_blocks(&self) -> impl Iterator<Item = &Block> {
        self.engine.blocks.live()
    }
}
