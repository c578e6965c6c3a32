//! Accounting at rest: every block is in exactly one place, and the counts agree.
//!
//! When all threads have ended (but before what they left is freed), and again after everything was
//! freed, the whole allocator is walked and compared with what the program holds:
//!
//! 1. `carved - used` blocks are on a slab's freelist, and `used = live + cached + remote`.
//! 2. No block is in two places; each begins where a block begins.
//! 3. A FULL slab has nothing on its remote list: nobody would ever know of it. An ABANDONED slab
//!    is in the directory, and no other is. An ACTIVE slab has a living owner.
//! 4. A SuperSlab that says so is on the stack of available ones, once.
//! 5. The slot mask and the slots' states agree; a unit is claimed exactly while it is used or
//!    kept; a run, and a mapping of its own, has a block that the program holds.
//! 6. An address outside of the range is nobody's.
//! 7. What lies idle has a round of decay to come, in which it goes back.
//! 8. What is counted of slots in use and idle is what there is.
//! 9. What is counted as committed, and as kept, is what the units say; no heap without a thread
//!    has counts of its own.
//! 10. The next round of decay is at most an interval away, and no slice of one is under way.
//! 11. When everything was freed and collected, no unit is in use: the memory has gone back.

use std::collections::HashMap;
use std::ptr::without_provenance;

use hak_core::inspect::{self, Home, SlabPicture, UnitPicture};
use hak_core::numbers::size_class;
use hak_core::numbers::slot::SlabState;
use hak_core::range::Range;
use hak_core::tables::counts::Slots;
use hak_core::tables::superslab::Use;
use hak_core::{Allocator, Platform};

/// What does not add up.
#[derive(Debug)]
pub(crate) struct Discrepancy {
    /// One sentence.
    pub message: String,
    /// The slab that it is about, if it is about one: its SuperSlab and its number there.
    pub slab: Option<(u32, u32)>,
}

impl From<String> for Discrepancy {
    fn from(message: String) -> Discrepancy {
        Discrepancy { message, slab: None }
    }
}

impl From<&str> for Discrepancy {
    fn from(message: &str) -> Discrepancy {
        message.to_owned().into()
    }
}

/// Walks everything. `live` are the blocks that the program holds, address and bytes; with
/// `all_freed`, memory must have gone back.
///
/// # Errors
/// One sentence on the first thing that is wrong.
pub(crate) fn audit<P: Platform>(
    live: &[(usize, usize)],
    all_freed: bool,
) -> Result<(), Discrepancy> {
    let Some(range) = Range::<P>::get() else {
        return if live.is_empty() { Ok(()) } else { Err("live blocks without a range".into()) };
    };
    check_lookup(range)?;
    let mut audit =
        Audit::<P> { range, places: HashMap::new(), units: Vec::new(), slabs: Vec::new() };
    let found = audit.walk()?;
    for &(address, bytes) in live {
        audit.add_live(address, bytes)?;
    }
    audit.add_found(found)?;
    audit.check_directory()?;
    audit.check_slabs()?;
    audit.check_counts()?;
    audit.check_memory()?;
    check_due::<P>()?;
    Ok(audit.check_units(all_freed)?)
}

/// Addresses around the range, and far from it, are nobody's; the first and the last one in it are
/// the allocator's, once it has grown at all.
fn check_lookup<P: Platform>(range: Range<P>) -> Result<(), String> {
    let end = range.base() + range.extent_bytes();
    let addresses = [
        ("the byte in front of the first unit", range.base() - 1, false),
        ("the first byte of the first unit", range.base(), range.extent() != 0),
        ("the last byte of the last unit", end - 1, range.extent() != 0),
        ("the byte behind the last unit", end, false),
        ("the table of heaps", range.heap_table(), false),
        ("the null pointer", 0, false),
        ("the last address of all", usize::MAX, false),
    ];
    for (what, address, inside) in addresses {
        if Allocator::<P>::owns(without_provenance(address)) != inside {
            let verb = if inside { "is not" } else { "is" };
            return Err(format!("{what} {verb} taken for memory that blocks lie in"));
        }
    }
    Ok(())
}

/// The next slice of a round of decay is asked for, and does not lie further away than an interval;
/// or none is needed.
fn check_due<P: Platform>() -> Result<(), String> {
    let Some(due) = inspect::round_due::<P>() else { return Ok(()) };
    if due.is_multiple_of(2) {
        return Err("a slice of decay is under way, and nobody makes it".to_owned());
    }
    // A run's clock begins with 0 and does not go round.
    let left = due.saturating_sub(P::now());
    if left <= P::GEOMETRY.decay_interval + 1 {
        return Ok(());
    }
    Err(format!("the next round of decay is {left} milliseconds away"))
}

