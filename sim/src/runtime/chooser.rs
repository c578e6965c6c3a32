//! Choosers: who goes next.
//!
//! The engine asks in front of every step at which more than one thread can go, inside the running
//! fiber. A chooser sees what every thread is about to do. It must depend on nothing but its own
//! state and the point it is shown: then a run can be repeated.

use super::access::{Access, THREADS_MAX, ThreadId, ThreadSet};

/// A moment at which more than one thread can go.
#[derive(Clone, Copy, Debug)]
pub struct ChoicePoint<'a> {
    /// How many steps were done.
    pub step: u64,
    /// The thread that did the last one; it may have ended, or be spinning, and then is not in
    /// `runnable`.
    pub current: ThreadId,
    /// Who can go: at least two.
    pub runnable: ThreadSet,
    /// What each thread is about to do; meaningless for threads that are not runnable.
    pub pending: &'a [Access; THREADS_MAX],
    /// How many operations each thread has begun.
    pub operations: &'a [u32; THREADS_MAX],
    /// How many steps each thread has done: tells whether a pending access is still the one seen
    /// before.
    pub steps: &'a [u32; THREADS_MAX],
}

/// What a chooser answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// This thread, which must be runnable, does its pending access.
    Run(ThreadId),
    /// The run ends here.
    Stop,
}

/// The deciding half of a scheduler.
pub trait Chooser {
    /// A run with so many threads begins.
    fn begin(&mut self, threads: usize);

    /// Picks the thread that goes next.
    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice;

    /// Whether this system call (reserve, commit, decommit, reset) fails. A decommit or reset that
    /// fails has done half of its pages.
    fn system_call_fails(&mut self, _thread: ThreadId, _access: &Access) -> bool {
        false
    }

    /// Which of so many stores, at least two and newest first, this operation of the weak memory
    /// model reads; a store is put right behind the one that is picked.
    fn read_from(&mut self, _thread: ThreadId, _access: &Access, _candidates: usize) -> usize {
        0
    }

    /// Whether this weak compare-exchange, which would succeed, fails.
    fn spurious_failure(&mut self, _thread: ThreadId, _access: &Access) -> bool {
        false
    }
}
