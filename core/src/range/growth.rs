//! How the range grows: piece by piece, behind what there is.
//!
//! The addresses of a range are planned when it is made, and nearly nothing of them is reserved.
//! Whoever finds no units takes the next piece:
//!
//! ```text
//! 1. the piece's part of the tables gets memory    (again, if others did it: what is there stays)
//! 2. the system reserves the piece's addresses     it gives them to one thread only
//! 3. so it does with its part of the slab table    by that thread
//! 4. the piece's bits in the unit map are set      by that thread
//! 5. the extent moves behind the piece             by anybody
//! ```
//!
//! If the addresses are somebody else's already, whose ever, steps 3 and 4 are left out: another
//! thread has reserved them and is about to set the bits, or has set them, or they belong to
//! another part of the program and nobody ever will. A thread that is stopped for ever between 2
//! and 4 loses its piece, and nothing else.
//!
//! If the system refuses step 1 or 2, nothing has changed but tables, which stay good. If it
//! refuses step 3, the piece is noted in the root ([`Root::pieces`]), and whoever grows the range
//! next goes on with it.
//!
//! Invariants:
//! 1. For all units below the extent, which only grows, the tables have memory, but for the slab
//!    table. What lies behind it is not to be looked at.
//! 2. The descriptors of a unit's slabs have memory before its bit is set for the first time, by
//!    whoever the system gave its addresses.
//!
//! [`Root::pieces`]: crate::tables::root::Root

use core::ptr::with_exposed_provenance_mut as pointer;

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Extension, Ordering, Platform};
use crate::range::Range;
use crate::range::units;
use crate::tables::root::root;

impl<P: Platform> Range<P> {
    /// The units that there are so far: below this number, all tables may be looked at.
    pub fn extent(&self) -> usize {
        // Acquire: pairs with `advance`: the tables have memory, which is zeroed.
        let order = P::relaxed(Fault::InitHalfSeen, Ordering::Acquire);
        root::<P>().extent.load(order)
    }
}

/// Makes the range longer, so that `count` units of which the first one's place is a multiple of
/// `align` units find room; `false` if the system refuses, or if the range cannot be any longer,
/// and the extent is still `seen`: what lies behind it may be another thread's piece, which is
/// free.
#[cold]
pub(crate) fn grow<P: Platform>(range: Range<P>, count: usize, align: usize, seen: usize) -> bool {
    debug_assert!(count >= 1 && align.is_power_of_two());
    if let Some(piece) = take_piece::<P>() {
        return finish(range, piece) == Extension::Done || range.extent() != seen;
    }
    loop {
        let from = range.extent();
        let needed = units::next_place(range, from, align) + count - from;
        let left = range.units() - from;
        if from + needed > units::end_for(range, count) {
            return from != seen;
        }
        let step = step::<P>(range, from);
        let mut most = needed.max(step).min(left);
        let mut answer = extend(range, from, most);
        if answer == Extension::Refused && needed < most {
            most = needed;
            answer = extend(range, from, most);
        }
        if answer == Extension::Done {
            // Not tried again: a piece whose table is refused is noted, and ours.
            answer = finish(range, Piece { from, count: most, has_table: false });
        }
        match answer {
            Extension::Done => return true,
            Extension::Refused => return from != seen,
            // Only so far that another thread's piece of the usual length is passed by, and not
            // what lies behind it.
            Extension::Taken => advance::<P>(from, from + most.min(step)),
        }
    }
}

/// The usual length of the piece behind `from`: the first ones are short.
fn step<P: Platform>(range: Range<P>, from: usize) -> usize {
    let most = range.units() / P::GEOMETRY.growth_part;
    let most = most.clamp(1, P::GEOMETRY.growth_max);
    debug_assert!(from <= range.units());
    from.clamp(most.div_ceil(4), most)
}

/// Steps 1 and 2.
fn extend<P: Platform>(range: Range<P>, from: usize, count: usize) -> Extension {
    let to = from + count;
    debug_assert!(from < to && to <= range.units());
    P::added(Fault::PublishBeforeReady, || advance::<P>(from, to));
    let ready =
        range.tables(from, to).iter().all(|&(start, bytes)| P::ensure(pointer(start), bytes));
    if !ready {
        return Extension::Refused;
    }
    let bytes = count << P::GEOMETRY.unit_shift();
    P::extend(pointer(range.unit_start(from as u32)), bytes)
}

/// A piece whose addresses are ours.
#[derive(Clone, Copy)]
struct Piece {
    from: usize,
    count: usize,
    /// The addresses of its part of the slab table are too.
    has_table: bool,
}

const HAS_TABLE: u64 = 1 << 63;

impl Piece {
    fn word(self) -> u64 {
        debug_assert!(self.count >= 1 && self.count >> 32 == 0 && self.from >> 31 == 0);
        (self.from as u64) << 32 | self.count as u64 | if self.has_table { HAS_TABLE } else { 0 }
    }

    fn of(word: u64) -> Option<Piece> {
        let (from, count) = ((word & !HAS_TABLE) >> 32, word & 0xffff_ffff);
        (word != 0).then_some(Piece {
            from: from as usize,
            count: count as usize,
            has_table: word & HAS_TABLE != 0,
        })
    }
}

/// Steps 3 to 5.
fn finish<P: Platform>(range: Range<P>, mut piece: Piece) -> Extension {
    let to = piece.from + piece.count;
    debug_assert!(piece.from < to && to <= range.units());
    let (start, bytes) = range.slab_pages(piece.from, to);
    if !piece.has_table {
        match P::extend(pointer(start), bytes) {
            Extension::Done => piece.has_table = true,
            Extension::Taken => return Extension::Taken,
            Extension::Refused => {
                note::<P>(piece);
                return Extension::Refused;
            }
        }
    }
    if !P::ensure(pointer(start), bytes) {
        note::<P>(piece);
        return Extension::Refused;
    }
    units::add(range, piece.from as u32, piece.count);
    advance::<P>(piece.from, to);
    Extension::Done
}

/// Notes a piece for whoever grows the range next.
fn note<P: Platform>(piece: Piece) {
    // Relaxed, here and below: what was done for the piece, the system knows, and orders.
    let _ = root::<P>().pieces.iter().find(|place| {
        place.compare_exchange(0, piece.word(), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    });
}

/// Takes a piece that was noted.
fn take_piece<P: Platform>() -> Option<Piece> {
    root::<P>().pieces.iter().find_map(|place| match place.load(Ordering::Relaxed) {
        0 => None,
        _ => Piece::of(place.swap(0, Ordering::Relaxed)),
    })
}

/// Moves the extent from `from` to `to`, if it is there still: the tables of the units between have
/// memory. If not, others moved it, and whoever grows the range next finds what is behind it taken,
/// and moves it on.
fn advance<P: Platform>(from: usize, to: usize) {
    debug_assert!(from < to, "the extent only grows");
    // Release: pairs with `extent`: the tables have memory.
    let _ = root::<P>().extent.compare_exchange(from, to, Ordering::Release, Ordering::Relaxed);
}
