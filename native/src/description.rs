//! What lies at an address, in words: for messages.
//!
//! Nothing is followed and nothing is changed: the answer comes from the tables alone, which are
//! never unmapped, by atomic loads. Any address may be asked about at any time, also in a signal
//! handler. While other threads allocate, the answer may be old before it is read.

use core::fmt;

use hak_core::Platform;
use hak_core::inspect::{self, Place};
use hak_core::numbers::size_class;
use hak_core::numbers::slot::SlabState;
use hak_core::range::Range;
use hak_core::tables::superslab::Use;

use crate::Native;

/// What lies at an address. Its `Display` is a part of a sentence: "in slab 3 of superslab 0, ...".
#[derive(Clone, Copy, Debug)]
pub struct Description(usize);

impl Description {
    pub(crate) fn of(address: usize) -> Description {
        Description(address)
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match inspect::place::<Native>(self.0) {
            Place::Elsewhere => f.write_str("no memory of hak"),
            Place::Memory(unit, slab, byte) => memory(f, unit, slab, byte),
            table => write!(f, "in hak's tables ({table})"),
        }
    }
}

fn memory(f: &mut fmt::Formatter<'_>, unit: u32, slab: u32, byte: usize) -> fmt::Result {
    let geometry = Native::GEOMETRY;
    let Some(range) = Range::<Native>::get() else { return f.write_str("no memory of hak") };
    let usage = inspect::unit_word(range, unit).usage();
    if usage == Use::Shared {
        return slab_memory(f, range, unit, slab, byte);
    }
    let inside = slab as usize * geometry.slab_size() + byte;
    match large_around(range, unit) {
        Some((first, bytes)) => {
            let inside = (unit - first) as usize * geometry.unit_size() + inside;
            write!(f, "in the mapping of {bytes} bytes at unit {first}, byte {inside}")
        }
        None => write!(f, "in unit {unit}, {}", usage.name()),
    }
}

fn slab_memory(
    f: &mut fmt::Formatter<'_>,
    range: Range<Native>,
    unit: u32,
    slab: u32,
    byte: usize,
) -> fmt::Result {
    let first = unit * Native::GEOMETRY.slabs_per_superslab;
    let state = |slab| inspect::slot(range, first + slab).state();
    let class = inspect::class(range, first + slab);
    let is_taken = inspect::unit_word(range, unit).free_slots() >> slab & 1 == 0;
    if class == 0 && is_taken {
        // A slab without a class that the pool has handed out is part of a run, which only its
        // first slab knows.
        let start = (0..=slab).rev().find(|&slab| state(slab) == Some(SlabState::Run));
        if let Some(start) = start {
            let byte = (slab - start) as usize * Native::GEOMETRY.slab_size() + byte;
            return write!(f, "in the run at slab {start} of superslab {unit}, byte {byte}");
        }
    }
    let name = state(slab).map_or("broken", |state| state.name());
    write!(f, "in slab {slab} of superslab {unit}, {name}")?;
    if class == 0 {
        return write!(f, ", byte {byte}");
    }
    let size = size_class::size_of(class);
    let (block, inside) = (byte / size, byte % size);
    write!(f, ", of {size}-byte blocks, block {block} + {inside}")
}

/// The mapping that unit `unit` is a part of: its first unit, and its bytes. The units behind the
/// first one are FREE to look at, but claimed.
fn large_around(range: Range<Native>, unit: u32) -> Option<(u32, usize)> {
    for first in (0..=unit).rev() {
        match inspect::unit_word(range, first).usage() {
            Use::Large => {
                let bytes = inspect::mapping_bytes(range, first);
                let covers =
                    ((unit - first) as usize) < bytes.div_ceil(Native::GEOMETRY.unit_size());
                return covers.then_some((first, bytes));
            }
            Use::Free if inspect::is_in_use(range, first) => {}
            Use::Free | Use::Shared | Use::Retired | Use::Retained => return None,
        }
    }
    None
}
