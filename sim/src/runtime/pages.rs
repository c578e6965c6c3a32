//! Pages and reserved ranges: which memory exists.
//!
//! | state | how it is known |
//! |---|---|
//! | unreserved | in no range |
//! | reserved | in a range, `generation` is zero |
//! | committed | `generation` is not zero; the root and user areas are so from the start |
//!
//! Nothing is cleared between schedules. A page whose `schedule` is not the present one is as if
//! untouched, and is set up when it is first looked at. Each commit draws a new number, the
//! *generation* of its pages; shadow cells bear the generation for which they were written, so that
//! a commit empties the shadow of its pages for free. Pages that were written are noted in a list,
//! so that the next schedule clears those and no others.
//!
//! Commit, decommit and release count as plain writes to every word of their pages: `change` is the
//! last of them, and `accesses` the last access of each thread to any word of the page, which the
//! next of them must come after.

use std::io;

use super::access::{Access, Kind, ThreadId};
use super::buffer::{Buffer, Zeroable};
use super::clock::{Epoch, VectorClock};
use super::site::SiteNumber;
use super::violation::{Finding, OtherAccess};
use crate::runtime::oracle;

/// One page.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Page {
    /// The last access of each thread to any of its words.
    pub(crate) accesses: VectorClock,
    schedule: u32,
    /// Zero, or the number of the commit that gave the page its memory.
    pub(crate) generation: u32,
    /// The last commit, decommit or release.
    pub(crate) change: Epoch,
    change_site: SiteNumber,
    /// The live block that covers the whole page, plus one; or zero.
    pub(crate) block: u32,
    /// How many live blocks cover a part of the page.
    pub(crate) partial_blocks: u16,
    change_kind: Kind,
    dirty: bool,
    /// When a search last took note of the page: see [`Pages::track`].
    touch: u32,
}

// SAFETY: [buffer 3] integers, a flag and a kind.
unsafe impl Zeroable for Page {}

const _: () = assert!(size_of::<Page>() == 64);

/// A reserved range of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PageRange {
    start: usize,
    end: usize,
    /// What lies behind it up to here is kept free for it.
    room: usize,
}

/// What is known of the address space beside the pages.
#[derive(Clone, Debug)]
pub(crate) struct AddressSpace {
    ranges: Vec<PageRange>,
    foreign: Vec<(usize, usize)>,
    pub(crate) released: VectorClock,
    generation: u32,
}

/// All pages of a world.
pub(crate) struct Pages {
    table: Buffer<Page>,
    /// Reserved ranges by place.
    ranges: Vec<PageRange>,
    /// Addresses in the room of a range that are somebody else's.
    foreign: Vec<(usize, usize)>,
    /// What had happened when address space was given back, or when pages were given memory that
    /// may have some. The system hands it out again only after that.
    pub(crate) released: VectorClock,
    /// Pages written since they were last cleared.
    dirty: Vec<u32>,
    pub(crate) shift: u32,
    /// The root and user areas: so many pages are committed from the start.
    fixed: usize,
    schedule: u32,
    generation: u32,
    /// While a search tracks pages, the number of its present round; else zero.
    round: u32,
    rounds: u32,
    /// The highest number of a commit that was taken back.
    generation_max: u32,
    /// Pages used in this round.
    touched: Vec<u32>,
}

impl Pages {
    pub(crate) fn new(arena_bytes: usize, page_size: usize, fixed: usize) -> io::Result<Pages> {
        let count = arena_bytes / page_size;
        Ok(Pages {
            table: Buffer::new(count)?,
            ranges: Vec::with_capacity(1024),
            foreign: Vec::new(),
            released: VectorClock::ZERO,
            dirty: Vec::with_capacity(count),
            shift: page_size.trailing_zeros(),
            fixed,
            schedule: 0,
            generation: 0,
            round: 0,
            rounds: 0,
            generation_max: 0,
            touched: Vec::new(),
        })
    }

    /// Begins a schedule: every page is as if untouched, and `zero` was called for each page that
    /// was written. `false` if the generations are used up: then the whole world must be cleared,
    /// and this table was.
    pub(crate) fn begin(&mut self, mut zero: impl FnMut(usize, usize)) -> bool {
        for &index in &self.dirty {
            zero((index as usize) << self.shift, 1 << self.shift);
            self.table[index as usize].dirty = false;
        }
        self.dirty.clear();
        self.ranges.clear();
        self.foreign.clear();
        self.released = VectorClock::ZERO;
        let fresh = self.generation < u32::MAX / 2;
        if !fresh {
            self.table.clear();
            self.generation = 0;
        }
        self.generation += 1;
        self.schedule = self.generation;
        fresh
    }

