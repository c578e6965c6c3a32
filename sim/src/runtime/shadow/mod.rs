//! Shadow: who touched each word last, and data races.
//!
//! Each granule of 4 bytes has a [`Cell`]. It keeps the last plain write and the last plain read as
//! epochs; when reads of several threads are unordered, or when the granule is used atomically, a
//! [`Record`] keeps one moment for each thread. An 8-byte access works on two cells, which share a
//! record if they are used together.
//!
//! Invariants:
//!
//! 1. A cell with another generation than its page is empty.
//! 2. A plain write that passed its checks comes after everything that the cell knew: it then knows
//!    only the write.
//! 3. A record belongs to one cell, or to the two cells of one aligned 8-byte word.
//!
//! A read or write of a whole page is known in one place, for as long as no granule of the page is
//! used on its own; see [`whole`].
//!
//! Accesses of less than 4 bytes carry a mask of their bytes, so that neighbours do not race. A
//! cell remembers one plain write: of two unordered writes to different bytes of a granule the
//! earlier one is forgotten.
//!
//! The sketch follows FastTrack (Flanagan and Freund 2009) and the layout of ThreadSanitizer's
//! shadow words.

use std::io;

use super::access::{Access, Kind, ThreadId};
use super::buffer::{Buffer, Zeroable};
use super::clock::{Epoch, VectorClock};
use super::site::SiteNumber;
use super::violation::{Finding, OtherAccess};
use crate::runtime::oracle;

mod image;
mod record;
mod whole;

pub(crate) use image::ShadowImage;
use record::Record;
use whole::WholePage;

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
    write_site: SiteNumber,
    read: Epoch,
    read_site: SiteNumber,
    write_mask: u8,
    read_mask: u8,
    write_kind: Kind,
    read_kind: Kind,
}

// SAFETY: [buffer 3] integers and kinds.
unsafe impl Zeroable for Cell {}

const _: () = assert!(size_of::<Cell>() == 32);

/// The shadow of an arena.
pub(crate) struct Shadow {
    cells: Buffer<Cell>,
    pages: Buffer<WholePage>,
    /// log2 of the granules of a page.
    page_shift: u32,
    records: Buffer<Record>,
    /// Records handed out, the first of which (number zero) is never used.
    records_used: u32,
    /// Records given back: a list through `release`.
    records_free: u32,
    /// Records are never used again: then a record's content belongs to the page of its cell, as a
    /// search needs it.
    pub(crate) keep_records: bool,
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
    pub(crate) fn new(arena_bytes: usize, page_size: usize) -> io::Result<Shadow> {
        Ok(Shadow {
            cells: Buffer::new(arena_bytes >> GRANULE_SHIFT)?,
            pages: Buffer::new(arena_bytes / page_size)?,
            page_shift: page_size.trailing_zeros() - GRANULE_SHIFT,
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
        self.pages.clear();
        self.records.clear();
        self.begin();
    }

    /// The cell, which knows no more than its page does if it is of another generation.
    #[inline]
    pub(crate) fn cell(&mut self, granule: usize, generation: u32) -> &mut Cell {
        if self.cells[granule].generation != generation {
            self.cells[granule] = self.piece_of_page(granule, generation);
        }
        &mut self.cells[granule]
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
                cell.read_site = SiteNumber::new(touch.access.site);
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
        cell.write_site = SiteNumber::new(touch.access.site);
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

    /// A plain read or write of all of an aligned 8-byte word in the usual case: no record, and
    /// what is known of both halves happened before. The same as one access to each half, which the
    /// caller makes where this is `false`.
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
                half.write_site = SiteNumber::new(access.site);
                half.write_kind = access.kind;
                half.read = Epoch::NEVER;
            } else if half.read != epoch || half.read_mask != 0xf {
                half.read_mask = 0xf;
                half.read = epoch;
                half.read_site = SiteNumber::new(access.site);
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
            record.write_sites[touch.thread] = SiteNumber::new(touch.access.site);
            record.write_kinds[touch.thread] = touch.access.kind;
        } else {
            record.reads.set(touch.thread, clock);
            record.read_sites[touch.thread] = SiteNumber::new(touch.access.site);
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

    /// The same atomic access to the upper half of an 8-byte word, whose lower half has this
    /// record: the halves then share it, unless the upper one has been used on its own.
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
    /// A cell that knows nothing.
    fn empty(generation: u32) -> Cell {
        Cell {
            generation,
            record: 0,
            block: 0,
            write: Epoch::NEVER,
            write_site: SiteNumber::default(),
            read: Epoch::NEVER,
            read_site: SiteNumber::default(),
            write_mask: 0,
            read_mask: 0,
            write_kind: Kind::Start,
            read_kind: Kind::Start,
        }
    }

    #[cold]
    fn write_race(&self, access: &Access, granule: usize) -> Box<Finding> {
        race(access, self.write, self.write_kind, self.write_site, granule)
    }

    #[cold]
    fn read_race(&self, access: &Access, granule: usize) -> Box<Finding> {
        race(access, self.read, self.read_kind, self.read_site, granule)
    }
}

#[cold]
fn race(
    access: &Access,
    epoch: Epoch,
    kind: Kind,
    site: SiteNumber,
    granule: usize,
) -> Box<Finding> {
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
