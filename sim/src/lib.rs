//! The deterministic simulator that drives hak's core, and the `hak-sim` command.
//!
//! | Module | What it is |
//! |---|---|
//! | [`runtime`] | the engine: arena, fibers, clocks, memory oracles, strategies; knows no allocator |
//! | [`oracle`] | oracles that know what a slab is |
//! | [`program`], [`notation`] | what simulated threads do, as data and as text |
//! | [`scenario`], [`protocols`] | named programs: drawn from a seed, and fixed |
//! | [`settings`], [`simulation`] | everything that determines a run, and the run |
//! | [`events`] | what happens beside the interleaving: refusals, failures, threads that end or stop |
//! | [`turns`] | directed interleavings, for stories and snapshots |
//! | [`explore`], [`shrink`] | many runs, sampled, and the smallest that fails |
//! | [`interpreter`] | what an operation does, simulated or native |
//! | [`stress`], [`heap`] | the same programs on real threads, and the command's own memory |
//! | [`mutants`], [`pinned`] | does the search notice what is taken away, and what changes a policy |
//! | [`prove`] | all runs of a small program |
//! | [`report`], [`picture`], [`columns`], [`explain`] | what is said and drawn of a run |
//! | [`faults`], [`absent`] | the list of planted faults, and of what cannot be planted |
//! | [`cli`] | the command |

pub mod absent;
pub mod cli;
pub mod columns;
pub mod events;
pub mod explain;
pub mod explore;
pub mod faults;
mod guiding;
pub mod heap;
pub mod interpreter;
pub mod misuses;
pub mod mutants;
pub mod notation;
pub mod oracle;
pub mod picture;
pub mod pinned;
pub mod program;
pub mod promises;
pub mod protocols;
pub mod prove;
pub mod report;
pub mod runtime;
pub mod scenario;
pub mod settings;
pub mod shrink;
pub mod simulation;
mod sketch;
mod states;
mod strategies;
pub mod stress;
pub mod turns;
