//! Looking at everything at rest, for accounting, pictures and messages: where each block is, and
//! in `place` what lies at an address. The allocator itself calls nothing here. Lists are walked
//! with a bound, so that a broken one is reported and not followed for ever.
//!
//! Invariant: nobody changes what is looked at, but where a function says so: callers see to that.

mod place;

use crate::boundary::platform::{Atomic, Gauge, Ordering, Plain, Platform};
use crate::numbers::geometry::{Geometry, RETAINED_MAX};
use crate::numbers::size_class::{self, CLASSES};
use crate::numbers::slot::{OwnerId, SlabState, SlotWord};
use crate::pool::count;
use crate::range::Range;
use crate::range::retained::{self, Mapping};
use crate::range::units;
use crate::tables::block;
use crate::tables::counts::Slots;
use crate::tables::heap::{self, Heap};
use crate::tables::index_stack::IndexStack;
use crate::tables::root::{self, root};
use crate::tables::superslab::{SuperSlabWord, Use};

pub use crate::inspect::place::{
    BinField, DirectoryField, HeapField, Place, RootField, SlabField, SuperSlabField, place,
};

/// A slab at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlabPicture {
    /// The slab's number in the range.
    pub index: u32,
    /// State, generation and owner.
    pub slot: SlotWord,
    /// The size class, 0 for none.
    pub class: u32,
    /// Blocks that are not on the freelist, of those ever cut.
    pub used: u32,
    /// Blocks ever cut.
    pub carved: u32,
    /// Blocks that fit.
    pub capacity: u32,
    /// Blocks found on the freelist.
    pub free: u32,
    /// Blocks found on the remote list.
    pub remote: u32,
    /// RUN: slabs of the run; otherwise 0.
    pub run: u32,
}

impl SlabPicture {
    /// Of a unit that was never obtained from the system.
    pub const fn none(index: u32) -> SlabPicture {
        SlabPicture {
            index,
            slot: SlotWord(0),
            class: 0,
            used: 0,
            carved: 0,
            capacity: 0,
            free: 0,
            remote: 0,
            run: 0,
        }
    }
}

/// Where a block at rest was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// On the freelist of this slab.
    Freelist(u32),
    /// On the remote list of this slab.
    Remote(u32),
    /// In the thread cache of this heap.
    Cache(u32),
}

/// A list is longer than it can be (it has a cycle, or leads elsewhere) or than its count says, or
/// has a block whose seal is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenList {
    /// Which list.
    pub home: Home,
    /// Where it was left.
    pub address: usize,
}

/// A unit at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitPicture {
    /// The unit's number.
    pub index: u32,
    /// Slot mask and use.
    pub word: SuperSlabWord,
    /// For a mapping of its own, also one that is kept: its committed bytes,
    pub bytes: usize,
    /// and its units.
    pub units: u32,
    /// Whether it is in the table of kept mappings.
    pub kept: bool,
    /// Whether it was obtained from the system.
    pub obtained: bool,
    /// Whether somebody has it.
    pub claimed: bool,
    /// Bytes that the system refused to take back.
    pub leftover: usize,
    /// SHARED: the slots whose memory was handed out since the system gave it.
    pub touched: u32,
    /// Whether it was idle in the last round of decay already: a SuperSlab's mark, or that of a
    /// kept mapping.
    pub old: bool,
}

impl UnitPicture {
    /// Whether something of it is idle: memory that goes back to the system if nobody asks for it.
    pub fn is_idle(&self, geometry: &Geometry) -> bool {
        let free = self.word.free_slots();
        match self.word.usage() {
            Use::Shared => free == geometry.all_slots() || free & self.touched != 0,
            Use::Retained => self.kept,
            Use::Free | Use::Large | Use::Retired => false,
        }
    }
}

