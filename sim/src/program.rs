//! Programs: what the simulated threads do with the allocator, as data.
//!
//! A program is a list of operations per thread: scenarios draw them, shrinking takes some away. A thread has registers for
//! blocks; all threads share mailboxes, through which blocks change hands. The whole state of a run lies in the user area:
//!
//! ```text
//! user area:   mailbox 0 .. MAILBOXES-1 (shared, atomic) | registers of thread 0 | registers of thread 1 | ...
//! ```

use std::{cell::Cell, fmt, marker::PhantomData};

use hak_core::{Allocator, Atomic, Ordering};

use crate::interpreter::{Side, deliver, run_operation};
use crate::oracle::accounting::{self, ACCOUNTING, OUT_OF_MEMORY};
use crate::runtime::{Sim, THREADS_MAX, WorldGeometry, user};

/// Shared places through which blocks change hands.
pub const MAILBOXES: usize = 8;

/// Private places of a thread for the blocks that it holds.
pub const REGISTERS: usize = 16;

/// Bytes of the user area that a program needs.
pub const USER_BYTES: usize = (MAILBOXES + THREADS_MAX * REGISTERS) * size_of::<usize>();

/// One operation of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Allocates a block into a register; what was there is freed first.
    Allocate {
        /// Which register.
        register: u8,
        /// Bytes.
        size: u32,
        /// log2 of the alignment.
        align_shift: u8,
        /// Whether the block must be zero.
        zeroed: bool,
    },
    /// Frees the block in a register, if there is one.
    Free {
        /// Which register.
        register: u8,
    },
    /// Changes the size of the block in a register, if there is one.
    Reallocate {
        /// Which register.
        register: u8,
        /// Bytes.
        size: u32,
    },
    /// Allocates a block, exchanges it for what is in a mailbox, and frees that.
    Replace {
        /// Which mailbox.
        mailbox: u8,
        /// Bytes.
        size: u32,
    },
    /// Takes the block out of a mailbox, if there is one, and frees it.
    Take {
        /// Which mailbox.
        mailbox: u8,
    },
    /// Time passes: a round of decay is due.
    Wait,
    /// Gives back what the thread does not use.
    Collect,
    /// The thread ends, and a new one begins in its place.
    Exit,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Operation::Allocate { register, size, align_shift, zeroed } => {
                let what = if zeroed { "allocate zeroed" } else { "allocate" };
                write!(f, "{what} {size} B at {} into register {register}", 1u32 << align_shift)
            }
            Operation::Free { register } => write!(f, "free register {register}"),
            Operation::Reallocate { register, size } => {
                write!(f, "reallocate register {register} to {size} B")
            }
            Operation::Replace { mailbox, size } => {
                write!(f, "allocate {size} B, put it into mailbox {mailbox}, free what was there")
            }
            Operation::Take { mailbox } => write!(f, "free what is in mailbox {mailbox}"),
            Operation::Wait => f.write_str("time passes"),
            Operation::Collect => f.write_str("collect"),
            Operation::Exit => f.write_str("end, and begin anew"),
        }
    }
}

/// The operations of each thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// By thread.
    pub threads: Vec<Vec<Operation>>,
}

impl Program {
    /// All operations of all threads.
    pub fn operations(&self) -> usize {
        self.threads.iter().map(Vec::len).sum()
    }
}

/// Runs the operations of thread `thread`. To be called inside its fiber.
pub fn run_thread<G: WorldGeometry>(operations: &[Operation], thread: usize) {
    for operation in operations {
        user::operation();
        // What a thread knows lies in its registers, and those in the arena.
        user::at_rest();
        run_operation(&mut Simulated::<G>(thread, PhantomData), operation);
    }
    user::operation();
    user::at_rest();
    Allocator::<Sim<G>>::thread_exit();
}

/// Audits the allocator at rest, frees everything that any thread or mailbox still holds, gives the memory back, and
/// audits again. To be called inside the fiber that begins after all others.
pub fn run_epilogue<G: WorldGeometry>() {
    audit::<G>(false);
    for mailbox in 0..MAILBOXES {
        user::operation();
        deliver(&mut Simulated::<G>(0, PhantomData), mailbox, 0);
    }
    for thread in 0..THREADS_MAX {
        for index in 0..REGISTERS {
            let block = register(thread, index).replace(0);
            if block != 0 {
                user::operation();
                free::<G>(block);
            }
        }
    }
    user::operation();
    Allocator::<Sim<G>>::collect();
    Allocator::<Sim<G>>::thread_exit();
    audit::<G>(true);
}

