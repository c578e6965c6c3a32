//! The front door: allocate, free, reallocate.
//!
//! The fast paths touch the running thread's heap and the block only, plus one descriptor for `free`:
//!
//! ```text
//! allocate   size ─► class ─► bin of the heap ─► pop the thread cache            else refill
//! free       address - base ─► slab descriptor ─► class ─► push the thread cache  else flush half, or a mapping
//! ```

use core::marker::PhantomData;
use core::ptr::{null_mut, with_exposed_provenance, with_exposed_provenance_mut};

use crate::cache;
use crate::fault::Fault;
use crate::heap::cache_capacity;
use crate::large;
use crate::platform::{Misuse, Plain, Platform};
use crate::pool;
use crate::range::{Range, root};
use crate::refill;
use crate::size_class;
use crate::slab::Slab;
use crate::thread;

/// The allocator of a platform. There is one per platform, so it has no instances.
pub struct Allocator<P: Platform>(PhantomData<P>);

impl<P: Platform> Allocator<P> {
    /// A block of at least `size` bytes at a multiple of `align` (a power of two). Null if there is no memory, or if no
    /// block can be that large.
    #[inline(always)]
    pub fn allocate(size: usize, align: usize) -> *mut u8 {
        let heap = P::thread_heap();
        let class = size_class::class_for(size, align, P::GEOMETRY.small_max);
        if let Some(class) = class
            && !heap.is_null()
        {
            // SAFETY: the bin is the running thread's.
            if let Some(block) = unsafe { thread::as_ref(heap).bin(class).pop_cached() } {
                return with_exposed_provenance_mut(block);
            }
        }
        Self::allocate_slow(size, align, class.unwrap_or(0))
    }

    #[cold]
    #[inline(never)]
    fn allocate_slow(size: usize, align: usize, class: u32) -> *mut u8 {
        let class = (class != 0).then_some(class);
        let Some(heap) = thread::heap::<P>() else { return null_mut() };
        let address = match class {
            // SAFETY: the heap is the running thread's.
            Some(class) => unsafe { refill::refill(heap, class) }.unwrap_or(0),
            None => large::allocate(heap.range(), size, align),
        };
        if address == 0 { null_mut() } else { with_exposed_provenance_mut(address) }
    }

    /// As [`Allocator::allocate`]; the first `size` bytes are zero.
    #[inline]
    pub fn allocate_zeroed(size: usize, align: usize) -> *mut u8 {
        let block = Self::allocate(size, align);
        // A mapping of its own is fresh memory, which is zero already.
        let small = size_class::class_for(size, align, P::GEOMETRY.small_max).is_some();
        if small && !block.is_null() {
            // SAFETY: the block is at least that long and ours until we return it.
            unsafe { P::zero(block, size) };
        }
        block
    }

    /// Frees a block. Null is ignored. A pointer that is no block of this allocator goes to [`Platform::misuse`].
    ///
    /// # Safety
    /// `block` was returned by this allocator, was not freed since, and nobody uses it any more.
    #[inline(always)]
    pub unsafe fn free(block: *mut u8) {
        let heap = P::thread_heap();
        if !heap.is_null() {
            let heap = thread::as_ref(heap);
            let address = block.expose_provenance();
            let offset = address.wrapping_sub(heap.base.get());
            if offset < heap.bytes.get() {
                let class = Self::descriptor(heap.slab_table.get(), offset).class();
                // SAFETY: the bin is ours, and by the caller's contract so is the block, of its slab's class.
                if unsafe { heap.bin(class).push_cached(address) } {
                    return;
                }
            }
        }
        // SAFETY: the caller's contract.
        unsafe { Self::free_slow(block) }
    }

