//! A trace as columns: one for each thread, a line for each step, with the core's source lines.
//!
//! Few threads get a wide column each, and the text of a step begins in the column of its thread
//! and may run on to the right of it. More threads get a narrow column each with a mark in it, and
//! the text stands behind all of them.
//!
//! ```text
//!   step | thread 0        | thread 1               step | 0 1 2 3 4 t | t tidies up after all
//! -------+-----------------+---------------------- ------+-------------+----------------------
//!    412 | swap slot.rs:88 |                         412 | *           | swap slot.rs:88
//!    413 |                 | cas ownership.rs:120    413 |     *       | cas ownership.rs:120
//! ```
//!
//! Steps are counted from one, as in every report.

use std::fmt::Write;

use hak_traces::{
    EVENT_PLAIN, EVENT_READ_FROM, EVENT_SPURIOUS_FAILURE, EVENT_SYSTEM_CALL_FAILURE, Outcome, Step,
    Trace,
};

use crate::report::{WIDTH, folded, grouped, plain};

/// The columns in front of those of the threads.
const MARGIN: usize = 7;

/// More columns than this hold a mark only.
const WIDE_MAX: usize = 4;

/// The least width of the last wide column: nothing can run on to the right of it.
const LAST_MIN: usize = 30;

/// Draws the steps of a trace, or only the `last` ones.
pub fn draw(trace: &Trace, last: Option<usize>, kind_name: fn(u8) -> &'static str) -> String {
    let mut text = headline(trace);
    let columns = Columns::of(trace);
    columns.head(&mut text);
    let skipped = last.map_or(0, |last| trace.steps.len().saturating_sub(last));
    if skipped > 0 {
        let _ = writeln!(text, "   ... | {} steps before", grouped(skipped as u64));
    }
    for (number, step) in trace.steps.iter().enumerate().skip(skipped) {
        let mut row = format!("{:>6} {}", number + 1, columns.rails());
        columns.place(&mut row, step, &step_text(trace, step, kind_name));
        text.push_str(row.trim_end());
        text.push('\n');
    }
    columns.rule(&mut text);
    match &trace.outcome {
        Outcome::Passed => text.push_str("nothing wrong\n"),
        Outcome::Violation { oracle, message, thread, step, .. } => {
            let sentence =
                format!("VIOLATION {oracle} at step {step}, thread {thread}: {}", plain(message));
            let _ = writeln!(text, "{}", folded(&sentence, 0, 2));
        }
    }
    text
}

fn headline(trace: &Trace) -> String {
    let config = &trace.config;
    let line = format!(
        "scenario {}, seed {}, schedule {}, strategy {}, {} geometry, {} memory",
        config.scenario,
        config.seed,
        config.schedule,
        config.strategy,
        config.geometry,
        config.memory
    );
    let mut text = folded(&plain(&line), 0, 2) + "\n";
    if let Some(fault) = &config.plant {
        let _ = writeln!(text, "  planted fault {}", plain(fault));
    }
    text
}

/// What a step did, and where in the source.
fn step_text(trace: &Trace, step: &Step, kind_name: fn(u8) -> &'static str) -> String {
    let site = &trace.sites[step.site as usize];
    let file = site.file.rsplit('/').next().unwrap_or_default();
    let kind = match kind_name(step.kind) {
        "compare-exchange" => "cas",
        "weak compare-exchange" => "weak cas",
        other => other,
    };
    let event = match step.event {
        EVENT_PLAIN | EVENT_READ_FROM => String::new(),
        EVENT_SYSTEM_CALL_FAILURE | EVENT_SPURIOUS_FAILURE => " fails".to_owned(),
        // It read, or put its store behind, the one that lies so many behind the newest that it may
        // read.
        other => format!(" {} back", other - EVENT_READ_FROM),
    };
    plain(&format!("{kind}{event} {file}:{}", site.line))
}

/// Where the columns stand.
struct Columns {
    threads: usize,
    /// Whether the last thread, which tidies up after the others, made a step.
    tidies: bool,
    /// The width of a thread's column with the line in front of it, and what is left for the last
    /// one; `None` if columns hold only a mark.
    wide: Option<usize>,
}

impl Columns {
    fn of(trace: &Trace) -> Columns {
        let all = trace.config.threads as usize;
        let tidies = trace.steps.iter().any(|step| step.thread as usize + 1 == all);
        let threads = if tidies { all } else { all.saturating_sub(1) };
        let wide = match threads {
            0 | 1 => Some(WIDTH - MARGIN),
            2..=WIDE_MAX => {
                let room = WIDTH - MARGIN;
                Some((room / threads).min((room - LAST_MIN) / (threads - 1)))
            }
            _ => None,
        };
        Columns { threads, tidies, wide }
    }

