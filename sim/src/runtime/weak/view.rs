//! Sequentially consistent fences: their numbers, what had happened before each, and who knows of
//! which.
//!
//! Fence number `f` is the `f`-th SC fence of the run; zero is none. `before[f]` joins what had
//! happened before the fences `1..=f`. A thread carries the number of the newest fence that
//! happened before it, a release carries it along, and an acquire takes it over, exactly as with
//! the clocks of [`super::super::clock`]: what a thread must not go behind because of fences is
//! then `before` at one index.

use std::io;

use super::super::access::{Ordering, THREADS_MAX, ThreadId};
use super::super::buffer::{Buffer, Zeroable};
use super::super::clock::{ThreadClocks, VectorClock, acquires, releases};

/// SC fences of one run, at most.
const FENCES_MAX: usize = 1 << 24;

// SAFETY: [buffer 3] integers.
unsafe impl Zeroable for VectorClock {}

/// The newest SC fence that a thread knows, will know and has published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    /// It happened before this moment.
    now: u32,
    /// An acquire fence would add it.
    acquirable: u32,
    /// The last release fence published it.
    published: u32,
}

/// What a step can change of the fences. What had happened before a fence stays as it is once the
/// fence was passed.
#[derive(Clone, Copy)]
pub(crate) struct FencesImage {
    threads: [Known; THREADS_MAX],
    count: u32,
    released: u32,
}

/// The SC fences of a run.
pub(crate) struct Fences {
    threads: [Known; THREADS_MAX],
    /// How many there were.
    count: u32,
    /// What the system knows, which orders a reserve after the releases before it.
    released: u32,
    before: Option<Buffer<VectorClock>>,
}

/// How far back an operation may not go for the sake of SC operations.
#[derive(Clone, Copy)]
pub(crate) struct ReadBound<'a> {
    /// Not behind a store that an SC operation touched when fewer fences than this had run.
    pub(crate) fence: u32,
    /// Not behind a store that was touched before one of these moments.
    pub(crate) before: &'a VectorClock,
}

impl Fences {
    pub(crate) fn new() -> Fences {
        Fences { threads: [Known::default(); THREADS_MAX], count: 0, released: 0, before: None }
    }

    pub(super) fn provide(&mut self) -> io::Result<()> {
        self.before = Some(Buffer::new(FENCES_MAX)?);
        Ok(())
    }

    pub(super) fn begin(&mut self) {
        self.threads = [Known::default(); THREADS_MAX];
        self.count = 0;
        self.released = 0;
    }

    /// A thread begins after another one, and is ordered after it.
    pub(crate) fn join(&mut self, thread: ThreadId, ended: ThreadId) {
        let theirs = self.threads[ended].now;
        self.learn(thread, theirs);
    }

    /// A thread gives address space back.
    pub(crate) fn give_back(&mut self, thread: ThreadId) {
        self.released = self.released.max(self.threads[thread].now);
    }

    /// A thread receives address space.
    pub(crate) fn take_up(&mut self, thread: ThreadId) {
        self.learn(thread, self.released);
    }

    /// What a step can change.
    pub(crate) fn image(&self) -> FencesImage {
        FencesImage { threads: self.threads, count: self.count, released: self.released }
    }

    /// Puts it back.
    pub(crate) fn put_back(&mut self, image: &FencesImage) {
        (self.threads, self.count, self.released) = (image.threads, image.count, image.released);
    }

    /// The newest fence that happened before this moment of the thread.
    pub(crate) fn known(&self, thread: ThreadId) -> u32 {
        self.threads[thread].now
    }

    /// That one, the one that an acquire fence would add, and the one that the last release fence
    /// published.
    pub(crate) fn all(&self, thread: ThreadId) -> [u32; 3] {
        let Known { now, acquirable, published } = self.threads[thread];
        [now, acquirable, published]
    }

    /// What the system knows.
    pub(crate) fn released(&self) -> u32 {
        self.released
    }

    /// What had happened before the fences up to this number; nothing before number zero.
    pub(crate) fn before(&self, fence: u32) -> &VectorClock {
        &self.before.as_ref().expect("made when the run began")[fence as usize]
    }

    fn learn(&mut self, thread: ThreadId, fence: u32) {
        let now = &mut self.threads[thread].now;
        *now = (*now).max(fence);
    }

    /// How many fences have run: the stamp of SC operations.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// A thread reads a store that released this number.
    #[inline]
    pub(super) fn read(&mut self, thread: ThreadId, order: Ordering, fence: u32) {
        let known = &mut self.threads[thread];
        let place = if acquires(order) { &mut known.now } else { &mut known.acquirable };
        *place = (*place).max(fence);
    }

    /// The number that a write of this ordering releases.
    #[inline]
    pub(super) fn released_by(&self, thread: ThreadId, order: Ordering) -> u32 {
        let known = &self.threads[thread];
        if releases(order) { known.now } else { known.published }
    }

    /// A thread has passed a fence; `clocks` are as they are behind it.
    pub(crate) fn pass(&mut self, thread: ThreadId, order: Ordering, clocks: &ThreadClocks) {
        let known = &mut self.threads[thread];
        if acquires(order) {
            known.now = known.now.max(known.acquirable);
        }
        if order == Ordering::SeqCst {
            assert!(
                (self.count as usize) < FENCES_MAX - 1,
                "a run has fewer than 16 million fences"
            );
            let before = self.before.as_mut().expect("made when the run began");
            let mut all = before[self.count as usize];
            all.join(&clocks.published);
            self.count += 1;
            before[self.count as usize] = all;
            known.now = self.count;
        }
        if releases(order) {
            known.published = known.now;
        }
    }

    /// The bound of an operation of this ordering.
    #[inline]
    pub(super) fn bound(&self, thread: ThreadId, order: Ordering) -> ReadBound<'_> {
        let before = self.before.as_ref().expect("made when the run began");
        if order == Ordering::SeqCst {
            ReadBound { fence: self.count + 1, before: &before[self.count as usize] }
        } else {
            let fence = self.threads[thread].now;
            ReadBound { fence, before: &before[fence as usize] }
        }
    }
}
