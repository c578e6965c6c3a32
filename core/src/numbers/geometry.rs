//! Sizes and thresholds: the numbers by which the production allocator and the simulator's tiny one
//! differ.
//!
//! Not generic: plain arithmetic over a constant that the platform names.

use crate::numbers::size_class;

/// The numbers of one allocator.
///
/// Invariants, checked at compile time by [`Geometry::check`]: slab sizes are powers of two of at
/// least a page; a SuperSlab has at most [`SLABS_MAX`] slabs; the largest small block fits at least
/// twice into a slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// The page size in bytes: the unit of commit and decommit.
    pub page_size: usize,
    /// log2 of the size of a slab in bytes.
    pub slab_shift: u32,
    /// Slabs in a SuperSlab.
    pub slabs_per_superslab: u32,
    /// The largest block that shares a slab with others, in bytes.
    pub small_max: usize,
    /// Slabs in the longest run that is one block (see `run`); more goes to a mapping of its own.
    pub run_slabs_max: u32,
    /// SuperSlabs that are looked at for the hole that a run fills best,
    pub fit_probes: u32,
    /// unless its heap remembers one that is longer by so many slots at most.
    pub fit_rest_max: u32,
    /// SuperSlabs that are looked at for any place for a run before a new one is taken.
    pub run_probes: u32,
    /// SuperSlabs that are looked at for an abandoned slab before the pool is asked.
    pub abandoned_probes: u32,
    /// Freed mappings of their own are kept up to so many bytes,
    pub retained_bytes_max: usize,
    /// and up to this number (at most [`RETAINED_MAX`]).
    pub retained_max: usize,
    /// A mapping of its own of at least so many bytes that cannot grow in place has its pages moved
    /// to more units elsewhere, if the system can do that; a smaller one is copied. For a few
    /// pages, copying costs less than the calls, and what was moved may cost the process a mapping
    /// more.
    pub relocate_min: usize,
    /// SuperSlab-sized units that the range is planned for, at most (a power of two of at least
    /// 64),
    pub units_max: usize,
    /// and at least.
    pub units_min: usize,
    /// The range grows by such a part of what it is planned for,
    pub growth_part: usize,
    /// but by so many units at most, if no more are asked for.
    pub growth_max: usize,
    /// Heaps, that is threads alive at the same time that have one, at most; an eighth of the
    /// number of units, if that is less.
    pub heaps_max: usize,
    /// A thread cache holds at most so many bytes per size class,
    pub cache_bytes: usize,
    /// and at most so many blocks,
    pub cache_blocks_max: u32,
    /// but so many blocks it may hold in any case.
    pub cache_blocks_min: u32,
    /// Thread caches of classes that may hold so many blocks have a reserve.
    pub reserve_blocks_min: u32,
    /// A thread cache that is full more often than this in a row, and never empty, shrinks.
    pub overflows_max: u32,
    /// Refill takes at most so many bytes at once,
    pub refill_bytes: usize,
    /// and cuts no more blocks from a slab than were cut from it before, but so many bytes.
    pub carve_bytes_min: usize,
    /// So many slots may lie idle (free, with pages that were touched) in any case: as many as were
    /// in use lately, but no less than this,
    pub idle_slots_min: u32,
    /// and no more than this; or an eighth of those in use, if that is more.
    pub idle_slots_max: u32,
    /// Milliseconds between two sweeps while somewhat more lie idle,
    pub sweep_interval: u32,
    /// unless a thread has given memory back so often in a row, and taken none: then at once.
    pub returns_max: u32,
    /// The first heaps add what they count of slots to the common count when it is more than this,
    /// the others sooner: see [`Geometry::count_share`].
    pub count_batch: u32,
    /// So much at most is counted by all heaps together, however many there are, and not known to
    /// the others.
    pub count_hidden_max: u32,
    /// Slots whose memory goes back in one call, at most, if the program did not ask for more: a
    /// longer round of decay goes on in later calls.
    pub slice_slots: u32,
    /// Milliseconds between two rounds of decay: idle memory goes back after one to two of them.
    pub decay_interval: u32,
    /// After so many slow paths a thread looks whether its heap is to be tidied: it is after each
    /// `decay_interval`.
    pub tidy_slow_paths: u32,
}

