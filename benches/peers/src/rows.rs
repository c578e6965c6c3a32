//! The rows of the table: workloads and their lengths.

use serde::Serialize;

/// One workload.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Row {
    /// Its name in the program `hak-peers-workload`.
    pub(crate) name: &'static str,
    /// What a person reads.
    pub(crate) title: &'static str,
    /// Pairs of an allocation and a free in one process: about a tenth of a second or more with
    /// glibc.
    pub(crate) pairs: u64,
}

const fn row(name: &'static str, title: &'static str, pairs: u64) -> Row {
    Row { name, title, pairs }
}

const ALL: [Row; 18] = [
    row("larson", "larson 8 to 128 B, 1,024 blocks, 1 thread", 30_000_000),
    row("larson-4", "larson, 4 threads", 30_000_000),
    row("larson-wide", "larson 8 to 1,000 B, 5,000 blocks, 2 threads", 20_000_000),
    row("mixed-400", "random_mixed, working set 400", 30_000_000),
    row("mixed-8192", "random_mixed, working set 8,192", 16_000_000),
    row("fixed-16", "fixed_size 16 B, set 64, oldest replaced", 60_000_000),
    row("fixed-256", "fixed_size 256 B, set 128, oldest replaced", 60_000_000),
    row("fixed-1024", "fixed_size 1,024 B, set 256, oldest replaced", 60_000_000),
    row("mid", "mid 8 to 32 KiB, 2 threads, touched", 3_000_000),
    row("large", "large 64 KiB to 1 MiB, 2 threads, touched", 60_000),
    row("large-untouched", "large 64 KiB to 1 MiB, 2 threads, untouched", 1_000_000),
    row("large-many", "64 KiB to 1 MiB, 2 threads, 256 live each, touched", 20_000),
    row("large-longer", "64 KiB to 1.9 MiB, 2 threads, 64 live each, touched", 20_000),
    row("huge", "5 to 25 MiB, 1 thread, 20 live, touched", 1_000),
    row("xthread", "xthread: one allocates 64 B, another frees", 16_000_000),
    row("churn", "churn: threads of 1,000 allocations", 6_000_000),
    row("sizes", "8 of each of 256 sizes of 8 to 2,048 B, 1 thread", 4_000_000),
    row("pass-on", "2 threads at a time, half of the blocks passed on", 12_000_000),
];

/// The rows whose name contains `part`.
pub(crate) fn matching(part: Option<&str>) -> Result<Vec<Row>, String> {
    let rows: Vec<Row> =
        ALL.into_iter().filter(|row| part.is_none_or(|part| row.name.contains(part))).collect();
    if rows.is_empty() {
        let names: Vec<&str> = ALL.iter().map(|row| row.name).collect();
        return Err(format!("no workload has this in its name; there are {}", names.join(", ")));
    }
    Ok(rows)
}
