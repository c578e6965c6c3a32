//! Ownership and lifecycle: who touches a descriptor, and which steps its word takes.
//!
//! Looks at the accesses that hit the slab table and the SuperSlab table. The owner of a slab is whoever its slot word
//! names, as it lies in memory at that moment; the running thread is whoever its heap's identity says.

use hak_core::inspect::{self, Place};
use hak_core::numbers::slot::{OwnerId, SlabState, SlotWord};
use hak_core::range::Range;
use hak_core::tables::remote_list::ADDRESS_BITS;
use hak_core::tables::slab::{OWNER_LINE, Slab};
use hak_core::tables::superslab::{SuperSlab, SuperSlabWord, Use};

use crate::observe::event_log::Event;
use crate::observe::states::States;
use crate::runtime::{
    Access, Finding, Kind, Observer, OtherAccess, Sim, ThreadId, Verdict, WorldGeometry, WorldView,
};

/// Only the owner touches the owner-only line of a slab's descriptor.
pub const OWNER_ONLY: &str = "owner-only";
/// Only legal steps, made by who may make them.
pub const TRANSITION: &str = "transition";

/// A step in the life of a slab or SuperSlab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The step of the run.
    pub step: u64,
    /// By whom.
    pub thread: ThreadId,
    /// Of what, from what, to what.
    pub change: Change,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A slab: its number, old and new slot word.
    Slab(u32, SlotWord, SlotWord),
    /// A SuperSlab's use: the unit's number, old and new word.
    SuperSlab(u32, SuperSlabWord, SuperSlabWord),
    /// Blocks were pushed on the remote list of this slab.
    RemoteFree(u32),
}

/// How often each kind of step was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Slabs bound from the pool.
    pub bound: u64,
    /// Remote frees (chains pushed), but for those of the thread that tidies up.
    pub remote_frees: u64,
    /// ACTIVE → FULL.
    pub filled: u64,
    /// FULL → ACTIVE.
    pub reopened: u64,
    /// ACTIVE → ABANDONED.
    pub abandoned: u64,
    /// ABANDONED → ACTIVE.
    pub adopted: u64,
    /// ACTIVE → EMPTY.
    pub emptied: u64,
    /// SuperSlabs retired.
    pub retired: u64,
    /// Runs of slabs handed out.
    pub runs: u64,
    /// Mappings of their own handed out.
    pub large: u64,
}

impl Counts {
    /// Adds another run's counts.
    pub fn add(&mut self, other: &Counts) {
        self.bound += other.bound;
        self.remote_frees += other.remote_frees;
        self.filled += other.filled;
        self.reopened += other.reopened;
        self.abandoned += other.abandoned;
        self.adopted += other.adopted;
        self.emptied += other.emptied;
        self.retired += other.retired;
        self.runs += other.runs;
        self.large += other.large;
    }
}

/// Where the tables lie, as offsets.
#[derive(Clone, Copy)]
struct Tables {
    slabs: usize,
    slabs_end: usize,
    superslabs: usize,
    superslabs_end: usize,
}

/// The observer of ownership and lifecycle.
pub struct SlabObserver<G: WorldGeometry> {
    tables: Option<Tables>,
    counts: Counts,
    log: Option<Vec<Transition>>,
    events: Option<Vec<Event>>,
    /// For each slab, who changed its slot word last.
    changes: Vec<Option<OtherAccess>>,
    /// For each heap, the identity under which it owned slabs last, and the thread that had it.
    identities: Vec<(OwnerId, ThreadId)>,
    /// Counts states, if they are to be counted.
    pub(crate) states: Option<Box<States>>,
    geometry: core::marker::PhantomData<G>,
}

const SLAB: usize = size_of::<Slab<Sim<crate::runtime::Tiny>>>();
const SUPERSLAB: usize = size_of::<SuperSlab<Sim<crate::runtime::Tiny>>>();
const SLOT_AT: usize = OWNER_LINE;
const REMOTE_AT: usize = OWNER_LINE + 8;

