//! Shadow: who touched each word last, and data races.
//!
//! Each granule of 4 bytes has a [`Cell`]. It keeps the last plain write and the last plain read as epochs; when reads
//! of several threads are unordered, or when the granule is used atomically, a [`Record`] keeps one moment for each
//! thread. An 8-byte access works on two cells, which share a record if they are used together.
//!
//! Invariants:
//!
//! 1. A cell with another generation than its page is empty.
//! 2. A plain write that passed its checks comes after everything that the cell knew: it then knows only the write.
//! 3. A record belongs to one cell, or to the two cells of one aligned 8-byte word.
//!
//! Accesses of less than 4 bytes carry a mask of their bytes, so that neighbours do not race. A cell remembers one
//! plain write: of two unordered writes to different bytes of a granule the earlier one is forgotten.
//!
//! The sketch follows FastTrack (Flanagan and Freund 2009) and the layout of ThreadSanitizer's shadow words.

use std::io;

use super::access::{Access, Kind, THREADS_MAX, ThreadId};
use super::buffer::{Buffer, Zeroable};
use super::clock::{Epoch, VectorClock};
use super::order_hash::Trail;
use super::site::Site;
use super::violation::{Finding, OtherAccess, oracle};

/// log2 of the bytes that a cell stands for.
pub(crate) const GRANULE_SHIFT: u32 = 2;
/// Shared words of one run, at most.
pub(crate) const RECORDS_MAX: usize = 1 << 24;

/// What is known of 4 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Cell {
    generation: u32,
    record: u32,
    /// The live block to which the word belongs, plus one; or zero.
    pub(crate) block: u32,
    write: Epoch,
    write_site: Site,
    read: Epoch,
    read_site: Site,
    write_mask: u8,
    read_mask: u8,
    write_kind: Kind,
    read_kind: Kind,
}

// SAFETY: integers and kinds, whose zero is `Kind::Start`.
unsafe impl Zeroable for Cell {}

const _: () = assert!(size_of::<Cell>() == 32);

/// The moments of each thread at a word, and what its last atomic writes released.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Record {
    pub(crate) release: VectorClock,
    writes: VectorClock,
    reads: VectorClock,
    plain_reads: VectorClock,
    write_sites: [Site; THREADS_MAX],
    read_sites: [Site; THREADS_MAX],
    plain_read_sites: [Site; THREADS_MAX],
    write_kinds: [Kind; THREADS_MAX],
    plain_read_kinds: [Kind; THREADS_MAX],
    plain_read_masks: [u8; THREADS_MAX],
    /// How many stores the weak memory model remembers; zero after the word was written by other means.
    stores: u32,
}

const _: () = assert!(size_of::<Record>() == 256);

// SAFETY: integers and kinds, whose zero is `Kind::Start`.
unsafe impl Zeroable for Record {}

/// The shadow of an arena.
pub(crate) struct Shadow {
    cells: Buffer<Cell>,
    records: Buffer<Record>,
    /// Records handed out, the first of which (number zero) is never used.
    records_used: u32,
    /// Records given back: a list through `release`.
    records_free: u32,
    /// Records are never used again: then a record's content belongs to the page of its cell, as a search needs it.
    pub(crate) keep_records: bool,
}

/// A copy of the shadow of some granules. No other granule has these records (invariant 3), as long as records are kept.
#[derive(Debug)]
pub(crate) struct ShadowImage {
    cells: Box<[Cell]>,
    records: Vec<(u32, Record)>,
}

impl ShadowImage {
    /// Its records, and how many stores the weak memory model remembers in each.
    pub(crate) fn stores(&self) -> impl Iterator<Item = (u32, u32)> {
        self.records.iter().map(|(index, record)| (*index, record.stores))
    }

    /// Its size.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.cells) + size_of_val(&*self.records)
    }
}

/// A checked access, as the shadow needs it.
#[derive(Clone, Copy)]
pub(crate) struct Touch<'a> {
    pub(crate) thread: ThreadId,
    pub(crate) now: &'a VectorClock,
    pub(crate) access: &'a Access,
    pub(crate) generation: u32,
}

