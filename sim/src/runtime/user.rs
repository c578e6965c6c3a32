//! What scenarios call: the program's side of the allocator.
//!
//! Called inside bodies. Blocks go through [`received`] when the allocator hands them out and
//! through [`returning`] before they go back; words that the scenario's threads share lie in the
//! user area ([`atomic_word`], [`plain_word`]).
//!
//! Invariants:
//! 1. A [`UserWord`] is one of the three types that the functions below make it of: of each, any 8
//!    bytes are a value, and all have interior mutability. Its place lies in the user area of the
//!    world that is current when it is asked for; a reference that is kept until that world is gone
//!    does no harm, since words look for their place in the current world before they touch it
//!    (`platform`, invariant 2).
//! 2. [`private_word`] gives an address of 8 bytes in the user area, which is committed for the
//!    whole run and mapped for as long as the world lives.
//! 3. What is read and written here of a block is what `Engine::plain` has just let pass.
//! 4. [`returning`], [`returning_for`] and [`lending`] return for a block only that was received
//!    and not returned since, and that is lent to nobody else: its mark says so, or the run ends.
//!    Returning takes the mark away: of two who return a block, one gets no further. Scenarios call
//!    [`received`] and its likes for what an allocator has handed out, and right then.

use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;

use super::access::{Access, Kind};
use super::blocks::{Pattern, Written};
use super::current;
use super::engine::{Engine, Trouble, borrow, halt};
use super::oracle;
use super::platform::{SimAtomic, SimPlain};
use super::shadow::GRANULE_SHIFT;
use super::stepwise::footprint::Manner;
use super::violation::Finding;

/// The running thread begins its next operation.
pub fn operation() {
    let engine = simulated();
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let control = unsafe { &mut borrow(engine).control };
    control.operations[control.current] += 1;
}

/// The operation that the running thread began last has ended; it was of this kind. How many steps
/// it took.
pub fn operation_ends(kind: usize) -> u32 {
    let engine = simulated();
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let control = unsafe { &mut borrow(engine).control };
    let me = control.current;
    let steps = control.steps[me] - control.operation_at[me];
    control.longest[kind] = control.longest[kind].max(steps);
    control.operation_at[me] = control.steps[me];
    steps
}

/// Whether a thread has stopped for ever.
pub fn has_one_stopped() -> bool {
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    unsafe { &borrow(simulated()).control }.stopped
}

/// How many system calls of all threads were refused so far.
pub fn refused_by_all() -> u32 {
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    unsafe { &borrow(simulated()).control }.refused.iter().sum()
}

/// How many bytes of this range are committed. To be called while the world is looked at: see
/// [`look`] and [`World::inspect`](super::World::inspect).
///
/// # Panics
/// It is not.
pub fn committed_bytes(start: usize, bytes: usize) -> usize {
    // SAFETY: [current 4] nobody else has the engine borrowed, and this only reads.
    let here = unsafe { &*current::looked_at() };
    let first = here.arena.offset_of(start) >> here.pages.shift;
    let committed = |index: &usize| here.pages.is_committed(index << here.pages.shift);
    (first..first + (bytes >> here.pages.shift)).filter(committed).count() << here.pages.shift
}

/// The running thread remembers nothing but what lies in the arena and how many operations it has
/// begun: its local state is the same whenever it comes to this place with this number. A search
/// may then forget what led here; see `stepwise::history`.
pub fn at_rest() {
    let engine = simulated();
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(engine) };
    let me = here.control.current;
    here.histories.rest(me, here.control.operations[me]);
}

/// As [`at_rest`], for code without operations: its local state is the same whenever it comes to
/// rest with this number. A loop that keeps nothing from one attempt to the next is at rest in
/// front of each.
pub fn at_rest_with(number: u32) {
    let engine = simulated();
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(engine) };
    here.histories.rest(here.control.current, number);
}

/// The running thread.
pub fn thread() -> usize {
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    unsafe { borrow(simulated()) }.control.current
}

/// A moment of the running thread.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    step: u32,
    denied_at: u32,
    others: u32,
}

