//! Null must be earned: when the allocator says that there is no memory, was there room?
//!
//! Asked behind an allocation that came back without a block, and judged by what the words say
//! then. Memory counts as room that is free, idle or kept: an allocation gives back what is idle
//! and tries again before it says null.
//!
//! - *Slots*: a free slot, or a row of them, in a SuperSlab, or a slab that is nobody's and has
//!   free blocks. It needs no system call: null is wrong if it is there.
//! - *Units*: free or kept ones, or a SuperSlab all of whose slots are free. It needs a commit:
//!   null is wrong if the limit allows that, and the system did not refuse it, or something went
//!   back after the last refusal.
//!
//! What others do meanwhile may be in the way. If nobody else changed a shared word while the
//! allocation went on, all of this was there all the time, and the judgement is exact. Else only a
//! long row of free units counts ([`MARGIN`]), without a limit and without a refusal.

use hak_core::Platform;
use hak_core::inspect::{self, UnitPicture};
use hak_core::numbers::size_class;
use hak_core::numbers::slot::SlabState;
use hak_core::range::Range;
use hak_core::tables::superslab::Use;

/// So many more free units in a row than are needed, and none of the others' requests can be in the
/// way.
pub(crate) const MARGIN: usize = 16;

/// What is known of an allocation that came back without a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// Bytes.
    pub size: usize,
    /// A power of two.
    pub align: usize,
    /// Whether the system refused memory meanwhile, or to take some back, and nothing went back
    /// after that.
    pub refused: bool,
    /// Whether it refused at all.
    pub refused_once: bool,
    /// Whether another thread changed a shared word meanwhile.
    pub disturbed: bool,
    /// Whether there may have been a limit meanwhile.
    pub limited: bool,
}

/// Why null is wrong, in half a sentence; `None` if it is earned.
pub(crate) fn room<P: Platform>(request: &Request) -> Option<String> {
    let Some(range) = Range::<P>::get() else {
        let excused = request.refused_once || request.disturbed;
        return (!excused).then(|| "the system refused nothing".to_owned());
    };
    let mut units = Vec::new();
    inspect::units(range, |unit| units.push(unit));
    let class = size_class::class_for(request.size, request.align, P::GEOMETRY.small_max);
    let slab = P::GEOMETRY.slab_size();
    let run = (request.size <= P::GEOMETRY.run_max() && request.align <= P::GEOMETRY.unit_size())
        .then(|| request.size.max(1).div_ceil(slab));
    let (count, align, bytes) = match (class, run) {
        (Some(_), _) | (None, Some(_)) => (1, 1, P::GEOMETRY.unit_size()),
        (None, None) => {
            let bytes = P::GEOMETRY.round_to_pages(request.size)?;
            let unit = P::GEOMETRY.unit_size();
            (bytes.div_ceil(unit), request.align.div_ceil(unit), bytes)
        }
    };
    if request.disturbed {
        let free = |unit: &UnitPicture| unit.obtained && !unit.claimed && unit.leftover == 0;
        let excused = request.refused_once || request.limited;
        // Fifteen sixteenths of the range are for mappings.
        let more = (range.units() - range.units() / 16).saturating_sub(units.len());
        if !excused && more >= count + 2 * align + MARGIN {
            return Some(format!("{more} more units could be obtained from the system"));
        }
        let (first, most) = longest(&units, free);
        let enough = most >= count + 2 * align + MARGIN;
        return (!excused && enough)
            .then(|| format!("units {first} to {} are free", first + most - 1));
    }
    match (class, run) {
        (Some(class), _) => {
            if let Some(unit) = slot_for_a_slab::<P>(range, &units) {
                return Some(format!("superslab {unit} has a free slot"));
            }
            if let Some(slab) = abandoned::<P>(range, &units, class) {
                return Some(format!("slab {slab} has free blocks of the class and no owner"));
            }
        }
        (None, Some(length)) => {
            let step = request.align.div_ceil(slab).max(1);
            if let Some(unit) = units.iter().find(|unit| has_row::<P>(unit, length, step)) {
                return Some(format!("superslab {} has {length} free slots in a row", unit.index));
            }
        }
        (None, None) => {}
    }
    if request.refused {
        return None;
    }
    let limit = inspect::limit::<P>();
    let committed = inspect::committed::<P>();
    let idle: usize = units.iter().map(idle_bytes::<P>).sum();
    if limit != 0 && committed.saturating_sub(idle) + bytes > limit {
        return None;
    }
    let mut obtainable = vec![false; units.len()];
    for unit in &units {
        let index = unit.index as usize;
        match unit.word.usage() {
            Use::Free => obtainable[index] |= unit.obtained && !unit.claimed,
            Use::Shared => obtainable[index] = is_wholly_free::<P>(unit),
            Use::Retained if unit.kept => {
                obtainable[index..index + unit.units as usize].fill(true);
            }
            Use::Large | Use::Retired | Use::Retained => {}
        }
    }
    let base = range.base() >> P::GEOMETRY.unit_shift();
    // A sixteenth of the range is for single units.
    let end = if count == 1 { range.units() } else { range.units() - range.units() / 16 };
    let first = (0..units.len().min(end).saturating_sub(count - 1)).find(|&first| {
        (base + first).is_multiple_of(align.max(1))
            && obtainable[first..first + count].iter().all(|&one| one)
    })?;
    Some(match count {
        1 => format!("unit {first} could be obtained"),
        _ => format!("units {first} to {} could be obtained", first + count - 1),
    })
}

