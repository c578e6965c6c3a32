//! The range: all memory of the allocator, and the registry that maps an address to its slab.
//!
//! The addresses of one range are planned at the first allocation: so many units (SuperSlab-sized
//! pieces), and in front of them the tables that describe them. The addresses of the smaller tables
//! are reserved at once, those of the slab table and of the units piece by piece, and the tables
//! get memory with the pieces (see `growth`), and heap by heap (see `thread`):
//!
//! ```text
//!  start                                                         base (aligned to a unit)   end
//!  | heaps | unit map | SuperSlab table | class map | slab table | unit 0 | unit 1 | ...    |
//!    reserved at once                               | with the units that it describes
//! ```
//!
//! Lookup is arithmetic: `(address - base) >> slab_shift` is the slab's place in the class map and
//! in the slab table. It cannot fail silently, cannot be full, needs no registration and never
//! follows a pointer that is nobody's. Zeroed tables are a valid empty registry. A unit that is
//! below the extent and was never obtained from the system looks like one that was never used, and
//! is claimed by nobody; its slabs have no descriptors that could be looked at, and no class.
//!
//! Invariant: once published, the range word never changes, and tables that have memory keep it.

pub(crate) mod budget;
pub(crate) mod growth;
pub(crate) mod leftover;
pub(crate) mod retained;
pub(crate) mod units;

use core::marker::PhantomData;
use core::ptr::with_exposed_provenance;

use crate::boundary::platform::{Atomic, Ordering, Plain, Platform};
use crate::numbers::geometry::Geometry;
use crate::numbers::size_class;
use crate::tables::class_map::ClassWord;
use crate::tables::heap::Heap;
use crate::tables::remote_list;
use crate::tables::root::root;
use crate::tables::slab::Slab;
use crate::tables::superslab::SuperSlab;

/// The published range: where the units begin, and how many are planned.
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

/// Low bits of the range word that hold log2 of the number of units; `base` is aligned to more than
/// that.
const SHIFT_MASK: usize = 63;

impl<P: Platform> Range<P> {
    const GEOMETRY: Geometry = {
        assert!(P::GEOMETRY.unit_size() > SHIFT_MASK);
        assert!(P::GEOMETRY.unit_size() >= align_of::<Slab<P>>());
        assert!(P::GEOMETRY.units_max.is_power_of_two());
        assert!(P::GEOMETRY.units_max.ilog2() as usize <= SHIFT_MASK);
        assert!(size_of::<SuperSlab<P>>() == 64);
        assert!(P::GEOMETRY.slab_size() / size_class::SIZE_MIN <= remote_list::COUNT_MAX);
        P::GEOMETRY
    };

    /// The range, reserved now if nobody did yet. `None` if the system refuses.
    pub(crate) fn get_or_reserve() -> Option<Range<P>> {
        Self::get().or_else(Self::reserve)
    }

    /// The range, if it was reserved already.
    pub fn get() -> Option<Range<P>> {
        // Relaxed: an address. That tables have memory, the extent says.
        Self::from_word(root::<P>().range.load(Ordering::Relaxed))
    }

    fn from_word(word: usize) -> Option<Range<P>> {
        (word != 0).then_some(Range {
            base: word & !SHIFT_MASK,
            units_shift: (word & SHIFT_MASK) as u32,
            platform: PhantomData,
        })
    }

    /// The word of the range, which a heap keeps a copy of.
    pub(crate) fn word(self) -> usize {
        debug_assert!(self.base & SHIFT_MASK == 0 && self.units_shift as usize <= SHIFT_MASK);
        self.base | self.units_shift as usize
    }

    /// The range, from the copy of a heap that has a thread.
    pub(crate) fn of(heap: &Heap<P>) -> Range<P> {
        let word = heap.range_word.get();
        debug_assert!(word != 0, "a heap that has a thread knows the range");
        let units_shift = (word & SHIFT_MASK) as u32;
        Range { base: word & !SHIFT_MASK, units_shift, platform: PhantomData }
    }

