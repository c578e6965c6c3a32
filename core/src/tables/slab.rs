//! A slab's descriptor: 64 KiB of blocks of one size class, described out of line.
//!
//! ```text
//! line 0, owner only      freelist | used | carved | capacity | block size | next | previous
//! line 1, shared          slot word | remote list | slabs of a run | seals
//!
//! the slab's memory       | block | block | block | ... | never cut            |
//!                          0 ............... carved ...... capacity
//! ```
//!
//! Descriptors lie in a table that is never unmapped, so that a late look at one is always memory
//! safe.
//!
//! Invariants:
//! 1. Line 0 is touched by the owner only (the heap named in the slot word).
//! 2. `used <= carved <= capacity`, and the freelist holds `carved - used` blocks. `used` counts
//!    the blocks that are live, in a thread cache, or on the remote list: a slab with blocks in any
//!    cache is not empty.
//! 3. Blocks `carved..capacity` were never touched since the slab was bound: untouched pages stay
//!    untouched.
//! 4. While no block is out, seals (see `block`) lie only where the word `seals` says, and only if
//!    the SuperSlab's bit for the slab is set (see `superslab`). They are cleared before the memory
//!    is used for blocks of another size, or for a run: a program never finds one in its block.

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Plain, Platform};
use crate::numbers::capacity::carve_count;
use crate::numbers::size_class;
use crate::numbers::slot::SlotWord;
use crate::tables::block::{self, Chain, List};
use crate::tables::remote_list::RemoteList;

/// The descriptor. See the module's picture. Zeroed memory is an UNUSED slab.
#[repr(C, align(128))]
pub struct Slab<P: Platform> {
    /// The first block of the freelist, or 0.
    pub(crate) freelist: P::Plain<usize>,
    /// Blocks cut from this slab that are not on the freelist.
    pub(crate) used: P::Gauge,
    /// Blocks ever cut since the slab was bound to its class.
    pub(crate) carved: P::Gauge,
    /// Blocks that fit.
    pub(crate) capacity: P::Gauge,
    /// Bytes of a block.
    pub(crate) block_size: P::Plain<u32>,
    /// In the owner's list of slabs of the class: index + 1 of the next slab, or 0.
    pub(crate) next: P::Plain<u32>,
    /// The same for the previous one.
    pub(crate) previous: P::Plain<u32>,
    owner_line_rest: [u32; 7],
    /// State, generation and owner; see [`crate::numbers::slot`].
    pub(crate) slot: P::AtomicU64,
    /// Blocks freed by others.
    pub(crate) remote: RemoteList<P>,
    /// RUN: the slabs of the run.
    pub(crate) run: P::AtomicU32,
    /// Of a slab no block of which is out: where seals are, see [`Seals`]. Written by the owner,
    /// read by whoever holds the slot.
    pub(crate) seals: P::AtomicU64,
}

/// The first `count` blocks of `size` bytes in a slab may have seals.
#[derive(Clone, Copy)]
struct Seals {
    size: u32,
    count: u32,
}

impl Seals {
    fn from_word(word: u64) -> Seals {
        Seals { size: (word >> 32) as u32, count: word as u32 }
    }

    fn to_word(self) -> u64 {
        debug_assert!(self.size as usize >= size_class::SIZE_MIN || self.count == 0);
        debug_assert!(self.size as usize <= size_class::SIZE_MAX);
        u64::from(self.size) << 32 | u64::from(self.count)
    }
}

/// Bytes at the start of a descriptor that only the owner touches.
pub const OWNER_LINE: usize = 64;

impl<P: Platform> Slab<P> {
    /// The slot word, for a first look: a claim checks it again.
    pub(crate) fn slot_hint(&self) -> SlotWord {
        SlotWord(self.slot.load(Ordering::Relaxed))
    }

    /// Prepares the slab, whose first byte is `start`, for blocks of `size` bytes. `has_seals`: its
    /// memory may have seals of an earlier use. For the owner, while no block is out.
    pub(crate) fn bind(&self, start: usize, size: usize, has_seals: bool) {
        debug_assert!(start.is_multiple_of(P::GEOMETRY.slab_size()));
        debug_assert!(size >= size_class::SIZE_MIN && size <= P::GEOMETRY.small_max);
        // Relaxed, here and below: the slot is ours; the slot mask publishes.
        let old = Seals::from_word(self.seals.load(Ordering::Relaxed));
        let is_same = has_seals && old.size == size as u32;
        if has_seals && !is_same {
            self.scrub(start);
        }
        if !is_same {
            let none = Seals { size: size as u32, count: 0 };
            self.seals.store(none.to_word(), Ordering::Relaxed);
        }
        self.freelist.set(0);
        self.used.set(0);
        self.carved.set(0);
        let bytes = P::GEOMETRY.slab_size();
        let bytes = P::wrong(Fault::OneBlockTooMany, bytes, bytes + size - 1);
        self.capacity.set((bytes / size) as u32);
        self.block_size.set(size as u32);
        self.next.set(0);
        self.previous.set(0);
    }

    /// Says where seals are, for whoever gets the slot next. For the owner, while no block is out.
    pub(crate) fn leave_seals(&self) {
        let carved = self.carved.get();
        let seals = Seals::from_word(self.seals.load(Ordering::Relaxed));
        // Of an earlier binding to the same size there may be more.
        if carved > seals.count {
            let more = Seals { count: carved, ..seals };
            self.seals.store(more.to_word(), Ordering::Relaxed);
        }
    }