/// A SuperSlab that says that it is on the stack of available ones is there once, and no other one
/// is.
fn check_listed(unit: &UnitPicture, times: u32) -> Result<(), String> {
    let expected = u32::from(unit.word.is_listed());
    if times == expected {
        return Ok(());
    }
    Err(format!("{times} times on the stack of available superslabs, not {expected}"))
}

/// Where a block was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whereabouts {
    Live,
    In(Home),
}

struct Audit<P: Platform> {
    range: Range<P>,
    places: HashMap<usize, Whereabouts>,
    /// Up to the last one that was ever put to a use: the others are zeroed memory, and are not
    /// looked at.
    units: Vec<UnitPicture>,
    slabs: Vec<SlabPicture>,
}

impl<P: Platform> Audit<P> {
    fn name(&self, address: usize) -> String {
        inspect::place::<P>(address).to_string()
    }

    /// A discrepancy about the slab with this number.
    fn of_slab(index: u32, message: impl FnOnce(&str) -> String) -> Discrepancy {
        let slabs = P::GEOMETRY.slabs_per_superslab;
        let (unit, slab) = (index / slabs, index % slabs);
        let message = message(&format!("superslab {unit}, slab {slab}"));
        Discrepancy { message, slab: Some((unit, slab)) }
    }

    /// A discrepancy about the block at an address.
    fn of_block(&self, address: usize, message: impl FnOnce(&str) -> String) -> Discrepancy {
        let slabs = P::GEOMETRY.slabs_per_superslab;
        let index = self.range.slab_index_of(address);
        let message = message(&self.name(address));
        Discrepancy { message, slab: index.map(|index| (index / slabs, index % slabs)) }
    }

    fn add_live(&mut self, address: usize, bytes: usize) -> Result<(), Discrepancy> {
        if self.places.insert(address, Whereabouts::Live).is_some() {
            return Err(self.of_block(address, |name| format!("the block at {name} is live twice")));
        }
        let Some(index) = self.range.slab_index_of(address) else {
            return Err(format!("a live block of {bytes} bytes lies outside of the range").into());
        };
        let slabs = P::GEOMETRY.slabs_per_superslab;
        if let (Some(slab), Some(unit)) =
            (self.slabs.get(index as usize), self.units.get((index / slabs) as usize))
        {
            if slab.class != 0 {
                return Ok(());
            }
            if slab.run != 0 {
                let start = self.range.base() + index as usize * P::GEOMETRY.slab_size();
                let room = slab.run as usize * P::GEOMETRY.slab_size();
                let fits = address == start && bytes <= room;
                return if fits { Ok(()) } else { Err("a live block does not fit its run".into()) };
            }
            let large = unit.word.usage() == Use::Large && index.is_multiple_of(slabs);
            if large && unit.bytes >= bytes {
                return Ok(());
            }
        }
        Err(self.of_block(address, |name| {
            format!("the live block at {name} is in no slab and no mapping")
        }))
    }

    /// Looks at all units and slabs; the blocks that are on lists and in thread caches.
    fn walk(&mut self) -> Result<Vec<(usize, Home)>, Discrepancy> {
        let mut found = Vec::new();
        let used = inspect::units_used(self.range);
        inspect::first_units(self.range, used, |unit| self.units.push(unit));
        for index in 0..used * P::GEOMETRY.slabs_per_superslab {
            if !inspect::is_obtained(self.range, index / P::GEOMETRY.slabs_per_superslab) {
                self.slabs.push(SlabPicture::none(index));
                continue;
            }
            let picture =
                inspect::slab(self.range, index, &mut |block, home| found.push((block, home)))
                    .map_err(|broken| {
                        Self::of_slab(index, |name| format!("{name} has a broken list: {broken:?}"))
                    })?;
            self.slabs.push(picture);
        }
        inspect::caches(self.range, &mut |block, home| found.push((block, home)))
            .map_err(|broken| format!("a thread cache is broken: {broken:?}"))?;
        Ok(found)
    }

