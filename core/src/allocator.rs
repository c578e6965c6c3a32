//! The front door: allocate, free, reallocate.
//!
//! The fast paths touch the running thread's heap and the block only, plus one word of the class
//! map for `free`:
//!
//! ```text
//! allocate  size ─► bin ─► pop the thread cache                          else refill
//! free      address - base ─► class map ─► bin ─► push the thread cache  else make room, a run, …
//! ```

use core::marker::PhantomData;
use core::ptr::{null_mut, with_exposed_provenance_mut};

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Gauge, Misuse, Plain, Platform};
use crate::numbers::size_class;
use crate::pool::decay;
use crate::pool::idle;
use crate::pool::kept;
use crate::pool::large;
use crate::pool::run::{self, Fresh};
use crate::range::Range;
use crate::range::budget;
use crate::tables::bin::{BIN_SIZE, Bin, fine_bin_offset};
use crate::tables::block;
use crate::tables::class_map::ClassWord;
use crate::tables::heap::{self, Heap};
use crate::tables::root;
use crate::tables::superslab::Use;
use crate::thread;
use crate::thread::cache;
use crate::thread::guest;
use crate::thread::refill;
use crate::thread::tidy;

/// What a block is that shares its slab with no other.
enum Sole {
    /// A run of slabs.
    Run,
    /// A mapping of its own, which begins with this unit.
    Mapping(u32),
}

/// How often an allocation is tried again, at most, after memory went back for it.
const ATTEMPTS: u32 = 8;

const fn smaller(one: usize, other: usize) -> usize {
    if one < other { one } else { other }
}

/// The allocator of a platform. There is one per platform, so it has no instances.
pub struct Allocator<P: Platform>(PhantomData<P>);

impl<P: Platform> Allocator<P> {
    /// A block of at least `size` bytes at a multiple of `align` (a power of two). Null if there is
    /// no memory, or if no block can be that large.
    #[inline(always)]
    pub fn allocate(size: usize, align: usize) -> *mut u8 {
        Self::allocate_fast(size, align).unwrap_or_else(|| Self::allocate_slow(size, align))
    }

    /// The fast path of [`Allocator::allocate`]: a block of the thread cache, if there is one. It
    /// calls nothing, so that a platform can go on to [`Allocator::allocate_slow`] with a jump.
    #[inline(always)]
    pub fn allocate_fast(size: usize, align: usize) -> Option<*mut u8> {
        let bin_offset = if align <= 16 {
            // The common case first, with one comparison of its own.
            if size <= const { smaller(size_class::TABLE_MAX, P::GEOMETRY.small_max) } {
                fine_bin_offset(size)
            } else if size <= P::GEOMETRY.small_max {
                size_class::class_of(size) as usize * BIN_SIZE
            } else {
                return None;
            }
        } else {
            size_class::class_for(size, align, P::GEOMETRY.small_max)? as usize * BIN_SIZE
        };
        // SAFETY: [size_class 3] the offset is that of a class's bin.
        unsafe { Self::pop(bin_offset) }
    }

    /// # Safety
    /// A bin lies at that offset of a heap.
    #[inline(always)]
    unsafe fn pop(bin_offset: usize) -> Option<*mut u8> {
        // SAFETY: [contract, platform 3, heap 4] the heap is the running thread's, or it is empty.
        let block = unsafe { Bin::<P>::at(P::thread_heap_plus(bin_offset)).pop_cached() };
        block.map(with_exposed_provenance_mut)
    }

    /// The rest of [`Allocator::allocate`], after the fast path had no block.
    #[cold]
    #[inline(never)]
    pub fn allocate_slow(size: usize, align: usize) -> *mut u8 {
        Self::allocate_new(size, align)
            .map_or(null_mut(), |new| with_exposed_provenance_mut(new.address))
    }

    /// A block that does not come out of the thread cache. When there is no memory, what is kept
    /// goes back to the system and it is tried again, as long as something went back.
    fn allocate_new(size: usize, align: usize) -> Option<Fresh> {
        let Some(heap) = thread::heap::<P>() else {
            return Self::allocate_or_collect(Range::get_or_reserve()?, None, size, align);
        };
        if let Some(class) = size_class::class_for(size, align, P::GEOMETRY.small_max) {
            // SAFETY: [heap 1] the heap is the running thread's.
            let reserve = unsafe { cache::take_reserve(heap, class) };
            if let Some(block) = reserve {
                return Some(Fresh::small(block));
            }
        }
        tidy::count(heap);
        Self::allocate_or_collect(Range::of(heap), Some(heap), size, align)
    }

