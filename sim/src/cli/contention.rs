//! `hak-sim contention`: the cache lines that pass between threads, by their number.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::{Value, json};

use super::arguments::{self, ContentionOptions};
use super::{Exit, Refusal, print};
use crate::observe::coherence::{CONTENTS, Passes};
use crate::report::{counted, folded, grouped};
use crate::run::settings::OPERATIONS_MAX;
use crate::scenario::SCENARIOS;
use crate::scenario::protocols::PROTOCOLS;
use crate::search::contention::{
    CONTENDERS_MAX, Contention, ContentionBroken, ContentionPlan, Mix, measure,
};

/// So many words are shown, those that cause most.
const WORDS_SHOWN: usize = 25;

/// So many lines of the source are shown of a word that grows beyond sharing.
const LINES_SHOWN: usize = 2;

/// A word that passes seldom is not shown: less than once in so many operations.
const SELDOM: u64 = 500;

/// A word grows if it passes by more than a tenth more often, for each operation.
const GROWS: f64 = 1.1;

pub(super) fn main(options: &ContentionOptions) -> Result<Exit, Refusal> {
    let plan = plan(options)?;
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::with_draw_target(Some(plan.count()), ProgressDrawTarget::stderr())
    } else {
        ProgressBar::hidden()
    };
    let measured = measure(&plan, &|| bar.inc(1))?;
    bar.finish_and_clear();
    match measured {
        Ok(found) => {
            print(options.json, || text(&plan, &found), || value(&plan, &found))?;
            Ok(Exit::Passed)
        }
        Err(broken) => {
            print(options.json, || broken_text(&broken), || broken_value(&broken))?;
            Ok(Exit::Violation)
        }
    }
}

fn plan(options: &ContentionOptions) -> Result<ContentionPlan, Refusal> {
    let scenarios = if options.scenario == "all" {
        SCENARIOS.iter().collect()
    } else {
        vec![arguments::scenario(&options.scenario)?]
    };
    if PROTOCOLS.iter().any(|protocol| protocol.name == options.scenario) {
        return Err(Refusal(format!(
            "the program of {} is for so many threads and no others: give a scenario that is drawn \
            from the seed, see `hak-sim scenarios`",
            options.scenario
        )));
    }
    if !(2..=CONTENDERS_MAX).contains(&options.threads) {
        return Err(Refusal(format!("the number of threads is from 2 to {CONTENDERS_MAX}")));
    }
    if !(2..=OPERATIONS_MAX).contains(&options.ops) {
        return Err(Refusal(format!("the number of operations is from 2 to {OPERATIONS_MAX}")));
    }
    if options.schedules == 0 || options.slice == 0 {
        return Err(Refusal("there is at least one schedule, and one step in a turn".to_owned()));
    }
    if options.jobs == 0 || options.jobs > 256 {
        return Err(Refusal("the number of jobs is from 1 to 256".to_owned()));
    }
    Ok(ContentionPlan {
        scenarios,
        seed: options.seed,
        schedules: options.schedules,
        threads_max: options.threads,
        operations: options.ops,
        geometry: options.geometry,
        mix: if options.random { Mix::Random } else { Mix::Slices(options.slice) },
        jobs: options.jobs,
    })
}

/// How a number for each operation changes from two threads to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growth {
    /// By a tenth at most.
    None,
    /// By no more than a word has to that all threads write equally often: with two of them every
    /// second write comes after one of the other, with eight seven of eight do.
    AsShared,
    /// By more: an operation touches it more often, or more threads lose it with each write.
    Beyond,
}

impl Growth {
    fn of(row: &[f64]) -> Growth {
        let (Some(first), Some(last)) = (row.first(), row.last()) else { return Growth::None };
        let most = row.len() as f64 + 1.0;
        let shared = 2.0 * (most - 1.0) / most;
        if last <= &(first * GROWS) || row.len() == 1 {
            Growth::None
        } else if *last <= first * shared * GROWS {
            Growth::AsShared
        } else {
            Growth::Beyond
        }
    }

    const fn mark(self) -> &'static str {
        match self {
            Growth::None => "",
            Growth::AsShared => "+",
            Growth::Beyond => "++",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Growth::None => "none",
            Growth::AsShared => "as shared",
            Growth::Beyond => "beyond",
        }
    }
}

/// Passes for each operation, by number of threads.
fn row(found: &[Contention], passes: impl Fn(&Contention) -> u64) -> Vec<f64> {
    found.iter().map(|one| passes(one) as f64 / one.operations as f64).collect()
}

/// The passes of the allocator's words.
fn sum(one: &Contention) -> u64 {
    let words = one.passes.keys().filter(|word| is_word(word));
    words.map(|word| one.of(word).all).sum()
}

/// Whether it is a word of the allocator, and not the contents of a block.
fn is_word(name: &str) -> bool {
    !CONTENTS.contains(&name)
}

