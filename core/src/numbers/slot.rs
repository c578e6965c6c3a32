//! The slot word: who may do what with a slab, in one 64-bit word.
//!
//! Not generic: arithmetic only; the atomic word itself lies in [`crate::tables::slab::Slab`].
//!
//! ```text
//! bit  63 ........ 32 | 31 ........ 8 | 7 ... 0
//!      owner          | generation    | state
//! ```
//!
//! | State     | Owner  | Free blocks  | Who may change it            | To                     |
//! |-----------|--------|--------------|------------------------------|------------------------|
//! | UNUSED    | nobody | never cut    | who has its bit (see `pool`) | ACTIVE, RUN            |
//! | ACTIVE    | a heap | any number   | that heap alone              | FULL, ABANDONED, EMPTY |
//! | FULL      | nobody | none known   | any heap, by claiming it     | ACTIVE                 |
//! | ABANDONED | nobody | at least one | any heap, by claiming it     | ACTIVE                 |
//! | EMPTY     | nobody | all          | who has its bit              | ACTIVE, RUN, UNUSED    |
//! | RUN       | nobody | none         | whoever frees its block      | EMPTY                  |
//!
//! RUN is the first slab of a run that is one block (see the module `run`); the others of the run
//! keep their words.
//!
//! Invariants:
//! 1. Only an ACTIVE slab has an owner, and owner identities are never zero.
//! 2. The generation grows by one whenever a slab becomes EMPTY: a claim that remembers an older
//!    word fails.
//! 3. A claim is one compare-and-swap of the whole word.

/// What a slab is right now. See the module's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SlabState {
    /// Never cut since its SuperSlab got memory.
    Unused = 0,
    /// Owned by a heap.
    Active = 1,
    /// Nobody's, and every block was handed out: the first remote free claims it.
    Full = 2,
    /// Nobody's, with free blocks: who needs some, or frees one, claims it. In the directory of the
    /// module `abandoned`.
    Abandoned = 3,
    /// In the shared pool, no block is out.
    Empty = 4,
    /// The first slab of a run that is one block, which the program holds.
    Run = 5,
}

impl SlabState {
    /// The word for logs and snapshots.
    pub const fn name(self) -> &'static str {
        match self {
            SlabState::Unused => "UNUSED",
            SlabState::Active => "ACTIVE",
            SlabState::Full => "FULL",
            SlabState::Abandoned => "ABANDONED",
            SlabState::Empty => "EMPTY",
            SlabState::Run => "RUN",
        }
    }

    /// Whether the lifecycle has a step from `self` to `to`.
    pub const fn may_become(self, to: SlabState) -> bool {
        use SlabState::*;
        matches!(
            (self, to),
            (Unused | Empty, Run)
                | (Run, Empty)
                | (Unused, Active)
                | (Active, Full | Abandoned | Empty)
                | (Full | Abandoned, Active)
                | (Empty, Active | Unused)
        )
    }
}

/// The identity of a heap as an owner: 16 bits of generation above 16 bits of heap number plus one;
/// 0 is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerId(pub u32);

impl OwnerId {
    /// Nobody.
    pub const NOBODY: OwnerId = OwnerId(0);

    /// A thread that has no heap (there are more threads than heaps) and frees a block. Several
    /// threads may be guests at once; a guest owns a slab only while it finds it a place.
    pub const GUEST: OwnerId = OwnerId(0xffff);

    /// The identity of heap `index` in its `generation`th life.
    pub const fn new(index: u32, generation: u32) -> OwnerId {
        debug_assert!(index < 0xfffe);
        // Of the generation, the lower half stays.
        OwnerId((generation << 16) | (index + 1))
    }

    /// The heap's number; `None` for nobody.
    pub const fn heap(self) -> Option<u32> {
        match self.0 & 0xffff {
            0 => None,
            number => Some(number - 1),
        }
    }
}

/// A value of the slot word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotWord(pub u64);

const GENERATION_MASK: u32 = 0xff_ffff;

impl SlotWord {
    /// The word of these parts.
    pub const fn new(state: SlabState, generation: u32, owner: OwnerId) -> SlotWord {
        SlotWord(
            (owner.0 as u64) << 32
                | ((generation & GENERATION_MASK) as u64) << 8
                | state as u8 as u64,
        )
    }

    /// The state, if the word holds a valid one.
    pub const fn state(self) -> Option<SlabState> {
        match self.0 as u8 {
            0 => Some(SlabState::Unused),
            1 => Some(SlabState::Active),
            2 => Some(SlabState::Full),
            3 => Some(SlabState::Abandoned),
            4 => Some(SlabState::Empty),
            5 => Some(SlabState::Run),
            _ => None,
        }
    }

    /// Whether the state is `state`.
    pub const fn is(self, state: SlabState) -> bool {
        self.0 as u8 == state as u8
    }

    /// Whether blocks of the slab may be out and nobody owns it: FULL or ABANDONED. Whoever likes
    /// may claim it.
    pub const fn is_claimable(self) -> bool {
        self.is(SlabState::Full) || self.is(SlabState::Abandoned)
    }

    /// How often the slab became EMPTY, modulo 2^24.
    pub const fn generation(self) -> u32 {
        (self.0 >> 8) as u32 & GENERATION_MASK
    }

    /// The owner.
    pub const fn owner(self) -> OwnerId {
        OwnerId((self.0 >> 32) as u32)
    }

    /// The same slab, owned by `owner`.
    pub const fn owned_by(self, owner: OwnerId) -> SlotWord {
        SlotWord::new(SlabState::Active, self.generation(), owner)
    }

    /// The same slab in `state`, nobody's.
    pub const fn unowned(self, state: SlabState) -> SlotWord {
        debug_assert!(!matches!(state, SlabState::Active), "somebody owns an ACTIVE slab");
        SlotWord::new(state, self.generation(), OwnerId::NOBODY)
    }

    /// The same slab after its last block came back: EMPTY, in the next generation.
    pub const fn emptied(self) -> SlotWord {
        SlotWord::new(SlabState::Empty, self.generation().wrapping_add(1), OwnerId::NOBODY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_its_parts() {
        let owner = OwnerId::new(0xfffd, 0x1_2345);
        let word = SlotWord::new(SlabState::Active, 0x00ab_cdef, owner);
        assert_eq!(word.state(), Some(SlabState::Active));
        assert_eq!(word.generation(), 0xab_cdef);
        assert_eq!(word.owner(), owner);
        assert_eq!(owner.heap(), Some(0xfffd));
        assert_eq!(owner.0 >> 16, 0x2345);
        assert_eq!(OwnerId::NOBODY.heap(), None);
    }

    #[test]
    fn a_zeroed_word_is_an_unused_slab_of_nobody() {
        let word = SlotWord(0);
        assert!(word.is(SlabState::Unused));
        assert_eq!(word.owner(), OwnerId::NOBODY);
    }

    #[test]
    fn emptying_changes_the_generation_and_wraps() {
        let word = SlotWord::new(SlabState::Active, GENERATION_MASK, OwnerId::new(1, 1));
        assert_eq!(word.emptied().generation(), 0);
        assert_eq!(word.emptied().owner(), OwnerId::NOBODY);
        assert_eq!(word.unowned(SlabState::Full).generation(), GENERATION_MASK);
    }
}