/// The most freed mappings that can be kept.
pub const RETAINED_MAX: usize = 64;

/// The most slabs that a SuperSlab can have: one bit each in its slot mask.
pub const SLABS_MAX: u32 = 32;

impl Geometry {
    /// What ships: SuperSlabs of 2 MiB with 32 slabs of 64 KiB.
    pub const PRODUCTION: Geometry = Geometry {
        page_size: 4096,
        slab_shift: 16,
        slabs_per_superslab: 32,
        small_max: 32 * 1024,
        run_slabs_max: 32,
        fit_probes: 256,
        fit_rest_max: 2,
        run_probes: 32,
        abandoned_probes: 16,
        retained_bytes_max: 32 << 20,
        retained_max: RETAINED_MAX,
        relocate_min: 4 << 20,
        units_max: 2 << 20,
        units_min: 64,
        growth_part: 256,
        growth_max: 64,
        heaps_max: 32 * 1024,
        cache_bytes: 32 * 1024,
        cache_blocks_max: 256,
        cache_blocks_min: 8,
        reserve_blocks_min: 64,
        overflows_max: 4,
        refill_bytes: 16 * 1024,
        carve_bytes_min: 512,
        idle_slots_min: 64,
        idle_slots_max: 256,
        sweep_interval: 16,
        returns_max: 16,
        count_batch: 16,
        count_hidden_max: 256,
        slice_slots: 64,
        decay_interval: 250,
        tidy_slow_paths: 16,
    }
    .check();

    /// What the simulator searches: SuperSlabs of 1 KiB with 4 slabs of 256 bytes, where "all slabs
    /// are exhausted" is a few steps away.
    pub const TINY: Geometry = Geometry {
        page_size: 64,
        slab_shift: 8,
        slabs_per_superslab: 4,
        small_max: 64,
        run_slabs_max: 2,
        fit_probes: 3,
        fit_rest_max: 1,
        run_probes: 2,
        abandoned_probes: 2,
        retained_bytes_max: 2 << 10,
        retained_max: 2,
        relocate_min: 1 << 9,
        units_max: 64,
        units_min: 64,
        growth_part: 16,
        growth_max: 4,
        heaps_max: 8,
        cache_bytes: 128,
        cache_blocks_max: 4,
        cache_blocks_min: 2,
        reserve_blocks_min: 4,
        overflows_max: 2,
        refill_bytes: 128,
        carve_bytes_min: 32,
        idle_slots_min: 1,
        idle_slots_max: 2,
        sweep_interval: 16,
        returns_max: 3,
        count_batch: 2,
        count_hidden_max: 4,
        slice_slots: 1,
        decay_interval: 250,
        tidy_slow_paths: 2,
    }
    .check();

    /// The tiny one's sister, for what that one has no room for: a map of several words, slabs that
    /// most sizes do not divide, a SuperSlab of as few slabs as can be, so that runs and mappings
    /// begin early, and fewer heaps than threads.
    pub const WIDE: Geometry = Geometry {
        slab_shift: 9,
        slabs_per_superslab: 2,
        small_max: 128,
        run_slabs_max: 1,
        units_max: 256,
        units_min: 64,
        growth_part: 32,
        growth_max: 8,
        heaps_max: 2,
        cache_bytes: 256,
        refill_bytes: 256,
        ..Geometry::TINY
    }
    .check();

