//! Accesses that do not commute: which there are, a run in which two of them are reversed, and
//! which others make a circle with them.

use std::collections::BTreeSet;

use crate::observe::access_log::LoggedAccess;
use crate::runtime::ThreadId;
use crate::search::shrink::failing::Done;

/// Only pairs whose second access is so many steps away from where they are looked for at most,
const AWAY_MAX: u64 = 1_000;
/// and whose first access is so many accesses before the second at most.
const BACK_MAX: usize = 4_000;

/// Pairs of neighbouring accesses that do not commute, by their places in the list: those first
/// that stand around the step `centre`. Only threads below `threads` count: what comes behind all
/// others cannot be reversed with anything.
pub(super) fn around(
    accesses: &[LoggedAccess],
    threads: ThreadId,
    centre: u64,
) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut known = BTreeSet::new();
    for (second, access) in accesses.iter().enumerate() {
        if access.thread >= threads || access.step.abs_diff(centre) > AWAY_MAX {
            continue;
        }
        let mut met = 1_u8 << access.thread;
        for first in (second.saturating_sub(BACK_MAX)..second).rev() {
            let earlier = &accesses[first];
            if earlier.thread >= threads || !earlier.conflicts(access) {
                continue;
            }
            if met >> earlier.thread & 1 == 0 {
                met |= 1 << earlier.thread;
                if known.insert((earlier.step, access.step)) {
                    pairs.push((first, second));
                }
            }
        }
    }
    let away = |&(first, second): &(usize, usize)| {
        let (first, second) = (accesses[first].step, accesses[second].step);
        // Who comes behind the point of no return decides nothing any more.
        (first > centre, first.abs_diff(centre) + second.abs_diff(centre), first, second)
    };
    pairs.sort_by_key(away);
    pairs
}

/// The steps of a run in which the thread of step `second` comes to its step before step `first` is
/// made; and how many steps there are up to there. Steps count from one.
pub(super) fn reversed(rows: &[Done], first: u64, second: u64) -> (Vec<Done>, usize) {
    let (first, second) = (first as usize - 1, second as usize - 1);
    let thread = rows[second.min(rows.len() - 1)].0;
    let brought = |row: &&Done| row.0 == thread;
    let behind = (second + 1).min(rows.len());
    let mut steps = rows[..first].to_vec();
    steps.extend(rows[first..behind].iter().filter(brought));
    let begin = steps.len();
    steps.extend(rows[first..behind].iter().filter(|row| !brought(row)));
    steps.extend(&rows[behind..]);
    (steps, begin + 1)
}

/// The pair, and the two accesses that make a circle with it: one of each thread, in the same
/// operation, that do not commute either, and stand nearest. What threads see of each other through
/// one word alone is a matter of order; a circle takes two. And what a thread of the pair saw in a
/// word before the other one changed it, and what it does to that word afterwards.
pub(super) fn circle(
    accesses: &[LoggedAccess],
    first: LoggedAccess,
    second: LoggedAccess,
) -> Vec<LoggedAccess> {
    let of = |other: LoggedAccess| {
        accesses.iter().filter(move |one| {
            (one.thread, one.operation) == (other.thread, other.operation)
                && one.step.abs_diff(other.step) <= FAR
                && one.kind.is_atomic()
        })
    };
    let mut best: Option<(u64, LoggedAccess, LoggedAccess)> = None;
    for one in of(first).filter(|one| one.step != first.step) {
        for other in of(second).filter(|other| other.step != second.step) {
            if !one.conflicts(other) || one.offset == first.offset {
                continue;
            }
            let away = one.step.abs_diff(first.step) + other.step.abs_diff(second.step);
            if best.is_none_or(|(least, ..)| away < least) {
                best = Some((away, *one, *other));
            }
        }
    }
    let mut circle = vec![first, second];
    circle.extend(best.into_iter().flat_map(|(_, one, other)| [one, other]));
    // What stands in between may make an earlier look of the same thread stale.
    let look = accesses
        .iter()
        .rfind(|one| one.thread == second.thread && one.step < first.step && one.conflicts(&first));
    let act = accesses.iter().find(|one| {
        one.thread == first.thread
            && one.step > second.step
            && one.kind.may_write()
            && one.conflicts(&second)
    });
    circle.extend(look.into_iter().chain(act));
    circle
}

/// Steps of the two accesses of a thread in a circle lie no further apart.
const FAR: u64 = 40;
