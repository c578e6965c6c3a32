//! What scenarios call: the program's side of the allocator.
//!
//! Called inside bodies. Blocks go through [`received`] when the allocator hands them out and through [`returning`]
//! before they go back; words that the scenario's threads share lie in the user area ([`atomic_word`],
//! [`plain_word`]).

use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;

use super::access::{Access, Kind};
use super::blocks::Pattern;
use super::current;
use super::engine::{Engine, Trouble, borrow, halt};
use super::footprint::Manner;
use super::platform::{SimAtomic, SimPlain};
use super::shadow::GRANULE_SHIFT;
use super::violation::{Finding, oracle};

/// The running thread begins its next operation.
pub fn operation() {
    let engine = simulated();
    // SAFETY: in simulated code of this engine's world.
    let control = unsafe { &mut borrow(engine).control };
    control.operations[control.current] += 1;
}

/// The running thread remembers nothing but what lies in the arena and how many operations it has begun: its local state
/// is the same whenever it comes to this place with this number. A search may then forget what led here; see
/// `runtime::history`.
pub fn at_rest() {
    let engine = simulated();
    // SAFETY: in simulated code of this engine's world.
    let here = unsafe { borrow(engine) };
    let me = here.control.current;
    here.histories.rest(me, here.control.operations[me]);
}

/// As [`at_rest`], for code without operations: its local state is the same whenever it comes to rest with this number.
/// A loop that keeps nothing from one attempt to the next is at rest in front of each.
pub fn at_rest_with(number: u32) {
    let engine = simulated();
    // SAFETY: in simulated code of this engine's world.
    let here = unsafe { borrow(engine) };
    here.histories.rest(here.control.current, number);
}

/// The running thread.
pub fn thread() -> usize {
    // SAFETY: in simulated code of this engine's world.
    unsafe { borrow(simulated()) }.control.current
}

/// How many system calls of the running thread were refused so far.
pub fn refused_calls() -> u32 {
    // SAFETY: in simulated code of this engine's world.
    let control = unsafe { &borrow(simulated()).control };
    control.refused[control.current]
}

/// The program received this block: from now on only the program touches it. Fills it with its pattern.
#[track_caller]
pub fn received(block: *mut u8, bytes: usize, align: usize) {
    receive(block, bytes, align, Contents::Anything, Location::caller());
}

/// As [`received`], and the block must read as zero (`calloc`).
#[track_caller]
pub fn received_zeroed(block: *mut u8, bytes: usize, align: usize) {
    receive(block, bytes, align, Contents::Zero, Location::caller());
}

/// As [`received`], and the first `kept` bytes must be those of the old block (`realloc`), whose pattern
/// [`returning`] gave.
#[track_caller]
pub fn received_with_prefix(
    block: *mut u8,
    bytes: usize,
    align: usize,
    old: &Pattern,
    kept: usize,
) {
    receive(block, bytes, align, Contents::Kept(*old, kept), Location::caller());
}

/// The program is about to give this block back, whole, and touches it no more. Its contents must be what they were.
#[track_caller]
pub fn returning(block: *mut u8) -> Pattern {
    let engine = simulated();
    // SAFETY: in simulated code of this engine's world.
    let here = unsafe { borrow(engine) };
    let offset = here.arena.offset_of(block.addr());
    let mut access = Access::plain(Kind::Check, offset, 0, Location::caller());
    match here.give_back(&mut access) {
        Ok(pattern) => pattern,
        Err(trouble) => halt(engine, &access, trouble),
    }
}

/// How many blocks the program holds.
pub fn live_blocks() -> u32 {
    // SAFETY: in simulated code of this engine's world.
    let here = unsafe { borrow(simulated()) };
    here.footprint.note_all();
    here.histories.value(here.control.current, u64::from(here.blocks.count));
    here.blocks.count
}

/// Ends the run: the scenario found a broken rule. `message` is one plain sentence.
#[track_caller]
pub fn fail(oracle: &'static str, message: String) -> ! {
    let engine = simulated();
    // SAFETY: in simulated code of this engine's world.
    let offset = unsafe { borrow(engine) }.user_offset;
    let access = Access::plain(Kind::Check, offset, 0, Location::caller());
    halt(engine, &access, Finding::new(oracle, message).into())
}

