//! The tables, as plain columns or as markdown.

use std::cmp::Ordering;

use crate::contestants::Contestant;
use crate::instructions::Count;
use crate::results::{Cell, Means, Results, TIE};

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
    let mut parts = Vec::new();
    let mut table = |text: &str, lines: &[Vec<String>]| {
        parts.push(heading(text, markdown));
        parts.push(layout(lines, markdown));
    };
    if !results.rows.is_empty() {
        table("hak and the best peer", &verdict(results));
        table(
            "Speed: pairs per second of processor time, glibc = 1",
            &matrix(results, |cell| format!("{:.2} ±{:.0}%", cell.ratio, cell.half_spread * 100.0)),
        );
        table("Peak memory in MiB", &matrix(results, |cell| format!("{:.1}", cell.peak_mib)));
    }
    if !results.memory_rows.is_empty() {
        table("Memory, and the longest calls: hak and the best peer", &memory_verdict(results));
        table("Memory, and the longest calls: everybody", &memory_matrix(results));
    }
    table("Who was measured", &who(&results.contestants));
    parts.extend(failures(results));
    parts.push(format!(
        "Repetitions: {}. Load average of the machine {} before and {} after.\n",
        repetitions(results),
        results.load[0],
        results.load[1]
    ));
    parts.push(heading("All rows: geometric means, the best of each row = 1", markdown));
    parts.push(layout(&means(results), markdown));
    parts.push(scores(results));
    parts.join("\n")
}

/// How often the rows were measured.
fn repetitions(results: &Results) -> String {
    let speed =
        (!results.rows.is_empty()).then(|| format!("{} of each speed row", results.repetitions));
    let memory = results.memory_rows.iter().map(|row| {
        let times = row.repetitions.min(results.memory_repetitions) * row.processes;
        format!("{times} of {}", row.name)
    });
    speed.into_iter().chain(memory).collect::<Vec<_>>().join(", ")
}

