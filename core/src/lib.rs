//! hak-core: the allocator's state machine, generic over the platform that drives it.
//!
//! The same code runs on real threads (crate `hak`) and under the simulator (crate `hak-sim`). Its
//! only door to the world is [`Platform`]; it has no statics, no dependencies, and never allocates
//! anywhere else.
//!
//! A wing sees only what stands above it in this table; a test holds that (`tests/layers.rs`). Two
//! arrows run up, and may: [`Platform`] names [`Heap`] and [`Root`].
//!
//! | Wing | What it is |
//! |---|---|
//! | [`numbers`] | arithmetic: geometry, size classes, slot words |
//! | [`boundary`] | what the core asks of the world: [`Platform`]; planted faults |
//! | [`tables`] | words in memory: block, remote list, slab, SuperSlab, class map, heap, root |
//! | [`range`] | the range of addresses: registry, growth, units, committed bytes, kept mappings |
//! | [`slabs`] | who has a slab: claim, release, abandon, adopt |
//! | [`pool`] | slots of SuperSlabs, runs and mappings; what lies idle, and how it goes back |
//! | `thread` | a thread's heap: cache, refill, tidying, and what threads without one do |
//! | [`inspect`] | a walk over everything at rest, for accounting and pictures |
//! | [`allocator`] | the front door: allocate, free, reallocate |
#![no_std]

pub mod allocator;
pub mod boundary;
pub mod inspect;
pub mod numbers;
pub mod pool;
pub mod range;
pub mod slabs;
pub mod tables;
mod thread;

pub use allocator::Allocator;
pub use boundary::fault::{Fault, Needs, Takes};
pub use boundary::platform::{Atomic, Extension, Gauge, Misuse, Ordering, Plain, Platform};
pub use numbers::geometry::Geometry;
pub use tables::heap::Heap;
pub use tables::root::Root;
