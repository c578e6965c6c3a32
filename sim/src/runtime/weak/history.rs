//! The history of a word: its latest stores, in modification order.
//!
//! The stores lie in fixed slots; `order` lists the slots from the oldest store to the newest, so
//! that putting a store into the middle moves bytes, not stores. How many there are is kept in the
//! word's shadow record.
//!
//! Invariants:
//!
//! 1. `order` is a permutation of the slots; its first `length` entries are in use.
//! 2. The newest store has the value that the arena holds; otherwise something else wrote the word,
//!    and the history begins anew.
//! 3. The store of a read-modify-write directly follows the one that it read, for ever.

use super::super::access::ThreadId;
use super::super::buffer::Zeroable;
use super::super::clock::VectorClock;
use super::view::ReadBound;

/// How many stores of a word are remembered.
pub(crate) const STORES_MAX: usize = 8;

/// One store.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Store {
    /// When each thread first touched it, by its own clock.
    pub(crate) seen: VectorClock,
    /// What an acquiring reader learns of happens-before ...
    pub(crate) clock: VectorClock,
    pub(crate) value: u64,
    /// ... and of SC fences.
    pub(crate) fence: u32,
    /// How many SC fences had run when an SC operation first touched it; [`NOT_TOUCHED`] if none
    /// did.
    pub(crate) sequential: u32,
    /// Whether it is that of a read-modify-write.
    pub(crate) follows: bool,
}

/// No SC operation has touched a store.
pub(crate) const NOT_TOUCHED: u32 = u32::MAX;

const _: () = assert!(size_of::<Store>() == 96);

/// The stores of one word.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct History {
    offset: usize,
    bytes: usize,
    order: [u8; STORES_MAX],
    stores: [Store; STORES_MAX],
}

// SAFETY: [buffer 3] integers and flags.
unsafe impl Zeroable for History {}

impl Store {
    /// A store that nobody touched, and that releases nothing.
    pub(super) fn new(value: u64) -> Store {
        Store {
            seen: VectorClock::NOT_YET,
            clock: VectorClock::ZERO,
            value,
            fence: 0,
            sequential: NOT_TOUCHED,
            follows: false,
        }
    }

    /// A thread touches it, at this moment by its own clock.
    #[inline]
    pub(super) fn touch(&mut self, thread: ThreadId, moment: u32) {
        self.seen.set(thread, self.seen.get(thread).min(moment));
    }

    /// An SC operation touches it, after so many SC fences.
    #[inline]
    pub(super) fn touch_sequentially(&mut self, fences: u32) {
        self.sequential = self.sequential.min(fences);
    }

    /// Whether no operation of a thread that covers `now`, and knows this fence, with what had
    /// happened `before` it, goes behind it, whatever its ordering is.
    pub(crate) fn is_floor_of(&self, now: &VectorClock, fence: u32, before: &VectorClock) -> bool {
        self.is_floor(now, ReadBound { fence, before })
    }

    /// Whether an operation may not go behind it.
    #[inline]
    fn is_floor(&self, now: &VectorClock, bound: ReadBound<'_>) -> bool {
        now.reaches(&self.seen)
            || self.sequential < bound.fence
            || (bound.fence != 0 && bound.before.reaches(&self.seen))
    }
}

impl History {
    /// The number of stores, given what the record says; the history begins anew if something else
    /// wrote the word.
    #[inline]
    pub(super) fn prepare(
        &mut self,
        length: u32,
        offset: usize,
        bytes: usize,
        value: u64,
    ) -> usize {
        let length = length as usize;
        if length != 0
            && self.offset == offset
            && self.bytes == bytes
            && self.newest(length, 0).value == value
        {
            return length;
        }
        self.offset = offset;
        self.bytes = bytes;
        self.order = std::array::from_fn(|slot| slot as u8);
        self.stores[0] = Store::new(value);
        1
    }

    /// The `place`-th newest store of so many, counted from zero.
    #[inline]
    pub(crate) fn at(&self, length: usize, place: usize) -> &Store {
        &self.stores[self.order[length - 1 - place] as usize % STORES_MAX]
    }

    /// The `place`-th newest store, counted from zero, to be touched.
    #[inline]
    pub(super) fn newest(&mut self, length: usize, place: usize) -> &mut Store {
        let slot = self.order[length - 1 - place];
        &mut self.stores[slot as usize % STORES_MAX]
    }

    /// How many of the newest stores an operation may read, or follow.
    #[inline]
    pub(super) fn candidates(
        &mut self,
        length: usize,
        now: &VectorClock,
        bound: ReadBound<'_>,
    ) -> usize {
        (0..length)
            .find(|&place| self.newest(length, place).is_floor(now, bound))
            .map_or(length, |place| place + 1)
    }

    /// Puts a store behind the `place` newest ones; the oldest goes if there is no room. Returns
    /// the new length.
    #[inline]
    pub(super) fn insert(&mut self, length: usize, place: usize, store: Store) -> usize {
        let mut length = length;
        if length == STORES_MAX {
            self.order.rotate_left(1);
            length -= 1;
        }
        let slot = self.order[length];
        self.stores[slot as usize % STORES_MAX] = store;
        self.order[length - place..=length].rotate_right(1);
        length + 1
    }
}
