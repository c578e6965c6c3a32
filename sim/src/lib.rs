//! The deterministic simulator that drives hak's core, and the `hak-sim` command.
//!
//! A wing sees only what stands above it in this table (`tests/layers.rs`).
//!
//! | Wing | What it is |
//! |---|---|
//! | [`runtime`] | the engine: arena, fibers, clocks, memory oracles, strategies; knows no allocator |
//! | [`faults`] | the table of planted faults, and of what cannot be planted |
//! | [`observe`] | what is looked at: oracles that know a slab, the log of transitions, states, a picture |
//! | [`program`] | what simulated threads do, as data and as text, and who does it |
//! | [`scenario`] | named programs: drawn from a seed, and fixed |
//! | [`run`] | everything that determines a run, and the run |
//! | [`stress`] | the same programs on real threads |
//! | [`search`] | many runs: sampled, all, the smallest that fails; mutants |
//! | [`report`] | what is said and drawn of a run |
//! | [`cli`] | the command |

pub mod cli;
pub mod faults;
pub mod observe;
pub mod program;
pub mod report;
pub mod run;
pub mod runtime;
pub mod scenario;
pub mod search;
pub mod stress;
