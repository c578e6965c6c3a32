//! Stand-ins: a small allocator in hak's place, with a known flaw, to see that a stress finds it.
//!
//! Faults cannot be planted into hak itself here: natively the question whether one is planted is a
//! constant. The stand-in is one lock, a list of free blocks for each power of two, and an arena
//! that it never gives back; what it knows of its blocks lies outside of them, so that a flaw does
//! what it says and nothing else.
//!
//! Invariants:
//! 1. The arena is mapped, to be read and written, from `new` on for ever. What is handed out lies
//!    in what was cut of it, whole, also where a flaw shows: `cut` looks for the end of the arena,
//!    and who hands out a block that overlaps looks for the end of what was cut.
//! 2. Where no flaw shows, a block that is handed out is nobody else's: it was cut once, and is
//!    then either on a free list or in use, both under the lock; it comes on a list only when its
//!    entry was taken out of `live`.
//! 3. A flaw breaks what the caller was promised, who finds that and ends the process; it touches
//!    nothing that does not lie in the arena. `Crashes` reads at address 8, where nothing is ever
//!    mapped: the process ends there.

use std::collections::HashMap;
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::oracle;
use super::shadow::GRANULE;
use super::subject::StressSubject;

/// What is wrong with a stand-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// A freed block is put on its list twice now and then.
    HandsOutTwice,
    /// A block is handed out that begins inside another one.
    Overlaps,
    /// `calloc` clears nothing.
    ForgetsZero,
    /// `realloc` copies the half only.
    LosesPrefix,
    /// An alignment beyond 16 is not obeyed.
    Misaligns,
    /// One byte of another block is written to when a block is freed.
    Scribbles,
    /// The usable size is less than what was asked for.
    Shortchanges,
    /// A freed block is on no list.
    Leaks,
    /// It denies that its blocks are its own.
    Disowns,
    /// It accuses the program, and ends it.
    Accuses,
    /// An assertion of it fails.
    Asserts,
    /// It reads where no memory is.
    Crashes,
    /// It waits for ever.
    Hangs,
}

/// The stand-ins, by name, and the oracle that finds each.
pub const STAND_INS: &[(&str, Flaw, Option<&str>)] = &[
    ("sound", Flaw::None, None),
    ("hands-out-twice", Flaw::HandsOutTwice, Some(oracle::OVERLAP)),
    ("overlaps", Flaw::Overlaps, Some(oracle::OVERLAP)),
    ("forgets-zero", Flaw::ForgetsZero, Some(oracle::CONTENT)),
    ("loses-prefix", Flaw::LosesPrefix, Some(oracle::CONTENT)),
    ("misaligns", Flaw::Misaligns, Some(oracle::ALIGNMENT)),
    ("scribbles", Flaw::Scribbles, Some(oracle::CONTENT)),
    ("shortchanges", Flaw::Shortchanges, Some(oracle::USABLE_SIZE)),
    ("leaks", Flaw::Leaks, Some(oracle::ACCOUNTING)),
    ("disowns", Flaw::Disowns, Some(oracle::OWNS)),
    ("accuses", Flaw::Accuses, Some(oracle::MISUSE)),
    ("asserts", Flaw::Asserts, Some(oracle::ASSERTION)),
    ("crashes", Flaw::Crashes, Some(oracle::CRASH)),
    ("hangs", Flaw::Hangs, Some(oracle::PROGRESS)),
];

/// One in so many calls shows the flaw.
const SELDOM: u64 = 500;
/// Bytes of the arena, of which only what is used has memory.
const ARENA: usize = 4 << 30;

/// An allocator with a flaw.
pub(super) struct StandIn {
    flaw: Flaw,
    base: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Bytes of the arena that were cut,
    cut: usize,
    /// and those of them that alignment cost.
    padding: usize,
    /// Free blocks, by log2 of their size.
    free: [Vec<usize>; 32],
    /// Blocks in use, by address.
    live: HashMap<usize, LiveBlock>,
    calls: u64,
}

/// A block in use.
#[derive(Clone, Copy)]
struct LiveBlock {
    /// Bytes asked for.
    size: usize,
    /// log2 of what was cut for it,
    class: usize,
    /// and where that begins.
    begin: usize,
}

