//! Places: what lies at an address.
//!
//! The same arithmetic as the range's, and every word of every structure. Messages and pictures
//! show a place by its `Display`; whoever decides by a place matches on it.

use core::fmt;
use core::mem::offset_of;

use crate::boundary::platform::Platform;
use crate::numbers::geometry::{RETAINED_MAX, SLABS_MAX};
use crate::numbers::size_class::CLASSES;
use crate::range::Range;
use crate::tables::bin::Bin;
use crate::tables::heap::Heap;
use crate::tables::root::PIECES;
use crate::tables::root::{Directory, Root};
use crate::tables::slab::Slab;
use crate::tables::superslab::SuperSlab;

/// The words of a structure: for each a variant, and its name in messages.
macro_rules! words {
    ($(#[$about:meta])* $Words:ident { $($Word:ident: $name:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Words {
            $(#[doc = $name] $Word,)*
            /// None of those: a byte inside of a word, or one that nothing uses.
            Unnamed,
        }

        impl fmt::Display for $Words {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $($Words::$Word => $name,)*
                    $Words::Unnamed => "unnamed word",
                })
            }
        }

        impl Unnamed for $Words {
            const UNNAMED: $Words = $Words::Unnamed;
        }
    };
}

/// Words that have a variant for what is none of them.
trait Unnamed: Copy + 'static {
    const UNNAMED: Self;
}

words! {
    /// The words of the root.
    RootField {
        KeptMapping: "kept mapping",
        Piece: "piece of the range without a table",
        NobodysHeap: "nobody's heap",
        Range: "range word",
        Extent: "extent of the range",
        FreeHeaps: "stack of free heaps",
        HeapsUsed: "heaps used",
        DecayDue: "time of the next decay",
        DecayAt: "unit where decay goes on",
        Slots: "slots in use and idle",
        Sweep: "next unit to sweep",
        SweepDue: "time of the next sweep",
        UsedLately: "slots in use lately",
        UnitHint: "unit hint",
        RetainedBytes: "bytes of kept mappings",
        Committed: "committed bytes",
        Limit: "limit of committed bytes",
        Available: "stack of available superslabs",
    }
}

words! {
    /// The words of the directory of abandoned slabs of a class.
    DirectoryField {
        Count: "number of abandoned slabs",
        Unit: "unit with abandoned slabs",
    }
}

words! {
    /// The words of a heap.
    HeapField {
        Base: "base",
        Bytes: "bytes",
        ClassMap: "class map",
        RangeWord: "range word",
        Id: "owner identity",
        Generation: "generation",
        RunUnit: "unit of the last run",
        Returns: "returns in a row",
        Hole: "hole that it has left",
        CountedUsed: "slots in use, not yet added",
        CountedIdle: "idle slots, not yet added",
        StackLink: "link of free heaps",
        SlowPathsLeft: "slow paths until a look at the clock",
        TidyDue: "time to tidy",
        TidyAt: "class where tidying goes on",
        UsedFirst: "classes in use, first word",
        UsedSecond: "classes in use, second word",
    }
}

words! {
    /// The words of a heap's bin, or beside it for the same class.
    BinField {
        Cache: "thread cache",
        Room: "room in the thread cache",
        Reciprocal: "reciprocal of the block size",
        Bound: "bound of block starts",
        Secret: "secret",
        Slabs: "list of slabs",
        Reserve: "reserve of the thread cache",
        Overflows: "times in a row that it was full",
        Seen: "thread cache when tidied last",
        Last: "slab used last",
    }
}

words! {
    /// The words of a slab's descriptor.
    SlabField {
        Freelist: "freelist",
        Used: "used",
        Carved: "carved",
        Capacity: "capacity",
        BlockSize: "block size",
        Next: "next slab of the heap",
        Previous: "previous slab of the heap",
        Slot: "slot word",
        Remote: "remote list",
        Run: "slabs of the run",
        Seals: "blocks with seals",
    }
}