/// What happened since a moment.
#[derive(Clone, Copy, Debug)]
pub struct Since {
    /// The system refused the running thread memory, or to take some back, and the thread gave
    /// nothing back after that.
    pub refused: bool,
    /// The system refused it that at all.
    pub refused_once: bool,
    /// Other threads changed shared words, or called the system; or what they did before may not be
    /// known yet.
    pub disturbed: bool,
    /// A limit was set in this run, perhaps in between.
    pub limited: bool,
}

/// The program sets a limit.
pub fn limits() {
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    unsafe { &mut borrow(simulated()).control }.limited = true;
}

/// This moment.
pub fn moment() -> Moment {
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let control = unsafe { &borrow(simulated()).control };
    let me = control.current;
    Moment {
        step: control.steps[me],
        denied_at: control.denied_at[me],
        others: control.writes_of_others(),
    }
}

/// What happened since then.
pub fn since(begin: &Moment) -> Since {
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(simulated()) };
    let control = &here.control;
    let me = control.current;
    let refused_once = control.denied_at[me] > begin.step;
    debug_assert!(refused_once || control.denied_at[me] == begin.denied_at);
    Since {
        refused: refused_once && control.given_at[me] < control.denied_at[me],
        refused_once,
        // Under weak memory a thread may not know yet what others did long ago.
        disturbed: here.weak.on || control.writes_of_others() != begin.others,
        limited: control.limited,
    }
}

/// The program received this block: from now on only the program touches it. Fills it with its
/// pattern.
#[track_caller]
pub fn received(block: *mut u8, bytes: usize, align: usize) {
    receive(block, bytes, align, Contents::Anything, Written::All, Location::caller());
}

/// As [`received`], or as [`received_zeroed`] if the block must read as zero; the program writes so
/// much of it.
#[track_caller]
pub fn received_and_wrote(
    block: *mut u8,
    bytes: usize,
    align: usize,
    zeroed: bool,
    written: Written,
) {
    let contents = if zeroed { Contents::Zero } else { Contents::Anything };
    receive(block, bytes, align, contents, written, Location::caller());
}

/// As [`received`], and the block must read as zero (`calloc`).
#[track_caller]
pub fn received_zeroed(block: *mut u8, bytes: usize, align: usize) {
    receive(block, bytes, align, Contents::Zero, Written::All, Location::caller());
}

/// As [`received`], and the first `kept` bytes must be those of the old block (`realloc`), whose
/// pattern [`returning_for`] gave for so many. If that block did not hold its pattern, the program
/// writes nothing to the new one.
#[track_caller]
pub fn received_with_prefix(
    block: *mut u8,
    bytes: usize,
    align: usize,
    old: &Pattern,
    kept: usize,
) {
    let written = if old.sum == 0 { Written::All } else { Written::Nothing };
    receive(block, bytes, align, Contents::Kept(*old, kept), written, Location::caller());
}

/// The program is about to give this block back, whole, and touches it no more. Its contents must
/// be what they were.
#[track_caller]
pub fn returning(block: *mut u8) -> Pattern {
    returning_for(block, usize::MAX)
}

/// As [`returning`], of a block the first `kept` bytes of which come back in another one.
#[track_caller]
pub fn returning_for(block: *mut u8, kept: usize) -> Pattern {
    let engine = simulated();
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(engine) };
    let offset = here.arena.offset_of(block.addr());
    let mut access = Access::plain(Kind::Check, offset, 0, Location::caller());
    match here.give_back(&mut access, kept) {
        Ok(pattern) => pattern,
        Err(trouble) => halt(engine, &access, trouble),
    }
}

/// The program asks the allocator about a block that it holds, which may look at it until the
/// answer: [`measured`].
#[track_caller]
pub fn lending(block: *mut u8) {
    let engine = simulated();
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(engine) };
    let offset = here.arena.offset_of(block.addr());
    let access = Access::plain(Kind::Check, offset, 0, Location::caller());
    match here.mark_of(offset, "measures") {
        Ok(mark) => {
            let block = here.blocks.get(mark);
            here.footprint.note(offset, block.bytes.max(1), true, Manner::Plain);
            here.set_marks(offset, block.bytes, 0);
            here.control.lent[here.control.current] = mark;
        }
        Err(trouble) => halt(engine, &access, trouble),
    }
}

