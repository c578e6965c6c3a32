//! Huge pages: which memory the system may put into pages of 2 MiB.
//!
//! | [`HugePages`] | which memory                           | what it costs                  |
//! |---------------|----------------------------------------|--------------------------------|
//! | `Never`       | none                                   | nothing                        |
//! | `Adaptive`    | large, wholly used, and so for a while | a thread that looks for it     |
//! | `Always`      | all, as soon as it is accessible       | the first touch may fill 2 MiB |
//!
//! A huge page makes random access to much memory quicker, and the first touch of all of it. But
//! where little of it is used, the rest is memory too, and what goes back in smaller pieces splits
//! it. So memory is never put there unless it is asked for ([`set`]), and `Adaptive` takes only
//! what has nothing to lose:
//!
//! ```text
//! unit of a long mapping   ─ no page of it is missing ─► noted
//! noted, an interval later ─ no page of it is missing ─► its pages are put together
//! ```
//!
//! The thread in the background puts so many units together each time (`UNITS_AT_ONCE`). It asks
//! the system which pages are there (`mincore`) and changes nothing but how the system keeps them:
//! the program may read and write them meanwhile. What goes back loses the advice (see
//! [`crate::memory::forget`]), but with `Always`.
//!
//! Between its question and its answer the block may be freed and its memory given back. The system
//! then puts together what is not there: 2 MiB of zeroes in a unit that is free or somebody else's,
//! and they read as what they were. So it can cost the unit that is looked at just then, and that
//! one only, until it is used and goes back again. If the mapping is another one afterwards, its
//! advice is taken away.
//!
//! Invariants:
//! 1. Advice about a unit of the range, which is mapped for ever, changes no contents, whosesoever
//!    it is; nor does putting its pages together.

use core::sync::atomic::{AtomicU8, Ordering};

/// Which memory the system may put into huge pages; see [`crate::Hak::set_huge_pages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum HugePages {
    /// None.
    #[default]
    Never,
    /// Of blocks of at least 4 MiB each 2 MiB of which all pages were there at two looks.
    Adaptive,
    /// All of it.
    Always,
}

static POLICY: AtomicU8 = AtomicU8::new(HugePages::Never as u8);

/// From now on.
pub(crate) fn set(policy: HugePages) {
    // Relaxed, here and below: a setting.
    POLICY.store(policy as u8, Ordering::Relaxed);
}

pub(crate) fn is_always() -> bool {
    POLICY.load(Ordering::Relaxed) == HugePages::Always as u8
}

/// Advises the system for or against huge pages in a range of ours; refusal is fine. Changes
/// `errno`.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn advise(start: *mut u8, bytes: usize, huge: bool) {
    let advice = if huge { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
    // SAFETY: [memory 1, memory 4] advice about a mapping of ours.
    unsafe { libc::madvise(start.cast(), bytes, advice) };
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn advise(_start: *mut u8, _bytes: usize, _huge: bool) {}

#[cfg(target_os = "linux")]
pub(crate) use adaptive::look;

#[cfg(not(target_os = "linux"))]
pub(crate) fn look() -> bool {
    false
}

#[cfg(target_os = "linux")]
mod adaptive {
    use core::sync::atomic::{AtomicU64, Ordering};

    use hak_core::range::Range;
    use hak_core::tables::superslab::Use;
    use hak_core::{Platform, inspect};
    use libc::c_int;

    use super::{HugePages, POLICY, advise};
    use crate::{Native, errno};

    const UNIT: usize = Native::GEOMETRY.unit_size();

    /// Units that one look puts together at most: each is copied.
    const UNITS_AT_ONCE: u32 = 32;

    /// Since Linux 6.1; not in the C library's list yet.
    const MADV_COLLAPSE: c_int = 25;

    /// A bit for each unit; those that are so many apart share one, which costs one of them a look.
    struct Bits([AtomicU64; 256]);

    /// Units that were wholly in use at the last look.
    static NOTED: Bits = Bits([const { AtomicU64::new(0) }; 256]);

    /// Units that were put together.
    static DONE: Bits = Bits([const { AtomicU64::new(0) }; 256]);

    impl Bits {
        /// Whether the bit was set. One thread calls this.
        fn put(&self, unit: u32, set: bool) -> bool {
            let word = &self.0[unit as usize / 64 % self.0.len()];
            let (old, bit) = (word.load(Ordering::Relaxed), 1 << (unit % 64));
            word.store(if set { old | bit } else { old & !bit }, Ordering::Relaxed);
            old & bit != 0
        }
    }

    /// A look of the thread in the background; whether the next one has something to do. Only that
    /// thread calls this.
    pub(crate) fn look() -> bool {
        if POLICY.load(Ordering::Relaxed) != HugePages::Adaptive as u8 {
            return false;
        }
        let Some(range) = Range::<Native>::get() else { return false };
        let (mut left, mut some) = (UNITS_AT_ONCE, false);
        // The mapping that was met last.
        let mut first = 0;
        inspect::units_in_use(range, |unit| {
            if inspect::unit_word(range, unit).usage() == Use::Large {
                first = unit;
            }
            let start = core::ptr::with_exposed_provenance_mut(range.base() + unit as usize * UNIT);
            if !(is_inside(range, first, unit) && is_resident(start)) {
                NOTED.put(unit, false);
                DONE.put(unit, false);
                return;
            }
            if DONE.put(unit, true) {
                return;
            }
            some = true;
            let goes_on = NOTED.put(unit, true) && left != 0;
            DONE.put(unit, goes_on);
            if goes_on {
                left -= 1;
                put_together(start);
                if !is_inside(range, first, unit) {
                    errno::kept(|| advise(start, UNIT, false));
                }
            }
        });
        some
    }

    /// Whether a unit is wholly part of the mapping that begins with `first`, which is a long one.
    fn is_inside(range: Range<Native>, first: u32, unit: u32) -> bool {
        let units = inspect::mapping_bytes(range, first) / UNIT;
        inspect::unit_word(range, first).usage() == Use::Large
            && units >= 2
            && ((unit - first) as usize) < units
    }

    /// Whether all pages of a unit are there.
    fn is_resident(start: *mut u8) -> bool {
        let mut pages = [0_u8; UNIT / Native::GEOMETRY.page_size];
        // SAFETY: [lib 1, memory 1] a mapping of ours, and a byte for each page of it.
        let known = errno::kept(|| unsafe {
            libc::mincore(start.cast(), UNIT, pages.as_mut_ptr().cast()) == 0
        });
        // The system's pages may be larger: then the last bytes are not written.
        known && pages.iter().take(UNIT / system_page()).all(|page| page & 1 == 1)
    }

    fn system_page() -> usize {
        // SAFETY: [lib 1] it has no precondition.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(page).unwrap_or(0).max(Native::GEOMETRY.page_size)
    }

    /// Puts the pages of a unit together; an older system does so in its own time.
    fn put_together(start: *mut u8) {
        errno::kept(|| {
            advise(start, UNIT, true);
            // SAFETY: [huge 1] no contents change.
            unsafe { libc::madvise(start.cast(), UNIT, MADV_COLLAPSE) };
        });
    }
}
