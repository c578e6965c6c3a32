//! The owned slabs of a bin, as a list through their descriptors: the first one is refilled from.
//!
//! Invariant: the slabs in a bin's list are exactly the slabs of that class that the heap owns
//! (invariant 2 of `heap`).

use crate::boundary::platform::{Plain, Platform};
use crate::range::Range;
use crate::slabs::ownership::Owned;
use crate::tables::bin::Bin;

impl<P: Platform> Bin<P> {
    /// The first owned slab.
    pub(crate) fn first(&self, range: Range<P>) -> Option<Owned<P>> {
        // SAFETY: [slab_list 1, heap 1] its slabs are the running thread's.
        self.slabs.get().checked_sub(1).map(|index| unsafe { Owned::assume(range, index) })
    }

    /// The owned slab behind this one.
    pub(crate) fn after(&self, range: Range<P>, owned: Owned<P>) -> Option<Owned<P>> {
        // SAFETY: [slab_list 1, heap 1] its slabs are the running thread's.
        owned.slab.next.get().checked_sub(1).map(|index| unsafe { Owned::assume(range, index) })
    }

    /// Whether this owned slab is the only one of the class.
    pub(crate) fn is_only(&self, owned: Owned<P>) -> bool {
        self.slabs.get() == owned.index + 1 && owned.slab.next.get() == 0
    }

    /// Binds a slab as the one to refill from.
    pub(crate) fn link_first(&self, range: Range<P>, owned: Owned<P>) {
        let next = self.slabs.get();
        owned.slab.next.set(next);
        owned.slab.previous.set(0);
        if let Some(index) = next.checked_sub(1) {
            range.slab(index).previous.set(owned.index + 1);
        }
        self.slabs.set(owned.index + 1);
    }

    /// Binds a slab behind the one that is refilled from.
    pub(crate) fn link_second(&self, range: Range<P>, owned: Owned<P>) {
        let Some(first) = self.first(range) else { return self.link_first(range, owned) };
        let next = first.slab.next.get();
        owned.slab.next.set(next);
        owned.slab.previous.set(first.index + 1);
        first.slab.next.set(owned.index + 1);
        if let Some(index) = next.checked_sub(1) {
            range.slab(index).previous.set(owned.index + 1);
        }
    }

    /// Takes a slab out of the list.
    pub(crate) fn unlink(&self, range: Range<P>, owned: Owned<P>) {
        let (next, previous) = (owned.slab.next.get(), owned.slab.previous.get());
        match previous.checked_sub(1) {
            Some(index) => range.slab(index).next.set(next),
            None => self.slabs.set(next),
        }
        if let Some(index) = next.checked_sub(1) {
            range.slab(index).previous.set(previous);
        }
        owned.slab.next.set(0);
        owned.slab.previous.set(0);
    }
}
