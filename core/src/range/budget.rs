//! The budget: committed bytes are counted, and a program may set a limit to them.
//!
//! Counted is the memory of units, that is of SuperSlabs and of mappings of their own, from commit
//! to decommit; the tables that describe them are not. At the limit a commit fails as if the system
//! had refused it.
//!
//! Invariant: the counted bytes never exceed the limit that was read, so whatever fits beside them
//! is granted.

use core::ptr::with_exposed_provenance_mut;

use crate::boundary::fault::{Fault, Plant};
use crate::boundary::platform::{Atomic, Ordering, Platform};
use crate::tables::root::root;

/// Counts bytes that are about to be committed; `false` if that would exceed the limit, and nothing
/// is counted then: what is refused to one thread takes no room from another.
#[track_caller]
fn count<P: Platform>(bytes: usize) -> bool {
    // Relaxed, here and below: a count, nothing is published by it.
    let committed = &root::<P>().committed;
    let limit = root::<P>().limit.load(Ordering::Relaxed);
    if limit == 0 {
        committed.fetch_add(bytes, Ordering::Relaxed);
        return true;
    }
    let within = |seen: usize| seen.saturating_add(bytes) <= limit;
    let add_within = || {
        let mut seen = committed.load(Ordering::Relaxed);
        while within(seen) {
            let new = seen + bytes;
            match committed.compare_exchange_weak(seen, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    };
    P::replaced(Fault::LimitAddedFirst, add_within, || {
        let fits = within(committed.fetch_add(bytes, Ordering::Relaxed));
        if !fits {
            committed.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    })
}

#[track_caller]
fn uncount<P: Platform>(bytes: usize) {
    root::<P>().committed.fetch_sub(bytes, Ordering::Relaxed);
}

/// Gives a range memory; `false` if the system refuses, or if that would exceed the limit.
#[track_caller]
pub(crate) fn commit<P: Platform>(start: usize, bytes: usize) -> bool {
    debug_assert!(start.is_multiple_of(P::GEOMETRY.page_size));
    debug_assert!(bytes.is_multiple_of(P::GEOMETRY.page_size));
    if !count::<P>(bytes) {
        return false;
    }
    let done = P::commit(with_exposed_provenance_mut(start), bytes);
    if P::wrong(Fault::RefusedCommitCounted, !done, false) {
        uncount::<P>(bytes);
    }
    done
}

/// Moves the memory of a range to a longer one; `false` if the system refuses, or if what it is
/// longer by would exceed the limit. What moves is counted once all the time.
#[track_caller]
pub(crate) fn relocate<P: Platform>(
    from: usize,
    old_bytes: usize,
    to: usize,
    new_bytes: usize,
) -> bool {
    debug_assert!(old_bytes < new_bytes && new_bytes.is_multiple_of(P::GEOMETRY.page_size));
    debug_assert!(to >= from + old_bytes || from >= to + new_bytes, "the two lie apart");
    let more = P::wrong(Fault::MoveUncounted, new_bytes - old_bytes, 0);
    if !count::<P>(more) {
        return false;
    }
    let (from, to) = (with_exposed_provenance_mut(from), with_exposed_provenance_mut(to));
    let done = P::relocate(from, old_bytes, to, new_bytes);
    if !done {
        uncount::<P>(more);
    }
    done
}

/// Takes the memory of a range away; `false` if the system refuses.
#[track_caller]
pub(crate) fn decommit<P: Platform>(start: usize, bytes: usize) -> bool {
    debug_assert!(start.is_multiple_of(P::GEOMETRY.page_size));
    debug_assert!(bytes.is_multiple_of(P::GEOMETRY.page_size));
    let done = P::decommit(with_exposed_provenance_mut(start), bytes);
    if P::wrong(Fault::DecommitUncounted, done, false) {
        uncount::<P>(bytes);
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
