//! The runtime of the simulator: a world in which one schedule after another runs, each decided
//! step by step.
//!
//! It knows nothing of allocators: any code written over [`hak_core::Platform`] runs in it.
//!
//! ```text
//! scenario ── bodies ──► World::run ──► fibers, one for each simulated thread
//!                            │              │ every access of a simulated word
//!                            │              ▼
//!            Chooser ◄── Engine: choice ── Observer ── oracles ── memory
//! ```
//!
//! | file | what |
//! |---|---|
//! | `access`, `violation`, `oracle`, `chooser`, `observer` | the nouns, and the two interfaces |
//! | `names` | geometries and memory models |
//! | `world`, `fiber`, `control`, `engine` | a run, its stacks, the scheduler's state, one step |
//! | `arena`, `pages`, `shadow`, `clock`, `blocks` | memory, what of it exists, who touched it |
//! | `checks`, `plain`, `system`, `memory` | the oracles, the kinds of access |
//! | `weak` | the weak memory model: which earlier store a load reads |
//! | `platform`, `user` | what the code under test calls, and what scenarios call |
//! | `strategy` | choosers |
//! | `stepwise` | what an exhaustive search needs: one step at a time, and back |
//!
//! The same plan, bodies and chooser give the same steps everywhere: there are no clocks, addresses
//! or hash orders in a run, and digests are taken over offsets.

mod access;
mod arena;
mod blocks;
mod buffer;
mod checks;
mod chooser;
mod clock;
mod control;
mod current;
mod digest;
mod engine;
mod fiber;
mod memory;
mod names;
mod observer;
pub mod oracle;
mod pages;
mod panics;
mod plain;
mod platform;
mod shadow;
mod site;
mod stepwise;
pub mod strategy;
mod system;
#[cfg(test)]
mod tests;
pub mod user;
mod violation;
mod weak;
mod weakening;
mod world;

pub use access::{Access, Kind, Ordering, THREADS_MAX, ThreadId, ThreadSet};
pub use blocks::{Block, Pattern, Written};
pub use chooser::{Choice, ChoicePoint, Chooser};
pub use digest::Digest;
pub use names::{GeometryName, MemoryModel};
pub use observer::{Observer, Verdict, Wants, WorldView};
pub use platform::{Production, Sim, SimAtomic, SimPlain, Tiny, Wide, Word, WorldGeometry};
pub use stepwise::scripted_answers::Allowance;
pub use violation::{Finding, OtherAccess, Violation};
pub use weakening::Weakening;
pub use world::{Body, End, Plan, Run, Start, World, WorldConfig};

pub(crate) use control::OPERATION_KINDS_MAX;
pub(crate) use stepwise::footprint::{Manner, SEQUENTIAL, SPECIAL, Span, Touched};
pub(crate) use stepwise::order_hash::{OrderMoment, Trail, Uses};
pub(crate) use stepwise::scripted_answers::Answers;
pub(crate) use stepwise::stage::{Stage, StepEnd, Stepped, Terms};
pub(crate) use weak::STORES_MAX;