    /// Reserves the addresses of the tables, and publishes the range; if another thread was faster,
    /// its range is taken and ours given back. If the system refuses, a range of half as many units
    /// is tried.
    #[cold]
    fn reserve() -> Option<Range<P>> {
        let geometry = Self::GEOMETRY;
        let planned = P::units_planned().clamp(geometry.units_min, geometry.units_max);
        let mut units_shift = planned.ilog2();
        while (1 << units_shift) >= geometry.units_min {
            let tables = Self::tables_size(units_shift);
            let slab_table = Self::slab_table_room(units_shift);
            let room = slab_table + (geometry.unit_size() << units_shift);
            let start = P::reserve(tables, geometry.unit_size(), room);
            if !start.is_null() {
                let base = start.expose_provenance() + tables + slab_table;
                if (base + room) >> remote_list::ADDRESS_BITS != 0 {
                    // No system gives such addresses without being asked for them.
                    P::release(start, tables);
                    break;
                }
                let word = base | units_shift as usize;
                // Relaxed: as in `get`.
                let range = &root::<P>().range;
                return match range.compare_exchange(0, word, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => Self::from_word(word),
                    Err(published) => {
                        P::release(start, tables);
                        Self::from_word(published)
                    }
                };
            }
            units_shift -= 1;
        }
        // Perhaps other threads' attempts were in the way, and one of them has published its range
        // by now.
        Self::get()
    }

    const fn slab_table_size(units_shift: u32) -> usize {
        (size_of::<Slab<P>>() * Self::GEOMETRY.slabs_per_superslab as usize) << units_shift
    }

    /// Whole units for the slab table, at whose end it lies.
    const fn slab_table_room(units_shift: u32) -> usize {
        Self::slab_table_size(units_shift).next_multiple_of(Self::GEOMETRY.unit_size())
    }

    const fn class_map_size(units_shift: u32) -> usize {
        let words = (Self::GEOMETRY.slabs_per_superslab as usize) << units_shift;
        (words * size_of::<ClassWord<P>>()).next_multiple_of(align_of::<Heap<P>>())
    }

    const fn superslab_table_size(units_shift: u32) -> usize {
        size_of::<SuperSlab<P>>() << units_shift
    }

    const fn map_size(units_shift: u32) -> usize {
        let words = (1usize << units_shift).div_ceil(64) * 2;
        (words * 8).next_multiple_of(align_of::<Heap<P>>())
    }

    const fn heaps_of(units_shift: u32) -> usize {
        let heaps = (1 << units_shift) / 8;
        if heaps < Self::GEOMETRY.heaps_max { heaps } else { Self::GEOMETRY.heaps_max }
    }

    /// Bytes of the tables that are reserved at once, in whole units.
    const fn tables_size(units_shift: u32) -> usize {
        let heaps = size_of::<Heap<P>>() * Self::heaps_of(units_shift);
        let tables = Self::class_map_size(units_shift)
            + Self::superslab_table_size(units_shift)
            + Self::map_size(units_shift)
            + heaps;
        tables.next_multiple_of(Self::GEOMETRY.unit_size())
    }

    /// The first byte of unit 0.
    pub fn base(&self) -> usize {
        self.base
    }

    /// The number of units that are planned: the range grows up to this.
    pub fn units(&self) -> usize {
        1 << self.units_shift
    }

    /// Bytes of all units that are planned.
    pub fn bytes(&self) -> usize {
        P::GEOMETRY.unit_size() << self.units_shift
    }

    /// Bytes of the units that there are so far.
    pub fn extent_bytes(&self) -> usize {
        self.extent() << P::GEOMETRY.unit_shift()
    }

    /// The number of heaps that the table has room for.
    pub fn heaps(&self) -> usize {
        Self::heaps_of(self.units_shift)
    }

    /// The part of the slab table that describes the units `from..to`: where it begins, and its
    /// bytes.
    pub(crate) fn slab_pages(&self, from: usize, to: usize) -> (usize, usize) {
        debug_assert!(from <= to && to <= self.units());
        let unit = size_of::<Slab<P>>() * P::GEOMETRY.slabs_per_superslab as usize;
        const {
            assert!(
                (size_of::<Slab<P>>() * P::GEOMETRY.slabs_per_superslab as usize)
                    .is_multiple_of(P::GEOMETRY.page_size)
            )
        };
        (self.slab_table() + from * unit, (to - from) * unit)
    }

    /// The parts of the other tables that describe the units `from..to`, in whole pages: where each
    /// begins, and its bytes.
    pub(crate) fn tables(&self, from: usize, to: usize) -> [(usize, usize); 3] {
        debug_assert!(from <= to && to <= self.units());
        let slabs = P::GEOMETRY.slabs_per_superslab as usize;
        let part = |table, bytes: usize, from: usize, to: usize| {
            self.pages(table + from * bytes, table + to * bytes)
        };
        [
            part(self.unit_map(), 16, from / 64, to.div_ceil(64)),
            part(self.superslab_table(), size_of::<SuperSlab<P>>(), from, to),
            part(self.class_map(), size_of::<ClassWord<P>>() * slabs, from, to),
        ]
    }

