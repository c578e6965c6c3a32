//! Places: what lies at an address, in words for messages and pictures.
//!
//! The same arithmetic as the registry's, and every word of every structure by name.

use core::fmt;
use core::mem::offset_of;

use crate::boundary::platform::Platform;
use crate::numbers::geometry::RETAINED_MAX;
use crate::numbers::size_class::CLASSES;
use crate::range::Range;
use crate::tables::bin::Bin;
use crate::tables::heap::Heap;
use crate::tables::root::PIECES;
use crate::tables::root::{Directory, Root};
use crate::tables::slab::{OWNER_LINE, Slab};
use crate::tables::superslab::SuperSlab;

/// What lies at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A word of the root.
    Root(&'static str),
    /// A word of the directory of abandoned slabs of a class.
    Abandoned(u32, &'static str),
    /// A word of a heap.
    Heap(u32, &'static str),
    /// A word of a heap's bin: heap, class, word.
    Bin(u32, u32, &'static str),
    /// A word of the unit map.
    UnitMap(usize),
    /// The class map: SuperSlab, slab in it.
    ClassMap(u32, u32),
    /// A word of a SuperSlab's descriptor.
    SuperSlab(u32, &'static str),
    /// A word of a slab's descriptor: SuperSlab, slab in it, word, and whether it is an owner-only word.
    Slab(u32, u32, &'static str, bool),
    /// Memory of a slab: SuperSlab, slab in it, byte.
    Memory(u32, u32, usize),
    /// Nothing of the allocator.
    Elsewhere,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Place::Root(word) => write!(f, "root: {word}"),
            Place::Abandoned(class, word) => write!(f, "root: {word} of class {class}"),
            Place::Heap(heap, word) => write!(f, "heap {heap}: {word}"),
            Place::Bin(heap, class, word) => write!(f, "heap {heap}, class {class}: {word}"),
            Place::UnitMap(word) => write!(f, "unit map: word {word}"),
            Place::ClassMap(unit, slab) => write!(f, "superslab {unit}, slab {slab}: class"),
            Place::SuperSlab(unit, word) => write!(f, "superslab {unit}: {word}"),
            Place::Slab(unit, slab, word, _) => write!(f, "superslab {unit}, slab {slab}: {word}"),
            Place::Memory(unit, slab, byte) => {
                write!(f, "superslab {unit}, slab {slab} + {byte:#x}")
            }
            Place::Elsewhere => f.write_str("no memory of the allocator"),
        }
    }
}

/// What lies at `address`.
pub fn place<P: Platform>(address: usize) -> Place {
    let root_start = P::root().as_ptr().expose_provenance();
    if let Some(offset) = within(address, root_start, size_of::<Root<P>>()) {
        return place_in_root::<P>(offset);
    }
    let Some(range) = Range::<P>::get() else { return Place::Elsewhere };
    let slabs = P::GEOMETRY.slabs_per_superslab;
    if let Some(index) = range.slab_index_of(address) {
        let byte = address - range.slab_start(index);
        return Place::Memory(index / slabs, index % slabs, byte);
    }
    let units = range.units();
    if let Some((index, offset)) =
        element::<Slab<P>>(address, range.slab_table(), units * slabs as usize)
    {
        let word = slab_word::<P>(offset);
        return Place::Slab(index / slabs, index % slabs, word, offset < OWNER_LINE);
    }
    if let Some((index, _)) = element::<u32>(address, range.class_map(), units * slabs as usize) {
        return Place::ClassMap(index / slabs, index % slabs);
    }
    if let Some((index, offset)) = element::<SuperSlab<P>>(address, range.superslab_table(), units)
    {
        return Place::SuperSlab(index, superslab_word::<P>(offset));
    }
    if let Some((word, _)) = element::<u64>(address, range.unit_map(), units.div_ceil(64) * 2) {
        return Place::UnitMap(word as usize);
    }
    match element::<Heap<P>>(address, range.heap_table(), range.heaps()) {
        Some((heap, offset)) => place_in_heap::<P>(heap, offset),
        None => Place::Elsewhere,
    }
}

fn within(address: usize, start: usize, bytes: usize) -> Option<usize> {
    let offset = address.wrapping_sub(start);
    (offset < bytes).then_some(offset)
}

fn element<T>(address: usize, table: usize, count: usize) -> Option<(u32, usize)> {
    within(address, table, count * size_of::<T>()).map(split::<T>)
}

/// The element of a table at `offset`, and the offset in it.
const fn split<T>(offset: usize) -> (u32, usize) {
    ((offset / size_of::<T>()) as u32, offset % size_of::<T>())
}

fn place_in_root<P: Platform>(offset: usize) -> Place {
    let directory = offset_of!(Root<P>, abandoned);
    if within(offset, offset_of!(Root<P>, retained), RETAINED_MAX * 8).is_some() {
        return Place::Root("kept mapping");
    }
    if within(offset, offset_of!(Root<P>, pieces), PIECES * 8).is_some() {
        return Place::Root("piece of the range without a table");
    }
    if offset >= offset_of!(Root<P>, nobody) {
        return Place::Root("nobody's heap");
    }
    if offset >= directory {
        let (class, offset) = split::<Directory<P>>(offset - directory);
        let words = [
            (offset_of!(Directory<P>, count), "number of abandoned slabs"),
            (offset_of!(Directory<P>, unit), "unit with abandoned slabs"),
        ];
        return Place::Abandoned(class, named(offset, &words));
    }
    Place::Root(named(
        offset,
        &[
            (offset_of!(Root<P>, range), "range word"),
            (offset_of!(Root<P>, extent), "extent of the range"),
            (offset_of!(Root<P>, free_heaps), "stack of free heaps"),
            (offset_of!(Root<P>, heaps_used), "heaps used"),
            (offset_of!(Root<P>, decay_due), "time of the next decay"),
            (offset_of!(Root<P>, decay_at), "unit where decay goes on"),
            (offset_of!(Root<P>, slots), "slots in use and idle"),
            (offset_of!(Root<P>, sweep), "next unit to sweep"),
            (offset_of!(Root<P>, unit_hint), "unit hint"),
            (offset_of!(Root<P>, retained_bytes), "bytes of kept mappings"),
            (offset_of!(Root<P>, committed), "committed bytes"),
            (offset_of!(Root<P>, limit), "limit of committed bytes"),
            (offset_of!(Root<P>, available), "stack of available superslabs"),
        ],
    ))
}

fn place_in_heap<P: Platform>(heap: u32, offset: usize) -> Place {
    if offset < (CLASSES + 1) * size_of::<Bin<P>>() {
        let (class, offset) = split::<Bin<P>>(offset);
        let words = [
            (offset_of!(Bin<P>, cache), "thread cache"),
            (offset_of!(Bin<P>, room), "room in the thread cache"),
            (offset_of!(Bin<P>, reciprocal), "reciprocal of the block size"),
            (offset_of!(Bin<P>, bound), "bound of block starts"),
            (offset_of!(Bin<P>, secret), "secret"),
            (offset_of!(Bin<P>, slabs), "list of slabs"),
        ];
        return Place::Bin(heap, class, named(offset, &words));
    }
    for (table, bytes, word) in Heap::<P>::TABLES {
        if let Some(offset) = within(offset, table, (CLASSES + 1) * bytes) {
            return Place::Bin(heap, (offset / bytes) as u32, word);
        }
    }
    let words = [
        (offset_of!(Heap<P>, base), "base"),
        (offset_of!(Heap<P>, bytes), "bytes"),
        (offset_of!(Heap<P>, class_map), "class map"),
        (offset_of!(Heap<P>, range_word), "range word"),
        (offset_of!(Heap<P>, id), "owner identity"),
        (offset_of!(Heap<P>, generation), "generation"),
        (offset_of!(Heap<P>, run_unit), "unit of the last run"),
        (offset_of!(Heap<P>, counts), "slots in use, not yet added"),
        (offset_of!(Heap<P>, counts) + 4, "idle slots, not yet added"),
        (offset_of!(Heap<P>, stack_link), "link of free heaps"),
        (offset_of!(Heap<P>, slow_paths_left), "slow paths until a look at the clock"),
        (offset_of!(Heap<P>, tidy_due), "time to tidy"),
        (offset_of!(Heap<P>, tidy_at), "class where tidying goes on"),
        (offset_of!(Heap<P>, used), "classes in use, first word"),
        (offset_of!(Heap<P>, used) + 8, "classes in use, second word"),
    ];
    Place::Heap(heap, named(offset, &words))
}

fn slab_word<P: Platform>(offset: usize) -> &'static str {
    let words = [
        (offset_of!(Slab<P>, freelist), "freelist"),
        (offset_of!(Slab<P>, used), "used"),
        (offset_of!(Slab<P>, carved), "carved"),
        (offset_of!(Slab<P>, capacity), "capacity"),
        (offset_of!(Slab<P>, block_size), "block size"),
        (offset_of!(Slab<P>, next), "next slab of the heap"),
        (offset_of!(Slab<P>, previous), "previous slab of the heap"),
        (offset_of!(Slab<P>, slot), "slot word"),
        (offset_of!(Slab<P>, remote), "remote list"),
        (offset_of!(Slab<P>, run), "slabs of the run"),
        (offset_of!(Slab<P>, seals), "blocks with seals"),
    ];
    named(offset, &words)
}

fn superslab_word<P: Platform>(offset: usize) -> &'static str {
    let words = [
        (offset_of!(SuperSlab<P>, word), "slot mask and use"),
        (offset_of!(SuperSlab<P>, stack_link), "link of available superslabs"),
        (offset_of!(SuperSlab<P>, run), "units of the mapping"),
        (offset_of!(SuperSlab<P>, bytes), "bytes of the mapping"),
        (offset_of!(SuperSlab<P>, touched), "touched slots"),
        (offset_of!(SuperSlab<P>, sealed), "slots with seals"),
        (offset_of!(SuperSlab<P>, abandoned), "abandoned slabs"),
        (offset_of!(SuperSlab<P>, leftover), "leftover bytes"),
    ];
    named(offset, &words)
}

fn named(offset: usize, words: &[(usize, &'static str)]) -> &'static str {
    words.iter().find(|(at, _)| *at == offset).map_or("unnamed word", |(_, name)| name)
}
