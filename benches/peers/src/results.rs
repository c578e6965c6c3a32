//! Measuring everything, and what the samples say.

use serde::Serialize;

use crate::contestants::Contestant;
use crate::process::{self, Sample};
use crate::rows::{Figure, Kind, MemoryRow, Row};

/// A tie ends here: within so much of the best is as good as the best.
pub(crate) const TIE: f64 = 0.15;

/// Everybody runs this part of a row's pairs first, and who is slow runs no more of them later.
const SHORT: u64 = 10;

/// Slow is who takes so many times as long as hak for that part, and so many seconds.
const SLOW: (f64, f64) = (3.0, 0.2);

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
    /// Whether it ran a tenth of the pairs only, because it is slow.
    pub(crate) is_short: bool,
}

/// One allocator in one memory row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Measured {
    /// Its figures, or the medians of them.
    pub(crate) values: Vec<f64>,
    /// Processes that crashed at their end, after the answer.
    pub(crate) crashes: usize,
}

/// What was measured in a memory row, or why there is nothing.
pub(crate) type Figures = Result<Measured, String>;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Length {
    pub(crate) repetitions: u32,
    /// The pairs of speed rows are divided by this.
    pub(crate) divisor: u64,
    /// The most repetitions of memory rows.
    pub(crate) memory_repetitions: u32,
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) repetitions: u32,
    pub(crate) memory_repetitions: u32,
    pub(crate) rows: Vec<Row>,
    pub(crate) contestants: Vec<Contestant>,
    /// By row, then by contestant: what was found, or why there is nothing.
    pub(crate) cells: Vec<Vec<Result<Cell, String>>>,
    pub(crate) memory_rows: Vec<MemoryRow>,
    /// By memory row, then by contestant.
    pub(crate) figures: Vec<Vec<Figures>>,
    /// The machine's load average over a minute, before and after.
    pub(crate) load: [String; 2],
}

/// Runs every workload over every contestant, so many times, in turns.
pub(crate) fn measure(
    contestants: Vec<Contestant>,
    rows: Vec<Row>,
    memory_rows: Vec<MemoryRow>,
    length: Length,
) -> Results {
    let before = load();
    let Length { repetitions, divisor, memory_repetitions } = length;
    if !rows.is_empty() {
        eprintln!("who is slow");
    }
    let is_short = rows.iter().map(|row| slow(&contestants, row));
    let is_short: Vec<Vec<bool>> = is_short.collect();
    let samples = in_turns(
        &contestants,
        &rows,
        |_| repetitions,
        |row, who| {
            let part = if is_short[row][who] { divisor.max(SHORT) } else { divisor };
            let (one, row) = (&contestants[who], &rows[row]);
            if !one.is_in(row.name) {
                return Err(NOT_HERE.to_owned());
            }
            process::run(one, row.name, row.pairs / part)
        },
    );
    let cells = samples.iter().zip(&is_short).map(|(row, is_short)| {
        let cells = row.iter().zip(is_short).map(|(mine, &is_short)| cell(mine, &row[0], is_short));
        cells.collect()
    });
    let cells = cells.collect();
    let how_often = |row: &MemoryRow| memory_repetitions.min(row.repetitions);
    let samples = in_turns(&contestants, &memory_rows, how_often, |row, who| {
        let (one, row) = (&contestants[who], &memory_rows[row]);
        if !one.is_in(row.name) {
            return Err(NOT_HERE.to_owned());
        }
        medians((0..row.processes).map(|_| process::run_figures(one, row)).collect())
    });
    let figures = samples.into_iter().map(|row| row.into_iter().map(medians).collect()).collect();
    let load = [before, load()];
    Results {
        repetitions,
        memory_repetitions,
        rows,
        contestants,
        cells,
        memory_rows,
        figures,
        load,
    }
}

/// Why there is no figure of a contestant in a row that it has no part in.
const NOT_HERE: &str = "it is not measured in this row";

/// Who is slow in a row, by contestant.
fn slow(contestants: &[Contestant], row: &Row) -> Vec<bool> {
    let seconds = |one: &Contestant| {
        let sample = one.is_in(row.name).then(|| process::run(one, row.name, row.pairs / SHORT))?;
        Some(sample.ok()?.seconds)
    };
    let seconds: Vec<Option<f64>> = contestants.iter().map(seconds).collect();
    let of_hak = seconds.iter().zip(contestants).filter(|(_, one)| one.is_hak());
    let hak = of_hak.filter_map(|(&seconds, _)| seconds).fold(f64::INFINITY, f64::min);
    let is_slow = |seconds: f64| seconds > SLOW.0 * hak && seconds > SLOW.1;
    seconds.into_iter().map(|seconds| seconds.is_some_and(is_slow)).collect()
}