/// How many units, from the first one on, were ever put to a use: the others are zeroed memory.
pub fn units_used<P: Platform>(range: Range<P>) -> u32 {
    (0..range.extent() as u32)
        .rev()
        .find(|&index| {
            range.superslab(index).load().generation() != 0 || units::is_claimed(range, index)
        })
        .map_or(0, |last| last + 1)
}

/// Visits every unit that the range has so far, in order.
pub fn units<P: Platform>(range: Range<P>, visit: impl FnMut(UnitPicture)) {
    first_units(range, range.extent() as u32, visit);
}

/// Visits the first `count` units of the range, in order.
pub fn first_units<P: Platform>(range: Range<P>, count: u32, mut visit: impl FnMut(UnitPicture)) {
    debug_assert!(count as usize <= range.units());
    let kept = core::array::from_fn::<_, RETAINED_MAX, _>(|entry| {
        let word = root::<P>().retained[entry].load(Ordering::Relaxed);
        Mapping::of(word).map(|mapping| (mapping.first, retained::is_old(word)))
    });
    for index in 0..count {
        let superslab = range.superslab(index);
        let entry = kept.iter().flatten().find(|(first, _)| *first == index);
        let word = superslab.load();
        visit(UnitPicture {
            index,
            word,
            bytes: superslab.bytes.load(Ordering::Relaxed),
            units: superslab.units.load(Ordering::Relaxed),
            kept: entry.is_some(),
            obtained: is_obtained(range, index),
            claimed: units::is_claimed(range, index),
            leftover: superslab.leftover.load(Ordering::Relaxed),
            touched: superslab.touched.load(Ordering::Relaxed),
            old: entry.map_or(word.is_old(), |(_, old)| *old),
        });
    }
}

/// The limit of the committed bytes; 0 for none.
pub fn limit<P: Platform>() -> usize {
    root::<P>().limit.load(Ordering::Relaxed)
}

/// What is counted as committed.
pub fn committed<P: Platform>() -> usize {
    crate::range::budget::committed::<P>()
}

/// Where the count of committed bytes lies, and where the limit of them.
pub fn budget_words<P: Platform>() -> (usize, usize) {
    let root = root::<P>();
    ((&raw const root.committed).addr(), (&raw const root.limit).addr())
}

/// What is counted as kept in freed mappings: the bytes of their units.
pub fn retained_bytes<P: Platform>() -> usize {
    root::<P>().retained_bytes.load(Ordering::Relaxed)
}

/// Whether a slice of a round of decay is to come, or under way.
pub fn is_round_to_come<P: Platform>() -> bool {
    root::<P>().decay_due.load(Ordering::Relaxed) != 0
}

/// The slot word of a slab.
pub fn slot<P: Platform>(range: Range<P>, index: u32) -> SlotWord {
    range.slab(index).slot_hint()
}

/// Of slab `index`, as far as it is known to who does not own it: blocks that fit, blocks ever cut,
/// and of these the ones that are out: live, in a thread cache, or on the remote list. May be
/// outdated, and of no single moment.
pub fn gauges<P: Platform>(range: Range<P>, index: u32) -> (u32, u32, u32) {
    let slab = range.slab(index);
    (slab.capacity.peek(), slab.carved.peek(), slab.used.peek())
}

/// Blocks on the remote list of slab `index`.
pub fn remote<P: Platform>(range: Range<P>, index: u32) -> u32 {
    range.slab(index).remote.look().map_or(0, |list| list.count)
}

/// Heaps that were ever in use at the same time: they have the numbers below this.
pub fn heaps_used<P: Platform>() -> u32 {
    root::heaps_used::<P>()
}

/// Where heap `index` lies, which is below [`heaps_used`].
pub fn heap<P: Platform>(range: Range<P>, index: u32) -> *const Heap<P> {
    range.heap(index)
}

/// Blocks of a class in the thread cache of a heap, which may be a copy of one that was in use.
pub fn cached_in<P: Platform>(heap: &Heap<P>, class: u32) -> u32 {
    if heap.id.get() == 0 { 0 } else { heap.cached(class) }
}

