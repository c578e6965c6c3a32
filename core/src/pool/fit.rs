//! Where a run is put: into the hole that it fills best.
//!
//! A hole is a row of free slots with no free slot beside it. Whoever puts a run into the first one
//! that is long enough cuts the long ones to pieces, and then needs memory that would have been
//! there. So a run is put into
//!
//! 1. a hole that this heap has left, and that is as long as the run or a little longer: it is
//!    remembered, by its length;
//! 2. the hole that it fills best, of those in so many SuperSlabs: a look at their slot masks says
//!    which one. Memory that was touched comes before memory that was not;
//! 3. any place at all, and that is told in the module above.
//!
//! What is remembered are hints: others may have taken the slots since, or freed more beside them.
//!
//! ```text
//! free     . # # # . . # # # # # . #        a run of three slots
//! touched  . # # # . . # # # # # . #
//! rank       0           3                  0: the hole is filled, 3: some of it is left over
//! ```

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Plain, Platform};
use crate::pool::{self, count, slots};
use crate::range::Range;
use crate::range::units;
use crate::tables::heap::Heap;
use crate::tables::superslab::Use;

/// How often the best hole is looked for if others are faster.
const ATTEMPTS: u32 = 3;

/// The hole to which a free slot belongs: its first slot, and its length.
const fn hole(free: u32, slot: u32) -> (u32, u32) {
    let first = slot + 1 - (free << (31 - slot)).leading_ones();
    (first, (free >> first).trailing_ones())
}

/// Remembers the hole to which `slot` belongs, if it is free; `free` is the slot mask.
pub(crate) fn remember<P: Platform>(heap: &Heap<P>, unit: u32, free: u32, slot: u32) {
    if slot < P::GEOMETRY.slabs_per_superslab && free >> slot & 1 == 1 {
        let (first, length) = hole(free, slot);
        heap.holes[length as usize - 1].set(unit * P::GEOMETRY.slabs_per_superslab + first + 1);
    }
}

/// Remembers what is left on both sides of `count` slots that were taken from `slot` on.
fn remember_rest<P: Platform>(heap: &Heap<P>, unit: u32, free: u32, slot: u32, count: u32) {
    remember(heap, unit, free, slot + count);
    // Below slot 0 there is none: the number is beyond the mask.
    remember(heap, unit, free, slot.wrapping_sub(1));
}

/// Takes `count` slots of a hole that this heap has left, if it knows one that they nearly fill.
/// The first slot's number in the range.
pub(crate) fn take_remembered<P: Platform>(
    range: Range<P>,
    heap: &Heap<P>,
    count: u32,
) -> Option<u32> {
    let slabs = P::GEOMETRY.slabs_per_superslab;
    let longest = (count + P::GEOMETRY.fit_rest_max).min(slabs);
    for length in count..=longest {
        let hint = &heap.holes[length as usize - 1];
        let Some(index) = hint.get().checked_sub(1) else { continue };
        hint.set(0);
        let (unit, slot) = (index / slabs, index % slabs);
        let wanted = slots(slot, count);
        let left = P::replaced(
            Fault::HoleOnOldLook,
            || pool::take_slots(range, unit, wanted),
            || {
                let word = range.superslab(unit).update(|word| {
                    let left = word.with_slots(word.free_slots() & !wanted);
                    (word.usage() == Use::Shared).then_some(left)
                });
                word.map(|(_, new)| new)
            },
        );
        if let Some(left) = left {
            remember_rest(heap, unit, left.free_slots(), slot, count);
            return Some(index);
        }
    }
    None
}

/// Takes `count` slots, the first one's number a multiple of `step`, of the hole that they fill
/// best: of those in some SuperSlabs from the one on where this heap found its last run. The first
/// slot's number in the range.
pub(crate) fn take_best<P: Platform>(
    range: Range<P>,
    heap: Option<&Heap<P>>,
    count: u32,
    step: u32,
) -> Option<u32> {
    // Memory that was not touched is no better here than in a new SuperSlab.
    if count::known::<P>().idle < count as i32 {
        return None;
    }
    let start = heap.map_or(0, |heap| heap.run_unit.get().saturating_sub(1));
    let shape = RunShape::new(count, step);
    for _ in 0..ATTEMPTS {
        let (mut best, mut at, mut seen) = (RANKS, 0, (0, 0));
        units::visit_claimed(range, start, P::GEOMETRY.fit_probes, |unit| {
            let now = look(range, unit);
            let rank = shape.rank(now);
            if rank < best {
                (best, at, seen) = (rank, unit, now);
            }
            (rank == 0).then_some(())
        });
        let slot = shape.best_place(seen)?;
        if let Some(left) = pool::take_slots(range, at, slots(slot, count)) {
            if let Some(heap) = heap {
                remember_rest(heap, at, left.free_slots(), slot, count);
            }
            return Some(at * P::GEOMETRY.slabs_per_superslab + slot);
        }
    }
    None
}

