//! One operation on a shared word under the weak model.
//!
//! ```text
//! checks ── history of the word ── candidates ── the chooser picks one
//!        ── race check ── read ── write ── observer
//! ```
//!
//! The order of effects on the clocks is that of the sequentially consistent engine; only the
//! release clock comes from the store that is read instead of from the word.

use super::super::access::{Access, Kind, Ordering, ThreadId};
use super::super::current;
use super::super::engine::{Engine, Trouble};
use super::super::memory::{WordOperation, WordOutcome};
use super::super::shadow::GRANULE_SHIFT;
use super::super::stepwise::footprint::Manner;
use super::super::world::Start;
use super::history::{STORES_MAX, Store};

/// What an operation can do: by the places of the stores, counted from the newest.
struct ReadOptions {
    places: [u8; STORES_MAX],
    count: usize,
}

impl ReadOptions {
    fn of(places: impl Iterator<Item = usize>) -> ReadOptions {
        let mut options = ReadOptions { places: [0; STORES_MAX], count: 0 };
        for place in places {
            options.places[options.count] = place as u8;
            options.count += 1;
        }
        options
    }
}

impl Engine {
    /// Does an operation on a shared word.
    #[inline(never)]
    pub(crate) fn operate_weak(
        &mut self,
        access: &Access,
        operation: &WordOperation,
    ) -> Result<WordOutcome, Trouble> {
        self.before(access)?;
        let generation = match access.bytes {
            4 => self.check_atomic::<4>(access, access.offset),
            _ => self.check_atomic::<8>(access, access.offset),
        }?;
        let held = self.arena.read(access.offset, access.bytes);
        let record = self.shadow.record_at(access.offset, generation);
        let stores = *self.shadow.stores(record);
        let history = self.weak.history(record);
        let length = history.prepare(stores, access.offset, access.bytes, held);
        *self.shadow.stores(record) = length as u32;

        let options = self.options(access, operation, record, length);
        let place = self.pick(access, &options);
        let old = self.weak.history(record).newest(length, place).value;
        let mut new = operation.result(old, access.bytes);
        if access.kind == Kind::CompareExchangeWeak
            && new.is_some()
            && self.ask(access, |chooser, me, access| chooser.spurious_failure(me, access))
        {
            new = None;
            self.control.spurious += 1;
        }
        match access.bytes {
            4 => self.race_atomic::<4>(access, access.offset, generation, new.is_some()),
            _ => self.race_atomic::<8>(access, access.offset, generation, new.is_some()),
        }?;
        if access.kind != Kind::Store {
            let order = if new.is_some() { access.order } else { operation.failure };
            self.read_store(record, length, place, order);
        }
        if let Some(new) = new {
            self.write_store(access, record, length, place, new);
            if new != old {
                self.control.writes[self.control.current] += 1;
                self.control.changed();
            }
        }
        let value = new.unwrap_or(old);
        self.control.note(access.kind, access.offset, self.arena.normalise(access, value));
        if self.stepwise {
            self.footprint.note(access.offset, access.bytes, new.is_some(), Manner::Shared);
            if [access.order, operation.failure].contains(&Ordering::SeqCst) {
                self.footprint.note_sequential(access.offset, access.bytes);
            }
            self.histories.atomic(self.control.current, access.kind, old, new.is_some());
        }
        self.after(access, old, value)?;
        Ok(WordOutcome { old, written: new.is_some() })
    }

    /// Whether the rules might allow more than one store, whatever the operation's orderings are.
    pub(crate) fn may_read_several(&mut self, thread: ThreadId, access: &Access) -> bool {
        let granule = access.offset >> GRANULE_SHIFT;
        let inside = self.arena.contains(access.offset, access.bytes);
        let page = inside.then(|| self.pages.raw(access.offset >> self.pages.shift));
        let page = page.filter(|page| self.pages.is_set_up(page) && page.has_shadow());
        let used = page.and_then(|page| self.shadow.record_of_use(granule, page.generation));
        let Some((record, stores)) = used.filter(|(_, stores)| *stores > 1) else { return false };
        let bound = self.weak.fences.bound(thread, Ordering::Relaxed);
        let histories = self.weak.histories.as_mut().expect("made when the run began");
        let history = &mut histories[record as usize];
        history.candidates(stores as usize, &self.clocks[thread].now, bound) > 1
    }

