//! Statistics: what is in use, counted from the allocator's own tables when somebody asks.
//!
//! Nothing is counted while blocks come and go. Only words that may be read while other threads
//! allocate are read, and copies of the others (see `caches`), so that the sums are of no single
//! moment while they do. At rest they are exact.
//!
//! What a slab has out are blocks that are live, that lie in a thread's cache, or that others have
//! freed and the slab's owner has not taken back yet.

use core::fmt::{self, Write};

use hak_core::inspect;
use hak_core::numbers::geometry::Geometry;
use hak_core::numbers::size_class::{self, CLASSES};
use hak_core::numbers::slot::SlabState;
use hak_core::range::Range;
use hak_core::tables::superslab::Use;
use hak_core::{Allocator, Platform};

use crate::{Native, caches, memory};

const GEOMETRY: Geometry = Native::GEOMETRY;

/// The states of slabs, in the order of [`Stats::slabs`].
pub const STATES: [SlabState; 6] = [
    SlabState::Unused,
    SlabState::Active,
    SlabState::Full,
    SlabState::Abandoned,
    SlabState::Empty,
    SlabState::Run,
];

/// What there is of one size class.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClassStats {
    /// Slabs.
    pub slabs: usize,
    /// Blocks that fit into these.
    pub capacity: usize,
    /// Blocks that the program holds.
    pub live: usize,
    /// Blocks in thread caches.
    pub cached: usize,
    /// Blocks that were freed by threads that do not own their slab, and that its owner has not
    /// taken back yet.
    pub remote: usize,
    /// Blocks that were cut and lie free in their slabs.
    pub free: usize,
    /// Bytes at the ends of the slabs that no block covers.
    pub waste_bytes: usize,
}

/// What is in use in all: small enough for a thread with the least stack that there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Heaps that were ever in use at the same time.
    pub heaps: u32,
    /// SuperSlabs.
    pub superslabs: usize,
    /// Of these, the ones all of whose slabs are free.
    pub superslabs_free: usize,
    /// Slabs that the pool has handed out: for small blocks of a class, or as runs.
    pub slabs_in_use: usize,
    /// Free slabs whose memory has not gone back to the system.
    pub slabs_idle: usize,
    /// Mappings of their own.
    pub mappings: usize,
    /// Bytes of these.
    pub mapping_bytes: usize,
    /// Bytes of freed mappings that are kept for the next ones.
    pub kept_bytes: usize,
    /// Bytes that the system has committed for blocks.
    pub committed_bytes: usize,
}

/// What is in use. See the module's documentation for how exact that is.
#[derive(Clone, Debug)]
pub struct Stats {
    /// In all.
    pub totals: Totals,
    /// Slabs of SuperSlabs, by state; see [`STATES`].
    pub slabs: [usize; STATES.len()],
    /// Slabs of runs that are one block each.
    pub run_slabs: usize,
    /// Whether the caches of all threads were looked into. If not, what lies in other threads'
    /// caches is counted as live.
    pub caches_known: bool,
    /// By size class.
    pub classes: [ClassStats; CLASSES + 1],
    /// Bytes of the whole process that are resident; 0 where that is not known.
    pub resident_bytes: usize,
}

impl Totals {
    /// Adds up what is in use now, without a system call. Any time will do, also before the first
    /// allocation; it takes time in proportion to the units that there are.
    pub fn take() -> Totals {
        Totals::visiting(|_, _| {})
    }

    /// As [`Totals::take`], and shows each SuperSlab.
    fn visiting(mut see: impl FnMut(Range<Native>, u32)) -> Totals {
        let mut totals = Totals {
            heaps: Allocator::<Native>::heaps_used(),
            slabs_idle: inspect::slots::<Native>().idle.max(0) as usize,
            committed_bytes: Allocator::<Native>::committed(),
            ..Totals::default()
        };
        if let Some(range) = Range::<Native>::get() {
            inspect::units_in_use(range, |unit| match inspect::unit_word(range, unit).usage() {
                Use::Shared => {
                    totals.count_superslab(range, unit);
                    see(range, unit);
                }
                Use::Large => {
                    totals.mappings += 1;
                    totals.mapping_bytes += inspect::mapping_bytes(range, unit);
                }
                Use::Retained => totals.kept_bytes += inspect::mapping_bytes(range, unit),
                // The units of a mapping behind its first one, or one that changes its use just
                // now.
                Use::Free | Use::Retired => {}
            });
        }
        totals
    }

    fn count_superslab(&mut self, range: Range<Native>, unit: u32) {
        self.superslabs += 1;
        let free = inspect::unit_word(range, unit).free_slots();
        self.superslabs_free += usize::from(free == GEOMETRY.all_slots());
        self.slabs_in_use += (GEOMETRY.slabs_per_superslab - free.count_ones()) as usize;
    }

