//! Abandoned slabs: those that nobody owns although they have free blocks, and how a heap that
//! needs blocks finds them.
//!
//! The slot word says that a slab is ABANDONED, and a claim is an exchange of that word (see
//! `ownership`). This directory only helps to find such slabs:
//!
//! ```text
//! root, per class        how many | the unit where one was listed or found last
//! SuperSlab              a bit for each slab that is listed
//! ```
//!
//! A search begins at that unit and looks at a few SuperSlabs; what it does not reach, the next
//! search does. Nothing is ever stale for long, unlike with nodes on a stack: a slab that was
//! emptied by remote frees leaves the directory at once.
//!
//! Invariant: only the owner of a slab changes its bit. It sets the bit before it makes the slab
//! ABANDONED, and clears it, if at all, after its claim. So at rest a slab's bit is set exactly
//! when it is ABANDONED, and the counts are right.

use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::numbers::slot::OwnerId;
use crate::range::Range;
use crate::range::units;
use crate::slabs::ownership::{self, Owned};
use crate::tables::root::{Directory, root};

impl<P: Platform> Directory<P> {
    /// The next search begins at this unit.
    fn begin_at(&self, unit: u32) {
        // Relaxed: a hint. Looked at first, since others look at it often and it changes seldom.
        if self.unit.load(Ordering::Relaxed) != unit {
            self.unit.store(unit, Ordering::Relaxed);
        }
    }
}

fn of_class<P: Platform>(class: u32) -> &'static Directory<P> {
    &root::<P>().abandoned[class as usize]
}

/// Lists an owned slab, which is about to become ABANDONED.
pub(crate) fn list<P: Platform>(range: Range<P>, index: u32) {
    let (unit, bit) = place::<P>(index);
    let directory = of_class::<P>(range.class(index));
    // Relaxed, here and below: where a slab may be found. Whether it may be claimed, its slot word
    // says.
    range.superslab(unit).abandoned.fetch_or(bit, Ordering::Relaxed);
    directory.count.fetch_add(1, Ordering::Relaxed);
    directory.begin_at(unit);
}

/// Takes an owned slab out of the directory.
pub(crate) fn unlist<P: Platform>(range: Range<P>, index: u32) {
    let (unit, bit) = place::<P>(index);
    range.superslab(unit).abandoned.fetch_and(!bit, Ordering::Relaxed);
    of_class::<P>(range.class(index)).count.fetch_sub(1, Ordering::Relaxed);
}

/// The SuperSlab of a slab, and the slab's bit.
const fn place<P: Platform>(index: u32) -> (u32, u32) {
    let slabs = P::GEOMETRY.slabs_per_superslab;
    (index / slabs, 1 << (index % slabs))
}

/// Finds an abandoned slab of `class` in one of `most` SuperSlabs, and claims it.
pub(crate) fn adopt<P: Platform>(
    range: Range<P>,
    class: u32,
    me: OwnerId,
    most: u32,
) -> Option<Owned<P>> {
    debug_assert!(class != 0 && most >= 1);
    let directory = of_class::<P>(class);
    if directory.count.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let start = directory.unit.load(Ordering::Relaxed);
    let mut next = start;
    let found = units::visit_claimed(range, start, most, |unit| {
        next = unit + 1;
        let mut listed = range.superslab(unit).abandoned.load(Ordering::Relaxed);
        while listed != 0 {
            let slot = listed.trailing_zeros();
            listed &= listed - 1;
            let index = unit * P::GEOMETRY.slabs_per_superslab + slot;
            // A look: the slot words of slabs of other classes, which their owners write, are left
            // alone. The door looks again.
            if range.class(index) != class {
                continue;
            }
            if let Some(owned) = ownership::open_of_class(range, index, class, me) {
                next = unit;
                return Some(owned.unlisted(range));
            }
        }
        None
    });
    directory.begin_at(next);
    found
}