/// The words of these, the most frequent with most threads first.
fn words(found: &[Contention]) -> Vec<String> {
    let words: BTreeSet<&String> = found.iter().flat_map(|one| one.passes.keys()).collect();
    let mut words: Vec<String> = words.into_iter().cloned().collect();
    let last = |word: &String| found.last().map_or(0, |one| one.of(word).all);
    // Words are in the order of their names where they are equal.
    words.sort_by_key(|word| std::cmp::Reverse(last(word)));
    words
}

/// The scenarios together, by number of threads.
fn together(plan: &ContentionPlan, found: &[Vec<Contention>]) -> Vec<Contention> {
    let mut all = vec![Contention::default(); plan.threads().count()];
    for scenario in found {
        for (sum, one) in all.iter_mut().zip(scenario) {
            sum.add(one);
        }
    }
    all
}

/// A table whose first column is text and whose others are numbers.
struct ContentionTable {
    names: usize,
    text: String,
}

impl ContentionTable {
    fn new(plan: &ContentionPlan, title: &str, names: usize) -> ContentionTable {
        let mut table = ContentionTable { names, text: String::new() };
        let numbers: Vec<String> = plan.threads().map(|threads| threads.to_string()).collect();
        table.line(title, &numbers, "");
        table
    }

    fn line(&mut self, name: &str, cells: &[String], end: &str) {
        let mut line = format!("{name:width$}", width = self.names);
        for cell in cells {
            let _ = write!(line, " {cell:>7}");
        }
        let _ = writeln!(self.text, "{}", format!("{line} {end}").trim_end());
    }

    fn row(&mut self, name: &str, row: &[f64]) {
        let cells: Vec<String> = row.iter().map(|number| format!("{number:.3}")).collect();
        let end = match (row.first(), row.last()) {
            (Some(first), Some(last)) if *first > 0.0 && row.len() > 1 => {
                format!(" x{:<6.2}{}", last / first, Growth::of(row).mark())
            }
            (_, Some(last)) if *last > 0.0 => format!(" {:7}{}", "", Growth::of(row).mark()),
            _ => String::new(),
        };
        self.line(name, &cells, &end);
    }
}

fn text(plan: &ContentionPlan, found: &[Vec<Contention>]) -> String {
    let mut text = headline(plan);
    let longest = plan.scenarios.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    let mut table = ContentionTable::new(plan, "scenario", longest.max(8) + 2);
    for (scenario, found) in plan.scenarios.iter().zip(found) {
        table.row(scenario.name, &row(found, sum));
    }
    let all = together(plan, found);
    if plan.scenarios.len() > 1 {
        table.row("all", &row(&all, sum));
    }
    text += &table.text;
    text.push('\n');
    text += &words_text(plan, found, &all);
    text.push('\n');
    text += &folded(
        "x: how many times as many with the most threads as with two. +: more than 1.1 times; a \
        word that each operation writes equally often, whoever does it, comes to 2 (N - 1) / N \
        times with N threads. ++: more than 1.1 times that.",
        0,
        2,
    );
    text.push('\n');
    text
}

fn headline(plan: &ContentionPlan) -> String {
    let mut text =
        "cache lines that pass from one processor to another, for each operation\n".to_owned();
    let what = match plan.scenarios.as_slice() {
        [one] => format!("scenario {}", one.name),
        _ => "all scenarios".to_owned(),
    };
    let turns = match plan.mix {
        Mix::Slices(steps) => format!("turns of {}", counted(steps, "step", "steps")),
        Mix::Random => "any thread at each step".to_owned(),
    };
    let operations = plan.operations as u64;
    let words = format!(
        "{what}, seed {}, {} of 2 to {} threads, {} geometry, {turns}; each thread does {} \
        operations, of which the last {} count",
        plan.seed,
        counted(plan.schedules, "schedule", "schedules"),
        plan.threads_max,
        plan.geometry.name(),
        grouped(operations),
        grouped(operations - operations / 2),
    );
    let _ = writeln!(text, "  {}\n", folded(&words, 2, 4));
    text
}

/// The words that cause most, and for those that grow beyond sharing the lines of the source.
fn words_text(plan: &ContentionPlan, found: &[Vec<Contention>], all: &[Contention]) -> String {
    let often = |word: &String| all.iter().any(|one| one.of(word).all * SELDOM >= one.operations);
    let allocators: Vec<String> =
        words(all).into_iter().filter(|word| is_word(word) && often(word)).collect();
    let shown = &allocators[..allocators.len().min(WORDS_SHOWN)];
    let names = shown.iter().map(String::len).chain(CONTENTS.map(str::len)).max().unwrap_or(0);
    let mut table = ContentionTable::new(plan, "word", names);
    for word in shown {
        let numbers = row(all, |one| one.of(word).all);
        table.row(word, &numbers);
        if Growth::of(&numbers) != Growth::Beyond {
            continue;
        }
        if let Some(last) = all.last() {
            let falsely = last.of(word).falsely as f64 / last.operations as f64;
            let _ = write!(table.text, "    ");
            if plan.scenarios.len() > 1 {
                let _ = write!(table.text, "most in {}; ", most_in(plan, found, word));
            }
            let _ = writeln!(table.text, "{falsely:.3} after writes to other words only");
        }
        for line in most_lines(all, word) {
            table.row(&format!("    {line}"), &row(all, |one| one.passes_at(word, &line).all));
        }
    }
    for name in CONTENTS {
        table.row(name, &row(all, |one| one.of(name).all));
    }
    table.text
}

