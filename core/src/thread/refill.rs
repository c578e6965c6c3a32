//! Refill: where blocks come from when the thread cache of a class is empty, its reserve too.
//!
//! The sources, in their order, each through the door of [`crate::slabs::ownership`]:
//!
//! | Source  | What it is                                                                  |
//! |---------|-----------------------------------------------------------------------------|
//! | own     | a slab of the heap: freelist, remote list, blocks never cut; else released  |
//! | sticky  | nobody's slab in the SuperSlab used last, to which a block has come back    |
//! | adopted | an abandoned slab that the directory leads to (see `abandoned`)             |
//! | pool    | a slot of the shared pool (its stages 1 to 3)                               |
//! | adopted | again, with a look at every SuperSlab, before there is said to be no memory |

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Misuse, Plain, Platform};
use crate::numbers::capacity::{refill_count, refill_most};
use crate::numbers::size_class;
use crate::pool;
use crate::range::Range;
use crate::slabs::abandoned;
use crate::slabs::ownership::{self, Owned};
use crate::tables::bin::Bin;
use crate::tables::block::{self, List};
use crate::tables::heap::Heap;

/// Fills the empty thread cache of `class` and returns one more block; `None` if there is no
/// memory.
///
/// # Safety
/// `heap` is the running thread's.
pub(crate) unsafe fn refill<P: Platform>(heap: &Heap<P>, class: u32) -> Option<usize> {
    let range = Range::of(heap);
    let bin = heap.bin(class);
    if bin.cache.get() != 0 {
        // The fast path did not take its first block: that was written to.
        P::misuse(Misuse::CorruptedLink, bin.cache.get());
    }
    heap.note_used(class);
    loop {
        if let Some(list) = from_own(range, heap, bin, class) {
            return Some(stock(heap, bin, class, list));
        }
        let found = sticky(range, heap, class)
            .or_else(|| abandoned::adopt(range, class, heap.owner(), P::GEOMETRY.abandoned_probes))
            .or_else(|| pool::acquire(range, class, heap.owner()))
            .or_else(|| abandoned::adopt(range, class, heap.owner(), u32::MAX))?;
        bin.link_first(range, found);
        heap.last(class).set(found.index + 1);
    }
}

/// Hands out the first block of a list and puts the rest into the empty thread cache.
fn stock<P: Platform>(heap: &Heap<P>, bin: &Bin<P>, class: u32, list: List) -> usize {
    heap.overflows(class).set(0);
    let capacity = heap.list_capacity(class);
    debug_assert!(list.count >= 1 && list.count <= capacity);
    bin.open(class);
    // SAFETY: [block 1] the blocks were popped by this thread and are its alone.
    let Some(rest) = (unsafe { block::unseal::<P>(list.first, bin.secret.get()) }) else {
        P::misuse(Misuse::CorruptedLink, list.first)
    };
    bin.cache.set(rest);
    let room = capacity - (list.count - 1);
    bin.room.set(P::wrong(Fault::RoomOffByOne, room, room + 1));
    list.first
}

/// Source "own".
fn from_own<P: Platform>(
    range: Range<P>,
    heap: &Heap<P>,
    bin: &Bin<P>,
    class: u32,
) -> Option<List> {
    let size = size_class::size_of(class);
    let (count, most) = (refill_count(&P::GEOMETRY, size), refill_most(&P::GEOMETRY, size));
    while let Some(owned) = bin.first(range) {
        if owned.slab.freelist.get() == 0 {
            owned.slab.drain();
        }
        let list = owned.slab.pop(range.slab_start(owned.index), count, most);
        if list.is_some() {
            return list;
        }
        bin.unlink(range, owned);
        if let Some(owned) = owned.release(range, heap.owner()) {
            bin.link_first(range, owned.unlisted(range));
            heap.last(class).set(owned.index + 1);
        }
    }
    None
}

/// Source "sticky".
fn sticky<P: Platform>(range: Range<P>, heap: &Heap<P>, class: u32) -> Option<Owned<P>> {
    let last = heap.last(class).get().checked_sub(1)?;
    let first = last & !(P::GEOMETRY.slabs_per_superslab - 1);
    debug_assert!(last - first < P::GEOMETRY.slabs_per_superslab);
    for index in first..first + P::GEOMETRY.slabs_per_superslab {
        let slab = range.slab(index);
        P::added(Fault::UnownedDrain, || slab.drain());
        if range.class(index) != class || slab.remote.look().is_none() {
            continue;
        }
        let owned = ownership::open_of_class(range, index, class, heap.owner());
        if let Some(owned) = owned {
            return Some(owned.unlisted(range));
        }
    }
    None
}
