//! Blocks: what the program holds, and what it wrote there.
//!
//! While a block is live, only the program touches it. Every word of it is marked: words of pages
//! that the block covers whole, by the page; the others by their shadow cells. The program fills a
//! block with a pattern that depends on the block's place and finds it again when it returns the
//! block; of blocks above [`FILLED_WHOLE_MAX`] only the first and last [`FILLED_END`] bytes. No two
//! live blocks have the same pattern, since no two have the same place; and the order in which
//! blocks were handed out leaves no trace in memory, so that equal states look equal.
//!
//! A program may also leave a block as it got it, or write half of it, and copy bytes from one
//! block to another, as real ones do with padding and with what they have not initialised. What is
//! in such a block nobody foretells: but it must stay what it was when the program looked last, and
//! the block has the sum of that.

use std::io;
use std::ops::Range;

use super::access::ThreadId;
use super::buffer::{Buffer, Zeroable};

/// The largest block that is filled whole.
pub(super) const FILLED_WHOLE_MAX: usize = 1024;
/// How many bytes at each end of a larger block are filled.
pub(super) const FILLED_END: usize = 256;
const BLOCKS_MAX: usize = 1 << 24;

/// A block that the program holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// Where it begins.
    pub offset: usize,
    /// How many bytes the program asked for.
    pub bytes: usize,
    /// The number of the block in this run, counted from one; zero if the entry is free.
    pub serial: u32,
    /// Who received it.
    pub thread: u32,
    /// Zero if it holds its pattern; else the sum of what the program saw in it last.
    pub sum: u64,
}

// SAFETY: [buffer 3] integers.
unsafe impl Zeroable for Block {}

/// How much of a block the program writes when it gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// All of it.
    All,
    /// Every other word.
    Half,
    /// Nothing.
    Nothing,
}

/// What a block was filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    seed: u32,
    bytes: usize,
    /// Of a block that does not hold its pattern: the sum of the bytes that are kept; else zero.
    pub(crate) sum: u64,
    /// The sum of all of them.
    whole: u64,
}

/// The table of live blocks.
pub(crate) struct Blocks {
    table: Buffer<Block>,
    used: u32,
    free: u32,
    serial: u32,
    pub(crate) count: u32,
}

/// A copy of the table of live blocks.
#[derive(Debug)]
pub(crate) struct BlocksImage {
    table: Box<[Block]>,
    free: u32,
    serial: u32,
    count: u32,
}

impl Blocks {
    pub(crate) fn new() -> io::Result<Blocks> {
        Ok(Blocks { table: Buffer::new(BLOCKS_MAX)?, used: 0, free: 0, serial: 0, count: 0 })
    }

    pub(crate) fn begin(&mut self) {
        self.used = 0;
        self.free = 0;
        self.serial = 0;
        self.count = 0;
    }

    /// Enters a block; returns its place plus one.
    pub(crate) fn add(&mut self, offset: usize, bytes: usize, thread: ThreadId) -> u32 {
        let place = if self.free != 0 {
            let place = self.free - 1;
            self.free = self.table[place as usize].thread;
            place
        } else {
            assert!((self.used as usize) < BLOCKS_MAX, "fewer than 16 million blocks are live");
            self.used += 1;
            self.used - 1
        };
        self.serial += 1;
        self.count += 1;
        self.table[place as usize] =
            Block { offset, bytes, serial: self.serial, thread: thread as u32, sum: 0 };
        place + 1
    }

    /// What the program saw in a block last.
    pub(crate) fn set_sum(&mut self, mark: u32, sum: u64) {
        self.table[mark as usize - 1].sum = sum;
    }

    /// Takes a block out.
    pub(crate) fn remove(&mut self, mark: u32) {
        let block = &mut self.table[mark as usize - 1];
        block.serial = 0;
        block.thread = self.free;
        self.free = mark;
        self.count -= 1;
    }

    /// The block with this mark.
    pub(crate) fn get(&self, mark: u32) -> Block {
        self.table[mark as usize - 1]
    }

    /// A copy of the table.
    pub(crate) fn image(&self) -> BlocksImage {
        let table = self.table[..self.used as usize].into();
        BlocksImage { table, free: self.free, serial: self.serial, count: self.count }
    }

    /// Puts the table back.
    pub(crate) fn put_back(&mut self, image: &BlocksImage) {
        self.used = image.table.len() as u32;
        self.table[..image.table.len()].copy_from_slice(&image.table);
        (self.free, self.serial, self.count) = (image.free, image.serial, image.count);
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &Block> {
        self.table[..self.used as usize].iter().filter(|block| block.serial != 0)
    }
}

impl Block {
    /// What the block was filled with.
    pub fn pattern(&self) -> Pattern {
        Pattern::new(self.offset, self.bytes)
    }
}

impl Pattern {
    pub(crate) fn new(offset: usize, bytes: usize) -> Pattern {
        Pattern { seed: (offset as u32).wrapping_add(1), bytes, sum: 0, whole: 0 }
    }

    /// Of a block that does not hold it: with the sum of the bytes that are kept, and that of all.
    pub(crate) fn with_sums(self, sum: u64, whole: u64) -> Pattern {
        Pattern { sum, whole, ..self }
    }

    /// If all bytes are kept after all.
    pub fn whole(&self) -> Pattern {
        Pattern { sum: self.whole, ..*self }
    }

    /// How many bytes the block had.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The parts of the block that are filled, relative to its beginning.
    pub(crate) fn parts(&self) -> [Range<usize>; 2] {
        if self.bytes <= FILLED_WHOLE_MAX {
            [0..self.bytes, 0..0]
        } else {
            [0..FILLED_END, self.bytes - FILLED_END..self.bytes]
        }
    }

    /// The same, as far as the first `kept` bytes of the block go.
    pub(crate) fn parts_of(&self, kept: usize) -> [Range<usize>; 2] {
        self.parts().map(|part| part.start..part.end.min(kept).max(part.start))
    }

    /// How many bytes at its beginning a program may copy from and to.
    pub(crate) fn head(&self) -> usize {
        self.parts()[0].end
    }

    /// The byte at a place of the block.
    #[inline]
    pub(crate) fn byte(&self, place: usize) -> u8 {
        let word = self.word(place / 4);
        (word >> (place % 4 * 8)) as u8
    }

    #[inline]
    fn word(&self, index: usize) -> u32 {
        (self.seed.wrapping_mul(0x9e37_79b9) ^ (index as u32).wrapping_mul(0x85eb_ca6b))
            | 0x0101_0101
    }
}
