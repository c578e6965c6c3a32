//! Which change of the core is active, and which places were reached. Only in the copy of the core
//! in which the changes are.
//!
//! Invariants:
//! 1. The main thread of the judge alone comes here: it runs the simulator, all of whose threads
//!    are fibers of one thread of the system, and asks. The other thread looks at a clock and a
//!    count.
//! 2. Changes are numbered from 1 to `COUNT`, which is written below this together with the calls
//!    of `active`.

/// The active change; 0 for none.
static mut ACTIVE: u32 = 0;

/// A byte for each change: whether its place was reached.
static mut REACHED: [u8; COUNT + 1] = [0; COUNT + 1];

/// Whether this change is active.
#[inline(always)]
pub const fn active(change: u32) -> bool {
    // SAFETY: [mutation 1, mutation 2] nobody else is at it, and the table has the place.
    unsafe {
        *(&raw mut REACHED).cast::<u8>().add(change as usize) = 1;
        ACTIVE == change
    }
}

/// Makes a change active, or none.
pub fn set(change: u32) {
    // SAFETY: [mutation 1]
    unsafe { ACTIVE = change };
}

/// Hands over which places were reached since the last time.
pub fn take_reached(reached: &mut [u8; COUNT + 1]) {
    // SAFETY: [mutation 1]
    unsafe {
        *reached = REACHED;
        REACHED = [0; COUNT + 1];
    }
}