/// What went wrong or is not as with the others, a paragraph for each contestant.
fn failures(results: &Results) -> Vec<String> {
    let mut said = Vec::new();
    for (who, one) in results.contestants.iter().enumerate().filter(|(_, one)| one.launch.is_ok()) {
        let cells = results.cells.iter().filter_map(|row| Some(row[who].as_ref().ok()?.crashes));
        let figures = &results.figures;
        let figures = figures.iter().filter_map(|row| Some(row[who].as_ref().ok()?.crashes));
        let crashes: usize = cells.chain(figures).sum();
        if crashes > 0 {
            let label = one.label();
            said.push(format!(
                "{label}: {crashes} processes crashed at their end, after the work.\n"
            ));
        }
        let rows = results.rows.iter().zip(&results.cells);
        let short = rows.filter(|(_, cells)| cells[who].as_ref().is_ok_and(|cell| cell.is_short));
        let short: Vec<&str> = short.map(|(row, _)| row.name).collect();
        if !short.is_empty() {
            said.push(format!(
                "{}: a tenth of the pairs in {}, where it is far slower than hak.\n",
                one.label(),
                short.join(", ")
            ));
        }
        for (row, cells) in results.rows.iter().zip(&results.cells) {
            if one.is_in(row.name)
                && let Err(reason) = &cells[who]
            {
                said.push(format!("{}, {}: no figure: {reason}\n", one.label(), row.name));
            }
        }
        for (row, cells) in results.memory_rows.iter().zip(&results.figures) {
            if one.is_in(row.name)
                && let Err(reason) = &cells[who]
            {
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
    let haks = haks(results);
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

/// The forms of hak.
fn haks(results: &Results) -> Vec<usize> {
    let contestants = results.contestants.iter().enumerate();
    let haks = contestants.filter(|(_, one)| one.is_hak() && one.is_general());
    haks.map(|(number, _)| number).collect()
}

/// One line per figure of the memory rows: glibc, hak in both forms, the best peer.
fn memory_verdict(results: &Results) -> Vec<Vec<String>> {
    let haks = haks(results);
    let mut heading = vec!["workload".to_owned(), "in".to_owned(), "glibc".to_owned()];
    heading.extend(haks.iter().map(|&hak| results.contestants[hak].label()));
    heading.extend(["best peer", "hak of best"].map(str::to_owned));
    let mut lines = vec![heading];
    for (row, place, figure) in results.all_figures() {
        let text = |value: Option<f64>| value.map_or(NOTHING.to_owned(), short);
        let mut line = vec![figure.title.to_owned(), figure.unit.to_owned()];
        line.push(text(results.figure(row, place, 0)));
        line.extend(haks.iter().map(|&hak| text(results.figure(row, place, hak))));
        let best = results.least_peer(row, place);
        line.push(best.map_or(NOTHING.to_owned(), |(who, value)| {
            format!("{} {}", results.contestants[who].label(), short(value))
        }));
        let parts = haks.iter().filter_map(|&hak| {
            let part = results.figure(row, place, hak)? / best?.1;
            Some(format!("{:.0} %", part * 100.0))
        });
        line.push(parts.collect::<Vec<_>>().join(" / "));
        lines.push(line);
    }
    lines
}

/// A line for each contestant, the figures of the memory rows side by side.
fn memory_matrix(results: &Results) -> Vec<Vec<String>> {
    let figures = results.all_figures();
    let mut heading = vec!["allocator".to_owned()];
    heading.extend(figures.iter().map(|&(row, _, figure)| {
        format!("{}: {}, {}", results.memory_rows[row].name, figure.name, figure.unit)
    }));
    let mut lines = vec![heading];
    for (number, one) in results.contestants.iter().enumerate() {
        if one.launch.is_err() || !results.memory_rows.iter().any(|row| one.is_in(row.name)) {
            continue;
        }
        let mut line = vec![one.label()];
        line.extend(figures.iter().map(|&(row, place, _)| {
            results.figure(row, place, number).map_or(NOTHING.to_owned(), short)
        }));
        lines.push(line);
    }
    lines
}

/// Three digits that count, or all of those before the point.
pub(crate) fn short(value: f64) -> String {
    match value {
        0.0..9.995 => format!("{value:.2}"),
        9.995..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

const NOTHING: &str = "-";

fn show(cell: &Result<Cell, String>, text: impl Fn(&Cell) -> String) -> String {
    cell.as_ref().map_or(NOTHING.to_owned(), text)
}

fn scores(results: &Results) -> String {
    let mut text = String::new();
    for (number, one) in results.contestants.iter().enumerate() {
        if !one.is_hak() || !one.is_general() || one.launch.is_err() {
            continue;
        }
        let (label, tie) = (one.label(), TIE * 100.0);
        if !results.rows.is_empty() {
            let (near, below, rows) = results.score(number);
            text += &format!(
                "{label}: within {tie:.0} % of the best peer on {near} of {rows} speed rows, \
                 below glibc on {below}.\n"
            );
        }
        if !results.memory_rows.is_empty() {
            let (near, figures) = results.memory_score(number);
            text += &format!(
                "{label}: within {tie:.0} % of the best peer in {near} of {figures} figures of \
                 the memory rows.\n"
            );
        }
    }
    text
}

fn matrix(results: &Results, text: impl Fn(&Cell) -> String) -> Vec<Vec<String>> {
    let there: Vec<usize> = (0..results.contestants.len())
        .filter(|&one| results.contestants[one].launch.is_ok())
        .filter(|&one| results.contestants[one].is_general())
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

/// A line for each contestant, the fastest one first; who lacks a figure somewhere comes last.
fn means(results: &Results) -> Vec<Vec<String>> {
    let all = results.contestants.iter().enumerate();
    let all = all.filter(|(_, one)| one.launch.is_ok() && one.is_general());
    let mut means: Vec<_> = all.map(|(number, one)| (one.label(), results.means(number))).collect();
    let rank = |means: &Means| [means.speed, means.memory].map(|mean| mean.unwrap_or(f64::MAX));
    means
        .sort_by(|one, other| rank(&one.1).partial_cmp(&rank(&other.1)).unwrap_or(Ordering::Equal));
    let heading = ["allocator", "time", "memory", "longest calls and start"];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    let text = |mean: Option<f64>| mean.map_or(NOTHING.to_owned(), |mean| format!("{mean:.3}"));
    for (label, Means { speed, memory, waits }) in means {
        lines.push(vec![label, text(speed), text(memory), text(waits)]);
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