/// The allocator says that so many bytes of the block that it was lent may be used.
#[track_caller]
pub fn measured(block: *mut u8, usable: usize) {
    let engine = simulated();
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(engine) };
    let offset = here.arena.offset_of(block.addr());
    let access = Access::plain(Kind::Check, offset, 0, Location::caller());
    let mark = std::mem::take(&mut here.control.lent[here.control.current]);
    here.looked_into(mark);
    let bytes = here.blocks.get(mark).bytes;
    if usable < bytes {
        let what = format!("of a block of {bytes} bytes {usable} are said to be usable");
        halt(engine, &access, Finding::new(oracle::USABLE_SIZE, what).into());
    }
}

/// The program copies bytes of a block that it holds into another one, or to another place of the
/// same: `bytes` of them, or as many as there are. A place that is none counts from the beginning
/// again.
#[track_caller]
pub fn copies(from: *mut u8, from_at: usize, to: *mut u8, to_at: usize, bytes: usize) {
    let engine = simulated();
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(engine) };
    let site = Location::caller();
    let (from, to) = (here.arena.offset_of(from.addr()), here.arena.offset_of(to.addr()));
    let access = Access::plain(Kind::Fill, to, 0, site);
    if let Err(trouble) = here.copy_between((from, from_at), (to, to_at), bytes, site) {
        halt(engine, &access, trouble);
    }
}

/// The program exchanges the contents of two blocks that it holds, as far as both go.
#[track_caller]
pub fn swaps(one: *mut u8, other: *mut u8) {
    let engine = simulated();
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(engine) };
    let site = Location::caller();
    let (one, other) = (here.arena.offset_of(one.addr()), here.arena.offset_of(other.addr()));
    let access = Access::plain(Kind::Fill, other, 0, site);
    if let Err(trouble) = here.swap_between(one, other, site) {
        halt(engine, &access, trouble);
    }
}

/// How many blocks the program holds.
pub fn live_blocks() -> u32 {
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(simulated()) };
    here.footprint.note_all();
    here.histories.value(here.control.current, u64::from(here.blocks.count));
    here.blocks.count
}

/// Ends the run: the scenario found a broken rule. `message` is one plain sentence.
#[track_caller]
pub fn fail(oracle: &'static str, message: String) -> ! {
    fail_in(oracle, message, None)
}

/// The same, about this slab: its SuperSlab and its number there.
#[track_caller]
pub fn fail_in(oracle: &'static str, message: String, slab: Option<(u32, u32)>) -> ! {
    let engine = simulated();
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let offset = unsafe { borrow(engine) }.user_offset;
    let access = Access::plain(Kind::Check, offset, 0, Location::caller());
    let mut finding = Finding::new(oracle, message);
    finding.slab = slab;
    halt(engine, &access, finding.into())
}

/// Looks at the world raw, without being scheduled or checked: `look` gets the address and size of
/// every block that the program holds. It may allocate, since it runs to its end at once.
pub fn look<R>(look: impl FnOnce(&[(usize, usize)]) -> R) -> R {
    let engine = simulated();
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used by `look`.
    let here = unsafe { borrow(engine) };
    here.footprint.note_all();
    let base = here.arena.base;
    let held: Vec<_> = here.blocks.live().map(|block| (base + block.offset, block.bytes)).collect();
    current::looking(|| look(&held))
}

/// Looks raw, without being scheduled or checked, at memory that nobody but the running thread may
/// touch, and decides nothing by it but whether the run is right.
pub fn peek<R>(look: impl FnOnce() -> R) -> R {
    current::outside(look)
}

/// A word of the user area: an index, which finds the word in the current world.
pub struct UserWord<T> {
    index: usize,
    word: PhantomData<*const T>,
}

impl<T> Clone for UserWord<T> {
    fn clone(&self) -> UserWord<T> {
        *self
    }
}

impl<T> Copy for UserWord<T> {}

