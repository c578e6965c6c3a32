//! The one line that a program sees before it is stopped for misusing the allocator.
//!
//! It names the address, and what the tables say of it: the slab, its state and class.

use core::fmt;

use hak_core::Misuse;

use crate::description::Description;
use crate::stack_text::StackText;

/// Says what was wrong and aborts.
#[cold]
pub(crate) fn misuse(what: Misuse, address: usize) -> ! {
    line(what, address, Description::of(address)).print();
    // SAFETY: [lib 1] it has no precondition, and does not return.
    unsafe { libc::abort() }
}

fn line(what: Misuse, address: usize, description: impl fmt::Display) -> StackText<320> {
    let mut text = StackText::new();
    // Text that is too long is cut, see `StackText`.
    let _ = fmt::write(
        &mut text,
        format_args!(
            "hak: {}: address {address:#x}, {description}: {}\n",
            what.name(),
            advice(what)
        ),
    );
    text
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

#[cfg(test)]
mod tests {
    use super::line;
    use hak_core::Misuse;

    #[test]
    fn every_message_fits_on_its_line() {
        let longest =
            "in slab 31 of superslab 524287, ABANDONED, of 16384-byte blocks, block 4095 + 16383";
        for what in [
            Misuse::ForeignPointer,
            Misuse::InteriorPointer,
            Misuse::DoubleFree,
            Misuse::CorruptedLink,
            Misuse::Reentry,
        ] {
            let text = line(what, usize::MAX, longest);
            assert!(text.bytes().len() < 320);
            assert!(text.bytes().ends_with(b"\n"));
        }
    }
}
