//! A real thread, as the interpreter sees it: calls of the allocator, with an oracle in front of
//! and behind each.
//!
//! Invariants:
//! 1. A word that is not 0 in a register or a mailbox is that of a record (`Held::into_word`), and
//!    stands there alone: it is what the interpreter moves from place to place (`interpreter`,
//!    invariant 1). Registers are their worker's, which one thread has at a time; mailboxes change
//!    by exchanges that order what was done to a block before.
//! 2. The block of a record was handed out by the subject, in use since then, and the program's:
//!    none of its bytes is another one's, since the shadow looked before anybody touched it. Where
//!    an oracle speaks, the process ends at once. A block that goes back is taken out of the shadow
//!    before, and its record is gone.

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hak::Native;
use hak_core::Platform;

use super::filled_block::Held;
use super::rounds::RoundShape;
use super::shadow::{BlockShadow, GRANULE};
use super::subject::StressSubject;
use super::totals::StressTotals;
use super::{StressFinding, oracle, stress_process};
use crate::program::interpreter::{ProgramSide, deliver, free_held, run_operation};
use crate::program::{MAILBOXES, Operation, REGISTERS, Written};

/// What all threads of a round share.
pub(super) struct StressStage<'a, S> {
    pub(super) subject: &'a S,
    pub(super) shadow: &'a BlockShadow,
    pub(super) shape: RoundShape,
    /// When the time is up.
    pub(super) end: Instant,
    /// By lane and mailbox.
    pub(super) mailboxes: Vec<AtomicUsize>,
}

impl<'a, S> StressStage<'a, S> {
    pub(super) fn new(
        subject: &'a S,
        shadow: &'a BlockShadow,
        shape: RoundShape,
        end: Instant,
    ) -> StressStage<'a, S> {
        let mailboxes = (0..shape.lanes * MAILBOXES).map(|_| AtomicUsize::new(0)).collect();
        StressStage { subject, shadow, shape, end, mailboxes }
    }
}

/// A thread of a program. It goes from one thread of the system to the next when that ends.
pub(super) struct Worker<'a, S> {
    stage: &'a StressStage<'a, S>,
    thread: u32,
    /// By lane and register.
    registers: Vec<usize>,
    lane: usize,
    blocks: u64,
    random: u64,
    /// Whether the thread of the system is to end, and another one to go on.
    pub(super) ending: bool,
    pub(super) totals: StressTotals,
}

