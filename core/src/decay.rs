//! Decay: memory that stays idle goes back to the system after a while.
//!
//! Nothing runs in the background. Whoever gives memory back, or takes some from the pool, looks whether a round is due;
//! one thread then makes it. A round gives up what was idle in the round before already and was not used since, and marks
//! what is idle now: idle memory lives for one to two intervals (`Geometry::decay_interval`). A SuperSlab's mark is a bit of its
//! word that every change of its slots clears; that of a kept mapping is a bit of its entry.
//!
//! While nothing is idle no round is due, and nobody asks for the time.

use crate::idle;
use crate::large;
use crate::platform::{Atomic, Ordering, Platform};
use crate::range::{Range, root};
use crate::retained;
use crate::units;

/// Something is idle now: a round has to come.
pub(crate) fn expect<P: Platform>() {
    let due = &root::<P>().decay_due;
    // Relaxed, here and below: who makes a round is decided by an exchange, and nothing is published by it.
    if due.load(Ordering::Relaxed) == 0 {
        let time = P::now().wrapping_add(P::GEOMETRY.decay_interval) | 1;
        let _ = due.compare_exchange(0, time, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Makes a round if one is due.
pub(crate) fn tick<P: Platform>(range: Range<P>) {
    let due = &root::<P>().decay_due;
    let time = due.load(Ordering::Relaxed);
    if time == 0 || (P::now().wrapping_sub(time) as i32) < 0 {
        return;
    }
    if due.compare_exchange(time, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok() && round(range) {
        expect::<P>();
    }
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
