//! Tests of the search: of going back, of its answers on models that are small enough to be
//! enumerated, and on the allocator.

mod allocator;
mod enumeration;
mod events;
mod going_back;
mod weak;
