//! The remote list of a slab: blocks that were freed by threads that do not own it.
//!
//! A last-in-first-out list with many producers and one consumer (Treiber 1986, restricted): anybody pushes, and only
//! the owner takes, all at once with one exchange. No single block is ever popped, so there is no ABA problem.
//!
//! ```text
//! head ──► block ──► block ──► 0        links lie in the first word of each block
//! ```
//!
//! Invariants:
//! 1. Between its push and the owner's take, a block belongs to the list: nobody touches it.
//! 2. Only the owner of the slab takes (see `ownership`).

use crate::block;
use crate::fault::{Fault, unless_planted};
use crate::platform::{Atomic, Ordering, Platform};

/// The head of the list: the address of the block pushed last, or 0.
#[repr(transparent)]
pub struct RemoteList<P: Platform> {
    head: P::AtomicUsize,
}

impl<P: Platform> RemoteList<P> {
    /// Pushes a chain of blocks, linked from `first` to `last`, that the caller freed.
    ///
    /// # Safety
    /// The chain's blocks are in this slab, and the caller alone holds them.
    pub(crate) unsafe fn push(&self, first: usize, last: usize) {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: invariant 1: until the exchange below succeeds the caller alone holds `last`.
            unsafe { block::set_next::<P>(last, head, P::secret()) };
            // Release: the links are seen by `take`. SeqCst: ordered before the pusher's look at the slot word, as
            // the releaser's change of the slot word is ordered before `is_empty`; see `ownership`.
            match self.head.compare_exchange_weak(head, first, Ordering::SeqCst, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(_) if P::planted(Fault::DropOnMiss) => return,
                Err(seen) => head = seen,
            }
        }
    }

    /// Takes the whole list with one exchange: the first block's address, or 0. For the slab's owner.
    pub(crate) fn take(&self) -> usize {
        // A plain look first keeps the common empty case free of a locked instruction; it decides nothing else.
        if self.head.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        // Acquire: pairs with the exchange in `push`, whose blocks and links become ours.
        self.head.swap(0, unless_planted::<P>(Fault::DrainWithoutAcquire, Ordering::Acquire))
    }

    /// Whether nothing is on the list, in the total order of the release protocol.
    pub(crate) fn is_empty(&self) -> bool {
        // SeqCst: pairs with the exchange in `push`; see `ownership`.
        self.head.load(unless_planted::<P>(Fault::MissedWakeUp, Ordering::SeqCst)) == 0
    }

    /// The first block's address, for pictures and counts at rest.
    pub fn first(&self) -> usize {
        self.head.load(Ordering::Relaxed)
    }
}