/// Looks at the world raw, without being scheduled or checked: `look` gets the address and size of every block that the
/// program holds. It may allocate, since it runs to its end at once.
pub fn look<R>(look: impl FnOnce(&[(usize, usize)]) -> R) -> R {
    let engine = simulated();
    // SAFETY: in simulated code of this engine's world; the reference ends before `look` runs.
    let here = unsafe { borrow(engine) };
    here.footprint.note_all();
    let base = here.arena.base;
    let held: Vec<_> = here.blocks.live().map(|block| (base + block.offset, block.bytes)).collect();
    current::outside(|| look(&held))
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
        // SAFETY: the engine is alive while it is current; fields that never change are read.
        let (offset, bytes, arena) =
            unsafe { ((*engine).user_offset, (*engine).user_bytes, &(*engine).arena) };
        assert!(self.index < bytes / 8, "the user area is too small");
        // SAFETY: the word lies in the user area, which is mapped as long as the world lives; the types made by the
        // three functions above are valid for any bytes and have interior mutability.
        unsafe { &*arena.pointer(offset + self.index * 8).cast::<T>() }
    }
}

/// The address of the 8-byte word of the user area with this index, for state of the scenario that no two simulated
/// threads share: it may be read and written directly, unchecked and unscheduled. It is zero when a run begins. The
/// address is to be asked for again behind every access of a shared word: a search takes note of it then.
pub fn private_word(index: usize) -> usize {
    let engine = simulated();
    // SAFETY: in simulated code of this engine's world.
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
    site: &'static Location<'static>,
) {
    let engine = simulated();
    // SAFETY: in simulated code of this engine's world.
    let here = unsafe { borrow(engine) };
    let access = Access::plain(Kind::Fill, here.arena.offset_of(block.addr()), bytes, site);
    if let Err(trouble) = here.hand_out(&access, align, contents) {
        halt(engine, &access, trouble);
    }
}

impl Engine {
    fn hand_out(
        &mut self,
        access: &Access,
        align: usize,
        contents: Contents,
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
            Contents::Kept(old, kept) => {
                for part in old.parts() {
                    let end = part.end.min(kept).max(part.start);
                    self.check_bytes(access, part.start..end, |place| old.byte(place))?;
                }
            }
        }
        let pattern = Pattern::new(start, bytes);
        for part in pattern.parts() {
            self.fill(access, part, &pattern)?;
        }
        let mark = self.blocks.add(start, bytes, self.control.current);
        self.set_marks(start, bytes, mark);
        Ok(())
    }

    fn give_back(&mut self, access: &mut Access) -> Result<Pattern, Trouble> {
        let start = access.offset;
        let mark = if self.arena.contains(start, 1) { self.mark_at(start) } else { 0 };
        if mark == 0 || self.blocks.get(mark).offset != start {
            let what = format!("the program returns {start:#x}, where it holds no block");
            return Err(Finding::new(oracle::INVALID_FREE, what).into());
        }
        let block = self.blocks.get(mark);
        access.bytes = block.bytes;
        self.footprint.note(start, block.bytes.max(1), true, Manner::Plain);
        self.set_marks(start, block.bytes, 0);
        self.blocks.remove(mark);
        let pattern = block.pattern();
        for part in pattern.parts() {
            self.check_bytes(access, part, |place| pattern.byte(place))?;
        }
        Ok(pattern)
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
            // SAFETY: `plain` has checked that the range lies in the arena.
            unsafe { memory.add(place - part.start).write(pattern.byte(place)) };
        }
        Ok(())
    }

    /// The program reads a block that must be zero; only a byte that is not is looked for one by one.
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
        let here = Access {
            offset: access.offset + part.start,
            bytes: part.len(),
            kind: Kind::Check,
            ..*access
        };
        self.plain(&here)?;
        self.compare(access, part, expected)
    }

    /// Compares a part of a block, whose read has been checked.
    fn compare(
        &self,
        access: &Access,
        part: std::ops::Range<usize>,
        expected: impl Fn(usize) -> u8,
    ) -> Result<(), Trouble> {
        let memory = self.arena.pointer(access.offset);
        for place in part {
            // SAFETY: `plain` has checked that the range lies in the arena.
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
