//! The shadow: which bytes are in use, one bit for each 16, for all threads at once.
//!
//! A block's bits are set right after it was handed out and cleared right before it goes back. A
//! bit that is set already belongs to a block that is still in use: the two overlap. What orders
//! the two is the allocator itself (a block that was freed is handed out again later), so the bits
//! need no ordering of their own.
//!
//! ```text
//! address   47        26 25           10 9      4 3    0
//!           number of    word of         bit      byte of
//!           the leaf     the leaf                 the granule
//! ```
//!
//! Leaves (512 KiB, for 64 MiB each) are made when an address in them is first seen, with memory of
//! the system.
//!
//! Invariants:
//! 1. From `new` to `drop` there are [`LEAVES`] entries at `leaves`, which are null at first. An
//!    entry changes once, by an exchange, to a leaf: [`WORDS`] words, zero at first, which live as
//!    long as the shadow.
//! 2. All of these are atomic, and reached from the shadow alone: any thread may use them, until
//!    who drops it has it alone.
//! 3. `visit` refuses addresses of more than [`ADDRESS_BITS`] bits: those below lead to one of so
//!    many leaves, and in it to one of so many words.
//! 4. The allocator of the system keeps the contract of [`GlobalAlloc`], which asks for layouts
//!    that are not empty. A table goes back with the layout that it was asked for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use super::{StressFinding, oracle};

/// Bytes of a granule. Blocks begin at multiples of it.
pub(super) const GRANULE: usize = 16;

const LEAF_SHIFT: u32 = 26;
const ADDRESS_BITS: u32 = 48;
const LEAVES: usize = 1 << (ADDRESS_BITS - LEAF_SHIFT);
const GRANULES_OF_WORD: usize = 64;
const WORDS: usize = (1 << LEAF_SHIFT) / GRANULE / GRANULES_OF_WORD;

/// The bits of all addresses.
pub(super) struct BlockShadow {
    leaves: NonNull<AtomicPtr<AtomicU64>>,
}

// SAFETY: [stress/shadow 2]
unsafe impl Sync for BlockShadow {}
// SAFETY: [stress/shadow 2]
unsafe impl Send for BlockShadow {}

fn zeroed<T>(count: usize) -> NonNull<T> {
    let layout = Layout::array::<T>(count).expect("a table of a fixed size");
    assert_ne!(layout.size(), 0, "a table of something");
    // SAFETY: [stress/shadow 4] the layout is not empty.
    let table = unsafe { System.alloc_zeroed(layout) };
    NonNull::new(table.cast()).expect("the system has memory for the shadow")
}

/// # Safety
/// The table is from `zeroed`, with this count, and nobody uses it any more.
unsafe fn give_back<T>(table: *mut T, count: usize) {
    let layout = Layout::array::<T>(count).expect("a table of a fixed size");
    // SAFETY: [contract, stress/shadow 4]
    unsafe { System.dealloc(table.cast(), layout) };
}

impl BlockShadow {
    pub(super) fn new() -> BlockShadow {
        BlockShadow { leaves: zeroed(LEAVES) }
    }

    /// A block comes into use.
    pub(super) fn add(&self, start: usize, bytes: usize) -> Result<(), StressFinding> {
        let mut taken = None;
        self.visit(start, bytes, |word, mask, first| {
            let before = word.fetch_or(mask, Ordering::Relaxed) & mask;
            if before != 0 && taken.is_none() {
                taken = Some(first + before.trailing_zeros() as usize * GRANULE);
            }
        })?;
        match taken {
            None => Ok(()),
            Some(address) => Err(StressFinding::new(
                oracle::OVERLAP,
                format!(
                    "a block of {bytes} bytes was handed out at {start:#x}, but a block that is \
                    in use covers {:#x}, {} bytes into it",
                    address.max(start),
                    address.saturating_sub(start)
                ),
            )),
        }
    }

    /// A block goes out of use.
    pub(super) fn remove(&self, start: usize, bytes: usize) -> Result<(), StressFinding> {
        let mut missing = false;
        self.visit(start, bytes, |word, mask, _| {
            missing |= word.fetch_and(!mask, Ordering::Relaxed) & mask != mask;
        })?;
        if !missing {
            return Ok(());
        }
        Err(StressFinding::new(
            oracle::OVERLAP,
            format!(
                "the block of {bytes} bytes at {start:#x} shares bytes with one that was freed \
                before it"
            ),
        ))
    }

