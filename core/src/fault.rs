//! Planted faults: the bugs that the simulator must be able to find.
//!
//! A planted fault takes away, or reorders, one line of the core that protects against a known bug. The core asks
//! [`Platform::planted`](crate::Platform::planted) at that line. The native platform answers with a constant
//! `false`, so that neither the question nor the faulty path is in the shipped machine code; the simulator answers
//! as the run was configured.

/// A bug that can be planted at run time, in the simulator only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Fault {
    /// S1: refill drains the remote list of a slab that it does not own.
    UnownedDrain,
    /// S2: the remote list is drained first and the owner claimed afterwards.
    DrainBeforeClaim,
}

impl Fault {
    /// Every fault, in the order of the acceptance list.
    pub const ALL: &'static [Fault] = &[Fault::UnownedDrain, Fault::DrainBeforeClaim];

    /// The name on the command line and in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::UnownedDrain => "unowned-drain",
            Fault::DrainBeforeClaim => "drain-before-claim",
        }
    }

    /// The fault of that name.
    pub fn from_name(name: &str) -> Option<Fault> {
        Fault::ALL.iter().copied().find(|fault| fault.name() == name)
    }
}
