//! A free block: memory of a slab that the program does not hold, with two words at its start.
//!
//! ```text
//! | link: the next block of its list | mark | ...
//! ```
//!
//! The link is written in a form that hardly any program's data has (the platform's secret is added to it bit by bit,
//! and the highest bit is always set): a link that was overwritten by a write after the free is noticed when the list is
//! followed. The mark says that the block was cut and is not the program's; it is the secret itself, and it is taken
//! away when the block is handed out: a block that is freed and has it is freed twice.
//!
//! Invariants:
//! 1. Whoever took a block from a list (or was given it by the program's `free`) alone may touch it, until it is pushed
//!    on another list or handed to the program.
//! 2. A block is marked from the moment that it is cut or freed until it is handed out.

use core::ptr::with_exposed_provenance;

use crate::platform::{Misuse, Plain, Platform};

/// The words at the start of a free block.
#[repr(C)]
struct Free<P: Platform> {
    link: P::Plain<usize>,
    mark: P::Plain<usize>,
}

/// # Safety
/// `address` is the start of a block in committed memory, aligned to a word, and the caller alone holds the block while
/// it uses the reference.
#[inline(always)]
unsafe fn words<'a, P: Platform>(address: usize) -> &'a Free<P> {
    // SAFETY: by the contract the words exist and nobody else touches them.
    unsafe { &*with_exposed_provenance::<Free<P>>(address) }
}

/// The next block of the list, or 0; `None` if the link was overwritten. `secret` is the platform's.
///
/// # Safety
/// `address` is a free block whose link was set, and the caller alone holds it.
#[inline(always)]
pub(crate) unsafe fn peek_next<P: Platform>(address: usize, secret: usize) -> Option<usize> {
    // SAFETY: the caller's contract.
    let next = unsafe { words::<P>(address) }.link.get() ^ secret;
    (next as isize >= 0).then_some(next)
}

/// The next block of the list, or 0. A link that was overwritten is a misuse.
///
/// # Safety
/// As [`peek_next`].
pub(crate) unsafe fn next<P: Platform>(address: usize) -> usize {
    // SAFETY: the caller's contract.
    match unsafe { peek_next::<P>(address, P::secret()) } {
        Some(next) => next,
        None => P::misuse(Misuse::CorruptedLink, address),
    }
}

/// Sets the next block of the list; 0 for none. `secret` is the platform's.
///
/// # Safety
/// `address` is a free block, and the caller alone holds it.
#[inline(always)]
pub(crate) unsafe fn set_next<P: Platform>(address: usize, next: usize, secret: usize) {
    // SAFETY: the caller's contract.
    unsafe { words::<P>(address) }.link.set(next ^ secret);
}

/// Marks a block that was cut or is freed. `secret` is the platform's.
///
/// # Safety
/// As [`set_next`].
#[inline(always)]
pub(crate) unsafe fn mark<P: Platform>(address: usize, secret: usize) {
    // SAFETY: the caller's contract.
    unsafe { words::<P>(address) }.mark.set(secret);
}

/// Takes the mark off a block that is handed out.
///
/// # Safety
/// As [`set_next`].
#[inline(always)]
pub(crate) unsafe fn unmark<P: Platform>(address: usize) {
    // SAFETY: the caller's contract.
    unsafe { words::<P>(address) }.mark.set(0);
}

/// Whether the block has the mark. `secret` is the platform's.
///
/// # Safety
/// As [`set_next`].
#[inline(always)]
pub(crate) unsafe fn is_marked<P: Platform>(address: usize, secret: usize) -> bool {
    // SAFETY: the caller's contract.
    unsafe { words::<P>(address) }.mark.get() == secret
}

/// Blocks linked one to the next; the link of the last one is 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct List {
    /// The first block's address.
    pub first: usize,
    /// The number of blocks, at least one.
    pub count: u32,
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

    /// Adds the block to which the link of the last one leads.
    pub(crate) fn extend(&mut self, block: usize) {
        self.last = block;
        self.count += 1;
    }
}