impl<'a, S: StressSubject> Worker<'a, S> {
    pub(super) fn new(stage: &'a StressStage<'a, S>, thread: u32, key: u64) -> Worker<'a, S> {
        Worker {
            stage,
            thread,
            registers: vec![0; stage.shape.lanes * REGISTERS],
            lane: 0,
            blocks: 0,
            random: key | 1,
            ending: false,
            totals: StressTotals::default(),
        }
    }

    /// A number below `bound`, the same for the same seed, round and thread: xorshift64*.
    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % bound
    }

    /// Whether the stress is to end.
    pub(super) fn is_time_up(&self) -> bool {
        Instant::now() >= self.stage.end
    }

    /// Lets another thread go first, now and then.
    pub(super) fn perhaps_yield(&mut self) {
        let yields = self.stage.shape.yields;
        if yields != 0 && self.below(yields) == 0 {
            match self.below(32) {
                0 => thread::sleep(Duration::from_micros(1)),
                _ => thread::yield_now(),
            }
        }
    }

    /// Does an operation: in each lane, if it is about blocks.
    pub(super) fn do_operation(&mut self, operation: &Operation) {
        let about_blocks = !matches!(
            operation,
            Operation::Wait
                | Operation::Collect
                | Operation::Exit
                | Operation::End
                | Operation::Tick
                | Operation::Limit { .. }
        );
        for lane in 0..if about_blocks { self.stage.shape.lanes } else { 1 } {
            self.lane = lane;
            self.totals.operations += 1;
            run_operation(self, operation);
        }
    }

    /// Address and bytes of each block that the thread holds.
    pub(super) fn live(&self, blocks: &mut Vec<(usize, usize)>) {
        for &word in self.registers.iter().filter(|&&word| word != 0) {
            // SAFETY: [worker 1] the worker is the caller's, and no thread has it.
            let held = unsafe { Held::of_word(word) };
            blocks.push((held.address, held.size));
        }
    }

    /// Frees everything that this thread holds, and what lies in the mailboxes.
    pub(super) fn tidy_up(&mut self) {
        for lane in 0..self.stage.shape.lanes {
            self.lane = lane;
            (0..REGISTERS).for_each(|register| free_held(self, register));
            (0..MAILBOXES).for_each(|mailbox| deliver(self, mailbox, 0));
        }
    }

    /// The program receives a block: is it one? Writes so much of it.
    fn receive(
        &mut self,
        start: *mut u8,
        size: usize,
        align: usize,
        contents: BlockContents,
        written: Written,
    ) -> usize {
        self.blocks += 1;
        self.totals.blocks += 1;
        let mut held = Held {
            address: start.expose_provenance(),
            size,
            align,
            thread: self.thread,
            identity: self.blocks << 8 | u64::from(self.thread),
            sum: 0,
        };
        or_end(self.check_received(&held, contents));
        // SAFETY: [worker 2] looked at just now.
        unsafe { held.write(written) };
        held.into_word()
    }

    fn check_received(&self, held: &Held, contents: BlockContents) -> Result<(), StressFinding> {
        let Held { address, size, align, .. } = *held;
        if !address.is_multiple_of(align.max(GRANULE)) {
            let what = format!("a block of {size} bytes at {address:#x} is not aligned to {align}");
            return Err(StressFinding::new(oracle::ALIGNMENT, what));
        }
        self.stage.shadow.add(address, size)?;
        let ends = [address, address + size - 1];
        if ends.iter().any(|&end| !self.stage.subject.owns(ptr::without_provenance(end))) {
            let what =
                format!("the block of {size} bytes at {address:#x} is said to be a stranger's");
            return Err(StressFinding::new(oracle::OWNS, what));
        }
        self.check_usable(held)?;
        // SAFETY: [worker 2] entered in the shadow just now, with so many bytes.
        unsafe {
            match contents {
                BlockContents::Anything => Ok(()),
                BlockContents::Zero => held.check_zero(),
                BlockContents::Kept(old) => held.check_prefix(&old, old.size.min(size)),
            }
        }
    }

    fn check_usable(&self, held: &Held) -> Result<(), StressFinding> {
        let (size, pointer) = (held.size, ptr::with_exposed_provenance(held.address));
        // SAFETY: [worker 2] both callers have a block of the program.
        let usable = unsafe { self.stage.subject.usable_size(pointer) };
        if usable < size {
            let what = format!("of a block of {size} bytes only {usable} are said to be usable");
            return Err(StressFinding::new(oracle::USABLE_SIZE, what));
        }
        Ok(())
    }

    /// The program is about to give this block back: it must be as it was left.
    fn return_block(&mut self, word: usize) -> Held {
        // SAFETY: [worker 1] the word was taken out of its only place, or another takes that place.
        let held = unsafe { Held::from_word(word) };
        // SAFETY: [worker 2]
        or_end(unsafe { held.check_whole() });
        or_end(self.stage.shadow.remove(held.address, held.size));
        self.totals.remote_frees += u64::from(held.thread != self.thread);
        held
    }
}

/// What a block must hold when it is handed out.
enum BlockContents {
    Anything,
    Zero,
    Kept(Held),
}

/// A broken rule ends the process: nothing that happens after it could be relied on.
fn or_end(result: Result<(), StressFinding>) {
    if let Err(finding) = result {
        stress_process::end_with(&finding);
    }
}

