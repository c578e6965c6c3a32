//! Proving: all schedules of a program, each state visited once.
//!
//! A depth-first search over a `Stage`: in each state every thread that can go does its step, from
//! a snapshot; a state that was seen before (by its hash) is not entered again. It ends when there
//! is nothing left: then every schedule of this program was covered.
//!
//! A step may go several *ways*: under weak memory it reads one of several stores, or puts its own
//! behind one; and [`Allowance`] may happen to it, as many in a run as the options say: a system
//! call fails, a weak compare-exchange fails for no reason, the thread stops for ever. Each way is
//! followed.
//!
//! # What "complete" means
//!
//! No schedule of this program (this scenario, these threads, this plant, this geometry, this
//! memory model, with at most so many events) breaks a rule that an oracle knows, up to collisions
//! of 128-bit hashes. That includes data races, because happens-before is part of a state (see
//! `order_hash`); under [`ProofOptions::clocks_matter`] `== false` it does not include
//! those races that only some of the paths to a merged state lead to. It says nothing about other
//! programs, and under weak memory nothing about what that model leaves out (see `runtime::weak`).
//!
//! A thread that only spins, and that nobody is left to wake, reads the newest store: an old one is
//! seen for a finite time only. Nothing happens to the thread that tidies up behind all others. If
//! a thread has stopped, that one does not begin, and what lies around at the end is not audited.
//!
//! What the search relies on, and nothing checks: a body keeps its state on its stack and in the
//! arena (the contract of [`search()`]), and where it says that it is at rest, it is; an oracle
//! reads shared words only through its view, or such as belong to the running thread or never
//! change any more. Counters that only grow (generations, tags of stacks) are memory like any
//! other: states that differ in them are different, so that reuse of a tag is never taken for
//! granted; that they wrap around is out of reach.
//!
//! # Reductions
//!
//! Three. Two leave out steps, both by what steps have really touched (see `footprint`),
//! neither by what a word is meant for. The graph of states has no cycles (see `history`),
//! so nothing can be put off for ever.
//!
//! **Private steps** (singleton ample sets). If the step of a thread is independent of everything
//! that the others still do, in each of its ways, it alone is followed: all other orders lead to
//! the same states. What the others still do is not known in advance, so the search runs in passes:
//! `Reach` collects for each word and thread the last position at which the thread touched it; a
//! pass takes a step for private if it conflicts with nothing collected; and when a pass has learnt
//! something new, it is followed by another. In the last pass nothing new was learnt. Why that is
//! enough: suppose that in the unreduced graph a step s that is not in the collection can be
//! reached from a visited state. Take the shortest path to such a step, and of these the one from
//! the deepest visited state. If the state was expanded fully, its successor on the path is a
//! visited state with a shorter path. If only a private step p of thread t was followed: either t
//! does p on the path, and everything before is independent of p (else it would be a shorter path
//! to an uncollected step), so p can go first, in the same way, and its successor has a shorter
//! path; or t does nothing on the path, and p can go first, and its successor is a deeper state
//! with the same path. (If s itself conflicts with p, it touches the word of the conflict also
//! after p.) Either way a contradiction. With that, p is independent of all that others can do
//! before t goes on, and the theory of ample sets gives: every final state and every broken rule is
//! reached.
//!
//! **Sleep sets** (Godefroid 1996). After a step of one thread was followed in a state, in all its
//! ways, it need not be done again right behind an independent step of another: its ways are the
//! same there. Together with visited states that is unsound unless each state remembers with which
//! threads asleep it was explored, and is explored again for those that are awake on another visit;
//! that is done here. Sleep sets save transitions, not states.
//!
//! **What is of no use.** Of happens-before, only that part makes states different which a thread
//! still compares with something: a word's last plain write matters while another thread still
//! touches the word, the operations on a shared word while another thread still touches it as plain
//! memory, the accesses of a page while a system call on it is still to come; of old stores, those
//! that a thread which still touches the word may still read. `Reach` knows who still does. Why
//! states that differ in nothing else are one, although under weak memory clocks decide which
//! values are read: let a state be entered only by its hash, A in place of B. As long as every step
//! behind A is in the collection, B can follow A step by step, way by way: the threads stand at the
//! same places, each touches the same words, every word that it touches is in the collection, so
//! what can be read there is in the hash, and the successors differ again in nothing but what is of
//! no use. A first step behind B that is not in the collection would touch memory that is the same
//! in A, or begin with an access that A has too: so A has that step as well, on a path as short,
//! and the argument above, with A for B, ends in the same contradiction.
//!
//! # Threads that stop
//!
//! A stop changes nothing but who can go, and there is one at most: it can change places with every
//! step of another thread. In front of a private step nobody stops: whether a thread stops in front
//! of it or behind it, no other thread can tell, unless the step is its last one. So everything
//! that the others do is reached, but not every memory that a stopped thread may leave.

mod of_scenario;
mod reach;
mod search;
#[cfg(test)]
mod tests;
mod visited;

pub use search::search;

use crate::run::script::ScriptStep;
use crate::runtime::{Allowance, Violation};

/// How to search.
#[derive(Clone, Copy, Debug)]
pub struct ProofOptions {
    /// So many states at most, in one pass.
    pub states_max: u64,
    /// So many bytes for visited states and snapshots at most.
    pub bytes_max: usize,
    /// Whether states with different happens-before are different.
    pub clocks_matter: bool,
    /// What may happen beside the interleaving.
    pub events: Allowance,
    /// Whether private steps are followed alone.
    pub private_steps: bool,
    /// Whether sleep sets are used.
    pub sleep_sets: bool,
    /// Whether states are visited once. Without, every path is walked: for checking the search
    /// itself.
    pub merge: bool,
}

impl Default for ProofOptions {
    fn default() -> ProofOptions {
        ProofOptions {
            states_max: 20_000_000,
            bytes_max: 4 << 30,
            clocks_matter: true,
            events: Allowance::default(),
            private_steps: true,
            sleep_sets: true,
            merge: true,
        }
    }
}

/// How a search ended.
#[derive(Clone, Debug)]
pub enum ProofVerdict {
    /// Everything was covered, and no rule is broken.
    Complete,
    /// A rule is broken, after these steps.
    Violation(Box<Violation>, Vec<ScriptStep>),
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
    pub verdict: ProofVerdict,
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
