//! Happens-before: vector clocks, epochs and what orderings do to them.
//!
//! Each thread counts its own releases; `now[u]` is the last release of thread `u` that happened
//! before this moment. An access is stamped with an [`Epoch`] (thread, its own count); it happened
//! before a thread's present moment exactly when that thread's clock covers the epoch (FastTrack,
//! Flanagan and Freund 2009).
//!
//! # What makes an order
//!
//! | operation | effect |
//! |---|---|
//! | acquiring load | joins the location's release clock |
//! | relaxed load | remembers it for a later acquire fence |
//! | releasing store | replaces the location's release clock by the thread's |
//! | relaxed store | replaces it by the clock of the thread's last release fence, if there is one |
//! | read-modify-write | as the store, but joins: it continues the release sequence |
//! | acquire fence | joins what relaxed loads remembered |
//! | release fence | remembers the clock for later relaxed stores |
//!
//! A sequentially consistent operation is an acquiring and releasing one here. The total order of
//! such operations restricts which values can be read; it adds no happens-before (C11 section
//! 5.1.2.4, C++20 intro.races), so there is no global clock: one would hide races. Since C++20 a
//! later relaxed store of the same thread ends its release sequence.

use super::access::{Ordering, THREADS_MAX, ThreadId};

const CLOCK_BITS: u32 = 29;
const CLOCK_MASK: u32 = (1 << CLOCK_BITS) - 1;

/// A moment of one thread: 3 bits of thread, 29 bits of count. Zero is "never", which every clock
/// covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Epoch(u32);

impl Epoch {
    pub(crate) const NEVER: Epoch = Epoch(0);

    #[inline]
    pub(crate) fn new(thread: ThreadId, clock: u32) -> Epoch {
        debug_assert!(clock != 0 && clock <= CLOCK_MASK);
        Epoch((thread as u32) << CLOCK_BITS | clock)
    }

    #[inline]
    pub(crate) fn thread(self) -> ThreadId {
        (self.0 >> CLOCK_BITS) as ThreadId
    }

    #[inline]
    pub(crate) fn clock(self) -> u32 {
        self.0 & CLOCK_MASK
    }
}

/// For each thread, the last of its releases that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(32))]
pub(crate) struct VectorClock([u32; THREADS_MAX]);

impl VectorClock {
    pub(crate) const ZERO: VectorClock = VectorClock([0; THREADS_MAX]);
    /// Moments that no clock reaches.
    pub(crate) const NOT_YET: VectorClock = VectorClock([i32::MAX as u32; THREADS_MAX]);

    #[inline]
    pub(crate) fn get(&self, thread: ThreadId) -> u32 {
        self.0[thread]
    }

    #[inline]
    pub(crate) fn set(&mut self, thread: ThreadId, clock: u32) {
        self.0[thread] = clock;
    }

    #[inline]
    pub(crate) fn advance(&mut self, thread: ThreadId) {
        self.0[thread] += 1;
        debug_assert!(self.0[thread] <= CLOCK_MASK);
    }

    #[inline]
    pub(crate) fn join(&mut self, other: &VectorClock) {
        // Counts are less than 2^31, and the machine at hand compares signed numbers faster. The
        // copies let the compiler see that the two do not overlap.
        let (mut mine, theirs) = (self.0, other.0);
        for thread in 0..THREADS_MAX {
            mine[thread] = (mine[thread] as i32).max(theirs[thread] as i32) as u32;
        }
        self.0 = mine;
    }

    /// The moment of this thread by its own clock.
    #[inline]
    pub(crate) fn epoch(&self, thread: ThreadId) -> Epoch {
        Epoch::new(thread, self.0[thread])
    }

    /// Whether that moment happened before.
    #[inline]
    pub(crate) fn covers(&self, epoch: Epoch) -> bool {
        epoch.clock() <= self.0[epoch.thread()]
    }

    /// Whether all those moments happened before.
    #[inline]
    pub(crate) fn covers_all(&self, moments: &VectorClock) -> bool {
        let mut beyond = 0;
        for (mine, theirs) in self.0.iter().zip(&moments.0) {
            beyond |= u32::from(*theirs as i32 > *mine as i32);
        }
        beyond == 0
    }

    /// Whether one of those moments happened before.
    #[inline]
    pub(crate) fn reaches(&self, moments: &VectorClock) -> bool {
        let mut reached = 0;
        for (mine, theirs) in self.0.iter().zip(&moments.0) {
            reached |= u32::from(*theirs as i32 <= *mine as i32);
        }
        reached != 0
    }

    /// The first thread whose moment did not happen before.
    pub(crate) fn first_beyond(&self, moments: &VectorClock) -> Option<ThreadId> {
        (0..THREADS_MAX).find(|&thread| moments.0[thread] > self.0[thread])
    }
}

#[inline]
pub(crate) fn acquires(order: Ordering) -> bool {
    matches!(order, Ordering::Acquire | Ordering::AcqRel | Ordering::SeqCst)
}

#[inline]
pub(crate) fn releases(order: Ordering) -> bool {
    matches!(order, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst)
}

/// The clocks of one thread.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ThreadClocks {
    /// What happened before this moment.
    pub(crate) now: VectorClock,
    /// What an acquire fence would add.
    acquirable: VectorClock,
    /// What the last release fence published.
    pub(crate) published: VectorClock,
}

impl ThreadClocks {
    /// The clocks of a thread that begins.
    pub(crate) fn begin(thread: ThreadId) -> ThreadClocks {
        let mut clocks = ThreadClocks::default();
        clocks.now.set(thread, 1);
        clocks
    }

    /// The three clocks of the thread.
    pub(crate) fn all(&self) -> [&VectorClock; 3] {
        [&self.now, &self.acquirable, &self.published]
    }

    /// The thread reads a word whose last writers released `release`.
    #[inline]
    pub(crate) fn read(&mut self, order: Ordering, release: &VectorClock) {
        if acquires(order) {
            self.now.join(release);
        } else {
            self.acquirable.join(release);
        }
    }

    /// The thread writes a word; `continues` if the write is that of a read-modify-write.
    /// [`ThreadClocks::after_write`] follows.
    #[inline]
    pub(crate) fn write(&self, order: Ordering, release: &mut VectorClock, continues: bool) {
        let source = if releases(order) { &self.now } else { &self.published };
        if continues {
            release.join(source);
        } else {
            *release = *source;
        }
    }

    /// What follows is not covered by what was released.
    #[inline]
    pub(crate) fn after_write(&mut self, thread: ThreadId, order: Ordering) {
        if releases(order) {
            self.now.advance(thread);
        }
    }

    /// The thread passes a fence.
    pub(crate) fn fence(&mut self, thread: ThreadId, order: Ordering) {
        if acquires(order) {
            self.now.join(&self.acquirable);
        }
        if releases(order) {
            self.published = self.now;
            self.now.advance(thread);
        }
    }
}
