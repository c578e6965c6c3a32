//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use hak_core::Fault;

use super::{Refusal, continued};
use crate::faults;
use crate::faults::not_plantable::ABSENT;
use crate::run::events::{self, Events, Kill};
use crate::run::settings::{GeometryName, MemoryModel, Settings, StrategyName};
use crate::scenario::protocols::PROTOCOLS;
use crate::scenario::{self, SCENARIOS, Scenario};
use crate::search::contention::{CONTENDERS_MAX, SLICE};
use crate::stress::{Flaw, STAND_INS};

/// Runs hak's allocator core under a deterministic, seeded scheduler: finds races, replays them.
///
/// Exit codes: 0 nothing wrong, 1 a violation was found, 2 bad usage or input, 3 a replay diverged
/// or two traces differ, 4 a search was cut.
#[derive(Parser, Debug)]
#[command(name = "hak-sim", version, args_conflicts_with_subcommands = true)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) run: RunOptions,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Searches many schedules for a violation.
    ///
    /// Ends at the first one, shrinks it, explains it, and prints the command that shows it again.
    ///
    /// Exit codes: 0 nothing wrong, 1 a violation was found, 2 bad usage, or nothing could be
    /// found.
    Explore(Explore),
    /// Searches all schedules of a small scenario.
    Prove(Prove),
    /// Runs a recorded trace again, step by step, and says where it diverges.
    Replay(Replay),
    /// Finds the smallest failing run near a recorded one, and explains it.
    Shrink(Shrink),
    /// Shows the steps of a recorded trace as columns, one for each thread.
    Show(Show),
    /// Compares two traces.
    Diff(Diff),
    /// The shrunk traces of all planted faults: replays them, or finds and records them anew.
    ///
    /// Exit codes: 0 all is as recorded (or recorded), 2 bad input, 3 a trace does not replay or is
    /// missing, 4 a fault was not found: its trace stays as it was.
    Corpus(Corpus),
    /// Scores the search: is it noticed when an ordering of the core is made weaker?
    Mutants(Mutants),
    /// Runs the scenarios on real threads, checked as far as that goes. Not deterministic.
    ///
    /// The system schedules, on the machine as it is: the seed gives the same programs, not the
    /// same run. A violation comes with the round that it happened in, and with a command that
    /// tries that round again and again.
    ///
    /// Exit codes: 0 nothing wrong, 1 a violation was found, 2 bad usage, or no block was freed by
    /// another thread than the one that asked for it, so that nothing was proved.
    Stress(Stress),
    /// Counts the cache lines that pass between threads, for each operation and by word.
    ///
    /// With two threads, three and so on: what grows costs more with more processors.
    ///
    /// Exit codes: 0 counted, 1 a violation was found, 2 bad usage.
    Contention(ContentionOptions),
    /// Lists what can be run.
    Scenarios(PlainOptions),
    /// Lists what can be planted, or measures how fast it is found.
    ///
    /// Exit codes: 0 nothing wrong, 2 bad usage, 4 the median of a measured fault is too great.
    Faults(Faults),
}

/// What determines a run, beside its seed.
#[derive(Args, Debug)]
pub(super) struct Common {
    /// Plant a fault, by name or by row: see `hak-sim faults`.
    #[arg(long, value_name = "FAULT", value_parser = fault)]
    pub(super) plant: Option<Fault>,
    /// The memory model [default: sc].
    ///
    /// The default is weak for a planted fault that only weak memory shows: see `hak-sim faults`.
    #[arg(long, value_enum)]
    memory: Option<MemoryModel>,
    /// The number of threads, 1 to 7 [default: the scenario's].
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<usize>,
    /// Operations of each thread [default: the scenario's].
    #[arg(long, value_name = "N")]
    pub(super) ops: Option<usize>,
    /// Sizes [default: tiny].
    ///
    /// The default is wide for a planted fault that only several map words show.
    #[arg(long, value_enum, value_name = "NAME")]
    geometry: Option<GeometryName>,
    /// Print one JSON object, last, on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

/// What may happen beside the interleaving.
#[derive(Args, Debug)]
pub(super) struct EventFlags {
    /// Refuse one system call in eight.
    #[arg(long = events::FAILURES)]
    failures: bool,
    /// Let one weak compare-exchange in eight fail for no reason.
    #[arg(long = events::SPURIOUS)]
    spurious: bool,
    /// Let one thread end early, at the boundary of an operation.
    #[arg(long = events::EXIT)]
    exit: bool,
    /// Stop one thread for ever at one of its steps: the others must finish.
    ///
    /// =THREAD:STEP names the place; =each, in a search, tries every place in each schedule.
    #[arg(long = events::KILL, value_name = "WHERE", num_args = 0..=1, require_equals = true,
        default_missing_value = "drawn", value_parser = kill)]
    kill: Option<KillWhere>,
}

