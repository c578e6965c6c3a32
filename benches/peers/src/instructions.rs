//! Instructions per pair of an allocation and a free of 64 bytes, counted by valgrind's callgrind.
//!
//! Each figure is a difference of four runs: twice as many pairs less as many, which takes away
//! what a process needs to start, and the same of the bare loop, which takes away the loop.

use serde::Serialize;

use crate::contestants::Contestant;

/// Pairs of the shorter run.
const PAIRS: u64 = 100_000;

/// One contestant's figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Count {
    /// One block allocated and freed, again and again.
    pub(crate) single: Result<f64, String>,
    /// 100 blocks allocated, then freed.
    pub(crate) batch: Result<f64, String>,
}

/// Counts for everybody, in their order.
pub(crate) fn count(contestants: &[Contestant]) -> Vec<Count> {
    contestants
        .iter()
        .map(|one| {
            eprintln!("counting {}", one.label());
            Count { single: per_pair(one, "pairs"), batch: per_pair(one, "batches") }
        })
        .collect()
}

fn per_pair(contestant: &Contestant, workload: &str) -> Result<f64, String> {
    let bare = format!("{workload}-loop");
    let real =
        collected(contestant, workload, 2 * PAIRS)? - collected(contestant, workload, PAIRS)?;
    let bare = collected(contestant, &bare, 2 * PAIRS)? - collected(contestant, &bare, PAIRS)?;
    Ok((real - bare) / PAIRS as f64)
}

/// Instructions of a whole process.
fn collected(contestant: &Contestant, workload: &str, pairs: u64) -> Result<f64, String> {
    let launch = contestant.launch.as_ref().map_err(Clone::clone)?;
    let wrapper = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let output = launch
        .command(workload, pairs, &wrapper)
        .output()
        .map_err(|error| format!("valgrind does not start: {error}; apt-get install valgrind"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        // Lines of valgrind's own begin with its mark.
        let said = text.lines().find(|line| !line.starts_with("==") && !line.trim().is_empty());
        let said = said.unwrap_or("it said nothing");
        return Err(format!("under valgrind it ends with {}: {said}", output.status));
    }
    let line = text.lines().find_map(|line| line.split_once("Collected : "));
    line.and_then(|(_, number)| number.trim().parse().ok())
        .ok_or_else(|| "callgrind says no number of instructions".to_owned())
}