impl Shadow {
    pub(crate) fn new(arena_bytes: usize) -> io::Result<Shadow> {
        Ok(Shadow {
            cells: Buffer::new(arena_bytes >> GRANULE_SHIFT)?,
            records: Buffer::new(RECORDS_MAX)?,
            records_used: 1,
            records_free: 0,
            keep_records: false,
        })
    }

    /// Begins a schedule. Cells are emptied by their generation.
    pub(crate) fn begin(&mut self) {
        self.records_used = 1;
        self.records_free = 0;
    }

    /// Empties everything, when generations begin again.
    pub(crate) fn clear(&mut self) {
        self.cells.clear();
        self.records.clear();
        self.begin();
    }

    /// The cell, empty if it is of another generation.
    #[inline]
    pub(crate) fn cell(&mut self, granule: usize, generation: u32) -> &mut Cell {
        let cell = &mut self.cells[granule];
        if cell.generation != generation {
            *cell = Cell {
                generation,
                record: 0,
                block: 0,
                write: Epoch::NEVER,
                write_site: Site::default(),
                read: Epoch::NEVER,
                read_site: Site::default(),
                write_mask: 0,
                read_mask: 0,
                write_kind: Kind::Start,
                read_kind: Kind::Start,
            };
        }
        cell
    }

    /// The live block at a granule, plus one; or zero.
    #[inline]
    pub(crate) fn block(&self, granule: usize, generation: u32) -> u32 {
        let cell = &self.cells[granule];
        if cell.generation == generation { cell.block } else { 0 }
    }

    /// A plain read of bytes of one granule.
    #[inline]
    pub(crate) fn plain_read(
        &mut self,
        touch: Touch<'_>,
        granule: usize,
        mask: u8,
    ) -> Result<(), Box<Finding>> {
        let epoch = touch.now.epoch(touch.thread);
        let cell = self.cell(granule, touch.generation);
        if cell.read == epoch && mask & !cell.read_mask == 0 && cell.record == 0 {
            return Ok(());
        }
        if !touch.now.covers(cell.write) && cell.write_mask & mask != 0 {
            return Err(cell.write_race(touch.access, granule));
        }
        if cell.record == 0 {
            if touch.now.covers(cell.read) {
                cell.read_mask = if cell.read == epoch { cell.read_mask | mask } else { mask };
                cell.read = epoch;
                cell.read_site = Site::new(touch.access.site);
                cell.read_kind = touch.access.kind;
                return Ok(());
            }
            self.record_of(granule);
        }
        let index = self.cells[granule].record;
        let record = &mut self.records[index as usize];
        if !touch.now.covers_all(&record.writes) {
            return Err(record.atomic_write_race(touch, granule));
        }
        record.note_plain_read(touch, mask);
        Ok(())
    }

    /// A plain write of bytes of one granule.
    #[inline]
    pub(crate) fn plain_write(
        &mut self,
        touch: Touch<'_>,
        granule: usize,
        mask: u8,
    ) -> Result<(), Box<Finding>> {
        let epoch = touch.now.epoch(touch.thread);
        let cell = self.cell(granule, touch.generation);
        if !touch.now.covers(cell.write) && cell.write_mask & mask != 0 {
            return Err(cell.write_race(touch.access, granule));
        }
        if !touch.now.covers(cell.read) && cell.read_mask & mask != 0 {
            return Err(cell.read_race(touch.access, granule));
        }
        cell.write_mask = if cell.write == epoch { cell.write_mask | mask } else { mask };
        cell.write = epoch;
        cell.write_site = Site::new(touch.access.site);
        cell.write_kind = touch.access.kind;
        if touch.now.covers(cell.read) {
            cell.read = Epoch::NEVER;
        }
        if cell.record != 0 {
            let index = cell.record;
            self.records[index as usize].check_plain_write(touch, granule, mask)?;
            self.unlink_record(granule, index);
        }
        Ok(())
    }

