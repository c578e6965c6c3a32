//! Flat tables: zeroed memory straight from the system, touched lazily.
//!
//! A table may be far larger than the machine's memory; only what is used costs anything. The
//! simulator keeps all its state in such tables and in plain structures, so that a state can be
//! copied and put back byte by byte.
//!
//! Invariants:
//! 1. From `new` to `drop` a table has the mapping at `start` to itself: fresh from [`map`], at
//!    least as large as its entries, and given back by `drop` alone. Pages are aligned to more than
//!    any entry is.
//! 2. Each entry is a valid value at any time: memory that is fresh, or was given back, reads as
//!    zero, which is a value of a [`Zeroable`] type, and all that is written through the table are
//!    values.
//! 3. Types that are [`Zeroable`] consist of integers, flags (zero is `false`) and kinds of access
//!    (zero is [`Kind::Start`], looked at below), and of nothing else.
//! 4. [`map`] replaces no mapping: a place is asked for with MAP_FIXED_NOREPLACE only.

use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::{NonNull, null_mut, without_provenance_mut};

use super::access::Kind;

const _: () = assert!(Kind::Start as u8 == 0);

/// Types for which zeroed memory is a value.
///
/// # Safety
/// All-zero bytes are a valid value, and the type has no drop code.
pub(crate) unsafe trait Zeroable: Copy {}

/// A table of fixed length that begins zeroed.
pub(crate) struct Buffer<T: Zeroable> {
    start: NonNull<T>,
    length: usize,
}

impl<T: Zeroable> Buffer<T> {
    pub(crate) fn new(length: usize) -> io::Result<Buffer<T>> {
        const { assert!(align_of::<T>() <= 4096) };
        let bytes = length.max(1).checked_mul(size_of::<T>());
        let start = map(None, bytes.ok_or_else(|| io::Error::other("a table is too large"))?)?;
        Ok(Buffer { start: start.cast(), length })
    }

    /// Makes the whole table zero again, giving the memory back.
    pub(crate) fn clear(&mut self) {
        // SAFETY: [buffer 1, buffer 2] the table is borrowed exclusively, and all of it reads as
        // zero afterwards.
        let result = unsafe {
            libc::madvise(
                self.start.as_ptr().cast(),
                self.length * size_of::<T>(),
                libc::MADV_DONTNEED,
            )
        };
        assert_eq!(result, 0, "private anonymous memory can be given back");
    }
}

impl<T: Zeroable> Deref for Buffer<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: [buffer 1, buffer 2] `length` values, borrowed no longer than the table is.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl<T: Zeroable> DerefMut for Buffer<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: [buffer 1, buffer 2] the same, and the table is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl<T: Zeroable> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: [buffer 1] `new` mapped so many bytes, and nothing borrows them any more.
        unsafe {
            libc::munmap(self.start.as_ptr().cast(), self.length.max(1) * size_of::<T>());
        }
    }
}

/// Maps zeroed, lazily backed memory, at this place if one is asked for; a system that is too old
/// for that maps it elsewhere.
pub(crate) fn map(place: Option<usize>, bytes: usize) -> io::Result<NonNull<u8>> {
    let more_flags = if place.is_some() { libc::MAP_FIXED_NOREPLACE } else { 0 };
    let place: *mut u8 = place.map_or(null_mut(), without_provenance_mut);
    // SAFETY: [buffer 4] a private mapping, which is nobody's yet.
    let start = unsafe {
        libc::mmap(
            place.cast(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | more_flags,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(start.cast()).ok_or_else(|| io::Error::other("a mapping at address zero"))
}