/// A simulated thread, by number, as the interpreter sees it: its words lie in the user area, and a block is its address.
struct Simulated<G: WorldGeometry>(usize, PhantomData<G>);

impl<G: WorldGeometry> Side for Simulated<G> {
    fn held(&mut self, index: usize) -> usize {
        register(self.0, index).get()
    }

    fn take_held(&mut self, index: usize) -> usize {
        register(self.0, index).replace(0)
    }

    fn hold(&mut self, index: usize, block: usize) {
        register(self.0, index).set(block);
    }

    fn exchange(&mut self, mailbox: usize, block: usize) -> usize {
        exchange(mailbox, block)
    }

    fn allocate(&mut self, size: usize, align: usize, zeroed: bool) -> usize {
        allocate::<G>(size, align, zeroed)
    }

    fn free(&mut self, block: usize) {
        free::<G>(block);
    }

    fn reallocate(&mut self, block: usize, size: usize) -> usize {
        reallocate::<G>(block, size)
    }

    fn pass_time(&mut self) {
        Sim::<G>::pass_time(G::GEOMETRY.decay_interval + 1);
    }

    fn collect(&mut self) {
        Allocator::<Sim<G>>::collect();
    }

    fn end(&mut self) {
        Allocator::<Sim<G>>::thread_exit();
    }
}

/// A block, or 0 where that is what the allocator answered. That the program received it is told to the runtime, which checks
/// and fills it.
fn allocate<G: WorldGeometry>(size: usize, align: usize, zeroed: bool) -> usize {
    let refused_before = user::refused_calls();
    let block = if zeroed {
        Allocator::<Sim<G>>::allocate_zeroed(size, align)
    } else {
        Allocator::<Sim<G>>::allocate(size, align)
    };
    if block.is_null() {
        check_refusal(size, refused_before);
        return 0;
    }
    if zeroed {
        user::received_zeroed(block, size, align);
    } else {
        user::received(block, size, align);
    }
    block.expose_provenance()
}

fn free<G: WorldGeometry>(block: usize) {
    let block = core::ptr::with_exposed_provenance_mut::<u8>(block);
    user::returning(block);
    // SAFETY: registers and mailboxes hold blocks of this allocator; the caller took this one out of its only place.
    unsafe { Allocator::<Sim<G>>::free(block) };
}

fn reallocate<G: WorldGeometry>(block: usize, size: usize) -> usize {
    let old = core::ptr::with_exposed_provenance_mut::<u8>(block);
    let pattern = user::returning(old);
    let refused_before = user::refused_calls();
    // SAFETY: as in `free`.
    let new = unsafe { Allocator::<Sim<G>>::reallocate(old, size, 1) };
    if new.is_null() {
        check_refusal(size, refused_before);
        user::received_with_prefix(old, pattern.bytes(), 1, &pattern, pattern.bytes());
        return block;
    }
    user::received_with_prefix(new, size, 1, &pattern, size.min(pattern.bytes()));
    new.expose_provenance()
}

/// Puts a block (or 0) into the mailbox of this number; what was there.
fn exchange(number: usize, block: usize) -> usize {
    debug_assert!(number < MAILBOXES);
    // AcqRel: the block changes hands with everything that was done to it; the partner is every other exchange of the
    // same mailbox.
    user::address_word(number).swap(block, Ordering::AcqRel)
}

/// A register: a word that only its thread touches, and the epilogue once all threads have ended. Not to be kept across a
/// shared access (see `user::private_word`).
fn register(thread: usize, index: usize) -> &'static Cell<usize> {
    debug_assert!(thread < THREADS_MAX && index < REGISTERS);
    let address = user::private_word(MAILBOXES + thread * REGISTERS + index);
    // SAFETY: the user area is committed for the whole run; all fibers of a world run on one OS thread.
    unsafe { &*core::ptr::with_exposed_provenance::<Cell<usize>>(address) }
}

/// The allocator had no memory: only right if the system refused it some.
fn check_refusal(size: usize, refused_before: u32) {
    if user::refused_calls() == refused_before {
        user::fail(
            OUT_OF_MEMORY,
            format!("{size} bytes were refused, although the system refused nothing"),
        );
    }
}

/// Walks the allocator at rest.
fn audit<G: WorldGeometry>(all_freed: bool) {
    if let Err(message) = user::look(|held| accounting::audit::<Sim<G>>(held, all_freed)) {
        user::fail(ACCOUNTING, message);
    }
}
