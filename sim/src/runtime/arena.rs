//! The arena: all memory of a simulated world, at a fixed base.
//!
//! ```text
//! base                                                                     base + bytes
//! | root area (committed) | user area (committed) | what `reserve` hands out          |
//! ```
//!
//! Worlds that exist at the same time lie in different slots of 16 GiB each; everything that is
//! said, stored or hashed is an offset, so that the slot does not show.
//!
//! Invariants:
//! 1. From `new` to `drop` the `bytes` bytes at `base` are a private mapping that can be read and
//!    written, at a place where nothing else was (`map`), and the arena's alone; `drop` alone gives
//!    it back, and neither number ever changes.
//! 2. What is touched here lies inside: each method has looked at that with `contains` itself.
//! 3. A reference into the arena that lives on behind a method of this file is to something that
//!    has interior mutability: a word of the platform or a structure of such words, or a `Cell`.
//!    None is needed for [`Arena`]'s own accesses, which go through raw pointers, or end before
//!    the method does, and call nothing meanwhile.
//! 4. One OS thread alone touches an arena: that of its world, which is not `Send` (see `world`);
//!    simulated words refuse places that are not in the arena of the current world (see
//!    `platform`).

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::access::Access;
use super::buffer::map;

const BASE: usize = 0x2000_0000_0000;
const SLOT_SHIFT: u32 = 34;
const SLOTS: u32 = 64;

/// One bit for each slot in use.
static SLOTS_USED: AtomicU64 = AtomicU64::new(0);

/// The mapping.
pub(crate) struct Arena {
    pub(crate) base: usize,
    pub(crate) bytes: usize,
    slot: u32,
}

impl Arena {
    pub(crate) fn new(bytes: usize) -> io::Result<Arena> {
        if bytes > 1 << SLOT_SHIFT {
            return Err(io::Error::other("an arena is at most 16 GiB"));
        }
        for slot in 0..SLOTS {
            if SLOTS_USED.fetch_or(1 << slot, Ordering::Relaxed) >> slot & 1 == 1 {
                continue;
            }
            let base = BASE + ((slot as usize) << SLOT_SHIFT);
            match map(Some(base), bytes) {
                Ok(start) if start.as_ptr().expose_provenance() == base => {
                    return Ok(Arena { base, bytes, slot });
                }
                Ok(start) => {
                    // SAFETY: [buffer 4] an old system has mapped so many bytes elsewhere; nobody
                    // knows them.
                    unsafe { libc::munmap(start.as_ptr().cast(), bytes) };
                    free_slot(slot);
                }
                Err(_) => free_slot(slot),
            }
        }
        Err(io::Error::other("no free place for an arena"))
    }

    /// The offset of an address; wraps around for one below the arena.
    #[inline]
    pub(crate) fn offset_of(&self, address: usize) -> usize {
        address.wrapping_sub(self.base)
    }

    /// Whether the range is inside.
    #[inline]
    pub(crate) fn contains(&self, offset: usize, bytes: usize) -> bool {
        offset < self.bytes && bytes <= self.bytes - offset
    }

