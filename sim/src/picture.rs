//! The state of the allocator at rest, as text: a line for each unit in use and each slab in it.
//!
//! ```text
//! superslab 0  SHARED gen 1, free slots 1110, listed
//!   slab 0  ACTIVE    gen 0  owner heap 0  16 B  used 3 = carved 4 - free 1  capacity 16  remote 2
//! ```

use std::fmt::Write;

use hak_core::inspect;
use hak_core::range::Range;
use hak_core::size_class;
use hak_core::slot::SlabState;
use hak_core::superslab::Use;

use crate::runtime::{Sim, WorldGeometry};

/// Draws everything that is in use. To be called while the world is inspected.
pub fn draw<G: WorldGeometry>() -> String {
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
        if matches!(usage, Use::Large | Use::Retained) {
            let _ = writeln!(text, ", {} bytes", unit.bytes);
            continue;
        }
        let width = slabs as usize;
        let listed = if unit.word.is_listed() { ", listed" } else { "" };
        let _ = writeln!(text, ", free slots {:0width$b}{listed}", unit.word.free_slots());
        for index in unit.index * slabs..(unit.index + 1) * slabs {
            draw_slab::<G>(&mut text, range, index);
        }
    }
    if text.is_empty() { "no unit is in use\n".to_owned() } else { text }
}

fn draw_slab<G: WorldGeometry>(text: &mut String, range: Range<Sim<G>>, index: u32) {
    let number = index % G::GEOMETRY.slabs_per_superslab;
    let slab = match inspect::slab(range, index, &mut |_, _| {}) {
        Ok(slab) => slab,
        Err(broken) => {
            let slot = inspect::slot(range, index);
            let state = slot.state().map_or("?", SlabState::name);
            let _ =
                writeln!(text, "  slab {number}  {state:9} a list is broken: {:?}", broken.home);
            return;
        }
    };
    let state = slab.slot.state().map_or("?", SlabState::name);
    let _ = write!(text, "  slab {number}  {state:9} gen {}", slab.slot.generation());
    if slab.class != 0 {
        let owner =
            slab.slot.owner().heap().map_or("nobody".to_owned(), |heap| format!("heap {heap}"));
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
    text.push('\n');
}
