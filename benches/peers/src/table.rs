//! The tables, as plain columns or as markdown.

use crate::contestants::Contestant;
use crate::instructions::Count;
use crate::results::{Cell, Results, TIE};

/// Lines of cells, the first one the heading.
fn layout(lines: &[Vec<String>], markdown: bool) -> String {
    let columns = lines[0].len();
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let cells = line.iter().enumerate().map(|(column, cell)| {
            let width = widths[column];
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let cells: Vec<String> = cells.collect();
        if markdown {
            text += &format!("| {} |\n", cells.join(" | "));
            if number == 0 {
                let rules = widths.iter().enumerate().map(|(column, &width)| {
                    if column == 0 {
                        "-".repeat(width)
                    } else {
                        format!("{}:", "-".repeat(width - 1))
                    }
                });
                text += &format!("| {} |\n", rules.collect::<Vec<_>>().join(" | "));
            }
        } else {
            text += cells.join("  ").trim_end();
            text.push('\n');
        }
    }
    text
}

/// All tables of a run.
pub(crate) fn all(results: &Results, markdown: bool) -> String {
    let mut parts = vec![
        heading("hak and the best peer", markdown),
        layout(&verdict(results), markdown),
        scores(results),
        heading("Speed: pairs per second of processor time, glibc = 1", markdown),
        layout(
            &matrix(results, |cell| format!("{:.2} ±{:.0}%", cell.ratio, cell.half_spread * 100.0)),
            markdown,
        ),
        heading("Peak memory in MiB", markdown),
        layout(&matrix(results, |cell| format!("{:.1}", cell.peak_mib)), markdown),
        heading(
            "All rows: geometric mean of time and of peak memory, the best of each row = 1",
            markdown,
        ),
        layout(&means(results), markdown),
        heading("Who was measured", markdown),
        layout(&who(&results.contestants), markdown),
    ];
    parts.extend(failures(results));
    parts.push(format!(
        "{} repetitions; load average of the machine {} before and {} after.\n",
        results.repetitions, results.load[0], results.load[1]
    ));
    parts.join("\n")
}

/// What went wrong, a paragraph for each contestant.
fn failures(results: &Results) -> Vec<String> {
    let mut said = Vec::new();
    for (who, one) in results.contestants.iter().enumerate().filter(|(_, one)| one.launch.is_ok()) {
        let crashes: usize =
            results.cells.iter().filter_map(|row| Some(row[who].as_ref().ok()?.crashes)).sum();
        if crashes > 0 {
            let label = one.label();
            said.push(format!(
                "{label}: {crashes} processes crashed at their end, after the work.\n"
            ));
        }
        for (row, cells) in results.rows.iter().zip(&results.cells) {
            if let Err(reason) = &cells[who] {
                said.push(format!("{}, {}: no figure: {reason}\n", one.label(), row.name));
            }
        }
    }
    said
}

fn heading(text: &str, markdown: bool) -> String {
    if markdown {
        format!("## {text}\n")
    } else {
        format!("{text}\n{}", "-".repeat(text.chars().count()))
    }
}

/// One line per row: glibc, hak in both forms, the best peer, the lowest peak memory.
fn verdict(results: &Results) -> Vec<Vec<String>> {
    let haks: Vec<usize> =
        (0..results.contestants.len()).filter(|&one| results.contestants[one].is_hak()).collect();
    let mut heading = vec!["workload".to_owned(), "glibc, M pairs/s".to_owned()];
    heading.extend(haks.iter().map(|&hak| results.contestants[hak].label()));
    heading.extend(
        ["best peer", "hak of best", "hak MiB", "lowest peer", "glibc MiB"].map(str::to_owned),
    );
    let mut lines = vec![heading];
    for (number, row) in results.rows.iter().enumerate() {
        let cells = &results.cells[number];
        let mut line = vec![
            row.title.to_owned(),
            show(&cells[0], |cell| format!("{:.3}", 1e3 / cell.nanoseconds)),
        ];
        line.extend(haks.iter().map(|&hak| show(&cells[hak], |cell| format!("{:.2}", cell.ratio))));
        let best = results.best_peer(number);
        line.push(best.map_or(NOTHING.to_owned(), |(who, cell)| {
            format!("{} {:.2}", results.contestants[who].label(), cell.ratio)
        }));
        let mine = haks.iter().filter_map(|&hak| cells[hak].as_ref().ok());
        let parts = mine.clone().filter_map(|cell| Some((cell, best?.1)));
        let parts = parts.map(|(cell, best)| format!("{:.0} %", cell.ratio / best.ratio * 100.0));
        line.push(parts.collect::<Vec<_>>().join(" / "));
        let range = mine.map(|cell| format!("{:.1}", cell.peak_mib));
        line.push(range.collect::<Vec<_>>().join(" / "));
        let peers = results.contestants.iter().enumerate();
        let peers = peers.filter(|(_, one)| !one.is_hak() && !one.is_reference());
        let lowest = peers
            .filter_map(|(who, one)| Some((one, cells[who].as_ref().ok()?.peak_mib)))
            .min_by(|one, other| one.1.total_cmp(&other.1));
        line.push(
            lowest.map_or(NOTHING.to_owned(), |(one, mib)| format!("{} {mib:.1}", one.label())),
        );
        line.push(show(&cells[0], |cell| format!("{:.1}", cell.peak_mib)));
        lines.push(line);
    }
    lines
}

const NOTHING: &str = "-";

fn show(cell: &Result<Cell, String>, text: impl Fn(&Cell) -> String) -> String {
    cell.as_ref().map_or(NOTHING.to_owned(), text)
}

fn scores(results: &Results) -> String {
    let mut text = String::new();
    for (number, one) in results.contestants.iter().enumerate() {
        if one.is_hak() && one.launch.is_ok() {
            let (near, below, rows) = results.score(number);
            text += &format!(
                "{}: within {:.0} % of the best peer on {near} of {rows} rows, \
                 below glibc on {below}.\n",
                one.label(),
                TIE * 100.0
            );
        }
    }
    text
}

fn matrix(results: &Results, text: impl Fn(&Cell) -> String) -> Vec<Vec<String>> {
    let there: Vec<usize> = (0..results.contestants.len())
        .filter(|&one| results.contestants[one].launch.is_ok())
        .collect();
    let mut heading = vec!["allocator".to_owned()];
    heading.extend(results.rows.iter().map(|row| row.name.to_owned()));
    let mut lines = vec![heading];
    for one in there {
        let mut line = vec![results.contestants[one].label()];
        line.extend(results.cells.iter().map(|row| show(&row[one], &text)));
        lines.push(line);
    }
    lines
}

/// A line for each contestant, the fastest one first.
fn means(results: &Results) -> Vec<Vec<String>> {
    let all = results.contestants.iter().enumerate();
    let mut means: Vec<_> =
        all.filter_map(|(number, one)| Some((one.label(), results.means(number)?))).collect();
    means.sort_by(|one, other| one.1.0.total_cmp(&other.1.0));
    let mut lines = vec![["allocator", "time", "peak memory"].map(str::to_owned).to_vec()];
    for (label, (time, memory)) in means {
        lines.push(vec![label, format!("{time:.3}"), format!("{memory:.3}")]);
    }
    lines
}

fn who(contestants: &[Contestant]) -> Vec<Vec<String>> {
    let mut lines = vec![["allocator", "version", "measured"].map(str::to_owned).to_vec()];
    for one in contestants {
        let measured =
            one.launch.as_ref().map_or_else(|reason| format!("no: {reason}"), |_| "yes".to_owned());
        lines.push(vec![one.label(), one.version.clone(), measured]);
    }
    lines
}

/// The table of instructions.
pub(crate) fn instructions(counts: &[Count], contestants: &[Contestant], markdown: bool) -> String {
    let mut lines =
        vec![["allocator", "single pairs", "batches of 100"].map(str::to_owned).to_vec()];
    let figure = |count: &Result<f64, String>| {
        count.as_ref().map_or(NOTHING.to_owned(), |count| format!("{count:.1}"))
    };
    for (one, count) in contestants.iter().zip(counts) {
        lines.push(vec![one.label(), figure(&count.single), figure(&count.batch)]);
    }
    let mut text = heading("Instructions per malloc and free of 64 bytes (callgrind)", markdown);
    text += &format!("\n{}", layout(&lines, markdown));
    for (one, count) in contestants.iter().zip(counts) {
        if let Err(reason) = &count.single {
            text += &format!("\n{}: no figure: {reason}\n", one.label());
        }
    }
    text
}
