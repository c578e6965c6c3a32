//! The weak memory model: C11 and C++20 atomics on the simulated memory.
//!
//! A word does not hold one value but a short history of stores, in modification order. A load
//! reads any of them that coherence, happens-before and the total order of sequentially consistent
//! operations allow; which one, the chooser says. The arena holds the newest store of every word,
//! so that whoever looks at memory raw sees the end of each modification order.
//!
//! ```text
//!            oldest                          newest
//! history  | store | store | store | store | store |    the arena's value is the newest
//!                          ^ floor           k = 0
//!                          |<-- candidates ------->|    the k-th newest is read or followed
//! ```
//!
//! # What a thread may still read
//!
//! The *floor* is the newest store that the operation must not go behind. Store `S` is at or above
//! it if
//!
//! 1. some thread wrote or read `S`, and that happened before the operation (coherence: all four of
//!    CoRR, CoRW, CoWR and CoWW); each store keeps the moment at which each thread first touched
//!    it, so that vector clocks answer this and no thread needs a view of all words;
//! 2. the operation is sequentially consistent (SC) and an SC operation touched `S`, or a touch of
//!    `S` happened before an SC fence;
//! 3. an SC fence `X` happened before the operation, and an SC operation touched `S` before `X`, or
//!    a touch of `S` happened before an SC fence that came before `X`.
//!
//! The last two are the four cases of C++20 \[atomics.order\] paragraph 4, with one simplification:
//! the total order of SC operations is the order in which they run. Fences are numbered; a thread
//! knows the newest fence that happened before it ([`view`]), and knowledge of it travels with
//! releases as clocks do.
//!
//! # Stores
//!
//! A store may be put *behind* stores that its thread does not know yet, down to the same floor:
//! modification order is not the order of execution, and 2+2W is reached. A read-modify-write goes
//! right behind the store that it reads, for ever: nothing is put between the two. It may read an
//! older store too, if no other read-modify-write follows that one. A compare-exchange that fails
//! is but a load, and may do so on any store that a load may read.
//!
//! # What the model leaves out
//!
//! Operations take effect in the order of the program: load buffering (a load that reads a store
//! which runs later) is never seen. Where the total order of SC operations would have to disagree
//! with happens-before (Z6.U), the model forbids what C++20 allows. A history holds [`STORES_MAX`]
//! stores; what is older is not read any more. In each case the model shows less than the language
//! allows, never more.
//!
//! | file | what |
//! |---|---|
//! | `history` | the stores of one word, and how far back one may go |
//! | `view` | fences: their numbers, and who knows of which |
//! | `operate` | one operation on a shared word |
//! | `normal` | which of all that makes two states different, for a search |

mod history;
pub(crate) mod normal;
mod operate;
mod view;

use std::io;

use super::buffer::Buffer;
use super::names::MemoryModel;
use super::shadow::RECORDS_MAX;
use history::History;
pub(crate) use history::STORES_MAX;
pub(crate) use view::{Fences, FencesImage};

/// The histories of a page's words, by the numbers of their records.
pub(crate) type HistoriesImage = Box<[(u32, History)]>;

/// The state of the weak model in a world. Without a run under [`MemoryModel::Weak`] it has no
/// tables.
pub(crate) struct Weak {
    /// Whether the present run is under the weak model.
    pub(crate) on: bool,
    pub(crate) fences: Fences,
    /// By the number of the word's shadow record, which also counts the stores: a history is empty
    /// when its record is new, and whatever forgets the record forgets the history.
    histories: Option<Buffer<History>>,
}

impl Weak {
    pub(crate) fn new() -> Weak {
        Weak { on: false, fences: Fences::new(), histories: None }
    }

    /// Begins a run.
    pub(crate) fn begin(&mut self, memory: MemoryModel) -> io::Result<()> {
        self.on = memory == MemoryModel::Weak;
        if self.on && self.histories.is_none() {
            self.histories = Some(Buffer::new(RECORDS_MAX)?);
            self.fences.provide()?;
        }
        self.fences.begin();
        Ok(())
    }

    /// The histories of these records, each with how many stores it has.
    pub(crate) fn image(&self, records: impl Iterator<Item = (u32, u32)>) -> HistoriesImage {
        let Some(histories) = self.histories.as_ref().filter(|_| self.on) else {
            return Box::default();
        };
        let used = records.filter(|(_, stores)| *stores != 0);
        used.map(|(record, _)| (record, histories[record as usize])).collect()
    }

    /// Puts histories back.
    pub(crate) fn put_back(&mut self, image: &HistoriesImage) {
        for (record, history) in image {
            *self.history(*record) = *history;
        }
    }

    /// The history of a record that has one.
    pub(crate) fn seen(&self, record: u32) -> &History {
        &self.histories.as_ref().expect("made when the run began")[record as usize]
    }

    #[inline]
    fn history(&mut self, record: u32) -> &mut History {
        &mut self.histories.as_mut().expect("made when the run began")[record as usize]
    }
}