/// Where a thread stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KillWhere {
    Once(Kill),
    Each,
}

impl EventFlags {
    /// The events that are asked for.
    pub(super) fn events(&self) -> Events {
        let kill = match self.kill {
            Some(KillWhere::Once(kill)) => kill,
            Some(KillWhere::Each) | None => Kill::Nobody,
        };
        let (failures, spurious, exit) = (self.failures, self.spurious, self.exit);
        Events { drawn: false, failures, spurious, exit, kill }
    }

    /// Whether each thread is to stop at each of its steps.
    pub(super) fn kill_each(&self) -> bool {
        self.kill == Some(KillWhere::Each)
    }
}

fn kill(text: &str) -> Result<KillWhere, String> {
    match text {
        "drawn" => Ok(KillWhere::Once(Kill::Drawn)),
        "each" => Ok(KillWhere::Each),
        _ => match events::place_of(text) {
            Ok(kill) => Ok(KillWhere::Once(kill)),
            Err(sentence) => Err(format!("{sentence}; in a search it can be 'each'")),
        },
    }
}

#[derive(Args, Debug)]
pub(super) struct RunOptions {
    /// The seed: same seed, same run, byte for byte.
    #[arg(long, default_value_t = 42)]
    pub(super) seed: u64,
    /// Which schedule of this seed.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) schedule: u64,
    /// What happens: see `hak-sim scenarios`.
    #[arg(long, value_name = "NAME", default_value = SCENARIOS[0].name)]
    pub(super) scenario: String,
    /// Who goes next.
    ///
    /// random, pct[:DEPTH], pos, surw, round-robin, or portfolio, which takes them in turn.
    ///
    /// +failures, +spurious, +exit, +kill behind it are the flags; +events draws among them.
    #[arg(long, value_name = "NAME", value_parser = strategy, default_value = "random")]
    pub(super) strategy: (StrategyName, Events),
    #[command(flatten)]
    pub(super) events: EventFlags,
    /// Record the run into this file.
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Args, Debug)]
pub(super) struct Explore {
    /// What happens: a scenario's name, or all.
    ///
    /// All are those whose programs are drawn from the seed: see `hak-sim scenarios`.
    #[arg(long, value_name = "NAME|all", default_value = "all")]
    pub(super) scenario: String,
    /// The seed of the search.
    #[arg(long, default_value_t = 42)]
    pub(super) seed: u64,
    /// How many schedules [default: 20000, with --kill=each 100].
    #[arg(long, value_name = "N")]
    pub(super) schedules: Option<u64>,
    /// For how long, in seconds; where it stops depends on the machine.
    #[arg(long, value_name = "SECONDS", conflicts_with = "schedules")]
    pub(super) time: Option<u64>,
    /// Continue a recorded run instead, behind its first STEP steps.
    ///
    /// From there on the strategy chooses, in 1000 continuations or as many as --schedules.
    ///
    /// How many of them fail says how far the run was decided by then.
    ///
    /// Program, memory model, geometry and events are the recorded ones.
    #[arg(long, value_name = "FILE@STEP", value_parser = continued::from, conflicts_with_all = [
        "scenario", "time", "shard", "all", "plant", "memory", "threads", "ops", "geometry",
        "failures", "spurious", "exit", "kill",
    ])]
    pub(super) from: Option<continued::RunPrefix>,
    /// OS threads that search; any number gives the same result.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) jobs: usize,
    /// Search only the K-th of N parts.
    #[arg(long, value_name = "K/N", value_parser = shard)]
    pub(super) shard: Option<(u64, u64)>,
    /// Do not end at the first violation: run all, and count them by kind.
    #[arg(long)]
    pub(super) all: bool,
    /// Who goes next [default: portfolio+events, or portfolio with flags].
    ///
    /// random, pct[:DEPTH], pos, surw, round-robin, or portfolio, which takes them in turn.
    ///
    /// +failures, +spurious, +exit, +kill behind it are the flags; +events draws among them.
    #[arg(long, value_name = "NAME", value_parser = strategy)]
    pub(super) strategy: Option<(StrategyName, Events)>,
    #[command(flatten)]
    pub(super) events: EventFlags,
    /// Record the first violation into this file.
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Args, Debug)]
pub(super) struct Prove {
    /// What happens: see `hak-sim scenarios`; the ones called prove-… are made for it.
    #[arg(long, value_name = "NAME", default_value = PROTOCOLS[0].name)]
    pub(super) scenario: String,
    /// The seed of the program, where the scenario draws one.
    #[arg(long, default_value_t = 42)]
    pub(super) seed: u64,
    /// Visit so many states at most.
    #[arg(long, value_name = "N", default_value_t = 50_000_000)]
    pub(super) states_max: u64,
    /// Use so many MiB for states and snapshots at most.
    #[arg(long, value_name = "MIB", default_value_t = 3072)]
    pub(super) memory_max: usize,
    /// Let so many system calls of a run fail at most, any of them.
    #[arg(long = events::FAILURES, value_name = "N", default_value_t = 0)]
    pub(super) failures: u32,
    /// Let so many weak compare-exchanges of a run fail for no reason at most, any of them.
    #[arg(long = events::SPURIOUS, value_name = "N", default_value_t = 0)]
    pub(super) spurious: u32,
    /// Let one thread at most stop for ever, at any of its steps: the others must still finish.
    #[arg(long = events::KILL)]
    pub(super) kill: bool,
    /// Merge states that differ only in what happened before what: fewer states, but races may be
    /// missed.
    #[arg(long)]
    pub(super) merge_clocks: bool,
    /// Record the violation into this file.
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Args, Debug)]
pub(super) struct Replay {
    /// The trace.
    pub(super) file: PathBuf,
    /// Make only the first N steps and show the state there.
    #[arg(long, value_name = "N")]
    pub(super) until: Option<u64>,
    /// Print one JSON object, last, on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Shrink {
    /// The trace of a failing run.
    pub(super) file: PathBuf,
    /// Write the trace of the smallest run into this file.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Print one JSON object, last, on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Show {
    /// The trace.
    pub(super) file: PathBuf,
    /// Show only so many steps, the last ones.
    #[arg(long, value_name = "N")]
    pub(super) last: Option<usize>,
    /// Print one JSON object, last, on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Diff {
    /// A trace.
    pub(super) first: PathBuf,
    /// The one to compare it with.
    pub(super) second: PathBuf,
    /// Print one JSON object, last, on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Corpus {
    /// Where the traces are, one for each planted fault.
    #[arg(long, value_name = "FOLDER", default_value = "traces/corpus")]
    pub(super) folder: PathBuf,
    /// Replay each trace [default].
    #[arg(long)]
    pub(super) check: bool,
    /// Search for each fault, shrink what is found, and write its trace.
    #[arg(long, conflicts_with = "check")]
    pub(super) record: bool,
    /// Only this fault.
    #[arg(long, value_name = "FAULT", value_parser = fault)]
    pub(super) only: Option<Fault>,
    /// With --record: only the faults whose trace does not replay.
    #[arg(long, requires = "record")]
    pub(super) stale: bool,
    /// The seed of the searches.
    #[arg(long, default_value_t = 42)]
    pub(super) seed: u64,
    /// How many schedules a search has at most.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(super) schedules: u64,
    /// OS threads that search; the result is the same for any number.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(super) jobs: usize,
    /// Print one JSON object, last, on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Mutants {
    /// How many schedules a mutant has to survive.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub(super) schedules: u64,
    /// The seed of the searches [default: 42].
    #[arg(long, conflicts_with = "guards")]
    pub(super) seed: Option<u64>,
    /// Change each guard, count, bound and rollback instead, in a copy of the core that is built
    /// for that: see `mutants/`.
    ///
    /// Needs the source that this program was built from, and cargo.
    #[arg(long)]
    pub(super) guards: bool,
    /// Only list them.
    #[arg(long, requires = "guards")]
    pub(super) list: bool,
    /// Only those in whose line of the list this text stands.
    #[arg(long, value_name = "TEXT", requires = "guards")]
    pub(super) only: Option<String>,
    /// Only every N-th, from the K-th on, which is counted from 0.
    #[arg(long, value_name = "K/N", requires = "guards")]
    pub(super) shard: Option<String>,
    /// OS threads that search; the result is the same for any number.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(super) jobs: usize,
    /// Print one JSON object, last, on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Clone, Debug)]
pub(super) struct Stress {
    /// What happens: a scenario's name, or all.
    #[arg(long, value_name = "NAME|all", default_value = "all")]
    pub(super) scenario: String,
    /// The seed of the programs: how their threads mix is the system's choice.
    #[arg(long, default_value_t = 42)]
    pub(super) seed: u64,
    /// The number of threads of each program, 1 to 64.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(super) threads: usize,
    /// For how long, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(super) time: u64,
    /// Run only the program of this round, again and again.
    #[arg(long, value_name = "N")]
    pub(super) round: Option<u64>,
    /// Stress a small allocator with this flaw instead of hak, to see that it is found.
    #[arg(long, value_name = "FLAW", value_parser = stand_in)]
    pub(super) stand_in: Option<Flaw>,
    /// Print one JSON object, last, on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct ContentionOptions {
    /// What happens: a scenario's name, or all.
    ///
    /// Only those whose programs are drawn from the seed: see `hak-sim scenarios`.
    #[arg(long, value_name = "NAME|all", default_value = "all")]
    pub(super) scenario: String,
    /// The seed of the programs.
    #[arg(long, default_value_t = 42)]
    pub(super) seed: u64,
    /// How many programs of each scenario.
    ///
    /// Sizes of blocks change from one to the next, in turn: four of them.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(super) schedules: u64,
    /// With 2 to so many threads, 2 to 8.
    #[arg(long, value_name = "N", default_value_t = CONTENDERS_MAX)]
    pub(super) threads: usize,
    /// Operations of each thread. The second half counts, the first one warms up.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(super) ops: usize,
    /// Steps that a thread does in its turn.
    ///
    /// An operation that is not answered by the thread cache has about so many as the default.
    #[arg(long, value_name = "N", default_value_t = SLICE)]
    pub(super) slice: u64,
    /// Let any thread go at each step instead, as searches do.
    ///
    /// Threads meet in the middle of each call then, as they hardly do in programs.
    #[arg(long, conflicts_with = "slice")]
    pub(super) random: bool,
    /// Sizes.
    #[arg(long, value_enum, value_name = "NAME", default_value = "production")]
    pub(super) geometry: GeometryName,
    /// OS threads that run; any number gives the same result.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) jobs: usize,
    /// Print one JSON object, last, on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Faults {
    /// Search for each fault under several seeds, and count the schedules until it is found.
    #[arg(long)]
    pub(super) measure: bool,
    /// How many seeds, from 1 on.
    #[arg(long, value_name = "N", default_value_t = 20, requires = "measure")]
    pub(super) seeds: u64,
    /// How many schedules a search has at most.
    #[arg(long, value_name = "N", default_value_t = 10_000, requires = "measure")]
    pub(super) schedules: u64,
    /// Only this fault.
    #[arg(long, value_name = "FAULT", value_parser = fault, requires = "measure")]
    pub(super) only: Option<Fault>,
    /// OS threads that search; the result is the same for any number.
    #[arg(long, value_name = "N", default_value_t = 2, requires = "measure")]
    pub(super) jobs: usize,
    /// Print one JSON object, last, on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct PlainOptions {
    /// Print one JSON object, last, on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

impl Common {
    /// The memory model: what was asked for, or else what shows the planted fault.
    pub(super) fn memory(&self) -> MemoryModel {
        self.memory.unwrap_or_else(|| faults::memory(self.plant))
    }

