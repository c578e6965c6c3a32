//! `hak-sim prove`: all schedules of a small program.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::arguments::{self, Prove};
use super::{COMMIT, Exit, Refusal, print, run};
use crate::faults;
use crate::observe::ORACLES;
use crate::observe::lifecycle::LifecycleCounts;
use crate::report::{self, grouped};
use crate::run::events::{self, Events, Kill};
use crate::run::script::{ScriptStep, Way};
use crate::run::settings::{GeometryName, Settings, StrategyName};
use crate::run::simulation::{Guidable, Report, Simulator};
use crate::runtime::Allowance;
use crate::search::prove::{Proof, ProofOptions, ProofVerdict};

/// What was proved, and what is said of it.
struct ProofOutcome {
    settings: Settings,
    proof: Proof,
    counts: LifecycleCounts,
    elapsed: Duration,
    failure: Option<Report>,
}

pub(super) fn main(options: &Prove) -> Result<Exit, Refusal> {
    if options.common.geometry() != GeometryName::Tiny {
        let why = "prove searches the tiny geometry only: it keeps notes for every word that is \
            committed";
        return Err(Refusal(why.to_owned()));
    }
    let scenario = arguments::scenario(&options.scenario)?;
    if scenario.failing_system_calls && options.failures == 0 {
        let why = format!(
            "'{}' is about failing system calls: say how many may fail, as in --failures 1",
            scenario.name
        );
        return Err(Refusal(why));
    }
    options.trace.as_deref().map_or(Ok(()), run::check_trace_file)?;
    let settings = options.common.settings(scenario, options.seed, 0, StrategyName::Random)?;
    let events = Allowance {
        failures: options.failures,
        spurious: options.spurious,
        stops: u32::from(options.kill),
    };
    let limits = ProofOptions {
        states_max: options.states_max,
        bytes_max: options.memory_max << 20,
        clocks_matter: !options.merge_clocks,
        events,
        ..ProofOptions::default()
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
        ProofVerdict::Violation(_, schedule) => {
            Some(again(&mut simulator, options, &settings, schedule)?)
        }
        ProofVerdict::Complete | ProofVerdict::Cut { .. } => None,
    };
    let outcome = ProofOutcome { settings, proof, counts, elapsed, failure };
    print(options.common.json, || text(options, &outcome), || value(options, &outcome))?;
    Ok(match outcome.proof.verdict {
        ProofVerdict::Complete => Exit::Passed,
        ProofVerdict::Violation(..) => Exit::Violation,
        ProofVerdict::Cut { .. } => Exit::Cut,
    })
}

/// Makes the run of the violation again, alone, for its report and its trace.
fn again(
    simulator: &mut Simulator,
    options: &Prove,
    settings: &Settings,
    schedule: &[ScriptStep],
) -> Result<Report, Refusal> {
    let settings = &Settings { events: stopped(schedule), ..*settings };
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

/// Who stops for ever in this schedule; the rest of it is recorded step by step.
fn stopped(schedule: &[ScriptStep]) -> Events {
    let stop = schedule.iter().position(|step| step.way == Way::Stop);
    stop.map_or(Events::NONE, |at| {
        let thread = schedule[at].thread;
        let steps = schedule[..at].iter().filter(|step| step.thread == thread).count();
        Events { kill: Kill::At(thread, steps as u32), ..Events::NONE }
    })
}

/// What may happen beside the interleaving, for people.
fn allowed(options: &Prove) -> String {
    let mut text = String::new();
    let mut add = |count: u32, one: &str, many: &str| match count {
        0 => {}
        1 => text += &format!(", at most 1 {one}"),
        _ => text += &format!(", at most {count} {many}"),
    };
    add(options.failures, "failing system call", "failing system calls");
    add(options.spurious, "spurious failure", "spurious failures");
    add(u32::from(options.kill), "thread that stops for ever", "");
    text
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
    if settings.memory != faults::memory(settings.plant) {
        let _ = write!(command, " --memory {}", settings.memory.name());
    }
    if options.failures > 0 {
        let _ = write!(command, " --{} {}", events::FAILURES, options.failures);
    }
    if options.spurious > 0 {
        let _ = write!(command, " --{} {}", events::SPURIOUS, options.spurious);
    }
    if options.kill {
        let _ = write!(command, " --{}", events::KILL);
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

fn text(options: &Prove, outcome: &ProofOutcome) -> String {
    let ProofOutcome { settings, proof, counts, elapsed, failure } = outcome;
    let plant =
        settings.plant.map_or(String::new(), |fault| format!(", planted fault {}", fault.name()));
    let mut text = format!(
        "all schedules of scenario {}, {} threads, {} geometry, {} memory{}{plant}\n",
        settings.scenario.name,
        settings.threads,
        settings.geometry.name(),
        settings.memory.name(),
        allowed(options)
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
    let _ = writeln!(text, "  on all paths together:\n{}", report::counts_text(counts));
    match &proof.verdict {
        ProofVerdict::Complete => {
            let races = if options.merge_clocks { ", races on merged paths excepted" } else { "" };
            let _ = writeln!(
                text,
                "complete: no schedule of this program breaks a rule of {} oracles{races}",
                ORACLES.len()
            );
        }
        ProofVerdict::Violation(..) => {
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
        ProofVerdict::Cut { limit, frontier, depth } => {
            let _ = writeln!(
                text,
                "cut: the limit of {limit} was reached at depth {}, with {} steps still to be \
                followed; nothing wrong so far",
                grouped(*depth),
                grouped(*frontier)
            );
        }
    }
    text
}

fn value(options: &Prove, outcome: &ProofOutcome) -> Value {
    let ProofOutcome { settings, proof, elapsed, failure, .. } = outcome;
    let cut = match &proof.verdict {
        ProofVerdict::Cut { limit, frontier, depth } => {
            Some(json!({ "limit": limit, "frontier": frontier, "depth": depth }))
        }
        ProofVerdict::Complete | ProofVerdict::Violation(..) => None,
    };
    json!({
        "outcome": match &proof.verdict {
            ProofVerdict::Complete => "complete",
            ProofVerdict::Violation(..) => "violation",
            ProofVerdict::Cut { .. } => "cut",
        },
        "scenario": settings.scenario.name,
        "plant": settings.plant.map(|fault| fault.name()),
        "threads": settings.threads,
        "geometry": settings.geometry.name(),
        "memory": settings.memory.name(),
        "failures": options.failures,
        "spurious": options.spurious,
        "kill": options.kill,
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
