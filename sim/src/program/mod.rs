//! Programs: what the simulated threads do with the allocator, as data.
//!
//! A program is a list of operations per thread: scenarios draw them, shrinking takes some away. A
//! thread has registers for blocks; all threads share mailboxes, through which blocks change hands.
//! The whole state of a run lies in the user area:
//!
//! ```text
//! user area:   mailboxes (shared, atomic) | registers of thread 0 | registers of thread 1 | ...
//! ```

pub(crate) mod interpreter;
pub(crate) mod notation;

use std::{cell::Cell, fmt, marker::PhantomData};

use hak_core::inspect;
use hak_core::range::Range;
use hak_core::tables::counts::Slots;
use hak_core::{Allocator, Atomic, Ordering};

use crate::observe::accounting::{self, Discrepancy};
use crate::observe::room::{Request, room};
use crate::observe::secret;
use crate::program::interpreter::{ProgramSide, deliver, run_operation};
use crate::runtime::{Sim, THREADS_MAX, WorldGeometry, oracle, user};

pub use crate::runtime::Written;

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
        /// How much of it the thread writes.
        written: Written,
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
    /// Copies bytes of the block in a register, if there is one, into the one in another register,
    /// or to another place of the same: whatever is in them, as a program does that moves values
    /// with padding.
    Copy {
        /// Which register.
        from: u8,
        /// From which word of the block on.
        from_word: u8,
        /// Into which register's block.
        to: u8,
        /// To which word of it.
        to_word: u8,
        /// How many words; 0 for as many as there are.
        words: u8,
    },
    /// Exchanges the contents of the blocks in two registers, as far as both go.
    Swap {
        /// One register.
        one: u8,
        /// The other.
        other: u8,
    },
    /// Time passes: a round of decay is due.
    Wait,
    /// Gives back what the thread does not use.
    Collect,
    /// Looks whether a round of decay is due, as a thread does that is there for nothing else: it
    /// needs no heap.
    Tick,
    /// Limits the committed bytes of all threads; 0 for no limit.
    Limit {
        /// Bytes.
        bytes: u32,
    },
    /// Asks how many bytes of the block in a register, if there is one, may be used.
    Measure {
        /// Which register.
        register: u8,
    },
    /// The thread ends for good. What it frees from then on it frees without a heap, as destructors
    /// do that run late.
    End,
    /// The thread ends, and a new one begins in its place.
    Exit,
}

/// What an operation is called where it counts only what kind it is.
pub const KINDS: [&str; 14] = [
    "allocate",
    "free",
    "reallocate",
    "replace",
    "take",
    "copy",
    "swap",
    "wait",
    "collect",
    "tick",
    "limit",
    "measure",
    "end",
    "exit",
];

impl Operation {
    /// Its place in [`KINDS`].
    pub const fn kind(&self) -> usize {
        match self {
            Operation::Allocate { .. } => 0,
            Operation::Free { .. } => 1,
            Operation::Reallocate { .. } => 2,
            Operation::Replace { .. } => 3,
            Operation::Take { .. } => 4,
            Operation::Copy { .. } => 5,
            Operation::Swap { .. } => 6,
            Operation::Wait => 7,
            Operation::Collect => 8,
            Operation::Tick => 9,
            Operation::Limit { .. } => 10,
            Operation::Measure { .. } => 11,
            Operation::End => 12,
            Operation::Exit => 13,
        }
    }

    /// Whether the thread cache is given up.
    const fn hands_over(&self) -> bool {
        matches!(self, Operation::Collect | Operation::End | Operation::Exit)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Operation::Allocate { register, size, align_shift, zeroed, written } => {
                let what = if zeroed { "allocate zeroed" } else { "allocate" };
                write!(f, "{what} {size} B at {} into register {register}", 1u32 << align_shift)?;
                f.write_str(match written {
                    Written::All => "",
                    Written::Half => ", write every other word",
                    Written::Nothing => ", write nothing",
                })
            }
            Operation::Free { register } => write!(f, "free register {register}"),
            Operation::Reallocate { register, size } => {
                write!(f, "reallocate register {register} to {size} B")
            }
            Operation::Replace { mailbox, size } => {
                write!(f, "allocate {size} B, put it into mailbox {mailbox}, free what was there")
            }
            Operation::Take { mailbox } => write!(f, "free what is in mailbox {mailbox}"),
            Operation::Copy { from, from_word, to, to_word, words: 0 } => {
                write!(f, "copy register {from} + {from_word} words to {to} + {to_word}")
            }
            Operation::Copy { from, from_word, to, to_word, words } => {
                write!(f, "copy {words} words of register {from} + {from_word} to {to} + {to_word}")
            }
            Operation::Swap { one, other } => write!(f, "swap registers {one} and {other}"),
            Operation::Wait => f.write_str("time passes"),
            Operation::Collect => f.write_str("collect"),
            Operation::Tick => f.write_str("tick"),
            Operation::Limit { bytes: 0 } => f.write_str("no limit"),
            Operation::Limit { bytes } => write!(f, "limit to {bytes} B"),
            Operation::Measure { register } => write!(f, "usable size of register {register}"),
            Operation::End => f.write_str("end, for good"),
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
        if operation.hands_over() {
            check_cache::<G>();
        }
        run_operation(&mut Simulated::<G>(thread, PhantomData), operation);
        check_pause(operation, user::operation_ends(operation.kind()));
        check_share::<G>();
    }
    user::operation();
    user::at_rest();
    check_cache::<G>();
    Allocator::<Sim<G>>::thread_exit();
}