words! {
    /// The words of a SuperSlab's descriptor.
    SuperSlabField {
        Word: "slot mask and use",
        StackLink: "link of available superslabs",
        Units: "units of the mapping",
        Bytes: "bytes of the mapping",
        Touched: "touched slots",
        Sealed: "slots with seals",
        Abandoned: "abandoned slabs",
        Leftover: "leftover bytes",
    }
}

/// What lies at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A word of the root.
    Root(RootField),
    /// A word of the directory of abandoned slabs of a class.
    Abandoned(u32, DirectoryField),
    /// A word of a heap.
    Heap(u32, HeapField),
    /// A word of a heap's bin: heap, class, word.
    Bin(u32, u32, BinField),
    /// A word of the unit map.
    UnitMap(usize),
    /// The class map: SuperSlab, slab in it.
    ClassMap(u32, u32),
    /// A word of a SuperSlab's descriptor.
    SuperSlab(u32, SuperSlabField),
    /// A word of a slab's descriptor: SuperSlab, slab in it, word.
    Slab(u32, u32, SlabField),
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
            Place::Slab(unit, slab, word) => write!(f, "superslab {unit}, slab {slab}: {word}"),
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
        return Place::Slab(index / slabs, index % slabs, word);
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
        return Place::Root(RootField::KeptMapping);
    }
    if within(offset, offset_of!(Root<P>, pieces), PIECES * 8).is_some() {
        return Place::Root(RootField::Piece);
    }
    if offset >= offset_of!(Root<P>, nobody) {
        return Place::Root(RootField::NobodysHeap);
    }
    if offset >= directory {
        let (class, offset) = split::<Directory<P>>(offset - directory);
        let words = [
            (offset_of!(Directory<P>, count), DirectoryField::Count),
            (offset_of!(Directory<P>, unit), DirectoryField::Unit),
        ];
        return Place::Abandoned(class, named(offset, &words));
    }
    Place::Root(named(
        offset,
        &[
            (offset_of!(Root<P>, range), RootField::Range),
            (offset_of!(Root<P>, extent), RootField::Extent),
            (offset_of!(Root<P>, free_heaps), RootField::FreeHeaps),
            (offset_of!(Root<P>, heaps_used), RootField::HeapsUsed),
            (offset_of!(Root<P>, decay_due), RootField::DecayDue),
            (offset_of!(Root<P>, decay_at), RootField::DecayAt),
            (offset_of!(Root<P>, slots), RootField::Slots),
            (offset_of!(Root<P>, sweep), RootField::Sweep),
            (offset_of!(Root<P>, sweep_due), RootField::SweepDue),
            (offset_of!(Root<P>, used_lately), RootField::UsedLately),
            (offset_of!(Root<P>, unit_hint), RootField::UnitHint),
            (offset_of!(Root<P>, retained_bytes), RootField::RetainedBytes),
            (offset_of!(Root<P>, committed), RootField::Committed),
            (offset_of!(Root<P>, limit), RootField::Limit),
            (offset_of!(Root<P>, available), RootField::Available),
        ],
    ))
}

