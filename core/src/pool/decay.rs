//! Decay: memory that stays idle goes back to the system after a while.
//!
//! Nothing runs by itself. Whoever gives memory back, takes some from the pool, or is there for
//! that (`Allocator::tick`) looks whether a round is due; one thread then makes it. A round gives
//! up what was idle in the round before already and was not used since, and marks what is idle now:
//! idle memory lives for one to two intervals (`Geometry::decay_interval`). A SuperSlab's mark is a
//! bit of its word that every change of its slots clears; that of a kept mapping is a bit of its
//! entry.
//!
//! A round is made in slices, so that no call of the program waits while a gigabyte goes back: a
//! slice gives back so many slots at most (`Geometry::slice_slots`), and leaves behind where the
//! round goes on and that the next slice is due.
//!
//! While nothing is idle no round is due, and nobody asks for the time. One word of the root says
//! what is due:
//!
//! | Word | Means                                                         |
//! |------|---------------------------------------------------------------|
//! | 0    | no slice is due                                               |
//! | odd  | a slice is asked for, and due at this time                    |
//! | even | a slice is under way; from this time on another one may begin |
//!
//! | From  | To   | By                                                                       |
//! |-------|------|--------------------------------------------------------------------------|
//! | any   | odd  | whoever has left memory idle, or cut a round off behind a slice          |
//! | not 0 | even | whoever finds that its time has come: it makes a slice                   |
//! | even  | 0    | who made it, if it left nothing, and nobody asked or began one meanwhile |
//!
//! So a thread that stops for ever inside a slice holds nothing up for longer than an interval.
//!
//! Invariants:
//! 1. Whoever leaves memory idle calls [`expect`] after that, which makes the word odd, and a slice
//!    begins by making it even. So what is idle at rest has a slice to come, also behind a thread
//!    that has stopped in a slice.
//! 2. A round that was made in several slices asks for another one, whatever it left: memory that
//!    became idle behind its back found a slice to come, but that one did not look there.

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::pool::idle;
use crate::pool::kept;
use crate::range::Range;
use crate::range::retained;
use crate::range::units;
use crate::tables::root::root;

/// The time one interval after `now`; never 0.
pub(crate) fn time_after<P: Platform>(now: u32) -> u32 {
    let interval = P::GEOMETRY.decay_interval;
    let interval = P::wrong(Fault::NextRoundLate, interval, interval + 49 * 86_400_000);
    now.wrapping_add(interval) | 1
}

/// Whether a time that [`time_after`] gave is still to come. The clock goes round in 50 days: only
/// the interval in front of a time counts as before it, so that whoever looks after weeks does not
/// wait for weeks more.
pub(crate) fn is_to_come<P: Platform>(time: u32, now: u32) -> bool {
    let left = time.wrapping_sub(now);
    left != 0 && left <= P::GEOMETRY.decay_interval + 1
}

/// The word while a slice is under way that begins `now`: even, and never 0.
fn under_way<P: Platform>(now: u32) -> u32 {
    let time = match time_after::<P>(now) & !1 {
        0 => 2,
        time => time,
    };
    debug_assert!(time != 0 && time & 1 == 0);
    time
}

/// Something is idle now: a round has to come.
pub(crate) fn expect<P: Platform>() {
    ask::<P>(false);
}

/// Asks for a slice: an interval after now if none is asked for or under way, or as soon as may be.
fn ask<P: Platform>(soon: bool) {
    let due = &root::<P>().decay_due;
    // Release: pairs with the exchange in `tick`. A read-modify-write although it often changes
    // nothing: either it comes before that exchange, and the slice sees what is idle; or behind it,
    // and the word is odd again. A load could miss both.
    let before = due.fetch_or(1, Ordering::Release);
    if before == 0 || soon {
        let now = P::now();
        let time = if soon { now | 1 } else { time_after::<P>(now) };
        debug_assert!(time & 1 == 1, "a slice that is asked for has an odd time");
        // Relaxed: it continues what the line above published. If somebody else was faster, so does
        // theirs; and the 1 that stands there until then is a time too.
        let _ = due.compare_exchange(before | 1, time, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Makes a slice of a round if one is due, which gives back `most` slots at most; whether another
/// one is to come.
pub(crate) fn tick<P: Platform>(range: Range<P>, most: u32) -> bool {
    debug_assert!(most >= 1);
    let due = &root::<P>().decay_due;
    // Relaxed: a look; the exchange checks it again.
    let time = due.load(Ordering::Relaxed);
    if time == 0 {
        return false;
    }
    let now = P::now();
    let to_come = is_to_come::<P>(time, now);
    if P::wrong(Fault::SliceOwnedForEver, to_come, to_come || time & 1 == 0) {
        return true;
    }
    let mine = P::wrong(Fault::RoundMissed, under_way::<P>(now), time);
    let is_taken = P::replaced(
        Fault::RoundMissed,
        // Acquire: pairs with `ask`: what asked for a slice is seen by it.
        || due.compare_exchange(time, mine, Ordering::Acquire, Ordering::Relaxed).is_err(),
        || false,
    );
    if is_taken {
        return true;
    }
    // Nothing is asked for any more: what becomes idle from here on, also behind the slice's back,
    // asks for the next one.
    match slice(range, most) {
        Slice::Cut => ask::<P>(true),
        Slice::Last { left: true } => ask::<P>(false),
        // Relaxed: nothing is published. It fails if somebody has asked meanwhile, or another slice
        // has begun.
        Slice::Last { left: false } => {
            return due.compare_exchange(mine, 0, Ordering::Relaxed, Ordering::Relaxed).is_err();
        }
    }
    true
}

/// What came of a slice.
enum Slice {
    /// The round goes on in the next one.
    Cut,
    /// The round is done; whether another one is needed.
    Last { left: bool },
}

/// One slice of a round.
#[cold]
fn slice<P: Platform>(range: Range<P>, most: u32) -> Slice {
    let mut most = most;
    // Relaxed, here and below: a place to go on from. Another slice can be under way, if this one
    // takes longer than an interval: what one of the two does not look at, the next round does.
    let at = &root::<P>().decay_at;
    let start = at.load(Ordering::Relaxed);
    if start == 0 {
        while let Some(mapping) = retained::take_old::<P>() {
            most = most.saturating_sub(kept::release_part(range, mapping, most));
            if most == 0 {
                return Slice::Cut;
            }
        }
    }
    // Invariant 2.
    let mut left = P::wrong(Fault::SliceForgets, start != 0, false);
    left |= start == 0 && retained::age::<P>();
    let mut next = 0;
    units::visit_claimed(range, start, u32::MAX, |unit| {
        if unit < start {
            // Once around.
            return Some(());
        }
        let superslab = range.superslab(unit);
        let word = superslab.load();
        if !idle::has_idle(range, unit, word) {
            return None;
        }
        if !word.is_old() {
            superslab.update(|now| (now == word).then(|| now.old()));
            left = true;
            return None;
        }
        if most == 0 {
            next = unit;
            return Some(());
        }
        P::skipped(Fault::RoundGivesNothing, || {
            most = most.saturating_sub(idle::shrink(range, unit, word));
        });
        None
    });
    at.store(next, Ordering::Relaxed);
    if next == 0 {
        idle::forget_used::<P>();
    }
    if next != 0 { Slice::Cut } else { Slice::Last { left } }
}
