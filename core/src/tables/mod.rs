//! Words in memory: what a block, a slab, a SuperSlab and a heap are made of, each with the steps
//! that its words can do.
//!
//! | File | What it is |
//! |---|---|
//! | `block` | a free block: its hidden link and its seal |
//! | [`remote_list`] | blocks freed by threads that do not own the slab |
//! | [`slab`] | a slab's descriptor and its freelist |
//! | [`superslab`] | a SuperSlab's word: slot mask and use |
//! | `class_map` | the class of each slab, dense, for `free` |
//! | [`index_stack`] | a lock-free stack of descriptors |
//! | `bin` | what a heap has of one size class; the fast paths |
//! | [`counts`] | how many slots are in use, and how many idle |
//! | [`heap`] | what one thread has: a bin for each size class |
//! | [`root`] | the words from which everything else is found |

pub(crate) mod bin;
pub(crate) mod block;
pub(crate) mod class_map;
pub mod counts;
pub mod heap;
pub mod index_stack;
pub mod remote_list;
pub mod root;
pub mod slab;
pub mod superslab;