    /// Bytes of all SuperSlabs.
    pub fn superslab_bytes(&self) -> usize {
        self.superslabs * GEOMETRY.unit_size()
    }

    /// Bytes of the slabs that the pool has handed out.
    pub fn bound_bytes(&self) -> usize {
        self.slabs_in_use * GEOMETRY.slab_size()
    }

    /// Bytes of the slabs that the pool has.
    pub fn free_bytes(&self) -> usize {
        self.superslab_bytes().saturating_sub(self.bound_bytes())
    }

    /// Bytes of SuperSlabs and mappings, used or not.
    pub fn total_bytes(&self) -> usize {
        self.superslab_bytes() + self.mapping_bytes + self.kept_bytes
    }

    /// Writes a few lines for people.
    ///
    /// # Errors
    /// `out` refuses.
    pub fn write_lines(&self, out: &mut impl Write) -> fmt::Result {
        let resident = memory::resident_bytes();
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
        writeln!(out, "committed       = {:>12} bytes", self.committed_bytes)?;
        writeln!(out, "resident        = {resident:>12} bytes")?;
        writeln!(out, "heaps at once   = {:>12}", self.heaps)
    }
}

impl Stats {
    /// Adds up what is in use now. Any time will do, also before the first allocation; it takes
    /// time in proportion to the slabs that there are.
    pub fn take() -> Stats {
        let mut stats = Stats {
            totals: Totals::default(),
            slabs: [0; STATES.len()],
            run_slabs: 0,
            caches_known: false,
            classes: [ClassStats::default(); CLASSES + 1],
            resident_bytes: memory::resident_bytes(),
        };
        stats.totals = Totals::visiting(|range, unit| stats.count_superslab(range, unit));
        match Range::<Native>::get() {
            Some(range) => stats.count_cached(range),
            None => stats.caches_known = true,
        }
        stats
    }

    /// Takes what lies in caches from what was counted as live.
    fn count_cached(&mut self, range: Range<Native>) {
        let mut cached = [0; CLASSES + 1];
        self.caches_known = caches::visit(range, |heap| {
            for (class, cached) in cached.iter_mut().enumerate().skip(1) {
                *cached += inspect::cached_in(heap, class as u32) as usize;
            }
        });
        if !self.caches_known {
            cached = core::array::from_fn(|class| match class {
                0 => 0,
                class => inspect::cached_here::<Native>(class as u32) as usize,
            });
        }
        for (counts, cached) in self.classes.iter_mut().zip(cached) {
            counts.cached = cached;
            counts.live = counts.live.saturating_sub(cached);
        }
    }

    fn count_superslab(&mut self, range: Range<Native>, unit: u32) {
        let free = inspect::unit_word(range, unit).free_slots();
        let first = unit * GEOMETRY.slabs_per_superslab;
        let mut bound = 0;
        for index in first..first + GEOMETRY.slabs_per_superslab {
            let state = inspect::slot(range, index).state();
            if let Some(place) = STATES.iter().position(|&known| Some(known) == state) {
                self.slabs[place] += 1;
            }
            let class = inspect::class(range, index);
            if class != 0 {
                bound += 1;
                let (capacity, carved, out) = inspect::gauges(range, index);
                let counts = &mut self.classes[class as usize];
                counts.slabs += 1;
                counts.capacity += capacity as usize;
                let remote = inspect::remote(range, index);
                counts.remote += remote as usize;
                counts.live += out.saturating_sub(remote) as usize;
                counts.free += carved.saturating_sub(out) as usize;
                counts.waste_bytes += GEOMETRY.slab_size() % size_class::size_of(class);
            }
        }
        let taken = (GEOMETRY.slabs_per_superslab - free.count_ones()) as usize;
        self.run_slabs += taken.saturating_sub(bound);
    }

