//! [`Native`]: the core's platform on real threads and real memory.
//!
//! This file only connects; each part of the contract of [`Platform`] has its own file:
//! `atomics`, `thread`, `memory`, `relocation`, `report`. What the core asks on a fast path is
//! `inline(always)` and leaves nothing behind but the instruction: [`Native::thread_heap`], the
//! words, and [`Native::planted`], whose constant `false` removes the question and the faulty path.
//! `tests/machine_code.rs` looks at the machine code to see that this is so.
//!
//! Invariant: the root lies in zeroed static memory, and nobody but the core touches it, at the
//! address that [`Native::root`] hands out.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::sync::atomic::{self, AtomicU32, AtomicU64, AtomicUsize};

use hak_core::{Extension, Fault, Geometry, Heap, Misuse, Ordering, Platform, Root};

use crate::atomics::{OwnedWord, SharedWord};
use crate::{memory, report, secret, thread};

/// The machine, as the core sees it.
#[derive(Clone, Copy, Debug)]
pub struct Native;

/// The root in zeroed static memory, where no initialisation can be missed or seen half done.
#[repr(transparent)]
pub(crate) struct StaticRoot(UnsafeCell<MaybeUninit<Root<Native>>>);

// SAFETY: [platform 1, core heap 4] nobody but the core touches the root. Its words are atomic, but
// for the heaps of threads that have none, which are only read.
unsafe impl Sync for StaticRoot {}

pub(crate) static ROOT: StaticRoot = StaticRoot(UnsafeCell::new(MaybeUninit::zeroed()));

// SAFETY: [platform 1, atomics 1, atomics 2, thread 1, memory 1, memory 3, memory 5] the words are
// `repr(transparent)` over numbers; the root is one static, and the word of each thread its own.
// What the system reserves it gives to nobody else, and fresh pages read as zero.
unsafe impl Platform for Native {
    type AtomicU32 = SharedWord<AtomicU32>;
    type AtomicU64 = SharedWord<AtomicU64>;
    type AtomicUsize = SharedWord<AtomicUsize>;
    type Plain<T: Copy + 'static> = OwnedWord<T>;
    type Gauge = SharedWord<AtomicU32>;

    const GEOMETRY: Geometry = geometry();

    #[inline(always)]
    fn root() -> NonNull<Root<Native>> {
        // SAFETY: [platform 1] the address of a static is not null.
        unsafe { NonNull::new_unchecked(ROOT.0.get().cast()) }
    }

    #[inline(always)]
    fn thread_heap() -> *mut Heap<Native> {
        thread::heap()
    }

    #[inline(always)]
    fn thread_heap_plus(bytes: usize) -> usize {
        thread::heap_plus(bytes)
    }

    #[inline(always)]
    fn secret() -> usize {
        secret::get()
    }

    #[inline(always)]
    fn set_thread_heap(heap: *mut Heap<Native>) {
        thread::set_heap(heap);
    }

    #[inline(always)]
    fn units_planned() -> usize {
        memory::units_planned()
    }

    #[inline(always)]
    fn reserve(bytes: usize, align: usize, room: usize) -> *mut u8 {
        memory::reserve(bytes, align, room)
    }

    #[inline(always)]
    fn extend(start: *mut u8, bytes: usize) -> Extension {
        // In front of the first unit that there is: its memory publishes it.
        secret::choose();
        memory::extend(start, bytes)
    }

    #[inline(always)]
    fn ensure(start: *mut u8, bytes: usize) -> bool {
        memory::ensure(start, bytes)
    }

    #[inline(always)]
    fn commit(start: *mut u8, bytes: usize) -> bool {
        memory::commit(start, bytes)
    }

    #[inline(always)]
    fn decommit(start: *mut u8, bytes: usize) -> bool {
        memory::decommit(start, bytes)
    }

    #[inline(always)]
    fn reset(start: *mut u8, bytes: usize) -> bool {
        memory::reset(start, bytes)
    }

    #[inline(always)]
    fn relocate(from: *mut u8, old_bytes: usize, to: *mut u8, new_bytes: usize) -> bool {
        #[cfg(target_os = "linux")]
        return crate::relocation::relocate(from, old_bytes, to, new_bytes);
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (from, old_bytes, to, new_bytes);
            false
        }
    }

    #[inline(always)]
    fn now() -> u32 {
        memory::now()
    }

    #[inline(always)]
    fn release(start: *mut u8, bytes: usize) {
        memory::release(start, bytes);
    }

    #[inline(always)]
    unsafe fn zero(start: *mut u8, bytes: usize) {
        // SAFETY: [contract] the bytes are committed and the caller's own.
        unsafe { ptr::write_bytes(start, 0, bytes) }
    }

    #[inline(always)]
    unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
        // SAFETY: [contract] both ranges are committed, apart, and the caller's own.
        unsafe { ptr::copy_nonoverlapping(from, to, bytes) }
    }

    #[inline(always)]
    fn fence(order: Ordering) {
        atomic::fence(order);
    }

    #[inline(always)]
    fn spin_hint() {
        core::hint::spin_loop();
    }

    #[inline(always)]
    fn planted(_fault: Fault) -> bool {
        false
    }

    #[inline(always)]
    fn misuse(what: Misuse, address: usize) -> ! {
        report::misuse(what, address)
    }
}

/// The production geometry, on pages that are a multiple of whatever the machine's systems use:
/// x86-64 has 4 KiB pages everywhere; elsewhere there are systems with 16 and with 64 KiB, which is
/// just a slab.
const fn geometry() -> Geometry {
    let production = Geometry::PRODUCTION;
    if cfg!(any(target_arch = "x86_64", target_arch = "x86")) {
        production
    } else {
        Geometry { page_size: 64 * 1024, ..production }.check()
    }
}
