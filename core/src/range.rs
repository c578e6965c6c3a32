//! The reserved range: all memory of the allocator, and the registry that maps an address to its slab.
//!
//! One range of address space is reserved at the first allocation. Its units (SuperSlab-sized pieces) get memory when
//! they are used; in front of them lie the tables that describe them, which are never unmapped:
//!
//! ```text
//!  start                                             base (aligned to a unit)            base + units * unit_size
//!    | heaps | unit map | SuperSlab table | class map | slab table | unit 0 | unit 1 | ...   |
//! ```
//!
//! Lookup is arithmetic: `(address - base) >> slab_shift` is the slab's place in the class map and in the slab table. It cannot fail
//! silently, cannot be full, needs no registration and never follows a pointer that is nobody's. Zeroed tables are a
//! valid empty registry.
//!
//! Invariant: once published, the range word never changes, and the tables stay committed.

use core::marker::PhantomData;
use core::ptr::with_exposed_provenance;

use crate::class_map::ClassWord;
use crate::fault::{Fault, unless_planted};
use crate::geometry::Geometry;
use crate::heap::Heap;
use crate::platform::{Atomic, Ordering, Platform};
use crate::remote_list;
use crate::root::Root;
use crate::size_class;
use crate::slab::Slab;
use crate::superslab::SuperSlab;

/// The published range: where the units begin, and how many there are.
pub struct Range<P: Platform> {
    base: usize,
    units_shift: u32,
    platform: PhantomData<P>,
}

impl<P: Platform> Clone for Range<P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P: Platform> Copy for Range<P> {}

/// Low bits of the range word that hold log2 of the number of units; `base` is aligned to more than that.
const SHIFT_MASK: usize = 63;

impl<P: Platform> Range<P> {
    const GEOMETRY: Geometry = {
        assert!(P::GEOMETRY.unit_size() > SHIFT_MASK);
        assert!(P::GEOMETRY.unit_size() >= align_of::<Slab<P>>());
        assert!(P::GEOMETRY.units_max.is_power_of_two());
        assert!(P::GEOMETRY.slab_size() / size_class::SIZE_MIN <= remote_list::COUNT_MAX);
        P::GEOMETRY
    };

    /// The range, reserved now if nobody did yet. `None` if the system refuses.
    pub(crate) fn get_or_reserve() -> Option<Range<P>> {
        Self::get().or_else(Self::reserve)
    }

    /// The range, if it was reserved already.
    pub fn get() -> Option<Range<P>> {
        // Acquire: pairs with the exchange in `reserve`, which publishes the tables' zeroed memory.
        let order = unless_planted::<P>(Fault::InitHalfSeen, Ordering::Acquire);
        Self::from_word(root::<P>().range.load(order))
    }

    fn from_word(word: usize) -> Option<Range<P>> {
        (word != 0).then_some(Range {
            base: word & !SHIFT_MASK,
            units_shift: (word & SHIFT_MASK) as u32,
            platform: PhantomData,
        })
    }

    /// The range of these parts, which a heap keeps copies of.
    pub(crate) fn from_parts(base: usize, bytes: usize) -> Range<P> {
        let units_shift = (bytes >> P::GEOMETRY.unit_shift()).ilog2();
        Range { base, units_shift, platform: PhantomData }
    }

    /// Reserves the largest range that the system grants and publishes it; if another thread was faster, its range is
    /// taken and ours given back.
    #[cold]
    fn reserve() -> Option<Range<P>> {
        let geometry = Self::GEOMETRY;
        let mut units_shift = geometry.units_max.ilog2();
        while (1 << units_shift) >= geometry.units_min {
            let tables = Self::tables_size(units_shift);
            let bytes = tables + (geometry.unit_size() << units_shift);
            let start = P::reserve(bytes, geometry.unit_size());
            if !start.is_null() {
                if (start.expose_provenance() + bytes) >> remote_list::ADDRESS_BITS != 0 {
                    // No system gives such addresses without being asked for them.
                    P::release(start, bytes);
                    break;
                }
                let word = (start.expose_provenance() + tables) | units_shift as usize;
                let early = P::planted(Fault::PublishBeforeReady).then(|| Self::publish(word));
                if P::commit(start, tables) {
                    let published = early.unwrap_or_else(|| Self::publish(word));
                    if published != word {
                        P::release(start, bytes);
                    }
                    return Self::from_word(published);
                }
                P::release(start, bytes);
            }
            match units_shift.checked_sub(1) {
                Some(smaller) => units_shift = smaller,
                None => break,
            }
        }
        // Perhaps other threads' attempts were in the way, and one of them has published its range by now.
        Self::get()
    }

    /// Makes `word` the range word, if there is none yet; the one that there is then.
    fn publish(word: usize) -> usize {
        // Release: publishes the committed tables. Acquire on failure: takes the other's over.
        root::<P>()
            .range
            .compare_exchange(0, word, Ordering::Release, Ordering::Acquire)
            .map_or_else(|published| published, |_| word)
    }

    const fn slab_table_size(units_shift: u32) -> usize {
        (size_of::<Slab<P>>() * Self::GEOMETRY.slabs_per_superslab as usize) << units_shift
    }

