//! A free block: memory of a slab that the program does not hold, with two words at its start.
//!
//! ```text
//! | link: the next block of its list | seal = secret ^ (address of this block + link) | ...
//! ```
//!
//! The seal says that the block was cut and is not the program's, and that its link is as it was
//! left. It is looked at before the link is followed: any write to one of the two words is noticed,
//! whatever was written. It is taken away when the block is handed out: a block that is freed and
//! has its seal is freed twice.
//!
//! The address is in the seal, so a free block that is copied elsewhere has no valid seal there,
//! and neither has what is left of a smaller block inside of a larger one. A correct program is
//! never accused: for that, its data in the second word of a live block would have to be the sum of
//! the block's address and its own first word, with 56 bits flipped that it cannot know. For data
//! that does not depend on the secret that has a probability of 2^-56 at each free. It cannot
//! depend on the secret, since no memory that is handed out shows it: the seal of a block is
//! cleared when the block is handed out, and seals that lie inside of what will be blocks of
//! another size are cleared before that (see `slab`).
//!
//! The secret's highest byte is [`TAG`], and so is the seal's, whatever the addresses are. One look
//! at that byte tells the fast path of `free` that a block is not free already. One block in 256
//! whose data is random has it by chance, and goes to the slow path, which looks at the whole seal.
//!
//! Invariants:
//! 1. Whoever took a block from a list (or was given it by the program's `free`) alone may touch
//!    it, until it is pushed on another list or handed to the program.
//! 2. A block is sealed from the moment that it is cut or freed until it is handed out; whoever
//!    changes its link seals it anew.
//! 3. Addresses are below 2^48 (see `Range`), so that their sums do not reach a seal's highest
//!    byte.

use core::ptr::{with_exposed_provenance, with_exposed_provenance_mut};

use crate::boundary::platform::{Misuse, Plain, Platform};
use crate::numbers::size_class::SIZE_MIN;
use crate::tables::remote_list::ADDRESS_BITS;

/// The highest byte of every seal. In UTF-8 it is no byte at all, and in numbers, addresses and
/// instructions it is a rare highest byte.
const TAG: u8 = 0xf9;

const TAG_SHIFT: u32 = usize::BITS - 8;

/// Where a seal's highest byte lies in a block.
const TAG_AT: usize =
    size_of::<usize>() + if cfg!(target_endian = "little") { size_of::<usize>() - 1 } else { 0 };

const _: () = {
    assert!(TAG_AT < SIZE_MIN, "the smallest block holds a link and a seal");
    assert!(ADDRESS_BITS < TAG_SHIFT, "invariant 3");
};

/// The secret as it is in seals: the tag, and the platform's bits.
pub(crate) fn secret<P: Platform>() -> usize {
    P::secret() & ((1 << TAG_SHIFT) - 1) | (TAG as usize) << TAG_SHIFT
}

/// The words at the start of a free block.
#[repr(C)]
struct Free<P: Platform> {
    link: P::Plain<usize>,
    seal: P::Plain<usize>,
}

/// # Safety
/// `address` is the start of a block in committed memory, aligned to a word, and the caller alone
/// holds the block while it uses the reference.
#[inline(always)]
unsafe fn words<'a, P: Platform>(address: usize) -> &'a Free<P> {
    // SAFETY: [contract, platform 1] the words exist and nobody else touches them.
    unsafe { &*with_exposed_provenance::<Free<P>>(address) }
}

/// The seal of a block with this link.
#[inline(always)]
fn seal_of(address: usize, next: usize, secret: usize) -> usize {
    address.wrapping_add(next) ^ secret
}

/// Sets the next block of the list, 0 for none, and seals the block. `secret` is that of
/// [`secret`].
///
/// # Safety
/// `address` is a block that was cut or is freed, and the caller alone holds it.
#[inline(always)]
pub(crate) unsafe fn set_next<P: Platform>(address: usize, next: usize, secret: usize) {
    debug_assert!((address | next) >> ADDRESS_BITS == 0, "invariant 3");
    debug_assert!(secret >> TAG_SHIFT == TAG as usize);
    // SAFETY: [contract] the caller alone holds the block.
    let words = unsafe { words::<P>(address) };
    words.link.set(next);
    words.seal.set(seal_of(address, next, secret));
}

