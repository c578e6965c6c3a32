//! `hak-sim stress`: the scenarios on real threads.

use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::arguments::{self, Stress};
use super::{COMMIT, Exit, Refusal, print};
use crate::report::{counted, folded, grouped};
use crate::scenario::SCENARIOS;
use crate::stress::own_memory::STRESS_CHILD;
use crate::stress::{
    Ended, Flaw, SECONDS_MAX, STAND_INS, StressFinding, StressPlan, StressTotals, THREADS_MAX,
    oracle, stress_process, watch,
};

pub(super) fn main(options: &Stress) -> Result<Exit, Refusal> {
    let plan = plan(options)?;
    let name = STRESS_CHILD.to_str().expect("a name in ASCII");
    if std::env::var_os(name).is_some() {
        stress_process::main(&plan);
        return Ok(Exit::Passed);
    }
    let mut command = Command::new(std::env::current_exe()?);
    command.args(words(options)).env(name, "1");
    let ended = watch(command, plan.time)
        .map_err(|error| Refusal(format!("no process can be started for the stress: {error}")))?;
    if let Ended::Refused(why) = ended {
        return Err(Refusal(why));
    }
    check_power(&ended)?;
    print(options.json, || text(options, &ended), || value(options, &ended))?;
    Ok(if matches!(ended, Ended::Violation(..)) { Exit::Violation } else { Exit::Passed })
}

fn plan(options: &Stress) -> Result<StressPlan, Refusal> {
    if !(1..=THREADS_MAX).contains(&options.threads) {
        return Err(Refusal(format!("the number of threads is from 1 to {THREADS_MAX}")));
    }
    if !(1..=SECONDS_MAX).contains(&options.time) {
        return Err(Refusal(format!("the time is from 1 to {SECONDS_MAX} seconds")));
    }
    let scenarios = if options.scenario == "all" {
        SCENARIOS.iter().collect()
    } else {
        vec![arguments::scenario(&options.scenario)?]
    };
    Ok(StressPlan {
        seed: options.seed,
        threads: options.threads,
        time: Duration::from_secs(options.time),
        scenarios,
        round: options.round,
        stand_in: options.stand_in,
    })
}

/// The arguments that say the same again.
fn words(options: &Stress) -> Vec<String> {
    let mut words: Vec<String> = ["stress", "--seed"].map(str::to_owned).to_vec();
    words.push(options.seed.to_string());
    words.extend(["--threads".to_owned(), options.threads.to_string()]);
    words.extend(["--time".to_owned(), options.time.to_string()]);
    words.extend(["--scenario".to_owned(), options.scenario.clone()]);
    if let Some(round) = options.round {
        words.extend(["--round".to_owned(), round.to_string()]);
    }
    if let Some(flaw) = options.stand_in {
        words.extend(["--stand-in".to_owned(), flaw_name(flaw).to_owned()]);
    }
    words
}

fn flaw_name(flaw: Flaw) -> &'static str {
    STAND_INS.iter().find(|(_, other, _)| *other == flaw).map_or("sound", |(name, ..)| name)
}

/// The command that tries a round again.
fn command(options: &Stress, round: u64) -> String {
    let again = Stress { round: Some(round), ..options.clone() };
    format!("cargo run --release -- {}", words(&again).join(" "))
}

/// A stress in which nothing happened is no pass.
fn check_power(ended: &Ended) -> Result<(), Refusal> {
    match ended {
        Ended::Passed(totals) if totals.remote_frees == 0 => Err(Refusal(format!(
            "this stress proves nothing: no block was ever freed by another thread than the one \
            that asked for it in {}; try more threads, more time or another scenario",
            counted(totals.rounds, "round", "rounds")
        ))),
        _ => Ok(()),
    }
}

fn text(options: &Stress, ended: &Ended) -> String {
    let what = match options.scenario.as_str() {
        "all" => "all scenarios".to_owned(),
        name => format!("scenario {name}"),
    };
    let subject = match options.stand_in {
        None => "hak".to_owned(),
        Some(flaw) => format!("the stand-in {}", flaw_name(flaw)),
    };
    let headline = format!(
        "stressed {subject} with {what}, seed {}, {}, {}",
        options.seed,
        counted(options.threads as u64, "thread", "threads"),
        counted(options.time, "second", "seconds")
    );
    let mut text = folded(&headline, 0, 2) + "\n";
    let oracles = format!("{} oracles: {}", oracle::ALL.len(), oracle::ALL.join(" "));
    match ended {
        Ended::Passed(totals) => {
            for line in [sums(totals), memory(totals), oracles] {
                let _ = writeln!(text, "  {}", folded(&line, 2, 4));
            }
            text += "nothing wrong\n";
        }
        Ended::Violation(StressFinding { oracle, message }, round) => {
            let line = format!("VIOLATION {oracle}: {message}");
            let _ = writeln!(text, "{}", folded(&line, 0, 2));
            let _ = writeln!(text, "  in round {}", grouped(*round));
            let again = format!(
                "the system schedules, so that the round may pass another time; try it again and \
                again (commit {COMMIT}) with:"
            );
            let _ = writeln!(text, "{}\n  {}", folded(&again, 0, 2), command(options, *round));
        }
        Ended::Refused(_) => {}
    }
    text
}

fn sums(totals: &StressTotals) -> String {
    format!(
        "{}, {} ({} per second), {}, {}, {}, {}, {}",
        counted(totals.rounds, "round", "rounds"),
        counted(totals.operations, "operation", "operations"),
        grouped(totals.operations_per_second()),
        counted(totals.blocks, "block", "blocks"),
        counted(totals.remote_frees, "remote free", "remote frees"),
        counted(totals.threads_ended, "thread ended", "threads ended"),
        counted(totals.heaps_handed_over, "heap handed over", "heaps handed over"),
        counted(totals.refused, "request refused", "requests refused")
    )
}

fn memory(totals: &StressTotals) -> String {
    format!(
        "{} at rest, {} KiB resident at most, {} KiB left where blocks lie",
        counted(totals.audits, "audit", "audits"),
        grouped(totals.peak_resident / 1024),
        grouped(totals.left_resident / 1024)
    )
}

fn value(options: &Stress, ended: &Ended) -> Value {
    let (totals, violation) = match ended {
        Ended::Passed(totals) => (Some(totals.value()), None),
        Ended::Violation(StressFinding { oracle, message }, round) => {
            let command = command(options, *round);
            let violation = json!({
                "oracle": oracle,
                "message": message,
                "round": round,
                "command": command,
            });
            (None, Some(violation))
        }
        Ended::Refused(_) => (None, None),
    };
    json!({
        "outcome": if violation.is_some() { "violation" } else { "passed" },
        "scenario": options.scenario,
        "seed": options.seed,
        "threads": options.threads,
        "seconds": options.time,
        "stand_in": options.stand_in.map(flaw_name),
        "oracles": oracle::ALL,
        "commit": COMMIT,
        "totals": totals,
        "violation": violation,
    })
}
