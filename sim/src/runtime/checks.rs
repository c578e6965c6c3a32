//! Checks: the oracles that look at every access.
//!
//! In this order: inside the arena, aligned, on a committed page whose last change happened before,
//! in no block that the program holds, and in no race.

use super::access::Access;
use super::engine::Engine;
use super::oracle;
use super::shadow::{GRANULE_SHIFT, Touch};
use super::violation::Finding;

impl Engine {
    /// Checks the place of an operation on a shared word of 4 or 8 bytes; returns the generation of
    /// its page.
    #[inline(always)]
    pub(crate) fn check_atomic<const BYTES: usize>(
        &mut self,
        access: &Access,
        offset: usize,
    ) -> Result<u32, Box<Finding>> {
        if !offset.is_multiple_of(BYTES) {
            return Err(self.misaligned(access));
        }
        let generation = self.check_page(access, offset)?;
        let granule = offset >> GRANULE_SHIFT;
        let mark = self.shadow.block(granule, generation)
            | if BYTES == 8 { self.shadow.block(granule + 1, generation) } else { 0 };
        if mark != 0 {
            return Err(self.in_live_block(access, mark));
        }
        Ok(generation)
    }

    /// Checks an operation on a shared word of 4 or 8 bytes for races; returns the record of the
    /// word.
    #[inline(always)]
    pub(crate) fn race_atomic<const BYTES: usize>(
        &mut self,
        access: &Access,
        offset: usize,
        generation: u32,
        writes: bool,
    ) -> Result<u32, Box<Finding>> {
        let thread = self.control.current;
        let touch = Touch { thread, now: &self.clocks[thread].now, access, generation };
        let granule = offset >> GRANULE_SHIFT;
        let record = self.shadow.atomic(touch, granule, writes)?;
        if BYTES == 8 {
            self.shadow.atomic_upper(touch, granule + 1, writes, record)?;
        }
        Ok(record)
    }

    /// Checks a plain access of any size by the allocator, or, with nothing of the program's there,
    /// by the program.
    #[inline]
    pub(crate) fn check_plain(
        &mut self,
        access: &Access,
        writes: bool,
    ) -> Result<(), Box<Finding>> {
        let end = access.offset.wrapping_add(access.bytes);
        if !self.arena.contains(access.offset, access.bytes) {
            return Err(self.foreign(access));
        }
        let thread = self.control.current;
        let mut offset = access.offset;
        if access.bytes == 8 && offset.is_multiple_of(8) {
            return self.check_plain_word(access, writes);
        }
        while offset < end {
            let generation = self.check_page(access, offset)?;
            let page = offset >> self.pages.shift;
            let page_end = end.min((page + 1) << self.pages.shift);
            if writes {
                self.pages.mark_dirty(page);
            }
            let mut touch = Touch { thread, now: &self.clocks[thread].now, access, generation };
            let whole = page_end - offset == 1 << self.pages.shift && !self.stepwise;
            if whole && self.shadow.whole_page(touch, page, writes)? {
                offset = page_end;
                continue;
            }
            while offset < page_end {
                let granule = offset >> GRANULE_SHIFT;
                let next = page_end.min((granule + 1) << GRANULE_SHIFT);
                let mask = (0xf_u8 >> (4 - (next - offset))) << (offset & 3);
                let mark = self.shadow.block(granule, generation);
                if mark != 0 {
                    return Err(self.in_live_block(access, mark));
                }
                if writes {
                    self.shadow.plain_write(touch, granule, mask)?;
                } else {
                    self.shadow.plain_read(touch, granule, mask)?;
                }
                offset = next;
            }
            if whole && writes {
                touch.generation = self.pages.renew(page);
                self.shadow.put_together(touch, page);
            }
        }
        Ok(())
    }