/// Slots in use and idle ones, as counted. At rest it is exact.
pub fn slots<P: Platform>() -> Slots {
    let all = count::in_root::<P>();
    Range::<P>::get().map_or(all, |range| {
        let counts = (0..heaps_used::<P>()).map(|index| used_heap(range, index).counts.peek());
        counts.fold(all, |sum, counts| sum + counts)
    })
}

/// Heap `index`, which is below [`heaps_used`].
fn used_heap<P: Platform>(range: Range<P>, index: u32) -> &'static Heap<P> {
    // SAFETY: [thread 1, inspect 1] it has memory, and nobody writes to what is looked at.
    unsafe { heap::as_ref(range.heap(index)) }
}

/// What a thread's heap has of a class: blocks in its cache, and whether it owns a slab.
///
/// # Safety
/// As [`heap_owner`].
pub unsafe fn held_in<P: Platform>(heap: *mut Heap<P>, class: u32) -> (u32, bool) {
    // SAFETY: [contract] nobody writes to it.
    let Some(heap) = (unsafe { with_thread(heap) }) else { return (0, false) };
    (heap.cached(class), heap.bin(class).slabs.get() != 0)
}

/// Blocks of a class in the running thread's cache.
pub fn cached_here<P: Platform>(class: u32) -> u32 {
    heap::existing::<P>().map_or(0, |heap| heap.cached(class))
}

/// The number of this heap, and what it has counted and not added to the common count; `None` if it
/// has no thread.
///
/// # Safety
/// As [`heap_owner`].
pub unsafe fn counted<P: Platform>(heap: *mut Heap<P>) -> Option<(u32, Slots)> {
    // SAFETY: [contract] nobody writes to it.
    let heap = unsafe { with_thread(heap) }?;
    Some((heap.owner().heap()?, heap.counts.peek()))
}

/// The owner identity of a heap; `None` if it has no thread.
///
/// # Safety
/// The heap is null, or was a thread's at some time ([`Platform::thread_heap`]). It is the running
/// thread's, or nobody writes to it meanwhile.
pub unsafe fn heap_owner<P: Platform>(heap: *mut Heap<P>) -> Option<u32> {
    // SAFETY: [contract] nobody writes to it.
    unsafe { with_thread(heap) }.map(|heap| heap.id.get())
}

/// A heap, if it has a thread.
///
/// # Safety
/// As [`heap_owner`].
unsafe fn with_thread<P: Platform>(heap: *mut Heap<P>) -> Option<&'static Heap<P>> {
    if heap.is_null() || heap == Heap::nobody() || heap == Heap::ended() {
        return None;
    }
    // SAFETY: [contract] nobody writes to it.
    Some(unsafe { heap::as_ref(heap) }).filter(|heap| heap.id.get() != 0)
}

/// Whether a thread has this owner identity now.
pub fn is_owner<P: Platform>(range: Range<P>, owner: OwnerId) -> bool {
    owner
        .heap()
        .is_some_and(|index| index < heaps_used::<P>() && used_heap(range, index).owner() == owner)
}

/// The picture of slab `index`; its blocks are shown to `visit`.
///
/// # Errors
/// A list of the slab is broken.
pub fn slab<P: Platform>(
    range: Range<P>,
    index: u32,
    visit: &mut dyn FnMut(usize, Home),
) -> Result<SlabPicture, BrokenList> {
    let slab = range.slab(index);
    let class = range.class(index);
    let bound = class != 0 && has_memory(range, index);
    let capacity = if bound { slab.capacity.get() } else { 0 };
    let mut walk = |first, home| walk::<P>(range, first, capacity, home, visit);
    let free = if bound { walk(slab.freelist.get(), Home::Freelist(index))? } else { 0 };
    let freed = slab.remote.look();
    let first = freed.map_or(0, |freed| freed.first);
    let remote = walk(first, Home::Remote(index))?;
    if remote != freed.map_or(0, |freed| freed.count) {
        return Err(BrokenList { home: Home::Remote(index), address: first });
    }
    Ok(SlabPicture {
        index,
        slot: slab.slot_hint(),
        class,
        used: if bound { slab.used.get() } else { 0 },
        carved: if bound { slab.carved.get() } else { 0 },
        capacity,
        free,
        remote,
        run: match slab.slot_hint().is(SlabState::Run) {
            true => slab.run.load(Ordering::Relaxed),
            false => 0,
        },
    })
}