    /// Shows each word of the range's bits: the word, the bits in it, and the address of its first
    /// granule.
    fn visit(
        &self,
        start: usize,
        bytes: usize,
        mut visit: impl FnMut(&AtomicU64, u64, usize),
    ) -> Result<(), StressFinding> {
        if start.checked_add(bytes.max(1)).is_none_or(|end| end > 1 << ADDRESS_BITS) {
            let message = format!("{bytes} bytes at {start:#x} are no memory of a program");
            return Err(StressFinding::new(oracle::OVERLAP, message));
        }
        let (mut granule, end) = (start / GRANULE, (start + bytes.max(1)).div_ceil(GRANULE));
        while granule < end {
            let bit = granule % GRANULES_OF_WORD;
            let count = (GRANULES_OF_WORD - bit).min(end - granule);
            let mask = (u64::MAX >> (GRANULES_OF_WORD - count)) << bit;
            let address = granule * GRANULE;
            let leaf = self.leaf(address >> LEAF_SHIFT);
            let index = granule / GRANULES_OF_WORD % WORDS;
            // SAFETY: [stress/shadow 1, stress/shadow 2, stress/shadow 3]
            let word = unsafe { &*leaf.add(index) };
            visit(word, mask, address - bit * GRANULE);
            granule += count;
        }
        Ok(())
    }

    fn leaf(&self, index: usize) -> *mut AtomicU64 {
        // SAFETY: [stress/shadow 1, stress/shadow 2, stress/shadow 3] called by `visit` alone.
        let entry = unsafe { self.leaves.add(index).as_ref() };
        // Acquire: pairs with the exchange below, which publishes the zeroed leaf.
        let leaf = entry.load(Ordering::Acquire);
        if !leaf.is_null() {
            return leaf;
        }
        let new = zeroed::<AtomicU64>(WORDS).as_ptr();
        // Release, Acquire: see above.
        match entry.compare_exchange(null_mut(), new, Ordering::Release, Ordering::Acquire) {
            Ok(_) => new,
            Err(other) => {
                // SAFETY: [stress/shadow 1] the exchange has failed, so nobody else knows it.
                unsafe { give_back(new, WORDS) };
                other
            }
        }
    }
}

impl Drop for BlockShadow {
    fn drop(&mut self) {
        for index in 0..LEAVES {
            // SAFETY: [stress/shadow 1, stress/shadow 2] an entry of the table, which this has
            // alone.
            let leaf = unsafe { *self.leaves.add(index).as_mut().get_mut() };
            if !leaf.is_null() {
                // SAFETY: [stress/shadow 1, stress/shadow 2] made by `leaf`.
                unsafe { give_back(leaf, WORDS) };
            }
        }
        // SAFETY: [stress/shadow 1, stress/shadow 2] made by `new`.
        unsafe { give_back(self.leaves.as_ptr(), LEAVES) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: usize = 0x7f12_3456_0000;

    fn message(result: Result<(), StressFinding>) -> String {
        let finding = result.expect_err("a finding");
        assert_eq!(finding.oracle, oracle::OVERLAP);
        finding.message
    }

    #[test]
    fn neighbours_do_not_overlap() {
        let shadow = BlockShadow::new();
        for block in 0..200 {
            assert_eq!(shadow.add(HERE + block * 48, 48), Ok(()));
        }
        for block in (0..200).rev() {
            assert_eq!(shadow.remove(HERE + block * 48, 33), Ok(()), "the granules are the same");
            assert_eq!(shadow.add(HERE + block * 48, 48), Ok(()));
        }
    }

    #[test]
    fn a_block_that_is_handed_out_twice_is_found() {
        let shadow = BlockShadow::new();
        assert_eq!(shadow.add(HERE, 64), Ok(()));
        let text = message(shadow.add(HERE, 64));
        assert!(text.contains("0 bytes into it"), "{text}");
    }

    #[test]
    fn one_shared_byte_is_found_wherever_it_lies() {
        for (start, bytes) in
            [(HERE - 64, 65), (HERE + 112, 16), (HERE + 127, 1), (HERE - 4096, 9000)]
        {
            let shadow = BlockShadow::new();
            assert_eq!(shadow.add(HERE, 128), Ok(()));
            message(shadow.add(start & !15, bytes + start % 16));
        }
    }

    #[test]
    fn blocks_may_span_leaves_and_the_end_of_a_block_is_its_own() {
        let border = 3 << LEAF_SHIFT;
        let shadow = BlockShadow::new();
        assert_eq!(shadow.add(border - 4096, 8192), Ok(()));
        message(shadow.add(border + 4080, 16));
        assert_eq!(shadow.add(border + 4096, 16), Ok(()));
        assert_eq!(shadow.remove(border - 4096, 8192), Ok(()));
        assert_eq!(shadow.add(border, 4096), Ok(()));
    }

    #[test]
    fn what_is_not_in_use_cannot_go_out_of_use() {
        let shadow = BlockShadow::new();
        message(shadow.remove(HERE, 16));
        assert_eq!(shadow.add(HERE, 64), Ok(()));
        message(shadow.remove(HERE, 80));
    }

    #[test]
    fn an_address_that_no_program_has_is_refused() {
        let shadow = BlockShadow::new();
        message(shadow.add(usize::MAX - 15, 16));
        message(shadow.add(1 << ADDRESS_BITS, 16));
        message(shadow.add(1 << ADDRESS_BITS, 0));
        assert_eq!(shadow.add((1 << ADDRESS_BITS) - 16, 16), Ok(()));
    }
}