    fn allocate_or_collect(
        range: Range<P>,
        heap: Option<&Heap<P>>,
        size: usize,
        align: usize,
    ) -> Option<Fresh> {
        let mut new = Self::allocate_from(range, heap, size, align);
        // What goes back may be taken by others before it is asked for again. They have it then:
        // nobody starves all the others.
        for _ in 0..ATTEMPTS {
            if P::wrong(Fault::NoSecondAttempt, new.is_some(), true) {
                break;
            }
            if !(kept::release_all(range) | idle::collect(range)) {
                break;
            }
            new = Self::allocate_from(range, heap, size, align);
        }
        new
    }

    /// `heap` is the running thread's; none for a guest.
    fn allocate_from(
        range: Range<P>,
        heap: Option<&Heap<P>>,
        size: usize,
        align: usize,
    ) -> Option<Fresh> {
        if let Some(class) = size_class::class_for(size, align, P::GEOMETRY.small_max) {
            let block = match heap {
                // SAFETY: [heap 1] the heap is the running thread's.
                Some(heap) => unsafe { refill::refill(heap, class) },
                None => guest::allocate(range, class),
            };
            return block.map(Fresh::small);
        }
        match run::slabs_for::<P>(size, align) {
            Some(count) => run::allocate(range, heap, count, align),
            None => large::allocate(range, size, align),
        }
    }

    /// As [`Allocator::allocate`]; the first `size` bytes are zero.
    #[inline]
    pub fn allocate_zeroed(size: usize, align: usize) -> *mut u8 {
        let new = match Self::allocate_fast(size, align) {
            Some(block) => Some(Fresh::small(block.expose_provenance())),
            None => Self::allocate_new(size, align),
        };
        let Some(new) = new else { return null_mut() };
        let block = with_exposed_provenance_mut(new.address);
        if !new.is_zero {
            // SAFETY: [size_class 1, block 1, run 1, large 1] the block is that long, and ours.
            unsafe { P::zero(block, size) };
        }
        block
    }

    /// Frees a block. Null is ignored. A pointer that is no block of this allocator goes to
    /// [`Platform::misuse`].
    ///
    /// # Safety
    /// `block` was returned by this allocator, was not freed since, and nobody uses it any more.
    #[inline(always)]
    pub unsafe fn free(block: *mut u8) {
        // SAFETY: [contract] the caller gives the block up.
        unsafe {
            if !Self::free_fast(block) {
                Self::free_slow(block);
            }
        }
    }

    /// The fast path of [`Allocator::free`]: the block goes into the thread cache, if that takes
    /// it. It calls nothing, so that a platform can go on to [`Allocator::free_slow`] with a jump.
    ///
    /// # Safety
    /// As [`Allocator::free`].
    #[inline(always)]
    pub unsafe fn free_fast(block: *mut u8) -> bool {
        let pointer = P::thread_heap();
        // SAFETY: [platform 3] it is the running thread's.
        let heap = unsafe { heap::as_ref(pointer) };
        let address = block.expose_provenance();
        let offset = address.wrapping_sub(heap.base.get());
        if offset < heap.bytes.get() {
            let index = offset >> P::GEOMETRY.slab_shift;
            // SAFETY: [heap 1, heap 3, class_map 2] the slab lies below the extent, and its word
            // leads to a bin of our heap.
            let bin = unsafe {
                let class = ClassWord::<P>::at(heap.class_map.get(), index);
                Bin::<P>::at(pointer.expose_provenance() + class.bin_offset())
            };
            // SAFETY: [contract, class_map 1] the block is ours, of its slab's class.
            return bin.is_start(address) && unsafe { bin.push_cached(address) };
        }
        false
    }

    /// The most frequent reason for the slow path: the fast path found everything right but the
    /// thread cache full. If there is no reserve yet, the full list becomes the reserve and the
    /// block begins a new one.
    ///
    /// # Safety
    /// As [`Allocator::free`]; the fast path was tried right before.
    unsafe fn free_beside_reserve(address: usize) -> bool {
        // SAFETY: [platform 3] it is the running thread's.
        let heap = unsafe { heap::as_ref(P::thread_heap()) };
        let offset = address.wrapping_sub(heap.base.get());
        if offset >= heap.bytes.get() {
            return false;
        }
        // SAFETY: [heap 3] the slab lies below the extent of the range.
        let class =
            unsafe { ClassWord::<P>::at(heap.class_map.get(), offset >> P::GEOMETRY.slab_shift) };
        // SAFETY: [contract, heap 1, class_map 1] the heap and the block are ours.
        unsafe { cache::push_beside_reserve(heap, class.class(), address) }
    }