    /// The same for an aligned word of 8 bytes in the arena, which are most: it lies on one page,
    /// in two granules.
    #[inline(always)]
    fn check_plain_word(&mut self, access: &Access, writes: bool) -> Result<(), Box<Finding>> {
        let (thread, offset) = (self.control.current, access.offset);
        let generation = self.check_page(access, offset)?;
        let granule = offset >> GRANULE_SHIFT;
        if writes {
            self.pages.mark_dirty(offset >> self.pages.shift);
        }
        let mark =
            self.shadow.block(granule, generation) | self.shadow.block(granule + 1, generation);
        if mark != 0 {
            return Err(self.in_live_block(access, mark));
        }
        let touch = Touch { thread, now: &self.clocks[thread].now, access, generation };
        if self.shadow.plain_both(touch, granule, writes) {
            return Ok(());
        }
        if writes {
            self.shadow.plain_write(touch, granule, 0xf)?;
            self.shadow.plain_write(touch, granule + 1, 0xf)
        } else {
            self.shadow.plain_read(touch, granule, 0xf)?;
            self.shadow.plain_read(touch, granule + 1, 0xf)
        }
    }

    /// Checks the page at an offset and notes the access there; returns its generation.
    #[inline(always)]
    fn check_page(&mut self, access: &Access, offset: usize) -> Result<u32, Box<Finding>> {
        if !self.arena.contains(offset, 1) {
            return Err(self.foreign(access));
        }
        let thread = self.control.current;
        let now = &self.clocks[thread].now;
        let index = offset >> self.pages.shift;
        let page = self.pages.at(index);
        let (generation, block) = (page.generation, page.block);
        let ordered = now.covers(page.change);
        page.accesses.set(thread, now.get(thread));
        if generation == 0 {
            return Err(self.released(access, offset));
        }
        if !ordered {
            return Err(self.changed_page(access, index));
        }
        if block != 0 {
            return Err(self.in_live_block(access, block));
        }
        Ok(generation)
    }

    /// Whether an address lies in the first pages of the address space, the mark of a null pointer.
    #[cold]
    fn foreign(&self, access: &Access) -> Box<Finding> {
        let address = self.arena.base.wrapping_add(access.offset);
        let place = if address < 1 << 16 {
            format!("{address:#x} bytes from a null pointer")
        } else if access.offset < usize::MAX / 2 {
            "behind the arena's end".to_owned()
        } else {
            "in front of the arena".to_owned()
        };
        Finding::new(oracle::FOREIGN_ACCESS, format!("{} {place}", access.kind.name()))
    }

    #[cold]
    fn released(&self, access: &Access, offset: usize) -> Box<Finding> {
        Finding::new(
            oracle::RELEASED_MEMORY,
            format!(
                "{} at {:#x}, where the page is {}",
                access.kind.name(),
                access.offset,
                self.pages.state_name(offset)
            ),
        )
    }

    #[cold]
    fn changed_page(&self, access: &Access, index: usize) -> Box<Finding> {
        let other = self.pages.changer(index);
        let what = format!(
            "{} at {:#x} is not ordered with the {} of its page by thread {} at {}",
            access.kind.name(),
            access.offset,
            other.kind.name(),
            other.thread,
            other.site
        );
        Finding::about(oracle::DATA_RACE, what, other)
    }

    #[cold]
    fn in_live_block(&self, access: &Access, mark: u32) -> Box<Finding> {
        let block = self.blocks.get(mark);
        Finding::new(
            oracle::LIVE_BLOCK,
            format!(
                "{} at {:#x}, in the block of {} bytes at {:#x} that thread {} received and holds",
                access.kind.name(),
                access.offset,
                block.bytes,
                block.offset,
                block.thread
            ),
        )
    }

    #[cold]
    fn misaligned(&self, access: &Access) -> Box<Finding> {
        if !self.arena.contains(access.offset, 1) {
            // Its offset would say where the arena lies.
            return self.foreign(access);
        }
        Finding::new(
            oracle::ALIGNMENT,
            format!(
                "{} of {} bytes at {:#x}, which is not aligned",
                access.kind.name(),
                access.bytes,
                access.offset
            ),
        )
    }
}
