//! Order hash: what of happens-before, and of old stores, makes two states different?
//!
//! Vector clocks count releases, and hardly any two paths count the same. Only comparisons matter:
//! does a clock cover a *moment*, that of an access which a word or page remembers? So everything
//! is hashed relative to the moments:
//!
//! 1. A moment that every thread covers that has not ended (and every thread to come) is as good as
//!    none: clocks only grow, so everybody covers it for ever.
//! 2. A moment that nothing will be compared with does not matter. Who leads the search says which
//!    do, from what the threads still do (`prove`'s `Reach`): the last plain write of a word that
//!    only its writer touches from now on, say, is of no use to anybody.
//! 3. The moments of each thread that are left are numbered in order. A clock is hashed as how many
//!    of them it covers. Joins see that number only, and a new moment is one that no clock covers
//!    yet but the thread's own.
//!
//! So two states are one only if the same accesses are ordered in both, and a race that one can
//! still lead to, the other can too. This part can be left out; then states are fewer, and a search
//! that merges them may miss a race (but nothing that the other oracles find).
//!
//! Under weak memory clocks decide more than races: which stores can be read. See `weak::normal`.
//!
//! What an acquire fence would add to a thread's clock counts if the thread still passes a fence.

use super::footprint::FENCES;
use super::state_hash::{PageDigest, mix};
use crate::runtime::access::{THREADS_MAX, ThreadId, ThreadSet};
use crate::runtime::clock::VectorClock;
use crate::runtime::control::Control;
use crate::runtime::engine::Engine;
use crate::runtime::shadow::GRANULE_SHIFT;
use crate::runtime::weak::normal;
use crate::runtime::world::Start;

/// A moment that a word or page remembers, or one part of a clock.
#[derive(Clone, Copy, Debug)]
pub struct OrderMoment {
    /// The first granule.
    pub start: u32,
    /// How many granules: one, or a page.
    pub count: u32,
    /// What is remembered of it.
    pub memory: Trail,
    /// Which bytes of the granule it is about, or which store.
    pub mask: u8,
    /// Whose moment it is.
    pub thread: u8,
    /// When, by its own clock.
    pub(crate) clock: u32,
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
    /// What the last operations on a shared word released: a clock.
    Release,
    /// The last writing operations on a shared word, which a plain access must come after.
    SharedWrites,
    /// The last reading operations on a shared word, which a plain write must come after.
    SharedReads,
    /// The clocks of a thread, and of the address space.
    Clock,
    /// The first touches of a store.
    Seen,
    /// What a store released: a clock.
    Store,
}

impl Trail {
    /// Whether it is compared with moments, and is none itself.
    fn is_clock(self) -> bool {
        matches!(self, Trail::Release | Trail::Clock | Trail::Store)
    }
}

/// What is of use to the threads, in the present state.
pub trait Uses {
    /// Whether anything that the threads still do is compared with the moment, or takes it up.
    fn matters(&self, moment: &OrderMoment) -> bool;
    /// The threads that still touch one of these granules.
    fn touchers(&self, start: u32, count: u32) -> ThreadSet;
}

/// A word with a history.
#[derive(Clone, Copy)]
pub(crate) struct OrderWord {
    pub(crate) start: u32,
    pub(crate) count: u32,
    pub(crate) record: u32,
    pub(crate) stores: u32,
}

/// What pages are looked at for.
pub(crate) struct See {
    /// Moments that races depend on.
    pub(crate) races: bool,
    /// Stores that can still be read.
    pub(crate) stores: bool,
    /// See [`floor`].
    pub(crate) floor: VectorClock,
}

/// What a thread covers, or will when it begins, at least; which fence it knows.
pub(crate) fn own(engine: &Engine, all: &VectorClock, thread: ThreadId) -> (VectorClock, u32) {
    let control = &engine.control;
    let fences = &engine.weak.fences;
    let begun = control.steps[thread] != 0;
    match control.starts[thread] {
        _ if begun => (engine.clocks[thread].now, fences.known(thread)),
        Start::AtOnce | Start::After(_) => (VectorClock::ZERO, 0),
        Start::Joining(other) => (engine.clocks[other].now, fences.known(other)),
        Start::AfterAll => (*all, fences.count()),
    }
}

/// What all threads cover together.
pub(crate) fn all_clocks(engine: &Engine) -> VectorClock {
    let mut all = VectorClock::ZERO;
    for thread in 0..engine.control.threads {
        all.join(&engine.clocks[thread].now);
    }
    all
}

/// Lowers a clock to what another one covers too.
pub(crate) fn lower(floor: &mut VectorClock, clock: &VectorClock) {
    for one in 0..THREADS_MAX {
        floor.set(one, floor.get(one).min(clock.get(one)));
    }
}

/// What every thread covers that has not ended, or that will begin.
pub(crate) fn floor(engine: &Engine) -> VectorClock {
    let all = all_clocks(engine);
    let mut floor = all;
    let alive = (0..engine.control.threads).filter(|&one| !engine.control.ended.contains(one));
    for thread in alive {
        lower(&mut floor, &own(engine, &all, thread).0);
    }
    floor
}