    /// The rest of [`Allocator::free`], after the fast path did not take the block.
    ///
    /// # Safety
    /// As [`Allocator::free`].
    #[cold]
    #[inline(never)]
    pub unsafe fn free_slow(block: *mut u8) {
        let address = block.expose_provenance();
        // SAFETY: [contract] and the fast path was just tried.
        if unsafe { Self::free_beside_reserve(address) } || address == 0 {
            return;
        }
        // The range's own word, not a copy: a thread that frees before it allocates has none.
        let known = P::replaced(Fault::RegistryUninit, Range::get, || {
            heap::existing::<P>().map(|heap| Range::of(heap))
        });
        let Some(range) = known else { P::misuse(Misuse::ForeignPointer, address) };
        let (class, index) = Self::class_of_block(range, address);
        if class == 0 {
            return match Self::run_or_mapping(range, index) {
                Sole::Run => run::free(range, index, address),
                Sole::Mapping(unit) => large::free(range, unit, address),
            };
        }
        Self::check_block(range, index, address, class);
        let Some(heap) = thread::heap::<P>() else {
            // More threads than heaps, or a thread that has ended: straight to the slab.
            // SAFETY: [contract, class_map 1] the block is ours, of its slab's class.
            return unsafe { cache::free_without_heap(range, address, class) };
        };
        tidy::count(heap);
        thread::catch_up(heap, range, address);
        let bin = heap.bin(class);
        bin.open(class);
        if bin.room.get() == 0 {
            // SAFETY: [heap 1] the heap is the running thread's; no room is left: its list is full.
            unsafe { cache::make_room(heap, class) };
        }
        // SAFETY: [contract, heap 1, class_map 1] the bin is ours, and the block, of its class.
        let pushed = unsafe { bin.push_judged(address) };
        debug_assert!(pushed, "flushing makes room");
    }

    /// Gives the block `new_size` bytes, in place, or elsewhere with the old contents: its pages
    /// are moved, or copied. Null if there is no memory for a larger block: the old one stays as it
    /// was. A block that shrinks is never refused.
    ///
    /// # Safety
    /// `block` was returned by this allocator for this `align`, was not freed since, and the caller
    /// alone uses it.
    pub unsafe fn reallocate(block: *mut u8, new_size: usize, align: usize) -> *mut u8 {
        let address = block.expose_provenance();
        let Some(range) = Range::<P>::get() else { P::misuse(Misuse::ForeignPointer, address) };
        let (class, index) = Self::class_of_block(range, address);
        let new_class = size_class::class_for(new_size, align, P::GEOMETRY.small_max);
        debug_assert!(align.is_power_of_two());
        let old_size = if class == 0 {
            let new_run = run::slabs_for::<P>(new_size, align);
            // What fits a run, and fills most of a unit, may stay a mapping.
            let is_long = new_size > P::GEOMETRY.run_max() / 2;
            let (resized, old_size) = match (Self::run_or_mapping(range, index), new_class, new_run)
            {
                (Sole::Run, None, Some(count)) => (
                    run::resize(range, index, address, count),
                    run::usable_size(range, index, address),
                ),
                (Sole::Run, ..) => (false, run::usable_size(range, index, address)),
                (Sole::Mapping(unit), None, run) if run.is_none() || is_long => {
                    let resized = large::resize(range, unit, address, new_size);
                    if !resized && let Some(moved) = large::relocate(range, unit, new_size, align) {
                        return with_exposed_provenance_mut(moved);
                    }
                    (resized, large::usable_size(range, unit, address))
                }
                (Sole::Mapping(unit), ..) => (false, large::usable_size(range, unit, address)),
            };
            if resized {
                return block;
            }
            old_size
        } else {
            Self::check_block(range, index, address, class);
            let size = size_class::size_of(class);
            // A block that shrinks by less than half stays.
            if new_size <= size && new_size >= size / 2 {
                return block;
            }
            size
        };
        let new = Self::allocate(new_size, align);
        if P::wrong(Fault::RefusedShrink, new.is_null() && new_size <= old_size, false) {
            // A smaller block that there is no memory for: the old one holds it.
            return block;
        }
        if !new.is_null() {
            // SAFETY: [contract, size_class 1, run 1, large 1] both blocks are ours and at least
            // that long; the old one is freed after its last use.
            unsafe {
                P::copy(block, new, old_size.min(new_size));
                Self::free(block);
            }
        }
        new
    }

