//! A trace as columns: one for each thread, a line for each step, with the core's source lines.
//!
//! ```text
//!  step | thread 0                       | thread 1
//!   412 | swap            slot.rs:88     |
//!   413 |                                | compare-exchange  ownership.rs:120
//! ```

use std::fmt::Write;

use hak_traces::{Outcome, Trace};

/// The width that the picture keeps to.
const WIDTH: usize = 100;

/// Draws the steps of a trace, or only the `last` ones.
pub fn draw(trace: &Trace, last: Option<usize>, kind_name: fn(u8) -> &'static str) -> String {
    let config = &trace.config;
    let mut text = format!(
        "scenario {}, seed {}, schedule {}, strategy {}, {} geometry, planted fault {}\n",
        config.scenario,
        config.seed,
        config.schedule,
        config.strategy,
        config.geometry,
        config.plant.as_deref().unwrap_or("none")
    );
    let threads = config.threads as usize;
    let column = ((WIDTH - 7) / threads).saturating_sub(3).max(12);
    let rule = |text: &mut String| {
        let _ = writeln!(text, "-------{}", format!("+{}", "-".repeat(column + 2)).repeat(threads));
    };
    let _ = write!(text, "  step ");
    for thread in 0..threads {
        let title =
            if thread + 1 == threads { "tidies up".to_owned() } else { format!("thread {thread}") };
        let _ = write!(text, "| {title:column$} ");
    }
    text.push('\n');
    rule(&mut text);
    let skipped = last.map_or(0, |last| trace.steps.len().saturating_sub(last));
    for (number, step) in trace.steps.iter().enumerate().skip(skipped) {
        let site = &trace.sites[step.site as usize];
        let file = site.file.rsplit('/').next().unwrap_or_default();
        let place = format!("{file}:{}", site.line);
        let kind = kind_name(step.kind);
        let width = column.saturating_sub(place.len() + 1);
        let cell = format!("{:width$.width$} {place:.column$}", kind);
        let _ = write!(text, "{:>6} ", number + 1);
        for thread in 0..threads {
            let shown = if thread == step.thread as usize { cell.as_str() } else { "" };
            let _ = write!(text, "| {shown:column$.column$} ");
        }
        while text.ends_with(' ') {
            text.pop();
        }
        text.push('\n');
    }
    rule(&mut text);
    match &trace.outcome {
        Outcome::Passed => text.push_str("nothing wrong\n"),
        Outcome::Violation { oracle, message, thread, step, .. } => {
            let _ = writeln!(text, "VIOLATION {oracle} at step {step}, thread {thread}: {message}");
        }
    }
    text
}