/// An operation that only gives back takes no more steps: the most that searches have seen are 319
/// (with what idle memory costs: a slice of it at a time).
const GIVING_MAX: u32 = 500;

/// One that allocates may have to give back all that is idle, unit by unit, if there is no memory.
/// The most that searches have seen are 943 steps in the tiny geometry and 1,757 in the wide one,
/// which has four times as many units.
const ALLOCATING_MAX: u32 = 4_000;

/// An operation is not interrupted for long by what the allocator does beside it.
fn check_pause(operation: &Operation, steps: u32) {
    let most = match operation {
        Operation::Collect | Operation::End | Operation::Exit => return,
        Operation::Allocate { .. } | Operation::Reallocate { .. } | Operation::Replace { .. } => {
            ALLOCATING_MAX
        }
        _ => GIVING_MAX,
    };
    if steps > most {
        user::fail(oracle::PAUSE, format!("{operation} took {steps} steps of its thread"));
    }
}

/// The running thread's heap has not counted more for itself than its share of what may be hidden
/// from others.
fn check_share<G: WorldGeometry>() {
    let heap = <Sim<G> as hak_core::Platform>::thread_heap();
    // SAFETY: [core platform 3, core heap 1] it is the running thread's heap.
    let counted = user::peek(|| unsafe { inspect::counted(heap) });
    let Some((heap, counted)) = counted else { return };
    let most = G::GEOMETRY.count_share(heap);
    if counted.used.unsigned_abs().max(counted.idle.unsigned_abs()) > most {
        user::fail(
            oracle::ACCOUNTING,
            format!("heap {heap} hides {counted:?} from others: {most} are its share"),
        );
    }
}

/// The lists of the running thread's cache are as long as the allocator believes.
fn check_cache<G: WorldGeometry>() {
    let heap = <Sim<G> as hak_core::Platform>::thread_heap();
    // SAFETY: [core platform 3, core heap 1] it is the running thread's heap.
    if let Err(broken) = user::look(|_| unsafe { inspect::cache(heap) }) {
        user::fail(
            oracle::ACCOUNTING,
            format!("the thread cache is not as long as its room says: {broken:?}"),
        );
    }
}

/// How what is left goes back when all threads have ended.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// By decay alone, or else at once.
    by_decay: bool,
    /// Before that the thread goes on for a while, and its heap gets tidied.
    tidied: bool,
}

impl Ending {
    /// How the schedule of this number ends. So many scenarios are taken in turn too: the quotient
    /// keeps the two rounds from going in step.
    pub fn of(schedule: u64, scenarios: usize) -> Ending {
        let turn = schedule.wrapping_add(schedule / scenarios as u64) % 8;
        Ending { by_decay: turn % 2 == 1, tidied: turn == 1 }
    }
}

/// Audits the allocator at rest, frees everything that any thread or mailbox still holds, gives the
/// memory back, and audits again. To be called inside the fiber that begins after all others. If
/// one has stopped for ever, nothing is at rest: then only decay goes on.
pub fn run_epilogue<G: WorldGeometry>(ending: Ending) {
    if user::has_one_stopped() {
        user::operation();
        return survive::<G>();
    }
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
    if ending.by_decay {
        // The thread cache is as full as it gets.
        audit::<G>(false);
        if ending.tidied {
            tidy::<G>();
        }
        Allocator::<Sim<G>>::thread_exit();
        decay::<G>();
    } else {
        Allocator::<Sim<G>>::collect();
        Allocator::<Sim<G>>::thread_exit();
    }
    audit::<G>(true);
}

