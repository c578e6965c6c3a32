//! `hak-sim prove`: all schedules of a small program.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::arguments::{self, Prove};
use super::{COMMIT, Exit, Refusal, print, run};
use crate::oracle::ORACLES;
use crate::oracle::slabs::Counts;
use crate::prove::{Options, Proof, Verdict};
use crate::report::{self, grouped};
use crate::settings::{GeometryName, MemoryModel, Settings, StrategyName};
use crate::simulation::{Guidable, Report, Simulator};

/// What was proved, and what is said of it.
struct Outcome {
    settings: Settings,
    proof: Proof,
    counts: Counts,
    elapsed: Duration,
    failure: Option<Report>,
}

pub(super) fn main(options: &Prove) -> Result<Exit, Refusal> {
    if options.common.geometry != GeometryName::Tiny {
        let why = "prove searches the tiny geometry only: it keeps notes for every word that is committed";
        return Err(Refusal(why.to_owned()));
    }
    if options.common.memory() != MemoryModel::Sc {
        let why = "prove searches sequentially consistent memory only; `hak-sim explore --memory weak` samples the other";
        return Err(Refusal(why.to_owned()));
    }
    let scenario = arguments::scenario(&options.scenario)?;
    if scenario.failing_system_calls {
        let why = format!(
            "prove makes no system call fail, and that is what '{}' is about",
            scenario.name
        );
        return Err(Refusal(why));
    }
    let settings = options.common.settings(scenario, options.seed, 0, StrategyName::Random)?;
    let limits = Options {
        states_max: options.states_max,
        bytes_max: options.memory_max << 20,
        clocks_matter: !options.merge_clocks,
        ..Options::default()
    };
    let bar = progress_bar();
    let mut simulator = Simulator::new();
    let begin = Instant::now();
    let (proof, counts) = simulator.prove(&settings, &limits, &mut |states, transitions| {
        bar.set_message(format!("{} states, {} steps", grouped(states), grouped(transitions)));
        bar.tick();
    })?;
    let elapsed = begin.elapsed();
    bar.finish_and_clear();
    let failure = match &proof.verdict {
        Verdict::Violation(_, schedule) => {
            Some(again(&mut simulator, options, &settings, schedule)?)
        }
        Verdict::Complete | Verdict::Cut { .. } => None,
    };
    let outcome = Outcome { settings, proof, counts, elapsed, failure };
    print(options.common.json, || text(options, &outcome), || value(&outcome))?;
    Ok(match outcome.proof.verdict {
        Verdict::Complete => Exit::Passed,
        Verdict::Violation(..) => Exit::Violation,
        Verdict::Cut { .. } => Exit::Cut,
    })
}

/// Makes the run of the violation again, alone, for its report and its trace.
fn again(
    simulator: &mut Simulator,
    options: &Prove,
    settings: &Settings,
    schedule: &[usize],
) -> Result<Report, Refusal> {
    let mut subject =
        Guidable { simulator, extras: run::EXTRAS, script: Some(schedule), report: None };
    let trace = hak_replay::record(&mut subject, &settings.to_config()).map_err(Refusal::from)?;
    let report = subject.report.take().expect("a run leaves a report");
    if report.violation().is_none() {
        return Err(Refusal(
            "the violation did not come again when its schedule was run alone".into(),
        ));
    }
    if let Some(file) = &options.trace {
        trace.write(file)?;
    }
    Ok(report)
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed}  {msg}") {
        bar.set_style(style);
    }
    bar
}

fn command(settings: &Settings, options: &Prove) -> String {
    let mut command = format!("cargo run --release -- prove --scenario {}", settings.scenario.name);
    if let Some(fault) = settings.plant {
        let _ = write!(command, " --plant {}", fault.name());
    }
    if settings.threads != settings.scenario.threads {
        let _ = write!(command, " --threads {}", settings.threads);
    }
    if settings.operations != settings.scenario.operations {
        let _ = write!(command, " --ops {}", settings.operations);
    }
    if !settings.scenario.prologue {
        let _ = write!(command, " --seed {}", settings.seed);
    }
    if options.merge_clocks {
        command.push_str(" --merge-clocks");
    }
    command
}