/// Samples by row, contestant and repetition, run by the numbers of both. Every contestant has its
/// turn before anybody has a second one.
fn in_turns<Row, Sample: Clone>(
    contestants: &[Contestant],
    rows: &[Row],
    how_often: impl Fn(&Row) -> u32,
    run: impl Fn(usize, usize) -> Sample,
) -> Vec<Vec<Vec<Sample>>> {
    let mut samples = vec![vec![Vec::new(); contestants.len()]; rows.len()];
    let repetitions = rows.iter().map(&how_often).max().unwrap_or(0);
    for repetition in 0..repetitions {
        eprintln!("repetition {} of {repetitions}", repetition + 1);
        for (row, cells) in samples.iter_mut().enumerate() {
            if repetition >= how_often(&rows[row]) {
                continue;
            }
            for turn in 0..contestants.len() {
                // Who begins changes, so that nobody always comes after the same one.
                let who = (turn + repetition as usize * 5) % contestants.len();
                cells[who].push(run(row, who));
            }
        }
    }
    samples
}

/// The median of each figure; one sample that failed is no figure.
fn medians(samples: Vec<Figures>) -> Figures {
    let samples: Vec<Measured> = samples.into_iter().collect::<Result<_, _>>()?;
    let count = samples.first().map_or(0, |sample| sample.values.len());
    let of = |figure| {
        median(&mut samples.iter().map(|sample| sample.values[figure]).collect::<Vec<_>>())
    };
    let crashes = samples.iter().map(|sample| sample.crashes).sum();
    Ok(Measured { values: (0..count).map(of).collect(), crashes })
}

fn cell(
    mine: &[Result<Sample, String>],
    reference: &[Result<Sample, String>],
    is_short: bool,
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
        is_short,
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

/// Geometric means of how far a contestant is from the best one of each row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Means {
    /// Processor time in the speed rows.
    pub(crate) speed: Option<f64>,
    /// Peak memory in the speed rows, and the figures of memory.
    pub(crate) memory: Option<f64>,
    /// The figures of time in the memory rows.
    pub(crate) waits: Option<f64>,
}

/// A geometric mean that is being taken.
struct Mean {
    logarithms: f64,
    count: usize,
    lacks: bool,
}

impl Mean {
    const fn new() -> Mean {
        Mean { logarithms: 0.0, count: 0, lacks: false }
    }

    /// Adds how far a contestant is from the best one.
    fn add(&mut self, contestant: usize, all: &[Option<f64>]) {
        let best = all.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        match all[contestant] {
            Some(mine) => self.logarithms += (mine / best).ln(),
            None => self.lacks = true,
        }
        self.count += 1;
    }

    fn value(&self) -> Option<f64> {
        let is_known = !self.lacks && self.count > 0;
        is_known.then(|| (self.logarithms / self.count as f64).exp())
    }
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

    /// Number and value of the peer that is best in a figure: neither hak nor glibc.
    pub(crate) fn least_peer(&self, row: usize, place: usize) -> Option<(usize, f64)> {
        let contestants = self.contestants.iter().enumerate();
        let peers = contestants.filter(|(_, one)| !one.is_hak() && !one.is_reference());
        peers
            .filter_map(|(number, _)| Some((number, self.figure(row, place, number)?)))
            .min_by(|one, other| one.1.total_cmp(&other.1))
    }

    /// Figures of the memory rows in which this contestant comes within [`TIE`] of the best peer,
    /// and figures.
    pub(crate) fn memory_score(&self, contestant: usize) -> (usize, usize) {
        let (mut near, mut figures) = (0, 0);
        for (row, place, _) in self.all_figures() {
            let mine = self.figure(row, place, contestant);
            let (Some(mine), Some((_, best))) = (mine, self.least_peer(row, place)) else {
                continue;
            };
            figures += 1;
            near += usize::from(mine * (1.0 - TIE) <= best);
        }
        (near, figures)
    }

    /// All figures of the memory rows: the row, the place in it, the figure.
    pub(crate) fn all_figures(&self) -> Vec<(usize, usize, Figure)> {
        let rows = self.memory_rows.iter().enumerate();
        let figures = rows.flat_map(|(row, one)| {
            one.figures.iter().enumerate().map(move |(place, figure)| (row, place, *figure))
        });
        figures.collect()
    }

    /// A figure of a contestant.
    pub(crate) fn figure(&self, row: usize, place: usize, contestant: usize) -> Option<f64> {
        Some(self.figures[row][contestant].as_ref().ok()?.values[place])
    }