    /// What the rules allow.
    #[inline]
    fn options(
        &mut self,
        access: &Access,
        operation: &WordOperation,
        record: u32,
        length: usize,
    ) -> ReadOptions {
        let me = self.control.current;
        // Who comes behind all others is ordered after them, but for one that has stopped for ever;
        // of that one's stores an old one is not seen for ever either.
        if length == 1 || self.control.starts[me] == Start::AfterAll {
            return ReadOptions::of(0..1);
        }
        let now = &self.clocks[me].now;
        let histories = self.weak.histories.as_mut().expect("made when the run began");
        let history = &mut histories[record as usize];
        let writing = self.weak.fences.bound(me, access.order);
        let writable = history.candidates(length, now, writing);
        let readable = if access.order == operation.failure {
            writable
        } else {
            history.candidates(length, now, self.weak.fences.bound(me, operation.failure))
        };
        let mut fits = |place: usize| match access.kind {
            Kind::Load => place < writable,
            Kind::CompareExchange | Kind::CompareExchangeWeak
                if history.newest(length, place).value != operation.first =>
            {
                place < readable
            }
            _ => place < writable && !history.newest(length, place - 1).follows,
        };
        ReadOptions::of((0..length).filter(|&place| place == 0 || fits(place)))
    }

    /// Lets the chooser pick; returns a place counted from the newest store.
    #[inline]
    fn pick(&mut self, access: &Access, options: &ReadOptions) -> usize {
        if options.count == 1 {
            return 0;
        }
        let me = self.control.current;
        let chooser = self.chooser.expect("a run has a chooser");
        // SAFETY: [engine 3, engine 5] the one call of it.
        let picked = current::outside(|| unsafe {
            (*chooser.as_ptr()).read_from(me, access, options.count)
        });
        if picked >= options.count {
            current::set_live(std::ptr::null_mut());
            panic!("the chooser picked store {picked} of {}", options.count);
        }
        options.places[picked] as usize
    }

    /// The current thread reads a store.
    #[inline]
    fn read_store(&mut self, record: u32, length: usize, place: usize, order: Ordering) {
        let me = self.control.current;
        let fences = self.weak.fences.count();
        let store = self.weak.history(record).newest(length, place);
        store.touch(me, self.clocks[me].now.get(me));
        if order == Ordering::SeqCst {
            store.touch_sequentially(fences);
        }
        self.clocks[me].read(order, &store.clock);
        let fence = store.fence;
        self.weak.fences.read(me, order, fence);
    }

    /// The current thread writes a store behind the `place` newest ones.
    #[inline]
    fn write_store(
        &mut self,
        access: &Access,
        record: u32,
        length: usize,
        place: usize,
        value: u64,
    ) {
        let me = self.control.current;
        let order = access.order;
        let continues = access.kind != Kind::Store;
        let mut store = Store::new(value);
        store.fence = self.weak.fences.released_by(me, order);
        if continues {
            let read = self.weak.history(record).newest(length, place);
            store.clock = read.clock;
            store.fence = store.fence.max(read.fence);
            store.follows = true;
        }
        let clocks = &mut self.clocks[me];
        clocks.write(order, &mut store.clock, continues);
        store.touch(me, clocks.now.get(me));
        clocks.after_write(me, order);
        if order == Ordering::SeqCst {
            store.touch_sequentially(self.weak.fences.count());
        }
        let length = self.weak.history(record).insert(length, place, store);
        *self.shadow.stores(record) = length as u32;
        if place == 0 {
            self.arena.write(access.offset, access.bytes, value);
            self.pages.mark_dirty(access.offset >> self.pages.shift);
        }
    }
}