fn place_in_heap<P: Platform>(heap: u32, offset: usize) -> Place {
    if offset < (CLASSES + 1) * size_of::<Bin<P>>() {
        let (class, offset) = split::<Bin<P>>(offset);
        let words = [
            (offset_of!(Bin<P>, cache), BinField::Cache),
            (offset_of!(Bin<P>, room), BinField::Room),
            (offset_of!(Bin<P>, reciprocal), BinField::Reciprocal),
            (offset_of!(Bin<P>, bound), BinField::Bound),
            (offset_of!(Bin<P>, secret), BinField::Secret),
            (offset_of!(Bin<P>, slabs), BinField::Slabs),
        ];
        return Place::Bin(heap, class, named(offset, &words));
    }
    let tables = [
        (Heap::<P>::RESERVES_AT, 8, BinField::Reserve),
        (Heap::<P>::OVERFLOWS_AT, 4, BinField::Overflows),
        (Heap::<P>::SEEN_AT, 8, BinField::Seen),
        (Heap::<P>::LAST_AT, 4, BinField::Last),
    ];
    for (table, bytes, word) in tables {
        if let Some(offset) = within(offset, table, (CLASSES + 1) * bytes) {
            return Place::Bin(heap, (offset / bytes) as u32, word);
        }
    }
    if within(offset, offset_of!(Heap<P>, holes), SLABS_MAX as usize * 4).is_some() {
        return Place::Heap(heap, HeapField::Hole);
    }
    let words = [
        (offset_of!(Heap<P>, base), HeapField::Base),
        (offset_of!(Heap<P>, bytes), HeapField::Bytes),
        (offset_of!(Heap<P>, class_map), HeapField::ClassMap),
        (offset_of!(Heap<P>, range_word), HeapField::RangeWord),
        (offset_of!(Heap<P>, id), HeapField::Id),
        (offset_of!(Heap<P>, generation), HeapField::Generation),
        (offset_of!(Heap<P>, run_unit), HeapField::RunUnit),
        (offset_of!(Heap<P>, returns), HeapField::Returns),
        (offset_of!(Heap<P>, counts), HeapField::CountedUsed),
        (offset_of!(Heap<P>, counts) + 4, HeapField::CountedIdle),
        (offset_of!(Heap<P>, stack_link), HeapField::StackLink),
        (offset_of!(Heap<P>, slow_paths_left), HeapField::SlowPathsLeft),
        (offset_of!(Heap<P>, tidy_due), HeapField::TidyDue),
        (offset_of!(Heap<P>, tidy_at), HeapField::TidyAt),
        (offset_of!(Heap<P>, used), HeapField::UsedFirst),
        (offset_of!(Heap<P>, used) + 8, HeapField::UsedSecond),
    ];
    Place::Heap(heap, named(offset, &words))
}

fn slab_word<P: Platform>(offset: usize) -> SlabField {
    let words = [
        (offset_of!(Slab<P>, freelist), SlabField::Freelist),
        (offset_of!(Slab<P>, used), SlabField::Used),
        (offset_of!(Slab<P>, carved), SlabField::Carved),
        (offset_of!(Slab<P>, capacity), SlabField::Capacity),
        (offset_of!(Slab<P>, block_size), SlabField::BlockSize),
        (offset_of!(Slab<P>, next), SlabField::Next),
        (offset_of!(Slab<P>, previous), SlabField::Previous),
        (offset_of!(Slab<P>, slot), SlabField::Slot),
        (offset_of!(Slab<P>, remote), SlabField::Remote),
        (offset_of!(Slab<P>, run), SlabField::Run),
        (offset_of!(Slab<P>, seals), SlabField::Seals),
    ];
    named(offset, &words)
}

fn superslab_word<P: Platform>(offset: usize) -> SuperSlabField {
    let words = [
        (offset_of!(SuperSlab<P>, word), SuperSlabField::Word),
        (offset_of!(SuperSlab<P>, stack_link), SuperSlabField::StackLink),
        (offset_of!(SuperSlab<P>, units), SuperSlabField::Units),
        (offset_of!(SuperSlab<P>, bytes), SuperSlabField::Bytes),
        (offset_of!(SuperSlab<P>, touched), SuperSlabField::Touched),
        (offset_of!(SuperSlab<P>, sealed), SuperSlabField::Sealed),
        (offset_of!(SuperSlab<P>, abandoned), SuperSlabField::Abandoned),
        (offset_of!(SuperSlab<P>, leftover), SuperSlabField::Leftover),
    ];
    named(offset, &words)
}

fn named<W: Unnamed>(offset: usize, words: &[(usize, W)]) -> W {
    words.iter().find(|(at, _)| *at == offset).map_or(W::UNNAMED, |(_, word)| *word)
}
