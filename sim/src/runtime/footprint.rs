//! Footprints: what a step has touched, so that a search knows which steps can change places.
//!
//! A step is everything from one scheduling point of a thread to its next: the access that was chosen, and the plain
//! accesses, hand-outs and oracles behind it. Two steps of two threads, both possible in a state, are *independent* if
//! neither writes what the other reads or writes: done in either order they lead to the same state, with the same
//! happens-before, and break the same rules. What counts:
//!
//! | what | as |
//! |---|---|
//! | an operation on a shared word | a read, or a write if it wrote |
//! | a plain access, a range | a read or a write |
//! | a block that is handed out or given back | a write of all of it, since its words are marked |
//! | what an oracle reads through its view | a read |
//! | a system call | a write of its pages, and of one word that stands for the address space |
//! | a spin hint, a look at everything | a conflict with every step |
//!
//! A compare-exchange that failed is a read: a step that would let it succeed writes the word, and is dependent.

use std::cell::{Cell, RefCell};

use super::shadow::GRANULE_SHIFT;

/// How a word was touched: what a race on it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// By an operation on a shared word, or by an oracle.
    Shared,
    /// By a plain access, or by the program.
    Plain,
    /// By a system call.
    System,
}

/// Granules, and how they were touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first granule of 4 bytes.
    pub start: u32,
    /// The one behind the last.
    pub end: u32,
    /// Whether they were written.
    pub writes: bool,
    /// How they were touched.
    pub manner: Manner,
}

/// The number of the granule that stands for the address space.
pub const ADDRESS_SPACE: u32 = u32::MAX - 1;

/// What one step has touched.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    /// Where.
    pub spans: Vec<Span>,
    /// Whether it conflicts with every other step.
    pub everything: bool,
}

impl Touched {
    /// Whether the steps can change places.
    pub fn is_independent_of(&self, other: &Touched) -> bool {
        !self.everything
            && !other.everything
            && self.spans.iter().all(|mine| {
                other.spans.iter().all(|theirs| {
                    (!mine.writes && !theirs.writes)
                        || mine.end <= theirs.start
                        || theirs.end <= mine.start
                })
            })
    }
}

/// Takes note while a search runs. Oracles see the engine through a shared reference, hence the cells.
#[derive(Default)]
pub(crate) struct Footprint {
    on: Cell<bool>,
    touched: RefCell<Touched>,
}

impl Footprint {
    /// Whether notes are taken.
    pub(crate) fn turn(&self, on: bool) {
        self.on.set(on);
        self.touched.borrow_mut().spans.clear();
        self.touched.borrow_mut().everything = false;
    }

    /// What was touched since the last call.
    pub(crate) fn take(&self) -> Touched {
        self.touched.take()
    }

    #[inline]
    pub(crate) fn note(&self, offset: usize, bytes: usize, writes: bool, manner: Manner) {
        if self.on.get() {
            let start = (offset >> GRANULE_SHIFT) as u32;
            let end = (offset + bytes).div_ceil(1 << GRANULE_SHIFT) as u32;
            self.add(Span { start, end, writes, manner });
        }
    }

    pub(crate) fn note_address_space(&self) {
        if self.on.get() {
            let (start, end) = (ADDRESS_SPACE, ADDRESS_SPACE + 1);
            self.add(Span { start, end, writes: true, manner: Manner::System });
        }
    }

    pub(crate) fn note_all(&self) {
        if self.on.get() {
            self.touched.borrow_mut().everything = true;
        }
    }

    fn add(&self, span: Span) {
        let spans = &mut self.touched.borrow_mut().spans;
        let same = |other: &&mut Span| {
            (other.start, other.end, other.manner) == (span.start, span.end, span.manner)
        };
        if let Some(same) = spans.iter_mut().find(same) {
            same.writes |= span.writes;
        } else {
            spans.push(span);
        }
    }
}