impl<S: StressSubject> ProgramSide for Worker<'_, S> {
    fn held(&mut self, register: usize) -> usize {
        self.registers[self.lane * REGISTERS + register]
    }

    fn take_held(&mut self, register: usize) -> usize {
        std::mem::take(&mut self.registers[self.lane * REGISTERS + register])
    }

    fn hold(&mut self, register: usize, block: usize) {
        self.registers[self.lane * REGISTERS + register] = block;
    }

    fn exchange(&mut self, mailbox: usize, block: usize) -> usize {
        // AcqRel: the block changes hands with everything that was done to it; the partner is every
        // other exchange of the same mailbox.
        self.stage.mailboxes[self.lane * MAILBOXES + mailbox].swap(block, Ordering::AcqRel)
    }

    fn allocate(&mut self, size: usize, align: usize, zeroed: bool, written: Written) -> usize {
        let subject = self.stage.subject;
        let start = if zeroed {
            subject.allocate_zeroed(size, align)
        } else {
            subject.allocate(size, align)
        };
        if start.is_null() {
            self.totals.refused += 1;
            return 0;
        }
        let contents = if zeroed { BlockContents::Zero } else { BlockContents::Anything };
        self.receive(start, size, align, contents, written)
    }

    fn copy(&mut self, from: (usize, usize), to: (usize, usize), bytes: usize) {
        // SAFETY: [worker 1, worker 2] the words stay in registers of this thread.
        unsafe {
            let (source, mut target) = (Held::of_word(from.0), Held::of_word(to.0));
            or_end(source.check_whole());
            or_end(target.check_whole());
            source.copy_to(from.1, &mut target, to.1, bytes);
            target.put_into_word(to.0);
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        if one == other {
            return;
        }
        // SAFETY: [worker 1, worker 2] as in `copy`; two words are of two blocks.
        unsafe {
            let (mut first, mut second) = (Held::of_word(one), Held::of_word(other));
            or_end(first.check_whole());
            or_end(second.check_whole());
            first.swap_with(&mut second);
            first.put_into_word(one);
            second.put_into_word(other);
        }
    }

    fn free(&mut self, block: usize) {
        let held = self.return_block(block);
        // SAFETY: [worker 1, worker 2] the record is gone, so nobody else knows the block.
        unsafe { self.stage.subject.free(ptr::with_exposed_provenance_mut(held.address)) };
    }

    fn reallocate(&mut self, block: usize, size: usize) -> usize {
        let held = self.return_block(block);
        // SAFETY: [worker 1, worker 2] the record is gone, so nobody else knows the block, which is
        // the program's until it is reallocated.
        let (before, whole) = unsafe { (held.prefix(size), held.prefix(held.size)) };
        let written = if held.sum == 0 { Written::All } else { Written::Nothing };
        let old = ptr::with_exposed_provenance_mut(held.address);
        // SAFETY: [as above] and with the alignment that it was asked for.
        let new = unsafe { self.stage.subject.reallocate(old, size, held.align) };
        if new.is_null() {
            self.totals.refused += 1;
            let kept = BlockContents::Kept(whole);
            return self.receive(old, held.size, held.align, kept, written);
        }
        self.receive(new, size, held.align, BlockContents::Kept(before), written)
    }

    /// Time cannot be made to pass here: a thread sleeps for so long in one case of 256, and yields
    /// in the others.
    fn pass_time(&mut self) {
        if self.below(256) != 0 {
            return thread::yield_now();
        }
        let left = self.stage.end.saturating_duration_since(Instant::now());
        let interval = u64::from(Native::GEOMETRY.decay_interval) + 1;
        thread::sleep(Duration::from_millis(interval).min(left));
    }

    fn collect(&mut self) {
        self.stage.subject.collect();
    }

    fn end_for_good(&mut self) {
        self.totals.heaps_handed_over += 1;
        self.stage.subject.thread_end();
    }

    fn tick(&mut self) {
        self.stage.subject.tick();
    }

    /// For all lanes, and not so low that nothing can be obtained here.
    fn limit(&mut self, bytes: usize) {
        let lanes = self.stage.shape.lanes;
        self.stage.subject.set_limit(if bytes == 0 { 0 } else { (16 << 20) + bytes * lanes });
    }

    fn measure(&mut self, block: usize) {
        // SAFETY: [worker 1] the word stays in a register of this thread.
        let held = unsafe { Held::of_word(block) };
        or_end(self.check_usable(&held));
    }

    /// In some of the cases the thread of the system ends too: see `rounds`.
    fn end(&mut self) {
        if self.below(4) == 0 {
            self.ending = true;
        } else {
            self.totals.heaps_handed_over += 1;
            self.stage.subject.thread_exit();
        }
    }
}