impl StandIn {
    pub(super) fn new(flaw: Flaw) -> StandIn {
        // SAFETY: [stand_in 1] a new mapping at an address of the system's choice.
        let arena = unsafe {
            libc::mmap(
                null_mut(),
                ARENA,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        assert_ne!(arena, libc::MAP_FAILED, "the system has addresses for the stand-in");
        StandIn { flaw, base: arena.expose_provenance(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the flaw is this one, and shows now.
    fn shows(&self, state: &mut State, flaw: Flaw) -> bool {
        if self.flaw != flaw {
            return false;
        }
        state.calls += 1;
        state.calls.is_multiple_of(SELDOM)
    }

    /// Bytes asked for; 0 where no block is in use.
    fn size_of(&self, block: *const u8) -> usize {
        self.state().live.get(&block.addr()).map_or(0, |live| live.size)
    }

    fn class(size: usize, align: usize) -> usize {
        size.max(align).max(GRANULE).next_power_of_two().ilog2() as usize
    }

    fn cut(&self, state: &mut State, class: usize, align: usize) -> usize {
        let end = self.base + state.cut;
        let start = end.next_multiple_of(align.max(1 << class.min(12))) - self.base;
        if start + (1 << class) > ARENA {
            return 0;
        }
        state.padding += start - state.cut;
        state.cut = start + (1 << class);
        self.base + start
    }
}

fn pointer(address: usize) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut(address)
}

impl StressSubject for StandIn {
    fn small_max(&self) -> usize {
        32 * 1024
    }

    fn allocate(&self, size: usize, align: usize) -> *mut u8 {
        let mut state = self.state();
        if self.shows(&mut state, Flaw::Hangs) {
            // With the lock held: in the end all threads wait.
            loop {
                std::thread::park();
            }
        }
        if self.shows(&mut state, Flaw::Crashes) {
            // SAFETY: [stand_in 3] nothing is mapped there, which is what the stand-in is for.
            unsafe { pointer(8).read_volatile() };
        }
        if align <= GRANULE
            && self.shows(&mut state, Flaw::Overlaps)
            && let Some((other, _)) = state.live.iter().find(|(begin, other)| {
                let room = self.base + state.cut - *begin;
                other.size > 2 * GRANULE && size <= room - GRANULE
            })
        {
            return pointer(other + GRANULE);
        }
        let class = Self::class(size, align);
        let fitting = state.free[class].iter().rposition(|begin| begin.is_multiple_of(align));
        let begin = match fitting {
            Some(place) => state.free[class].remove(place),
            None => self.cut(&mut state, class, align),
        };
        if begin == 0 {
            return null_mut();
        }
        let shifted =
            self.flaw == Flaw::Misaligns && align > GRANULE && size + GRANULE <= 1 << class;
        let address = if shifted { begin + GRANULE } else { begin };
        state.live.insert(address, LiveBlock { size, class, begin });
        pointer(address)
    }

    fn allocate_zeroed(&self, size: usize, align: usize) -> *mut u8 {
        let block = self.allocate(size, align);
        if !block.is_null() && self.flaw != Flaw::ForgetsZero {
            // SAFETY: [stand_in 1, stand_in 2, stand_in 3] the caller does not have it yet.
            unsafe { block.write_bytes(0, size) };
        }
        block
    }

    unsafe fn free(&self, block: *mut u8) {
        let mut state = self.state();
        if self.shows(&mut state, Flaw::Accuses) {
            eprintln!("hak: double free: address {:#x}: said by a stand-in", block.addr());
            std::process::abort();
        }
        if self.shows(&mut state, Flaw::Asserts) {
            eprintln!("thread panicked at stand_in.rs: an assertion of a stand-in");
            std::process::abort();
        }
        let Some(LiveBlock { class, begin, .. }) = state.live.remove(&block.addr()) else { return };
        if self.shows(&mut state, Flaw::Scribbles)
            && let Some((&other, _)) = state.live.iter().next()
        {
            // SAFETY: [stand_in 1, stand_in 3] a byte of the arena, which is not the stand-in's.
            unsafe { pointer(other).write(0) };
        }
        if self.shows(&mut state, Flaw::Leaks) {
            return;
        }
        state.free[class].push(begin);
        if self.shows(&mut state, Flaw::HandsOutTwice) {
            state.free[class].push(begin);
        }
    }

    unsafe fn reallocate(&self, block: *mut u8, size: usize, align: usize) -> *mut u8 {
        let old = self.size_of(block);
        let new = self.allocate(size, align);
        if !new.is_null() {
            let kept = old.min(size);
            let copied = if self.flaw == Flaw::LosesPrefix { kept / 2 } else { kept };
            // SAFETY: [contract, stand_in 1] both blocks are that large; where a flaw shows they
            // may overlap.
            unsafe {
                new.copy_from(block, copied);
                self.free(block);
            }
        }
        new
    }

    unsafe fn usable_size(&self, block: *const u8) -> usize {
        let size = self.size_of(block);
        if self.flaw == Flaw::Shortchanges { size / 2 } else { size }
    }

    fn owns(&self, address: *const u8) -> bool {
        self.flaw != Flaw::Disowns && address.addr().wrapping_sub(self.base) < ARENA
    }

    fn collect(&self) {}

    fn thread_exit(&self) {}

    fn audit(&self, live: &[(usize, usize)], _all_freed: bool) -> Result<(), String> {
        let state = self.state();
        let free: usize =
            state.free.iter().enumerate().map(|(class, list)| list.len() << class).sum();
        let used: usize = state.live.values().map(|block| 1 << block.class).sum();
        if state.live.len() != live.len() {
            return Err(format!("{} blocks are in use, not {}", state.live.len(), live.len()));
        }
        if free + used + state.padding != state.cut {
            return Err(format!(
                "{free} free and {used} used bytes, and {} between them, are not the {} that were \
                cut",
                state.padding, state.cut
            ));
        }
        Ok(())
    }

    fn memory(&self) -> Option<(usize, usize)> {
        None
    }
}
