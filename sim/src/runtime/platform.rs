//! The simulated platform: [`Platform`] against the current world.
//!
//! Invariants:
//! 1. Nothing makes a word but zeroed memory of an arena, since the fields are private and there is
//!    no constructor. Whoever makes a reference to one vouches for the place, and that any bytes
//!    are a value of its type.
//! 2. Each operation of a word first looks for the current world of its OS thread, and there for
//!    the word: where that is not in the arena, an oracle ends the run, or the operation panics.
//!    Shared words are touched through the arena alone, plain ones in place, behind the checks of
//!    `plain`. So nothing is touched that is not mapped, and nothing by two threads of the system.
//! 3. The root area begins at the arena's base, which is a multiple of 16 GiB, is committed for the
//!    whole run, and has room for the root and the clock behind it: [`Platform::root`] looks.
//! 4. [`Platform::zero`] and [`Platform::copy`] touch what the contract that they have from the
//!    trait speaks of, and in simulated code only behind an oracle that ends the run if a byte of
//!    it does not lie in the arena, is not committed, or is in a race.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr::NonNull;

use hak_core::{
    Allocator, Atomic, Extension, Fault, Gauge, Geometry, Heap, Misuse, Ordering, Plain, Platform,
    Root,
};

use super::access::{Access, Kind};
use super::engine::{self, borrow, halt};
use super::memory::WordOperation;
use super::oracle;
use super::system::Detail;
use super::violation::Finding;
use super::world::WorldConfig;
use super::{current, plain, system};

/// Sizes and thresholds of a simulated world.
pub trait WorldGeometry: Copy + 'static {
    /// The numbers.
    const GEOMETRY: Geometry;
    /// All memory of a world: several ranges may be reserved at once.
    const ARENA_BYTES: usize;
}

/// The geometry in which everything is a few steps away.
#[derive(Clone, Copy, Debug)]
pub struct Tiny;

/// The geometry that ships, in a range of 64 units and with 16 heaps, so that the arena holds the
/// ranges that several threads may reserve at once.
#[derive(Clone, Copy, Debug)]
pub struct Production;

impl WorldGeometry for Tiny {
    const GEOMETRY: Geometry = Geometry::TINY;
    const ARENA_BYTES: usize = 4 << 20;
}

/// The geometry with several words of units, sizes that do not divide a slab, and two heaps.
#[derive(Clone, Copy, Debug)]
pub struct Wide;

impl WorldGeometry for Wide {
    const GEOMETRY: Geometry = Geometry::WIDE;
    const ARENA_BYTES: usize = 4 << 20;
}

impl WorldGeometry for Production {
    const GEOMETRY: Geometry =
        Geometry { units_max: 64, units_min: 64, heaps_max: 16, ..Geometry::PRODUCTION }.check();
    const ARENA_BYTES: usize = 2 << 30;
}

impl WorldConfig {
    /// For the allocator in this geometry, with so many bytes of the scenario's own.
    pub const fn of_allocator<G: WorldGeometry>(user_bytes: usize) -> WorldConfig {
        WorldConfig {
            page_size: G::GEOMETRY.page_size,
            arena_bytes: G::ARENA_BYTES,
            root_bytes: size_of::<Root<Sim<G>>>() + CLOCK_BYTES,
            user_bytes,
            stack_bytes: 256 << 10,
        }
    }
}

/// The simulated platform.
#[derive(Clone, Copy, Debug)]
pub struct Sim<G: WorldGeometry>(PhantomData<G>);

/// Words that simulated threads can share.
pub trait Word: Copy + 'static {
    /// Whether it may be an address: then digests and reports see it with the arena's place taken
    /// out. A number of another type may look like an address, and is none.
    const MAY_BE_ADDRESS: bool;
    /// The word in 64 bits.
    fn to_bits(self) -> u64;
    /// The word from its bits.
    fn from_bits(bits: u64) -> Self;
}

impl Word for u32 {
    const MAY_BE_ADDRESS: bool = false;

    #[inline]
    fn to_bits(self) -> u64 {
        u64::from(self)
    }

