//! Decay: memory that stays idle goes back to the system after a while.
//!
//! Nothing runs by itself. Whoever gives memory back, takes some from the pool, or is there for that (`Allocator::tick`) looks
//! whether a round is due; one thread then makes it. A round gives up what was idle in the round before already and was not used
//! since, and marks what is idle now: idle memory lives for one to two intervals (`Geometry::decay_interval`). A SuperSlab's mark
//! is a bit of its word that every change of its slots clears; that of a kept mapping is a bit of its entry.
//!
//! While nothing is idle no round is due, and nobody asks for the time.
//!
//! Invariant: whoever leaves memory idle calls [`expect`] after that, and a round begins by taking back that one is due. So
//! what is idle at rest has a round to come.

use crate::fault::Fault;
use crate::idle;
use crate::large;
use crate::platform::{Atomic, Ordering, Platform};
use crate::range::{Range, root};
use crate::retained;
use crate::units;

/// The time one interval after `now`; never 0.
pub(crate) fn time_after<P: Platform>(now: u32) -> u32 {
    now.wrapping_add(P::GEOMETRY.decay_interval) | 1
}

/// Whether a time that [`time_after`] gave is still to come. The clock goes round in 50 days: only the interval in front of a time
/// counts as before it, so that whoever looks after weeks does not wait for weeks more.
pub(crate) fn is_to_come<P: Platform>(time: u32, now: u32) -> bool {
    let left = time.wrapping_sub(now);
    left != 0 && left <= P::GEOMETRY.decay_interval + 1
}

/// Something is idle now: a round has to come.
pub(crate) fn expect<P: Platform>() {
    let due = &root::<P>().decay_due;
    // Release: pairs with the exchange in `tick`. A read-modify-write although it changes nothing: either it comes before
    // that exchange, and the round sees what is idle; or behind it, and finds 0. A load could miss both.
    if due.fetch_or(0, Ordering::Release) == 0 {
        let time = time_after::<P>(P::now());
        // Relaxed: it continues what the line above published. If somebody else was faster, so does theirs.
        let _ = due.compare_exchange(0, time, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Makes a round if one is due; whether another one is to come.
pub(crate) fn tick<P: Platform>(range: Range<P>) -> bool {
    let due = &root::<P>().decay_due;
    // Relaxed: a look; the exchange checks it again.
    let time = due.load(Ordering::Relaxed);
    if time == 0 || is_to_come::<P>(time, P::now()) {
        return time != 0;
    }
    let late = P::planted(Fault::RoundMissed);
    // Acquire: pairs with `expect`: what asked for a round is seen by it.
    if !late && due.compare_exchange(time, 0, Ordering::Acquire, Ordering::Relaxed).is_err() {
        return true;
    }
    // Nothing is due any more: what becomes idle from here on, also behind the round's back, asks for the next one.
    let left = round(range);
    if late {
        due.store(0, Ordering::Relaxed);
    }
    if left {
        expect::<P>();
    }
    left
}

/// One round; whether something is still idle.
#[cold]
fn round<P: Platform>(range: Range<P>) -> bool {
    let mut left = false;
    while let Some(run) = retained::take_old::<P>() {
        large::release(range, run);
    }
    left |= retained::age::<P>();
    units::visit_claimed::<P, ()>(range, 0, u32::MAX, |unit| {
        let superslab = range.superslab(unit);
        let word = superslab.load();
        if idle::has_idle(range, unit, word) {
            if word.is_old() {
                idle::shrink(range, unit, word);
            } else {
                superslab.update(|now| (now == word).then(|| now.old()));
                left = true;
            }
        }
        None
    });
    left
}