    /// A plain read or write of all of an aligned 8-byte word in the usual case: no record, and what is known of both halves
    /// happened before. The same as one access to each half, which the caller makes where this is `false`.
    #[inline(always)]
    pub(crate) fn plain_both(&mut self, touch: Touch<'_>, granule: usize, writes: bool) -> bool {
        let Touch { thread, now, access, generation } = touch;
        let epoch = now.epoch(thread);
        let halves = &mut self.cells[granule..granule + 2];
        let quiet = halves.iter().all(|half| {
            half.generation == generation
                && half.record == 0
                && now.covers(half.write)
                && now.covers(half.read)
        });
        if !quiet {
            return false;
        }
        for half in halves {
            if writes {
                half.write_mask = 0xf;
                half.write = epoch;
                half.write_site = Site::new(access.site);
                half.write_kind = access.kind;
                half.read = Epoch::NEVER;
            } else if half.read != epoch || half.read_mask != 0xf {
                half.read_mask = 0xf;
                half.read = epoch;
                half.read_site = Site::new(access.site);
                half.read_kind = access.kind;
            }
        }
        true
    }

    /// An atomic access to one granule; the record is then in place. Returns its number.
    #[inline(always)]
    pub(crate) fn atomic(
        &mut self,
        touch: Touch<'_>,
        granule: usize,
        writes: bool,
    ) -> Result<u32, Box<Finding>> {
        let cell = self.cell(granule, touch.generation);
        if !touch.now.covers(cell.write) {
            return Err(cell.write_race(touch.access, granule));
        }
        if writes && !touch.now.covers(cell.read) {
            return Err(cell.read_race(touch.access, granule));
        }
        let index = if cell.record != 0 { cell.record } else { self.record_of(granule) };
        let record = &mut self.records[index as usize];
        let clock = touch.now.get(touch.thread);
        if writes {
            if !touch.now.covers_all(&record.plain_reads) {
                record.check_plain_reads(touch, granule, u8::MAX)?;
            }
            record.writes.set(touch.thread, clock);
            record.write_sites[touch.thread] = Site::new(touch.access.site);
            record.write_kinds[touch.thread] = touch.access.kind;
        } else {
            record.reads.set(touch.thread, clock);
            record.read_sites[touch.thread] = Site::new(touch.access.site);
        }
        Ok(index)
    }

    /// What the last atomic writes to a word released.
    #[inline]
    pub(crate) fn release_clock(&mut self, record: u32) -> &mut VectorClock {
        &mut self.records[record as usize].release
    }

    /// The record of the word at an offset, which is made if there is none.
    #[inline]
    pub(crate) fn record_at(&mut self, offset: usize, generation: u32) -> u32 {
        let granule = offset >> GRANULE_SHIFT;
        match self.cell(granule, generation).record {
            0 => self.record_of(granule),
            record => record,
        }
    }

    /// How many stores the weak memory model remembers of a word.
    #[inline]
    pub(crate) fn stores(&mut self, record: u32) -> &mut u32 {
        &mut self.records[record as usize].stores
    }

    /// The same atomic access to the upper half of an 8-byte word, whose lower half has this record: the halves then
    /// share it, unless the upper one has been used on its own.
    #[inline(always)]
    pub(crate) fn atomic_upper(
        &mut self,
        touch: Touch<'_>,
        granule: usize,
        writes: bool,
        record: u32,
    ) -> Result<(), Box<Finding>> {
        let cell = self.cell(granule, touch.generation);
        if cell.record != record {
            if cell.record != 0 {
                return self.atomic_alone(touch, granule, writes);
            }
            cell.record = record;
        }
        if !touch.now.covers(cell.write) {
            return Err(cell.write_race(touch.access, granule));
        }
        if writes && !touch.now.covers(cell.read) {
            return Err(cell.read_race(touch.access, granule));
        }
        Ok(())
    }

    #[cold]
    fn atomic_alone(
        &mut self,
        touch: Touch<'_>,
        granule: usize,
        writes: bool,
    ) -> Result<(), Box<Finding>> {
        self.atomic(touch, granule, writes).map(drop)
    }

