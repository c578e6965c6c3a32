//! The oracle of ownership: who touches the owner-only words of a slab's descriptor.

use hak_core::inspect;
use hak_core::numbers::slot::{OwnerId, SlabState, SlotWord};

use crate::observe::descriptors::{DescriptorWord, LastChanges, Tables, identity};
use crate::runtime::{
    Access, Finding, Kind, Observer, Sim, ThreadId, Verdict, Wants, WorldGeometry, WorldView,
    oracle,
};

/// The oracle, for one run.
pub(crate) struct Ownership<G: WorldGeometry> {
    tables: Tables<G>,
    changes: LastChanges,
}

impl<G: WorldGeometry> Default for Ownership<G> {
    /// Nothing was seen yet.
    fn default() -> Ownership<G> {
        Ownership { tables: Tables::default(), changes: LastChanges::default() }
    }
}

impl<G: WorldGeometry> Ownership<G> {
    #[inline]
    fn check(&mut self, thread: ThreadId, slab: u32, byte: usize, view: &WorldView<'_>) -> Verdict {
        let slot = self.tables.slot(slab, view);
        if self.changes.is_owner::<G>(thread, slab, slot, view) {
            return Verdict::Go;
        }
        self.accuse(thread, slab, byte, slot, view)
    }

    #[cold]
    fn accuse(
        &mut self,
        thread: ThreadId,
        slab: u32,
        byte: usize,
        slot: SlotWord,
        view: &WorldView<'_>,
    ) -> Verdict {
        let last = self.changes.of(slab);
        let owner = match (slot.owner().heap().filter(|_| slot.owner() != OwnerId::GUEST), last) {
            (None, Some(last)) if slot.owner() == OwnerId::GUEST => {
                format!("thread {}, which has no heap,", last.thread)
            }
            (Some(heap), Some(last)) => format!("heap {heap}, of thread {},", last.thread),
            (Some(heap), None) => format!("heap {heap}"),
            (None, _) => "nobody".to_owned(),
        };
        let me = identity::<G>(thread, view);
        let running = match me.heap() {
            Some(heap) if me != OwnerId::GUEST => format!("thread {thread} has heap {heap}"),
            _ => format!("thread {thread} has no heap"),
        };
        let word_at = view.base() + self.tables.slab_byte(slab, byte, view);
        let place = inspect::place::<Sim<G>>(word_at);
        let state = slot.state().map_or("in no valid state", SlabState::name);
        let message = format!(
            "the word \"{place}\" is for the slab's owner only; the slab is {state} and {owner} \
             owns it, but {running}"
        );
        Verdict::Violation(match last {
            Some(last) if last.thread != thread => {
                Finding::about(oracle::OWNER_ONLY, message, last)
            }
            _ => Finding::new(oracle::OWNER_ONLY, message),
        })
    }
}

impl<G: WorldGeometry> Observer for Ownership<G> {
    #[inline]
    fn wants(&self) -> Wants {
        Wants::BEFORE_PLAIN.and(Wants::AFTER_STEPS)
    }

    #[inline]
    fn before(&mut self, thread: ThreadId, access: &Access, view: &WorldView<'_>) -> Verdict {
        if !matches!(access.kind, Kind::PlainGet | Kind::PlainSet) {
            return Verdict::Go;
        }
        match self.tables.word(access.offset, view) {
            Some(DescriptorWord::OwnerOnly(slab, byte)) => self.check(thread, slab, byte, view),
            _ => Verdict::Go,
        }
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
        if access.kind.is_atomic()
            && old != new
            && access.bytes == 8
            && let Some(DescriptorWord::Slot(slab)) = self.tables.word(access.offset, view)
        {
            self.changes.note(slab, thread, access);
        }
        Verdict::Go
    }

    /// Where the tables lie is read from memory again.
    fn put_back(&mut self) {
        self.tables.forget();
    }
}
