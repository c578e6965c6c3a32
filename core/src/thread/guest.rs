//! Guests: threads that have no heap and get blocks all the same, slowly.
//!
//! A thread has none if there are more threads than heaps, if the system has no memory for one, and
//! after its end, when destructors still run: a heap that it got then would be nobody's afterwards,
//! and never used again.
//!
//! A guest owns a slab only from one moment to the next: it adopts an abandoned slab, or takes a
//! slot from the pool, under an identity that all guests share ([`OwnerId::GUEST`]), takes one
//! block, and gives the slab up. What is no small block needs no heap anyway.
//!
//! Invariant: no slab is in the hand of a guest that is not inside of [`allocate`], or inside of a
//! free.

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Misuse, Platform};
use crate::numbers::slot::OwnerId;
use crate::pool;
use crate::range::Range;
use crate::slabs::abandoned;
use crate::tables::block;
use crate::thread::cache;

/// A block of `class`.
pub(crate) fn allocate<P: Platform>(range: Range<P>, class: u32) -> Option<usize> {
    debug_assert!(class != 0);
    let adopt = |most| abandoned::adopt(range, class, OwnerId::GUEST, most);
    while let Some(owned) = adopt(P::GEOMETRY.abandoned_probes)
        .or_else(|| pool::acquire(range, class, OwnerId::GUEST))
        .or_else(|| adopt(u32::MAX))
    {
        let list = owned.slab.pop(range.slab_start(owned.index), 1, 1);
        P::skipped(Fault::GuestKeepsSlab, || cache::give_up(range, OwnerId::GUEST, owned));
        if let Some(list) = list {
            // SAFETY: [block 1] the block was popped by this thread and is its alone.
            if unsafe { block::unseal::<P>(list.first, block::secret::<P>()) }.is_none() {
                P::misuse(Misuse::CorruptedLink, list.first);
            }
            return Some(list.first);
        }
        // It was adopted because of a block that was gone: it is FULL now, and not found again.
    }
    None
}