/// The scenario in which a word passes most with the most threads.
fn most_in(plan: &ContentionPlan, found: &[Vec<Contention>], word: &str) -> &'static str {
    let passes = |found: &[Contention]| found.last().map_or(0, |one| one.of(word).all);
    let most = plan.scenarios.iter().zip(found).max_by_key(|(_, found)| passes(found));
    most.map_or("", |(scenario, _)| scenario.name)
}

/// The lines of the source at which a word passes most with the most threads, none that has less
/// than a tenth.
fn most_lines(all: &[Contention], word: &str) -> Vec<String> {
    let Some(last) = all.last() else { return Vec::new() };
    let least = last.of(word).all / 10;
    let lines = last.passes.get(word).into_iter().flatten();
    let mut lines: Vec<_> = lines.filter(|(_, passes)| passes.all > least).collect();
    lines.sort_by_key(|(_, passes)| std::cmp::Reverse(passes.all));
    lines.into_iter().take(LINES_SHOWN).map(|(line, _)| line.clone()).collect()
}

impl Contention {
    /// The passes of a word at a line of the source.
    fn passes_at(&self, word: &str, line: &str) -> Passes {
        self.passes.get(word).and_then(|lines| lines.get(line)).copied().unwrap_or_default()
    }
}

fn value(plan: &ContentionPlan, found: &[Vec<Contention>]) -> Value {
    let slice = match plan.mix {
        Mix::Slices(steps) => Some(steps),
        Mix::Random => None,
    };
    json!({
        "outcome": "passed",
        "seed": plan.seed,
        "schedules": plan.schedules,
        "geometry": plan.geometry.name(),
        "slice": slice,
        "operations_of_a_thread": plan.operations,
        "threads": plan.threads().collect::<Vec<_>>(),
        "scenarios": plan.scenarios.iter().zip(found).map(|(scenario, found)| {
            let mut value = contention_value(found);
            value["name"] = scenario.name.into();
            value
        }).collect::<Vec<_>>(),
        "all": contention_value(&together(plan, found)),
    })
}

/// Counts by number of threads; they are for all operations that count.
fn contention_value(found: &[Contention]) -> Value {
    let by_threads =
        |passes: &dyn Fn(&Contention) -> u64| -> Vec<u64> { found.iter().map(passes).collect() };
    json!({
        "operations": by_threads(&|one| one.operations),
        "passes": by_threads(&sum),
        "words": words(found).iter().map(|word| json!({
            "word": word,
            "contents": !is_word(word),
            "passes": by_threads(&|one| one.of(word).all),
            "falsely": by_threads(&|one| one.of(word).falsely),
            "grows": Growth::of(&row(found, |one| one.of(word).all)).name(),
            "lines": lines(found, word).iter().map(|line| json!({
                "line": line,
                "passes": by_threads(&|one| one.passes_at(word, line).all),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

/// The lines of the source at which a word passes.
fn lines(found: &[Contention], word: &str) -> BTreeSet<String> {
    found
        .iter()
        .filter_map(|one| one.passes.get(word))
        .flat_map(|lines| lines.keys().cloned())
        .collect()
}

fn broken_text(broken: &ContentionBroken) -> String {
    let ContentionBroken { scenario, threads, schedule, violation } = broken;
    format!(
        "schedule {schedule} of scenario {} with {threads} threads breaks a rule: search it with \
        `hak-sim explore`\nVIOLATION {}: {}\n  at {}\n",
        scenario.name, violation.oracle, violation.message, violation.access.site
    )
}

fn broken_value(broken: &ContentionBroken) -> Value {
    json!({
        "outcome": "violation",
        "scenario": broken.scenario.name,
        "threads": broken.threads,
        "schedule": broken.schedule,
        "oracle": broken.violation.oracle,
        "message": broken.violation.message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_told_from_what_has_to() {
        // Two to eight threads: 1.75 times is what a word has that all write.
        let row = |last: f64| [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, last];
        assert_eq!(Growth::of(&row(0.5)), Growth::None);
        assert_eq!(Growth::of(&row(1.09)), Growth::None);
        assert_eq!(Growth::of(&row(1.2)), Growth::AsShared);
        assert_eq!(Growth::of(&row(1.9)), Growth::AsShared);
        assert_eq!(Growth::of(&row(2.0)), Growth::Beyond);
        assert_eq!(Growth::of(&[0.0, 0.1]), Growth::Beyond);
        assert_eq!(Growth::of(&[0.0, 0.0]), Growth::None);
        // With two threads alone nothing can be said.
        assert_eq!(Growth::of(&[1.0]), Growth::None);
    }
}
