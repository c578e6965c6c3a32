//! The state of the allocator at rest, as text: a line for each unit in use and each slab in it.
//!
//! ```text
//! superslab 0  SHARED gen 1, free slots 0010, touched 1011, listed
//!   slab 0  ACTIVE    gen 0  owner heap 0  16 B  used 3 = carved 4 - free 1  capacity 16  remote 2
//!   slab 1  EMPTY     gen 1
//!   slab 2  RUN       gen 0  2 slabs
//!   slab 3  of the run
//! superslab 1  RETAINED gen 1, 640 bytes, old
//! ```
//!
//! Slots that are free and touched are idle. `old` marks what was idle in the last round of decay
//! already.

use std::fmt::Write;

use hak_core::inspect;
use hak_core::numbers::size_class;
use hak_core::numbers::slot::{OwnerId, SlabState};
use hak_core::range::Range;
use hak_core::tables::superslab::Use;

use crate::runtime::{Sim, WorldGeometry};

/// Draws everything that is in use. To be called while the world is inspected.
pub(crate) fn draw<G: WorldGeometry>() -> String {
    let Some(range) = Range::<Sim<G>>::get() else { return "no range yet\n".to_owned() };
    let slabs = G::GEOMETRY.slabs_per_superslab;
    let mut text = String::new();
    let mut shared = Vec::new();
    inspect::units(range, |unit| match unit.word.usage() {
        Use::Free => {}
        usage => shared.push((unit, usage)),
    });
    for (unit, usage) in shared {
        let _ = write!(
            text,
            "superslab {}  {} gen {}",
            unit.index,
            usage.name(),
            unit.word.generation()
        );
        let old = if unit.old { ", old" } else { "" };
        if matches!(usage, Use::Large | Use::Retained) {
            let _ = writeln!(text, ", {} bytes{old}", unit.bytes);
            continue;
        }
        let width = slabs as usize;
        let listed = if unit.word.is_listed() { ", listed" } else { "" };
        let _ = writeln!(
            text,
            ", free slots {:0width$b}, touched {:0width$b}{listed}{old}",
            unit.word.free_slots(),
            unit.touched
        );
        let mut run_end = 0;
        for index in unit.index * slabs..(unit.index + 1) * slabs {
            if index < run_end {
                let _ = writeln!(text, "  slab {}  of the run", index % slabs);
            } else {
                run_end = index + draw_slab::<G>(&mut text, range, index);
            }
        }
    }
    if text.is_empty() { "no unit is in use\n".to_owned() } else { text }
}

/// Draws one slab; the slabs of its run, 0 for any other.
fn draw_slab<G: WorldGeometry>(text: &mut String, range: Range<Sim<G>>, index: u32) -> u32 {
    let number = index % G::GEOMETRY.slabs_per_superslab;
    let slab = match inspect::slab(range, index, &mut |_, _| {}) {
        Ok(slab) => slab,
        Err(broken) => {
            let slot = inspect::slot(range, index);
            let state = slot.state().map_or("?", SlabState::name);
            let _ =
                writeln!(text, "  slab {number}  {state:9} a list is broken: {:?}", broken.home);
            return 0;
        }
    };
    let state = slab.slot.state().map_or("?", SlabState::name);
    let _ = write!(text, "  slab {number}  {state:9} gen {}", slab.slot.generation());
    if slab.class != 0 {
        let owner = owner_name(slab.slot.owner());
        let _ = write!(
            text,
            "  owner {owner}  {} B  used {} = carved {} - free {}  capacity {}  remote {}",
            size_class::size_of(slab.class),
            slab.used,
            slab.carved,
            slab.free,
            slab.capacity,
            slab.remote
        );
    }
    if slab.run != 0 {
        let plural = if slab.run == 1 { "" } else { "s" };
        // One that has a class, too, is what a fault has left.
        let gap = if slab.class == 0 { "  " } else { "\n    and a run of " };
        let _ = write!(text, "{gap}{} slab{plural}", slab.run);
    }
    text.push('\n');
    slab.run
}

/// Who an owner is, in words.
pub(crate) fn owner_name(owner: OwnerId) -> String {
    match owner.heap() {
        None => "nobody".to_owned(),
        Some(_) if owner == OwnerId::GUEST => "a guest".to_owned(),
        Some(heap) => format!("heap {heap}"),
    }
}