/// The 8-byte word of the user area with this index, as a shared word.
pub const fn atomic_word(index: usize) -> UserWord<SimAtomic<u64>> {
    UserWord { index, word: PhantomData }
}

/// The same, for addresses: it is one in digests too, which must not see where the world lies.
pub const fn address_word(index: usize) -> UserWord<SimAtomic<usize>> {
    UserWord { index, word: PhantomData }
}

/// The 8-byte word of the user area with this index, as a plain word.
pub const fn plain_word(index: usize) -> UserWord<SimPlain<u64>> {
    UserWord { index, word: PhantomData }
}

impl<T> Deref for UserWord<T> {
    type Target = T;

    fn deref(&self) -> &T {
        const { assert!(size_of::<T>() == 8) };
        let engine = current::world();
        // SAFETY: [current 1, engine 4] what is read are numbers that never change.
        let (offset, bytes, arena) =
            unsafe { ((*engine).user_offset, (*engine).user_bytes, &(*engine).arena) };
        assert!(self.index < bytes / 8, "the user area is too small");
        // SAFETY: [user 1, world 1, arena 1, arena 3] eight bytes of the user area, at a
        // multiple of eight.
        unsafe { &*arena.pointer(offset + self.index * 8).cast::<T>() }
    }
}

/// The address of the 8-byte word of the user area with this index, for state of the scenario that
/// no two simulated threads share: it may be read and written directly, unchecked and unscheduled.
/// It is zero when a run begins. The address is to be asked for again behind every access of a
/// shared word: a search takes note of it then.
pub fn private_word(index: usize) -> usize {
    let engine = simulated();
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(engine) };
    assert!(index < here.user_bytes / 8, "the user area is too small");
    let offset = here.user_offset + index * 8;
    here.pages.mark_dirty(offset >> here.pages.shift);
    here.footprint.note(offset, 8, true, Manner::Plain);
    here.histories.value(here.control.current, here.arena.read(offset, 8));
    here.arena.pointer(offset).expose_provenance()
}

/// What a block must hold when it is handed out.
#[derive(Clone, Copy)]
enum Contents {
    Anything,
    Zero,
    Kept(Pattern, usize),
}

fn simulated() -> *mut Engine {
    let engine = current::live();
    assert!(!engine.is_null(), "only for bodies of a simulated world");
    engine
}

fn receive(
    block: *mut u8,
    bytes: usize,
    align: usize,
    contents: Contents,
    written: Written,
    site: &'static Location<'static>,
) {
    let engine = simulated();
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(engine) };
    let access = Access::plain(Kind::Fill, here.arena.offset_of(block.addr()), bytes, site);
    if let Err(trouble) = here.hand_out(&access, align, contents, written) {
        halt(engine, &access, trouble);
    }
}

impl Engine {
    fn hand_out(
        &mut self,
        access: &Access,
        align: usize,
        contents: Contents,
        written: Written,
    ) -> Result<(), Trouble> {
        let (start, bytes) = (access.offset, access.bytes);
        self.footprint.note(start, bytes.max(1), true, Manner::Plain);
        if !self.arena.contains(start, bytes.max(1)) {
            let what = format!("a block of {bytes} bytes outside of the arena was handed out");
            return Err(Finding::new(oracle::FOREIGN_ACCESS, what).into());
        }
        if !start.is_multiple_of(align) {
            let what = format!("a block at {start:#x} was handed out, not aligned to {align}");
            return Err(Finding::new(oracle::ALIGNMENT, what).into());
        }
        self.check_free(start, bytes)?;
        match contents {
            Contents::Anything => {}
            Contents::Zero => self.check_zero(access, bytes)?,
            Contents::Kept(old, kept) if old.sum != 0 => {
                let sum = self.sum(access, old.parts_of(kept))?;
                self.check_sum(access, sum, old.sum)?;
            }
            Contents::Kept(old, kept) => {
                for part in old.parts_of(kept) {
                    self.check_bytes(access, part, |place| old.byte(place))?;
                }
            }
        }
        let pattern = Pattern::new(start, bytes);
        match written {
            Written::All => {
                for part in pattern.parts() {
                    self.fill(access, part, &pattern)?;
                }
            }
            Written::Half => {
                for part in pattern.parts() {
                    for word in part.clone().step_by(16) {
                        self.fill(access, word..part.end.min(word + 8), &pattern)?;
                    }
                }
            }
            Written::Nothing => {}
        }
        let sum = match written {
            Written::All => 0,
            Written::Half | Written::Nothing => self.sum(access, pattern.parts())?,
        };
        let mark = self.blocks.add(start, bytes, self.control.current);
        self.blocks.set_sum(mark, sum);
        self.set_marks(start, bytes, mark);
        Ok(())
    }