    /// The geometry: what was asked for, or else what shows the planted fault.
    pub(super) fn geometry(&self) -> GeometryName {
        self.geometry.unwrap_or_else(|| faults::geometry(self.plant))
    }

    /// The settings of a run.
    pub(super) fn settings(
        &self,
        scenario: &'static Scenario,
        seed: u64,
        schedule: u64,
        strategy: StrategyName,
    ) -> Result<Settings, Refusal> {
        let settings = Settings {
            schedule,
            plant: self.plant,
            strategy,
            memory: self.memory(),
            threads: self.threads.unwrap_or(scenario.threads),
            operations: self.ops.unwrap_or(scenario.operations),
            geometry: self.geometry(),
            ..Settings::new(scenario, seed)
        };
        settings.check().map_err(Refusal)?;
        Ok(settings)
    }
}

/// The scenario of that name.
pub(super) fn scenario(name: &str) -> Result<&'static Scenario, Refusal> {
    scenario::find(name).ok_or_else(|| {
        if name == "all" {
            return Refusal(
                "'all' is for a search: use `hak-sim explore --scenario all`, or name one \
                scenario; see `hak-sim scenarios`"
                    .to_owned(),
            );
        }
        let names: Vec<&str> =
            SCENARIOS.iter().chain(PROTOCOLS).map(|scenario| scenario.name).collect();
        Refusal(format!("there is no scenario '{name}'; there are {}", names.join(", ")))
    })
}

/// The fault of that name, or of that row of the list of known bugs if it is the only one.
fn fault(name: &str) -> Result<Fault, String> {
    if let Some(fault) = Fault::from_name(name) {
        return Ok(fault);
    }
    let row = name.to_ascii_uppercase();
    let faults: Vec<Fault> = faults::of_row(&row).collect();
    let names =
        |faults: &[Fault]| faults.iter().map(|fault| fault.name()).collect::<Vec<_>>().join(", ");
    match (&faults[..], ABSENT.iter().find(|absent| absent.origin == row)) {
        ([fault], _) => Ok(*fault),
        ([], Some(absent)) => Err(format!("{row} cannot be planted: {}", absent.why)),
        ([], None) => Err(format!("there is no such fault; there are {}", names(Fault::ALL))),
        (several, _) => Err(format!("{row} has several faults: name one of {}", names(several))),
    }
}

fn strategy(text: &str) -> Result<(StrategyName, Events), String> {
    events::parse(text)
}

fn stand_in(name: &str) -> Result<Flaw, String> {
    match STAND_INS.iter().find(|(known, ..)| *known == name) {
        Some((_, flaw, _)) => Ok(*flaw),
        None => {
            let names: Vec<&str> = STAND_INS.iter().map(|(name, ..)| *name).collect();
            Err(format!("there is no such stand-in; there are {}", names.join(", ")))
        }
    }
}

fn shard(text: &str) -> Result<(u64, u64), String> {
    let parts = text
        .split_once('/')
        .and_then(|(part, parts)| Some((part.parse::<u64>().ok()?, parts.parse::<u64>().ok()?)));
    match parts {
        Some((part, parts)) if part >= 1 && part <= parts => Ok((part, parts)),
        _ => Err("a part is K/N with K from 1 to N, as in 2/8".to_owned()),
    }
}
