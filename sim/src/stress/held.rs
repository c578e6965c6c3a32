//! A block that a program holds, and what it wrote there.
//!
//! Each block has an identity, and is filled with bytes that follow from it: no two blocks are filled alike. Of blocks
//! above [`WHOLE_MAX`] only both ends and the beginning of each page are filled, so that a large block costs what its pages
//! cost. The record lies outside of the block and travels with it: registers and mailboxes hold the record's address.

use std::iter::once;
use std::ops::Range;
use std::ptr;

use super::{Finding, oracle};

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
}

impl Held {
    /// As a word for registers and mailboxes.
    pub(super) fn into_word(self) -> usize {
        Box::into_raw(Box::new(self)).expose_provenance()
    }

    /// # Safety
    /// The word came from [`Held::into_word`] and was taken out of its only place.
    pub(super) unsafe fn from_word(word: usize) -> Held {
        // SAFETY: the caller's contract.
        *unsafe { Box::from_raw(ptr::with_exposed_provenance_mut::<Held>(word)) }
    }

    /// # Safety
    /// As [`Held::from_word`], but the word stays where it is, and the caller alone can take it out.
    pub(super) unsafe fn of_word(word: usize) -> Held {
        // SAFETY: the caller's contract.
        unsafe { *ptr::with_exposed_provenance::<Held>(word) }
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
                // SAFETY: in the block, which is the caller's.
                unsafe {
                    match bytes {
                        8 => to.cast::<u64>().write_unaligned(word),
                        _ => to.copy_from_nonoverlapping(word.to_ne_bytes().as_ptr(), bytes),
                    }
                }
            }
        }
    }

    /// Whether the first `kept` bytes are what [`Held::fill`] wrote when the block was `written`.
    ///
    /// # Safety
    /// The block is the caller's, and has that many bytes.
    pub(super) unsafe fn check(&self, written: &Held, kept: usize) -> Result<(), Finding> {
        for part in parts(written.size) {
            // SAFETY: the same contract.
            unsafe {
                self.expect(part.start..part.end.min(kept), |place| word(written.identity, place))
            }
            .map_err(|place| {
                let what = format!(
                    "byte {place} of the block of {} bytes at {:#x} is not what the program wrote",
                    self.size, self.address
                );
                Finding::new(oracle::CONTENT, what)
            })?;
        }
        Ok(())
    }

    /// Whether the block is zero, all of it.
    ///
    /// # Safety
    /// As [`Held::check`].
    pub(super) unsafe fn check_zero(&self) -> Result<(), Finding> {
        // SAFETY: the same contract.
        unsafe { self.expect(0..self.size, |_| 0) }.map_err(|place| {
            let what = format!(
                "byte {place} of a zeroed block of {} bytes at {:#x} is not zero",
                self.size, self.address
            );
            Finding::new(oracle::CONTENT, what)
        })
    }

    /// The first place in `part` that holds something else.
    ///
    /// # Safety
    /// As [`Held::check`].
    unsafe fn expect(&self, part: Range<usize>, word: impl Fn(usize) -> u64) -> Result<(), usize> {
        for (place, bytes) in words(&part) {
            let word = word(place);
            // SAFETY: in the block, which is the caller's.
            if bytes == 8 && unsafe { self.pointer(place).cast::<u64>().read_unaligned() } == word {
                continue;
            }
            let expected = word.to_ne_bytes();
            let mut found = expected;
            // SAFETY: in the block, which is the caller's.
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
        Held { address, size, align: 8, thread: 0, identity }
    }

    #[test]
    fn one_changed_byte_is_found_where_it_is_looked_for() {
        for size in [1, 7, 8, 24, 100, WHOLE_MAX, WHOLE_MAX + 1, 40_961] {
            let mut memory = vec![0_u64; size.div_ceil(8)];
            let held = block(&mut memory, size, 7);
            // SAFETY: the memory is ours and as large as the block.
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
        // SAFETY: as above.
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
        // SAFETY: as above.
        unsafe {
            old.fill();
            *old.pointer(20) ^= 1;
            assert_eq!(new.check(&old, 20), Ok(()));
            *old.pointer(19) ^= 1;
            assert!(new.check(&old, 20).is_err());
        }
    }

    #[test]
    fn one_byte_that_is_not_zero_is_found() {
        let mut memory = vec![0_u64; 2_000];
        let held = block(&mut memory, 13, 7);
        // SAFETY: as above.
        unsafe {
            assert_eq!(held.check_zero(), Ok(()));
            *held.pointer(13) = 1;
            assert_eq!(held.check_zero(), Ok(()), "this byte is not the block's");
            *held.pointer(12) = 1;
            assert!(held.check_zero().is_err());
        }
    }
}
