//! A heap: what one thread has of the allocator, a thread cache and its own slabs, per size class.
//!
//! ```text
//! bin of a class:   cache ──► block ──► block ──► 0    (thread cache, last in first out)
//!                   room                               (blocks that this list still takes)
//!                   slabs ──► slab ⇄ slab ⇄ slab       (owned; the first one is refilled from)
//! beside it:      reserve ──► block ──► block ──► 0    (thread cache too: none, or nearly full)
//! ```
//!
//! Heaps lie in a table that is never unmapped; later threads use them again, as other owners.
//!
//! Invariants:
//! 1. A heap's plain words are touched by its thread only. Who has a `&Heap` is that thread, but
//!    for [`crate::inspect`]; it got the heap when it was nobody's (see `thread`).
//! 2. The slabs in a bin's list are exactly the slabs of that class that the heap owns.
//! 3. Its copies of the range (`base`, `bytes`, `class_map`, `range_word`) are the published
//!    range's; `bytes` is an extent that it had; these only grow. Before the first use all are 0.
//! 4. The heaps that a thread without a heap has, [`Heap::nobody`] and [`Heap::ended`], are zeroed
//!    memory and nobody ever writes to them: they have no block to hand out, and take none.

use crate::boundary::platform::{Plain, Platform};
use crate::numbers::capacity::{list_capacity, stay_count};
use crate::numbers::geometry::SLABS_MAX;
use crate::numbers::size_class::{self, CLASSES};
use crate::numbers::slot::OwnerId;
use crate::tables::bin::Bin;
use crate::tables::counts::Counts;

/// One per thread that allocates. Zeroed memory is a heap without a thread.
#[repr(C, align(128))]
pub struct Heap<P: Platform> {
    pub(crate) bins: [Bin<P>; CLASSES + 1],
    /// A copy of the range's base, so that the fast path of `free` reads one structure.
    pub(crate) base: P::Plain<usize>,
    /// The bytes of the range, as far as they were there when this was looked at last (see
    /// `thread::catch_up`).
    pub(crate) bytes: P::Plain<usize>,
    /// A copy of the class map's address.
    pub(crate) class_map: P::Plain<usize>,
    /// A copy of the word that the range was published with.
    pub(crate) range_word: P::Plain<usize>,
    /// The owner identity.
    pub(crate) id: P::Plain<u32>,
    /// How often the heap got a thread.
    pub(crate) generation: P::Plain<u32>,
    /// The unit where the last run was found, plus one; 0 for none.
    pub(crate) run_unit: P::Plain<u32>,
    /// How often in a row its thread gave slots or a mapping back, and took none.
    pub(crate) returns: P::Plain<u32>,
    /// By length: the first slot's number, plus one, of a hole that this heap has left; see `fit`.
    pub(crate) holes: [P::Plain<u32>; SLABS_MAX as usize],
    /// What was counted of slots and not yet added to the root's word.
    pub(crate) counts: Counts<P>,
    /// The link on the stack of free heaps.
    pub(crate) stack_link: P::AtomicU32,
    /// Slow paths until the next look at the clock; see the module `tidy`.
    pub(crate) slow_paths_left: P::Plain<u32>,
    /// When the heap is to be tidied next; 0 for "not known yet".
    pub(crate) tidy_due: P::Plain<u32>,
    /// The class where tidying goes on; 0 if it is done.
    pub(crate) tidy_at: P::Plain<u32>,
    /// A bit for each class that was refilled since the heap was tidied last.
    pub(crate) used: [P::Plain<u64>; (CLASSES + 1).div_ceil(64)],
    /// Per class: the other half of the thread cache, see the module `cache`; the first block's
    /// address, or 0.
    reserves: [P::Plain<usize>; CLASSES + 1],
    /// Per class: how often in a row the list of the thread cache was full, and never empty.
    overflows: [P::Plain<u32>; CLASSES + 1],
    /// Per class: the first block of the thread cache when the heap was tidied last.
    pub(crate) seen: [P::Plain<usize>; CLASSES + 1],
    /// Per class: the slab that was refilled from last, also after it was given up: index + 1,
    /// or 0.
    last: [P::Plain<u32>; CLASSES + 1],
}

impl<P: Platform> Heap<P> {
    /// The heap of threads that have none: a heap in which there is nothing and which takes
    /// nothing.
    pub fn nobody() -> *mut Heap<P> {
        // SAFETY: [platform 2] the root is a live structure.
        unsafe { (&raw mut (*P::root().as_ptr()).nobody).cast() }
    }

    /// The heap of threads that have ended: as [`Heap::nobody`], but a thread that has it does not
    /// get another one.
    pub fn ended() -> *mut Heap<P> {
        // SAFETY: [platform 2] the root is a live structure.
        unsafe { (&raw mut (*P::root().as_ptr()).ended).cast() }
    }