    fn give_back(&mut self, access: &mut Access, kept: usize) -> Result<Pattern, Trouble> {
        let start = access.offset;
        let mark = self.mark_of(start, "returns")?;
        let block = self.blocks.get(mark);
        access.bytes = block.bytes;
        self.footprint.note(start, block.bytes.max(1), true, Manner::Plain);
        self.set_marks(start, block.bytes, 0);
        self.blocks.remove(mark);
        let pattern = block.pattern();
        self.check_contents(access, block.sum, &pattern)?;
        if block.sum == 0 {
            return Ok(pattern);
        }
        Ok(pattern.with_sums(self.sum(access, pattern.parts_of(kept))?, block.sum))
    }

    /// The mark of the block that the program holds at this place.
    fn mark_of(&mut self, start: usize, verb: &str) -> Result<u32, Trouble> {
        let mark = if self.arena.contains(start, 1) { self.mark_at(start) } else { 0 };
        if mark == 0 || self.blocks.get(mark).offset != start {
            let what = format!("the program {verb} {start:#x}, where it holds no block");
            return Err(Finding::new(oracle::INVALID_FREE, what).into());
        }
        Ok(mark)
    }

    /// A block holds its pattern, or what the program saw in it last.
    fn check_contents(
        &mut self,
        access: &Access,
        sum: u64,
        pattern: &Pattern,
    ) -> Result<(), Trouble> {
        if sum != 0 {
            let found = self.sum(access, pattern.parts())?;
            return self.check_sum(access, found, sum);
        }
        for part in pattern.parts() {
            self.check_bytes(access, part, |place| pattern.byte(place))?;
        }
        Ok(())
    }

    fn check_sum(&self, access: &Access, found: u64, expected: u64) -> Result<(), Trouble> {
        if found == expected {
            return Ok(());
        }
        let what = format!(
            "the block of {} bytes at {:#x} does not hold any more what the program saw in it",
            access.bytes, access.offset
        );
        Err(Finding::new(oracle::CONTENT, what).into())
    }