    /// Bytes that the program may use of this block: what it asked for, or more.
    ///
    /// # Safety
    /// `block` was returned by this allocator and not freed since.
    pub unsafe fn usable_size(block: *const u8) -> usize {
        let address = block.expose_provenance();
        let Some(range) = Range::<P>::get() else { P::misuse(Misuse::ForeignPointer, address) };
        let (class, index) = Self::class_of_block(range, address);
        if class != 0 {
            Self::check_block(range, index, address, class);
            return size_class::size_of(class);
        }
        match Self::run_or_mapping(range, index) {
            Sole::Run => run::usable_size(range, index, address),
            Sole::Mapping(unit) => large::usable_size(range, unit, address),
        }
    }

    /// The class of the block (0 for none) and the number of its slab. A pointer to elsewhere is a
    /// misuse.
    fn class_of_block(range: Range<P>, address: usize) -> (u32, u32) {
        let Some(index) = Self::lookup(range, address) else {
            P::misuse(Misuse::ForeignPointer, address)
        };
        (range.class(index), index)
    }

    /// What a block in a slab without a class is, if it is one.
    fn run_or_mapping(range: Range<P>, index: u32) -> Sole {
        let unit = index / P::GEOMETRY.slabs_per_superslab;
        match range.superslab(unit).load().usage() {
            Use::Shared => Sole::Run,
            _ => Sole::Mapping(unit),
        }
    }

    /// Judges what is said to be a live block of `class` in slab `index`.
    fn check_block(range: Range<P>, index: u32, address: usize, class: u32) {
        debug_assert!(class != 0);
        let offset = address & (P::GEOMETRY.slab_size() - 1);
        let size = size_class::size_of(class);
        // A count that may be outdated, but not for who holds a block: it was cut before it was
        // handed out.
        if offset / size >= range.slab(index).carved.peek() as usize {
            P::misuse(Misuse::ForeignPointer, address);
        }
        if !offset.is_multiple_of(size) {
            P::misuse(Misuse::InteriorPointer, address);
        }
        // SAFETY: [slab 2, class_map 1] a block was cut here. If it is not the caller's, the caller
        // breaks the contract, which is what this is to find out.
        if unsafe { block::is_sealed::<P>(address) } {
            P::misuse(Misuse::DoubleFree, address);
        }
    }

    /// Whether the address lies in this allocator's range, as far as that has grown. Safe for any
    /// pointer.
    pub fn owns(pointer: *const u8) -> bool {
        Range::<P>::get().is_some_and(|range| Self::lookup(range, pointer.addr()).is_some())
    }

    /// The slab that `address` lies in, if it is in the range at all.
    fn lookup(range: Range<P>, address: usize) -> Option<u32> {
        P::replaced(
            Fault::GuessUnmapped,
            || range.slab_index_of(address),
            || Some((address.wrapping_sub(range.base()) >> P::GEOMETRY.slab_shift) as u32),
        )
    }

    /// The running thread ends, or will not allocate for long: everything that its heap holds is
    /// handed over, in time proportional to what it holds. It may allocate again.
    pub fn thread_exit() {
        thread::exit::<P>();
    }

    /// The running thread ends: as [`Allocator::thread_exit`], but it gets no heap any more: what
    /// it still frees goes straight to the slabs, and what it still allocates comes from there.
    pub fn thread_end() {
        thread::end::<P>();
    }

    /// Gives back to the system what nobody uses: the running thread's cache and empty slabs,
    /// wholly free SuperSlabs, and freed mappings that were kept.
    pub fn collect() {
        let Some(range) = Range::<P>::get() else { return };
        if let Some(heap) = heap::existing::<P>() {
            thread::give_up_all(range, heap);
        }
        idle::collect(range);
        kept::release_all(range);
    }

    /// Makes a round of decay if one is due, a whole one; whether another one is to come. For a
    /// thread that does nothing else, so that memory goes back also while the program is idle.
    /// (Threads that give memory back make slices of rounds.)
    pub fn tick() -> bool {
        Range::<P>::get().is_some_and(|range| decay::tick(range, u32::MAX))
    }

    /// Bytes that the system has committed for blocks, used or idle; the tables that describe them
    /// are not counted.
    pub fn committed() -> usize {
        budget::committed::<P>()
    }

    /// Limits the committed bytes; 0 for no limit. Memory that is committed already stays. At the
    /// limit, idle memory goes back, and what does not fit then is refused.
    pub fn set_limit(bytes: usize) {
        budget::set_limit::<P>(bytes);
    }

    /// The number of heaps that were ever in use at the same time.
    pub fn heaps_used() -> u32 {
        root::heaps_used::<P>()
    }
}