    /// A new record for a cell, which begins with what the cell knows of plain reads.
    #[inline(never)]
    fn record_of(&mut self, granule: usize) -> u32 {
        let index = if self.records_free != 0 {
            let index = self.records_free;
            self.records_free = self.records[index as usize].release.get(0);
            index
        } else {
            let index = self.records_used;
            assert!(
                (index as usize) < RECORDS_MAX,
                "a run uses fewer than 16 million shared words"
            );
            self.records_used += 1;
            index
        };
        let cell = &mut self.cells[granule];
        cell.record = index;
        let record = &mut self.records[index as usize];
        record.release = VectorClock::ZERO;
        record.writes = VectorClock::ZERO;
        record.reads = VectorClock::ZERO;
        record.plain_reads = VectorClock::ZERO;
        record.stores = 0;
        index
    }

    /// Shows every moment that a granule remembers: how many granules it is about, in which of their memories, for which
    /// bytes, whose, when. A record that two granules share is shown with the lower one.
    pub(crate) fn moments(
        &self,
        granule: usize,
        generation: u32,
        see: &mut impl FnMut(u32, Trail, u8, ThreadId, u32),
    ) {
        let cell = &self.cells[granule];
        if cell.generation != generation {
            return;
        }
        see(1, Trail::Write, cell.write_mask, cell.write.thread(), cell.write.clock());
        see(1, Trail::Read, cell.read_mask, cell.read.thread(), cell.read.clock());
        let sibling = &self.cells[granule ^ 1];
        let shared = sibling.generation == generation && sibling.record == cell.record;
        if cell.record == 0 || shared && granule & 1 == 1 {
            return;
        }
        let count = 1 + u32::from(shared);
        let record = &self.records[cell.record as usize];
        for thread in 0..THREADS_MAX {
            see(count, Trail::Release, 0, thread, record.release.get(thread));
            see(count, Trail::SharedWrites, 0, thread, record.writes.get(thread));
            see(count, Trail::SharedReads, 0, thread, record.reads.get(thread));
            let mask = record.plain_read_masks[thread] | 0x80;
            see(count, Trail::Read, mask, thread, record.plain_reads.get(thread));
        }
    }

    /// The record of a granule, and how many stores the weak memory model remembers there.
    pub(crate) fn record_of_use(&self, granule: usize, generation: u32) -> Option<(u32, u32)> {
        let cell = &self.cells[granule];
        let used = cell.generation == generation && generation != 0 && cell.record != 0;
        used.then(|| (cell.record, self.records[cell.record as usize].stores))
    }

    /// The record of a granule, how many granules have it, and how many stores the weak memory model remembers; of two
    /// granules that share one, the lower has it.
    pub(crate) fn remembered(&self, granule: usize, generation: u32) -> Option<(u32, u32, u32)> {
        let cell = &self.cells[granule];
        if cell.generation != generation || cell.record == 0 {
            return None;
        }
        let sibling = &self.cells[granule ^ 1];
        let shared = sibling.generation == generation && sibling.record == cell.record;
        let stores = self.records[cell.record as usize].stores;
        (stores != 0 && !(shared && granule & 1 == 1)).then_some((
            cell.record,
            1 + u32::from(shared),
            stores,
        ))
    }

    /// The shadow of some granules, of pages of this generation. Cells of another one are empty, whatever stands in them:
    /// the record that they name is somebody else's.
    pub(crate) fn image(&self, granules: std::ops::Range<usize>, generation: u32) -> ShadowImage {
        let cells: Box<[Cell]> = self.cells[granules].into();
        let mut records: Vec<(u32, Record)> = Vec::new();
        for cell in &cells {
            let known = records.last().is_some_and(|(index, _)| *index == cell.record);
            if cell.generation == generation && cell.record != 0 && !known {
                records.push((cell.record, self.records[cell.record as usize]));
            }
        }
        ShadowImage { cells, records }
    }

