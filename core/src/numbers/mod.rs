//! Arithmetic: sizes, classes, and the words that they are packed into. Nothing here is generic,
//! and nothing touches memory.
//!
//! | File | What it is |
//! |---|---|
//! | [`geometry`] | the sizes and thresholds of one allocator |
//! | `capacity` | how many blocks a thread cache holds, by their size |
//! | `excess` | how far an amount is above its bound |
//! | [`size_class`] | from a size to its class and back |
//! | [`slot`] | a slot word: state, generation and owner |

pub(crate) mod capacity;
pub(crate) mod excess;
pub mod geometry;
pub mod size_class;
pub mod slot;
