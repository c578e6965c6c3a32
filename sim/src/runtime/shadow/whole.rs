//! Whole pages: what is known of a page of which no granule was used on its own.
//!
//! A block of half a megabyte is cleared, copied or compared a page at a time, and most of its
//! pages see nothing else. One cell then stands for all granules of such a page. The first access
//! to a part of the page takes it apart: each cell begins as a copy of the page's. A write of the
//! whole page that passed its checks puts it together again (invariant 2 of the shadow: its
//! granules know the write and nothing else).
//!
//! Searches that look at each granule's memory do not use this: in them no page's cell ever knows
//! anything.

use super::super::buffer::Zeroable;
use super::super::site::SiteNumber;
use super::super::violation::Finding;
use super::{Cell, Shadow, Touch};

/// What is known of a page.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct WholePage {
    /// What each granule without a cell of its own knows. Of another generation than the page's, it
    /// is empty.
    cell: Cell,
    /// Some granules have cells of their own.
    in_pieces: bool,
}

// SAFETY: [buffer 3] a cell and a flag.
unsafe impl Zeroable for WholePage {}

impl Shadow {
    /// The first cell of a granule in this generation, which takes its page apart.
    #[inline(never)]
    pub(super) fn piece_of_page(&mut self, granule: usize, generation: u32) -> Cell {
        let page = &mut self.pages[granule >> self.page_shift];
        if page.cell.generation != generation {
            page.cell = Cell::empty(generation);
        }
        page.in_pieces = true;
        page.cell
    }

    /// A plain read or write of a whole page, if it is in one piece and one cell can remember the
    /// access; else `false`: then the caller makes one access to each granule.
    pub(crate) fn whole_page(
        &mut self,
        touch: Touch<'_>,
        index: usize,
        writes: bool,
    ) -> Result<bool, Box<Finding>> {
        let Touch { thread, now, access, generation } = touch;
        let page = &mut self.pages[index];
        if page.cell.generation != generation {
            *page = WholePage { cell: Cell::empty(generation), in_pieces: false };
        }
        if page.in_pieces {
            return Ok(false);
        }
        let cell = &mut page.cell;
        if !now.covers(cell.write) {
            return Err(cell.write_race(access, index << self.page_shift));
        }
        match (writes, now.covers(cell.read)) {
            (true, true) => *cell = Cell::written(touch),
            (true, false) => return Err(cell.read_race(access, index << self.page_shift)),
            (false, true) => {
                cell.read = now.epoch(thread);
                cell.read_mask = 0xf;
                cell.read_site = SiteNumber::new(access.site);
                cell.read_kind = access.kind;
            }
            // Unordered reads of two threads need a record.
            (false, false) => return Ok(false),
        }
        Ok(true)
    }

    /// Puts a page together that was just written as a whole, granule by granule, with all checks
    /// passed. It has a new generation.
    pub(crate) fn put_together(&mut self, touch: Touch<'_>, index: usize) {
        self.pages[index] = WholePage { cell: Cell::written(touch), in_pieces: false };
    }
}

impl Cell {
    /// What is known behind a write that came after everything.
    fn written(touch: Touch<'_>) -> Cell {
        Cell {
            write: touch.now.epoch(touch.thread),
            write_mask: 0xf,
            write_site: SiteNumber::new(touch.access.site),
            write_kind: touch.access.kind,
            ..Cell::empty(touch.generation)
        }
    }
}
