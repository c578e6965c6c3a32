//! The boundary: all that the core asks of the world, and the lines of it that can be taken away
//! for a test.
//!
//! | File | What it is |
//! |---|---|
//! | [`platform`] | words, system calls, and the thread: a trait with pre- and postconditions |
//! | [`fault`] | planted faults, which are constant false natively |

pub mod fault;
pub mod platform;
