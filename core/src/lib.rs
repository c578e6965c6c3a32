//! hak-core: the allocator's state machine, generic over the platform that drives it.
#![no_std]

pub mod fault;
pub mod geometry;
pub mod heap;
pub mod platform;
pub mod root;

pub use fault::Fault;
pub use geometry::Geometry;
pub use heap::Heap;
pub use platform::{Atomic, Misuse, Ordering, Plain, Platform};
pub use root::Root;

/// The allocator of a platform.
pub struct Allocator<P: Platform>(core::marker::PhantomData<P>);