    /// A pointer to an offset inside.
    #[inline]
    pub(crate) fn pointer(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset <= self.bytes);
        std::ptr::with_exposed_provenance_mut(self.base + offset)
    }

    /// Reads a word of 1, 2, 4 or 8 bytes; zero for other sizes and outside of the arena.
    #[inline]
    pub(crate) fn read(&self, offset: usize, bytes: usize) -> u64 {
        if !self.contains(offset, bytes) {
            return 0;
        }
        if bytes == 8 {
            return self.read_word::<8>(offset);
        }
        let place = self.pointer(offset);
        // SAFETY: [arena 1, arena 2, arena 4] the range lies inside; any bytes are an integer.
        unsafe {
            match bytes {
                1 => u64::from(place.read_volatile()),
                2 => u64::from(place.cast::<u16>().read_unaligned()),
                4 => u64::from(place.cast::<u32>().read_unaligned()),
                _ => 0,
            }
        }
    }

    /// Reads a word of 4 or 8 bytes inside the arena.
    #[inline(always)]
    pub(crate) fn read_word<const BYTES: usize>(&self, offset: usize) -> u64 {
        const { assert!(BYTES == 4 || BYTES == 8) };
        assert!(self.contains(offset, BYTES));
        let place = self.pointer(offset);
        // SAFETY: [arena 1, arena 2, arena 4] as in `read`.
        unsafe {
            match BYTES {
                4 => u64::from(place.cast::<u32>().read_unaligned()),
                _ => place.cast::<u64>().read_unaligned(),
            }
        }
    }

    /// Writes a word of 4 or 8 bytes inside the arena.
    #[inline]
    pub(crate) fn write(&self, offset: usize, bytes: usize, value: u64) {
        assert!(self.contains(offset, bytes));
        let place = self.pointer(offset);
        // SAFETY: [arena 1, arena 2, arena 3, arena 4] the range lies inside, and no reference says
        // that it does not change.
        unsafe {
            match bytes {
                4 => place.cast::<u32>().write_unaligned(value as u32),
                8 => place.cast::<u64>().write_unaligned(value),
                _ => unreachable!("shared words have 4 or 8 bytes"),
            }
        }
    }

    /// Clears a range inside the arena.
    #[inline]
    pub(crate) fn zero(&self, offset: usize, bytes: usize) {
        assert!(self.contains(offset, bytes));
        // SAFETY: [arena 1, arena 2, arena 3, arena 4] as in `write`.
        unsafe { self.pointer(offset).write_bytes(0, bytes) };
    }

    /// Whether every byte of a range inside the arena is zero.
    pub(crate) fn is_zero(&self, offset: usize, bytes: usize) -> bool {
        assert!(self.contains(offset, bytes));
        // SAFETY: [arena 1, arena 2, arena 3, arena 4] the range lies inside, and nothing is called
        // before the method ends, so that nothing writes.
        let range = unsafe { std::slice::from_raw_parts(self.pointer(offset), bytes) };
        range.chunks(64).all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
    }

    /// Copies a range inside the arena to another one that does not overlap it.
    #[inline]
    pub(crate) fn copy(&self, from: usize, to: usize, bytes: usize) {
        assert!(self.contains(from, bytes) && self.contains(to, bytes));
        assert!(from.abs_diff(to) >= bytes);
        // SAFETY: [arena 1, arena 2, arena 3, arena 4] as in `write`; the ranges are apart.
        unsafe { self.pointer(from).copy_to_nonoverlapping(self.pointer(to), bytes) };
    }

    /// A copy of a range inside the arena.
    pub(crate) fn image(&self, offset: usize, bytes: usize) -> Box<[u8]> {
        assert!(self.contains(offset, bytes));
        // SAFETY: [arena 1, arena 2, arena 3, arena 4] as in `is_zero`.
        unsafe { std::slice::from_raw_parts(self.pointer(offset), bytes) }.into()
    }

    /// Puts a copy of a range inside the arena back.
    pub(crate) fn put_back(&self, offset: usize, image: &[u8]) {
        assert!(self.contains(offset, image.len()));
        // SAFETY: [arena 1, arena 2, arena 3, arena 4] as in `write`; an image lies elsewhere,
        // since no reference to plain bytes leads into the arena.
        unsafe { self.pointer(offset).copy_from_nonoverlapping(image.as_ptr(), image.len()) };
    }

    /// Makes the whole arena zero, giving the memory back.
    pub(crate) fn clear(&mut self) {
        // SAFETY: [arena 1, arena 3] a private mapping, which reads as zero afterwards; the arena
        // is borrowed exclusively.
        let result =
            unsafe { libc::madvise(self.pointer(0).cast(), self.bytes, libc::MADV_DONTNEED) };
        assert_eq!(result, 0, "private anonymous memory can be given back");
    }

    /// A value of the accessed word with the arena's place taken out of it. If the word may hold an
    /// address, and the low 48 bits are one in the arena's slot, they become the offset, marked in
    /// the top bit. So digests of the same run are equal in every slot. What is no address stays as
    /// it is, whatever it looks like: a tag that grows passes by the addresses of one slot after
    /// another.
    #[inline]
    pub(crate) fn normalise(&self, access: &Access, value: u64) -> u64 {
        if !access.may_be_address {
            return value;
        }
        const LOW: u64 = (1 << 48) - 1;
        let offset = (value & LOW).wrapping_sub(self.base as u64);
        if offset < 1 << SLOT_SHIFT { value & !LOW ^ 1 << 63 | offset } else { value }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: [arena 1, arena 4] `new` mapped so many bytes. Words that somebody still holds a
        // reference to look for their world first, which is none or another one.
        unsafe { libc::munmap(self.pointer(0).cast(), self.bytes) };
        free_slot(self.slot);
    }
}

fn free_slot(slot: u32) {
    SLOTS_USED.fetch_and(!(1 << slot), Ordering::Relaxed);
}