/// Two intervals behind the last use of a class the thread's heap has nothing of it any more, if
/// the thread goes on in slow paths: with a run, which is of no class.
fn tidy<G: WorldGeometry>() {
    let geometry = G::GEOMETRY;
    let classes = inspect::classes::<Sim<G>>();
    // In the first interval the heap may learn when it is to be tidied, or bring to its end what
    // was begun.
    for _ in 0..3 {
        user::operation();
        Sim::<G>::pass_time(geometry.decay_interval + 1);
        for _ in 0..2 * (geometry.tidy_slow_paths + 1) + classes {
            let run = allocate::<G>(geometry.small_max + 1, 1, false, Written::Nothing);
            if run != 0 {
                free::<G>(run);
            }
        }
    }
    let heap = <Sim<G> as hak_core::Platform>::thread_heap();
    for class in 1..=classes {
        // SAFETY: [core platform 3, core heap 1] it is the running thread's heap.
        let (blocks, slabs) = user::look(|_| unsafe { inspect::held_in(heap, class) });
        if blocks != 0 || slabs {
            let which = if slabs { "slabs and" } else { "no slab and" };
            let message = format!(
                "a thread has {which} {blocks} blocks of class {class}, which it has not used for \
                two intervals"
            );
            user::fail(oracle::ACCOUNTING, message);
        }
    }
}

/// So many rounds of decay in which nothing else happens give everything back that is idle, and as
/// many more as the system has refused calls.
const ROUNDS_MAX: u32 = 4;

/// A thread has stopped for ever, and all others have ended. If a round is to come or under way,
/// what lies idle goes back in bounded time. (If not, the thread may have stopped behind leaving
/// something idle, in front of asking for a round.)
fn survive<G: WorldGeometry>() {
    if user::look(|_| inspect::is_round_to_come::<Sim<G>>()) {
        goes_back::<G>();
    }
}

/// All that lies idle goes back by rounds of decay alone, in bounded time, whoever has stopped.
pub(crate) fn goes_back<G: WorldGeometry>() {
    decay::<G>();
    let idle = user::look(|_| {
        let range = Range::<Sim<G>>::get()?;
        let mut idle = None;
        inspect::first_units(range, inspect::units_used(range), |unit| {
            if unit.is_idle(&G::GEOMETRY) {
                idle = idle.or(Some(unit.index));
            }
        });
        idle
    });
    if let Some(index) = idle {
        user::fail(
            oracle::ACCOUNTING,
            format!("superslab {index}: memory lies idle, and no round is to come"),
        );
    }
}

/// Lets time pass and looks whether a round is due, until none is to come.
fn decay<G: WorldGeometry>() {
    let mut rounds = 0;
    loop {
        Sim::<G>::pass_time(G::GEOMETRY.decay_interval + 1);
        if !Allocator::<Sim<G>>::tick() {
            return;
        }
        rounds += 1;
        let most = ROUNDS_MAX + user::refused_by_all();
        if rounds > most {
            user::fail(
                oracle::ACCOUNTING,
                format!("memory still lies idle after {rounds} rounds of decay"),
            );
        }
    }
}

/// A simulated thread, by number, as the interpreter sees it: its words lie in the user area, and a
/// block is its address.
struct Simulated<G: WorldGeometry>(usize, PhantomData<G>);

impl<G: WorldGeometry> ProgramSide for Simulated<G> {
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

    fn allocate(&mut self, size: usize, align: usize, zeroed: bool, written: Written) -> usize {
        allocate::<G>(size, align, zeroed, written)
    }

    fn copy(&mut self, from: (usize, usize), to: (usize, usize), bytes: usize) {
        user::copies(pointer(from.0), from.1, pointer(to.0), to.1, bytes);
    }

