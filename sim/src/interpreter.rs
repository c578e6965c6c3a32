//! The interpreter: what an operation does, for simulated threads and for real ones.
//!
//! An interpreter needs a place for the blocks of a thread, mailboxes that all threads share, and an allocator. Those are
//! behind [`Side`]: `program` has them in the simulated world, `stress` on the machine. A block is a number there, and 0
//! is none: what the number means is the side's business.

use crate::program::Operation;

/// What a thread of a program acts upon.
pub trait Side {
    /// The block in a register, which stays there.
    fn held(&mut self, register: usize) -> usize;
    /// The block in a register, which is empty then.
    fn take_held(&mut self, register: usize) -> usize;
    /// Puts a block, or nothing, into a register.
    fn hold(&mut self, register: usize, block: usize);
    /// Puts a block, or nothing, into a mailbox; what was there.
    fn exchange(&mut self, mailbox: usize, block: usize) -> usize;
    /// Asks for a block; 0 if there is no memory.
    fn allocate(&mut self, size: usize, align: usize, zeroed: bool) -> usize;
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
}

/// Does one operation.
pub fn run_operation(side: &mut impl Side, operation: &Operation) {
    match *operation {
        Operation::Allocate { register, size, align_shift, zeroed } => {
            free_held(side, register.into());
            let new = side.allocate(size as usize, 1 << align_shift, zeroed);
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
            let new = side.allocate(size as usize, 1, false);
            deliver(side, mailbox.into(), new);
        }
        Operation::Take { mailbox } => deliver(side, mailbox.into(), 0),
        Operation::Wait => side.pass_time(),
        Operation::Collect => side.collect(),
        Operation::Exit => side.end(),
    }
}

/// Frees the block in a register, if there is one.
pub fn free_held(side: &mut impl Side, register: usize) {
    let old = side.take_held(register);
    if old != 0 {
        side.free(old);
    }
}

/// Puts a block, or nothing, into a mailbox, and frees what was there.
pub fn deliver(side: &mut impl Side, mailbox: usize, block: usize) {
    let old = side.exchange(mailbox, block);
    if old != 0 {
        side.free(old);
    }
}
