//! Measuring everything, and what the samples say.

use serde::Serialize;

use crate::contestants::Contestant;
use crate::process::{self, Sample};
use crate::rows::Row;

/// A tie ends here: within so much of the best is as good as the best.
pub(crate) const TIE: f64 = 0.15;

/// One allocator on one workload.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cell {
    /// Speed as a multiple of glibc's in the same repetition, the median.
    pub(crate) ratio: f64,
    /// Half the distance between the lowest and the highest ratio, as a part of the median.
    pub(crate) half_spread: f64,
    /// Processor time of a pair in nanoseconds, the median.
    pub(crate) nanoseconds: f64,
    /// Peak memory in MiB, the median.
    pub(crate) peak_mib: f64,
    /// Processes that crashed at their end, after the answer.
    pub(crate) crashes: usize,
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) repetitions: u32,
    pub(crate) rows: Vec<Row>,
    pub(crate) contestants: Vec<Contestant>,
    /// By row, then by contestant: what was found, or why there is nothing.
    pub(crate) cells: Vec<Vec<Result<Cell, String>>>,
    /// The machine's load average over a minute, before and after.
    pub(crate) load: [String; 2],
}

/// Runs every workload over every contestant, so many times, in turns.
pub(crate) fn measure(
    contestants: &[Contestant],
    rows: &[Row],
    repetitions: u32,
    divisor: u64,
) -> Results {
    let before = load();
    let mut samples: Vec<Vec<Vec<Result<Sample, String>>>> =
        vec![vec![Vec::new(); contestants.len()]; rows.len()];
    for repetition in 0..repetitions as usize {
        eprintln!("repetition {} of {repetitions}", repetition + 1);
        for (row, cells) in rows.iter().zip(&mut samples) {
            for turn in 0..contestants.len() {
                // Who begins changes, so that nobody always comes after the same one.
                let who = (turn + repetition * 5) % contestants.len();
                cells[who].push(process::run(&contestants[who], row.name, row.pairs / divisor));
            }
        }
    }
    let cells = samples.iter().map(|row| {
        let reference = &row[0];
        row.iter().map(|mine| cell(mine, reference)).collect()
    });
    Results {
        repetitions,
        rows: rows.to_vec(),
        contestants: contestants.to_vec(),
        cells: cells.collect(),
        load: [before, load()],
    }
}

fn cell(
    mine: &[Result<Sample, String>],
    reference: &[Result<Sample, String>],
) -> Result<Cell, String> {
    let mut ratios = Vec::new();
    let mut times = Vec::new();
    let mut peaks = Vec::new();
    let mut crashes = 0;
    for (mine, reference) in mine.iter().zip(reference) {
        let mine = mine.as_ref().map_err(Clone::clone)?;
        let reference = reference.as_ref().map_err(|reason| format!("glibc: {reason}"))?;
        ratios.push(per_pair(reference) / per_pair(mine));
        times.push(per_pair(mine) * 1e9);
        peaks.push(mine.peak_kib as f64 / 1_024.0);
        crashes += usize::from(mine.crash.is_some());
    }
    let ratio = median(&mut ratios);
    // The median sorted them.
    let spread = ratios[ratios.len() - 1] - ratios[0];
    Ok(Cell {
        ratio,
        half_spread: spread / 2.0 / ratio,
        nanoseconds: median(&mut times),
        peak_mib: median(&mut peaks),
        crashes,
    })
}

fn per_pair(sample: &Sample) -> f64 {
    sample.seconds / sample.pairs as f64
}

/// The median; sorts.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        (values[middle - 1] + values[middle]) / 2.0
    } else {
        values[middle]
    }
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

impl Results {
    /// Number and cell of the fastest peer in a row: neither hak nor glibc.
    pub(crate) fn best_peer(&self, row: usize) -> Option<(usize, &Cell)> {
        let peers = self
            .contestants
            .iter()
            .enumerate()
            .filter(|(_, one)| !one.is_hak() && !one.is_reference());
        peers
            .filter_map(|(number, _)| Some((number, self.cells[row][number].as_ref().ok()?)))
            .max_by(|one, other| one.1.ratio.total_cmp(&other.1.ratio))
    }