    const fn class_map_size(units_shift: u32) -> usize {
        let words = (Self::GEOMETRY.slabs_per_superslab as usize) << units_shift;
        (words * size_of::<ClassWord<P>>()).next_multiple_of(align_of::<Heap<P>>())
    }

    const fn superslab_table_size(units_shift: u32) -> usize {
        size_of::<SuperSlab<P>>() << units_shift
    }

    const fn map_size(units_shift: u32) -> usize {
        let words = (1usize << units_shift).div_ceil(64);
        (words * 8).next_multiple_of(align_of::<Heap<P>>())
    }

    /// Bytes in front of the units, in whole units.
    const fn tables_size(units_shift: u32) -> usize {
        let heaps = size_of::<Heap<P>>() * Self::GEOMETRY.heaps_max;
        let tables = Self::slab_table_size(units_shift)
            + Self::class_map_size(units_shift)
            + Self::superslab_table_size(units_shift)
            + Self::map_size(units_shift)
            + heaps;
        tables.next_multiple_of(Self::GEOMETRY.unit_size())
    }

    /// The first byte of unit 0.
    pub fn base(&self) -> usize {
        self.base
    }

    /// The number of units.
    pub fn units(&self) -> usize {
        1 << self.units_shift
    }

    /// Bytes of all units.
    pub fn bytes(&self) -> usize {
        P::GEOMETRY.unit_size() << self.units_shift
    }

    /// The address of the slab table.
    pub fn slab_table(&self) -> usize {
        self.base - Self::slab_table_size(self.units_shift)
    }

    /// The address of the SuperSlab table.
    pub fn superslab_table(&self) -> usize {
        self.class_map() - Self::superslab_table_size(self.units_shift)
    }

    /// The address of the class map.
    pub fn class_map(&self) -> usize {
        self.slab_table() - Self::class_map_size(self.units_shift)
    }

    /// The class of slab `index`.
    pub(crate) fn class_word(&self, index: u32) -> &'static ClassWord<P> {
        debug_assert!((index as usize) < self.units() * P::GEOMETRY.slabs_per_superslab as usize);
        // SAFETY: the map is this range's, and the number is one of its slabs'.
        unsafe { ClassWord::at(self.class_map(), index as usize) }
    }

    /// The size class of slab `index`; 0 for "no slab".
    pub(crate) fn class(&self, index: u32) -> u32 {
        self.class_word(index).class()
    }

    /// The address of the unit map.
    pub fn unit_map(&self) -> usize {
        self.superslab_table() - Self::map_size(self.units_shift)
    }

    /// The address of the first heap.
    pub fn heap_table(&self) -> usize {
        self.unit_map() - size_of::<Heap<P>>() * P::GEOMETRY.heaps_max
    }

    /// The descriptor of slab `index` (counted through all units).
    pub(crate) fn slab(&self, index: u32) -> &'static Slab<P> {
        debug_assert!((index as usize) < self.units() * P::GEOMETRY.slabs_per_superslab as usize);
        // SAFETY: the range's invariant: the table is committed for ever, and zeroed memory is a valid descriptor.
        // Its plain words obey invariant 1 of `slab`.
        unsafe {
            &*with_exposed_provenance(self.slab_table() + index as usize * size_of::<Slab<P>>())
        }
    }

    /// The first byte of the memory of slab `index`.
    pub(crate) fn slab_start(&self, index: u32) -> usize {
        self.base + ((index as usize) << P::GEOMETRY.slab_shift)
    }

    /// The descriptor of unit `index`.
    pub(crate) fn superslab(&self, index: u32) -> &'static SuperSlab<P> {
        debug_assert!((index as usize) < self.units());
        // SAFETY: as in `slab`; a SuperSlab descriptor has no plain words.
        unsafe {
            &*with_exposed_provenance(
                self.superslab_table() + index as usize * size_of::<SuperSlab<P>>(),
            )
        }
    }

    /// The first byte of unit `index`.
    pub(crate) fn unit_start(&self, index: u32) -> usize {
        self.base + ((index as usize) << P::GEOMETRY.unit_shift())
    }

    /// Word `index` of the unit map.
    pub(crate) fn map_word(&self, index: usize) -> &'static P::AtomicU64 {
        debug_assert!(index < self.units().div_ceil(64));
        // SAFETY: as in `slab`; the words are atomic.
        unsafe { &*with_exposed_provenance(self.unit_map() + index * 8) }
    }

    /// Heap `index`.
    pub(crate) fn heap(&self, index: u32) -> *mut Heap<P> {
        debug_assert!((index as usize) < P::GEOMETRY.heaps_max);
        core::ptr::with_exposed_provenance_mut(
            self.heap_table() + index as usize * size_of::<Heap<P>>(),
        )
    }

    /// The slab that `address` lies in, if it is in the range at all.
    pub fn slab_index_of(&self, address: usize) -> Option<u32> {
        let offset = address.wrapping_sub(self.base);
        (offset < self.bytes()).then_some((offset >> P::GEOMETRY.slab_shift) as u32)
    }
}

/// The platform's root.
pub(crate) fn root<P: Platform>() -> &'static Root<P> {
    // SAFETY: the platform's contract: one root, zeroed at first (which is valid), never moved. It has no plain words.
    unsafe { P::root().as_ref() }
}
