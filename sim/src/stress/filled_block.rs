//! A block that a program holds, and what it wrote there.
//!
//! Each block has an identity, and is filled with bytes that follow from it: no two blocks are
//! filled alike. Of blocks above [`WHOLE_MAX`] only both ends and the beginning of each page are
//! filled, so that a large block costs what its pages cost. The record lies outside of the block
//! and travels with it: registers and mailboxes hold the record's address.
//!
//! Invariants:
//! 1. What is touched of a block lies inside: its parts go no further than its size, the words of a
//!    part no further than the part, and a head, from which and to which is copied, is the first
//!    part. Where only the first bytes count, the parts are cut there.
//! 2. In the tests below the memory of each block is a vector of its own, at least as long as the
//!    block, which lives as long as the test.

use std::iter::once;
use std::ops::Range;
use std::ptr;

use super::{StressFinding, oracle};
use crate::program::Written;

/// The largest block that is filled and checked whole.
const WHOLE_MAX: usize = 8192;
/// Bytes at each end of a larger one.
const END: usize = 1024;
const PAGE: usize = 4096;
/// Bytes at the beginning of each page.
const PAGE_HEAD: usize = 16;

/// A block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) address: usize,
    pub(super) size: usize,
    pub(super) align: usize,
    /// The thread of the program that asked for it.
    pub(super) thread: u32,
    /// No two blocks of a round have the same.
    pub(super) identity: u64,
    /// Zero if it is filled; else the sum of what was in it when the program looked last.
    pub(super) sum: u64,
}

impl Held {
    /// As a word for registers and mailboxes.
    pub(super) fn into_word(self) -> usize {
        Box::into_raw(Box::new(self)).expose_provenance()
    }

    /// # Safety
    /// The word came from [`Held::into_word`] and was taken out of its only place.
    pub(super) unsafe fn from_word(word: usize) -> Held {
        // SAFETY: [contract]
        *unsafe { Box::from_raw(ptr::with_exposed_provenance_mut::<Held>(word)) }
    }

    /// # Safety
    /// As [`Held::from_word`], but the word stays where it is, and the caller alone can take it
    /// out.
    pub(super) unsafe fn of_word(word: usize) -> Held {
        // SAFETY: [contract]
        unsafe { *ptr::with_exposed_provenance::<Held>(word) }
    }

    /// Remembers what became of the record with this word.
    ///
    /// # Safety
    /// As [`Held::of_word`].
    pub(super) unsafe fn put_into_word(self, word: usize) {
        // SAFETY: [contract]
        unsafe { *ptr::with_exposed_provenance_mut::<Held>(word) = self };
    }

    fn pointer(&self, place: usize) -> *mut u8 {
        ptr::with_exposed_provenance_mut(self.address + place)
    }

    /// Fills the block.
    ///
    /// # Safety
    /// The block is the caller's.
    pub(super) unsafe fn fill(&self) {
        for part in parts(self.size) {
            for (place, bytes) in words(&part) {
                let (word, to) = (word(self.identity, place), self.pointer(place));
                // SAFETY: [contract, filled_block 1]
                unsafe {
                    match bytes {
                        8 => to.cast::<u64>().write_unaligned(word),
                        _ => to.copy_from_nonoverlapping(word.to_ne_bytes().as_ptr(), bytes),
                    }
                }
            }
        }
    }

    /// Writes so much of the block, and remembers what is in it then.
    ///
    /// # Safety
    /// The block is the caller's.
    pub(super) unsafe fn write(&mut self, written: Written) {
        // SAFETY: [contract]
        unsafe {
            match written {
                Written::All => return self.fill(),
                Written::Half => {
                    for part in parts(self.size) {
                        for (place, bytes) in words(&part).step_by(2) {
                            let word = word(self.identity, place).to_ne_bytes();
                            self.pointer(place).copy_from_nonoverlapping(word.as_ptr(), bytes);
                        }
                    }
                }
                Written::Nothing => {}
            }
            self.sum = self.sum_of(self.size);
        }
    }

    /// How many bytes at its beginning are looked at whole.
    fn head(&self) -> usize {
        if self.size <= WHOLE_MAX { self.size } else { END }
    }

