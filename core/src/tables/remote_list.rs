//! The remote list of a slab: blocks that were freed by threads that do not own it.
//!
//! A last-in-first-out list with many producers and one consumer (Treiber 1986, restricted):
//! anybody pushes, and only the owner takes, all at once with one exchange. No single block is ever
//! popped, so there is no ABA problem.
//!
//! ```text
//! head ──► block ──► block ──► 0        links lie in the first word of each block, see `block`
//!
//! head:  | blocks on the list (16) | address of the first one (48) |
//! ```
//!
//! The count is there so that nobody walks over blocks that lie in another processor's cache only
//! to count them.
//!
//! Invariants:
//! 1. Between its push and the owner's take, a block belongs to the list: nobody touches it.
//! 2. Only the owner of the slab takes (see `ownership`).

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::numbers::size_class;
use crate::tables::block::{self, Chain, List};

/// The list: its head, see the module; 0 while it is empty.
#[repr(transparent)]
pub struct RemoteList<P: Platform> {
    head: P::AtomicUsize,
}

/// Bits of an address; `Range` makes sure that no block's address has more.
pub const ADDRESS_BITS: u32 = 48;

/// The most blocks that a list can have.
pub(crate) const COUNT_MAX: usize = usize::MAX >> ADDRESS_BITS;

/// What a head says; `None` for an empty list.
fn list(head: usize) -> Option<List> {
    let first = head & ((1 << ADDRESS_BITS) - 1);
    debug_assert!((head == 0) == (first == 0), "a list that has blocks has a first one");
    debug_assert!(first.is_multiple_of(size_class::SIZE_MIN));
    (head != 0).then_some(List { first, count: (head >> ADDRESS_BITS) as u32 })
}

impl<P: Platform> RemoteList<P> {
    /// Pushes a chain of blocks that the caller freed.
    ///
    /// # Safety
    /// The chain's blocks are in this slab, and the caller alone holds them.
    pub(crate) unsafe fn push(&self, chain: Chain) {
        debug_assert!(chain.count >= 1 && chain.first != 0 && chain.last != 0);
        debug_assert!(chain.first >> ADDRESS_BITS == 0);
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let (first, count) = list(head).map_or((0, 0), |list| (list.first, list.count));
            // SAFETY: [contract] until the exchange below succeeds the caller alone holds `last`.
            unsafe {
                P::replaced(
                    Fault::UnsealedPush,
                    || block::set_next::<P>(chain.last, first, block::secret::<P>()),
                    || block::set_next_unsealed::<P>(chain.last, first),
                );
            }
            debug_assert!((count + chain.count) as usize <= COUNT_MAX);
            let new = ((count + chain.count) as usize) << ADDRESS_BITS | chain.first;
            // Release: the links are seen by `take`. SeqCst: ordered before the pusher's look at
            // the slot word, as the releaser's change of the slot word is ordered before
            // `is_empty`; see `ownership`.
            let pushed =
                self.head.compare_exchange_weak(head, new, Ordering::SeqCst, Ordering::Relaxed);
            match P::wrong(Fault::DropOnMiss, pushed, Ok(head)) {
                Ok(_) => return,
                Err(seen) => head = seen,
            }
        }
    }

    /// Takes the whole list with one exchange. For the slab's owner.
    pub(crate) fn take(&self) -> Option<List> {
        // A plain look first keeps the common empty case free of a locked instruction; it decides
        // nothing else.
        if self.head.load(Ordering::Relaxed) == 0 {
            return None;
        }
        // Acquire: pairs with the exchange in `push`, whose blocks and links become ours.
        let order = P::relaxed(Fault::DrainWithoutAcquire, Ordering::Acquire);
        list(self.head.swap(0, order))
    }

    /// Whether nothing is on the list, in the total order of the release protocol.
    pub(crate) fn is_empty(&self) -> bool {
        // SeqCst: pairs with the exchange in `push`; see `ownership`.
        self.head.load(P::relaxed(Fault::MissedWakeUp, Ordering::SeqCst)) == 0
    }

    /// What is on the list, for a first look, for statistics and for pictures at rest.
    pub fn look(&self) -> Option<List> {
        list(self.head.load(Ordering::Relaxed))
    }
}
