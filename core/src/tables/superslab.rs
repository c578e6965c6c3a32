//! A SuperSlab's descriptor: which slots are free, and what the unit is used for, in one 64-bit
//! word.
//!
//! ```text
//! bit 63 ............ 32 | 31 ....... 8 | 7 6 5 | 4   | 3      | 2 1 0
//!     slot mask          | generation   | 0     | old | listed | use
//! ```
//!
//! A set bit in the slot mask is a free slot (UNUSED or EMPTY). Because the mask and the use lie in
//! one word, a slot is claimed, and a SuperSlab retired, with one compare-and-swap that cannot
//! succeed on a stale view: there is no window in which a slot of a retired SuperSlab can be handed
//! out.
//!
//! | Use      | The unit is                                | To                       |
//! |----------|--------------------------------------------|--------------------------|
//! | FREE     | nobody's, or its claimer's (see `units`)   | SHARED, LARGE, RETAINED  |
//! | SHARED   | a SuperSlab that the shared pool hands out | RETIRED (all slots free) |
//! | RETIRED  | on its way back to the system              | FREE, SHARED (refused)   |
//! | LARGE    | the first unit of a mapping of its own     | FREE, RETAINED           |
//! | RETAINED | the same, freed and kept (see `retained`)  | LARGE, FREE              |
//!
//! `old` says that no slot was taken or given back since the last round of `decay`.
//!
//! Invariants:
//! 1. Only SHARED SuperSlabs have a slot mask other than 0; all of their memory is committed.
//! 2. `listed` is set while the node is on the stack of available SuperSlabs (or in the hand of
//!    whoever just popped it); whoever sets the bit pushes the node. A node outlives the
//!    SuperSlab's use: a stale one is found by the use and the mask, and dropped.

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::numbers::geometry::SLABS_MAX;

/// The descriptor of a unit. Zeroed memory is a FREE unit.
#[repr(C, align(64))]
pub struct SuperSlab<P: Platform> {
    /// See the module's picture.
    pub(crate) word: P::AtomicU64,
    /// The link on the stack of available SuperSlabs.
    pub(crate) stack_link: P::AtomicU32,
    /// LARGE, RETAINED: the number of units of the mapping.
    pub(crate) units: P::AtomicU32,
    /// LARGE, RETAINED: committed bytes of the mapping.
    pub(crate) bytes: P::AtomicUsize,
    /// SHARED: the slots whose memory was handed out since the system gave it; that of the others
    /// is zero.
    pub(crate) touched: P::AtomicU32,
    /// SHARED: the slots whose memory may have seals of free blocks, see `slab`. Of touched ones
    /// only.
    pub(crate) sealed: P::AtomicU32,
    /// SHARED: the slabs that are in the directory of the module `abandoned`.
    pub(crate) abandoned: P::AtomicU32,
    /// FREE: bytes at the unit's start that the system refused to take back; the next claimer tries
    /// again.
    pub(crate) leftover: P::AtomicUsize,
}

/// What a unit is used for. See the module's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Use {
    /// Nothing.
    Free = 0,
    /// Slabs, handed out by the shared pool.
    Shared = 1,
    /// One mapping of its own.
    Large = 2,
    /// On its way back to the system.
    Retired = 3,
    /// A mapping of its own that was freed and is kept.
    Retained = 4,
}

impl Use {
    /// The word for logs and snapshots.
    pub const fn name(self) -> &'static str {
        match self {
            Use::Free => "FREE",
            Use::Shared => "SHARED",
            Use::Large => "LARGE",
            Use::Retired => "RETIRED",
            Use::Retained => "RETAINED",
        }
    }

    /// Whether the lifecycle has a step from `self` to `to`.
    pub const fn may_become(self, to: Use) -> bool {
        use Use::*;
        matches!(
            (self, to),
            (Free, Shared | Large | Retained)
                | (Shared, Retired)
                | (Retired, Free | Shared)
                | (Large, Free | Retained)
                | (Retained, Large | Free)
        )
    }
}

/// A value of the SuperSlab word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuperSlabWord(pub u64);

const LISTED: u64 = 1 << 3;
const USE_MASK: u64 = 7;
const OLD: u64 = 1 << 4;
const GENERATION_SHIFT: u32 = 8;
const GENERATION_MASK: u64 = 0xff_ffff;

// The parts of the word lie beside each other, and the slot mask is as long as can be.
const _: () = {
    assert!(Use::Retained as u64 <= USE_MASK && USE_MASK < LISTED && LISTED < OLD);
    assert!(OLD < 1 << GENERATION_SHIFT && GENERATION_MASK << GENERATION_SHIFT < 1 << 32);
    assert!(SLABS_MAX == u32::BITS);
};

