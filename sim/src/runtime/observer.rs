//! Observers: who looks at every access.
//!
//! An observer is called in front of and behind each access, inside the running fiber, and can end the run. Simulated
//! words that it reads are read raw: they are neither scheduled nor checked.

use super::access::{Access, ThreadId};
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

/// Looks at every access.
pub trait Observer {
    /// The thread is about to do this, now.
    fn before(&mut self, _thread: ThreadId, _access: &Access, _view: &WorldView<'_>) -> Verdict {
        Verdict::Go
    }

    /// The thread has done this; the word held `old` and holds `new` (zero for what is no word of up to 8 bytes).
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

    /// Whether it is to be called at all. Asked once for each run.
    fn wants_steps(&self) -> bool {
        true
    }

    /// The world was put back to an earlier state of the same run: what was derived from memory may be wrong now. Only
    /// searches do that.
    fn put_back(&mut self) {}

    /// Whether it is to be called for plain accesses too. Asked once for each run.
    fn wants_plain(&self) -> bool {
        true
    }

    /// Whether it is to be called behind plain accesses too, and not only in front of them. Asked once for each run.
    fn wants_plain_results(&self) -> bool {
        self.wants_plain()
    }
}

/// The observer that does not look.
impl Observer for () {
    fn wants_steps(&self) -> bool {
        false
    }

    fn wants_plain(&self) -> bool {
        false
    }
}

/// The world as an observer sees it.
#[derive(Clone, Copy)]
pub struct WorldView<'a> {
    pub(crate) engine: &'a Engine,
}

impl WorldView<'_> {
    /// The number of the step, counted from one: plain accesses belong to the step in front of them.
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

    /// A value of the word that is accessed, with the arena's place taken out of it, as digests see it.
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
