//! Distinct states: how much of what can be was seen.
//!
//! A *state* here is what stands in the shared words, each by its place in the arena, together with
//! what each thread is about to do: the kind, the place and the source line of its pending access
//! (of a thread that has ended, of its last one). It is taken at every context switch, in front of
//! the first step of the thread that goes on. Plain words, the contents of blocks, the local
//! variables of threads and the rest of their programs are not in it: two states that count as one
//! may still differ in those.
//!
//! The hash of a state is a sum over words and threads, so that a change of a word costs two terms
//! and not a walk through memory. Equal states have equal hashes; different ones share one with a
//! chance of 2⁻⁶⁴ for each pair.

use crate::observe::hyperloglog::Sketch;
use crate::runtime::{Access, Observer, THREADS_MAX, ThreadId, Verdict, Wants, WorldView};

/// What counts the states of one run after another.
#[derive(Debug, Default)]
pub(crate) struct States {
    /// The states of all runs since it was cleared.
    pub(crate) sketch: Sketch,
    /// The sum over words and over threads that do not run.
    sum: u64,
    /// What each thread adds to it.
    threads: [u64; THREADS_MAX],
    /// Who runs.
    running: ThreadId,
    /// Under weak memory: what the word held in front of the access.
    held: u64,
}

impl States {
    /// A run begins.
    pub(crate) fn begin(&mut self) {
        self.sum = 0;
        self.threads = [0; THREADS_MAX];
        self.running = THREADS_MAX;
    }

    /// Another thread goes on: takes the state.
    #[inline(never)]
    fn switched(&mut self, thread: ThreadId, access: &Access, view: &WorldView<'_>) {
        if let Some(stands) = self.threads.get_mut(self.running) {
            *stands = pending(self.running, view.pending(self.running));
            self.sum = self.sum.wrapping_add(*stands);
        }
        self.sum = self.sum.wrapping_sub(self.threads[thread]);
        self.running = thread;
        self.sketch.insert(finished(self.sum.wrapping_add(pending(thread, access))));
    }
}

impl Observer for States {
    #[inline]
    fn wants(&self) -> Wants {
        Wants::BEFORE_STEPS.and(Wants::AFTER_STEPS)
    }

    #[inline]
    fn before(&mut self, thread: ThreadId, access: &Access, view: &WorldView<'_>) -> Verdict {
        if thread != self.running {
            self.switched(thread, access, view);
        }
        if view.is_weak() && access.kind.is_atomic() {
            self.held = view.read(access.offset, access.bytes);
        }
        Verdict::Go
    }

    /// What a word held and holds is known of each operation but for the weak memory model, whose
    /// stores may be put behind others.
    #[inline]
    fn after(
        &mut self,
        _: ThreadId,
        access: &Access,
        mut old: u64,
        mut new: u64,
        view: &WorldView<'_>,
    ) -> Verdict {
        if !access.kind.is_atomic() {
            return Verdict::Go;
        }
        if view.is_weak() {
            (old, new) = (self.held, view.read(access.offset, access.bytes));
        }
        if old != new {
            let word = |value| term(!(access.offset as u64), view.normalise(access, value));
            self.sum = self.sum.wrapping_add(word(new)).wrapping_sub(word(old));
        }
        Verdict::Go
    }
}

/// What a thread adds that is about to do this.
fn pending(thread: ThreadId, access: &Access) -> u64 {
    let place = (access.offset as u64) << 16 | (access.kind as u64) << 8 | (thread as u64 + 1);
    let line = u64::from(access.site.line()) << 16 | u64::from(access.site.column());
    term(place, line)
}

/// Two numbers as one: a term of the sum.
#[inline]
fn term(place: u64, value: u64) -> u64 {
    let both =
        place.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ value.wrapping_mul(0xd6e8_feb8_6659_fd93);
    let both = (both ^ both >> 32).wrapping_mul(0xff51_afd7_ed55_8ccd);
    both ^ both >> 32
}

/// A sum as a hash whose first bits are as good as random.
#[inline]
fn finished(sum: u64) -> u64 {
    let sum = (sum ^ sum >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    sum ^ sum >> 33
}
