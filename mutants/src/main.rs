//! `hak-mutants`: the mutation score of the core's guards, counts, bounds and rollbacks.
//!
//! Exit codes: 0 every mutant was noticed or is argued for, 1 not so, 2 bad usage, or nothing could
//! be built or run.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use hak_mutants::arguments::{self, Argument};
use hak_mutants::places::{self, Mutant};
use hak_mutants::score::{SCHEDULES, Verdict, score};
use hak_mutants::{copy, source};
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

/// Changes each guard, count, bound and rollback of hak's core in turn, and asks whether the
/// simulator notices.
///
/// Exit codes: 0 every mutant was noticed or is argued for, 1 not so, 2 bad usage, or nothing could
/// be built or run.
#[derive(Parser)]
struct Arguments {
    /// Only list the mutants.
    #[arg(long)]
    list: bool,
    /// Only mutants in whose line of the list this text stands.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Only mutants that no argument stands for.
    #[arg(long)]
    unargued: bool,
    /// Only mutants that an argument stands for.
    #[arg(long, conflicts_with = "unargued")]
    argued: bool,
    /// Only every N-th mutant, from the K-th on, which is counted from 0.
    #[arg(long, value_name = "K/N", value_parser = shard, default_value = "0/1")]
    shard: (usize, usize),
    /// How many schedules a mutant has to survive in the first search; those of the others are in
    /// proportion.
    #[arg(long, value_name = "N", default_value_t = SCHEDULES)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    schedules: u64,
    /// Processes; the result is the same for any number.
    #[arg(long, value_name = "N", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..))]
    jobs: u8,
    /// Print a line for each mutant, not only for those that are wrong.
    #[arg(long)]
    all: bool,
    /// Print one JSON object, last, on standard output.
    #[arg(long)]
    json: bool,
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    parts.filter(|(k, n)| k < n).ok_or_else(|| "it is K/N, with K below N".to_owned())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            // Nobody is left to tell if this fails.
            let _ = writeln!(std::io::stderr(), "hak-mutants: {error}");
            ExitCode::from(2)
        }
    }
}

/// What is to be said about a mutant, if anything.
fn judged(verdict: &Verdict, argument: Option<&Argument>) -> Option<String> {
    match (verdict.is_noticed(), argument) {
        (true, None) | (false, Some(_)) => None,
        (false, None) => Some(verdict.to_string()),
        (true, Some(argument)) => {
            let line = argument.line;
            Some(format!("{verdict}, although line {line} of arguments.txt says that it survives"))
        }
    }
}

/// Says which arguments are about no mutant.
fn tell_stale(out: &mut impl Write, stale: &[&Argument]) -> std::io::Result<()> {
    for argument in stale {
        writeln!(out, "line {} of arguments.txt names no mutant: {}", argument.line, argument.key)?;
    }
    Ok(())
}

fn run(options: &Arguments) -> Result<bool, Box<dyn std::error::Error>> {
    let begin = Instant::now();
    let core = places::read(&source().join("core/src"))?;
    let arguments = arguments::ours()?;
    let stale = arguments::stale(&arguments, &core.mutants);
    let wanted = |mutant: &&Mutant| {
        options.only.as_ref().is_none_or(|only| mutant.to_string().contains(only.as_str()))
            && !(options.unargued && arguments::find(&arguments, mutant).is_some())
            && !(options.argued && arguments::find(&arguments, mutant).is_none())
    };
    let (first, step) = options.shard;
    let mutants: Vec<&Mutant> =
        core.mutants.iter().filter(wanted).skip(first).step_by(step).collect();
    let mut out = std::io::stdout().lock();
    if options.list {
        for mutant in &mutants {
            writeln!(out, "{mutant}")?;
        }
        writeln!(out, "{} mutants", mutants.len())?;
        tell_stale(&mut out, &stale)?;
        return Ok(stale.is_empty());
    }
    let program = copy::build(&source(), &core)?;
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::with_draw_target(Some(mutants.len() as u64), ProgressDrawTarget::stderr())
    } else {
        ProgressBar::hidden()
    };
    let quiet = options.json;
    let tell = |mutant: &Mutant, verdict: &Verdict| {
        let argument = arguments::find(&arguments, mutant);
        let argued = if argument.is_some() { ", argued" } else { "" };
        let what =
            judged(verdict, argument).or_else(|| options.all.then(|| format!("{verdict}{argued}")));
        if let Some(what) = what.filter(|_| !quiet) {
            bar.suspend(|| println!("{mutant}\n    {what}"));
        }
        bar.inc(1);
    };
    drop(out);
    let verdicts = score(&program, &mutants, options.schedules, options.jobs.into(), &tell)?;
    bar.finish_and_clear();
    let mut out = std::io::stdout().lock();
    let mut counts = [0; 4];
    let mut is_wrong = false;
    let mut list = Vec::new();
    for (mutant, verdict) in mutants.iter().zip(&verdicts) {
        let argument = arguments::find(&arguments, mutant);
        is_wrong |= judged(verdict, argument).is_some();
        counts[match (verdict, argument) {
            (Verdict::Differs(_), _) => 1,
            (verdict, _) if verdict.is_noticed() => 0,
            (_, Some(_)) => 2,
            (_, None) => 3,
        }] += 1;
        list.push(json!({
            "mutant": mutant.to_string(),
            "verdict": verdict.to_string(),
            "noticed": verdict.is_noticed(),
            "argument": argument.map(|argument| &argument.reason),
        }));
    }
    let passed = stale.is_empty() && !is_wrong;
    let seconds = begin.elapsed().as_secs_f64();
    if options.json {
        let value = json!({
            "outcome": if passed { "passed" } else { "survived" },
            "killed": counts[0],
            "differ": counts[1],
            "argued": counts[2],
            "survived": counts[3],
            "stale": stale.iter().map(|argument| &argument.key).collect::<Vec<_>>(),
            "seconds": seconds,
            "mutants": list,
        });
        writeln!(out, "{value}")?;
        return Ok(passed);
    }
    tell_stale(&mut out, &stale)?;
    let [killed, differ, argued, survived] = counts;
    let all = mutants.len();
    writeln!(
        out,
        "{all} mutants: {killed} killed by a rule, {differ} noticed by pinned states, \
         {argued} survived and are argued for, {survived} survived, in {seconds:.0} s"
    )?;
    Ok(passed)
}