impl SuperSlabWord {
    /// What the unit is used for.
    pub const fn usage(self) -> Use {
        match self.0 & USE_MASK {
            0 => Use::Free,
            1 => Use::Shared,
            2 => Use::Large,
            3 => Use::Retired,
            _ => Use::Retained,
        }
    }

    /// The free slots.
    pub const fn free_slots(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Whether the node is on the stack of available SuperSlabs.
    pub const fn is_listed(self) -> bool {
        self.0 & LISTED != 0
    }

    /// How often the unit was put to a use, modulo 2^24.
    pub const fn generation(self) -> u32 {
        ((self.0 >> GENERATION_SHIFT) & GENERATION_MASK) as u32
    }

    /// Whether the pool can hand out a slot.
    pub(crate) const fn is_available(self) -> bool {
        self.0 & USE_MASK == Use::Shared as u64 && self.free_slots() != 0
    }

    pub(crate) const fn with_slots(self, slots: u32) -> SuperSlabWord {
        SuperSlabWord(self.0 & 0xffff_ffff & !OLD | (slots as u64) << 32)
    }

    /// Whether no slot was taken or given back since the last round of decay.
    pub const fn is_old(self) -> bool {
        self.0 & OLD != 0
    }

    pub(crate) const fn old(self) -> SuperSlabWord {
        debug_assert!(matches!(self.usage(), Use::Shared), "a kept mapping has a mark of its own");
        SuperSlabWord(self.0 | OLD)
    }

    pub(crate) const fn listed(self) -> SuperSlabWord {
        SuperSlabWord(self.0 | LISTED)
    }

    pub(crate) const fn unlisted(self) -> SuperSlabWord {
        SuperSlabWord(self.0 & !LISTED)
    }

    /// Put back to `usage`, which was interrupted and did not end: its generation is the same.
    pub(crate) const fn again(self, usage: Use) -> SuperSlabWord {
        SuperSlabWord(self.0 & !USE_MASK | usage as u64)
    }

    /// Put to `usage`, without free slots; a use that begins anew gets the next generation.
    pub(crate) const fn used_as(self, usage: Use) -> SuperSlabWord {
        let generation = match usage {
            Use::Shared | Use::Large => (self.0 >> GENERATION_SHIFT).wrapping_add(1),
            Use::Free | Use::Retired | Use::Retained => self.0 >> GENERATION_SHIFT,
        } & GENERATION_MASK;
        SuperSlabWord(generation << GENERATION_SHIFT | self.0 & LISTED | usage as u64)
    }
}

impl<P: Platform> SuperSlab<P> {
    /// The word, for a look: a change checks it again. Nothing that its last writer did before is
    /// known by it.
    pub(crate) fn load(&self) -> SuperSlabWord {
        // Relaxed: whoever holds a mapping knows its words by how the block came to it, and
        // `update` acquires.
        SuperSlabWord(self.word.load(Ordering::Relaxed))
    }

    /// Replaces the word by `change(word)` in one step, or leaves it if `change` gives `None`.
    /// Returns the old and the new word.
    pub(crate) fn update(
        &self,
        change: impl Fn(SuperSlabWord) -> Option<SuperSlabWord>,
    ) -> Option<(SuperSlabWord, SuperSlabWord)> {
        // Relaxed: the exchange below checks the value and acquires.
        let mut seen = SuperSlabWord(self.word.load(Ordering::Relaxed));
        loop {
            let new = change(seen)?;
            // Release: the slab descriptors of the slots that become free are as we left them.
            // Acquire: pairs with it: the slots that we take are as their last owners left them.
            match self.word.compare_exchange_weak(
                seen.0,
                new.0,
                P::relaxed(Fault::StaleBitmap, Ordering::AcqRel),
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some((seen, new)),
                Err(now) => seen = SuperSlabWord(now),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zeroed_word_is_a_free_unit() {
        let word = SuperSlabWord(0);
        assert_eq!(word.usage(), Use::Free);
        assert!(!word.is_listed() && !word.is_available() && word.free_slots() == 0);
    }

    #[test]
    fn a_use_begins_a_generation_and_keeps_the_listing() {
        let word = SuperSlabWord(0).listed().used_as(Use::Shared).with_slots(u32::MAX);
        assert_eq!(word.generation(), 1);
        assert!(word.is_listed() && word.is_available());
        let retired = word.used_as(Use::Retired);
        assert_eq!((retired.generation(), retired.free_slots()), (1, 0));
        assert!(retired.is_listed() && !retired.unlisted().is_listed());
    }
}
