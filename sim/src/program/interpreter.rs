//! The interpreter: what an operation does, for simulated threads and for real ones.
//!
//! An interpreter needs a place for the blocks of a thread, mailboxes that all threads share, and
//! an allocator. Those are behind [`ProgramSide`]: `program` has them in the simulated world,
//! `stress` on the machine. A block is a number there, and 0 is none: what the number means is the
//! side's business.
//!
//! Invariants:
//! 1. The numbers that a side gets for blocks it has made itself, in `allocate` or `reallocate`,
//!    none of them is 0, and each is in one place: a register, or a mailbox. `free` gets one that
//!    was just taken out of its place, the others get one that stays in a register of the thread
//!    until they return; behind `reallocate` the new number takes its place.

use crate::program::Operation;
use crate::runtime::Written;

/// What a thread of a program acts upon.
pub(crate) trait ProgramSide {
    /// The block in a register, which stays there.
    fn held(&mut self, register: usize) -> usize;
    /// The block in a register, which is empty then.
    fn take_held(&mut self, register: usize) -> usize;
    /// Puts a block, or nothing, into a register.
    fn hold(&mut self, register: usize, block: usize);
    /// Puts a block, or nothing, into a mailbox; what was there.
    fn exchange(&mut self, mailbox: usize, block: usize) -> usize;
    /// Asks for a block, and writes so much of it; 0 if there is no memory.
    fn allocate(&mut self, size: usize, align: usize, zeroed: bool, written: Written) -> usize;
    /// Copies bytes from a place in a block to a place in one.
    fn copy(&mut self, from: (usize, usize), to: (usize, usize), bytes: usize);
    /// Exchanges what two blocks hold.
    fn swap(&mut self, one: usize, other: usize);
    /// Gives a block back.
    fn free(&mut self, block: usize);
    /// Changes a block's size. What holds the contents then: the same block if there is no memory.
    fn reallocate(&mut self, block: usize, size: usize) -> usize;
    /// Lets time pass, so much that idle memory decays.
    fn pass_time(&mut self);
    /// Gives memory that nobody uses back to the system.
    fn collect(&mut self);
    /// The thread ends, and a new one begins in its place.
    fn end(&mut self);
    /// The thread ends; what it does from then on it does without a heap, as long as it can.
    fn end_for_good(&mut self);
    /// Looks whether a round of decay is due.
    fn tick(&mut self);
    /// Limits the committed bytes; 0 for no limit.
    fn limit(&mut self, bytes: usize);
    /// Asks how many bytes of a block may be used.
    fn measure(&mut self, block: usize);
}

/// Does one operation.
pub(crate) fn run_operation(side: &mut impl ProgramSide, operation: &Operation) {
    match *operation {
        Operation::Allocate { register, size, align_shift, zeroed, written } => {
            free_held(side, register.into());
            let new = side.allocate(size as usize, 1 << align_shift, zeroed, written);
            side.hold(register.into(), new);
        }
        Operation::Free { register } => free_held(side, register.into()),
        Operation::Reallocate { register, size } => {
            let old = side.held(register.into());
            if old != 0 {
                let new = side.reallocate(old, size as usize);
                side.hold(register.into(), new);
            }
        }
        Operation::Replace { mailbox, size } => {
            let new = side.allocate(size as usize, 1, false, Written::All);
            deliver(side, mailbox.into(), new);
        }
        Operation::Take { mailbox } => deliver(side, mailbox.into(), 0),
        Operation::Copy { from, from_word, to, to_word, words } => {
            let (source, target) = (side.held(from.into()), side.held(to.into()));
            if source != 0 && target != 0 {
                let bytes = if words == 0 { usize::MAX } else { usize::from(words) * 8 };
                let place = |word: u8| usize::from(word) * 8;
                side.copy((source, place(from_word)), (target, place(to_word)), bytes);
            }
        }
        Operation::Swap { one, other } => {
            let (one, other) = (side.held(one.into()), side.held(other.into()));
            if one != 0 && other != 0 {
                side.swap(one, other);
            }
        }
        Operation::Wait => side.pass_time(),
        Operation::Collect => side.collect(),
        Operation::Exit => side.end(),
        Operation::End => side.end_for_good(),
        Operation::Tick => side.tick(),
        Operation::Limit { bytes } => side.limit(bytes as usize),
        Operation::Measure { register } => {
            let block = side.held(register.into());
            if block != 0 {
                side.measure(block);
            }
        }
    }
}

/// Frees the block in a register, if there is one.
pub(crate) fn free_held(side: &mut impl ProgramSide, register: usize) {
    let old = side.take_held(register);
    if old != 0 {
        side.free(old);
    }
}

/// Puts a block, or nothing, into a mailbox, and frees what was there.
pub(crate) fn deliver(side: &mut impl ProgramSide, mailbox: usize, block: usize) {
    let old = side.exchange(mailbox, block);
    if old != 0 {
        side.free(old);
    }
}
