//! Control: the state of the scheduler.
//!
//! One flat structure without pointers into itself: with the arena, the stacks and the shadow it is
//! all there is to a state of a run.
//!
//! # Spinning
//!
//! A thread that gave a spin hint is not offered until another thread changed a shared word,
//! changed pages or ended. If nobody else is left, all spinners are let go again; after
//! [`SPIN_ROUNDS_MAX`] such rounds without any change the run is stuck.

use super::access::{Access, Kind, THREADS_MAX, ThreadId, ThreadSet};
use super::digest::Digest;
use super::stepwise::scripted_answers::Allowance;
use super::world::Start;

/// So often all threads may spin in vain.
pub(crate) const SPIN_ROUNDS_MAX: u32 = 256;

/// So many kinds of operations a program may tell apart.
pub(crate) const OPERATION_KINDS_MAX: usize = 16;

/// The scheduler's state.
#[derive(Clone, Copy)]
pub(crate) struct Control {
    pub(crate) threads: usize,
    /// Who runs.
    pub(crate) current: ThreadId,
    pub(crate) runnable: ThreadSet,
    /// Not started because of others.
    pub(crate) waiting: ThreadSet,
    pub(crate) ended: ThreadSet,
    spinning: ThreadSet,
    spin_rounds: u32,
    pub(crate) step: u64,
    pub(crate) steps_max: u64,
    pub(crate) choices: u64,
    pub(crate) switches: u64,
    pub(crate) plain_accesses: u64,
    /// The step at the last look at how many plain accesses there were.
    pub(crate) plain_step: u64,
    pub(crate) spins: u64,
    pub(crate) digest: Digest,
    pub(crate) pending: [Access; THREADS_MAX],
    pub(crate) operations: [u32; THREADS_MAX],
    pub(crate) steps: [u32; THREADS_MAX],
    /// Which thread stops for ever, in front of the step after so many of its own.
    pub(crate) stops: Option<(ThreadId, u32)>,
    /// Whether it has.
    pub(crate) stopped: bool,
    /// What a search may still let happen.
    pub(crate) events: Allowance,
    /// System calls of each thread that were refused.
    pub(crate) refused: [u32; THREADS_MAX],
    /// Weak compare-exchanges that failed for no reason.
    pub(crate) spurious: u32,
    /// The block of each thread that the allocator may look at although the program holds it: its
    /// mark, or zero.
    pub(crate) lent: [u32; THREADS_MAX],
    /// Writes to shared words of the allocator, and system calls, by each thread.
    pub(crate) writes: [u32; THREADS_MAX],
    /// The step of each thread at which its last operation ended.
    pub(crate) operation_at: [u32; THREADS_MAX],
    /// The most steps of an operation, by kind.
    pub(crate) longest: [u32; OPERATION_KINDS_MAX],
    /// Whether a limit was set in this run.
    pub(crate) limited: bool,
    /// The last step at which each thread was refused memory, or a release of it; and at which it
    /// gave some back.
    pub(crate) denied_at: [u32; THREADS_MAX],
    pub(crate) given_at: [u32; THREADS_MAX],
    /// The heap pointers, by the platform's meaning.
    pub(crate) heaps: [usize; THREADS_MAX],
    /// What to call when the thread ends.
    pub(crate) exits: [Option<fn()>; THREADS_MAX],
    pub(crate) starts: [Start; THREADS_MAX],
}

/// Who can be offered.
pub(crate) enum Candidates {
    /// Threads that can do a step.
    Some(ThreadSet),
    /// Everybody waits for somebody.
    Deadlock,
    /// Everybody spins.
    Stuck,
}

impl Control {
    pub(crate) fn begin(steps_max: u64, starts: impl Iterator<Item = Start>) -> Control {
        let mut control = Control {
            threads: 0,
            current: 0,
            runnable: ThreadSet::EMPTY,
            waiting: ThreadSet::EMPTY,
            ended: ThreadSet::EMPTY,
            spinning: ThreadSet::EMPTY,
            spin_rounds: 0,
            step: 0,
            steps_max,
            choices: 0,
            switches: 0,
            plain_accesses: 0,
            plain_step: 0,
            spins: 0,
            digest: Digest::EMPTY,
            pending: [Access::start(); THREADS_MAX],
            operations: [0; THREADS_MAX],
            steps: [0; THREADS_MAX],
            stops: None,
            stopped: false,
            events: Allowance::default(),
            refused: [0; THREADS_MAX],
            spurious: 0,
            lent: [0; THREADS_MAX],
            operation_at: [0; THREADS_MAX],
            longest: [0; OPERATION_KINDS_MAX],
            limited: false,
            writes: [0; THREADS_MAX],
            denied_at: [0; THREADS_MAX],
            given_at: [0; THREADS_MAX],
            heaps: [0; THREADS_MAX],
            exits: [None; THREADS_MAX],
            starts: [Start::AtOnce; THREADS_MAX],
        };
        for start in starts {
            let thread = control.threads;
            control.threads += 1;
            control.starts[thread] = start;
            if let Start::AtOnce = start {
                control.runnable = control.runnable.with(thread);
            } else {
                control.waiting = control.waiting.with(thread);
            }
        }
        control.wake();
        control
    }

