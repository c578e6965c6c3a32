//! Proving: all schedules of a program, each state visited once.
//!
//! A depth-first search over a `Stage`: in each state every thread that can go does its step, from a snapshot; a state
//! that was seen before (by its hash) is not entered again. It ends when there is nothing left: then every schedule of
//! this program was covered.
//!
//! # What "complete" means
//!
//! No schedule of this program (this scenario, these threads, this plant, this geometry, sequentially consistent memory,
//! no failing system calls, no spurious failures) breaks a rule that an oracle knows, up to collisions of 128-bit
//! hashes. That includes data races, because happens-before is part of a state (see `runtime::state_hash`); under
//! [`Options::clocks_matter`] `== false` it does not include those races that only some of the paths to a merged state
//! lead to. It says nothing about other programs.
//!
//! What the search relies on, and nothing checks: a body keeps its state on its stack and in the arena, and where it says
//! that it is at rest, it is; an oracle reads shared words only through its view, or such as belong to the running thread
//! or never change any more. Counters that only grow (generations, tags of stacks) are memory like any other: states that
//! differ in them are different, so that reuse of a tag is never taken for granted; that they wrap around is out of reach.
//!
//! # Reductions
//!
//! Three. Two leave out steps, both by what steps have really touched (see `runtime::footprint`), neither by what a word is meant for. The graph
//! of states has no cycles (see `runtime::history`), so nothing can be put off for ever.
//!
//! **Private steps** (singleton ample sets). If the step of a thread is independent of everything that the others still
//! do, it alone is followed: all other orders lead to the same states. What the others still do is not known in advance,
//! so the search runs in passes: `Reach` collects for each word and thread the last position at which the thread touched
//! it; a pass takes a step for private if it conflicts with nothing collected; and when a pass has learnt something
//! new, it is followed by another. In the last pass nothing new was learnt. Why that is enough: suppose that in the
//! unreduced graph a step s that is not in the collection can be reached from a visited state. Take the shortest path
//! to such a step, and of these the one from the deepest visited state. If the state was expanded fully, its successor on
//! the path is a visited state with a shorter path. If only a private step p of thread t was followed: either t does p on
//! the path, and everything before is independent of p (else it would be a shorter path to an uncollected step), so p can
//! go first, and its successor has a shorter path; or t does nothing on the path, and p can go first, and its successor
//! is a deeper state with the same path. (If s itself conflicts with p, it touches the word of the conflict also after
//! p.) Either way a contradiction. With that, p is independent of all that others can do before t goes on, and the
//! theory of ample sets gives: every final state and every broken rule is reached.
//!
//! **Sleep sets** (Godefroid 1996). After a step of one thread was followed in a state, it need not be done again right
//! behind an independent step of another. Together with visited states that is unsound unless each state remembers with
//! which threads asleep it was explored, and is explored again for those that are awake on another visit; that is done
//! here. Sleep sets save transitions, not states.
//!
//! **Moments without a use.** Of happens-before, only that part makes states different which a thread still compares with
//! something: a word's last plain write matters while another thread still touches the word, the operations on a shared
//! word while another thread still touches it as plain memory, the accesses of a page while a system call on it is still
//! to come. `Reach` knows that too, and it does not depend on happens-before: clocks decide verdicts, never values. So
//! what was not seen in the last pass, no path does.

mod reach;
mod search;
#[cfg(test)]
mod tests;
mod visited;

pub use search::search;

use crate::runtime::{ThreadId, Violation};

/// How to search.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// So many states at most, in one pass.
    pub states_max: u64,
    /// So many bytes for visited states and snapshots at most.
    pub bytes_max: usize,
    /// Whether states with different happens-before are different.
    pub clocks_matter: bool,
    /// Whether private steps are followed alone.
    pub private_steps: bool,
    /// Whether sleep sets are used.
    pub sleep_sets: bool,
    /// Whether states are visited once. Without, every path is walked: for checking the search itself.
    pub merge: bool,
}

impl Options {
    /// Whether it must be known what the threads still do.
    fn needs_reach(&self) -> bool {
        self.private_steps || self.clocks_matter
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            states_max: 20_000_000,
            bytes_max: 4 << 30,
            clocks_matter: true,
            private_steps: true,
            sleep_sets: true,
            merge: true,
        }
    }
}

/// How a search ended.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Everything was covered, and no rule is broken.
    Complete,
    /// A rule is broken, after these threads did a step each, in this order.
    Violation(Box<Violation>, Vec<ThreadId>),
    /// A limit was reached.
    Cut {
        /// Which one, in a few words.
        limit: &'static str,
        /// Steps that were still to be followed.
        frontier: u64,
        /// How many steps deep the search stood.
        depth: u64,
    },
}

/// What a search was.
#[derive(Clone, Debug)]
pub struct Proof {
    /// How it ended.
    pub verdict: Verdict,
    /// States of the last pass.
    pub states: u64,
    /// Steps of the last pass.
    pub transitions: u64,
    /// Steps of all passes.
    pub transitions_all: u64,
    /// The most steps in a row.
    pub depth: u64,
    /// Final states of the last pass: hashes of memory, in order.
    pub finals: Vec<u128>,
    /// How many passes the private steps needed.
    pub passes: u32,
    /// Bytes of visited states and snapshots, at most.
    pub bytes: usize,
}
