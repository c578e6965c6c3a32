//! Ownership of a slab: the one door through which freelists are reached.
//!
//! A freelist is plain memory; only the slab's owner may touch it. Everything that makes a thread the owner, or ends
//! that, is here:
//!
//! ```text
//! claim    FULL | ABANDONED ──(one compare-and-swap of the slot word)──► ACTIVE, ours
//! take     the remote list with one exchange, onto the freelist
//! bind     into the heap's list of the class (see `heap`), and only then: pop
//!
//! release  ACTIVE ──► FULL;   then look at the remote list again and, if it is not empty, claim the slab again
//! push     a remote free: onto the remote list;   then look at the slot word and, if the slab is FULL, claim it
//! ```
//!
//! The last two are a store-buffering pair: the releaser writes the slot word and reads the remote list, the pusher
//! writes the remote list and reads the slot word. All four are sequentially consistent, so that at least one of the two
//! sees the other, and no FULL slab keeps a block on its remote list that nobody knows of. If both see each other, the
//! compare-and-swap of the claim decides.
//!
//! Invariants:
//! 1. An [`Owned`] exists only on the thread whose heap the slot word names.
//! 2. Nobody but an `Owned` drains a remote list.

use crate::block::Chain;
use crate::fault::Fault;
use crate::platform::{Atomic, Ordering, Platform};
use crate::range::Range;
use crate::size_class;
use crate::slab::Slab;
use crate::slot::{OwnerId, SlabState, SlotWord};

/// A slab that the running thread owns.
pub(crate) struct Owned<P: Platform> {
    /// The slab's number in the range.
    pub(crate) index: u32,
    /// Its descriptor.
    pub(crate) slab: &'static Slab<P>,
}

impl<P: Platform> Clone for Owned<P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P: Platform> Copy for Owned<P> {}

impl<P: Platform> Owned<P> {
    /// The slab, which the caller knows to be its own.
    ///
    /// # Safety
    /// The slot word names the running thread's heap as the owner: it is in one of that heap's lists.
    pub(crate) unsafe fn assume(range: Range<P>, index: u32) -> Owned<P> {
        Owned { index, slab: range.slab(index) }
    }

    /// Makes a slot of the shared pool the slab of `owner`, for blocks of `class`.
    ///
    /// # Safety
    /// The caller took the slot's bit out of the slot mask, and acquired what its last owner wrote.
    pub(crate) unsafe fn bind_new(
        range: Range<P>,
        index: u32,
        owner: OwnerId,
        class: u32,
    ) -> Owned<P> {
        let slab = range.slab(index);
        let word = slab.slot_hint().owned_by(owner);
        // Relaxed: the slot's bit is ours; the words below are published by whatever hands a block or the slab on.
        slab.slot.store(word.0, Ordering::Relaxed);
        slab.bind(size_class::size_of(class));
        range.class_word(index).set(class);
        Owned { index, slab }
    }

    fn word(&self) -> SlotWord {
        self.slab.slot_hint()
    }

    /// Gives up a slab that has no free block. If somebody freed one at the last moment, and nobody else noticed,
    /// the slab is ours again, drained.
    pub(crate) fn release_full(self, me: OwnerId) -> Option<Owned<P>> {
        let word = self.word().unowned(SlabState::Full);
        // SeqCst: before the look below, see the module. Release (part of it): pairs with the Acquire of a claim.
        self.slab.slot.store(word.0, Ordering::SeqCst);
        if P::planted(Fault::ReleaseWithoutLook) || self.slab.remote.is_empty() {
            None
        } else {
            open(self.index, self.slab, word, me)
        }
    }

    /// Gives up a slab that has free blocks: ABANDONED. The caller pushes it on the stack of its class.
    pub(crate) fn abandon(self) {
        let word = self.word().unowned(SlabState::Abandoned);
        // Relaxed: nobody claims the slab before its node was popped, and the push of the node publishes it.
        self.slab.slot.store(word.0, Ordering::Relaxed);
    }

    /// Gives up a slab no block of which is out: EMPTY. The caller puts its bit into the slot mask.
    pub(crate) fn empty(self, range: Range<P>) {
        // No assertion looks again: a look is an access, and debug builds make the accesses of release builds.
        if !P::planted(Fault::ClassLeftBehind) {
            range.class_word(self.index).set(0);
        }
        // Relaxed: published by the slot mask.
        self.slab.slot.store(self.word().emptied().0, Ordering::Relaxed);
    }
}

/// Claims a slab that was FULL or ABANDONED when its slot word was `seen`, and takes its remote list.
pub(crate) fn open<P: Platform>(
    index: u32,
    slab: &'static Slab<P>,
    seen: SlotWord,
    me: OwnerId,
) -> Option<Owned<P>> {
    if P::planted(Fault::DrainBeforeClaim) {
        slab.drain();
    }
    let owned = claim(index, slab, seen, me)?;
    slab.drain();
    Some(owned)
}

fn claim<P: Platform>(
    index: u32,
    slab: &'static Slab<P>,
    seen: SlotWord,
    me: OwnerId,
) -> Option<Owned<P>> {
    if P::planted(Fault::ClaimWithoutExchange) {
        slab.slot.store(seen.owned_by(me).0, Ordering::SeqCst);
        return Some(Owned { index, slab });
    }
    // Acquire: pairs with the Release in `release_full`: the owner-only words are as the last owner left them. (Those
    // of an ABANDONED slab are known by the pop of its node.)
    slab.slot
        .compare_exchange(seen.0, seen.owned_by(me).0, Ordering::Acquire, Ordering::Relaxed)
        .is_ok()
        .then_some(Owned { index, slab })
}

/// Frees a chain of blocks of a slab that somebody else owns, or nobody. If the slab was FULL, it may be ours then.
///
/// # Safety
/// The blocks are in this slab, and the caller alone holds them.
pub(crate) unsafe fn free_remote<P: Platform>(
    index: u32,
    slab: &'static Slab<P>,
    chain: Chain,
    me: OwnerId,
) -> Option<Owned<P>> {
    // SAFETY: the caller's contract.
    unsafe { slab.remote.push(chain.first, chain.last) };
    // SeqCst: after the push, see the module. From here on the blocks may be anybody's and the slab may be reused;
    // the descriptor stays readable, and a claim fails if the word changed.
    let seen = SlotWord(slab.slot.load(Ordering::SeqCst));
    if P::planted(Fault::PushWithoutLook) {
        return None;
    }
    if seen.is(SlabState::Full) { open(index, slab, seen, me) } else { None }
}
