//! Size classes: which block sizes slabs are cut into.
//!
//! Not generic: arithmetic only. Class 0 is nobody's ("this is no slab"), so that zeroed memory
//! says the truth.
//!
//! ```text
//! class    1   2 ...  16 |  17 ...  24 |  25 ...  32 | ... | 65 ... 72
//! bytes   16  32 ... 256 | 288 ... 512 | 576 ... 1024 | ... | 18432 ... 32768
//! step        16         |     32      |      64      | ... |     2048
//! ```
//!
//! Steps of 16 bytes to 256, then eight per doubling: a block above 128 bytes wastes less than 12.5
//! % of itself.
//!
//! Invariants, tested below for every size:
//! 1. `size_of(class_of(n)) >= n`, and no smaller class has that property.
//! 2. Every size is a multiple of 16, so blocks are aligned to 16.
//! 3. The class of a size of at most [`SIZE_MAX`] is one of 1 to [`CLASSES`]; so is that of every
//!    small block, since no geometry's `small_max` is more.

/// The number of size classes; valid classes are `1..=CLASSES`.
pub const CLASSES: usize =
    FINE_CLASSES + (SIZE_MAX / FINE_MAX).ilog2() as usize * CLASSES_PER_DOUBLING;

/// The smallest block size of any class, in bytes.
pub(crate) const SIZE_MIN: usize = 16;

/// The largest block size of any class, in bytes.
pub const SIZE_MAX: usize = 32 * 1024;

/// Where the steps of 16 bytes end.
const FINE_MAX: usize = 256;
/// The class of [`FINE_MAX`].
const FINE_CLASSES: usize = FINE_MAX / 16;
/// How many classes a doubling of the size has above [`FINE_MAX`].
const CLASSES_PER_DOUBLING: usize = 8;
/// Sizes up to here are looked up in a table.
pub(crate) const TABLE_MAX: usize = 1024;

const SIZES: [u32; CLASSES + 1] = sizes();
const CLASS_BY_SIXTEENTHS: [u8; TABLE_MAX / 16 + 1] = class_table();

const _: () = {
    assert!(SIZES[0] == 0 && SIZES[1] as usize == SIZE_MIN);
    assert!(SIZES[FINE_CLASSES] as usize == FINE_MAX);
    assert!(SIZES[CLASSES] as usize == SIZE_MAX);
    assert!(SIZES[CLASS_BY_SIXTEENTHS[TABLE_MAX / 16] as usize] as usize == TABLE_MAX);
};

/// Bytes of a block of `class` (0 for class 0).
///
/// # Panics
/// If `class > CLASSES`.
#[inline]
pub fn size_of(class: u32) -> usize {
    SIZES[class as usize] as usize
}

/// The smallest class whose blocks hold `size` bytes; a size of zero counts as one.
///
/// `size` must be at most [`SIZE_MAX`].
#[inline]
pub const fn class_of(size: usize) -> u32 {
    debug_assert!(size <= SIZE_MAX);
    if size <= TABLE_MAX {
        CLASS_BY_SIXTEENTHS[(size + 15) >> 4] as u32
    } else {
        coarse_class(size) as u32
    }
}

/// The smallest class whose blocks hold `size` bytes and begin at multiples of `align`, if blocks
/// of at most `small_max` bytes do. `align` is a power of two.
#[inline]
pub fn class_for(size: usize, align: usize, small_max: usize) -> Option<u32> {
    debug_assert!(align.is_power_of_two());
    debug_assert!(small_max <= SIZE_MAX);
    if size > small_max || align > small_max {
        return None;
    }
    if align <= 16 {
        return Some(class_of(size));
    }
    // The sizes of classes are multiples of the steps between them, and so are these sizes and
    // alignments, of one another: a multiple of `align` either is the size of a class, or the next
    // one's is such a multiple too.
    let class = class_of((size.max(1) + align - 1) & !(align - 1));
    debug_assert!(size_of(class) & (align - 1) == 0);
    debug_assert!(size_of(class) <= small_max);
    Some(class)
}

#[inline]
const fn coarse_class(size: usize) -> usize {
    debug_assert!(size > FINE_MAX && size <= SIZE_MAX);
    let last = size - 1;
    let doubling = (last / FINE_MAX).ilog2() as usize;
    let step = (FINE_MAX / CLASSES_PER_DOUBLING) << doubling;
    FINE_CLASSES + 1 + doubling * CLASSES_PER_DOUBLING + (last - (FINE_MAX << doubling)) / step
}

const fn sizes() -> [u32; CLASSES + 1] {
    let mut sizes = [0; CLASSES + 1];
    let mut class = 1;
    while class <= FINE_CLASSES {
        sizes[class] = class as u32 * 16;
        class += 1;
    }
    while class <= CLASSES {
        let position = class - FINE_CLASSES - 1;
        let doubling = position / CLASSES_PER_DOUBLING;
        let step = (FINE_MAX / CLASSES_PER_DOUBLING) << doubling;
        let steps = position % CLASSES_PER_DOUBLING + 1;
        sizes[class] = ((FINE_MAX << doubling) + steps * step) as u32;
        class += 1;
    }
    sizes
}

const fn class_table() -> [u8; TABLE_MAX / 16 + 1] {
    let mut table = [1; TABLE_MAX / 16 + 1];
    let mut sixteenths = 1;
    while sixteenths <= TABLE_MAX / 16 {
        let size = sixteenths * 16;
        table[sixteenths] =
            if size <= FINE_MAX { sixteenths as u8 } else { coarse_class(size) as u8 };
        sixteenths += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_gets_the_smallest_class_that_holds_it() {
        for size in 0..=SIZE_MAX {
            let class = class_of(size);
            assert!(class >= 1 && class as usize <= CLASSES);
            assert!(size_of(class) >= size);
            assert!(class == 1 || size_of(class - 1) < size.max(1), "size {size}");
        }
    }

    #[test]
    fn blocks_above_128_bytes_waste_less_than_an_eighth() {
        for size in 129..=SIZE_MAX {
            let block = size_of(class_of(size));
            assert!((block - size) * 8 < block, "size {size} in {block}");
        }
    }

    #[test]
    fn an_aligned_class_holds_the_size_at_the_alignment() {
        for align in (0..16).map(|shift| 1usize << shift) {
            for size in (0..=SIZE_MAX).step_by(7) {
                let Some(class) = class_for(size, align, SIZE_MAX) else {
                    assert!(size > SIZE_MAX / 2 || align > SIZE_MAX / 2);
                    continue;
                };
                assert!(size_of(class) >= size && size_of(class).is_multiple_of(align));
            }
        }
    }

    #[test]
    fn what_no_slab_can_hold_has_no_class() {
        assert_eq!(class_for(SIZE_MAX + 1, 1, SIZE_MAX), None);
        assert_eq!(class_for(8, 2 * SIZE_MAX, SIZE_MAX), None);
        assert_eq!(class_for(65, 1, 64), None);
        assert_eq!(class_for(64, 64, 64), Some(class_of(64)));
    }
}