/// As [`set_next`], but without the seal: a planted fault.
///
/// # Safety
/// As [`set_next`].
pub(crate) unsafe fn set_next_unsealed<P: Platform>(address: usize, next: usize) {
    // SAFETY: [contract] the caller alone holds the block.
    unsafe { words::<P>(address) }.link.set(next);
}

/// Takes the seal off a block that is handed out; the next block of the list, or 0. `None` if one
/// of the words was overwritten: the block is then lost, and the caller says so.
///
/// # Safety
/// `address` is a free block, and the caller alone holds it.
#[inline(always)]
pub(crate) unsafe fn unseal<P: Platform>(address: usize, secret: usize) -> Option<usize> {
    debug_assert!(secret >> TAG_SHIFT == TAG as usize);
    // SAFETY: [contract] the caller alone holds the block.
    let words = unsafe { words::<P>(address) };
    let next = words.link.get();
    // Compared and cleared with one instruction: if the words are as they were left, the difference
    // is 0.
    let rest = words.seal.get().wrapping_sub(seal_of(address, next, secret));
    words.seal.set(rest);
    (rest == 0).then_some(next)
}

/// The next block of the list, or 0; `None` if one of the words was overwritten.
///
/// # Safety
/// As [`unseal`].
pub(crate) unsafe fn peek_next<P: Platform>(address: usize, secret: usize) -> Option<usize> {
    // SAFETY: [contract] the caller alone holds the block.
    let words = unsafe { words::<P>(address) };
    let next = words.link.get();
    (words.seal.get() == seal_of(address, next, secret)).then_some(next)
}

/// The next block of the list, or 0. Words that were overwritten are a misuse.
///
/// # Safety
/// As [`unseal`].
pub(crate) unsafe fn next<P: Platform>(address: usize) -> usize {
    // SAFETY: [contract] the caller alone holds the block.
    match unsafe { peek_next::<P>(address, secret::<P>()) } {
        Some(next) => next,
        None => P::misuse(Misuse::CorruptedLink, address),
    }
}

/// Whether a block may be sealed: its seal's highest byte is right. For the fast path of `free`.
///
/// # Safety
/// `address` is the start of a block, and the caller alone holds it.
#[inline(always)]
pub(crate) unsafe fn may_be_sealed<P: Platform>(address: usize) -> bool {
    // Read alone: the compiler does not always see that one byte is enough.
    // SAFETY: [contract, platform 1] the byte is the caller's alone, and any byte is valid.
    let tag = unsafe { &*with_exposed_provenance::<P::Plain<u8>>(address + TAG_AT) };
    tag.get() == TAG
}

/// Whether the block is sealed: it is free.
///
/// # Safety
/// As [`may_be_sealed`].
pub(crate) unsafe fn is_sealed<P: Platform>(address: usize) -> bool {
    // SAFETY: [contract] the caller alone holds the block.
    unsafe { peek_next::<P>(address, secret::<P>()) }.is_some()
}

/// Clears the seals of blocks of `size` bytes that lie from `start` on, so many of them.
///
/// # Safety
/// The blocks were cut, none of them is out, and the caller alone holds their memory.
pub(crate) unsafe fn scrub<P: Platform>(start: usize, size: usize, count: u32) {
    debug_assert!(count == 0 || size >= SIZE_MIN);
    if size <= SCRUB_WHOLE_MAX {
        // SAFETY: [contract] the caller alone holds the memory.
        return unsafe { P::zero(with_exposed_provenance_mut(start), size * count as usize) };
    }
    for index in 0..count as usize {
        // SAFETY: [contract] the caller alone holds the memory.
        unsafe { words::<P>(start + index * size) }.seal.set(0);
    }
}

/// Up to this size, blocks are cleared whole: each cache line has a seal.
const SCRUB_WHOLE_MAX: usize = 64;

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
    /// The last block's address. Its link and its seal mean nothing.
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