/// Shows the blocks in all thread caches to `visit`.
///
/// # Errors
/// A thread cache's list is broken.
pub fn caches<P: Platform>(
    range: Range<P>,
    visit: &mut dyn FnMut(usize, Home),
) -> Result<(), BrokenList> {
    for index in 0..heaps_used::<P>() {
        let heap = used_heap(range, index);
        if heap.id.get() == 0 {
            continue;
        }
        for class in 1..=size_class::class_of(P::GEOMETRY.small_max) {
            let (cache, reserve) = (heap.bin(class).cache.get(), heap.reserve(class).get());
            let in_reserve = heap.in_reserve(class);
            let cached = heap.cached(class) - in_reserve;
            for (first, expected) in [(cache, cached), (reserve, in_reserve)] {
                let found = walk::<P>(range, first, expected, Home::Cache(index), visit)?;
                if found != expected {
                    return Err(BrokenList { home: Home::Cache(index), address: first });
                }
            }
        }
    }
    Ok(())
}

/// Looks whether the lists of this heap's thread cache are as long as their rooms say.
///
/// # Errors
/// One of them is not.
///
/// # Safety
/// As [`heap_owner`].
pub unsafe fn cache<P: Platform>(heap: *mut Heap<P>) -> Result<(), BrokenList> {
    // SAFETY: [contract] nobody writes to it.
    let Some(heap) = (unsafe { with_thread(heap) }) else { return Ok(()) };
    let home = Home::Cache(heap.owner().heap().unwrap_or(0));
    for class in 1..=classes::<P>() {
        let (first, reserve) = (heap.bin(class).cache.get(), heap.reserve(class).get());
        let in_reserve = heap.in_reserve(class);
        let cached = heap.cached(class) - in_reserve;
        for (first, expected) in [(first, cached), (reserve, in_reserve)] {
            let found = walk::<P>(Range::of(heap), first, expected, home, &mut |_, _| {})?;
            if found != expected {
                return Err(BrokenList { home, address: first });
            }
        }
    }
    Ok(())
}

/// The first heap that has no thread and has counted slots which it did not add to the common
/// count.
pub fn stranded_counts<P: Platform>(range: Range<P>) -> Option<u32> {
    (0..heaps_used::<P>()).find(|&index| {
        let heap = used_heap(range, index);
        heap.id.get() == 0 && heap.counts.peek() != Slots::default()
    })
}

/// When the next slice of a round of decay is due: an odd number, but for the slice that is under
/// way. `None` if none is to come.
pub fn round_due<P: Platform>() -> Option<u32> {
    Some(root::<P>().decay_due.load(Ordering::Relaxed)).filter(|due| *due != 0)
}

/// The slabs of a SuperSlab that are in the directory of abandoned slabs, a bit each.
pub fn abandoned_in<P: Platform>(range: Range<P>, unit: u32) -> u32 {
    range.superslab(unit).abandoned.load(Ordering::Relaxed)
}

/// How many slabs of a class the directory of abandoned slabs counts.
pub fn abandoned_of<P: Platform>(class: u32) -> u32 {
    root::<P>().abandoned[class as usize].count.load(Ordering::Relaxed)
}

/// The units on the stack of available SuperSlabs, top first.
pub fn available<P: Platform>(range: Range<P>, visit: impl FnMut(u32)) {
    let most = range.extent() as u32;
    nodes(&root::<P>().available, most, |index| &range.superslab(index).stack_link, visit);
}

