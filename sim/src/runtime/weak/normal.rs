//! Normal form: which old stores make two states different?
//!
//! Under weak memory clocks decide which stores can be read. Of each word, hashed are the stores
//! that one of the threads which still touch the word may still read, from the newest down, each
//! with
//!
//! | what | as |
//! |---|---|
//! | value, and whether it follows the store below it | as it is |
//! | the moments at which threads first touched it | moments |
//! | what it releases | a clock: the part that one of these threads does not cover yet |
//! | the fence that it releases; how many there were at an SC operation | by rank |
//!
//! **The base** is the newest store behind which none of these threads can go any more; what is
//! older is left out. Floors only rise, so nobody ever reads or follows it. It still takes one of
//! the places of the history, but nothing depends on that: the oldest store goes first when there
//! is no room, and the stores below the base are the oldest. When the base was touched, and whether
//! it follows another store, decides nothing either: behind it nobody goes anyway. A word with
//! nothing but a base that releases nothing new is as good as one without a history.
//!
//! **Fences** are numbered; compared are the numbers that threads know or will know, and the stamps
//! of SC operations. A number that everybody knows is none. The others are hashed by rank, with
//! what had happened before them, and a stamp as how many of them are not greater.

use super::super::access::{THREADS_MAX, ThreadSet};
use super::super::clock::VectorClock;
use super::super::engine::Engine;
use super::super::stepwise::order_hash::{
    Collected, OrderMoment, OrderWord, Trail, Uses, all_clocks, lower, needed, own,
};
use super::history::{History, NOT_TOUCHED, Store};

/// What each thread covers, and which fence it knows.
struct Views {
    all: VectorClock,
    own: [(VectorClock, u32); THREADS_MAX],
}

/// Collects what is hashed of these words, and of fences. `fencing` are the threads that still pass
/// a fence.
pub(crate) fn see<'a>(
    engine: &Engine,
    words: impl Iterator<Item = &'a OrderWord>,
    fencing: ThreadSet,
    uses: &dyn Uses,
    all: &mut Collected,
) {
    let joined = all_clocks(engine);
    let own = |thread| match thread < engine.control.threads {
        true => own(engine, &joined, thread),
        false => (VectorClock::ZERO, 0),
    };
    let views = Views { all: joined, own: std::array::from_fn(own) };
    let words: Vec<Live<'_>> =
        words.filter_map(|word| Live::of(engine, word, &views, uses)).collect();
    let fences = Numbers::collect(engine, &words, &views, fencing);
    fences.see(engine, fencing, all);
    for word in &words {
        word.see(&fences, all);
    }
}

/// A word with stores that somebody may still read.
struct Live<'a> {
    word: &'a OrderWord,
    history: &'a History,
    /// The place of the base.
    base: usize,
    /// What all covers that still touch the word.
    floor: VectorClock,
}

impl<'a> Live<'a> {
    fn of(
        engine: &'a Engine,
        word: &'a OrderWord,
        views: &Views,
        uses: &dyn Uses,
    ) -> Option<Live<'a>> {
        let touchers = uses.touchers(word.start, word.count).0 & engine.control.unordered().0;
        if touchers == 0 {
            return None;
        }
        let mut floor = views.all;
        let history = engine.weak.seen(word.record);
        let length = word.stores as usize;
        let mut base = 0;
        for thread in ThreadSet(touchers).iter() {
            let (now, fence) = &views.own[thread];
            lower(&mut floor, now);
            let before = engine.weak.fences.before(*fence);
            let lowest =
                |place: &usize| history.at(length, *place).is_floor_of(now, *fence, before);
            base = base.max((0..length).find(lowest).unwrap_or(length - 1));
        }
        Some(Live { word, history, base, floor })
    }

    fn stores(&self) -> impl Iterator<Item = (usize, &Store)> {
        let length = self.word.stores as usize;
        (0..=self.base).map(move |place| (place, self.history.at(length, place)))
    }

    fn see(&self, fences: &Numbers, all: &mut Collected) {
        let start = self.word.start;
        for (place, store) in self.stores() {
            let mask = place as u8;
            let which = u64::from(start) << 32 | 1 << 31 | u64::from(mask) << 16;
            if place > 0 {
                all.add(which, store.value);
            }
            let fence = fences.rank(store.fence);
            let (mut follows, mut sequential) = (0, 0);
            for thread in 0..THREADS_MAX {
                let part = |memory, clock, of: &mut Vec<OrderMoment>| {
                    let thread = thread as u8;
                    of.push(OrderMoment {
                        start,
                        count: self.word.count,
                        memory,
                        mask,
                        thread,
                        clock,
                    });
                };
                let clock = store.clock.get(thread);
                if clock > self.floor.get(thread) {
                    part(Trail::Store, clock, &mut all.clocks);
                }
                let seen = store.seen.get(thread);
                if place < self.base && seen != u32::MAX {
                    part(Trail::Seen, seen, &mut all.moments);
                }
            }
            if place < self.base {
                follows = u64::from(store.follows);
                sequential = fences.stamp(store.sequential);
            }
            if place < self.base || fence != 0 {
                all.add(which | 1, fence << 40 | sequential << 8 | follows);
            }
        }
    }
}

/// The numbers of fences that matter, in order.
struct Numbers(Vec<u32>);

impl Numbers {
    fn collect(engine: &Engine, words: &[Live<'_>], views: &Views, fencing: ThreadSet) -> Numbers {
        let fences = &engine.weak.fences;
        let unordered = engine.control.unordered();
        let known = unordered.iter().map(|thread| views.own[thread].1);
        let by_all = known.min().unwrap_or(fences.count());
        let of_threads = needed(&engine.control).iter().flat_map(|thread| {
            let [now, acquirable, published] = fences.all(thread);
            [now, if fencing.contains(thread) { acquirable } else { 0 }, published]
        });
        let of_stores = words.iter().flat_map(|word| word.stores().map(|(_, store)| store.fence));
        let mut numbers: Vec<u32> = of_threads
            .chain(of_stores)
            .chain([fences.count(), fences.released()])
            .filter(|&number| number > by_all)
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        Numbers(numbers)
    }

    /// A number's place, from one; zero for one that everybody knows.
    fn rank(&self, number: u32) -> u64 {
        self.0.partition_point(|&other| other <= number) as u64
    }

    /// What a stamp is compared with.
    fn stamp(&self, stamp: u32) -> u64 {
        if stamp == NOT_TOUCHED { 0 } else { 1 + self.rank(stamp) }
    }

    fn see(&self, engine: &Engine, fencing: ThreadSet, all: &mut Collected) {
        if self.0.is_empty() {
            return;
        }
        let fences = &engine.weak.fences;
        for thread in needed(&engine.control).iter() {
            let [now, acquirable, published] = fences.all(thread);
            let acquirable = if fencing.contains(thread) { acquirable } else { 0 };
            let ranks = [now, acquirable, published].map(|number| self.rank(number)).into_iter();
            let which = (THREADS_MAX as u64 + 1) << 32 | thread as u64;
            all.add(which, ranks.fold(0, |ranks, rank| ranks << 20 | rank));
        }
        all.add((THREADS_MAX as u64 + 2) << 32, self.rank(fences.released()));
        for (rank, &number) in self.0.iter().enumerate() {
            let owner = (THREADS_MAX + 1 + rank) as u32;
            all.clock(Trail::Clock, owner, 3, fences.before(number));
        }
    }
}