    #[inline]
    fn from_bits(bits: u64) -> u32 {
        bits as u32
    }
}

impl Word for u64 {
    const MAY_BE_ADDRESS: bool = false;

    #[inline]
    fn to_bits(self) -> u64 {
        self
    }

    #[inline]
    fn from_bits(bits: u64) -> u64 {
        bits
    }
}

impl Word for usize {
    const MAY_BE_ADDRESS: bool = true;

    #[inline]
    fn to_bits(self) -> u64 {
        self as u64
    }

    #[inline]
    fn from_bits(bits: u64) -> usize {
        bits as usize
    }
}

/// A shared word: its operations are steps of the current world.
#[repr(transparent)]
pub struct SimAtomic<T>(UnsafeCell<T>);

// SAFETY: [platform 2, arena 4] on another thread than its world's a word is refused.
unsafe impl<T: Word> Sync for SimAtomic<T> {}

impl<T: Word> SimAtomic<T> {
    #[inline]
    fn operate<const KIND: u8>(
        &self,
        first: u64,
        second: u64,
        order: Ordering,
        failure: Ordering,
        site: &'static Location<'static>,
    ) -> (T, bool) {
        const { assert!(size_of::<T>() == 4 || size_of::<T>() == 8) };
        let kind = Kind::numbered(KIND);
        let may_be_address = T::MAY_BE_ADDRESS;
        let operation = WordOperation { kind, may_be_address, order, failure, first, second };
        let address = self.0.get().expose_provenance();
        let outcome = match size_of::<T>() {
            4 => engine::atomic::<KIND, 4>(address, operation, site),
            _ => engine::atomic::<KIND, 8>(address, operation, site),
        };
        (T::from_bits(outcome.old), outcome.written)
    }

    #[inline]
    fn modify<const KIND: u8>(
        &self,
        value: T,
        order: Ordering,
        site: &'static Location<'static>,
    ) -> T {
        self.operate::<KIND>(value.to_bits(), 0, order, Ordering::Relaxed, site).0
    }
}

impl<T: Word> Atomic<T> for SimAtomic<T> {
    #[inline]
    fn load(&self, order: Ordering) -> T {
        self.operate::<{ Kind::Load as u8 }>(0, 0, order, order, Location::caller()).0
    }

    #[inline]
    fn store(&self, value: T, order: Ordering) {
        self.modify::<{ Kind::Store as u8 }>(value, order, Location::caller());
    }

    #[inline]
    fn swap(&self, value: T, order: Ordering) -> T {
        self.modify::<{ Kind::Swap as u8 }>(value, order, Location::caller())
    }