    fn swap(&mut self, one: usize, other: usize) {
        user::swaps(pointer(one), pointer(other));
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

    fn end_for_good(&mut self) {
        Allocator::<Sim<G>>::thread_end();
    }

    fn tick(&mut self) {
        Allocator::<Sim<G>>::tick();
    }

    fn limit(&mut self, bytes: usize) {
        user::limits();
        Allocator::<Sim<G>>::set_limit(bytes);
    }

    fn measure(&mut self, block: usize) {
        user::lending(pointer(block));
        // SAFETY: [interpreter 1, user 4] the block stays in a register of this thread.
        let usable = unsafe { Allocator::<Sim<G>>::usable_size(pointer(block)) };
        user::measured(pointer(block), usable);
    }
}

fn pointer(block: usize) -> *mut u8 {
    core::ptr::with_exposed_provenance_mut(block)
}

/// A block, or 0 where that is what the allocator answered. That the program received it is told to
/// the runtime, which checks and fills it.
fn allocate<G: WorldGeometry>(size: usize, align: usize, zeroed: bool, written: Written) -> usize {
    let begin = user::moment();
    let block = if zeroed {
        Allocator::<Sim<G>>::allocate_zeroed(size, align)
    } else {
        Allocator::<Sim<G>>::allocate(size, align)
    };
    if block.is_null() {
        check_null::<G>(size, align, &begin);
        return 0;
    }
    check_secret::<G>(block, size);
    user::received_and_wrote(block, size, align, zeroed, written);
    block.expose_provenance()
}

fn free<G: WorldGeometry>(block: usize) {
    let block = pointer(block);
    user::returning(block);
    // SAFETY: [interpreter 1, user 4] the caller has taken the block out of its only place, and it
    // was the program's.
    unsafe { Allocator::<Sim<G>>::free(block) };
}

fn reallocate<G: WorldGeometry>(block: usize, size: usize) -> usize {
    let old = pointer(block);
    let pattern = user::returning_for(old, size);
    let begin = user::moment();
    // SAFETY: [interpreter 1, user 4] a block of this thread, at a multiple of 1 as any.
    let new = unsafe { Allocator::<Sim<G>>::reallocate(old, size, 1) };
    if new.is_null() {
        if size <= pattern.bytes() {
            let had = pattern.bytes();
            user::fail(
                oracle::OUT_OF_MEMORY,
                format!("a block of {had} B may not shrink to {size} B"),
            );
        }
        check_null::<G>(size, 1, &begin);
        user::received_with_prefix(old, pattern.bytes(), 1, &pattern.whole(), pattern.bytes());
        return block;
    }
    check_secret::<G>(new, size);
    user::received_with_prefix(new, size, 1, &pattern, size.min(pattern.bytes()));
    new.expose_provenance()
}

/// Puts a block (or 0) into the mailbox of this number; what was there.
fn exchange(number: usize, block: usize) -> usize {
    debug_assert!(number < MAILBOXES);
    // AcqRel: the block changes hands with everything that was done to it; the partner is every
    // other exchange of the same mailbox.
    user::address_word(number).swap(block, Ordering::AcqRel)
}

/// A register: a word that only its thread touches, and the epilogue once all threads have ended.
/// Not to be kept across a shared access (see `user::private_word`).
fn register(thread: usize, index: usize) -> &'static Cell<usize> {
    debug_assert!(thread < THREADS_MAX && index < REGISTERS);
    let address = user::private_word(MAILBOXES + thread * REGISTERS + index);
    // SAFETY: [user 2, arena 3, arena 4] a number of the user area, of which any bytes are one; the
    // reference is used at once.
    unsafe { &*core::ptr::with_exposed_provenance::<Cell<usize>>(address) }
}

/// The allocator had no memory: only right if there was no room.
fn check_null<G: WorldGeometry>(size: usize, align: usize, begin: &user::Moment) {
    let user::Since { refused, refused_once, disturbed, limited } = user::since(begin);
    let request = Request { size, align, refused, refused_once, disturbed, limited };
    if let Some(why) = user::look(|_| room::<Sim<G>>(&request)) {
        user::fail(oracle::OUT_OF_MEMORY, format!("{size} bytes were refused, although {why}"));
    }
}

/// A block that the program is about to get shows no seal.
fn check_secret<G: WorldGeometry>(block: *mut u8, size: usize) {
    let address = block.expose_provenance();
    if let Err(message) = user::peek(|| secret::check::<G>(address, size)) {
        user::fail(oracle::SECRET, message);
    }
}

/// Walks the allocator at rest.
fn audit<G: WorldGeometry>(all_freed: bool) {
    let refused = user::refused_by_all();
    let audited = user::look(|held| {
        accounting::audit::<Sim<G>>(held, all_freed)?;
        check_pages::<G>()?;
        if refused == 0 {
            check_idle::<G>()?;
        }
        Ok::<(), Discrepancy>(())
    });
    if let Err(found) = audited {
        user::fail_in(oracle::ACCOUNTING, found.message, found.slab);
    }
}

/// What is counted as committed is what the system has committed.
fn check_pages<G: WorldGeometry>() -> Result<(), String> {
    let Some(range) = Range::<Sim<G>>::get() else { return Ok(()) };
    let (counted, found) =
        (inspect::committed::<Sim<G>>(), user::committed_bytes(range.base(), range.bytes()));
    if counted == found {
        return Ok(());
    }
    Err(format!("{counted} bytes are counted as committed, {found} are"))
}

/// No more slots lie idle than may: the bound, and what the thread that gave the last one back did
/// not know of the others.
fn check_idle<G: WorldGeometry>() -> Result<(), String> {
    let Slots { used, idle } = inspect::slots::<Sim<G>>();
    let hidden = hidden::<G>();
    let least = G::GEOMETRY.idle_slots_max as i32;
    let used = used + hidden;
    let most = (least + least / 2).max(used - used / 4) + hidden;
    if idle <= most {
        return Ok(());
    }
    Err(format!("{idle} slots lie idle, of which {most} may"))
}

/// What heaps do not know of each other: each counts so many slots for itself.
fn hidden<G: WorldGeometry>() -> i32 {
    let heaps = 0..inspect::heaps_used::<Sim<G>>();
    heaps.map(|heap| G::GEOMETRY.count_share(heap)).sum::<u32>() as i32
}