    fn add_found(&mut self, found: Vec<(usize, Home)>) -> Result<(), Discrepancy> {
        for (block, home) in found {
            if let Some(other) = self.places.insert(block, Whereabouts::In(home)) {
                return Err(self.of_block(block, |name| {
                    format!("the block at {name} is in two places: {other:?} and {home:?}")
                }));
            }
            let index = self.range.slab_index_of(block).ok_or("a block outside of the range")?;
            let fits = self.slabs.get(index as usize).is_some_and(|slab| {
                let offset = block % P::GEOMETRY.slab_size();
                let size = size_class::size_of(slab.class);
                size != 0 && offset.is_multiple_of(size) && offset / size < slab.carved as usize
            });
            if !fits {
                return Err(self.of_block(block, |name| {
                    format!("{name} is on a list ({home:?}) but is no block of its slab")
                }));
            }
            if matches!(home, Home::Freelist(at) | Home::Remote(at) if at != index) {
                return Err(self.of_block(block, |name| {
                    format!("{name} is on the list of another slab ({home:?})")
                }));
            }
        }
        Ok(())
    }

    /// The directory of abandoned slabs: a bit for each one that is, and right counts.
    fn check_directory(&self) -> Result<(), Discrepancy> {
        let mut counts = vec![0; inspect::classes::<P>() as usize + 1];
        for slab in &self.slabs {
            let per_unit = P::GEOMETRY.slabs_per_superslab;
            let bits = inspect::abandoned_in(self.range, slab.index / per_unit);
            let listed = bits >> (slab.index % per_unit) & 1 == 1;
            let abandoned = slab.slot.is(SlabState::Abandoned);
            if listed != abandoned {
                let (is, not) =
                    if listed { ("is", "not ABANDONED") } else { ("is not", "ABANDONED") };
                return Err(Self::of_slab(slab.index, |name| {
                    format!("{name} {is} in the directory of abandoned slabs, but {not}")
                }));
            }
            if abandoned {
                counts[slab.class as usize] += 1;
            }
        }
        for (class, expected) in counts.into_iter().enumerate().skip(1) {
            let count = inspect::abandoned_of::<P>(class as u32);
            if count != expected {
                return Err(format!(
                    "the directory counts {count} abandoned slabs of class {class}, there are \
                    {expected}"
                )
                .into());
            }
        }
        Ok(())
    }

    fn check_slabs(&self) -> Result<(), Discrepancy> {
        let mut live = vec![0u32; self.slabs.len()];
        let mut cached = vec![0u32; self.slabs.len()];
        for (&block, found) in &self.places {
            let index = self.range.slab_index_of(block).unwrap_or(0) as usize;
            match found {
                Whereabouts::Live => live[index] += 1,
                Whereabouts::In(Home::Cache(_)) => cached[index] += 1,
                Whereabouts::In(_) => {}
            }
        }
        for slab in &self.slabs {
            let index = slab.index as usize;
            self.check_slab(slab, live[index], cached[index]).map_err(|message| {
                Self::of_slab(slab.index, |name| format!("{name}: {message}"))
            })?;
        }
        Ok(())
    }

    fn check_slab(&self, slab: &SlabPicture, live: u32, cached: u32) -> Result<(), String> {
        let state = slab.slot.state().ok_or("no valid state")?;
        let bound = matches!(state, SlabState::Active | SlabState::Full | SlabState::Abandoned);
        if bound != (slab.class != 0) {
            return Err(format!("{} with class {}", state.name(), slab.class));
        }
        if state == SlabState::Run && live != 1 {
            return Err("a run whose block nobody holds".into());
        }
        if !bound {
            return if slab.remote == 0 {
                Ok(())
            } else {
                Err("blocks on a remote list of the pool".into())
            };
        }
        if slab.carved.wrapping_sub(slab.used) != slab.free || slab.carved > slab.capacity {
            return Err(format!(
                "carved {} - used {} is not the freelist's length {}",
                slab.carved, slab.used, slab.free
            ));
        }
        if slab.used != live + cached + slab.remote {
            return Err(format!(
                "used {} is not live {live} + cached {cached} + remote {}: blocks are lost",
                slab.used, slab.remote
            ));
        }
        match state {
            SlabState::Full if slab.remote != 0 => Err(format!(
                "FULL with {} blocks on its remote list that nobody knows of",
                slab.remote
            )),
            SlabState::Full if slab.free != 0 => Err("FULL with a freelist".into()),
            SlabState::Active if !inspect::is_owner(self.range, slab.slot.owner()) => {
                Err("ACTIVE, and no thread has the identity of its owner".into())
            }
            _ => Ok(()),
        }
    }