    /// Puts the shadow of granules back, or empties it.
    pub(crate) fn put_back(
        &mut self,
        granules: std::ops::Range<usize>,
        image: Option<&ShadowImage>,
    ) {
        match image {
            None => {
                let used = self.cells[granules].iter_mut().filter(|cell| cell.generation != 0);
                used.for_each(|cell| cell.generation = 0);
            }
            Some(image) => {
                self.cells[granules].copy_from_slice(&image.cells);
                for (index, record) in &image.records {
                    self.records[*index as usize] = *record;
                }
            }
        }
    }

    /// How many records are handed out.
    pub(crate) fn records_used(&self) -> u32 {
        self.records_used
    }

    /// Puts that number back; the records behind it are nobody's.
    pub(crate) fn put_back_records_used(&mut self, used: u32) {
        self.records_used = used;
    }

    fn unlink_record(&mut self, granule: usize, index: u32) {
        self.cells[granule].record = 0;
        let sibling = &self.cells[granule ^ 1];
        if sibling.generation != self.cells[granule].generation || sibling.record != index {
            if self.keep_records {
                return;
            }
            let free = self.records_free;
            self.records[index as usize].release.set(0, free);
            self.records_free = index;
        } else {
            self.records[index as usize].stores = 0;
        }
    }
}

impl Cell {
    #[cold]
    fn write_race(&self, access: &Access, granule: usize) -> Box<Finding> {
        race(access, self.write, self.write_kind, self.write_site, granule)
    }

    #[cold]
    fn read_race(&self, access: &Access, granule: usize) -> Box<Finding> {
        race(access, self.read, self.read_kind, self.read_site, granule)
    }
}

impl Record {
    fn note_plain_read(&mut self, touch: Touch<'_>, mask: u8) {
        let thread = touch.thread;
        let clock = touch.now.get(thread);
        if self.plain_reads.get(thread) == clock {
            self.plain_read_masks[thread] |= mask;
        } else {
            self.plain_reads.set(thread, clock);
            self.plain_read_masks[thread] = mask;
        }
        self.plain_read_sites[thread] = Site::new(touch.access.site);
        self.plain_read_kinds[thread] = touch.access.kind;
    }

    fn check_plain_write(
        &self,
        touch: Touch<'_>,
        granule: usize,
        mask: u8,
    ) -> Result<(), Box<Finding>> {
        if !touch.now.covers_all(&self.writes) {
            return Err(self.atomic_write_race(touch, granule));
        }
        if let Some(thread) = touch.now.first_beyond(&self.reads) {
            let epoch = self.reads.epoch(thread);
            let site = self.read_sites[thread];
            return Err(race(touch.access, epoch, Kind::Load, site, granule));
        }
        self.check_plain_reads(touch, granule, mask)
    }

    fn check_plain_reads(
        &self,
        touch: Touch<'_>,
        granule: usize,
        mask: u8,
    ) -> Result<(), Box<Finding>> {
        for thread in 0..THREADS_MAX {
            let beyond = self.plain_reads.get(thread) > touch.now.get(thread);
            if beyond && self.plain_read_masks[thread] & mask != 0 {
                let epoch = self.plain_reads.epoch(thread);
                let site = self.plain_read_sites[thread];
                let kind = self.plain_read_kinds[thread];
                return Err(race(touch.access, epoch, kind, site, granule));
            }
        }
        Ok(())
    }

    #[cold]
    fn atomic_write_race(&self, touch: Touch<'_>, granule: usize) -> Box<Finding> {
        let thread = touch.now.first_beyond(&self.writes).unwrap_or(touch.thread);
        let epoch = self.writes.epoch(thread);
        race(touch.access, epoch, self.write_kinds[thread], self.write_sites[thread], granule)
    }
}

#[cold]
fn race(access: &Access, epoch: Epoch, kind: Kind, site: Site, granule: usize) -> Box<Finding> {
    let offset = granule << GRANULE_SHIFT;
    let other = OtherAccess { thread: epoch.thread(), kind, site: site.location(), offset };
    let what = format!(
        "{} at {:#x} by {} is not ordered with the {} by thread {} at {}",
        access.kind.name(),
        access.offset,
        access.site,
        kind.name(),
        other.thread,
        other.site
    );
    Finding::about(oracle::DATA_RACE, what, other)
}