impl<G: WorldGeometry> SlabObserver<G> {
    /// An observer for one run; it keeps the transitions if `log`, and all steps if `events`.
    pub fn new(log: bool, events: bool) -> SlabObserver<G> {
        SlabObserver {
            tables: None,
            counts: Counts::default(),
            log: log.then(Vec::new),
            events: events.then(Vec::new),
            changes: Vec::new(),
            identities: Vec::new(),
            states: None,
            geometry: core::marker::PhantomData,
        }
    }

    /// What was counted.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The transitions and the steps that were kept.
    pub fn into_log(self) -> (Vec<Transition>, Vec<Event>) {
        (self.log.unwrap_or_default(), self.events.unwrap_or_default())
    }

    #[cold]
    fn tell(
        &mut self,
        thread: ThreadId,
        access: &Access,
        old: u64,
        new: u64,
        view: &WorldView<'_>,
    ) {
        let Some(events) = &mut self.events else { return };
        if !access.kind.is_choice() {
            return;
        }
        let place = |address: usize| inspect::place::<Sim<G>>(address);
        let here = if access.kind.is_atomic() {
            place(view.base() + access.offset)
        } else {
            Place::Elsewhere
        };
        // The head of a remote list has a count above the address.
        let address = |value: u64| place(value as usize & ((1 << ADDRESS_BITS) - 1));
        let named = |value| if access.may_be_address { address(value) } else { Place::Elsewhere };
        events.push(Event {
            step: view.step(),
            thread,
            operation: view.operation(thread),
            kind: access.kind,
            order: access.order,
            place: here,
            site: access.site,
            old,
            new,
            named: (named(old), named(new)),
        });
    }

    fn tables(&mut self, view: &WorldView<'_>) -> Option<Tables> {
        if self.tables.is_none() {
            let range = Range::<Sim<G>>::get()?;
            let slabs = range.slab_table() - view.base();
            let superslabs = range.superslab_table() - view.base();
            self.tables = Some(Tables {
                slabs,
                slabs_end: range.base() - view.base(),
                superslabs,
                superslabs_end: range.class_map() - view.base(),
            });
        }
        self.tables
    }

    /// The owner identity of the running thread; 0 if it has none.
    fn me(thread: ThreadId, view: &WorldView<'_>) -> u32 {
        let heap = std::ptr::with_exposed_provenance_mut(view.thread_heap(thread));
        inspect::heap_owner::<Sim<G>>(heap).unwrap_or(OwnerId::GUEST.0)
    }

    /// Whether the thread is the owner that this slot word names. Guests all have one identity: the one that claimed the slab
    /// is who changed the word last.
    fn is_owner(
        &self,
        thread: ThreadId,
        index: usize,
        slot: SlotWord,
        view: &WorldView<'_>,
    ) -> bool {
        let last = self.changes.get(index).copied().flatten();
        slot.owner().0 == Self::me(thread, view)
            && (slot.owner() != OwnerId::GUEST || last.is_some_and(|last| last.thread == thread))
    }

    fn check_owner(
        &self,
        thread: ThreadId,
        index: usize,
        word_at: usize,
        view: &WorldView<'_>,
    ) -> Verdict {
        let table = self.tables.map_or(0, |tables| tables.slabs);
        let slot = SlotWord(view.read(table + index * SLAB + SLOT_AT, 8));
        if self.is_owner(thread, index, slot, view) {
            return Verdict::Go;
        }
        let last = self.changes.get(index).copied().flatten();
        let owner = match (slot.owner().heap().filter(|_| slot.owner() != OwnerId::GUEST), last) {
            (None, Some(last)) if slot.owner() == OwnerId::GUEST => {
                format!("thread {}, which has no heap,", last.thread)
            }
            (Some(heap), Some(last)) => format!("heap {heap}, of thread {},", last.thread),
            (Some(heap), None) => format!("heap {heap}"),
            (None, _) => "nobody".to_owned(),
        };
        let me = OwnerId(Self::me(thread, view));
        let running = match me.heap() {
            Some(heap) if me != OwnerId::GUEST => format!("thread {thread} has heap {heap}"),
            _ => format!("thread {thread} has no heap"),
        };
        let place = inspect::place::<Sim<G>>(view.base() + table + index * SLAB + word_at);
        let state = slot.state().map_or("in no valid state", SlabState::name);
        let message = format!(
            "the word \"{place}\" is for the slab's owner only; the slab is {state} and {owner} owns it, \
             but {running}"
        );
        Verdict::Violation(match last {
            Some(last) if last.thread != thread => Finding::about(OWNER_ONLY, message, last),
            _ => Finding::new(OWNER_ONLY, message),
        })
    }

