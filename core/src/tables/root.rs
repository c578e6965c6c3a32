//! The root: the few words from which everything else is found. Zeroed memory is a valid root.

use core::mem::MaybeUninit;
use core::ops::Deref;

use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::numbers::geometry::RETAINED_MAX;
use crate::numbers::size_class::CLASSES;
use crate::tables::heap::Heap;
use crate::tables::index_stack::IndexStack;

/// The most pieces that are noted at a time: one more is lost.
pub(crate) const PIECES: usize = 4;

/// Words that have a cache line of their own, because others beside them are written by many
/// threads, or read by many. `hak-sim contention` counts what it costs where they have not.
#[repr(C, align(64))]
pub(crate) struct OwnLine<T>(T);

impl<T> Deref for OwnLine<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// One per allocator, in the platform's static memory.
#[repr(C, align(128))]
pub struct Root<P: Platform> {
    /// The published range (see [`crate::range`]), or 0.
    pub(crate) range: P::AtomicUsize,
    /// Units of the range that there are so far; see [`crate::range::growth`].
    pub(crate) extent: P::AtomicUsize,
    /// Pieces of the range whose growth was refused in the middle; 0 for none.
    pub(crate) pieces: [P::AtomicU64; PIECES],
    /// How many committed bytes there may be (0 for any number); see `budget`.
    pub(crate) limit: P::AtomicUsize,
    /// When the next slice of a round of `decay` is due, or that one is under way; 0 if none is
    /// needed. See there.
    pub(crate) decay_due: OwnLine<P::AtomicU32>,
    /// The unit from which on a round of `decay` that has begun goes on; 0 if the next slice begins
    /// a round.
    pub(crate) decay_at: P::AtomicU32,
    /// Slots in use and idle ones, as far as heaps have added what they counted; see `count`.
    pub(crate) slots: OwnLine<P::AtomicU64>,
    /// How many slots were in use at a time lately, at least.
    pub(crate) used_lately: OwnLine<P::AtomicU32>,
    /// Where `idle` sweeps next: a unit.
    pub(crate) sweep: P::AtomicU32,
    /// Until when it does not, if only somewhat too much lies idle.
    pub(crate) sweep_due: P::AtomicU32,
    /// Committed bytes of units; see `budget`.
    pub(crate) committed: OwnLine<P::AtomicUsize>,
    /// Where the search for a free unit begins: a word of the unit map. A hint.
    pub(crate) unit_hint: P::AtomicUsize,
    /// Bytes of kept mappings. May be off while threads are in the middle of changing it.
    pub(crate) retained_bytes: OwnLine<P::AtomicUsize>,
    /// Freed mappings that are kept; see the module `retained`.
    pub(crate) retained: [P::AtomicU64; RETAINED_MAX],
    /// SuperSlabs with free slots.
    pub(crate) available: OwnLine<IndexStack<P>>,
    /// Heaps whose thread has ended.
    pub(crate) free_heaps: OwnLine<IndexStack<P>>,
    /// Heaps that were ever used; the ones above were not.
    pub(crate) heaps_used: P::AtomicU32,
    /// Per class: slabs without an owner that have free blocks; see the module `abandoned`.
    pub(crate) abandoned: [Directory<P>; CLASSES + 1],
    /// The heap of threads that have none: zero for ever. Not a `Heap`, which has words that are
    /// not for sharing.
    pub(crate) nobody: Nobody<P>,
    /// The heap of threads that have ended, as `nobody`.
    pub(crate) ended: Nobody<P>,
}

/// What the root knows of the abandoned slabs of a class; a cache line, as above. Valid when
/// zeroed.
#[repr(C, align(64))]
pub struct Directory<P: Platform> {
    /// How many are listed.
    pub(crate) count: P::AtomicU32,
    /// The unit where a search begins. A hint.
    pub(crate) unit: P::AtomicU32,
}

/// Memory for a heap that nobody ever writes to.
#[repr(transparent)]
pub(crate) struct Nobody<P: Platform>(MaybeUninit<Heap<P>>);

// SAFETY: [heap 4] the memory is only read.
unsafe impl<P: Platform> Sync for Nobody<P> {}

/// Where [`Heap::nobody`] lies in a root, for platforms whose thread-local word is initialised by
/// the linker.
pub const fn nobody_at<P: Platform>() -> usize {
    core::mem::offset_of!(Root<P>, nobody)
}

/// The platform's root.
pub(crate) fn root<P: Platform>() -> &'static Root<P> {
    // SAFETY: [platform 1, platform 2] there is one root, zeroed at first (which is valid), and
    // never moved. It has no plain words.
    unsafe { P::root().as_ref() }
}

/// Heaps that were ever in use at the same time: they have the numbers below this, and memory.
pub(crate) fn heaps_used<P: Platform>() -> u32 {
    // Acquire: pairs with `free_heap`: they have memory.
    root::<P>().heaps_used.load(Ordering::Acquire)
}
