//! Images: what a search keeps of the shadow, and what it sees in it.

use std::ops::Range;

use super::super::access::{THREADS_MAX, ThreadId};
use super::super::stepwise::order_hash::Trail;
use super::record::Record;
use super::{Cell, Shadow};

/// A copy of the shadow of some granules. No other granule has these records (invariant 3), as long
/// as records are kept.
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

impl Shadow {
    /// Shows every moment that a granule remembers: how many granules it is about, in which of
    /// their memories, for which bytes, whose, when. A record that two granules share is shown with
    /// the lower one.
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

    /// The record of a granule, how many granules have it, and how many stores the weak memory
    /// model remembers; of two granules that share one, the lower has it.
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

    /// The shadow of some granules, of pages of this generation. Cells of another one are empty,
    /// whatever stands in them: the record that they name is somebody else's.
    pub(crate) fn image(&self, granules: Range<usize>, generation: u32) -> ShadowImage {
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
    pub(crate) fn put_back(&mut self, granules: Range<usize>, image: Option<&ShadowImage>) {
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
}