    /// Writes one JSON object on one line. Classes of which there is nothing are left out.
    ///
    /// # Errors
    /// `out` refuses.
    pub fn write_json(&self, out: &mut impl Write) -> fmt::Result {
        let all = &self.totals;
        write!(
            out,
            "{{\"hak\":\"{}\",\"process\":{},\"committed_bytes\":{},\"resident_bytes\":{},\
             \"heaps_at_once\":{},\"superslabs\":{},\"superslabs_free\":{},\"superslab_bytes\":{},\
             \"slabs_idle\":{},\"run_slabs\":{},\"mappings\":{},\"mapping_bytes\":{},\
             \"kept_bytes\":{},\"caches_known\":{},\"slabs\":{{",
            env!("CARGO_PKG_VERSION"),
            process(),
            all.committed_bytes,
            self.resident_bytes,
            all.heaps,
            all.superslabs,
            all.superslabs_free,
            all.superslab_bytes(),
            all.slabs_idle,
            self.run_slabs,
            all.mappings,
            all.mapping_bytes,
            all.kept_bytes,
            self.caches_known,
        )?;
        for (place, state) in STATES.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(out, "{comma}\"{}\":{}", state.name(), self.slabs[place])?;
        }
        out.write_str("},\"classes\":{")?;
        let mut comma = "";
        for (class, counts) in self.classes.iter().enumerate().filter(|(_, one)| one.slabs != 0) {
            write!(
                out,
                "{comma}\"{}\":{{\"slabs\":{},\"capacity\":{},\"live\":{},\"cached\":{},\
                 \"remote\":{},\"free\":{},\"waste_bytes\":{}}}",
                size_class::size_of(class as u32),
                counts.slabs,
                counts.capacity,
                counts.live,
                counts.cached,
                counts.remote,
                counts.free,
                counts.waste_bytes,
            )?;
            comma = ",";
        }
        out.write_str("}}\n")
    }
}

fn process() -> i32 {
    // SAFETY: [lib 1] it has no precondition.
    unsafe { libc::getpid() }
}

#[cfg(test)]
mod tests {
    use std::ptr::with_exposed_provenance_mut;
    use std::string::String;
    use std::sync::mpsc;
    use std::thread;
    use std::vec::Vec;

    use super::{Stats, size_class};
    use crate::Hak;

    #[test]
    fn what_is_held_is_counted_and_what_is_freed_is_not() {
        let class = size_class::class_of(3_000) as usize;
        let held: Vec<*mut u8> = (0..500)
            .map(|_| {
                // SAFETY: [lib 4] the alignment is a power of two.
                unsafe { Hak::allocate(3_000, 16) }
            })
            .collect();
        let before = Stats::take();
        let counts = before.classes[class];
        assert!(counts.live == 500 && counts.live + counts.cached <= counts.capacity, "{counts:?}");
        assert!(before.totals.committed_bytes >= 500 * 3_000 && before.totals.superslabs >= 1);
        for block in held {
            // SAFETY: [lib 4] the block is ours, and freed once.
            unsafe { Hak::free(block) };
        }
        Hak::thread_exit();
        let after = Stats::take().classes[class];
        assert!(after.live == 0 && after.cached == 0, "{after:?}");
        let mut text = String::new();
        before.write_json(&mut text).expect("a string takes everything");
        assert!(text.starts_with("{\"hak\":\"") && text.ends_with("}}\n"), "{text}");
        assert!(text.contains("\"3072\":{\"slabs\":"), "{text}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_lies_in_another_threads_cache_is_not_live() {
        let class = hak_core::numbers::size_class::class_of(704) as usize;
        let (send, receive) = mpsc::channel::<Vec<usize>>();
        let (done, wait) = mpsc::channel::<()>();
        let other = thread::spawn(move || {
            // SAFETY: [lib 4] the alignment is a power of two.
            let allocate = |_| unsafe { Hak::allocate(704, 16) }.expose_provenance();
            let mut held: Vec<usize> = (0..60).map(allocate).collect();
            for block in held.split_off(40) {
                // SAFETY: [lib 4] the block is ours, and freed once.
                unsafe { Hak::free(with_exposed_provenance_mut(block)) };
            }
            send.send(held).expect("the other side waits");
            wait.recv().expect("the other side sends");
            Hak::thread_exit();
        });
        let mut held = receive.recv().expect("the thread sends");
        for block in held.split_off(30) {
            // SAFETY: [lib 4] the block is ours, and freed once.
            unsafe { Hak::free(with_exposed_provenance_mut(block)) };
        }
        let counts = || {
            let stats = Stats::take();
            assert!(stats.caches_known);
            let counts = stats.classes[class];
            (counts.live, counts.cached, counts.remote)
        };
        let before = counts();
        assert!(before.0 == 30 && before.1 >= 30 && before.2 == 0, "{before:?}");
        Hak::thread_exit();
        assert_eq!(counts(), (30, before.1 - 10, 10));
        done.send(()).expect("the thread waits");
        other.join().expect("the thread ends");
        assert_eq!(counts(), (30, 0, 0));
        for block in held {
            // SAFETY: [lib 4] the block is ours, and freed once.
            unsafe { Hak::free(with_exposed_provenance_mut(block)) };
        }
        Hak::thread_exit();
        assert_eq!(counts(), (0, 0, 0));
    }
}
