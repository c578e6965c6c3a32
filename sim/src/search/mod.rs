//! Many runs: sampled, all of a small program, the smallest that fails, and whether what is taken
//! away is noticed.
//!
//! | File | What it is |
//! |---|---|
//! | [`explore`] | schedules drawn from a seed |
//! | [`prove`] | all schedules of a small program |
//! | [`cause`] | what decided a failing run |
//! | `continued` | a recorded run followed for a while, and then left to chance |
//! | `shrink` | the smallest run that fails in the same way |
//! | `mutants` | orderings made weaker and checks dropped |
//! | [`contention`] | what threads cost each other, by their number |
//! | [`misuses`], [`promises`] | wrong calls, and what is promised beside being right |
//! | [`pinned`] | what runs come to when operations go one after the other |

pub mod cause;
pub mod contention;
pub(crate) mod continued;
pub mod explore;
pub mod misuses;
pub(crate) mod mutants;
pub mod pinned;
pub mod promises;
pub mod prove;
pub(crate) mod shrink;