    /// Who can be offered now.
    #[inline]
    pub(crate) fn candidates(&mut self) -> Candidates {
        let active = ThreadSet(self.runnable.0 & !self.spinning.0);
        if !active.is_empty() {
            return Candidates::Some(active);
        }
        if self.runnable.is_empty() {
            return Candidates::Deadlock;
        }
        self.spinning = ThreadSet::EMPTY;
        self.spin_rounds += 1;
        if self.spin_rounds > SPIN_ROUNDS_MAX {
            return Candidates::Stuck;
        }
        Candidates::Some(self.runnable)
    }

    /// Who spins, and how often all spun in vain.
    pub(crate) fn spinners(&self) -> (ThreadSet, u32) {
        (self.spinning, self.spin_rounds)
    }

    /// The current thread spins.
    pub(crate) fn spin(&mut self) {
        self.spins += 1;
        self.spinning = self.spinning.with(self.current);
    }

    /// The current thread changed something that others may wait for.
    #[inline]
    pub(crate) fn changed(&mut self) {
        self.spinning = ThreadSet::EMPTY;
        self.spin_rounds = 0;
    }

    /// A thread has ended.
    pub(crate) fn end(&mut self, thread: ThreadId) {
        self.runnable = self.runnable.without(thread);
        self.ended = self.ended.with(thread);
        self.changed();
        self.wake();
    }

    /// Stops the thread for ever, if it is the one and this the moment.
    #[inline]
    pub(crate) fn stop_if_due(&mut self, thread: ThreadId) {
        if self.stops == Some((thread, self.steps[thread])) {
            self.stop(thread);
        }
    }

    /// Stops the thread for ever.
    pub(crate) fn stop(&mut self, thread: ThreadId) {
        self.runnable = self.runnable.without(thread);
        self.stopped = true;
    }

    /// A thread has stopped for ever, and nobody can go: those begin that come behind all others;
    /// whether there are any.
    pub(crate) fn begin_last(&mut self) -> bool {
        let starts = self.starts;
        let last = self.waiting.iter().filter(|&thread| starts[thread] == Start::AfterAll);
        let last = last.fold(ThreadSet::EMPTY, ThreadSet::with);
        self.waiting = ThreadSet(self.waiting.0 & !last.0);
        self.runnable = ThreadSet(self.runnable.0 | last.0);
        !last.is_empty()
    }

    /// The threads that still do steps, but for those that begin ordered after all others.
    pub(crate) fn unordered(&self) -> ThreadSet {
        let all = ThreadSet(self.runnable.0 | self.waiting.0);
        all.iter().fold(all, |set, thread| match self.starts[thread] {
            Start::AfterAll if !self.runnable.contains(thread) => set.without(thread),
            _ => set,
        })
    }

    pub(crate) fn all_ended(&self) -> bool {
        self.ended.len() == self.threads
    }

    /// What other threads than the current one changed, as a number that grows.
    pub(crate) fn writes_of_others(&self) -> u32 {
        let all = self.writes.iter().fold(0_u32, |sum, writes| sum.wrapping_add(*writes));
        all.wrapping_sub(self.writes[self.current])
    }

    /// Counts a step of the current thread.
    #[inline]
    pub(crate) fn count_step(&mut self) {
        self.step += 1;
        self.steps[self.current] += 1;
    }

    /// Adds a step to the digest.
    #[inline]
    pub(crate) fn note(&mut self, kind: Kind, offset: usize, value: u64) {
        self.digest.add(self.current, kind, offset, value);
    }

    fn wake(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let (waiting, starts) = (self.waiting, self.starts);
        let epilogues =
            (0..self.threads).filter(|&thread| matches!(starts[thread], Start::AfterAll)).count();
        for thread in waiting.iter() {
            let ready = match starts[thread] {
                Start::AtOnce => true,
                Start::After(other) | Start::Joining(other) => self.ended.contains(other),
                Start::AfterAll => self.ended.len() + epilogues >= self.threads,
            };
            if ready {
                self.waiting = self.waiting.without(thread);
                self.runnable = self.runnable.with(thread);
            }
        }
    }
}
