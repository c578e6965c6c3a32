//! The words of the native platform: what `core::sync::atomic` and `UnsafeCell` offer, under the
//! core's names.
//!
//! [`SharedWord`] and [`OwnedWord`] are `repr(transparent)` and every method is one inlined call,
//! so that the core compiles to the instructions that a version written for the machine alone would
//! have. They are wrappers, and not the bare types, only because Rust lets nobody implement another
//! crate's trait for another crate's type.
//!
//! Invariants:
//! 1. Accesses to an [`OwnedWord`] are ordered by happens-before. It is `!Sync`; the core, which
//!    reaches words by their addresses, keeps to who owns them: the invariants 1 of its `block`,
//!    `slab` and `heap`, which the simulator checks at every access.
//! 2. No reference to the inside of an [`OwnedWord`] is ever made.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};

use hak_core::{Atomic, Gauge, Ordering, Plain};

/// A word that threads share: `W` is a type of `core::sync::atomic`.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct SharedWord<W>(W);

/// The nine methods for one width. A macro, because the types in `core::sync::atomic` have no trait
/// in common.
macro_rules! shared {
    ($word:ty, $value:ty) => {
        impl Atomic<$value> for SharedWord<$word> {
            #[inline(always)]
            fn load(&self, order: Ordering) -> $value {
                self.0.load(order)
            }

            #[inline(always)]
            fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, order);
            }

            #[inline(always)]
            fn swap(&self, value: $value, order: Ordering) -> $value {
                self.0.swap(value, order)
            }

            #[inline(always)]
            fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.0.compare_exchange(current, new, success, failure)
            }

            #[inline(always)]
            fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.0.compare_exchange_weak(current, new, success, failure)
            }

            #[inline(always)]
            fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                self.0.fetch_add(value, order)
            }

            #[inline(always)]
            fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                self.0.fetch_sub(value, order)
            }

            #[inline(always)]
            fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                self.0.fetch_and(value, order)
            }

            #[inline(always)]
            fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                self.0.fetch_or(value, order)
            }
        }

        const _: () = assert!(size_of::<SharedWord<$word>>() == size_of::<$value>());
        const _: () = assert!(align_of::<SharedWord<$word>>() == align_of::<$word>());
    };
}

shared!(AtomicU32, u32);
shared!(AtomicU64, u64);
shared!(AtomicUsize, usize);

impl Plain<u32> for SharedWord<AtomicU32> {
    #[inline(always)]
    fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn set(&self, value: u32) {
        self.0.store(value, Ordering::Relaxed);
    }
}

impl Gauge for SharedWord<AtomicU32> {
    #[inline(always)]
    fn peek(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A word that one thread at a time may touch. `!Sync`, as the [`UnsafeCell`] in it.
#[derive(Debug)]
#[repr(transparent)]
pub struct OwnedWord<T>(UnsafeCell<T>);

impl<T: Copy> Plain<T> for OwnedWord<T> {
    #[inline(always)]
    fn get(&self) -> T {
        // SAFETY: [atomics 1, atomics 2] nobody writes now, and no reference to it is made.
        unsafe { *self.0.get() }
    }

    #[inline(always)]
    fn set(&self, value: T) {
        // SAFETY: [atomics 1, atomics 2] nobody reads or writes now, and no reference to it is
        // made.
        unsafe { *self.0.get() = value }
    }
}

const _: () = assert!(size_of::<OwnedWord<*mut u8>>() == size_of::<*mut u8>());
