//! The descriptors of slabs and SuperSlabs, as oracles see them: which word of which one an access
//! hits, and who owns a slab.
//!
//! The owner of a slab is whoever its slot word names, as it lies in memory at that moment; the
//! running thread is whoever its heap's identity says.

use core::marker::PhantomData;

use hak_core::inspect;
use hak_core::numbers::slot::{OwnerId, SlotWord};
use hak_core::range::Range;
use hak_core::tables::slab::{OWNER_LINE, Slab};
use hak_core::tables::superslab::SuperSlab;

use crate::runtime::{Access, OtherAccess, Sim, ThreadId, Tiny, WorldGeometry, WorldView};

const SLAB: usize = size_of::<Slab<Sim<Tiny>>>();
const SUPERSLAB: usize = size_of::<SuperSlab<Sim<Tiny>>>();
const SLOT_AT: usize = OWNER_LINE;
const REMOTE_AT: usize = OWNER_LINE + 8;

/// A word of a descriptor, with the number of what the descriptor is of.
#[derive(Clone, Copy)]
pub(super) enum DescriptorWord {
    /// On the owner-only line of a slab, at this byte of the descriptor.
    OwnerOnly(u32, usize),
    /// A slab's slot word.
    Slot(u32),
    /// The head of a slab's remote list.
    Remote(u32),
    /// A SuperSlab's slot mask and use.
    SuperSlab(u32),
}

/// Where the tables lie, as offsets.
struct Bounds {
    slabs: usize,
    slabs_end: usize,
    superslabs: usize,
    superslabs_end: usize,
}

/// Finds descriptors in the memory of one run.
pub(super) struct Tables<G: WorldGeometry> {
    bounds: Option<Bounds>,
    geometry: PhantomData<G>,
}

impl<G: WorldGeometry> Default for Tables<G> {
    /// Where they lie is not known yet.
    fn default() -> Tables<G> {
        Tables { bounds: None, geometry: PhantomData }
    }
}

impl<G: WorldGeometry> Tables<G> {
    /// Where they lie is to be read from memory again.
    pub(super) fn forget(&mut self) {
        self.bounds = None;
    }

    #[inline]
    fn bounds(&mut self, view: &WorldView<'_>) -> Option<&Bounds> {
        if self.bounds.is_none() {
            self.find(view);
        }
        self.bounds.as_ref()
    }

    #[cold]
    fn find(&mut self, view: &WorldView<'_>) {
        self.bounds = Range::<Sim<G>>::get().map(|range| Bounds {
            slabs: range.slab_table() - view.base(),
            slabs_end: range.base() - view.base(),
            superslabs: range.superslab_table() - view.base(),
            superslabs_end: range.class_map() - view.base(),
        });
    }

    /// The word at an offset, if it is one of a descriptor that oracles look at.
    #[inline]
    pub(super) fn word(&mut self, offset: usize, view: &WorldView<'_>) -> Option<DescriptorWord> {
        let bounds = self.bounds(view)?;
        if (bounds.slabs..bounds.slabs_end).contains(&offset) {
            let at = offset - bounds.slabs;
            let slab = (at / SLAB) as u32;
            return match at % SLAB {
                byte if byte < OWNER_LINE => Some(DescriptorWord::OwnerOnly(slab, byte)),
                SLOT_AT => Some(DescriptorWord::Slot(slab)),
                REMOTE_AT => Some(DescriptorWord::Remote(slab)),
                _ => None,
            };
        }
        if (bounds.superslabs..bounds.superslabs_end).contains(&offset) {
            let at = offset - bounds.superslabs;
            let unit = (at / SUPERSLAB) as u32;
            return at.is_multiple_of(SUPERSLAB).then_some(DescriptorWord::SuperSlab(unit));
        }
        None
    }

    /// The offset of a byte of a slab's descriptor.
    pub(super) fn slab_byte(&mut self, slab: u32, byte: usize, view: &WorldView<'_>) -> usize {
        self.bounds(view).map_or(0, |bounds| bounds.slabs) + slab as usize * SLAB + byte
    }

    /// A slab's slot word.
    pub(super) fn slot(&mut self, slab: u32, view: &WorldView<'_>) -> SlotWord {
        SlotWord(view.read(self.slab_byte(slab, SLOT_AT, view), 8))
    }
}

/// The owner identity of a thread; the guests' if it has none.
pub(super) fn identity<G: WorldGeometry>(thread: ThreadId, view: &WorldView<'_>) -> OwnerId {
    let heap = std::ptr::with_exposed_provenance_mut(view.thread_heap(thread));
    // SAFETY: [core platform 3] it is what the core set for this thread, all of which stand still.
    unsafe { inspect::heap_owner::<Sim<G>>(heap) }.map_or(OwnerId::GUEST, OwnerId)
}

/// For each slab, who changed its slot word last.
#[derive(Default)]
pub(super) struct LastChanges {
    by_slab: Vec<Option<OtherAccess>>,
}

impl LastChanges {
    /// Who changed the slot word of this slab last.
    pub(super) fn of(&self, slab: u32) -> Option<OtherAccess> {
        self.by_slab.get(slab as usize).copied().flatten()
    }

    /// The thread has changed it.
    pub(super) fn note(&mut self, slab: u32, thread: ThreadId, access: &Access) {
        let index = slab as usize;
        if self.by_slab.len() <= index {
            self.by_slab.resize(index + 1, None);
        }
        let &Access { kind, site, offset, .. } = access;
        self.by_slab[index] = Some(OtherAccess { thread, kind, site, offset });
    }

    /// Whether the thread is the owner that this slot word names. Guests all have one identity: the
    /// one that claimed the slab is who changed the word last.
    pub(super) fn is_owner<G: WorldGeometry>(
        &self,
        thread: ThreadId,
        slab: u32,
        slot: SlotWord,
        view: &WorldView<'_>,
    ) -> bool {
        slot.owner() == identity::<G>(thread, view)
            && (slot.owner() != OwnerId::GUEST
                || self.of(slab).is_some_and(|last| last.thread == thread))
    }
}
