//! The boundary: the core's only door to the world.
//!
//! [`Platform`] is static (there is no instance) and the core's only type parameter. The native
//! platform maps its words to `core::sync::atomic` and its memory to the system's; the simulated
//! platform puts a scheduling choice in front of every shared access and checks each one. Both live
//! in one binary: what is tested is what is shipped.
//!
//! # Rules for words
//!
//! Every shared word is one of the atomic types with an explicit [`Ordering`]; every word that only
//! one thread at a time may touch (the owner of a slab, the thread of a heap, the holder of a free
//! block) is a [`Plain`] word, so that the simulator can check that claim with vector clocks. All
//! of them are `repr(transparent)` over the bare word and valid when zeroed: the layout is the same
//! on both platforms, and links may lie inside free blocks.
//!
//! Invariants, which each platform keeps:
//! 1. The words are `repr(transparent)` over the bare word, which is a number: the core asks for
//!    words of nothing else. So any bytes are valid, and a structure of words is in zeroed memory.
//! 2. The root is one, zeroed at first, never moved, and there for ever.
//! 3. [`Platform::thread_heap`] is what the core set last on the running thread, and at first
//!    [`Heap::nobody`]; no other thread gets it there.
//! 4. Addresses that are reserved are nobody else's until they are released. Pages that got memory
//!    read as zero at first, keep what is written to them, and stay accessible until the core gives
//!    them back: nobody else does.

use core::ptr::NonNull;
pub use core::sync::atomic::Ordering;

use crate::boundary::fault::Fault;
use crate::numbers::geometry::Geometry;
use crate::tables::heap::Heap;
use crate::tables::root::Root;

/// A word that threads share.
///
/// The methods are those of the types in `core::sync::atomic`, with the same meaning.
pub trait Atomic<T: Copy> {
    /// Reads the word.
    #[track_caller]
    fn load(&self, order: Ordering) -> T;
    /// Writes the word.
    #[track_caller]
    fn store(&self, value: T, order: Ordering);
    /// Writes the word and returns what it held.
    #[track_caller]
    fn swap(&self, value: T, order: Ordering) -> T;
    /// Writes `new` if the word holds `current`; returns what it held, as `Ok` if it was written.
    ///
    /// # Errors
    /// The word held something else; that value.
    #[track_caller]
    fn compare_exchange(
        &self,
        current: T,
        new: T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<T, T>;
    /// As [`Atomic::compare_exchange`], but may fail although the word holds `current`.
    ///
    /// # Errors
    /// The word held something else, or the attempt failed spuriously; the value seen.
    #[track_caller]
    fn compare_exchange_weak(
        &self,
        current: T,
        new: T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<T, T>;
    /// Adds, wrapping; returns what the word held.
    #[track_caller]
    fn fetch_add(&self, value: T, order: Ordering) -> T;
    /// Subtracts, wrapping; returns what the word held.
    #[track_caller]
    fn fetch_sub(&self, value: T, order: Ordering) -> T;
    /// Bitwise and; returns what the word held.
    #[track_caller]
    fn fetch_and(&self, value: T, order: Ordering) -> T;
    /// Bitwise or; returns what the word held.
    #[track_caller]
    fn fetch_or(&self, value: T, order: Ordering) -> T;
}

/// A word that one thread at a time may touch: like a `Cell`, and not shared (`!Sync`).
///
/// Whoever makes a reference to a structure that holds plain words available to several threads
/// must argue why the accesses are ordered by happens-before; the simulator checks the argument at
/// every access.
pub trait Plain<T: Copy> {
    /// Reads the word.
    #[track_caller]
    fn get(&self) -> T;
    /// Writes the word.
    #[track_caller]
    fn set(&self, value: T);
}

/// A plain word that anybody may read for statistics, while its owner writes: what is read may be
/// outdated.
pub trait Gauge: Plain<u32> {
    /// Reads the word without being its owner.
    fn peek(&self) -> u32;
}

/// What a program did wrong with the allocator. The one door for it is [`Platform::misuse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// The address is in no block of this allocator.
    ForeignPointer,
    /// The address lies inside a block, not at its start.
    InteriorPointer,
    /// The block was free already.
    DoubleFree,
    /// A link inside a free block was overwritten by the program.
    CorruptedLink,
    /// The allocator was entered again from inside itself.
    Reentry,
}

impl Misuse {
    /// The words for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Misuse::ForeignPointer => "foreign pointer",
            Misuse::InteriorPointer => "interior pointer",
            Misuse::DoubleFree => "double free",
            Misuse::CorruptedLink => "corrupted link",
            Misuse::Reentry => "re-entry",
        }
    }
}

/// What became of a request for certain addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// They are reserved now.
    Done,
    /// Some of them are somebody's already: the caller's own, or not.
    Taken,
    /// The system refuses; later it may not.
    Refused,
}