    /// The owner identity.
    pub(crate) fn owner(&self) -> OwnerId {
        OwnerId(self.id.get())
    }

    /// The other half of the thread cache of `class`.
    pub(crate) fn reserve(&self, class: u32) -> &P::Plain<usize> {
        &self.reserves[class as usize]
    }

    /// How often in a row the list of the thread cache of `class` was full, and never empty.
    pub(crate) fn overflows(&self, class: u32) -> &P::Plain<u32> {
        &self.overflows[class as usize]
    }

    /// Whether the list of the thread cache of `class` has shrunk: see `cache`.
    pub(crate) fn has_shrunk(&self, class: u32) -> bool {
        self.overflows(class).get() > P::GEOMETRY.overflows_max
    }

    /// How many blocks the list of the thread cache of `class` holds at most.
    pub(crate) fn list_capacity(&self, class: u32) -> u32 {
        let full = list_capacity(&P::GEOMETRY, size_class::size_of(class));
        if self.has_shrunk(class) { 1 } else { full }
    }

    /// The slab of `class` that was refilled from last, also after it was given up: index + 1,
    /// or 0.
    pub(crate) fn last(&self, class: u32) -> &P::Plain<u32> {
        &self.last[class as usize]
    }

    /// Remembers that blocks of `class` are asked for.
    pub(crate) fn note_used(&self, class: u32) {
        debug_assert!(class != 0 && class as usize <= CLASSES);
        let word = &self.used[class as usize / 64];
        word.set(word.get() | 1 << (class % 64));
    }

    /// Whether blocks of `class` were asked for since [`Heap::forget_used`].
    pub(crate) fn was_used(&self, class: u32) -> bool {
        debug_assert!(class != 0 && class as usize <= CLASSES);
        self.used[class as usize / 64].get() >> (class % 64) & 1 == 1
    }

    /// Begins anew to remember what is used.
    pub(crate) fn forget_used(&self) {
        for word in &self.used {
            word.set(0);
        }
    }

    /// Blocks of `class` in the thread cache.
    pub(crate) fn cached(&self, class: u32) -> u32 {
        let full = self.list_capacity(class);
        let bin = self.bin(class);
        let first = match bin.room.get() {
            _ if bin.cache.get() == 0 => 0,
            // In a copy that was made in the middle of a push, the room of a full list may be below
            // zero.
            room if room > full => full,
            room => full - room,
        };
        first + self.in_reserve(class)
    }

    /// Of these, the ones in the reserve.
    pub(crate) fn in_reserve(&self, class: u32) -> u32 {
        let size = size_class::size_of(class);
        let some = list_capacity(&P::GEOMETRY, size) - stay_count(&P::GEOMETRY, size);
        debug_assert!(some >= 1, "a reserve that there is has blocks");
        if self.reserve(class).get() == 0 { 0 } else { some }
    }

    /// Where the reserves of all classes lie in a heap.
    pub(crate) const RESERVES_AT: usize = core::mem::offset_of!(Heap<P>, reserves);
    /// Where the numbers of overflows lie in a heap.
    pub(crate) const OVERFLOWS_AT: usize = core::mem::offset_of!(Heap<P>, overflows);
    /// Where the lengths of caches when they were tidied last lie in a heap.
    pub(crate) const SEEN_AT: usize = core::mem::offset_of!(Heap<P>, seen);
    /// Where the slabs used last lie in a heap.
    pub(crate) const LAST_AT: usize = core::mem::offset_of!(Heap<P>, last);

    #[inline(always)]
    pub(crate) fn bin(&self, class: u32) -> &Bin<P> {
        debug_assert!((class as usize) < self.bins.len());
        // SAFETY: [size_class 3, class_map 2] classes come from `size_class`, also those in the
        // map; who asks for another one was stopped by `size_of`.
        unsafe { self.bins.get_unchecked(class as usize) }
    }
}

/// The running thread's heap, if it has one.
pub(crate) fn existing<P: Platform>() -> Option<&'static Heap<P>> {
    let heap = P::thread_heap();
    // SAFETY: [platform 3] it is what the core set for this thread.
    (heap != Heap::nobody() && heap != Heap::ended()).then(|| unsafe { as_ref(heap) })
}

/// # Safety
/// It is the running thread's heap, or the caller has it alone by its number, or only looks at it
/// while nobody writes to what it looks at.
#[inline(always)]
pub(crate) unsafe fn as_ref<P: Platform>(heap: *mut Heap<P>) -> &'static Heap<P> {
    debug_assert!(!heap.is_null() && heap.is_aligned());
    // SAFETY: [contract, platform 1, thread 1, heap 1, heap 4] a heap of the table, with memory for
    // ever and valid when zeroed, whose plain words only its thread touches; or one that threads
    // without a heap have, which is only read.
    unsafe { &*heap }
}
