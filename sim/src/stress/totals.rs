//! What a stress has done.

use serde_json::{Value, json};

/// Counts over all rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StressTotals {
    /// Programs that ran.
    pub rounds: u64,
    /// Operations of the programs, each for each lane.
    pub operations: u64,
    /// Blocks handed out.
    pub blocks: u64,
    /// Blocks freed by another thread of the program than the one that asked for them. What is
    /// freed at rest does not count.
    pub remote_frees: u64,
    /// Threads of the system that ended.
    pub threads_ended: u64,
    /// Heaps that a thread handed over, and went on.
    pub heaps_handed_over: u64,
    /// Requests that got no memory.
    pub refused: u64,
    /// How often everything was looked at, at rest.
    pub audits: u64,
    /// Most resident bytes of the process, harness and all; 0 where the system does not say.
    pub peak_resident: u64,
    /// Resident bytes where blocks lie, after everything was freed and collected.
    pub left_resident: u64,
    /// How long it took, in microseconds.
    pub elapsed: u64,
}

impl StressTotals {
    /// Adds what one thread or round counted.
    pub(super) fn add(&mut self, other: &StressTotals) {
        self.rounds += other.rounds;
        self.operations += other.operations;
        self.blocks += other.blocks;
        self.remote_frees += other.remote_frees;
        self.threads_ended += other.threads_ended;
        self.heaps_handed_over += other.heaps_handed_over;
        self.refused += other.refused;
        self.audits += other.audits;
    }

    /// Operations per second.
    pub(crate) fn operations_per_second(&self) -> u64 {
        (self.operations as f64 / (self.elapsed.max(1) as f64 / 1e6)) as u64
    }

    /// The counts as JSON.
    pub(crate) fn value(&self) -> Value {
        json!({
            "rounds": self.rounds,
            "operations": self.operations,
            "blocks": self.blocks,
            "remote_frees": self.remote_frees,
            "threads_ended": self.threads_ended,
            "heaps_handed_over": self.heaps_handed_over,
            "refused": self.refused,
            "audits": self.audits,
            "peak_resident": self.peak_resident,
            "left_resident": self.left_resident,
            "elapsed_us": self.elapsed,
            "operations_per_second": self.operations_per_second(),
        })
    }

    /// Back from [`StressTotals::value`].
    pub(super) fn from_value(value: &Value) -> Option<StressTotals> {
        let number = |name: &str| value[name].as_u64();
        Some(StressTotals {
            rounds: number("rounds")?,
            operations: number("operations")?,
            blocks: number("blocks")?,
            remote_frees: number("remote_frees")?,
            threads_ended: number("threads_ended")?,
            heaps_handed_over: number("heaps_handed_over")?,
            refused: number("refused")?,
            audits: number("audits")?,
            peak_resident: number("peak_resident")?,
            left_resident: number("left_resident")?,
            elapsed: number("elapsed_us")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_survive_the_way_to_the_other_process() {
        let totals = StressTotals {
            rounds: 1,
            operations: 2,
            elapsed: 3,
            refused: 4,
            ..StressTotals::default()
        };
        assert_eq!(StressTotals::from_value(&totals.value()), Some(totals));
        assert_eq!(StressTotals::from_value(&json!({})), None);
    }
}