    /// Clears the seals of an earlier use; `start` is the slab's first byte. For whoever holds the
    /// slot, while no block is out.
    pub(crate) fn scrub(&self, start: usize) {
        debug_assert!(start.is_multiple_of(P::GEOMETRY.slab_size()));
        let Seals { size, count } = Seals::from_word(self.seals.load(Ordering::Relaxed));
        P::skipped(Fault::SealsLeftBehind, || {
            // SAFETY: [slab 4, pool 1] these blocks were cut; the memory is the caller's, who holds
            // the slot, and none of them is out.
            unsafe { block::scrub::<P>(start, size as usize, count) };
        });
    }

    /// Whether no block is out.
    pub(crate) fn is_unused(&self) -> bool {
        self.used.get() == 0
    }

    /// Whether refill finds a block here without looking at the remote list.
    pub(crate) fn has_free(&self) -> bool {
        self.used.get() < self.capacity.get()
    }

    /// Takes free blocks: all of the freelist if that is `most` at most, else `count` of it; or at
    /// most `count` that are cut now. `start` is the slab's first byte.
    pub(crate) fn pop(&self, start: usize, count: u32, most: u32) -> Option<List> {
        debug_assert!(start.is_multiple_of(P::GEOMETRY.slab_size()));
        debug_assert!(1 <= count && count <= most);
        if self.freelist.get() != 0 {
            Some(self.pop_free(count, most))
        } else {
            self.carve(start, count)
        }
    }

    fn pop_free(&self, count: u32, most: u32) -> List {
        let first = self.freelist.get();
        // Invariant 2. Blocks that others freed lie in their caches: whoever need not walk over
        // them does not wait for them.
        let free = self.carved.get() - self.used.get();
        let list = if free <= most {
            self.freelist.set(0);
            List { first, count: free }
        } else {
            self.freelist.set(cut::<P>(first, count));
            List { first, count }
        };
        P::skipped(Fault::ActiveUnderflow, || self.count_out(list.count));
        list
    }

    fn carve(&self, start: usize, count: u32) -> Option<List> {
        let (carved, size) = (self.carved.get(), self.block_size.get() as usize);
        let most = carve_count(&P::GEOMETRY, size, carved).min(self.capacity.get() - carved);
        let taken = count.min(most);
        if taken == 0 {
            return None;
        }
        let first = start + carved as usize * size;
        let last = first + (taken as usize - 1) * size;
        debug_assert!(last - start < P::GEOMETRY.slab_size(), "the last block begins in the slab");
        let secret = block::secret::<P>();
        let mut block = first;
        loop {
            let next = if block == last { 0 } else { block + size };
            // SAFETY: [slab 3] a block that was never cut is the owner's, who is the caller.
            unsafe { block::set_next::<P>(block, next, secret) };
            if next == 0 {
                break;
            }
            block = next;
        }
        self.carved.set(carved + taken);
        self.count_out(taken);
        Some(List { first, count: taken })
    }

    /// Counts blocks that leave the slab, be it for the program or for a thread cache.
    fn count_out(&self, taken: u32) {
        let counted = P::wrong(Fault::RetireWhileCached, taken, 1);
        self.used.set(self.used.get() + counted);
    }

    /// Puts a chain of blocks of this slab on the freelist. For the owner.
    ///
    /// # Safety
    /// The caller owns the slab and holds the chain's blocks, which are this slab's.
    pub(crate) unsafe fn push(&self, chain: Chain) {
        debug_assert!(chain.count >= 1 && chain.first != 0 && chain.last != 0);
        // SAFETY: [contract] the caller holds the blocks, and owns the freelist.
        unsafe { block::set_next::<P>(chain.last, self.freelist.get(), block::secret::<P>()) };
        self.freelist.set(chain.first);
        self.count_in(chain.count);
    }

    fn count_in(&self, count: u32) {
        let used = self.used.get();
        assert!(used >= count, "more blocks came back than went out");
        self.used.set(used - count);
    }

    /// Moves what others freed onto the freelist. For the owner.
    pub(crate) fn drain(&self) {
        let Some(List { first, count }) = self.remote.take() else { return };
        let mut last = first;
        if self.freelist.get() != 0 {
            // SAFETY: [remote_list 1, ownership 2] the exchange in `take` made the whole list ours.
            while let next @ 1.. = unsafe { block::next::<P>(last) } {
                last = next;
            }
            // SAFETY: [as above] and so is the slab.
            unsafe { self.push(Chain { first, last, count }) };
            return;
        }
        self.freelist.set(first);
        self.count_in(count);
    }
}

/// Cuts a freelist behind its first `count` blocks; the first block of the rest.
fn cut<P: Platform>(first: usize, count: u32) -> usize {
    debug_assert!(first != 0 && count >= 1);
    let mut last = first;
    // SAFETY: [slab 1, slab 2] blocks on the freelist belong to the slab's owner, who is the
    // caller; there are more than these.
    unsafe {
        for _ in 1..count {
            last = block::next::<P>(last);
        }
        let rest = block::next::<P>(last);
        block::set_next::<P>(last, 0, block::secret::<P>());
        rest
    }
}
