//! Tests of the search: of going back, of its answers on models that are small enough to be
//! enumerated, and on the allocator.
//!
//! Invariants:
//! 1. The bodies of these tests own nothing. They keep numbers on their stacks, and all else in
//!    words of the user area; those on the allocator are the bodies of a program (`simulation`,
//!    invariant 1). Who leads a stage here leaves it where it is.

mod allocator;
mod enumeration;
mod events;
mod going_back;
mod weak;
