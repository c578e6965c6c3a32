//! How many blocks a thread cache holds, keeps and takes at once, by their size.
//!
//! ```text
//! thread cache of a class = list (list_capacity) + reserve (what leaves a full list), if any
//! full list  ──► stay_count blocks stay, the others go to the reserve or back to their slabs
//! empty list ──► refill_count blocks come, or refill_most of a slab that has no more;
//!                carve_count at most, if they have to be cut first
//! ```
//!
//! Invariant: 1 <= `refill_count` <= `refill_most` <= `list_capacity`, and `stay_count` <
//! `list_capacity`.

use crate::numbers::geometry::Geometry;
use crate::numbers::size_class;

/// Whether the thread cache of a class has a reserve: not if it holds so few blocks that cutting
/// the list is quick.
pub(crate) const fn has_reserve(geometry: &Geometry, block_size: usize) -> bool {
    cache_capacity(geometry, block_size) >= geometry.reserve_blocks_min
}

/// How many blocks the list of a thread cache holds at most.
pub(crate) const fn list_capacity(geometry: &Geometry, block_size: usize) -> u32 {
    let blocks = cache_capacity(geometry, block_size);
    if has_reserve(geometry, block_size) { blocks / 2 } else { blocks }
}

/// How many blocks stay in the list when it was full.
pub(crate) const fn stay_count(geometry: &Geometry, block_size: usize) -> u32 {
    let blocks = list_capacity(geometry, block_size);
    if !has_reserve(geometry, block_size) {
        blocks / 2
    } else if blocks < 16 {
        1
    } else {
        blocks / 8
    }
}

/// How many blocks of a class a thread cache holds at most.
const fn cache_capacity(geometry: &Geometry, block_size: usize) -> u32 {
    debug_assert!(block_size >= size_class::SIZE_MIN, "no size class has such blocks");
    let blocks = geometry.cache_bytes / block_size;
    if blocks < geometry.cache_blocks_min as usize {
        geometry.cache_blocks_min
    } else if blocks > geometry.cache_blocks_max as usize {
        geometry.cache_blocks_max
    } else {
        blocks as u32
    }
}

/// How many blocks of a class a refill takes at most; never more than the list holds.
pub(crate) const fn refill_count(geometry: &Geometry, block_size: usize) -> u32 {
    let capacity = list_capacity(geometry, block_size);
    let blocks = geometry.refill_bytes / block_size;
    if blocks < 1 {
        1
    } else if blocks > capacity as usize {
        capacity
    } else {
        blocks as u32
    }
}

/// How many blocks a refill takes of a slab that has no more free ones: a list need not be cut
/// then.
pub(crate) const fn refill_most(geometry: &Geometry, block_size: usize) -> u32 {
    if has_reserve(geometry, block_size) {
        list_capacity(geometry, block_size)
    } else {
        refill_count(geometry, block_size)
    }
}

/// How many blocks are cut at once, at most, from a slab from which `carved` were cut before: as
/// many again. So whoever needs few blocks touches no memory for many.
pub(crate) const fn carve_count(geometry: &Geometry, block_size: usize, carved: u32) -> u32 {
    let least = geometry.carve_bytes_min / block_size;
    if least > carved as usize {
        least as u32
    } else if carved > 0 {
        carved
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invariant_holds_for_every_class_of_every_geometry() {
        for geometry in &[Geometry::PRODUCTION, Geometry::TINY, Geometry::WIDE] {
            for class in 1..=size_class::class_of(geometry.small_max) {
                let size = size_class::size_of(class);
                let list = list_capacity(geometry, size);
                assert!(1 <= refill_count(geometry, size), "class {class}");
                assert!(refill_count(geometry, size) <= refill_most(geometry, size));
                assert!(refill_most(geometry, size) <= list, "class {class}");
                assert!((1..list).contains(&stay_count(geometry, size)), "class {class}");
            }
        }
    }
}