/// The nodes of a stack, top first; `most` and one more if it has a cycle.
fn nodes<'a, P: Platform>(
    stack: &IndexStack<P>,
    most: u32,
    link: impl Fn(u32) -> &'a P::AtomicU32,
    mut visit: impl FnMut(u32),
) {
    let mut next = stack.top().index();
    debug_assert!(most < u32::MAX);
    for _ in 0..=most {
        let Some(index) = next else { return };
        visit(index);
        next = link(index).load(Ordering::Relaxed).checked_sub(1);
    }
}

/// The number of size classes that slabs of this platform have.
pub fn classes<P: Platform>() -> u32 {
    size_class::class_of(P::GEOMETRY.small_max).min(CLASSES as u32)
}

/// Visits the numbers of the units in use, in order. Of the others, not even the descriptor is
/// looked at. This and the following questions may be asked while threads run; the answers are then
/// old at once.
pub fn units_in_use<P: Platform>(range: Range<P>, mut visit: impl FnMut(u32)) {
    let extent = range.extent();
    for word in 0..extent.div_ceil(64) {
        let mut bits = units::claimed(range, word, extent);
        while bits != 0 {
            visit(word as u32 * 64 + bits.trailing_zeros());
            bits &= bits - 1;
        }
    }
}

/// Whether a unit that the range has room for was obtained from the system.
pub fn is_obtained<P: Platform>(range: Range<P>, unit: u32) -> bool {
    (unit as usize) < range.extent()
        && range.obtained_word(unit as usize / 64).load(Ordering::Relaxed) >> (unit % 64) & 1 == 1
}

/// Whether a unit is in use.
pub fn is_in_use<P: Platform>(range: Range<P>, unit: u32) -> bool {
    units::is_claimed(range, unit)
}

/// What a unit is used for, and its free slots.
pub fn unit_word<P: Platform>(range: Range<P>, unit: u32) -> SuperSlabWord {
    range.superslab(unit).load()
}

/// Bytes of the mapping that begins at a unit.
pub fn mapping_bytes<P: Platform>(range: Range<P>, unit: u32) -> usize {
    range.superslab(unit).bytes.load(Ordering::Relaxed)
}

/// Whether the two words at this address are those of a free block that begins there.
///
/// # Safety
/// They lie in committed memory, and nobody writes to them meanwhile.
pub unsafe fn is_sealed<P: Platform>(address: usize) -> bool {
    // SAFETY: [contract] the words are there, and nobody writes to them.
    unsafe { block::is_sealed::<P>(address) }
}

/// The size class of a slab, 0 for none.
pub fn class<P: Platform>(range: Range<P>, index: u32) -> u32 {
    range.class(index)
}

/// Whether the memory of a slab can be looked at.
fn has_memory<P: Platform>(range: Range<P>, index: u32) -> bool {
    let unit = index / P::GEOMETRY.slabs_per_superslab;
    range.superslab(unit).load().usage() == Use::Shared
}

fn walk<P: Platform>(
    range: Range<P>,
    first: usize,
    most: u32,
    home: Home,
    visit: &mut dyn FnMut(usize, Home),
) -> Result<u32, BrokenList> {
    let mut count = 0;
    let mut address = first;
    while address != 0 {
        let slab = range.slab_index_of(address).filter(|&index| has_memory(range, index));
        if count == most || slab.is_none() || !address.is_multiple_of(size_class::SIZE_MIN) {
            return Err(BrokenList { home, address });
        }
        visit(address, home);
        count += 1;
        // SAFETY: [inspect 1, superslab 1, size_class 2] the memory of the slab is committed, both
        // words of the block lie in it, and nobody writes to them.
        match unsafe { block::peek_next::<P>(address, block::secret::<P>()) } {
            Some(next) => address = next,
            None => return Err(BrokenList { home, address }),
        }
    }
    Ok(count)
}
