//! Litmus tests: the memory models, pinned by small programs with known outcomes.
//!
//! Each test is a few threads over shared words that are zero at first. *All* their runs are
//! enumerated: every interleaving and every store that a load may read. The set of outcomes must
//! equal the set that is written down: each one reached, no other. An outcome is the registers'
//! digits in order, or the name of the oracle that ended the run. Where the model shows less than
//! the language allows, the test says so: its name ends in `_is_left_out`.
//!
//! Beside the written ones, random programs are compared with the axioms of the language (`axioms`,
//! `random_programs`).
//!
//! Names are those of the literature: Alglave, Maranget and Tautschnig 2014 for the shapes (MP, SB,
//! LB, R, S, 2+2W, WRC, ISA2, IRIW, Co..), Lahav, Vafeiadis, Kang, Hur and Dreyer 2017 for what SC
//! operations do (Z6.U, W+RWC).

mod axioms;
mod buffering;
mod coherence;
mod enumerate;
mod message_passing;
mod multi_copy;
mod patterns;
mod random_programs;
mod read_modify_write;
mod sequential;

use std::cell::Cell;
use std::collections::BTreeSet;

use hak_core::{Atomic, Ordering, Platform};
use hak_sim::runtime::user::{UserWord, atomic_word, plain_word};
use hak_sim::runtime::{MemoryModel, Sim, SimAtomic, SimPlain, Tiny};

pub(crate) use hak_core::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

/// The shared word with the name x.
pub(crate) const X: UserWord<SimAtomic<u64>> = atomic_word(0);
/// Another one.
pub(crate) const Y: UserWord<SimAtomic<u64>> = atomic_word(1);
/// A third one.
pub(crate) const Z: UserWord<SimAtomic<u64>> = atomic_word(2);
/// A plain word: unordered accesses to it are a race.
pub(crate) const DATA: UserWord<SimPlain<u64>> = plain_word(3);

/// What the threads read.
#[derive(Default)]
pub(crate) struct Registers([Cell<u64>; 12]);

impl Registers {
    /// Puts a value into a register.
    pub(crate) fn put(&self, register: usize, value: u64) {
        self.0[register].set(value);
    }

    /// What a register holds.
    pub(crate) fn get(&self, register: usize) -> u64 {
        self.0[register].get()
    }

    fn clear(&self) {
        self.0.iter().for_each(|register| register.set(0));
    }

    fn show(&self, count: usize) -> String {
        self.0[..count].iter().map(|register| format!("{:x}", register.get())).collect()
    }
}

/// A fence.
pub(crate) fn fence(order: Ordering) {
    Sim::<Tiny>::fence(order);
}

/// Whether a compare-exchange from one value to another succeeds.
pub(crate) fn exchanged(
    word: UserWord<SimAtomic<u64>>,
    from: u64,
    to: u64,
    success: Ordering,
    failure: Ordering,
) -> bool {
    word.compare_exchange(from, to, success, failure).is_ok()
}

/// Threads, and what each run leaves in so many registers. Sets of outcomes are words with spaces
/// between them.
pub(crate) struct Litmus<'a> {
    threads: Vec<&'a dyn Fn(&Registers)>,
    finally: &'a dyn Fn(&Registers),
    registers: usize,
    spurious: bool,
}

impl<'a> Litmus<'a> {
    /// A test of these threads, which fill so many registers.
    pub(crate) fn new(registers: usize, threads: &[&'a dyn Fn(&Registers)]) -> Litmus<'a> {
        Litmus { threads: threads.to_vec(), finally: &|_| {}, registers, spurious: false }
    }

    /// What is done after all threads have ended.
    pub(crate) fn finally(mut self, finally: &'a dyn Fn(&Registers)) -> Litmus<'a> {
        self.finally = finally;
        self
    }

    /// Weak compare-exchanges may fail spuriously.
    pub(crate) fn spurious(mut self) -> Litmus<'a> {
        self.spurious = true;
        self
    }

    fn outcomes(&self, memory: MemoryModel) -> BTreeSet<String> {
        let mut threads = self.threads.clone();
        threads.push(self.finally);
        enumerate::outcomes(memory, self.spurious, &threads, self.registers)
    }

    /// Checks the outcomes under both models.
    #[track_caller]
    pub(crate) fn expect(&self, sequential: &str, weak: &str) {
        for (memory, expected) in [(MemoryModel::Sc, sequential), (MemoryModel::Weak, weak)] {
            let expected: BTreeSet<String> =
                expected.split_whitespace().map(str::to_owned).collect();
            let found = self.outcomes(memory);
            assert!(
                found == expected,
                "{memory:?}: found {found:?}, which lacks {:?} and has {:?} too much",
                expected.difference(&found).collect::<Vec<_>>(),
                found.difference(&expected).collect::<Vec<_>>()
            );
        }
    }

    /// Checks that both models have the same outcomes.
    #[track_caller]
    pub(crate) fn expect_both(&self, outcomes: &str) {
        self.expect(outcomes, outcomes);
    }
}
