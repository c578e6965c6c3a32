//! The budget: committed bytes are counted, and a program may set a limit to them.
//!
//! Counted is the memory of units, that is of SuperSlabs and of mappings of their own, from commit to decommit; the tables that
//! describe them are not. At the limit a commit fails as if the system had refused it.

use core::ptr::with_exposed_provenance_mut;

use crate::platform::{Atomic, Ordering, Platform};
use crate::range::root;

/// Gives a range memory; `false` if the system refuses, or if that would exceed the limit.
#[track_caller]
pub(crate) fn commit<P: Platform>(start: usize, bytes: usize) -> bool {
    // Relaxed, here and below: a count, nothing is published by it.
    let before = root::<P>().committed.fetch_add(bytes, Ordering::Relaxed);
    let limit = root::<P>().limit.load(Ordering::Relaxed);
    let within = limit == 0 || before.saturating_add(bytes) <= limit;
    if within && P::commit(with_exposed_provenance_mut(start), bytes) {
        return true;
    }
    root::<P>().committed.fetch_sub(bytes, Ordering::Relaxed);
    false
}

/// Takes the memory of a range away; `false` if the system refuses.
#[track_caller]
pub(crate) fn decommit<P: Platform>(start: usize, bytes: usize) -> bool {
    let done = P::decommit(with_exposed_provenance_mut(start), bytes);
    if done {
        root::<P>().committed.fetch_sub(bytes, Ordering::Relaxed);
    }
    done
}

/// Committed bytes.
pub(crate) fn committed<P: Platform>() -> usize {
    root::<P>().committed.load(Ordering::Relaxed)
}

/// Sets the limit; 0 for none.
pub(crate) fn set_limit<P: Platform>(bytes: usize) {
    root::<P>().limit.store(bytes, Ordering::Relaxed);
}
