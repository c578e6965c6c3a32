//! State hash: when are two states of a run the same?
//!
//! When nothing that can still happen tells them apart. Hashed, each in the form in which the future depends on it:
//!
//! | what | form |
//! |---|---|
//! | memory | each word of committed pages that is not zero, by place; which pages are committed, which ranges reserved |
//! | threads | runnable, waiting, ended or spinning; the pending access; the heap; the history (see `history`) |
//! | live blocks | place and size; their content is memory |
//! | happens-before | see below |
//!
//! Not hashed, because nothing depends on it: counters of steps and switches, the digest, who ran last, source lines
//! and kinds kept for messages, serial numbers and table places of blocks, the numbers of commits and of shadow
//! records. Memory of pages that are not committed: a commit clears it.
//!
//! # Happens-before
//!
//! Vector clocks count releases, and hardly any two paths count the same. Only comparisons matter: does the clock of a
//! thread cover the moment that a word remembers? So the clocks are normalised in three steps:
//!
//! 1. A moment that every thread covers that has not ended (and every thread to come) is as good as none: clocks only
//!    grow, so everybody covers it for ever. It becomes zero wherever it stands.
//! 2. What is left of each thread's moments is numbered in order. Comparisons and joins see the order only, and a new
//!    moment is greater than all.
//!
//! 3. A moment that nothing will be compared with does not matter. Who leads the search says which do, from what the
//!    threads still do (`prove`'s `Reach`): the last plain write of a word that only its writer touches from now on,
//!    say, is of no use to anybody.
//!
//! So two states are one only if the same accesses are ordered in both, and a race that one can still lead to, the
//! other can too. This part can be left out; then states are fewer, and a search that merges them may miss a race
//! (but nothing that the other oracles find).
//!
//! 128 bits: among 10^9 states, two differ and have the same hash with a probability below 10^-20.

use std::rc::Rc;

use super::access::{Access, THREADS_MAX, ThreadId, ThreadSet};
use super::clock::VectorClock;
use super::engine::Engine;
use super::shadow::GRANULE_SHIFT;
use super::world::Start;

/// Two words to 128 bits.
#[inline]
pub(crate) fn mix(first: u64, second: u64) -> u128 {
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let low = fold(first ^ 0x9e37_79b9_7f4a_7c15, second ^ 0xd6e8_feb8_6659_fd93);
    let high = fold(first ^ 0xc2b2_ae3d_27d4_eb4f, second ^ 0x1656_67b1_9e37_79f9);
    let low = fold(low ^ 0xa076_1d64_78bd_642f, first.rotate_left(32) ^ 0xe703_7ed1_a0b4_28db);
    let high = fold(high ^ 0x8ebc_6af0_9c88_c6e3, second.rotate_left(32) ^ 0x5899_65cc_7537_4cc3);
    u128::from(high) << 64 | u128::from(low)
}

#[inline]
fn tagged(tag: u64, first: u64, second: u64) -> u128 {
    let inner = mix(first, second);
    mix(inner as u64 ^ tag.rotate_left(56), (inner >> 64) as u64)
}

/// A moment that a word or page remembers.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The first granule.
    pub start: u32,
    /// How many granules: one, or a page.
    pub count: u32,
    /// What is remembered of it.
    pub memory: Trail,
    /// Which bytes of the granule it is about.
    pub mask: u8,
    /// Whose moment it is.
    pub thread: u8,
    clock: u32,
}

/// What a word or page remembers moments of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Trail {
    /// The last accesses to any word of a page, which a system call must come after.
    PageAccesses,
    /// The last system call on a page, which every access must come after.
    PageChange,
    /// The last plain write.
    Write,
    /// The last plain read or reads.
    Read,
    /// What the last operations on a shared word released.
    Release,
    /// The last writing operations on a shared word, which a plain access must come after.
    SharedWrites,
    /// The last reading operations on a shared word, which a plain write must come after.
    SharedReads,
    /// The clocks of a thread, and of the address space.
    Clock,
}

/// A page as the hash sees it.
#[derive(Clone, Default)]
pub(crate) struct PageDigest {
    pub(crate) data: u128,
    pub(crate) moments: Option<Rc<[Moment]>>,
}

/// What every thread covers that has not ended, or that will begin.
pub(crate) fn floor(engine: &Engine) -> VectorClock {
    let control = &engine.control;
    let mut all = VectorClock::ZERO;
    for thread in 0..control.threads {
        all.join(&engine.clocks[thread].now);
    }
    let mut floor = all;
    for thread in 0..control.threads {
        if control.ended.contains(thread) {
            continue;
        }
        let begun = control.steps[thread] != 0;
        let own = match control.starts[thread] {
            _ if begun => engine.clocks[thread].now,
            Start::AtOnce | Start::After(_) => VectorClock::ZERO,
            Start::Joining(other) => engine.clocks[other].now,
            Start::AfterAll => all,
        };
        for one in 0..THREADS_MAX {
            floor.set(one, floor.get(one).min(own.get(one)));
        }
    }
    floor
}

