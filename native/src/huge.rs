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
//! unit of a long mapping   ─ each page was written ─► noted
//! noted, an interval later ─ each page was written ─► its pages are put together
//! ```
//!
//! The thread in the background puts so many units together each time (`UNITS_AT_ONCE`). It asks
//! the system which pages are there, and are this process's alone (`/proc/self/pagemap`): a page
//! that was only read, or that a child of `fork` shares, has memory to lose. It changes nothing but
//! how the system keeps them: the program may read and write them meanwhile. The advice holds only
//! while the system does that; what is together stays so, until it goes back.
//!
//! Between its question and the system's answer a part of the block may be freed. The system then
//! fills in what is not there any more, with zeroes, and they read as what they were. So it can
//! cost 2 MiB until the unit is used and goes back again; whoever gives memory back advises against
//! that first ([`crate::memory::forget`]), so that hardly any time is left for it.
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
    use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    use hak_core::range::Range;
    use hak_core::tables::superslab::Use;
    use hak_core::{Platform, inspect};
    use libc::c_int;

    use super::{HugePages, POLICY, advise};
    use crate::{Native, errno};

    const UNIT: usize = Native::GEOMETRY.unit_size();

    /// Units that one look puts together at most: each is copied.
    const UNITS_AT_ONCE: u32 = 32;

    /// Units of which one look asks for the pages at most.
    const QUESTIONS: u32 = 1024;

    /// After so many looks everything is looked at again.
    const LOOKS: u32 = 64;

    /// Since Linux 6.1, and what is adaptive needs it; not in the C library's list yet.
    const MADV_COLLAPSE: c_int = 25;

    /// The most pages of the system in a unit.
    const PAGES: usize = UNIT / 4096;

    /// A bit for each unit; those that are so many apart share one, and are taken for one another:
    /// one may be put together after a single look, or after [`LOOKS`] more.
    struct Bits([AtomicU64; 256]);

    /// Units that were wholly in use at the last look.
    static NOTED: Bits = Bits([const { AtomicU64::new(0) }; 256]);

    /// Units that were put together.
    static DONE: Bits = Bits([const { AtomicU64::new(0) }; 256]);

    /// Where the next look begins, and how many looks there were since all were done anew.
    static BEGIN: AtomicU32 = AtomicU32::new(0);
    static LOOKED: AtomicU32 = AtomicU32::new(0);

    impl Bits {
        fn is_set(&self, unit: u32) -> bool {
            self.0[unit as usize / 64 % self.0.len()].load(Ordering::Relaxed) >> (unit % 64) & 1
                == 1
        }

        /// One thread calls this.
        fn put(&self, unit: u32, set: bool) {
            let word = &self.0[unit as usize / 64 % self.0.len()];
            let (old, bit) = (word.load(Ordering::Relaxed), 1 << (unit % 64));
            word.store(if set { old | bit } else { old & !bit }, Ordering::Relaxed);
        }
    }

    /// A look of the thread in the background; whether the next one has something to do. Only that
    /// thread calls this.
    pub(crate) fn look() -> bool {
        if POLICY.load(Ordering::Relaxed) != HugePages::Adaptive as u8 {
            return false;
        }
        errno::kept(|| {
            let Some(range) = Range::<Native>::get() else { return false };
            let Some(pages) = PageMap::open() else { return false };
            if LOOKED.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOKS) {
                DONE.0.iter().for_each(|word| word.store(0, Ordering::Relaxed));
            }
            look_at(range, &pages)
        })
    }

    fn look_at(range: Range<Native>, pages: &PageMap) -> bool {
        let begin = BEGIN.swap(0, Ordering::Relaxed);
        let (mut left, mut questions, mut some) = (UNITS_AT_ONCE, QUESTIONS, false);
        // The mapping that was met last.
        let mut first = 0;
        inspect::units_in_use(range, |unit| {
            if inspect::unit_word(range, unit).usage() == Use::Large {
                first = unit;
            }
            if unit < begin || questions == 0 {
                return;
            }
            let forget = || [&NOTED, &DONE].iter().for_each(|bits| bits.put(unit, false));
            if !is_inside(range, first, unit) {
                return forget();
            }
            questions -= 1;
            if questions == 0 {
                // The rest at the next look.
                BEGIN.store(unit + 1, Ordering::Relaxed);
            }
            let start = core::ptr::with_exposed_provenance_mut(range.base() + unit as usize * UNIT);
            if !pages.are_all_ours(start) {
                return forget();
            }
            if DONE.is_set(unit) {
                return;
            }
            some = true;
            if !NOTED.is_set(unit) {
                return NOTED.put(unit, true);
            }
            if left != 0 {
                left -= 1;
                // In this order: who gives memory back advises against huge pages first, and the
                // system refuses to put together what it was advised against.
                advise(start, UNIT, true);
                let is_done = is_inside(range, first, unit)
                    && pages.are_all_ours(start)
                    // SAFETY: [huge 1] no contents change.
                    && unsafe { libc::madvise(start.cast(), UNIT, MADV_COLLAPSE) } == 0;
                // The system may have had something else to do with one of the pages: again, but
                // not at once.
                DONE.put(unit, is_done);
                NOTED.put(unit, is_done);
                // What is put together stays so.
                advise(start, UNIT, false);
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

    /// What the system says of the process's pages: `/proc/self/pagemap`.
    struct PageMap {
        file: c_int,
        /// Bytes of a page.
        size: usize,
    }

    impl PageMap {
        fn open() -> Option<PageMap> {
            // SAFETY: [lib 1] a C string; no precondition.
            let (file, size) = unsafe {
                let name = c"/proc/self/pagemap";
                let flags = libc::O_RDONLY | libc::O_CLOEXEC;
                (libc::open(name.as_ptr(), flags), libc::sysconf(libc::_SC_PAGESIZE))
            };
            (file >= 0).then_some(PageMap { file, size: usize::try_from(size).ok()? })
        }

        /// Whether all pages of a unit are there, written by this process, and in no other one: not
        /// those that were only read, and not those that a child of `fork` shares.
        fn are_all_ours(&self, start: *mut u8) -> bool {
            const PRESENT_AND_EXCLUSIVE: u64 = 1 << 63 | 1 << 56;
            let mut words = [0_u64; PAGES];
            let words = &mut words[..UNIT / self.size.max(UNIT / PAGES)];
            let at = start.addr() / self.size * size_of::<u64>();
            // SAFETY: [lib 1] a buffer of the length that is given.
            let read = unsafe {
                libc::pread(
                    self.file,
                    words.as_mut_ptr().cast(),
                    size_of_val(words),
                    at as libc::off_t,
                )
            };
            let is_ours = |word: &u64| word & PRESENT_AND_EXCLUSIVE == PRESENT_AND_EXCLUSIVE;
            usize::try_from(read) == Ok(size_of_val(words)) && words.iter().all(is_ours)
        }
    }

    impl Drop for PageMap {
        fn drop(&mut self) {
            // SAFETY: [lib 1] a file of our own.
            unsafe { libc::close(self.file) };
        }
    }
}
