//! Text that is put together on the stack and goes out with one `write`.
//!
//! For messages from places where nothing may allocate: after a misuse the allocator may be in any
//! state, and a crash report runs inside a signal handler.

use core::ffi::c_int;
use core::fmt::{self, Write};

use crate::errno;

/// Text on the stack. What does not fit is dropped, but for the last line's end.
#[derive(Clone, Debug)]
pub struct StackText<const CAPACITY: usize = 256> {
    bytes: [u8; CAPACITY],
    length: usize,
}

impl StackText {
    /// One line of it.
    pub fn line(line: fmt::Arguments<'_>) -> StackText {
        let mut text = StackText::new();
        // Text that is too long is cut, see `StackText`.
        let _ = writeln!(text, "{line}");
        text
    }
}

impl<const CAPACITY: usize> StackText<CAPACITY> {
    /// No text yet.
    #[expect(clippy::new_without_default, reason = "nobody asks for an empty text by default")]
    pub const fn new() -> StackText<CAPACITY> {
        StackText { bytes: [0; CAPACITY], length: 0 }
    }

    /// What was written, in bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Writes the text to standard error, as far as that goes.
    pub fn print(&self) {
        self.print_to(libc::STDERR_FILENO);
    }

    /// Writes the text to an open file, as far as that goes. `errno` is left alone.
    pub fn print_to(&self, file: c_int) {
        let mut rest = self.bytes();
        errno::kept(|| {
            while !rest.is_empty() {
                // SAFETY: [lib 1] the bytes of `rest` are initialised and outlive the call.
                let written = unsafe { libc::write(file, rest.as_ptr().cast(), rest.len()) };
                match usize::try_from(written) {
                    Ok(written) if written > 0 => rest = &rest[written..],
                    _ => return,
                }
            }
        });
    }
}

impl<const CAPACITY: usize> Write for StackText<CAPACITY> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = CAPACITY - self.length;
        let fits = text.len().min(room);
        self.bytes[self.length..self.length + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        if fits < text.len() {
            self.bytes[CAPACITY - 1] = b'\n';
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::StackText;
    use core::fmt::Write;

    #[test]
    fn text_that_is_too_long_is_cut_and_ends_its_line() {
        let mut text: StackText = StackText::new();
        for _ in 0..100 {
            text.write_str("seventeen letters").unwrap();
        }
        assert_eq!(text.bytes().len(), 256);
        assert!(text.bytes().starts_with(b"seventeen lettersseventeen"));
        assert!(text.bytes().ends_with(b"\n"));
    }

    #[test]
    fn text_that_just_fits_is_whole() {
        let mut text = StackText::<4>::new();
        text.write_str("abc\n").unwrap();
        assert_eq!(text.bytes(), b"abc\n");
    }
}
