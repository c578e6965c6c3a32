//! A free block: memory of a slab that nobody holds, whose first word links it to the next one.
//!
//! Invariant: whoever took a block from a list (or was given it by the program's `free`) alone may touch it, until it
//! is pushed on another list or handed to the program.

use core::ptr::with_exposed_provenance;

use crate::platform::{Plain, Platform};

/// The link word of the free block at `address`.
///
/// # Safety
/// `address` is the start of a block in committed memory, aligned to a word, and the caller alone holds the block
/// while it uses the reference.
#[inline(always)]
pub(crate) unsafe fn link<'a, P: Platform>(address: usize) -> &'a P::Plain<usize> {
    // SAFETY: by the contract the word exists and nobody else touches it.
    unsafe { &*with_exposed_provenance::<P::Plain<usize>>(address) }
}

/// Blocks linked one to the next.
#[derive(Clone, Copy)]
pub(crate) struct Chain {
    /// The first block's address.
    pub(crate) first: usize,
    /// The last block's address. Its link means nothing.
    pub(crate) last: usize,
    /// The number of blocks.
    pub(crate) count: u32,
}

impl Chain {
    /// The chain of one block.
    pub(crate) const fn of(block: usize) -> Chain {
        Chain { first: block, last: block, count: 1 }
    }

    /// Links `block` in front.
    ///
    /// # Safety
    /// The caller alone holds `block` and the chain.
    pub(crate) unsafe fn push<P: Platform>(&mut self, block: usize) {
        // SAFETY: the caller's contract.
        unsafe { link::<P>(block) }.set(self.first);
        self.first = block;
        self.count += 1;
    }
}
