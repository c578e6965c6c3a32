//! Which mutants are found: processes that try one after the other.
//!
//! First the core as it is runs for a while, and it is noted which places each scenario reaches.
//! Each mutant is then searched for in the scenarios that reach its place, the ones that do so most
//! often first; if none does, in all of them. The schedules are numbered and drawn as everywhere,
//! so that the answer is the same on every machine, but for one: a mutant that loops for ever
//! without an access is known by the time that it takes.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::places::Mutant;

/// A search that a mutant has to survive.
struct Search {
    /// Geometry and memory model, as the judge calls them.
    name: &'static str,
    /// The search in which it is noted which scenarios reach a place.
    surveyed: &'static str,
    /// One schedule for so many of the first search.
    one_for: u64,
}

/// The searches, the cheapest first.
const SEARCHES: &[Search] = &[
    Search { name: "tiny", surveyed: "tiny", one_for: 1 },
    Search { name: "weak", surveyed: "tiny", one_for: 2 },
    Search { name: "wide", surveyed: "wide", one_for: 2 },
    Search { name: "production", surveyed: "production", one_for: 20 },
];

/// Schedules of the first search, unless asked otherwise.
pub const SCHEDULES: u64 = 20_000;

/// Schedules of each scenario in which it is noted which places are reached.
const SURVEY: u64 = 120;

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An oracle noticed: search, scenario, schedule and oracle; or a misuse was not answered as it
    /// has to be, or a promise not kept.
    Killed(String),
    /// No rule is broken, and it is another policy: the states of pinned runs are others. Search,
    /// scenario, schedule.
    Differs(String),
    /// A schedule did not end.
    Hangs,
    /// The process of the simulator ended.
    Crashes,
    /// Nothing was noticed.
    Survived,
    /// No schedule reached its place.
    NotReached,
}

impl Verdict {
    /// Whether the mutant was noticed, by a rule or by a pinned state.
    pub fn is_noticed(&self) -> bool {
        !matches!(self, Verdict::Survived | Verdict::NotReached)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Verdict::Killed(how) => write!(f, "killed ({how})"),
            Verdict::Differs(how) => write!(f, "noticed: pinned states differ ({how})"),
            Verdict::Hangs => f.write_str("killed (a schedule does not end)"),
            Verdict::Crashes => f.write_str("killed (the process ends)"),
            Verdict::Survived => f.write_str("SURVIVED"),
            Verdict::NotReached => f.write_str("SURVIVED, never reached"),
        }
    }
}

/// By search and change: the scenarios that reach it, with the number of schedules that did.
type Reached = BTreeMap<(String, u32), Vec<(u64, usize)>>;

/// The exit code of a judge in which a schedule does not end.
const HANGS: i32 = 42;

/// A running process that tries mutants. It ends when its input does.
struct Judge {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Judge {
    fn start(program: &Path) -> io::Result<Judge> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("a process without input or output"));
        };
        Ok(Judge { child, input, output: BufReader::new(output) })
    }

    fn ask(&mut self, question: &str) -> io::Result<()> {
        writeln!(self.input, "{question}")?;
        self.input.flush()
    }

    /// A line; `None` if the process has ended.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let bytes = self.output.read_line(&mut line)?;
        Ok((bytes > 0 && line.ends_with('\n')).then(|| line.trim_end().to_owned()))
    }
}

/// Tries these mutants in so many schedules, in `jobs` processes, and tells each verdict, in the
/// mutants' order, as soon as those before it are known; all verdicts.
///
/// # Errors
/// A process cannot be started, or the core as it is breaks a rule.
pub fn score(
    program: &Path,
    mutants: &[&Mutant],
    schedules: u64,
    jobs: usize,
    tell: &(dyn Fn(&Mutant, &Verdict) + Sync),
) -> io::Result<Vec<Verdict>> {
    let (scenarios, reached) = survey(program)?;
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new((vec![None; mutants.len()], 0));
    let work = || -> io::Result<()> {
        let mut judge = Judge::start(program)?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(mutant) = mutants.get(number) else { return Ok(()) };
            let (question, is_reached) = question(mutant, schedules, scenarios, &reached);
            judge.ask(&question)?;
            let verdict = match judge.line()? {
                Some(line) if line == "survived" && !is_reached => Verdict::NotReached,
                Some(line) if line == "survived" => Verdict::Survived,
                Some(line) => match line.strip_prefix("killed ") {
                    Some(how) => Verdict::Killed(how.to_owned()),
                    None => match line.strip_prefix("differs ") {
                        Some(how) => Verdict::Differs(how.to_owned()),
                        None => return Err(io::Error::other(format!("'{line}' is no answer"))),
                    },
                },
                None => {
                    let status = judge.child.wait()?;
                    judge = Judge::start(program)?;
                    if status.code() == Some(HANGS) { Verdict::Hangs } else { Verdict::Crashes }
                }
            };
            let mut verdicts = verdicts.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let (list, told) = &mut *verdicts;
            list[number] = Some(verdict);
            while let Some(Some(verdict)) = list.get(*told) {
                tell(mutants[*told], verdict);
                *told += 1;
            }
        }
    };
    std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        jobs.into_iter().try_for_each(|job| match job.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    let (verdicts, _) = verdicts.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    Ok(verdicts.into_iter().flatten().collect())
}

/// The number of scenarios, and which places they reach.
fn survey(program: &Path) -> io::Result<(usize, Reached)> {
    let mut judge = Judge::start(program)?;
    judge.ask(&format!("survey {SURVEY}"))?;
    let mut reached = Reached::new();
    let mut scenarios = 0;
    let wrong =
        || io::Error::other("the core as it is, without a change, breaks a rule: mend that first");
    loop {
        let line = judge.line()?.ok_or_else(wrong)?;
        if line == "done" {
            break;
        }
        let mut words = line.split(' ').skip(1);
        let search = words.next().unwrap_or_default().to_owned();
        let scenario: usize = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
        scenarios = scenarios.max(scenario + 1);
        for word in words {
            let (change, count) = word.split_once(':').ok_or_else(wrong)?;
            let change = change.parse().map_err(|_| wrong())?;
            let count = count.parse().map_err(|_| wrong())?;
            reached.entry((search.clone(), change)).or_default().push((count, scenario));
        }
    }
    drop(judge.input);
    judge.child.wait()?;
    for scenarios in reached.values_mut() {
        scenarios.sort_by_key(|&(count, scenario)| (u64::MAX - count, scenario));
    }
    Ok((scenarios, reached))
}

/// What the judge is asked about a mutant, and whether any scenario reached it.
fn question(
    mutant: &Mutant,
    schedules: u64,
    scenarios: usize,
    reached: &Reached,
) -> (String, bool) {
    let mut question = format!("try {}", mutant.number);
    let mut is_reached = false;
    for search in SEARCHES {
        let found = reached.get(&(search.surveyed.to_owned(), mutant.number));
        is_reached |= found.is_some();
        let list: Vec<usize> = match found {
            Some(found) => found.iter().map(|&(_, scenario)| scenario).collect(),
            None => (0..scenarios).collect(),
        };
        let list: Vec<String> = list.iter().map(usize::to_string).collect();
        let schedules = schedules.div_ceil(search.one_for);
        question += &format!(" {}:{schedules}:{}", search.name, list.join(","));
    }
    (question, is_reached)
}
