//! The one line that a program sees before it is stopped for misusing the allocator.
//!
//! The allocator may be in any state here, so nothing allocates: the line is put together in a buffer on the stack and
//! goes out with one `write` to standard error.

use core::fmt::{self, Write};

use hak_core::Misuse;

/// Says what was wrong and aborts.
#[cold]
pub(crate) fn misuse(what: Misuse, address: usize) -> ! {
    let mut line = Line::new();
    // A line that is too long is cut, see `Line`.
    let _ = writeln!(line, "hak: {}: address {address:#x}: {}", what.name(), advice(what));
    line.print();
    // SAFETY: no precondition; it does not return.
    unsafe { libc::abort() }
}

/// What the program's author can do about it.
fn advice(what: Misuse) -> &'static str {
    match what {
        Misuse::ForeignPointer => {
            "this is no block of this allocator; give it back to the allocator that it came from"
        }
        Misuse::InteriorPointer => {
            "this points into a block; pass the address that the allocation returned"
        }
        Misuse::DoubleFree => {
            "this block is free already; look for a second owner of it, and free it once"
        }
        Misuse::CorruptedLink => {
            "this free block was written to; look for a use after free, or for a write past the \
             end of its neighbour"
        }
        Misuse::Reentry => {
            "the allocator was entered from inside itself; do not allocate in a signal handler"
        }
    }
}

/// A line of text on the stack. What does not fit is dropped, but for the line's end.
struct Line {
    bytes: [u8; Line::CAPACITY],
    length: usize,
}

impl Line {
    const CAPACITY: usize = 256;

    fn new() -> Line {
        Line { bytes: [0; Line::CAPACITY], length: 0 }
    }

    /// Writes the line to standard error, as far as that goes.
    fn print(&mut self) {
        if self.length == Line::CAPACITY {
            self.bytes[Line::CAPACITY - 1] = b'\n';
        }
        let mut rest = &self.bytes[..self.length];
        while !rest.is_empty() {
            // SAFETY: the bytes of `rest` are initialised and outlive the call.
            let written =
                unsafe { libc::write(libc::STDERR_FILENO, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(written) {
                Ok(written) if written > 0 => rest = &rest[written..],
                _ => return,
            }
        }
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = Line::CAPACITY - self.length;
        let fits = text.len().min(room);
        self.bytes[self.length..self.length + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, advice};
    use core::fmt::Write;
    use hak_core::Misuse;

    #[test]
    fn every_message_fits_on_its_line() {
        for what in [
            Misuse::ForeignPointer,
            Misuse::InteriorPointer,
            Misuse::DoubleFree,
            Misuse::CorruptedLink,
            Misuse::Reentry,
        ] {
            let mut line = Line::new();
            writeln!(line, "hak: {}: address {:#x}: {}", what.name(), usize::MAX, advice(what))
                .unwrap();
            assert!(line.length < Line::CAPACITY);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_cut() {
        let mut line = Line::new();
        for _ in 0..100 {
            line.write_str("seventeen letters").unwrap();
        }
        assert_eq!(line.length, Line::CAPACITY);
        assert!(line.bytes.starts_with(b"seventeen lettersseventeen"));
    }
}