    /// The same geometry, after its invariants were asserted.
    pub const fn check(self) -> Geometry {
        assert!(self.page_size.is_power_of_two());
        assert!(self.slab_size() >= self.page_size);
        assert!(self.slabs_per_superslab >= 2 && self.slabs_per_superslab <= SLABS_MAX);
        assert!(self.slabs_per_superslab.is_power_of_two());
        assert!(self.slab_shift <= 16);
        assert!(self.small_max * 2 <= self.slab_size());
        assert!(self.small_max >= 16 && self.small_max.is_power_of_two());
        assert!(self.small_max <= size_class::SIZE_MAX);
        assert!(self.units_max.is_power_of_two() && self.units_min.is_power_of_two());
        assert!(self.units_min >= 64 && self.growth_part >= 1 && self.growth_max >= 1);
        assert!(self.units_min <= self.units_max);
        assert!(self.heaps_max >= 1 && self.heaps_max <= 0xfffe);
        assert!(self.reserve_blocks_min >= 4);
        assert!(self.cache_blocks_min >= 2 && self.cache_blocks_min <= self.cache_blocks_max);
        assert!(self.run_slabs_max >= 1 && self.run_slabs_max <= self.slabs_per_superslab);
        assert!(self.run_probes >= 1 && self.abandoned_probes >= 1);
        assert!(self.retained_max <= RETAINED_MAX);
        assert!(self.retained_bytes_max >= self.unit_size());
        assert!(self.relocate_min >= self.page_size);
        assert!(self.idle_slots_min <= self.idle_slots_max && self.slice_slots >= 1);
        assert!(self.decay_interval >= 1 && self.decay_interval <= i32::MAX as u32);
        assert!(self.count_batch >= 1 && self.count_hidden_max / 2 >= self.count_batch);
        self
    }

    /// Bytes of the longest run of slabs that is one block.
    pub const fn run_max(&self) -> usize {
        (self.run_slabs_max as usize) << self.slab_shift
    }

    /// Bytes of a slab.
    pub const fn slab_size(&self) -> usize {
        1 << self.slab_shift
    }

    /// log2 of the bytes of a SuperSlab, which is also the unit of the reserved range.
    pub const fn unit_shift(&self) -> u32 {
        self.slab_shift + self.slabs_per_superslab.trailing_zeros()
    }

    /// Bytes of a SuperSlab.
    pub const fn unit_size(&self) -> usize {
        1 << self.unit_shift()
    }

    /// The slot mask of a SuperSlab whose slots are all free.
    pub const fn all_slots(&self) -> u32 {
        if self.slabs_per_superslab == 32 { u32::MAX } else { (1 << self.slabs_per_superslab) - 1 }
    }

    /// So many slots at most a heap counts before it adds them to the common count, by the heap's
    /// number: half as many for each further row of so many heaps, and none in the end. All shares
    /// together are less than `count_hidden_max`: in a row of R heaps they are R times batch, then
    /// half of that, and so on, and 2 R times batch is at most that number.
    pub const fn count_share(&self, heap: u32) -> u32 {
        let row = self.count_hidden_max / (2 * self.count_batch);
        match self.count_batch.checked_shr(heap / row) {
            Some(share) => share,
            None => 0,
        }
    }

    /// `bytes` rounded up to whole pages; `None` on overflow.
    pub const fn round_to_pages(&self, bytes: usize) -> Option<usize> {
        match bytes.checked_add(self.page_size - 1) {
            Some(sum) => Some(sum & !(self.page_size - 1)),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_heaps_hide_is_bounded_however_many_there_are() {
        for (geometry, all) in
            [(Geometry::PRODUCTION, 248), (Geometry::TINY, 3), (Geometry::WIDE, 3)]
        {
            let mut sum = 0;
            for heap in 0..1 << 16 {
                let share = geometry.count_share(heap);
                assert!(heap == 0 || share <= geometry.count_share(heap - 1), "heap {heap}");
                sum += share;
                assert!(sum <= geometry.count_hidden_max, "{} heaps hide {sum}", heap + 1);
            }
            assert_eq!(geometry.count_share(0), geometry.count_batch);
            assert_eq!(sum, all);
        }
    }
}
