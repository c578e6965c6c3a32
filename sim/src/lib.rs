//! The deterministic simulator that drives hak's core, and the `hak-sim` command.
//!
//! | Module | What it is |
//! |---|---|
//! | [`runtime`] | the engine: arena, fibers, clocks, memory oracles, strategies; knows no allocator |
//! | [`oracle`] | oracles that know what a slab is |
//! | [`program`], [`scenario`], [`protocols`] | what simulated threads do, as data, and named generators of it |
//! | [`settings`], [`simulation`] | everything that determines a run, and the run |
//! | [`explore`] | many runs, sampled |
//! | [`prove`] | all runs of a small program |
//! | [`report`], [`picture`], [`columns`] | what is said and drawn of a run |
//! | [`faults`] | the list of planted faults |
//! | [`cli`] | the command |

pub mod cli;
pub mod columns;
pub mod explore;
pub mod faults;
pub mod oracle;
pub mod picture;
pub mod program;
pub mod protocols;
pub mod prove;
pub mod report;
pub mod runtime;
pub mod scenario;
pub mod settings;
pub mod simulation;
mod strategies;
