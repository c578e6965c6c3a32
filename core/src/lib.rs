//! hak-core: the allocator's state machine, generic over the platform that drives it.
//!
//! The same code runs on real threads (crate `hak`) and under the simulator (crate `hak-sim`). Its only door to the
//! world is [`Platform`]; it has no statics, no dependencies, and never allocates anywhere else.
//!
//! From the outside in:
//!
//! | Module         | What it is                                                                    |
//! |----------------|-------------------------------------------------------------------------------|
//! | [`allocator`]  | the front door: allocate, free, reallocate                                    |
//! | [`heap`]       | what one thread has: a thread cache and its own slabs, per size class         |
//! | `cache`        | a thread cache that is full or given up: local and remote frees               |
//! | `refill`       | where blocks come from, as one ordered list of sources                        |
//! | `tidy`         | what a heap has not used for a while goes back                                |
//! | `guest`        | blocks for threads that have no heap                                          |
//! | `thread`       | a thread's heap: how it gets one, and what happens at its end                 |
//! | `ownership`    | the one door to a slab: claim, take, release, look again                      |
//! | [`abandoned`]  | where slabs are found that nobody owns although they have free blocks         |
//! | [`slab`]       | a slab's descriptor and its freelist                                          |
//! | [`remote_list`] | blocks freed by threads that do not own the slab                             |
//! | `pool`         | the shared pool: slots of SuperSlabs, retirement                              |
//! | [`superslab`]  | a SuperSlab's word: slot mask and use                                         |
//! | `units`        | which units of the range are in use                                           |
//! | `run`          | blocks of one slab or several neighbouring ones                               |
//! | `large`, `retained` | mappings of their own; freed ones that are kept                               |
//! | `idle`, `decay` | memory that nobody uses, and how it goes back in time                         |
//! | [`count`]      | how many slots are in use, and how many idle                                  |
//! | `budget`       | bytes that are committed, and their limit                                     |
//! | [`range`], `growth` | the range and the registry; how it grows                                 |
//! | `class_map`    | the class of each slab, dense, for `free`                                     |
//! | `block`        | a free block: its hidden link and its mark                                    |
//! | [`index_stack`] | a lock-free stack of descriptors                                             |
//! | [`slot`], [`size_class`], [`geometry`] | arithmetic, not generic                               |
//! | [`inspect`]    | a walk over everything at rest, for accounting and pictures                   |
//! | `place`        | what lies at an address, in words                                             |
//! | [`platform`], [`fault`] | the boundary                                                         |
#![no_std]

pub mod abandoned;
pub mod allocator;
mod block;
mod budget;
mod cache;
mod class_map;
pub mod count;
mod decay;
pub mod fault;
pub mod geometry;
mod growth;
mod guest;
pub mod heap;
mod idle;
pub mod index_stack;
pub mod inspect;
mod large;
mod ownership;
mod place;
pub mod platform;
mod pool;
pub mod range;
mod refill;
pub mod remote_list;
mod retained;
pub mod root;
mod run;
pub mod size_class;
pub mod slab;
pub mod slot;
pub mod superslab;
mod thread;
mod tidy;
mod units;

pub use allocator::Allocator;
pub use fault::Fault;
pub use geometry::Geometry;
pub use heap::Heap;
pub use platform::{Atomic, Extension, Gauge, Misuse, Ordering, Plain, Platform};
pub use root::Root;
