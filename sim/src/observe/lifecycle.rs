//! The oracle of lifecycles: which steps the words of slabs and SuperSlabs take, and who makes
//! them.
//!
//! It also counts these steps, and keeps them if it is to: the transition log.

use hak_core::numbers::slot::{OwnerId, SlabState, SlotWord};
use hak_core::tables::superslab::{SuperSlabWord, Use};

use crate::observe::descriptors::{DescriptorWord, LastChanges, Tables, identity};
use crate::runtime::{
    Access, Finding, Observer, ThreadId, Verdict, Wants, WorldGeometry, WorldView, oracle,
};

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
pub struct LifecycleCounts {
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

impl LifecycleCounts {
    /// Adds another run's counts.
    pub fn add(&mut self, other: &LifecycleCounts) {
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

/// The oracle, for one run.
pub struct Lifecycle<G: WorldGeometry> {
    tables: Tables<G>,
    counts: LifecycleCounts,
    log: Option<Vec<Transition>>,
    changes: LastChanges,
    /// For each heap, the identity under which it owned slabs last, and the thread that had it.
    identities: Vec<(OwnerId, ThreadId)>,
}

impl<G: WorldGeometry> Lifecycle<G> {
    /// Nothing was seen yet; it keeps the transitions if `log`.
    pub fn new(log: bool) -> Lifecycle<G> {
        Lifecycle {
            tables: Tables::default(),
            counts: LifecycleCounts::default(),
            log: log.then(Vec::new),
            changes: LastChanges::default(),
            identities: Vec::new(),
        }
    }

    /// What was counted.
    pub fn counts(&self) -> LifecycleCounts {
        self.counts
    }

    /// The transitions that were kept.
    pub fn into_log(self) -> Vec<Transition> {
        self.log.unwrap_or_default()
    }

    /// Another thread that was an owner under this identity before: an identity is for one life of
    /// one heap.
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
        let me = identity::<G>(thread, view);
        if !from.may_become(to) {
            return broken::<G>(
                index,
                format!("{} → {} is no step of its life", from.name(), to.name()),
            );
        }
        if from == SlabState::Active && !self.changes.is_owner::<G>(thread, index, old, view) {
            return broken::<G>(
                index,
                format!("{} → {} by a thread that does not own it", from.name(), to.name()),
            );
        }
        if to == SlabState::Active && new.owner() != me {
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
        Verdict::Violation(Finding::new(
            oracle::TRANSITION,
            format!("superslab {index}: {message}"),
        ))
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
        oracle::TRANSITION,
        format!("superslab {unit}, slab {slab}: {message}"),
    ))
}

impl<G: WorldGeometry> Observer for Lifecycle<G> {
    #[inline]
    fn wants(&self) -> Wants {
        Wants::AFTER_STEPS
    }

    #[inline]
    fn after(
        &mut self,
        thread: ThreadId,
        access: &Access,
        old: u64,
        new: u64,
        view: &WorldView<'_>,
    ) -> Verdict {
        if !access.kind.is_atomic() || old == new || access.bytes != 8 {
            return Verdict::Go;
        }
        match self.tables.word(access.offset, view) {
            Some(DescriptorWord::SuperSlab(unit)) => {
                let (old, new) = (SuperSlabWord(old), SuperSlabWord(new));
                self.superslab_changed(thread, unit, old, new, view)
            }
            Some(DescriptorWord::Slot(slab)) => {
                let (old, new) = (SlotWord(old), SlotWord(new));
                let verdict = self.slab_changed(thread, slab, old, new, view);
                self.changes.note(slab, thread, access);
                verdict
            }
            Some(DescriptorWord::Remote(slab)) if new != 0 => {
                // Those of the thread that tidies up prove nothing.
                self.counts.remote_frees += u64::from(!view.is_last(thread));
                self.keep(thread, Change::RemoteFree(slab), view);
                Verdict::Go
            }
            _ => Verdict::Go,
        }
    }

    /// Where the tables lie is read from memory again, and which thread had which identity is
    /// forgotten. What was counted and kept is then of all paths together.
    fn put_back(&mut self) {
        self.tables.forget();
        self.identities.clear();
    }
}
