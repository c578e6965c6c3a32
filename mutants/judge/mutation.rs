//! Which change of the core is active, and which places were reached. Only in the copy of the core
//! in which the changes are.

/// The active change; 0 for none.
static mut ACTIVE: u32 = 0;

/// A byte for each change: whether its place was reached.
static mut REACHED: [u8; COUNT + 1] = [0; COUNT + 1];

/// Whether this change is active.
#[inline(always)]
pub const fn active(change: u32) -> bool {
    // SAFETY: one thread runs the simulator and this, and the numbers are those that the copy was
    // written with.
    unsafe {
        *(&raw mut REACHED).cast::<u8>().add(change as usize) = 1;
        ACTIVE == change
    }
}

/// Makes a change active, or none.
pub fn set(change: u32) {
    // SAFETY: as above.
    unsafe { ACTIVE = change };
}

/// Hands over which places were reached since the last time.
pub fn take_reached(reached: &mut [u8; COUNT + 1]) {
    // SAFETY: as above.
    unsafe {
        *reached = REACHED;
        REACHED = [0; COUNT + 1];
    }
}