fn is_wholly_free<P: Platform>(unit: &UnitPicture) -> bool {
    unit.word.usage() == Use::Shared && unit.word.free_slots() == P::GEOMETRY.all_slots()
}

/// Committed bytes of a unit that go back when memory is short.
fn idle_bytes<P: Platform>(unit: &UnitPicture) -> usize {
    match unit.word.usage() {
        Use::Retained if unit.kept => unit.bytes,
        Use::Shared if is_wholly_free::<P>(unit) => P::GEOMETRY.unit_size(),
        _ => 0,
    }
}

/// The longest row of such units: the first one, and how many.
fn longest(units: &[UnitPicture], fits: impl Fn(&UnitPicture) -> bool) -> (usize, usize) {
    let (mut best, mut row) = ((0, 0), 0);
    for (index, unit) in units.iter().enumerate() {
        row = if fits(unit) { row + 1 } else { 0 };
        if row > best.1 {
            best = (index + 1 - row, row);
        }
    }
    best
}

/// A SuperSlab with a free slot that the pool knows of.
fn slot_for_a_slab<P: Platform>(range: Range<P>, units: &[UnitPicture]) -> Option<u32> {
    let mut found = None;
    inspect::available(range, |index| {
        let unit = &units[index as usize];
        if unit.word.usage() == Use::Shared && unit.word.free_slots() != 0 {
            found = Some(index);
        }
    });
    found
}

/// A slab of the class that nobody owns and that has free blocks.
fn abandoned<P: Platform>(range: Range<P>, units: &[UnitPicture], class: u32) -> Option<u32> {
    let slabs = P::GEOMETRY.slabs_per_superslab;
    let shared = units.iter().filter(|unit| unit.word.usage() == Use::Shared);
    shared.flat_map(|unit| unit.index * slabs..(unit.index + 1) * slabs).find(|&slab| {
        inspect::abandoned_in(range, slab / slabs) >> (slab % slabs) & 1 == 1
            && inspect::class(range, slab) == class
            && inspect::slot(range, slab).is(SlabState::Abandoned)
    })
}

/// Whether a SuperSlab has so many free slots in a row, the first one's number a multiple of
/// `step`.
fn has_row<P: Platform>(unit: &UnitPicture, length: usize, step: usize) -> bool {
    let free = unit.word.free_slots();
    let slabs = P::GEOMETRY.slabs_per_superslab as usize;
    unit.word.usage() == Use::Shared
        && (0..=slabs.saturating_sub(length))
            .step_by(step)
            .any(|first| (first..first + length).all(|slot| free >> slot & 1 == 1))
}
