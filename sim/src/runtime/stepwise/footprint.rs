//! Footprints: what a step has touched, so that a search knows which steps can change places.
//!
//! A step is everything from one scheduling point of a thread to its next: the access that was
//! chosen, and the plain accesses, hand-outs and oracles behind it. Two steps of two threads, both
//! possible in a state, are *independent* if neither writes what the other reads or writes: done in
//! either order they lead to the same state, with the same happens-before, and break the same
//! rules. What counts:
//!
//! | what | as |
//! |---|---|
//! | an operation on a shared word | a read, or a write if it wrote |
//! | a plain access, a range | a read or a write |
//! | a block that is handed out or given back | a write of all of it, since its words are marked |
//! | what an oracle reads through its view | a read |
//! | a system call | a write of its pages, and of one word that stands for the address space |
//! | a fence | a read of one word that stands for fences, so that it is known who passes one |
//! | a spin hint, a look at everything | a conflict with every step |
//!
//! A compare-exchange that failed is a read: a step that would let it succeed writes the word, and
//! is dependent.
//!
//! # Under weak memory
//!
//! The stores that an operation may read depend on the word's history, on what the thread knows,
//! and on the order of sequentially consistent (SC) operations; nobody but the thread itself
//! changes what it knows. A load marks the store that it reads with its own present moment, which
//! no other thread covers before the next release, so that two loads of one word can change places.
//! What else counts:
//!
//! - *An SC operation* is a write of a second word, which stands for the SC operations on its word:
//!   another SC operation there may not go behind the store that this one read. It is also a read
//!   of the word that stands for the SC order.
//! - *An SC fence* is a write of the word that stands for the SC order: fences are numbered, and SC
//!   operations note how many there were.
//!
//! So two SC operations on two words can change places: neither limits the other, nor anybody else,
//! before a later fence or a later operation on its word. A step that may go several ways (see
//! `scripted_answers`) can change places with another if each of its ways can.

use std::cell::{Cell, RefCell};

use crate::runtime::shadow::GRANULE_SHIFT;

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
pub(crate) const ADDRESS_SPACE: u32 = u32::MAX - 1;

/// The number of the granule that stands for the order of sequentially consistent operations.
const SEQUENTIAL_ORDER: u32 = u32::MAX - 2;
/// The number of the granule that stands for compare-exchanges that may fail for no reason.
pub(crate) const SPURIOUS: u32 = u32::MAX - 3;
/// The number of the granule that stands for fences.
pub(crate) const FENCES: u32 = u32::MAX - 4;
/// The least number of a granule that stands for something else than memory.
pub(crate) const SPECIAL: u32 = FENCES;
/// Added to the number of a granule: that of the one that stands for sequentially consistent
/// operations there. An arena has fewer granules.
pub(crate) const SEQUENTIAL: u32 = 1 << 30;

/// What one step has touched.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    /// Where.
    pub spans: Vec<Span>,
    /// Whether it conflicts with every other step.
    pub everything: bool,
}

impl Touched {
    /// Adds what another way of the same step touches.
    pub fn join(&mut self, other: &Touched) {
        self.everything |= other.everything;
        self.spans.extend(
            other
                .spans
                .iter()
                .filter(|span| !self.spans.contains(span))
                .copied()
                .collect::<Vec<_>>(),
        );
    }

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

/// Takes note while a search runs. Oracles see the engine through a shared reference, hence the
/// cells.
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

    /// An operation on a shared word that is sequentially consistent, under weak memory.
    pub(crate) fn note_sequential(&self, offset: usize, bytes: usize) {
        self.note(offset + ((SEQUENTIAL as usize) << GRANULE_SHIFT), bytes, true, Manner::Shared);
        self.note_special(SEQUENTIAL_ORDER, false);
    }

    /// A fence; one that takes part in the order of sequentially consistent operations if
    /// `sequential`.
    pub(crate) fn note_fence(&self, sequential: bool) {
        self.note_special(FENCES, false);
        if sequential {
            self.note_special(SEQUENTIAL_ORDER, true);
        }
    }

    pub(crate) fn note_special(&self, granule: u32, writes: bool) {
        if self.on.get() {
            self.add(Span { start: granule, end: granule + 1, writes, manner: Manner::Shared });
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