    fn remember(&mut self, thread: ThreadId, index: usize, access: &Access) {
        if self.changes.len() <= index {
            self.changes.resize(index + 1, None);
        }
        self.changes[index] = Some(OtherAccess {
            thread,
            kind: access.kind,
            site: access.site,
            offset: access.offset,
        });
    }

    /// Another thread that was an owner under this identity before: an identity is for one life of one heap.
    fn identity_of_another(&mut self, thread: ThreadId, owner: OwnerId) -> Option<ThreadId> {
        let heap = owner.heap().filter(|_| owner != OwnerId::GUEST)? as usize;
        if self.identities.len() <= heap {
            self.identities.resize(heap + 1, (OwnerId::NOBODY, thread));
        }
        let (identity, earlier) = std::mem::replace(&mut self.identities[heap], (owner, thread));
        (identity == owner && earlier != thread).then_some(earlier)
    }

    fn slab_changed(
        &mut self,
        thread: ThreadId,
        index: u32,
        old: SlotWord,
        new: SlotWord,
        view: &WorldView<'_>,
    ) -> Verdict {
        self.keep(thread, Change::Slab(index, old, new), view);
        let (Some(from), Some(to)) = (old.state(), new.state()) else {
            return broken::<G>(index, "its slot word holds no valid state".to_owned());
        };
        let counts = &mut self.counts;
        match (from, to) {
            (SlabState::Unused | SlabState::Empty, SlabState::Active) => counts.bound += 1,
            (SlabState::Active, SlabState::Full) => counts.filled += 1,
            (SlabState::Full, SlabState::Active) => counts.reopened += 1,
            (SlabState::Active, SlabState::Abandoned) => counts.abandoned += 1,
            (SlabState::Abandoned, SlabState::Active) => counts.adopted += 1,
            (SlabState::Active, SlabState::Empty) => counts.emptied += 1,
            (SlabState::Unused | SlabState::Empty, SlabState::Run) => counts.runs += 1,
            _ => {}
        }
        let me = Self::me(thread, view);
        if !from.may_become(to) {
            return broken::<G>(
                index,
                format!("{} → {} is no step of its life", from.name(), to.name()),
            );
        }
        if from == SlabState::Active && !self.is_owner(thread, index as usize, old, view) {
            return broken::<G>(
                index,
                format!("{} → {} by a thread that does not own it", from.name(), to.name()),
            );
        }
        if to == SlabState::Active && new.owner().0 != me {
            return broken::<G>(
                index,
                "it was claimed for another thread than the running one".to_owned(),
            );
        }
        if to == SlabState::Active
            && let Some(earlier) = self.identity_of_another(thread, new.owner())
        {
            let message = format!("it was claimed under the identity that thread {earlier} had");
            return broken::<G>(index, message);
        }
        let generations = u32::from(to == SlabState::Empty);
        if new.generation() != (old.generation() + generations) & 0xff_ffff {
            return broken::<G>(
                index,
                "its generation does not count how often it was emptied".to_owned(),
            );
        }
        Verdict::Go
    }

    fn superslab_changed(
        &mut self,
        thread: ThreadId,
        index: u32,
        old: SuperSlabWord,
        new: SuperSlabWord,
        view: &WorldView<'_>,
    ) -> Verdict {
        let (from, to) = (old.usage(), new.usage());
        if from == to {
            return Verdict::Go;
        }
        self.keep(thread, Change::SuperSlab(index, old, new), view);
        self.counts.retired += u64::from(to == Use::Retired);
        let begins = new.generation() != old.generation();
        self.counts.large += u64::from(to == Use::Large && begins);
        let all = G::GEOMETRY.all_slots();
        let message = if !from.may_become(to) {
            format!("{} → {} is no step of its life", from.name(), to.name())
        } else if to == Use::Retired && old.free_slots() != all {
            format!("retired with slot mask {:#x}: not all of its slots are free", old.free_slots())
        } else if to != Use::Shared && new.free_slots() != 0 {
            format!("{} with free slots", to.name())
        } else {
            return Verdict::Go;
        };
        Verdict::Violation(Finding::new(TRANSITION, format!("superslab {index}: {message}")))
    }