    fn head(&self, text: &mut String) {
        text.push_str("  step ");
        for thread in 0..self.threads {
            let tidies = self.tidies && thread + 1 == self.threads;
            let _ = match self.wide {
                Some(width) => {
                    let title =
                        if tidies { "tidies up".to_owned() } else { format!("thread {thread}") };
                    write!(text, "| {title:width$}", width = width - 2)
                }
                None => {
                    let line = if thread == 0 { "| " } else { "" };
                    let title = if tidies { "t".to_owned() } else { (thread % 10).to_string() };
                    write!(text, "{line}{title} ")
                }
            };
        }
        if self.wide.is_none() {
            text.push_str(if self.tidies { "| t tidies up after the others" } else { "|" });
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        self.rule(text);
    }

    fn rule(&self, text: &mut String) {
        text.push_str(&"-".repeat(MARGIN));
        let line = match self.wide {
            Some(width) => {
                let before = self.threads.saturating_sub(1);
                let last = WIDTH - MARGIN - before * width;
                format!("+{}", "-".repeat(width - 1)).repeat(before) + "+" + &"-".repeat(last - 1)
            }
            None => {
                let marks = 1 + 2 * self.threads;
                let rest = WIDTH.saturating_sub(MARGIN + marks + 2);
                format!("+{}+{}", "-".repeat(marks), "-".repeat(rest))
            }
        };
        text.push_str(&line);
        text.push('\n');
    }

    /// The lines between the columns.
    fn rails(&self) -> String {
        match self.wide {
            Some(width) => format!("|{}", " ".repeat(width - 1)).repeat(self.threads),
            None => format!("| {}|", "  ".repeat(self.threads)),
        }
    }

    /// Writes a step's text over the lines of its row.
    fn place(&self, row: &mut String, step: &Step, cell: &str) {
        let thread = step.thread as usize;
        match self.wide {
            Some(width) => {
                let begin = MARGIN + thread * width + 2;
                overwrite(row, begin.min(WIDTH.saturating_sub(cell.chars().count())), cell);
            }
            None => {
                overwrite(row, MARGIN + 2 + 2 * thread, "*");
                row.push(' ');
                row.push_str(cell);
            }
        }
    }
}

/// Writes `cell` over the characters of `row` from `begin` on.
fn overwrite(row: &mut String, begin: usize, cell: &str) {
    let behind = begin + cell.chars().count();
    *row = row.chars().take(begin).chain(cell.chars()).chain(row.chars().skip(behind)).collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use hak_traces::{Config, Site};

    fn trace(threads: u32, steps: &[u8]) -> Trace {
        let file = "core/src/tables/remote_list.rs".to_owned();
        let step = |&thread| Step { thread, ..Step::default() };
        Trace {
            config: Config { threads, ..Config::default() },
            sites: vec![Site { file, line: 1_234, column: 5 }],
            steps: steps.iter().map(step).collect(),
            ..Trace::default()
        }
    }

    #[test]
    fn any_number_of_threads_is_drawn_within_the_width() {
        for threads in 0..=8_u8 {
            let steps: Vec<u8> = (0..threads).collect();
            let text = draw(&trace(u32::from(threads), &steps), None, |_| "weak compare-exchange");
            for line in text.lines() {
                assert!(line.chars().count() <= WIDTH, "{threads} threads: {line}");
            }
            let cells = text.matches("weak cas remote_list.rs:1234").count();
            assert_eq!(cells, usize::from(threads), "{text}");
        }
    }

    #[test]
    fn a_step_stands_in_the_column_of_its_thread() {
        let text = draw(&trace(3, &[1]), None, |_| "load");
        let lines: Vec<&str> = text.lines().collect();
        let title = lines[1].find("thread 1");
        assert!(title.is_some() && lines[3].find("load") == title, "{text}");
        let text = draw(&trace(8, &[6]), None, |_| "load");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1].find("6"), lines[3].find("*"), "{text}");
    }

    #[test]
    fn who_tidies_up_has_a_column_once_it_made_a_step() {
        assert!(!draw(&trace(3, &[0, 1]), None, |_| "load").contains("tidies up"));
        assert!(draw(&trace(3, &[0, 1, 2]), None, |_| "load").contains("tidies up"));
    }
}