    fn check_units(&self, all_freed: bool) -> Result<(), String> {
        let mut listed = HashMap::new();
        inspect::available(self.range, |index| *listed.entry(index).or_insert(0) += 1);
        let mut inside = 0;
        for unit in &self.units {
            check_listed(unit, listed.remove(&unit.index).unwrap_or(0))
                .and_then(|()| self.check_unit(unit, &mut inside, all_freed))
                .map_err(|message| format!("superslab {}: {message}", unit.index))?;
        }
        if let Some(index) = listed.keys().min() {
            return Err(format!(
                "superslab {index} is on the stack of available ones and was never opened"
            ));
        }
        match self.units.iter().find(|unit| unit.is_idle(&P::GEOMETRY)) {
            Some(unit) if !inspect::is_round_to_come::<P>() => Err(format!(
                "superslab {}: memory lies idle, and no round of decay is to come in which it \
                goes back",
                unit.index
            )),
            _ => Ok(()),
        }
    }

    fn check_unit(
        &self,
        unit: &UnitPicture,
        inside: &mut usize,
        all_freed: bool,
    ) -> Result<(), String> {
        let usage = unit.word.usage();
        let used = usage != Use::Free || *inside > 0;
        if used != unit.claimed {
            return Err(format!(
                "{} but its bit in the unit map is {}",
                usage.name(),
                unit.claimed
            ));
        }
        if all_freed && used {
            return Err(format!("{} although everything was freed and collected", usage.name()));
        }
        if *inside > 0 {
            *inside -= 1;
            return Ok(());
        }
        match usage {
            Use::Free => Ok(()),
            Use::Retired => Err("RETIRED for ever".into()),
            Use::Retained if unit.kept => {
                *inside = unit.units as usize - 1;
                Ok(())
            }
            Use::Retained => Err("a freed mapping that nobody knows of".into()),
            Use::Large => {
                *inside = unit.units as usize - 1;
                let start = self.range.base() + unit.index as usize * P::GEOMETRY.unit_size();
                match self.places.get(&start) {
                    Some(Whereabouts::Live) => Ok(()),
                    _ => Err("a mapping whose block nobody holds".into()),
                }
            }
            Use::Shared => self.check_mask(unit),
        }
    }

    /// What is counted of slots is what there is.
    fn check_counts(&self) -> Result<(), String> {
        let mut found = Slots::default();
        let shared = self.units.iter().filter(|unit| unit.word.usage() == Use::Shared);
        for unit in shared {
            let free = unit.word.free_slots();
            let used = P::GEOMETRY.slabs_per_superslab - free.count_ones();
            let idle = (free & unit.touched).count_ones();
            found = found + Slots { used: used as i32, idle: idle as i32 };
        }
        let counted = inspect::slots::<P>();
        if counted == found {
            return Ok(());
        }
        Err(format!(
            "{} slots are counted as used and {} as idle; there are {} and {}",
            counted.used, counted.idle, found.used, found.idle
        ))
    }

    /// What is counted of memory is what there is.
    fn check_memory(&self) -> Result<(), String> {
        let (mut committed, mut kept) = (0, 0);
        for unit in &self.units {
            committed += match unit.word.usage() {
                Use::Shared | Use::Retired => P::GEOMETRY.unit_size(),
                Use::Large | Use::Retained => unit.bytes,
                Use::Free => unit.leftover,
            };
            if unit.kept {
                kept += unit.units as usize * P::GEOMETRY.unit_size();
            }
        }
        if inspect::committed::<P>() != committed {
            // What the system did not take back may lie in units in which no use ever began.
            let mut index = 0;
            inspect::units(self.range, |unit| {
                committed += if index < self.units.len() { 0 } else { unit.leftover };
                index += 1;
            });
        }
        for (what, counted, found) in [
            ("committed", inspect::committed::<P>(), committed),
            ("kept", inspect::retained_bytes::<P>(), kept),
        ] {
            if counted != found {
                return Err(format!("{counted} bytes are counted as {what}, there are {found}"));
            }
        }
        match inspect::stranded_counts(self.range) {
            Some(heap) => Err(format!("heap {heap} has no thread and counts of its own")),
            None => Ok(()),
        }
    }

    fn check_mask(&self, unit: &UnitPicture) -> Result<(), String> {
        if !unit.word.is_listed() && unit.word.free_slots() != 0 {
            return Err("free slots that the pool does not know of".into());
        }
        let slabs = P::GEOMETRY.slabs_per_superslab;
        let mut run_end = 0;
        for slot in 0..slabs {
            let picture = &self.slabs[(unit.index * slabs + slot) as usize];
            let state = picture.slot.state();
            if picture.run != 0 {
                run_end = slot + picture.run;
            }
            let free =
                matches!(state, Some(SlabState::Unused | SlabState::Empty)) && slot >= run_end;
            if free != (unit.word.free_slots() >> slot & 1 == 1) {
                return Err(format!("slot {slot} is {state:?}, against the slot mask"));
            }
        }
        Ok(())
    }
}