    /// The program reads parts of its block, whatever is in them: their sum, which is never zero.
    fn sum(&mut self, access: &Access, parts: [std::ops::Range<usize>; 2]) -> Result<u64, Trouble> {
        let mut sum = 0_u64;
        for part in parts {
            if part.is_empty() {
                continue;
            }
            let here = self.read_part(access, &part)?;
            let memory = self.arena.pointer(here.offset);
            for place in 0..part.len() {
                // SAFETY: [user 3, plain 2] a byte of the part that was just let pass.
                let byte = unsafe { memory.add(place).read() };
                sum = (sum ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
            }
        }
        Ok(sum | 1)
    }

    /// The program is about to read a part of its block.
    fn read_part(
        &mut self,
        access: &Access,
        part: &std::ops::Range<usize>,
    ) -> Result<Access, Trouble> {
        let here = Access {
            offset: access.offset + part.start,
            bytes: part.len(),
            kind: Kind::Check,
            ..*access
        };
        self.plain(&here)?;
        Ok(here)
    }

    /// A block that the program holds and is about to read from or write to: its mark, which
    /// [`Engine::looked_into`] puts back, and how many bytes may be copied.
    fn look_into(
        &mut self,
        start: usize,
        site: &'static Location<'static>,
    ) -> Result<(u32, usize), Trouble> {
        let mark = self.mark_of(start, "copies bytes at")?;
        let block = self.blocks.get(mark);
        let access = Access::plain(Kind::Check, start, block.bytes, site);
        self.footprint.note(start, block.bytes.max(1), true, Manner::Plain);
        let pattern = block.pattern();
        self.set_marks(start, block.bytes, 0);
        self.check_contents(&access, block.sum, &pattern)?;
        Ok((mark, pattern.head()))
    }

    /// The program goes on to hold a block as it did before.
    fn looked_into(&mut self, mark: u32) {
        let block = self.blocks.get(mark);
        self.set_marks(block.offset, block.bytes, mark);
    }

    /// The contents of a block were changed by a copy.
    fn copied(&mut self, mark: u32, site: &'static Location<'static>) -> Result<(), Trouble> {
        let block = self.blocks.get(mark);
        let access = Access::plain(Kind::Check, block.offset, block.bytes, site);
        let sum = self.sum(&access, block.pattern().parts())?;
        self.blocks.set_sum(mark, sum);
        self.looked_into(mark);
        Ok(())
    }

    fn copy_between(
        &mut self,
        (from, from_at): (usize, usize),
        (to, to_at): (usize, usize),
        bytes: usize,
        site: &'static Location<'static>,
    ) -> Result<(), Trouble> {
        let (source, from_head) = self.look_into(from, site)?;
        let (mark, to_head) = match from == to {
            true => (source, from_head),
            false => self.look_into(to, site)?,
        };
        // Both places are multiples of a word.
        let from_at = from_at % from_head.next_multiple_of(8);
        let to_at = to_at % to_head.next_multiple_of(8);
        let bytes = bytes.min(from_head - from_at).min(to_head - to_at);
        self.plain(&Access::plain(Kind::Check, from + from_at, bytes, site))?;
        self.plain(&Access::plain(Kind::Fill, to + to_at, bytes, site))?;
        // SAFETY: [user 3, plain 2, arena 3] both ranges were just let pass; they may overlap.
        unsafe {
            std::ptr::copy(
                self.arena.pointer(from + from_at),
                self.arena.pointer(to + to_at),
                bytes,
            );
        }
        if source != mark {
            self.looked_into(source);
        }
        self.copied(mark, site)
    }

    fn swap_between(
        &mut self,
        one: usize,
        other: usize,
        site: &'static Location<'static>,
    ) -> Result<(), Trouble> {
        if one == other {
            return Ok(());
        }
        let (first, first_head) = self.look_into(one, site)?;
        let (second, second_head) = self.look_into(other, site)?;
        let bytes = first_head.min(second_head);
        self.plain(&Access::plain(Kind::Fill, one, bytes, site))?;
        self.plain(&Access::plain(Kind::Fill, other, bytes, site))?;
        if one.abs_diff(other) < bytes {
            // One of them was lent to the allocator when it handed out the other.
            return Err(self.overlap(other, bytes, first).into());
        }
        // SAFETY: [user 3, plain 2, arena 3] both ranges were just let pass, and are apart.
        unsafe {
            std::ptr::swap_nonoverlapping(
                self.arena.pointer(one),
                self.arena.pointer(other),
                bytes,
            );
        }
        self.copied(first, site)?;
        self.copied(second, site)
    }

    /// No word of the range is committed memory of a live block, and all of it is committed.
    fn check_free(&mut self, start: usize, bytes: usize) -> Result<(), Box<Finding>> {
        let end = start + bytes.max(1);
        let shift = self.pages.shift;
        for index in start >> shift..=(end - 1) >> shift {
            let page = *self.pages.at(index);
            if page.generation == 0 {
                let what = format!(
                    "a block at {start:#x} was handed out, where the page at {:#x} is {}",
                    index << shift,
                    self.pages.state_name(index << shift)
                );
                return Err(Finding::new(oracle::RELEASED_MEMORY, what));
            }
            if page.block != 0 {
                return Err(self.overlap(start, bytes, page.block));
            }
            if page.partial_blocks == 0 {
                continue;
            }
            let (from, to) = (start.max(index << shift), end.min((index + 1) << shift));
            for granule in from >> GRANULE_SHIFT..=(to - 1) >> GRANULE_SHIFT {
                let mark = self.shadow.block(granule, page.generation);
                if mark != 0 {
                    return Err(self.overlap(start, bytes, mark));
                }
            }
        }
        Ok(())
    }

    #[cold]
    fn overlap(&self, start: usize, bytes: usize, mark: u32) -> Box<Finding> {
        let held = self.blocks.get(mark);
        let (oracle, verb) = if held.offset == start {
            (oracle::DOUBLE_HAND_OUT, "is")
        } else {
            (oracle::OVERLAP, "overlaps")
        };
        let what = format!(
            "the block of {bytes} bytes at {start:#x} that was handed out {verb} the block of {} \
             bytes at {:#x} that thread {} received and the program holds",
            held.bytes, held.offset, held.thread
        );
        Finding::new(oracle, what)
    }

    fn mark_at(&mut self, offset: usize) -> u32 {
        let page = *self.pages.at(offset >> self.pages.shift);
        page.block | self.shadow.block(offset >> GRANULE_SHIFT, page.generation)
    }

    /// Marks every word of a block, or, with zero, takes the marks away.
    fn set_marks(&mut self, start: usize, bytes: usize, mark: u32) {
        let end = start + bytes.max(1);
        let shift = self.pages.shift;
        for index in start >> shift..=(end - 1) >> shift {
            let (from, to) = (start.max(index << shift), end.min((index + 1) << shift));
            let page = self.pages.at(index);
            if to - from == 1 << shift {
                page.block = mark;
                continue;
            }
            page.partial_blocks =
                if mark == 0 { page.partial_blocks - 1 } else { page.partial_blocks + 1 };
            let generation = page.generation;
            for granule in from >> GRANULE_SHIFT..=(to - 1) >> GRANULE_SHIFT {
                self.shadow.cell(granule, generation).block = mark;
            }
        }
    }

    /// The program writes a part of its block.
    fn fill(
        &mut self,
        access: &Access,
        part: std::ops::Range<usize>,
        pattern: &Pattern,
    ) -> Result<(), Trouble> {
        if part.is_empty() {
            return Ok(());
        }
        let here = Access { offset: access.offset + part.start, bytes: part.len(), ..*access };
        self.plain(&here)?;
        let memory = self.arena.pointer(here.offset);
        for place in part.clone() {
            // SAFETY: [user 3, plain 2, arena 3] a byte of the part that was just let pass.
            unsafe { memory.add(place - part.start).write(pattern.byte(place)) };
        }
        Ok(())
    }

    /// The program reads a block that must be zero; only a byte that is not is looked for one by
    /// one.
    fn check_zero(&mut self, access: &Access, bytes: usize) -> Result<(), Trouble> {
        if bytes == 0 {
            return Ok(());
        }
        self.plain(&Access { kind: Kind::Check, ..*access })?;
        if self.arena.is_zero(access.offset, bytes) {
            return Ok(());
        }
        self.compare(access, 0..bytes, |_| 0)
    }

    /// The program reads a part of its block and compares.
    fn check_bytes(
        &mut self,
        access: &Access,
        part: std::ops::Range<usize>,
        expected: impl Fn(usize) -> u8,
    ) -> Result<(), Trouble> {
        if part.is_empty() {
            return Ok(());
        }
        self.read_part(access, &part)?;
        self.compare(access, part, expected)
    }

    /// Compares a part of a block, the read of which has just been let pass.
    fn compare(
        &self,
        access: &Access,
        part: std::ops::Range<usize>,
        expected: impl Fn(usize) -> u8,
    ) -> Result<(), Trouble> {
        let memory = self.arena.pointer(access.offset);
        for place in part {
            // SAFETY: [user 3, plain 2] both callers have just let the part pass.
            let found = unsafe { memory.add(place).read() };
            if found != expected(place) {
                let what = format!(
                    "byte {place} of the block of {} bytes at {:#x} is {found:#04x} instead of \
                     {:#04x}",
                    access.bytes,
                    access.offset,
                    expected(place)
                );
                return Err(Finding::new(oracle::CONTENT, what).into());
            }
        }
        Ok(())
    }
}
