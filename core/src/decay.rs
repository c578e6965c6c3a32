//! Decay: memory that stays idle goes back to the system after a while.
//!
//! Nothing runs by itself. Whoever gives memory back, takes some from the pool, or is there for that (`Allocator::tick`) looks
//! whether a round is due; one thread then makes it. A round gives up what was idle in the round before already and was not used
//! since, and marks what is idle now: idle memory lives for one to two intervals (`Geometry::decay_interval`). A SuperSlab's mark
//! is a bit of its word that every change of its slots clears; that of a kept mapping is a bit of its entry.
//!
//! A round is made in slices, so that no call of the program waits while a gigabyte goes back: a slice gives back so many slots
//! at most (`Geometry::slice_slots`), and leaves behind where the round goes on and that the next slice is due.
//!
//! While nothing is idle no round is due, and nobody asks for the time.
//!
//! Invariants:
//! 1. Whoever leaves memory idle calls [`expect`] after that, and a slice begins by taking back that one is due. So
//!    what is idle at rest has a slice to come.
//! 2. A round that was made in several slices asks for another one, whatever it left: memory that became idle behind its back
//!    found a slice to come, but that one did not look there.

use crate::fault::Fault;
use crate::idle;
use crate::large;
use crate::platform::{Atomic, Ordering, Platform};
use crate::range::{Range, root};
use crate::retained;
use crate::units;

/// The time one interval after `now`; never 0.
pub(crate) fn time_after<P: Platform>(now: u32) -> u32 {
    // Late: 49 days.
    let late = if P::planted(Fault::NextRoundLate) { 49 * 86_400_000 } else { 0 };
    now.wrapping_add(P::GEOMETRY.decay_interval + late) | 1
}

/// Whether a time that [`time_after`] gave is still to come. The clock goes round in 50 days: only the interval in front of a time
/// counts as before it, so that whoever looks after weeks does not wait for weeks more.
pub(crate) fn is_to_come<P: Platform>(time: u32, now: u32) -> bool {
    let left = time.wrapping_sub(now);
    left != 0 && left <= P::GEOMETRY.decay_interval + 1
}

/// Something is idle now: a round has to come.
pub(crate) fn expect<P: Platform>() {
    ask::<P>(time_after::<P>);
}

/// Asks for a round, or the next slice of one, at the time that `time` makes of now; not if one is asked for already.
fn ask<P: Platform>(time: fn(u32) -> u32) {
    let due = &root::<P>().decay_due;
    // Release: pairs with the exchange in `tick`. A read-modify-write although it changes nothing: either it comes before
    // that exchange, and the round sees what is idle; or behind it, and finds 0. A load could miss both.
    if due.fetch_or(0, Ordering::Release) == 0 {
        let time = time(P::now());
        // Relaxed: it continues what the line above published. If somebody else was faster, so does theirs.
        let _ = due.compare_exchange(0, time, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Makes a slice of a round if one is due, which gives back `most` slots at most; whether another one is to come.
pub(crate) fn tick<P: Platform>(range: Range<P>, most: u32) -> bool {
    let due = &root::<P>().decay_due;
    // Relaxed: a look; the exchange checks it again.
    let time = due.load(Ordering::Relaxed);
    if time == 0 || is_to_come::<P>(time, P::now()) {
        return time != 0;
    }
    let late = P::planted(Fault::RoundMissed);
    // Acquire: pairs with `ask`: what asked for a round is seen by it.
    if !late && due.compare_exchange(time, 0, Ordering::Acquire, Ordering::Relaxed).is_err() {
        return true;
    }
    // Nothing is due any more: what becomes idle from here on, also behind the round's back, asks for the next one.
    let outcome = slice(range, most);
    if late {
        due.store(0, Ordering::Relaxed);
    }
    match outcome {
        // As soon as may be; never 0.
        Slice::Cut => ask::<P>(|now| now | 1),
        Slice::Last { left: true } => expect::<P>(),
        Slice::Last { left: false } => return false,
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
    // Relaxed, here and below: a place to go on from. Another slice can be under way, if this one takes longer than an interval:
    // what one of the two does not look at, the next round does.
    let at = &root::<P>().decay_at;
    let start = at.load(Ordering::Relaxed);
    if start == 0 {
        while let Some(run) = retained::take_old::<P>() {
            most = most.saturating_sub(large::release_part(range, run, most));
            if most == 0 {
                return Slice::Cut;
            }
        }
    }
    // Invariant 2.
    let mut left = start != 0 && !P::planted(Fault::SliceForgets);
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
        if !P::planted(Fault::RoundGivesNothing) {
            most = most.saturating_sub(idle::shrink(range, unit, word));
        }
        None
    });
    at.store(next, Ordering::Relaxed);
    if next != 0 { Slice::Cut } else { Slice::Last { left } }
}
