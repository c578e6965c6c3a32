//! A stack of numbered nodes that never go away: SuperSlabs with free slots, heaps of ended
//! threads.
//!
//! Treiber's stack (1986) over indices instead of pointers. The nodes are descriptors in tables
//! that stay mapped as long as the allocator lives, so that reading the link of a node that
//! somebody else popped meanwhile is harmless; a tag that grows with every change makes the
//! exchange fail then (no ABA unless 2^32 changes happen in between).
//!
//! ```text
//! head:  bit 63 .. 32 | 31 .. 0            link word of a node:  index + 1 of the next one, or 0
//!        tag          | index + 1, or 0
//! ```
//!
//! Invariant: a node is on at most one stack, at most once. Whoever pushes holds the node alone, or
//! a flag that says that it is not listed.

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Platform};

/// The stack's head. Valid when zeroed: empty.
#[repr(transparent)]
pub struct IndexStack<P: Platform> {
    head: P::AtomicU64,
}

/// What the head held: the top node, and the tag that makes the value unique.
#[derive(Clone, Copy)]
pub(crate) struct Top {
    word: u64,
}

impl Top {
    /// The top node's index.
    pub(crate) fn index(self) -> Option<u32> {
        (self.word as u32).checked_sub(1)
    }

    fn replaced_by<P: Platform>(self, link: u32) -> u64 {
        let step = P::wrong(Fault::StackAba, 1, 0);
        ((self.word >> 32).wrapping_add(step) << 32) | link as u64
    }
}

impl<P: Platform> IndexStack<P> {
    /// Pushes the node `index`, whose link word is `link`.
    pub(crate) fn push(&self, index: u32, link: &P::AtomicU32) {
        let mut top = Top { word: self.head.load(Ordering::Relaxed) };
        loop {
            // Relaxed: published by the exchange below.
            link.store(top.word as u32, Ordering::Relaxed);
            // Release: pairs with the acquiring look in `top`; what the pusher wrote to the node is
            // seen by the popper.
            match self.head.compare_exchange_weak(
                top.word,
                top.replaced_by::<P>(index + 1),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(seen) => top = Top { word: seen },
            }
        }
    }

    /// The top as it is now.
    pub(crate) fn top(&self) -> Top {
        // Acquire: pairs with the exchange in `push`, and through the release sequence (every
        // change is an exchange) with the pushes of the nodes below.
        Top { word: self.head.load(Ordering::Acquire) }
    }

    /// Takes the top node away if nothing changed since `top` was seen; whether it did. `link` is
    /// that node's.
    pub(crate) fn pop_if(&self, top: Top, link: &P::AtomicU32) -> bool {
        // Relaxed: if the node was popped meanwhile the value is stale, and the exchange below
        // fails by the tag.
        let next = link.load(Ordering::Relaxed);
        // Relaxed: nothing is published, and `top` acquired already.
        self.head
            .compare_exchange(
                top.word,
                top.replaced_by::<P>(next),
                Ordering::Relaxed,
                Ordering::Relaxed,
            )
            .is_ok()
    }

    /// Pops the top node.
    pub(crate) fn pop<'a>(&self, link: impl Fn(u32) -> &'a P::AtomicU32) -> Option<u32> {
        loop {
            let top = self.top();
            let index = top.index()?;
            if self.pop_if(top, link(index)) {
                return Some(index);
            }
        }
    }
}