    /// The page, set up for this schedule.
    #[inline]
    pub(crate) fn at(&mut self, index: usize) -> &mut Page {
        let page = &mut self.table[index];
        if self.round != 0 && page.touch != self.round {
            page.touch = self.round;
            self.touched.push(index as u32);
        }
        if page.schedule != self.schedule {
            page.accesses = VectorClock::ZERO;
            page.schedule = self.schedule;
            page.generation = if index < self.fixed { self.schedule } else { 0 };
            page.change = Epoch::NEVER;
            page.block = 0;
            page.partial_blocks = 0;
        }
        page
    }

    /// Notes that a page is written.
    #[inline]
    pub(crate) fn mark_dirty(&mut self, index: usize) {
        let page = &mut self.table[index];
        if self.round != 0 && page.touch != self.round {
            page.touch = self.round;
            self.touched.push(index as u32);
        }
        if !page.dirty {
            page.dirty = true;
            self.dirty.push(index as u32);
        }
    }

    /// Begins to take note of the pages that are used, or ends it.
    pub(crate) fn track(&mut self, on: bool) {
        self.touched.clear();
        if on && self.rounds == u32::MAX {
            self.table.iter_mut().for_each(|page| page.touch = 0);
            self.rounds = 0;
        }
        self.rounds += u32::from(on);
        self.round = if on { self.rounds } else { 0 };
    }

    /// The pages that were used since the last call, each once.
    pub(crate) fn take_touched(&mut self, into: &mut Vec<u32>) {
        into.clear();
        std::mem::swap(&mut self.touched, into);
        self.track(true);
    }

    /// A page as it lies in the table.
    pub(crate) fn raw(&self, index: usize) -> &Page {
        &self.table[index]
    }

    /// Puts a page back. That it was written since it was last clear is remembered.
    pub(crate) fn put_back(&mut self, index: usize, image: &Page) {
        let page = &mut self.table[index];
        let (dirty, touch) = (page.dirty, page.touch);
        *page = *image;
        page.dirty = dirty;
        page.touch = touch;
    }

    /// Whether a page was set up for this run.
    pub(crate) fn is_set_up(&self, page: &Page) -> bool {
        page.schedule == self.schedule
    }

    /// Whether the page has memory from the start.
    pub(crate) fn is_fixed(&self, index: usize) -> bool {
        index < self.fixed
    }

    /// What of the address space is in use: ranges, what released it, and the number of the last
    /// commit.
    pub(crate) fn address_space(&self) -> AddressSpace {
        AddressSpace {
            ranges: self.ranges.clone(),
            foreign: self.foreign.clone(),
            released: self.released,
            generation: self.generation,
        }
    }

    /// Ends a search. The numbers of its commits are not used again.
    pub(crate) fn end_search(&mut self) {
        self.generation = self.generation.max(self.generation_max);
        self.track(false);
    }

    /// Puts the address space back.
    pub(crate) fn put_back_address_space(&mut self, space: &AddressSpace) {
        self.generation_max = self.generation_max.max(self.generation);
        self.ranges.clone_from(&space.ranges);
        self.foreign.clone_from(&space.foreign);
        self.released = space.released;
        self.generation = space.generation;
    }