    #[inline]
    fn compare_exchange(
        &self,
        current: T,
        new: T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<T, T> {
        let (first, second) = (current.to_bits(), new.to_bits());
        let site = Location::caller();
        match self.operate::<{ Kind::CompareExchange as u8 }>(first, second, success, failure, site)
        {
            (old, true) => Ok(old),
            (old, false) => Err(old),
        }
    }

    #[inline]
    fn compare_exchange_weak(
        &self,
        current: T,
        new: T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<T, T> {
        let (first, second) = (current.to_bits(), new.to_bits());
        let site = Location::caller();
        match self
            .operate::<{ Kind::CompareExchangeWeak as u8 }>(first, second, success, failure, site)
        {
            (old, true) => Ok(old),
            (old, false) => Err(old),
        }
    }

    #[inline]
    fn fetch_add(&self, value: T, order: Ordering) -> T {
        self.modify::<{ Kind::FetchAdd as u8 }>(value, order, Location::caller())
    }

    #[inline]
    fn fetch_sub(&self, value: T, order: Ordering) -> T {
        self.modify::<{ Kind::FetchSub as u8 }>(value, order, Location::caller())
    }

    #[inline]
    fn fetch_and(&self, value: T, order: Ordering) -> T {
        self.modify::<{ Kind::FetchAnd as u8 }>(value, order, Location::caller())
    }

    #[inline]
    fn fetch_or(&self, value: T, order: Ordering) -> T {
        self.modify::<{ Kind::FetchOr as u8 }>(value, order, Location::caller())
    }
}

impl Gauge for SimPlain<u32> {
    fn peek(&self) -> u32 {
        // No access of the thread: this is for statistics, which are of no single moment.
        plain::raw(self.0.get().addr(), size_of::<u32>());
        // SAFETY: [platform 2, plain 1, arena 4] the word lies in the arena of the current world.
        unsafe { self.0.get().read() }
    }
}

/// An owner-only word: each access is checked for races.
#[repr(transparent)]
pub struct SimPlain<T>(UnsafeCell<T>);

impl<T: Copy + 'static> Plain<T> for SimPlain<T> {
    #[inline]
    fn get(&self) -> T {
        let address = self.0.get().expose_provenance();
        plain::word(Kind::PlainGet, address, size_of::<T>(), Location::caller());
        // SAFETY: [platform 1, platform 2, plain 1, arena 4] the word lies in the arena of the
        // current world.
        unsafe { self.0.get().read() }
    }

    #[inline]
    fn set(&self, value: T) {
        let site = Location::caller();
        let address = self.0.get().expose_provenance();
        let old = plain::word(Kind::PlainSet, address, size_of::<T>(), site);
        // SAFETY: [platform 2, plain 1, arena 3, arena 4] as in `get`.
        unsafe { self.0.get().write(value) };
        if let Some(old) = old {
            plain::word_written(address, size_of::<T>(), old, site);
        }
    }
}

/// Bytes behind the root for the virtual clock.
const CLOCK_BYTES: usize = 64;

impl<G: WorldGeometry> Sim<G> {
    /// The virtual clock: a shared word behind the root, which only programs move.
    #[track_caller]
    fn clock() -> &'static SimAtomic<u32> {
        let end = Self::root().as_ptr().expose_provenance() + size_of::<Root<Self>>();
        // SAFETY: [platform 3] `root` has looked for the room; any bytes are a number.
        unsafe { &*std::ptr::with_exposed_provenance(end) }
    }

    /// So many milliseconds pass.
    #[track_caller]
    pub fn pass_time(milliseconds: u32) {
        Self::clock().fetch_add(milliseconds, Ordering::Relaxed);
    }
}

/// The same in every run: what a program writes is never near it.
const SECRET: usize = 0xb5ad_4ece_da1c_e2a9;

// SAFETY: [core platform 1, platform 1, platform 3] the words are `repr(transparent)` over numbers.
// The root and what is reserved lie in the arena of the world, and each simulated thread has a
// place for its heap.
unsafe impl<G: WorldGeometry> Platform for Sim<G> {
    type AtomicU32 = SimAtomic<u32>;
    type AtomicU64 = SimAtomic<u64>;
    type AtomicUsize = SimAtomic<usize>;
    type Plain<T: Copy + 'static> = SimPlain<T>;
    type Gauge = SimPlain<u32>;

    const GEOMETRY: Geometry = G::GEOMETRY;

    fn root() -> NonNull<Root<Self>> {
        let engine = current::world();
        // SAFETY: [current 1, engine 4] what is read are numbers that never change.
        let (base, bytes) = unsafe { ((*engine).arena.base, (*engine).root_bytes) };
        assert!(
            bytes >= size_of::<Root<Self>>() + CLOCK_BYTES,
            "the root area of the world is too small"
        );
        NonNull::new(std::ptr::with_exposed_provenance_mut(base)).expect("the base is not zero")
    }

    fn thread_heap() -> *mut Heap<Self> {
        let engine = current::live();
        if engine.is_null() {
            return Heap::nobody();
        }
        // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
        let here = unsafe { borrow(engine) };
        let me = here.control.current;
        let address = here.control.heaps[me];
        if here.stepwise {
            here.histories.value(me, address as u64);
        }
        if address == 0 { Heap::nobody() } else { std::ptr::with_exposed_provenance_mut(address) }
    }

    fn secret() -> usize {
        SECRET
    }