/// Looks at one page again.
pub(crate) fn digest_page(
    engine: &Engine,
    index: usize,
    floor: Option<&VectorClock>,
) -> PageDigest {
    let pages = &engine.pages;
    let start = index << pages.shift;
    let mut data = 0;
    if pages.is_committed(start) {
        // A page that was not written since it was last clear is zero.
        let words = if pages.is_dirty(index) { start..start + (1 << pages.shift) } else { 0..0 };
        for word in words.step_by(8) {
            let value = engine.arena.read(word, 8);
            if value != 0 {
                data ^= mix(word as u64, value);
            }
        }
        if !pages.is_fixed(index) {
            data ^= tagged(1, index as u64, 0);
        }
    }
    let mut moments = Vec::new();
    let page = pages.raw(index);
    if let Some(floor) = floor
        && pages.is_set_up(page)
    {
        let count = 1 << (pages.shift - GRANULE_SHIFT);
        let first = index as u32 * count;
        let mut see = |start: u32, count, memory, mask: u8, thread: ThreadId, clock: u32| {
            if clock > floor.get(thread) {
                moments.push(Moment { start, count, memory, mask, thread: thread as u8, clock });
            }
        };
        for thread in 0..THREADS_MAX {
            let clock = page.accesses.get(thread);
            see(first, count, Trail::PageAccesses, 0, thread, clock);
        }
        see(first, count, Trail::PageChange, 0, page.change.thread(), page.change.clock());
        if page.generation != 0 && page.has_shadow() {
            for granule in first..first + count {
                engine.shadow.moments(
                    granule as usize,
                    page.generation,
                    &mut |count, memory, mask, thread, clock| {
                        see(granule, count, memory, mask, thread, clock);
                    },
                );
            }
        }
    }
    PageDigest { data, moments: (!moments.is_empty()).then(|| moments.into()) }
}

/// The hash of the state, of which `data` is the sum over the pages.
pub(crate) fn state<'a>(
    engine: &Engine,
    data: u128,
    moments: Option<impl Iterator<Item = &'a Moment>>,
    matters: &dyn Fn(&Moment) -> bool,
) -> u128 {
    let mut hash = data ^ threads(engine) ^ blocks(engine);
    for (start, end) in engine.pages.ranges() {
        hash ^= tagged(2, start as u64, end as u64);
    }
    if let Some(moments) = moments {
        hash ^= happens_before(engine, moments, matters);
    }
    hash
}

fn threads(engine: &Engine) -> u128 {
    let control = &engine.control;
    let (spinning, rounds) = control.spinners();
    let sets = u64::from(control.runnable.0)
        | u64::from(control.waiting.0) << 8
        | u64::from(control.ended.0) << 16
        | u64::from(spinning.0) << 24
        | u64::from(rounds) << 32;
    let mut hash = tagged(3, sets, 0);
    for thread in 0..control.threads {
        if control.ended.contains(thread) {
            continue;
        }
        let who = thread as u64;
        hash ^= tagged(4, who, engine.histories.hash(thread));
        hash ^= tagged(
            5,
            who << 32 | u64::from(control.operations[thread]),
            engine.histories.position(thread).into(),
        );
        hash ^= tagged(6, who, control.heaps[thread] as u64);
        let Access { offset, bytes, kind, order, .. } = control.pending[thread];
        let what = (bytes as u64) << 16 | (kind as u64) << 8 | order as u64;
        hash ^= tagged(7 + (who << 8), offset as u64, what);
    }
    hash
}

fn blocks(engine: &Engine) -> u128 {
    engine
        .blocks
        .live()
        .fold(0, |hash, block| hash ^ tagged(8, block.offset as u64, block.bytes as u64))
}

fn happens_before<'a>(
    engine: &Engine,
    moments: impl Iterator<Item = &'a Moment>,
    matters: &dyn Fn(&Moment) -> bool,
) -> u128 {
    let control = &engine.control;
    let floor = floor(engine);
    let mut all = Vec::with_capacity(64);
    all.extend(
        moments
            .copied()
            .filter(|moment| moment.clock > floor.get(moment.thread as usize) && matters(moment)),
    );
    let alive = (0..control.threads).filter(|&thread| !control.ended.contains(thread));
    let needed = alive.fold(ThreadSet::EMPTY, |set, thread| match control.starts[thread] {
        Start::Joining(other) if control.steps[thread] == 0 => set.with(thread).with(other),
        _ => set.with(thread),
    });
    let mut see = |owner: usize, number: usize, clock: &VectorClock| {
        for thread in 0..control.threads {
            let clock = clock.get(thread);
            if clock > floor.get(thread) {
                let (start, count, thread) = (owner as u32, number as u32, thread as u8);
                all.push(Moment { start, count, memory: Trail::Clock, mask: 0, thread, clock });
            }
        }
    };
    for thread in needed.iter() {
        for (number, clock) in engine.clocks[thread].all().iter().enumerate() {
            see(thread, number, clock);
        }
    }
    see(THREADS_MAX, 0, &engine.pages.released);
    let mut ranks: [Vec<u32>; THREADS_MAX] = [const { Vec::new() }; THREADS_MAX];
    for moment in &all {
        let ranks = &mut ranks[moment.thread as usize];
        if let Err(place) = ranks.binary_search(&moment.clock) {
            ranks.insert(place, moment.clock);
        }
    }
    let mut hash = 0u128;
    for Moment { start, count, memory, mask, thread, clock } in all {
        let ranks = &ranks[thread as usize];
        let rank = ranks.partition_point(|&other| other < clock) as u64;
        let place = u64::from(start) << 32 | u64::from(count);
        let what = rank << 24 | (memory as u64) << 16 | u64::from(mask) << 8 | u64::from(thread);
        // A sum and not an exclusive or: two that are the same must not cancel out.
        hash = hash.wrapping_add(mix(place, what));
    }
    hash
}
