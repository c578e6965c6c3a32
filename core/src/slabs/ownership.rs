//! Ownership of a slab: the one door through which freelists are reached.
//!
//! A freelist is plain memory; only the slab's owner may touch it. Everything that makes a thread
//! the owner, or ends that, is here:
//!
//! ```text
//! claim    FULL | ABANDONED ──(one compare-and-swap of the slot word)──► ACTIVE, ours
//! take     the remote list with one exchange, onto the freelist
//! bind     into the heap's list of the class (see `heap`), and only then: pop
//!
//! release  ACTIVE ──► FULL | ABANDONED;   then look at the remote list; not empty: claim again
//! push     a block onto the remote list;  then look at the slot word; nobody's slab: claim it
//! ```
//!
//! The last two are a store-buffering pair: the releaser writes the slot word and reads the remote
//! list, the pusher writes the remote list and reads the slot word. All four are sequentially
//! consistent, so that at least one of the two sees the other, and no slab without an owner keeps a
//! block on its remote list. If both see each other, the compare-and-swap of the claim decides.
//!
//! So blocks wait on a remote list only while somebody owns the slab, and whoever frees the last
//! block of a slab that nobody owns knows it, and gives the slab back to the pool: a thread that
//! only frees strands nothing.
//!
//! Invariants:
//! 1. An [`Owned`] exists only on the thread whose heap the slot word names.
//! 2. Nobody but an `Owned` drains a remote list.

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::numbers::size_class;
use crate::numbers::slot::{OwnerId, SlabState, SlotWord};
use crate::range::Range;
use crate::slabs::abandoned;
use crate::tables::block::Chain;
use crate::tables::slab::Slab;

/// A slab that the running thread owns.
pub(crate) struct Owned<P: Platform> {
    /// The slab's number in the range.
    pub(crate) index: u32,
    /// Its descriptor.
    pub(crate) slab: &'static Slab<P>,
    /// Whether it is in the directory of abandoned slabs still.
    listed: bool,
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
    /// The slot word names the running thread's heap as the owner: it is in one of that heap's
    /// lists.
    pub(crate) unsafe fn assume(range: Range<P>, index: u32) -> Owned<P> {
        Owned { index, slab: range.slab(index), listed: false }
    }

    /// Makes a slot of the shared pool the slab of `owner`, for blocks of `class`; `has_seals` as
    /// for [`Slab::bind`].
    ///
    /// # Safety
    /// The caller took the slot's bit out of the slot mask, and acquired what its last owner wrote.
    pub(crate) unsafe fn bind_new(
        range: Range<P>,
        index: u32,
        owner: OwnerId,
        class: u32,
        has_seals: bool,
    ) -> Owned<P> {
        debug_assert!(class != 0);
        let slab = range.slab(index);
        let word = slab.slot_hint().owned_by(owner);
        // Relaxed: the slot's bit is ours; the words below are published by whatever hands a block
        // or the slab on.
        slab.slot.store(word.0, Ordering::Relaxed);
        slab.bind(range.slab_start(index), size_class::size_of(class), has_seals);
        range.class_word(index).set(class);
        Owned { index, slab, listed: false }
    }

    fn word(&self) -> SlotWord {
        self.slab.slot_hint()
    }

    /// The slab, not in the directory of abandoned slabs any more. Before it goes into a heap's
    /// list or to the pool.
    pub(crate) fn unlisted(self, range: Range<P>) -> Owned<P> {
        if self.listed {
            abandoned::unlist(range, self.index);
        }
        Owned { listed: false, ..self }
    }

    /// Gives up a slab that is in no heap's list: ABANDONED if it has free blocks, else FULL. If
    /// somebody freed a block at the last moment, and nobody else noticed, the slab is ours again,
    /// drained.
    pub(crate) fn release(self, range: Range<P>, me: OwnerId) -> Option<Owned<P>> {
        let state = if self.slab.has_free() { SlabState::Abandoned } else { SlabState::Full };
        debug_assert!(!self.listed || state == SlabState::Abandoned);
        let list = state == SlabState::Abandoned && !self.listed;
        let ((), word) = P::swapped(
            Fault::ListedAfterRelease,
            || {
                if list {
                    abandoned::list(range, self.index);
                }
            },
            || {
                let word = self.word().unowned(state);
                // SeqCst: before the look below, see the module. Release (part of it): pairs with
                // the Acquire of a claim.
                self.slab.slot.store(word.0, Ordering::SeqCst);
                word
            },
        );
        if P::replaced(Fault::ReleaseWithoutLook, || self.slab.remote.is_empty(), || true) {
            None
        } else {
            open(self.index, self.slab, word, me)
        }
    }