    /// The part of the table that holds the heaps `from..to`, in whole pages.
    pub(crate) fn heap_pages(&self, from: u32, to: u32) -> (usize, usize) {
        debug_assert!(from < to && to as usize <= self.heaps());
        let place = |index: u32| self.heap_table() + index as usize * size_of::<Heap<P>>();
        self.pages(place(from), place(to))
    }

    /// The pages in which there are bytes of `from..to`: where they begin, and their bytes.
    fn pages(&self, from: usize, to: usize) -> (usize, usize) {
        debug_assert!(from <= to && to <= self.base);
        let page = P::GEOMETRY.page_size;
        let start = from & !(page - 1);
        (start, to.next_multiple_of(page) - start)
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
        let end = self.base - Self::slab_table_room(self.units_shift);
        end - Self::class_map_size(self.units_shift)
    }

    /// The class of slab `index`.
    pub(crate) fn class_word(&self, index: u32) -> &'static ClassWord<P> {
        debug_assert!((index as usize) < self.units() * P::GEOMETRY.slabs_per_superslab as usize);
        // SAFETY: [growth 1] the map is this range's, and the slab lies below its extent.
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
        self.unit_map() - size_of::<Heap<P>>() * self.heaps()
    }

    /// The descriptor of slab `index` (counted through all units).
    pub(crate) fn slab(&self, index: u32) -> &'static Slab<P> {
        debug_assert!((index as usize) < self.units() * P::GEOMETRY.slabs_per_superslab as usize);
        // SAFETY: [growth 2, platform 1, slab 1] the slab's unit was had from the system; zeroed
        // memory is a valid descriptor, and its plain words are touched by its owner only.
        unsafe {
            &*with_exposed_provenance(self.slab_table() + index as usize * size_of::<Slab<P>>())
        }
    }

    /// The first byte of the memory of slab `index`.
    pub(crate) fn slab_start(&self, index: u32) -> usize {
        debug_assert!((index as usize) < self.units() * P::GEOMETRY.slabs_per_superslab as usize);
        self.base + ((index as usize) << P::GEOMETRY.slab_shift)
    }

    /// The descriptor of unit `index`.
    pub(crate) fn superslab(&self, index: u32) -> &'static SuperSlab<P> {
        debug_assert!((index as usize) < self.units());
        // SAFETY: [growth 1, platform 1] the unit lies below the extent; zeroed memory is a valid
        // descriptor, which has no plain words.
        unsafe {
            &*with_exposed_provenance(
                self.superslab_table() + index as usize * size_of::<SuperSlab<P>>(),
            )
        }
    }

    /// The first byte of unit `index`.
    pub(crate) fn unit_start(&self, index: u32) -> usize {
        debug_assert!((index as usize) < self.units());
        self.base + ((index as usize) << P::GEOMETRY.unit_shift())
    }

    /// Word `index` of the unit map: a bit for each unit that is free.
    pub(crate) fn free_word(&self, index: usize) -> &'static P::AtomicU64 {
        debug_assert!(index < self.units().div_ceil(64));
        // SAFETY: [growth 1, platform 1] a unit of the word lies below the extent; it is atomic.
        unsafe { &*with_exposed_provenance(self.unit_map() + index * 16) }
    }

    /// Word `index` of the unit map: a bit for each unit that was obtained from the system.
    pub(crate) fn obtained_word(&self, index: usize) -> &'static P::AtomicU64 {
        debug_assert!(index < self.units().div_ceil(64));
        // SAFETY: [growth 1, platform 1] a unit of the word lies below the extent; it is atomic.
        unsafe { &*with_exposed_provenance(self.unit_map() + index * 16 + 8) }
    }

    /// Heap `index`.
    pub(crate) fn heap(&self, index: u32) -> *mut Heap<P> {
        debug_assert!((index as usize) < self.heaps());
        core::ptr::with_exposed_provenance_mut(
            self.heap_table() + index as usize * size_of::<Heap<P>>(),
        )
    }

    /// The slab that `address` lies in, if it is in the range as far as there is one.
    pub fn slab_index_of(&self, address: usize) -> Option<u32> {
        self.slab_index_within(address, self.extent_bytes())
    }

    /// As [`Range::slab_index_of`], if the caller knows that so many bytes are there at least;
    /// `None` also for what lies behind them.
    pub(crate) fn slab_index_within(&self, address: usize, bytes: usize) -> Option<u32> {
        debug_assert!(bytes <= self.bytes());
        let offset = address.wrapping_sub(self.base);
        (offset < bytes).then_some((offset >> P::GEOMETRY.slab_shift) as u32)
    }
}