fn text(options: &Prove, outcome: &Outcome) -> String {
    let Outcome { settings, proof, counts, elapsed, failure } = outcome;
    let plant =
        settings.plant.map_or(String::new(), |fault| format!(", planted fault {}", fault.name()));
    let mut text = format!(
        "all schedules of scenario {}, {} threads, {} geometry, {} memory{plant}\n",
        settings.scenario.name,
        settings.threads,
        settings.geometry.name(),
        settings.memory.name()
    );
    let seconds = elapsed.as_secs_f64().max(1e-9);
    let _ = writeln!(
        text,
        "  {} states, {} transitions, depth {}, {} final states; {} passes, {} steps in all",
        grouped(proof.states),
        grouped(proof.transitions),
        grouped(proof.depth),
        grouped(proof.finals.len() as u64),
        proof.passes,
        grouped(proof.transitions_all)
    );
    let _ = writeln!(
        text,
        "  {:.1} s, {} steps/s, {} KiB for states and snapshots",
        seconds,
        grouped((proof.transitions_all as f64 / seconds) as u64),
        grouped((proof.bytes >> 10) as u64)
    );
    let _ = writeln!(
        text,
        "  on all paths together: {} bound, {} filled, {} reopened, {} abandoned, {} adopted, {} emptied; \
         {} remote frees; {} superslabs retired",
        grouped(counts.bound),
        grouped(counts.filled),
        grouped(counts.reopened),
        grouped(counts.abandoned),
        grouped(counts.adopted),
        grouped(counts.emptied),
        grouped(counts.remote_frees),
        grouped(counts.retired)
    );
    match &proof.verdict {
        Verdict::Complete => {
            let races = if options.merge_clocks { ", races on merged paths excepted" } else { "" };
            let _ = writeln!(
                text,
                "complete: no schedule of this program breaks a rule of {} oracles{races}",
                ORACLES.len()
            );
        }
        Verdict::Violation(..) => {
            if let Some(report) = failure {
                text += &report::text(report);
            }
            let _ = writeln!(
                text,
                "reproduce it (commit {COMMIT}) with:\n  {}",
                command(settings, options)
            );
            if let Some(file) = &options.trace {
                let _ = writeln!(
                    text,
                    "recorded into {0}; replay it with:\n  cargo run --release -- replay {0}",
                    file.display()
                );
            }
        }
        Verdict::Cut { limit, frontier, depth } => {
            let _ = writeln!(
                text,
                "cut: the limit of {limit} was reached at depth {}, with {} steps still to be followed; \
                 nothing wrong so far",
                grouped(*depth),
                grouped(*frontier)
            );
        }
    }
    text
}

fn value(outcome: &Outcome) -> Value {
    let Outcome { settings, proof, elapsed, failure, .. } = outcome;
    let cut = match &proof.verdict {
        Verdict::Cut { limit, frontier, depth } => {
            Some(json!({ "limit": limit, "frontier": frontier, "depth": depth }))
        }
        Verdict::Complete | Verdict::Violation(..) => None,
    };
    json!({
        "outcome": match &proof.verdict {
            Verdict::Complete => "complete",
            Verdict::Violation(..) => "violation",
            Verdict::Cut { .. } => "cut",
        },
        "scenario": settings.scenario.name,
        "plant": settings.plant.map(|fault| fault.name()),
        "threads": settings.threads,
        "geometry": settings.geometry.name(),
        "memory": settings.memory.name(),
        "states": proof.states,
        "transitions": proof.transitions,
        "transitions_all": proof.transitions_all,
        "passes": proof.passes,
        "depth": proof.depth,
        "final_states": proof.finals.len(),
        "bytes": proof.bytes,
        "seconds": elapsed.as_secs_f64(),
        "cut": cut,
        "failure": failure.as_ref().map(|report| report::value(report, COMMIT)),
    })
}
