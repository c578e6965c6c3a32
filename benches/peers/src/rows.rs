//! The rows of the tables: workloads, their lengths, and what is measured in them.

use serde::Serialize;

/// One workload of which the time is measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Row {
    /// Its name in the program `hak-peers-workload`.
    pub(crate) name: &'static str,
    /// What a person reads.
    pub(crate) title: &'static str,
    /// Pairs of an allocation and a free in one process: a tenth of a second or more with most.
    pub(crate) pairs: u64,
}

const fn row(name: &'static str, title: &'static str, pairs: u64) -> Row {
    Row { name, title, pairs }
}

const ALL: [Row; 18] = [
    row("larson", "larson 8 to 128 B, 1,024 blocks, 1 thread", 15_000_000),
    row("larson-4", "larson, 4 threads", 15_000_000),
    row("larson-wide", "larson 8 to 1,000 B, 5,000 blocks, 2 threads", 10_000_000),
    row("mixed-400", "random_mixed, working set 400", 15_000_000),
    row("mixed-8192", "random_mixed, working set 8,192", 8_000_000),
    row("fixed-16", "fixed_size 16 B, set 64, oldest replaced", 30_000_000),
    row("fixed-256", "fixed_size 256 B, set 128, oldest replaced", 30_000_000),
    row("fixed-1024", "fixed_size 1,024 B, set 256, oldest replaced", 30_000_000),
    row("mid", "mid 8 to 32 KiB, 2 threads, touched", 3_000_000),
    row("large", "large 64 KiB to 1 MiB, 2 threads, touched", 60_000),
    row("large-untouched", "large 64 KiB to 1 MiB, 2 threads, untouched", 1_000_000),
    row("large-many", "64 KiB to 1 MiB, 2 threads, 256 live each, touched", 20_000),
    row("large-longer", "64 KiB to 1.9 MiB, 2 threads, 64 live each, touched", 20_000),
    row("huge", "5 to 25 MiB, 1 thread, 20 live, touched", 1_000),
    row("xthread", "xthread: one allocates 64 B, another frees", 8_000_000),
    row("churn", "churn: threads of 1,000 allocations", 6_000_000),
    row("sizes", "8 of each of 256 sizes of 8 to 2,048 B, 1 thread", 4_000_000),
    row("pass-on", "2 threads at a time, half of the blocks passed on", 6_000_000),
];

/// One workload with figures of its own.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct MemoryRow {
    /// Its name in the program `hak-peers-workload`.
    pub(crate) name: &'static str,
    /// MiB, threads or pairs in one process.
    pub(crate) amount: u64,
    /// At most so many repetitions: memory varies less than time, and some of this takes long.
    pub(crate) repetitions: u32,
    /// Processes in a repetition, of which the median is taken.
    pub(crate) processes: u32,
    /// What is measured.
    pub(crate) figures: &'static [Figure],
}

/// What a figure is: a mean is over figures of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Memory, or pages, or memory for each byte that lives.
    Memory,
    /// Time by the clock on the wall.
    Time,
}

/// One figure of a memory row. Less is better.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Figure {
    /// Its name in the answer of the program.
    pub(crate) name: &'static str,
    /// What a person reads.
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) kind: Kind,
}

const fn figure(name: &'static str, title: &'static str, unit: &'static str, kind: Kind) -> Figure {
    Figure { name, title, unit, kind }
}

/// The time of `start`, which the program cannot know: from when it is started until it has ended.
pub(crate) const WHOLE: &str = "whole";

/// The row that `HAK_BACKGROUND` has figures in.
pub(crate) const GIB_FREED: &str = "gib-freed";

const ALL_MEMORY: [MemoryRow; 5] = [
    MemoryRow {
        name: GIB_FREED,
        amount: 1_024,
        repetitions: 3,
        processes: 1,
        figures: &[
            figure("right-after", "1 GiB freed by 4 threads: at once", "MiB", Kind::Memory),
            figure("idle", "1 GiB freed: after an idle second", "MiB", Kind::Memory),
            figure("small-work", "1 GiB freed: after a second of work", "MiB", Kind::Memory),
        ],
    },
    MemoryRow {
        name: "phases",
        amount: 250,
        repetitions: 3,
        processes: 1,
        figures: &[figure(
            "per-live-byte",
            "phases of sizes: resident for a live byte",
            "bytes",
            Kind::Memory,
        )],
    },
    MemoryRow {
        name: "sleepers",
        amount: 2_000,
        repetitions: 3,
        processes: 1,
        figures: &[figure("per-thread", "2,000 sleepers: for each thread", "KiB", Kind::Memory)],
    },
    MemoryRow {
        name: "start",
        amount: 0,
        repetitions: 99,
        processes: 15,
        figures: &[
            figure("resident", "a program that does nothing: resident", "MiB", Kind::Memory),
            figure("faults", "a program that does nothing: it needs", "page faults", Kind::Memory),
            figure(WHOLE, "a program that does nothing: exec to exit", "ms", Kind::Time),
        ],
    },
    MemoryRow {
        name: "longest",
        amount: 20_000,
        repetitions: 5,
        processes: 1,
        figures: &[
            figure("longest-call", "longest malloc or free beside 1 GiB", "µs", Kind::Time),
            figure("longest-free", "longest free beside 1 GiB", "µs", Kind::Time),
        ],
    },
];

/// The rows whose name contains `part`.
pub(crate) fn matching(part: Option<&str>) -> Result<(Vec<Row>, Vec<MemoryRow>), String> {
    let is_wanted = |name: &str| part.is_none_or(|part| name.contains(part));
    let rows: Vec<Row> = ALL.into_iter().filter(|row| is_wanted(row.name)).collect();
    let memory: Vec<MemoryRow> = ALL_MEMORY.into_iter().filter(|row| is_wanted(row.name)).collect();
    if rows.is_empty() && memory.is_empty() {
        let names = ALL.iter().map(|row| row.name).chain(ALL_MEMORY.iter().map(|row| row.name));
        let names: Vec<&str> = names.collect();
        return Err(format!("no workload has this in its name; there are {}", names.join(", ")));
    }
    Ok((rows, memory))
}
