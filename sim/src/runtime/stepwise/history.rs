//! Histories: what a thread's local state is a function of.
//!
//! A simulated thread is deterministic: where it stands, and what its registers and its stack hold,
//! depends only on the values that it has read since it began. So a search need not look into
//! stacks, where old garbage would make equal states look different: it hashes the values instead,
//! and two threads with the same history are in the same place with the same locals.
//!
//! A history would remember for ever what no longer matters. A body that keeps nothing in locals
//! from one operation to the next (see `Program`) says so with
//! [`user::at_rest`](crate::runtime::user::at_rest), and its history begins anew, from the number
//! of its operation.
//!
//! What is observed: the old value of a read-modify-write, whether a compare-exchange wrote, what a
//! plain or private word held, where the thread's heap is, what the system answered. Not what a
//! store overwrote: the thread does not learn it.
//!
//! Invariant: each step changes the history of its thread, so that no sequence of steps leads from
//! a state back to itself. The graph of states has no cycles; `prove` relies on it.

use crate::runtime::access::{Access, Kind, THREADS_MAX, ThreadId};
use crate::runtime::arena::Arena;

/// The history of each thread.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Histories {
    hashes: [u64; THREADS_MAX],
    positions: [u32; THREADS_MAX],
}

/// So many steps after a rest have positions of their own.
const POSITION_SHIFT: u32 = 14;

impl Histories {
    /// The hash of what the thread has seen.
    pub(crate) fn hash(&self, thread: ThreadId) -> u64 {
        self.hashes[thread]
    }

    /// How far the thread has come: grows with each step, and is the same in equal states.
    pub(crate) fn position(&self, thread: ThreadId) -> u32 {
        self.positions[thread]
    }

    /// The thread begins a step.
    pub(crate) fn step(&mut self, thread: ThreadId, kind: Kind) {
        self.value(thread, kind as u64);
        self.positions[thread] += 1;
        assert!(
            self.positions[thread] & ((1 << POSITION_SHIFT) - 1) != 0,
            "a thread comes to rest within 16 thousand steps"
        );
    }

    /// The thread remembers nothing but the number of its operation.
    pub(crate) fn rest(&mut self, thread: ThreadId, operation: u32) {
        self.hashes[thread] = 0;
        self.value(thread, u64::from(operation));
        self.positions[thread] = ((self.positions[thread] >> POSITION_SHIFT) + 1) << POSITION_SHIFT;
    }

    /// The thread has read something.
    #[inline]
    pub(crate) fn value(&mut self, thread: ThreadId, value: u64) {
        let mixed = (self.hashes[thread] ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.hashes[thread] =
            (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93) ^ mixed >> 29;
    }

    /// An operation on a shared word was done.
    #[inline]
    pub(crate) fn atomic(&mut self, thread: ThreadId, kind: Kind, old: u64, written: bool) {
        if kind != Kind::Store {
            self.value(thread, old);
            self.value(thread, u64::from(written));
        }
    }

    /// A plain word was read.
    pub(crate) fn plain(&mut self, thread: ThreadId, arena: &Arena, access: &Access) {
        let mut done = 0;
        while done < access.bytes {
            let bytes = [8, 4, 2, 1].into_iter().find(|bytes| done + bytes <= access.bytes);
            let bytes = bytes.unwrap_or(1);
            self.value(thread, arena.read(access.offset + done, bytes));
            done += bytes;
        }
    }

    /// The system has answered.
    pub(crate) fn system(&mut self, thread: ThreadId, kind: Kind, answer: Option<usize>) {
        self.value(thread, kind as u64);
        self.value(thread, answer.map_or(u64::MAX, |offset| offset as u64));
    }
}
