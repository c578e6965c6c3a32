//! Who has a slab: the one door through which its owner changes, and where slabs are found that
//! have none.
//!
//! | File | What it is |
//! |---|---|
//! | `ownership` | claim, take, release, look again |
//! | [`abandoned`] | slabs that nobody owns although they have free blocks |

pub mod abandoned;
pub(crate) mod ownership;
