//! Flat tables: zeroed memory straight from the system, touched lazily.
//!
//! A table may be far larger than the machine's memory; only what is used costs anything. The
//! simulator keeps all its state in such tables and in plain structures, so that a state can be
//! copied and put back byte by byte.

use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

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
        let bytes = length.max(1) * size_of::<T>();
        let start = map(std::ptr::null_mut(), bytes, 0)?;
        Ok(Buffer { start: start.cast(), length })
    }

    /// Makes the whole table zero again, giving the memory back.
    pub(crate) fn clear(&mut self) {
        // SAFETY: the range is a private anonymous mapping that this table owns; afterwards it
        // reads as zero, which is a valid value.
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
        // SAFETY: the mapping holds `length` zeroed or written values and lives as long as the
        // table.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl<T: Zeroable> DerefMut for Buffer<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and the table is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl<T: Zeroable> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` with this size and nothing borrows it any more.
        unsafe {
            libc::munmap(self.start.as_ptr().cast(), self.length.max(1) * size_of::<T>());
        }
    }
}

/// Maps zeroed, lazily backed memory.
pub(crate) fn map(place: *mut u8, bytes: usize, more_flags: i32) -> io::Result<NonNull<u8>> {
    // SAFETY: a fresh private mapping; with MAP_FIXED_NOREPLACE, the only placing flag used, it
    // replaces nothing.
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