/// The world that drives the core. See the module's documentation.
///
/// # Safety
/// The core reaches all of its memory through this: an implementation keeps the invariants in the
/// head of this file, and what is said of each function below.
pub unsafe trait Platform: Copy + 'static {
    /// A shared word of 32 bits.
    type AtomicU32: Atomic<u32>;
    /// A shared word of 64 bits.
    type AtomicU64: Atomic<u64>;
    /// A shared word of the size of an address.
    type AtomicUsize: Atomic<usize>;
    /// An owner-only word.
    type Plain<T: Copy + 'static>: Plain<T>;

    /// An owner-only word of 32 bits that anybody may read for statistics.
    type Gauge: Gauge;

    /// Sizes and thresholds.
    const GEOMETRY: Geometry;

    /// The allocator's root: one for the process (or for the simulated world), zeroed memory at
    /// first, never moved.
    fn root() -> NonNull<Root<Self>>;

    /// The heap of the running thread: what [`Platform::set_thread_heap`] set last on that thread,
    /// and [`Heap::nobody`] before that.
    fn thread_heap() -> *mut Heap<Self>;

    /// `thread_heap()` as an address, plus `bytes`: the fast path's way to a bin, for which a
    /// platform may know a shorter way.
    #[inline(always)]
    fn thread_heap_plus(bytes: usize) -> usize {
        Self::thread_heap().expose_provenance() + bytes
    }

    /// Sets the heap of the running thread, or [`Heap::nobody`] or [`Heap::ended`] to forget it.
    /// After another heap was set, the platform calls [`crate::Allocator::thread_exit`] on this
    /// thread when it ends.
    fn set_thread_heap(heap: *mut Heap<Self>);

    /// A word that programs can hardly guess: constant from the first [`Platform::extend`] that
    /// succeeded. Free blocks are sealed with it.
    fn secret() -> usize;

    /// Reserves address space without memory behind it: `bytes` (a multiple of the page size) at a
    /// multiple of `align` (a power of two of at least the page size). Null if the system refuses.
    /// The next `room` bytes are not reserved, but the place is chosen so that [`Platform::extend`]
    /// can be expected to have them.
    #[track_caller]
    fn reserve(bytes: usize, align: usize, room: usize) -> *mut u8;

    /// The units (SuperSlab-sized pieces) that a range is to be planned for here: a power of two,
    /// within the geometry's bounds.
    fn units_planned() -> usize {
        Self::GEOMETRY.units_max
    }

    /// Reserves the addresses of `bytes` bytes from `start` on, which are in the room of a range
    /// that [`Platform::reserve`] returned (multiples of the page size). What is reserved so goes
    /// through the states of that range as if it had been part of it.
    #[track_caller]
    fn extend(start: *mut u8, bytes: usize) -> Extension;

    /// Gives memory to those pages of a reserved range that have none, which then read as zero;
    /// what the others hold stays. Several threads may do that with the same pages at once. `false`
    /// if the system refuses: some pages may have memory then.
    #[track_caller]
    fn ensure(start: *mut u8, bytes: usize) -> bool;

    /// Gives a reserved range memory. It then reads as zero. `start` and `bytes` are multiples of
    /// the page size. `false` if the system refuses: the range is then as it was.
    #[track_caller]
    fn commit(start: *mut u8, bytes: usize) -> bool;

    /// Takes the memory of a committed range away; the range stays reserved and its contents are
    /// lost. `false` if the system refuses: the range is then still committed, and each of its
    /// pages is as it was or reads as zero.
    #[track_caller]
    fn decommit(start: *mut u8, bytes: usize) -> bool;

    /// Takes the memory of a committed range away and gives it fresh memory: it stays committed and
    /// reads as zero. `false` if the system refuses: each of its pages is then as it was or reads
    /// as zero.
    #[track_caller]
    fn reset(start: *mut u8, bytes: usize) -> bool;

    /// Moves the memory of a committed range to a longer reserved one, instead of copying what it
    /// holds. Addresses and lengths are multiples of the page size, the ranges are apart, and
    /// `new_bytes` is more than `old_bytes`.
    ///
    /// `true`: the `new_bytes` bytes at `to` are committed; the first `old_bytes` of them hold what
    /// was at `from`, the others read as zero. The range at `from` is reserved and has no memory,
    /// as after [`Platform::decommit`].
    ///
    /// `false`, if the system refuses or has no such call: both ranges are as they were, contents
    /// included.
    #[track_caller]
    fn relocate(from: *mut u8, old_bytes: usize, to: *mut u8, new_bytes: usize) -> bool;

    /// Milliseconds since some moment, wrapping around. May be coarse.
    #[track_caller]
    fn now() -> u32;

    /// Gives a range back that [`Platform::reserve`] returned, whole.
    #[track_caller]
    fn release(start: *mut u8, bytes: usize);

    /// Clears memory that the running thread alone may touch.
    ///
    /// # Safety
    /// `bytes` bytes at `start` are committed and nobody else touches them.
    #[track_caller]
    unsafe fn zero(start: *mut u8, bytes: usize);

    /// Copies memory that the running thread alone may touch; the ranges do not overlap.
    ///
    /// # Safety
    /// Both ranges are committed, do not overlap, and nobody else writes to them.
    #[track_caller]
    unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize);

    /// A fence, as `core::sync::atomic::fence`.
    #[track_caller]
    fn fence(order: Ordering);

    /// Says that the thread waits for another one to make progress.
    #[track_caller]
    fn spin_hint();

    /// Whether a fault is planted. Natively a constant `false`.
    fn planted(fault: Fault) -> bool;

    /// The program misused the allocator at this address: says so and does not return.
    fn misuse(what: Misuse, address: usize) -> !;
}
