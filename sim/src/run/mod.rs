//! One run: everything that determines it, who chooses, and what happened.
//!
//! | File | What it is |
//! |---|---|
//! | [`settings`] | everything that determines a run |
//! | [`events`] | beside the interleaving: refusals, failures, threads that end or stop |
//! | `strategies` | from a strategy's name to the chooser that does it |
//! | [`script`] | a schedule step by step |
//! | [`turns`] | directed interleavings, for stories and snapshots |
//! | `guided` | a run with a guide that sees each step and may choose |
//! | [`simulation`] | settings in, a report out |

pub mod events;
pub(crate) mod guided;
pub mod script;
pub mod settings;
pub mod simulation;
pub(crate) mod strategies;
pub mod turns;
