//! What is in use, counted from the allocator's own tables.
//!
//! Only words that may be read while other threads allocate are read, so that the sum is of no single moment while they do.
//! How many blocks a slab has out is its owner's alone to know: a slab counts as a whole here.

use core::fmt::{self, Write};

use hak_core::geometry::Geometry;
use hak_core::inspect;
use hak_core::range::Range;
use hak_core::size_class::{self, CLASSES};
use hak_core::slot::SlabState;
use hak_core::superslab::Use;
use hak_core::{Allocator, Platform};
use native::Native;

const GEOMETRY: Geometry = Native::GEOMETRY;
const STATES: [SlabState; 6] = [
    SlabState::Unused,
    SlabState::Active,
    SlabState::Full,
    SlabState::Abandoned,
    SlabState::Empty,
    SlabState::Run,
];

/// What was counted.
pub(crate) struct Census {
    /// Heaps that were ever in use at the same time.
    pub(crate) heaps: u32,
    /// SuperSlabs.
    pub(crate) superslabs: usize,
    /// Slabs of SuperSlabs, by state.
    slabs: [usize; STATES.len()],
    /// Slabs that are bound to a class, by class.
    classes: [usize; CLASSES + 1],
    /// Slabs that the pool has handed out: for small blocks of a class, or as runs.
    slabs_in_use: usize,
    /// Mappings of their own.
    pub(crate) mappings: usize,
    /// Bytes of these.
    pub(crate) mapping_bytes: usize,
    /// Bytes of freed mappings that are kept for the next ones.
    kept_bytes: usize,
}

impl Census {
    /// Counts. Any time will do, also before the first allocation.
    pub(crate) fn take() -> Census {
        let mut census = Census {
            heaps: Allocator::<Native>::heaps_used(),
            superslabs: 0,
            slabs: [0; STATES.len()],
            classes: [0; CLASSES + 1],
            slabs_in_use: 0,
            mappings: 0,
            mapping_bytes: 0,
            kept_bytes: 0,
        };
        if let Some(range) = Range::<Native>::get() {
            inspect::units_in_use(range, |unit| match inspect::unit_word(range, unit).usage() {
                Use::Shared => census.count_superslab(range, unit),
                Use::Large => {
                    census.mappings += 1;
                    census.mapping_bytes += inspect::mapping_bytes(range, unit);
                }
                Use::Retained => census.kept_bytes += inspect::mapping_bytes(range, unit),
                // The units of a mapping behind its first one, or one that changes its use just now.
                Use::Free | Use::Retired => {}
            });
        }
        census
    }

    fn count_superslab(&mut self, range: Range<Native>, unit: u32) {
        self.superslabs += 1;
        let free = inspect::unit_word(range, unit).free_slots().count_ones();
        self.slabs_in_use += (GEOMETRY.slabs_per_superslab - free) as usize;
        let first = unit * GEOMETRY.slabs_per_superslab;
        for index in first..first + GEOMETRY.slabs_per_superslab {
            let state = inspect::slot(range, index).state();
            if let Some(place) = STATES.iter().position(|&known| Some(known) == state) {
                self.slabs[place] += 1;
            }
            let class = inspect::class(range, index);
            if class != 0 {
                self.classes[class as usize] += 1;
            }
        }
    }

    /// Bytes of all SuperSlabs.
    pub(crate) fn superslab_bytes(&self) -> usize {
        self.superslabs * GEOMETRY.unit_size()
    }

    /// Bytes of the slabs that blocks may be out of, whether they are or not.
    pub(crate) fn bound_bytes(&self) -> usize {
        self.slabs_in_use * GEOMETRY.slab_size()
    }

    /// Bytes that nobody needs, as far as is known: of slabs that the pool has.
    pub(crate) fn free_bytes(&self) -> usize {
        self.superslab_bytes().saturating_sub(self.bound_bytes())
    }

    /// Bytes of all of these.
    pub(crate) fn total_bytes(&self) -> usize {
        self.superslab_bytes() + self.mapping_bytes + self.kept_bytes
    }

    /// One JSON object on one line.
    pub(crate) fn write_json(&self, out: &mut impl Write) -> fmt::Result {
        // SAFETY: no precondition.
        let process = unsafe { libc::getpid() };
        write!(
            out,
            "{{\"hak\":\"{}\",\"process\":{process},\"heaps_at_once\":{},\"superslabs\":{},\
             \"superslab_bytes\":{},\"committed_bytes\":{},\"mappings\":{},\"mapping_bytes\":{},\"kept_bytes\":{},\
             \"slabs\":{{",
            env!("CARGO_PKG_VERSION"),
            self.heaps,
            self.superslabs,
            self.superslab_bytes(),
            Allocator::<Native>::committed(),
            self.mappings,
            self.mapping_bytes,
            self.kept_bytes,
        )?;
        for (place, state) in STATES.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(out, "{comma}\"{}\":{}", state.name(), self.slabs[place])?;
        }
        out.write_str("},\"slabs_by_block_size\":{")?;
        let mut comma = "";
        for (class, &slabs) in self.classes.iter().enumerate().filter(|(_, slabs)| **slabs != 0) {
            write!(out, "{comma}\"{}\":{slabs}", size_class::size_of(class as u32))?;
            comma = ",";
        }
        out.write_str("}}\n")
    }

    /// A few lines for people.
    pub(crate) fn write_lines(&self, out: &mut impl Write) -> fmt::Result {
        writeln!(out, "hak {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(
            out,
            "superslabs      = {:>12} bytes in {}",
            self.superslab_bytes(),
            self.superslabs
        )?;
        writeln!(out, "  slabs in use  = {:>12} bytes", self.bound_bytes())?;
        writeln!(out, "  slabs not so  = {:>12} bytes", self.free_bytes())?;
        writeln!(out, "mappings        = {:>12} bytes in {}", self.mapping_bytes, self.mappings)?;
        writeln!(out, "  freed, kept   = {:>12} bytes", self.kept_bytes)?;
        writeln!(out, "heaps at once   = {:>12}", self.heaps)
    }
}