    /// The sum of the first `kept` bytes, as far as they are looked at; never zero.
    ///
    /// # Safety
    /// The block is the caller's, and has that many bytes.
    unsafe fn sum_of(&self, kept: usize) -> u64 {
        let mut sum = 0_u64;
        for part in parts(self.size) {
            for place in part.start..part.end.min(kept) {
                // SAFETY: [contract, filled_block 1]
                let byte = unsafe { self.pointer(place).read() };
                sum = (sum ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
            }
        }
        sum | 1
    }

    /// Whether the block is as the program left it.
    ///
    /// # Safety
    /// The block is the caller's.
    pub(super) unsafe fn check_whole(&self) -> Result<(), StressFinding> {
        // SAFETY: [contract]
        unsafe {
            if self.sum == 0 {
                return self.check(self, self.size);
            }
            self.check_sum(self.sum_of(self.size), self.sum)
        }
    }

    fn check_sum(&self, found: u64, expected: u64) -> Result<(), StressFinding> {
        if found == expected {
            return Ok(());
        }
        let what = format!(
            "the block of {} bytes at {:#x} does not hold any more what the program saw in it",
            self.size, self.address
        );
        Err(StressFinding::new(oracle::CONTENT, what))
    }

    /// What is to be found in another block that gets the first `kept` bytes of this one.
    ///
    /// # Safety
    /// The block is the caller's.
    pub(super) unsafe fn prefix(&self, kept: usize) -> Held {
        // SAFETY: [contract]
        let sum = if self.sum == 0 { 0 } else { unsafe { self.sum_of(kept.min(self.size)) } };
        Held { sum, ..*self }
    }

    /// Whether the first `kept` bytes are those of the old block that [`Held::prefix`] took note
    /// of.
    ///
    /// # Safety
    /// As [`Held::check`].
    pub(super) unsafe fn check_prefix(&self, old: &Held, kept: usize) -> Result<(), StressFinding> {
        // SAFETY: [contract, filled_block 1] the parts are the old block's, and cut where `kept`
        // ends.
        unsafe {
            if old.sum == 0 {
                return self.check(old, kept);
            }
            let seen = Held { address: self.address, ..*old };
            self.check_sum(seen.sum_of(kept), old.sum)
        }
    }

    /// Copies bytes from a place of this block to a place of that one, which may be the same.
    ///
    /// # Safety
    /// Both blocks are the caller's.
    pub(super) unsafe fn copy_to(&self, at: usize, to: &mut Held, to_at: usize, bytes: usize) {
        let at = at % self.head().next_multiple_of(8);
        let to_at = to_at % to.head().next_multiple_of(8);
        let bytes = bytes.min(self.head() - at).min(to.head() - to_at);
        // SAFETY: [contract, filled_block 1] each range lies in the head of its block.
        unsafe {
            ptr::copy(self.pointer(at), to.pointer(to_at), bytes);
            to.sum = to.sum_of(to.size);
        }
    }

    /// Exchanges what two blocks hold, as far as both go.
    ///
    /// # Safety
    /// Both blocks are the caller's, and not the same.
    pub(super) unsafe fn swap_with(&mut self, other: &mut Held) {
        let bytes = self.head().min(other.head());
        // SAFETY: [contract]
        unsafe {
            ptr::swap_nonoverlapping(self.pointer(0), other.pointer(0), bytes);
            self.sum = self.sum_of(self.size);
            other.sum = other.sum_of(other.size);
        }
    }

    /// Whether the first `kept` bytes are what [`Held::fill`] wrote when the block was `written`.
    ///
    /// # Safety
    /// The block is the caller's, and has that many bytes.
    pub(super) unsafe fn check(&self, written: &Held, kept: usize) -> Result<(), StressFinding> {
        for part in parts(written.size) {
            // SAFETY: [contract]
            unsafe {
                self.expect(part.start..part.end.min(kept), |place| word(written.identity, place))
            }
            .map_err(|place| {
                let what = format!(
                    "byte {place} of the block of {} bytes at {:#x} is not what the program wrote",
                    self.size, self.address
                );
                StressFinding::new(oracle::CONTENT, what)
            })?;
        }
        Ok(())
    }

    /// Whether the block is zero, all of it.
    ///
    /// # Safety
    /// As [`Held::check`].
    pub(super) unsafe fn check_zero(&self) -> Result<(), StressFinding> {
        // SAFETY: [contract]
        unsafe { self.expect(0..self.size, |_| 0) }.map_err(|place| {
            let what = format!(
                "byte {place} of a zeroed block of {} bytes at {:#x} is not zero",
                self.size, self.address
            );
            StressFinding::new(oracle::CONTENT, what)
        })
    }

    /// The first place in `part` that holds something else.
    ///
    /// # Safety
    /// As [`Held::check`].
    unsafe fn expect(&self, part: Range<usize>, word: impl Fn(usize) -> u64) -> Result<(), usize> {
        for (place, bytes) in words(&part) {
            let word = word(place);
            // SAFETY: [contract, filled_block 1]
            if bytes == 8 && unsafe { self.pointer(place).cast::<u64>().read_unaligned() } == word {
                continue;
            }
            let expected = word.to_ne_bytes();
            let mut found = expected;
            // SAFETY: [contract, filled_block 1]
            unsafe { ptr::copy_nonoverlapping(self.pointer(place), found.as_mut_ptr(), bytes) };
            if found != expected {
                let at = (0..8).find(|&at| found[at] != expected[at]).unwrap_or(0);
                return Err(place + at);
            }
        }
        Ok(())
    }
}

/// The parts of a block that are filled. Each begins at a multiple of 8.
fn parts(size: usize) -> impl Iterator<Item = Range<usize>> {
    let whole = size <= WHOLE_MAX;
    let (head, tail) = if whole { (size, size) } else { (END, (size - END) & !7) };
    let pages = if whole { 0..0 } else { 1..tail / PAGE };
    let pages = pages.map(|page| page * PAGE..page * PAGE + PAGE_HEAD);
    once(0..head).chain(pages).chain(once(tail..size))
}

/// The words of a part, and how many bytes of each.
fn words(part: &Range<usize>) -> impl Iterator<Item = (usize, usize)> + use<> {
    let end = part.end;
    (part.start..end).step_by(8).map(move |place| (place, (end - place).min(8)))
}

fn word(identity: u64, place: usize) -> u64 {
    let mixed = identity.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (place as u64).wrapping_mul(0xd6e8_feb8_6659_fd93);
    // No byte is zero: what was filled does not look fresh.
    mixed ^ mixed >> 29 | 0x0101_0101_0101_0101
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(memory: &mut [u64], size: usize, identity: u64) -> Held {
        let address = memory.as_mut_ptr().expose_provenance();
        Held { address, size, align: 8, thread: 0, identity, sum: 0 }
    }

    #[test]
    fn one_changed_byte_is_found_where_it_is_looked_for() {
        for size in [1, 7, 8, 24, 100, WHOLE_MAX, WHOLE_MAX + 1, 40_961] {
            let mut memory = vec![0_u64; size.div_ceil(8)];
            let held = block(&mut memory, size, 7);
            // SAFETY: [filled_block 2]
            unsafe {
                held.fill();
                assert_eq!(held.check(&held, size), Ok(()));
                for place in parts(size).flat_map(|part| [part.start, part.end.saturating_sub(1)]) {
                    if place >= size {
                        continue;
                    }
                    *held.pointer(place) ^= 0x40;
                    let finding = held.check(&held, size).expect_err("a finding");
                    assert_eq!(finding.oracle, oracle::CONTENT);
                    assert!(finding.message.starts_with(&format!("byte {place} ")), "{finding:?}");
                    *held.pointer(place) ^= 0x40;
                }
            }
        }
    }

    #[test]
    fn a_block_with_the_contents_of_another_is_found() {
        let mut memory = vec![0_u64; 8];
        let (one, other) = (block(&mut memory, 64, 7), block(&mut memory, 64, 8));
        // SAFETY: [filled_block 2]
        unsafe {
            one.fill();
            assert!(other.check(&other, 64).is_err());
        }
    }

    #[test]
    fn a_prefix_is_checked_as_far_as_it_is_kept() {
        let mut memory = vec![0_u64; 8];
        let old = block(&mut memory, 64, 7);
        let new = block(&mut memory, 20, 8);
        // SAFETY: [filled_block 2]
        unsafe {
            old.fill();
            *old.pointer(20) ^= 1;
            assert_eq!(new.check(&old, 20), Ok(()));
            *old.pointer(19) ^= 1;
            assert!(new.check(&old, 20).is_err());
        }
    }

    #[test]
    fn what_was_not_written_has_to_stay_as_well() {
        let (mut memory, mut elsewhere) = (vec![7_u64; 8], vec![9_u64; 8]);
        let (mut one, mut other) = (block(&mut memory, 64, 7), block(&mut elsewhere, 64, 8));
        // SAFETY: [filled_block 2]
        unsafe {
            one.write(Written::Half);
            other.write(Written::Nothing);
            assert_eq!((one.check_whole(), other.check_whole()), (Ok(()), Ok(())));
            one.copy_to(8, &mut other, 16, 24);
            assert_eq!(other.check_whole(), Ok(()));
            assert_eq!([memory[1], memory[3]], [elsewhere[2], elsewhere[4]]);
            one.swap_with(&mut other);
            assert_eq!((one.check_whole(), other.check_whole()), (Ok(()), Ok(())));
            let before = one.prefix(24);
            assert_eq!(one.check_prefix(&before, 24), Ok(()));
            *one.pointer(40) ^= 1;
            assert_eq!(one.check_prefix(&before, 24), Ok(()));
            assert!(one.check_whole().is_err());
            *one.pointer(23) ^= 1;
            assert!(one.check_prefix(&before, 24).is_err());
        }
    }

    #[test]
    fn one_byte_that_is_not_zero_is_found() {
        let mut memory = vec![0_u64; 2_000];
        let held = block(&mut memory, 13, 7);
        // SAFETY: [filled_block 2]
        unsafe {
            assert_eq!(held.check_zero(), Ok(()));
            *held.pointer(13) = 1;
            assert_eq!(held.check_zero(), Ok(()), "this byte is not the block's");
            *held.pointer(12) = 1;
            assert!(held.check_zero().is_err());
        }
    }
}