    /// Gives up a slab no block of which is out: EMPTY. The caller puts its bit into the slot mask.
    pub(crate) fn empty(self, range: Range<P>) {
        debug_assert!(!self.listed);
        self.slab.leave_seals();
        // No assertion looks again: a look is an access, and debug builds make the accesses of
        // release builds.
        P::skipped(Fault::ClassLeftBehind, || range.class_word(self.index).set(0));
        // Relaxed: published by the slot mask.
        self.slab.slot.store(self.word().emptied().0, Ordering::Relaxed);
    }
}

/// Claims a slab that was FULL or ABANDONED when its slot word was `seen`, and takes its remote
/// list.
pub(crate) fn open<P: Platform>(
    index: u32,
    slab: &'static Slab<P>,
    seen: SlotWord,
    me: OwnerId,
) -> Option<Owned<P>> {
    P::added(Fault::DrainBeforeClaim, || slab.drain());
    let owned = claim(index, slab, seen, me)?;
    slab.drain();
    Some(owned)
}

/// As [`open`], for a slab that may be anything: if it is of `class` and nobody's.
pub(crate) fn open_of_class<P: Platform>(
    range: Range<P>,
    index: u32,
    class: u32,
    me: OwnerId,
) -> Option<Owned<P>> {
    let slab = range.slab(index);
    let claimable = || {
        // Acquire: pairs with the Release in `release`: the class is that of this slot word. The
        // claim succeeds only if the word is still the same, with its generation; so the class is
        // still the same then, too.
        let seen = SlotWord(slab.slot.load(Ordering::Acquire));
        seen.is_claimable().then_some(seen)
    };
    let is_of_class = || range.class(index) == class;
    let seen = P::swapped_looks(Fault::ClassSeenFirst, claimable, is_of_class)?;
    let owned = open(index, slab, seen, me)?;
    assert!(range.class(index) == class, "a slab keeps its class while a block is out");
    Some(owned)
}

fn claim<P: Platform>(
    index: u32,
    slab: &'static Slab<P>,
    seen: SlotWord,
    me: OwnerId,
) -> Option<Owned<P>> {
    debug_assert!(seen.is_claimable());
    let owned = Owned { index, slab, listed: seen.is(SlabState::Abandoned) };
    let new = seen.owned_by(me).0;
    let is_claimed = P::replaced(
        Fault::ClaimWithoutExchange,
        // Acquire: pairs with the Release in `release`: the owner-only words are as the last owner
        // left them.
        || slab.slot.compare_exchange(seen.0, new, Ordering::Acquire, Ordering::Relaxed).is_ok(),
        || {
            slab.slot.store(new, Ordering::SeqCst);
            true
        },
    );
    is_claimed.then_some(owned)
}

/// Frees a chain of blocks of a slab that somebody else owns, or nobody. If nobody owns it, it may
/// be ours then.
///
/// # Safety
/// The blocks are in this slab, and the caller alone holds them.
pub(crate) unsafe fn free_remote<P: Platform>(
    index: u32,
    slab: &'static Slab<P>,
    chain: Chain,
    me: OwnerId,
) -> Option<Owned<P>> {
    // Relaxed: a look; the claim checks it.
    let seen = slab.slot_hint();
    if seen.is_claimable()
        && let Some(owned) = open(index, slab, seen, me)
    {
        // SAFETY: [contract, ownership 1] the slab is ours now, and so are the blocks.
        unsafe { slab.push(chain) };
        return Some(owned);
    }
    // SAFETY: [contract] the blocks are of this slab, and ours.
    unsafe { slab.remote.push(chain) };
    // SeqCst: after the push, see the module. From here on the blocks may be anybody's and the slab
    // may be reused; the descriptor stays readable, and a claim fails if the word changed.
    let seen = SlotWord(slab.slot.load(Ordering::SeqCst));
    if P::wrong(Fault::PushWithoutLook, seen.is_claimable(), false) {
        return open(index, slab, seen, me);
    }
    None
}
