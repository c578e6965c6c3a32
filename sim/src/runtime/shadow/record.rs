//! Records: words that threads share.

use super::super::access::{Kind, THREADS_MAX};
use super::super::buffer::Zeroable;
use super::super::clock::VectorClock;
use super::super::site::SiteNumber;
use super::super::violation::Finding;
use super::{Touch, race};

/// The moments of each thread at a word, and what its last atomic writes released.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Record {
    pub(crate) release: VectorClock,
    pub(super) writes: VectorClock,
    pub(super) reads: VectorClock,
    pub(super) plain_reads: VectorClock,
    pub(super) write_sites: [SiteNumber; THREADS_MAX],
    pub(super) read_sites: [SiteNumber; THREADS_MAX],
    pub(super) plain_read_sites: [SiteNumber; THREADS_MAX],
    pub(super) write_kinds: [Kind; THREADS_MAX],
    pub(super) plain_read_kinds: [Kind; THREADS_MAX],
    pub(super) plain_read_masks: [u8; THREADS_MAX],
    /// How many stores the weak memory model remembers; zero after the word was written by other
    /// means.
    pub(super) stores: u32,
}

const _: () = assert!(size_of::<Record>() == 256);

// SAFETY: [buffer 3] integers and kinds.
unsafe impl Zeroable for Record {}

impl Record {
    pub(super) fn note_plain_read(&mut self, touch: Touch<'_>, mask: u8) {
        let thread = touch.thread;
        let clock = touch.now.get(thread);
        if self.plain_reads.get(thread) == clock {
            self.plain_read_masks[thread] |= mask;
        } else {
            self.plain_reads.set(thread, clock);
            self.plain_read_masks[thread] = mask;
        }
        self.plain_read_sites[thread] = SiteNumber::new(touch.access.site);
        self.plain_read_kinds[thread] = touch.access.kind;
    }

    pub(super) fn check_plain_write(
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

    pub(super) fn check_plain_reads(
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
    pub(super) fn atomic_write_race(&self, touch: Touch<'_>, granule: usize) -> Box<Finding> {
        let thread = touch.now.first_beyond(&self.writes).unwrap_or(touch.thread);
        let epoch = self.writes.epoch(thread);
        race(touch.access, epoch, self.write_kinds[thread], self.write_sites[thread], granule)
    }
}