/// The moments of a page that some thread does not cover.
pub(crate) fn moments(engine: &Engine, index: usize, see: &See, moments: &mut Vec<OrderMoment>) {
    let pages = &engine.pages;
    let page = pages.raw(index);
    let count = 1 << (pages.shift - GRANULE_SHIFT);
    let first = index as u32 * count;
    let mut add = |start: u32, count, memory, mask: u8, thread: ThreadId, clock: u32| {
        if clock > see.floor.get(thread) {
            moments.push(OrderMoment { start, count, memory, mask, thread: thread as u8, clock });
        }
    };
    for thread in 0..THREADS_MAX {
        let clock = page.accesses.get(thread);
        add(first, count, Trail::PageAccesses, 0, thread, clock);
    }
    add(first, count, Trail::PageChange, 0, page.change.thread(), page.change.clock());
    if page.generation != 0 && page.has_shadow() {
        for granule in first..first + count {
            engine.shadow.moments(
                granule as usize,
                page.generation,
                &mut |count, memory, mask, thread, clock| {
                    add(granule, count, memory, mask, thread, clock);
                },
            );
        }
    }
}

/// The words of a page whose histories may be of use.
pub(crate) fn words(engine: &Engine, index: usize, see: &See, words: &mut Vec<OrderWord>) {
    let page = engine.pages.raw(index);
    if page.generation == 0 || !page.has_shadow() {
        return;
    }
    let count = 1 << (engine.pages.shift - GRANULE_SHIFT);
    for start in index as u32 * count..(index as u32 + 1) * count {
        let Some((record, count, stores)) =
            engine.shadow.remembered(start as usize, page.generation)
        else {
            continue;
        };
        let newest = engine.weak.seen(record).at(stores as usize, 0);
        let is_base = stores == 1 || see.floor.reaches(&newest.seen);
        if !(is_base && newest.fence == 0 && see.floor.covers_all(&newest.clock)) {
            words.push(OrderWord { start, count, record, stores });
        }
    }
}

/// Collects what is hashed.
pub(crate) struct Collected {
    floor: VectorClock,
    pub(crate) moments: Vec<OrderMoment>,
    pub(crate) clocks: Vec<OrderMoment>,
    hash: u128,
}

impl Collected {
    /// A clock, all of it.
    pub(crate) fn clock(&mut self, memory: Trail, start: u32, mask: u8, clock: &VectorClock) {
        for thread in 0..THREADS_MAX {
            let at = clock.get(thread);
            if at > self.floor.get(thread) {
                let thread = thread as u8;
                self.clocks.push(OrderMoment { start, count: 0, memory, mask, thread, clock: at });
            }
        }
    }

    fn hash(self) -> u128 {
        let mut hash = self.hash;
        let mut ranks: [Vec<u32>; THREADS_MAX] = [const { Vec::new() }; THREADS_MAX];
        for moment in &self.moments {
            let ranks = &mut ranks[moment.thread as usize];
            if let Err(place) = ranks.binary_search(&moment.clock) {
                ranks.insert(place, moment.clock);
            }
        }
        for OrderMoment { start, count, memory, mask, thread, clock } in
            self.moments.iter().chain(&self.clocks).copied()
        {
            let ranks = &ranks[thread as usize];
            let covered = ranks.partition_point(|&moment| moment <= clock) as u64;
            if covered != 0 {
                let place = u64::from(start) << 32 | u64::from(count);
                let what = covered << 24
                    | (memory as u64) << 16
                    | u64::from(mask) << 8
                    | u64::from(thread);
                hash = hash.wrapping_add(mix(place, what));
            }
        }
        hash
    }

    /// A sum and not an exclusive or: two that are the same must not cancel out.
    pub(crate) fn add(&mut self, place: u64, what: u64) {
        self.hash = self.hash.wrapping_add(mix(place, what));
    }
}

/// The hash of happens-before and of old stores.
pub(crate) fn order<'a>(
    engine: &Engine,
    digests: impl Iterator<Item = &'a PageDigest> + Clone,
    uses: &dyn Uses,
) -> u128 {
    let control = &engine.control;
    let floor = floor(engine);
    let mut all = Collected { floor, moments: Vec::with_capacity(64), clocks: Vec::new(), hash: 0 };
    let moments = digests.clone().filter_map(|digest| digest.moments.as_deref()).flatten();
    for moment in moments {
        if moment.clock > floor.get(moment.thread as usize) && uses.matters(moment) {
            let of = if moment.memory.is_clock() { &mut all.clocks } else { &mut all.moments };
            of.push(*moment);
        }
    }
    let fencing = uses.touchers(FENCES, 1);
    for thread in needed(control).iter() {
        for (number, clock) in engine.clocks[thread].all().iter().enumerate() {
            // What an acquire fence would add, and what a release fence published.
            if number == 0 || fencing.contains(thread) || number == 2 {
                all.clock(Trail::Clock, thread as u32, number as u8, clock);
            }
        }
    }
    all.clock(Trail::Clock, THREADS_MAX as u32, 0, &engine.pages.released);
    if engine.weak.on {
        let words = digests.filter_map(|digest| digest.words.as_deref()).flatten();
        normal::see(engine, words, fencing, uses, &mut all);
    }
    all.hash()
}

/// The threads whose clocks are still of use.
pub(crate) fn needed(control: &Control) -> ThreadSet {
    let alive = (0..control.threads).filter(|&thread| !control.ended.contains(thread));
    alive.fold(ThreadSet::EMPTY, |set, thread| match control.starts[thread] {
        Start::Joining(other) if control.steps[thread] == 0 => set.with(thread).with(other),
        _ => set.with(thread),
    })
}