    #[inline(always)]
    fn descriptor(slab_table: usize, offset: usize) -> &'static Slab<P> {
        let index = offset >> P::GEOMETRY.slab_shift;
        // SAFETY: as `Range::slab`, from the heap's copies of the range's words.
        unsafe { &*with_exposed_provenance(slab_table + index * size_of::<Slab<P>>()) }
    }

    #[cold]
    #[inline(never)]
    unsafe fn free_slow(block: *mut u8) {
        let address = block.expose_provenance();
        if address == 0 {
            return;
        }
        // The range's own word, not a copy: a thread that frees before it allocates has none.
        let known = if P::planted(Fault::RegistryUninit) {
            thread::existing_heap::<P>().map(|heap| heap.range())
        } else {
            Range::get()
        };
        let Some(range) = known else { P::misuse(Misuse::ForeignPointer, address) };
        let class = Self::class_of(range, address);
        if class == 0 {
            return large::free(range, address);
        }
        let Some(heap) = thread::heap::<P>() else {
            // More threads than heaps: straight to the slab.
            // SAFETY: the caller's contract.
            return unsafe { cache::free_without_heap(range, address, class) };
        };
        let bin = heap.bin(class);
        bin.open(class);
        if bin.room.get() == 0 {
            // SAFETY: the heap is the running thread's.
            unsafe {
                cache::flush(heap, class, cache_capacity::<P>(size_class::size_of(class)) / 2);
            }
        }
        // SAFETY: the bin is ours, and by the caller's contract so is the block.
        let pushed = unsafe { bin.push_cached(address) };
        debug_assert!(pushed, "flushing makes room");
    }

    /// Gives the block `new_size` bytes, in place or in a new block with the old contents. Null if there is no memory:
    /// the old block stays as it was.
    ///
    /// # Safety
    /// `block` was returned by this allocator for this `align`, was not freed since, and the caller alone uses it.
    pub unsafe fn reallocate(block: *mut u8, new_size: usize, align: usize) -> *mut u8 {
        let address = block.expose_provenance();
        let Some(range) = Range::<P>::get() else { P::misuse(Misuse::ForeignPointer, address) };
        let class = Self::class_of(range, address);
        let new_class = size_class::class_for(new_size, align, P::GEOMETRY.small_max);
        let old_size = if class == 0 {
            if new_class.is_none() && large::resize(range, address, new_size) {
                return block;
            }
            large::usable_size(range, address)
        } else {
            let size = size_class::size_of(class);
            // A block that shrinks by less than half stays.
            if new_class.is_some() && new_size <= size && new_size >= size / 2 {
                return block;
            }
            size
        };
        let new = Self::allocate(new_size, align);
        if !new.is_null() {
            // SAFETY: both blocks are ours and at least that long; the old one is freed after its last use.
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
        match Self::class_of(range, address) {
            0 => large::usable_size(range, address),
            class => size_class::size_of(class),
        }
    }

    /// Whether the address lies in this allocator's range. Exact, and safe for any pointer.
    pub fn owns(pointer: *const u8) -> bool {
        Range::<P>::get().is_some_and(|range| Self::lookup(range, pointer.addr()).is_some())
    }

    /// The slab that `address` lies in, if it is in the range at all.
    fn lookup(range: Range<P>, address: usize) -> Option<u32> {
        if P::planted(Fault::GuessUnmapped) {
            return Some((address.wrapping_sub(range.base()) >> P::GEOMETRY.slab_shift) as u32);
        }
        range.slab_index_of(address)
    }

    /// The size class of the slab that `address` lies in; 0 for "no slab".
    fn class_of(range: Range<P>, address: usize) -> u32 {
        Self::lookup(range, address).map_or(0, |index| range.slab(index).class())
    }

    /// The running thread ends, or will not allocate for long: everything that its heap holds is handed over, in time
    /// proportional to what it holds. It may allocate again.
    pub fn thread_exit() {
        thread::exit::<P>();
    }

    /// Gives back to the system what nobody uses: the running thread's cache and empty slabs, abandoned slabs all of
    /// whose blocks have come back, and wholly free SuperSlabs.
    pub fn collect() {
        let Some(range) = Range::<P>::get() else { return };
        let Some(heap) = thread::heap::<P>() else { return };
        for class in 1..=size_class::class_of(P::GEOMETRY.small_max) {
            let bin = heap.bin(class);
            while let Some(owned) = refill::adopted(range, heap, class) {
                bin.link_first(range, owned);
            }
        }
        thread::give_up_all(range, heap);
        pool::retire_spares(range);
    }

    /// The number of heaps that were ever in use at the same time.
    pub fn heaps_used() -> u32 {
        use crate::platform::{Atomic, Ordering};
        root::<P>().heaps_used.load(Ordering::Relaxed)
    }
}
