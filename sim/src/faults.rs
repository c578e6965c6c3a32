//! The list of planted faults: where each comes from, what it does, and which oracle finds it.
//!
//! The list is for people. No oracle reads it, and none knows which fault is planted.

use hak_core::Fault;

/// A row of the list.
pub struct Row {
    /// The fault.
    pub fault: Fault,
    /// Its row in the acceptance list.
    pub origin: &'static str,
    /// What is taken away, in one sentence.
    pub about: &'static str,
    /// The oracles that find it.
    pub oracles: &'static [&'static str],
}

/// Every fault that can be planted.
pub const FAULTS: &[Row] = &[
    Row {
        fault: Fault::UnownedDrain,
        origin: "S1",
        about: "refill drains the remote lists of the slabs around it without owning them",
        oracles: &["owner-only", "data-race", "accounting"],
    },
    Row {
        fault: Fault::DrainBeforeClaim,
        origin: "S2",
        about: "a slab's remote list is drained first and the slab claimed afterwards",
        oracles: &["owner-only", "data-race", "accounting"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::ORACLES;

    #[test]
    fn every_fault_has_a_row_and_every_row_names_oracles_that_exist() {
        assert_eq!(FAULTS.len(), Fault::ALL.len());
        for (row, fault) in FAULTS.iter().zip(Fault::ALL) {
            assert_eq!(row.fault, *fault);
            for oracle in row.oracles {
                assert!(ORACLES.iter().any(|(name, _)| name == oracle), "{oracle}");
            }
        }
    }
}