    fn set_thread_heap(heap: *mut Heap<Self>) {
        let engine = current::live();
        assert!(!engine.is_null(), "a thread's heap is set outside of simulated code");
        // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
        let control = unsafe { &mut borrow(engine).control };
        let nobody = heap == Heap::nobody();
        let some = !nobody && heap != Heap::ended();
        control.heaps[control.current] = if nobody { 0 } else { heap.expose_provenance() };
        let exit: fn() = Allocator::<Self>::thread_exit;
        control.exits[control.current] = some.then_some(exit);
    }

    fn reserve(bytes: usize, align: usize, room: usize) -> *mut u8 {
        let detail = Detail::Align(align, room);
        let address = system::call(Kind::Reserve, 0, bytes, detail, Location::caller());
        address.map_or(std::ptr::null_mut(), std::ptr::with_exposed_provenance_mut)
    }

    fn extend(start: *mut u8, bytes: usize) -> Extension {
        let address = start.expose_provenance();
        let place = system::call(Kind::Extend, address, bytes, Detail::None, Location::caller());
        match place {
            Some(place) if place == address => Extension::Done,
            Some(_) => Extension::Taken,
            None => Extension::Refused,
        }
    }

    fn ensure(start: *mut u8, bytes: usize) -> bool {
        let address = start.expose_provenance();
        system::call(Kind::Ensure, address, bytes, Detail::None, Location::caller()).is_some()
    }

    fn commit(start: *mut u8, bytes: usize) -> bool {
        let address = start.expose_provenance();
        system::call(Kind::Commit, address, bytes, Detail::None, Location::caller()).is_some()
    }

    fn decommit(start: *mut u8, bytes: usize) -> bool {
        let address = start.expose_provenance();
        system::call(Kind::Decommit, address, bytes, Detail::None, Location::caller()).is_some()
    }

    fn reset(start: *mut u8, bytes: usize) -> bool {
        let address = start.expose_provenance();
        system::call(Kind::Reset, address, bytes, Detail::None, Location::caller()).is_some()
    }

    fn relocate(from: *mut u8, old_bytes: usize, to: *mut u8, new_bytes: usize) -> bool {
        let detail = Detail::Target(to.expose_provenance(), new_bytes);
        let from = from.expose_provenance();
        system::call(Kind::Relocate, from, old_bytes, detail, Location::caller()).is_some()
    }

    fn now() -> u32 {
        Self::clock().load(Ordering::Relaxed)
    }

    fn release(start: *mut u8, bytes: usize) {
        let address = start.expose_provenance();
        system::call(Kind::Release, address, bytes, Detail::None, Location::caller());
    }

    unsafe fn zero(start: *mut u8, bytes: usize) {
        plain::range(Kind::Zero, start.expose_provenance(), bytes, Location::caller());
        // SAFETY: [contract, platform 4] checked just now, if simulated code does it.
        unsafe { start.write_bytes(0, bytes) };
    }

    unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
        let site = Location::caller();
        plain::range(Kind::CopyFrom, from.expose_provenance(), bytes, site);
        plain::range(Kind::CopyTo, to.expose_provenance(), bytes, site);
        // SAFETY: [contract, platform 4] checked just now, if simulated code does it.
        unsafe { std::ptr::copy_nonoverlapping(from, to, bytes) };
    }

    fn fence(order: Ordering) {
        engine::mark(Kind::Fence, order, Location::caller());
    }

    fn spin_hint() {
        engine::mark(Kind::Spin, Ordering::Relaxed, Location::caller());
    }

    fn planted(fault: Fault) -> bool {
        // SAFETY: [current 1, engine 4] a word that does not change while a world is current.
        unsafe { (*current::world()).plant == Some(fault) }
    }

    #[track_caller]
    fn misuse(what: Misuse, address: usize) -> ! {
        let engine = current::live();
        assert!(!engine.is_null(), "misuse outside of simulated code: {}", what.name());
        let site = Location::caller();
        // SAFETY: [current 2, engine 4] a number that never changes.
        let offset = address.wrapping_sub(unsafe { (*engine).arena.base });
        let access = Access::plain(Kind::Misuse, offset, 0, site);
        let message = format!("the allocator says {} at {offset:#x}", what.name());
        halt(engine, &access, Finding::new(oracle::MISUSE, message).into())
    }
}