/// The free slots of a SuperSlab, and the touched ones of them.
fn look<P: Platform>(range: Range<P>, unit: u32) -> (u32, u32) {
    let superslab = range.superslab(unit);
    // Relaxed: hints. Other units than SuperSlabs have no free slot.
    let free = superslab.load().free_slots();
    (free, free & superslab.touched.load(Ordering::Relaxed))
}

/// Ranks of places for a run; the last one means that there is none.
const RANKS: u32 = 7;

/// What a run needs: how many slots, and from which ones on.
struct RunShape {
    count: u32,
    starts: u32,
    /// By so much a mask is shifted, and compared with itself, until its bits are the first slots
    /// of `count` set ones.
    shifts: [u32; 5],
}

impl RunShape {
    const fn new(count: u32, step: u32) -> RunShape {
        let mut shifts = [0; 5];
        let (mut length, mut at) = (1, 0);
        while length < count {
            shifts[at] = if count - length < length { count - length } else { length };
            length += shifts[at];
            at += 1;
        }
        RunShape { count, starts: pool::multiples(step), shifts }
    }

    /// The first slots of runs in this mask.
    fn runs(&self, mask: u32) -> u32 {
        self.shifts.iter().fold(mask, |runs, by| runs & runs >> by) & self.starts
    }

    /// The places for a run: of the best rank, of that or the next, and so on. Without branches: it
    /// is asked for each SuperSlab.
    fn places(&self, (free, touched): (u32, u32)) -> [u32; RANKS as usize] {
        // Whether the slots that begin behind the run, or end in front of it, are free.
        let behind = |mask: u32| (u64::from(mask) >> self.count) as u32;
        let (two, four) = (free & free >> 1, free & free >> 1 & free >> 2 & free >> 3);
        let (idle, all) = (self.runs(touched), self.runs(free));
        let (low, high) = (idle & !(free << 1), idle & !behind(free));
        [
            // All of a hole; or all but one slot, but three, or but more.
            low & high,
            low & !behind(two) | high & !(two << 2),
            low & !behind(four) | high & !(four << 4),
            low | high,
            // The middle of a hole.
            idle,
            // The edge of a hole whose memory is not all idle, and its middle.
            idle | all & !(free << 1 & behind(free)),
            all,
        ]
    }

    /// The rank of the best place in a SuperSlab.
    fn rank(&self, seen: (u32, u32)) -> u32 {
        self.places(seen).iter().map(|places| u32::from(*places == 0)).sum()
    }

    /// The first slot of the best place in a SuperSlab.
    fn best_place(&self, seen: (u32, u32)) -> Option<u32> {
        self.places(seen).iter().find_map(|places| places.checked_ilog2())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every place for a run, and the rank of the best one, looked for slot by slot.
    fn ranked(count: u32, step: u32, free: u32, touched: u32) -> Option<u32> {
        let starts = (0..=32 - count).filter(|slot| slot % step == 0);
        let fits = starts.filter(|&slot| free & slots(slot, count) == slots(slot, count));
        fits.map(|slot| {
            let (first, length) = hole(free, slot);
            let rest = length - count;
            let is_edge = first == slot || first + length == slot + count;
            match (touched & slots(slot, count) == slots(slot, count), is_edge, rest) {
                (true, true, 0) => 0,
                (true, true, 1) => 1,
                (true, true, 2 | 3) => 2,
                (true, true, _) => 3,
                (true, false, _) => 4,
                (false, true, _) => 5,
                (false, false, _) => 6,
            }
        })
        .min()
    }

    #[test]
    fn a_rank_says_how_well_a_run_fills_a_hole() {
        let mut draw = 42_u32;
        let mut next = || {
            draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            draw ^ draw >> 13
        };
        for _ in 0..20_000 {
            let free = next() | next() & next();
            let touched = free & (next() | next());
            for (count, step) in [(1, 1), (2, 1), (3, 1), (5, 1), (9, 1), (16, 1), (3, 2), (2, 8)] {
                let shape = RunShape::new(count, step);
                let rank = shape.rank((free, touched));
                let wanted = ranked(count, step, free, touched).unwrap_or(RANKS);
                assert_eq!(rank, wanted, "{count} slots of {free:032b}, touched {touched:032b}");
                let place = shape.best_place((free, touched));
                assert_eq!(place.is_some(), rank < RANKS);
                if let Some(slot) = place {
                    let wanted = slots(slot, count);
                    assert!(free & wanted == wanted && slot % step == 0);
                }
            }
        }
    }

    #[test]
    fn a_hole_ends_where_a_slot_is_taken() {
        assert_eq!(hole(0b0111_0000, 5), (4, 3));
        assert_eq!(hole(u32::MAX, 31), (0, 32));
        assert_eq!(hole(1 << 31, 31), (31, 1));
    }
}