    /// How far a contestant is from the best one of each row: geometric means over all rows and
    /// figures. Everybody counts among the best, hak and glibc too, but no setting of another
    /// contestant. A mean is `None` if there is nothing to take it of, or the contestant lacks some
    /// of it.
    pub(crate) fn means(&self, contestant: usize) -> Means {
        let (mut speed, mut memory, mut waits) = (Mean::new(), Mean::new(), Mean::new());
        for row in &self.cells {
            let all = |of: fn(&Cell) -> f64| {
                let known = row.iter().map(move |cell| Some(of(cell.as_ref().ok()?)));
                self.general(known)
            };
            speed.add(contestant, &all(|cell| 1.0 / cell.ratio));
            memory.add(contestant, &all(|cell| cell.peak_mib));
        }
        for (row, place, figure) in self.all_figures() {
            let all = (0..self.contestants.len()).map(|one| self.figure(row, place, one));
            let all = self.general(all);
            match figure.kind {
                Kind::Memory => memory.add(contestant, &all),
                Kind::Time => waits.add(contestant, &all),
            }
        }
        Means { speed: speed.value(), memory: memory.value(), waits: waits.value() }
    }

    /// Values by contestant, without those of settings of other contestants.
    fn general(&self, values: impl Iterator<Item = Option<f64>>) -> Vec<Option<f64>> {
        let values = values.zip(&self.contestants);
        values.map(|(value, one)| value.filter(|_| one.is_general())).collect()
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
    use crate::contestants::Form;

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
        let cell = cell(&mine, &glibc, false).expect("all ran");
        let figures = [cell.ratio, cell.half_spread, cell.nanoseconds, cell.peak_mib];
        for (figure, right) in figures.into_iter().zip([2.0, 0.25, 10.0, 2.0]) {
            assert!((figure - right).abs() < 1e-9, "{figure} instead of {right}");
        }
    }

    fn contestant(only: Option<&'static str>) -> Contestant {
        Contestant {
            name: "one".to_owned(),
            form: Form::Crate,
            version: String::new(),
            only,
            launch: Err(String::new()),
        }
    }

    fn results(cells: Vec<Vec<Result<Cell, String>>>, figures: Vec<Figures>) -> Results {
        const FIGURES: [Figure; 2] = [
            Figure { name: "resident", title: "", unit: "MiB", kind: Kind::Memory },
            Figure { name: "longest", title: "", unit: "µs", kind: Kind::Time },
        ];
        let row =
            MemoryRow { name: "row", amount: 1, repetitions: 1, processes: 1, figures: &FIGURES };
        Results {
            repetitions: 1,
            memory_repetitions: 1,
            rows: Vec::new(),
            contestants: vec![contestant(None), contestant(None), contestant(Some("row"))],
            cells,
            memory_rows: vec![row],
            figures: vec![figures],
            load: Default::default(),
        }
    }

    fn measured(values: &[f64], crashes: usize) -> Figures {
        Ok(Measured { values: values.to_vec(), crashes })
    }

    #[test]
    fn means_are_against_the_best_of_each_row() {
        let cell = |ratio, peak_mib| {
            Ok(Cell {
                ratio,
                half_spread: 0.0,
                nanoseconds: 1.0,
                peak_mib,
                crashes: 0,
                is_short: false,
            })
        };
        let none = || Err("it crashed".to_owned());
        // In one row four times as slow as the best, in the other the best one; twice the memory,
        // and in the figure eight times. The setting is far better, and does not count.
        let cells = vec![
            vec![cell(1.0, 4.0), cell(4.0, 2.0), none()],
            vec![cell(3.0, 2.0), cell(2.0, 1.0), none()],
        ];
        let figures =
            [[8.0, 3.0], [4.0, 1.0], [0.1, 0.1]].map(|values| measured(&values, 0)).to_vec();
        let means = results(cells.clone(), figures.clone()).means(0);
        let found = [means.speed, means.memory, means.waits].map(|mean| mean.expect("no gaps"));
        for (mean, right) in found.into_iter().zip([2.0, 2.0, 3.0]) {
            assert!((mean - right).abs() < 1e-9, "{mean} instead of {right}");
        }
        let lacking = vec![cells[0].clone(), vec![none(), cell(2.0, 1.0), none()]];
        let means = results(lacking, figures).means(0);
        assert_eq!((means.speed, means.memory), (None, None));
        assert!(means.waits.is_some());
    }

    #[test]
    fn medians_are_taken_of_each_figure() {
        let samples = [[1.0, 30.0], [9.0, 10.0], [2.0, 20.0]].map(|sample| measured(&sample, 1));
        assert_eq!(medians(samples.to_vec()), measured(&[2.0, 20.0], 3));
        let failed = [samples[0].clone(), Err("it crashed".to_owned())];
        assert_eq!(medians(failed.to_vec()), Err("it crashed".to_owned()));
    }

    #[test]
    fn one_failure_is_no_figure() {
        let glibc = [sample(20), sample(40)];
        let mine = [sample(10), Err("it crashed".to_owned())];
        assert_eq!(cell(&mine, &glibc, false).err(), Some("it crashed".to_owned()));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 9.0]), 3.0);
    }
}