    /// The reserved ranges by place: begin and end.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (usize, usize)> {
        self.ranges.iter().map(|range| (range.start, range.end))
    }

    /// What is somebody else's: begin and end.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = (usize, usize)> {
        self.foreign.iter().copied()
    }

    pub(crate) fn is_committed(&self, offset: usize) -> bool {
        let index = offset >> self.shift;
        self.table.get(index).is_some_and(|page| {
            if page.schedule == self.schedule { page.generation != 0 } else { index < self.fixed }
        })
    }

    /// What a page without memory is called.
    pub(crate) fn state_name(&self, offset: usize) -> &'static str {
        if self.is_committed(offset) {
            "committed"
        } else if self.range_around(offset, 1).is_some() {
            "reserved but not committed"
        } else {
            "not reserved"
        }
    }

    /// The last page operation on a page, as the other half of a race.
    pub(crate) fn changer(&self, index: usize) -> OtherAccess {
        let page = &self.table[index];
        OtherAccess {
            thread: page.change.thread(),
            kind: page.change_kind,
            site: page.change_site.location(),
            offset: index << self.shift,
        }
    }

    /// First fit. The alignment holds for addresses too: the arena's base is a multiple of any.
    pub(crate) fn reserve(&mut self, bytes: usize, align: usize, room: usize) -> Option<usize> {
        let whole = bytes.checked_add(room)?;
        let mut start = (self.fixed << self.shift).next_multiple_of(align);
        let mut place = self.ranges.len();
        for (index, range) in self.ranges.iter().enumerate() {
            if start.checked_add(whole)? <= range.start {
                place = index;
                break;
            }
            start = start.max(range.room.next_multiple_of(align));
        }
        let room = start.checked_add(whole)?;
        if room > self.table.len() << self.shift {
            return None;
        }
        self.ranges.insert(place, PageRange { start, end: start + bytes, room });
        Some(start)
    }

    /// Reserves addresses in the room of a range, which is part of that one then, or, behind a gap,
    /// one more; `false` if some of them are reserved already, or somebody else's.
    pub(crate) fn extend(&mut self, access: &Access) -> Result<bool, Box<Finding>> {
        let (start, end) = (access.offset, access.offset + access.bytes);
        let before = self.ranges.iter().rposition(|range| range.start <= start);
        let Some(before) = before.filter(|&place| end <= self.ranges[place].room) else {
            return Err(Finding::new(
                oracle::PAGE_STATE,
                format!("extend to {start:#x}, where no range has room for that"),
            ));
        };
        let meets = |(first, last): (usize, usize)| first < end && start < last;
        if self.ranges().chain(self.foreign()).any(meets) {
            return Ok(false);
        }
        let room = self.ranges[before].room;
        if self.ranges[before].end == start {
            self.ranges[before].end = end;
            if self.ranges.get(before + 1).is_some_and(|next| next.start == end) {
                self.ranges[before].end = self.ranges.remove(before + 1).end;
            }
        } else {
            let next = self.ranges.get(before + 1).filter(|next| next.start == end);
            let end = next.map_or(end, |next| next.end);
            if next.is_some() {
                self.ranges.remove(before + 1);
            }
            self.ranges.insert(before + 1, PageRange { start, end, room });
        }
        Ok(true)
    }

    /// The first page of these addresses is somebody else's from now on, unless somebody has it.
    pub(crate) fn give_away(&mut self, access: &Access) {
        let (start, end) = (access.offset, access.offset + (1 << self.shift));
        let meets = |(first, last): (usize, usize)| first < end && start < last;
        if !self.ranges().chain(self.foreign()).any(meets) {
            self.foreign.push((start, end));
        }
    }

    /// The pages of a reserved range that have no memory.
    pub(crate) fn lacking(&mut self, access: &Access) -> Result<Vec<usize>, Box<Finding>> {
        self.check_reserved(access)?;
        Ok(self.pages_of(access).filter(|&index| self.at(index).generation == 0).collect())
    }

    fn range_around(&self, start: usize, bytes: usize) -> Option<PageRange> {
        self.ranges
            .iter()
            .copied()
            .find(|range| range.start <= start && bytes <= range.end.saturating_sub(start))
    }

    /// Gives pages memory, which the caller clears where `is_dirty`.
    pub(crate) fn commit(
        &mut self,
        thread: ThreadId,
        now: &VectorClock,
        access: &Access,
    ) -> Result<(), Box<Finding>> {
        self.check_reserved(access)?;
        let pages = self.pages_of(access);
        for index in pages.clone() {
            if self.at(index).generation != 0 {
                return Err(self.wrong_state(access, index, "committed already"));
            }
            self.check_order(now, index)?;
        }
        self.generation += 1;
        let generation = self.generation;
        for index in pages {
            let page = self.at(index);
            page.generation = generation;
            page.accesses = VectorClock::ZERO;
            page.change_by(thread, now, access);
        }
        Ok(())
    }

    /// Gives a committed page a new generation, which empties its shadow.
    pub(crate) fn renew(&mut self, index: usize) -> u32 {
        self.generation += 1;
        self.table[index].generation = self.generation;
        self.generation
    }

    /// Checks that pages can lose their memory: all committed if `whole`, no live block, no
    /// unordered access.
    pub(crate) fn check_decommit(
        &mut self,
        now: &VectorClock,
        access: &Access,
        whole: bool,
    ) -> Result<(), Box<Finding>> {
        self.check_reserved(access)?;
        for index in self.pages_of(access) {
            let page = self.at(index);
            if whole && page.generation == 0 {
                return Err(self.wrong_state(access, index, "not committed"));
            }
            if page.block != 0 || page.partial_blocks != 0 {
                let what = format!(
                    "{} takes the page at {:#x} away, in which the program holds a block",
                    access.kind.name(),
                    index << self.shift
                );
                return Err(Finding::new(oracle::LIVE_BLOCK, what));
            }
            self.check_order(now, index)?;
        }
        Ok(())
    }

    /// Takes the memory of pages away, after [`Pages::check_decommit`].
    pub(crate) fn decommit(&mut self, thread: ThreadId, now: &VectorClock, access: &Access) {
        for index in self.pages_of(access) {
            let page = self.at(index);
            page.generation = 0;
            page.change_by(thread, now, access);
        }
    }

    /// Gives a whole range back, after [`Pages::check_decommit`] and [`Pages::decommit`].
    pub(crate) fn release(&mut self, access: &Access) -> Result<(), Box<Finding>> {
        let range = (access.offset, access.offset + access.bytes);
        let held = self.ranges().position(|held| held == range);
        match held {
            Some(place) => {
                self.ranges.remove(place);
                Ok(())
            }
            None => Err(Finding::new(
                oracle::PAGE_STATE,
                format!(
                    "release of {:#x} bytes at {:#x}, which is not a range as it was reserved",
                    access.bytes, access.offset
                ),
            )),
        }
    }

    /// Whether the page was written since it was last clear; forgets it only in [`Pages::begin`].
    pub(crate) fn is_dirty(&self, index: usize) -> bool {
        self.table[index].dirty
    }

    pub(crate) fn pages_of(&self, access: &Access) -> std::ops::Range<usize> {
        access.offset >> self.shift..(access.offset + access.bytes) >> self.shift
    }

    fn check_reserved(&self, access: &Access) -> Result<(), Box<Finding>> {
        let mask = (1 << self.shift) - 1;
        if (access.offset | access.bytes) & mask != 0 {
            return Err(Finding::new(
                oracle::PAGE_STATE,
                format!(
                    "{} of {:#x} bytes at {:#x}, which are not whole pages",
                    access.kind.name(),
                    access.bytes,
                    access.offset
                ),
            ));
        }
        if self.range_around(access.offset, access.bytes).is_none() {
            return Err(Finding::new(
                oracle::PAGE_STATE,
                format!(
                    "{} of {:#x} bytes at {:#x}, which are not reserved",
                    access.kind.name(),
                    access.bytes,
                    access.offset
                ),
            ));
        }
        Ok(())
    }

    #[inline]
    fn check_order(&self, now: &VectorClock, index: usize) -> Result<(), Box<Finding>> {
        let page = &self.table[index];
        if now.covers(page.change) && now.covers_all(&page.accesses) {
            return Ok(());
        }
        self.unordered(now, index)
    }

    #[cold]
    fn unordered(&self, now: &VectorClock, index: usize) -> Result<(), Box<Finding>> {
        let page = &self.table[index];
        if !now.covers(page.change) {
            let other = self.changer(index);
            let what = format!(
                "two operations on the page at {:#x} are not ordered by happens-before",
                other.offset
            );
            return Err(Finding::about(oracle::DATA_RACE, what, other));
        }
        match now.first_beyond(&page.accesses) {
            None => Ok(()),
            Some(thread) => Err(Finding::new(
                oracle::DATA_RACE,
                format!(
                    "the page at {:#x} changes while an access of thread {thread} to it is not \
                     ordered before",
                    index << self.shift
                ),
            )),
        }
    }

    fn wrong_state(&self, access: &Access, index: usize, state: &str) -> Box<Finding> {
        Finding::new(
            oracle::PAGE_STATE,
            format!(
                "{} of the page at {:#x}, which is {state}",
                access.kind.name(),
                index << self.shift
            ),
        )
    }
}

impl Page {
    /// Whether any of its words may have a shadow: none has before the first access behind a
    /// commit, or the first block.
    pub(crate) fn has_shadow(&self) -> bool {
        self.partial_blocks != 0 || self.accesses != VectorClock::ZERO
    }

    /// A page that no run has touched.
    pub(crate) const UNTOUCHED: Page = Page {
        accesses: VectorClock::ZERO,
        schedule: 0,
        generation: 0,
        change: Epoch::NEVER,
        change_site: SiteNumber::NOWHERE,
        block: 0,
        partial_blocks: 0,
        change_kind: Kind::Start,
        dirty: false,
        touch: 0,
    };

    fn change_by(&mut self, thread: ThreadId, now: &VectorClock, access: &Access) {
        self.change = now.epoch(thread);
        self.change_site = SiteNumber::new(access.site);
        self.change_kind = access.kind;
    }
}