    fn keep(&mut self, thread: ThreadId, change: Change, view: &WorldView<'_>) {
        if let Some(log) = &mut self.log {
            log.push(Transition { step: view.step(), thread, change });
        }
    }
}

fn broken<G: WorldGeometry>(index: u32, message: String) -> Verdict {
    let slabs = G::GEOMETRY.slabs_per_superslab;
    let (unit, slab) = (index / slabs, index % slabs);
    Verdict::Violation(Finding::new(
        TRANSITION,
        format!("superslab {unit}, slab {slab}: {message}"),
    ))
}

impl<G: WorldGeometry> Observer for SlabObserver<G> {
    /// Where the tables lie is read from memory again, and which thread had which identity is forgotten. What was counted and kept is then of all paths together.
    fn put_back(&mut self) {
        self.tables = None;
        self.identities.clear();
    }

    fn before(&mut self, thread: ThreadId, access: &Access, view: &WorldView<'_>) -> Verdict {
        if !matches!(access.kind, Kind::PlainGet | Kind::PlainSet) {
            if let Some(states) = &mut self.states
                && access.kind.is_choice()
            {
                states.before(thread, access, view);
            }
            return Verdict::Go;
        }
        let Some(tables) = self.tables(view) else { return Verdict::Go };
        if access.offset < tables.slabs || access.offset >= tables.slabs_end {
            return Verdict::Go;
        }
        let (index, at) =
            ((access.offset - tables.slabs) / SLAB, (access.offset - tables.slabs) % SLAB);
        if at < OWNER_LINE { self.check_owner(thread, index, at, view) } else { Verdict::Go }
    }

    fn wants_plain_results(&self) -> bool {
        self.events.is_some()
    }

    fn after(
        &mut self,
        thread: ThreadId,
        access: &Access,
        old: u64,
        new: u64,
        view: &WorldView<'_>,
    ) -> Verdict {
        if self.events.is_some() {
            self.tell(thread, access, old, new, view);
        }
        if !access.kind.is_atomic() {
            return Verdict::Go;
        }
        if let Some(states) = &mut self.states {
            states.after(access, old, new, view);
        }
        if old == new || access.bytes != 8 {
            return Verdict::Go;
        }
        let Some(tables) = self.tables(view) else { return Verdict::Go };
        let offset = access.offset;
        if offset < tables.superslabs || offset >= tables.slabs_end {
            return Verdict::Go;
        }
        if offset >= tables.superslabs_end && offset < tables.slabs {
            return Verdict::Go;
        }
        if offset < tables.superslabs_end {
            let (index, at) = (
                (offset - tables.superslabs) / SUPERSLAB,
                (offset - tables.superslabs) % SUPERSLAB,
            );
            if at == 0 {
                let (old, new) = (SuperSlabWord(old), SuperSlabWord(new));
                return self.superslab_changed(thread, index as u32, old, new, view);
            }
            return Verdict::Go;
        }
        let (index, at) = ((offset - tables.slabs) / SLAB, (offset - tables.slabs) % SLAB);
        match at {
            SLOT_AT => {
                let (old, new) = (SlotWord(old), SlotWord(new));
                let verdict = self.slab_changed(thread, index as u32, old, new, view);
                self.remember(thread, index, access);
                verdict
            }
            REMOTE_AT if new != 0 => {
                // Those of the thread that tidies up prove nothing.
                self.counts.remote_frees += u64::from(!view.is_last(thread));
                self.keep(thread, Change::RemoteFree(index as u32), view);
                Verdict::Go
            }
            _ => Verdict::Go,
        }
    }
}
