//! What an exhaustive search needs of a world: one step at a time, and back.
//!
//! | File | What it is |
//! |---|---|
//! | `stage` | a world that is told each step |
//! | `scripted_answers` | what a step is answered when it asks |
//! | `snapshot` | a state of the world, to go back to |
//! | `state_hash`, `order_hash` | which states are one |
//! | `history` | what a thread has read: its state, without its stack |
//! | `footprint` | what a step touches: which steps commute |

pub(super) mod footprint;
pub(super) mod history;
pub(super) mod order_hash;
pub(super) mod scripted_answers;
pub(super) mod snapshot;
pub(super) mod stage;
pub(super) mod state_hash;