    /// How much slower a contestant is than the best one of each row, and how much more memory it
    /// has than the leanest: geometric means over all rows. Everybody counts among the best, hak
    /// and glibc too. `None` if it has no figure in some row.
    pub(crate) fn means(&self, contestant: usize) -> Option<(f64, f64)> {
        let (mut time, mut memory) = (0.0, 0.0);
        for row in &self.cells {
            let mine = row[contestant].as_ref().ok()?;
            let all = || row.iter().filter_map(|cell| cell.as_ref().ok());
            let fastest = all().map(|cell| cell.ratio).fold(mine.ratio, f64::max);
            let leanest = all().map(|cell| cell.peak_mib).fold(mine.peak_mib, f64::min);
            time += (fastest / mine.ratio).ln();
            memory += (mine.peak_mib / leanest).ln();
        }
        let rows = self.cells.len() as f64;
        Some(((time / rows).exp(), (memory / rows).exp()))
    }

    /// Rows in which this contestant comes within [`TIE`] of the best peer, rows in which it is
    /// below glibc, and rows.
    pub(crate) fn score(&self, contestant: usize) -> (usize, usize, usize) {
        let (mut near, mut below, mut rows) = (0, 0, 0);
        for row in 0..self.rows.len() {
            let (Ok(cell), Some((_, best))) = (&self.cells[row][contestant], self.best_peer(row))
            else {
                continue;
            };
            rows += 1;
            near += usize::from(cell.ratio >= best.ratio * (1.0 - TIE));
            below += usize::from(cell.ratio < 1.0);
        }
        (near, below, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(nanoseconds: u64) -> Result<Sample, String> {
        Ok(Sample {
            pairs: 1_000_000_000,
            seconds: nanoseconds as f64,
            peak_kib: 2_048,
            crash: None,
        })
    }

    #[test]
    fn ratios_are_taken_within_a_repetition() {
        let glibc = [sample(20), sample(40), sample(30)];
        let mine = [sample(10), sample(20), sample(10)];
        let cell = cell(&mine, &glibc).expect("all ran");
        let figures = [cell.ratio, cell.half_spread, cell.nanoseconds, cell.peak_mib];
        for (figure, right) in figures.into_iter().zip([2.0, 0.25, 10.0, 2.0]) {
            assert!((figure - right).abs() < 1e-9, "{figure} instead of {right}");
        }
    }

    #[test]
    fn means_are_against_the_best_of_each_row() {
        let cell = |ratio, peak_mib| {
            Ok(Cell { ratio, half_spread: 0.0, nanoseconds: 1.0, peak_mib, crashes: 0 })
        };
        let results = |cells| Results {
            repetitions: 1,
            rows: Vec::new(),
            contestants: Vec::new(),
            cells,
            load: Default::default(),
        };
        // In one row four times as slow as the best, in the other the best one; twice the memory.
        let cells =
            vec![vec![cell(1.0, 4.0), cell(4.0, 2.0)], vec![cell(3.0, 2.0), cell(2.0, 1.0)]];
        let (time, memory) = results(cells.clone()).means(0).expect("figures in all rows");
        assert!((time - 2.0).abs() < 1e-9 && (memory - 2.0).abs() < 1e-9, "{time} {memory}");
        let lacking = vec![cells[0].clone(), vec![Err("it crashed".to_owned()), cell(2.0, 1.0)]];
        assert_eq!(results(lacking).means(0), None);
    }

    #[test]
    fn one_failure_is_no_figure() {
        let glibc = [sample(20), sample(40)];
        let mine = [sample(10), Err("it crashed".to_owned())];
        assert_eq!(cell(&mine, &glibc).err(), Some("it crashed".to_owned()));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 9.0]), 3.0);
    }
}
