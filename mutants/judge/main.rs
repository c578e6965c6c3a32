//! Tries changes of the core: a line on standard input names one, a line on standard output says
//! what came of it.
//!
//! ```text
//! asked     survey SCHEDULES
//! answered  reached SEARCH SCENARIO CHANGE:SCHEDULES ...      for each search and scenario
//!           done
//!
//! asked     try CHANGE SEARCH:SCHEDULES:SCENARIO,SCENARIO... ...
//! answered  killed HOW, differs WHERE, or survived
//! ```
//!
//! Behind the first search stand the misuses and the promises, which no scenario has
//! (`hak_sim::search::misuses`, `hak_sim::search::promises`). A change that survives all of it is
//! held against the core as it is (`hak_sim::search::pinned`): one that is another policy is
//! answered by `differs SEARCH SCENARIO SCHEDULE`.
//!
//! A change may loop for ever without an access: a second thread ends the process then, with the
//! code [`HANGS`].
//!
//! Invariant: the call of the system that asks for the time writes to the structure it is given,
//! and keeps nothing.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hak_core::mutation;
use hak_sim::run::events::Events;
use hak_sim::scenario::{SCENARIOS, Scenario};
use hak_sim::run::settings::{GeometryName, MemoryModel, Settings, StrategyName};
use hak_sim::run::simulation::{Extras, Simulator};
use hak_sim::search::{misuses, pinned, promises};

/// The exit code of a process in which a schedule does not end.
const HANGS: i32 = 42;

/// The time of the processor within which a schedule ends.
const PATIENCE: Duration = Duration::from_secs(4);

/// Schedules of each scenario in which a change is held against the core as it is, and in the
/// production geometry.
const PINNED: u64 = 300;
const PINNED_PRODUCTION: u64 = 30;

/// What the core as it is comes to, by search, scenario and schedule.
type Pinned = HashMap<(String, &'static str, u64), u64>;

/// Schedules that were run.
static DONE: AtomicU64 = AtomicU64::new(0);

fn main() {
    std::thread::spawn(watch);
    let mut simulator = Simulator::new();
    let mut pinned = Pinned::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("standard input");
        let mut words = line.split(' ');
        let answer = match words.next() {
            Some("survey") => survey(&mut simulator, words.next().expect("schedules")),
            Some("try") => {
                let change = words.next().and_then(|word| word.parse().ok()).expect("a number");
                let searches: Vec<Search<'_>> = words.map(Search::of).collect();
                attempt(&mut simulator, change, &searches)
                    .or_else(|| differs(&mut simulator, &mut pinned, change, &searches))
                    .unwrap_or_else(|| "survived".to_owned())
            }
            other => panic!("{other:?} is no question"),
        };
        println!("{answer}");
        std::io::stdout().flush().expect("standard output");
    }
}

/// Ends the process if a schedule does not end.
fn watch() {
    let (mut seen, mut since) = (0, used());
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let done = DONE.load(Ordering::Relaxed);
        if done != seen {
            (seen, since) = (done, used());
        } else if used() - since > PATIENCE {
            std::process::exit(HANGS);
        }
    }
}

/// The time of the processor that this process has used.
fn used() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: [judge/main 1] a structure of this function.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The settings of a search, by its name.
fn settings(search: &str, scenario: &'static Scenario, schedule: u64) -> Settings {
    let (geometry, memory) = match search {
        "tiny" => (GeometryName::Tiny, MemoryModel::Sc),
        "weak" => (GeometryName::Tiny, MemoryModel::Weak),
        "wide" => (GeometryName::Wide, MemoryModel::Sc),
        "production" => (GeometryName::Production, MemoryModel::Sc),
        _ => panic!("there is no search '{search}'"),
    };
    Settings {
        schedule,
        strategy: StrategyName::Portfolio,
        events: Events::DRAWN,
        memory,
        geometry,
        ..Settings::new(scenario, 42)
    }
}

/// The oracle that says no, if one does.
fn violation(simulator: &mut Simulator, settings: &Settings) -> Option<&'static str> {
    let report = simulator.run(settings, Extras::default()).expect("memory for a world");
    DONE.fetch_add(1, Ordering::Relaxed);
    report.violation().map(|violation| violation.oracle)
}

fn survey(simulator: &mut Simulator, schedules: &str) -> String {
    let schedules = schedules.parse().expect("a number");
    let broken = misuses_and_promises(0);
    assert!(broken.is_none(), "the core as it is: {broken:?}");
    let mut reached = [0; mutation::COUNT + 1];
    for search in ["tiny", "wide", "production"] {
        for (number, scenario) in SCENARIOS.iter().enumerate() {
            let mut counts = [0_u32; mutation::COUNT + 1];
            mutation::take_reached(&mut reached);
            for schedule in 0..schedules {
                let broken = violation(simulator, &settings(search, scenario, schedule));
                assert!(broken.is_none(), "the core as it is breaks a rule: {broken:?}");
                mutation::take_reached(&mut reached);
                for (count, &reached) in counts.iter_mut().zip(&reached) {
                    *count += u32::from(reached);
                }
            }
            print!("reached {search} {number}");
            for (change, count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
                print!(" {change}:{count}");
            }
            println!();
        }
    }
    "done".to_owned()
}

/// A search that was asked for.
struct Search<'a> {
    name: &'a str,
    schedules: u64,
    scenarios: Vec<&'static Scenario>,
}

impl Search<'_> {
    fn of(text: &str) -> Search<'_> {
        let mut parts = text.split(':');
        let mut part = || parts.next().expect("search:schedules:scenarios");
        let (name, schedules, scenarios) = (part(), part(), part());
        Search {
            name,
            schedules: schedules.parse().expect("a number"),
            scenarios: scenarios
                .split(',')
                .map(|number| &SCENARIOS[number.parse::<usize>().expect("a number")])
                .collect(),
        }
    }
}

/// How a rule notices the change, if one does.
fn attempt(simulator: &mut Simulator, change: u32, searches: &[Search<'_>]) -> Option<String> {
    for (number, Search { name, schedules, scenarios }) in searches.iter().enumerate() {
        if number == 1
            && let Some(killed) = misuses_and_promises(change)
        {
            return Some(killed);
        }
        for schedule in 0..*schedules {
            let scenario = scenarios[(schedule % scenarios.len() as u64) as usize];
            let settings = settings(name, scenario, schedule);
            mutation::set(change);
            let found = violation(simulator, &settings);
            mutation::set(0);
            if let Some(oracle) = found {
                let broken = violation(simulator, &settings);
                assert!(broken.is_none(), "the core as it is breaks a rule: {broken:?}");
                return Some(format!("killed {name} {} {schedule} {oracle}", scenario.name));
            }
        }
    }
    None
}

/// Where the change comes to something else than the core as it is, if anywhere.
fn differs(
    simulator: &mut Simulator,
    pinned: &mut Pinned,
    change: u32,
    searches: &[Search<'_>],
) -> Option<String> {
    for Search { name, scenarios, .. } in searches {
        let (geometry, schedules) = match *name {
            "tiny" => (GeometryName::Tiny, PINNED),
            "wide" => (GeometryName::Wide, PINNED),
            "production" => (GeometryName::Production, PINNED_PRODUCTION),
            // Old stores are another question.
            _ => continue,
        };
        for schedule in 0..schedules {
            for scenario in scenarios {
                let mut number = |change| {
                    mutation::set(change);
                    let number = pinned::number(simulator, scenario, geometry, schedule);
                    mutation::set(0);
                    DONE.fetch_add(1, Ordering::Relaxed);
                    number.expect("memory for a world")
                };
                let key = ((*name).to_owned(), scenario.name, schedule);
                let expected = *pinned.entry(key).or_insert_with(|| number(0));
                if number(change) != expected {
                    return Some(format!("differs {name} {} {schedule}", scenario.name));
                }
            }
        }
    }
    None
}

/// Whether a misuse is not answered as it has to be, or a promise not kept.
fn misuses_and_promises(change: u32) -> Option<String> {
    let geometries = [GeometryName::Tiny, GeometryName::Wide, GeometryName::Production];
    geometries.into_iter().find_map(|geometry| {
        let said = |what: &str, found: Option<String>| {
            DONE.fetch_add(1, Ordering::Relaxed);
            found.map(|found| format!("killed {what} in {}: {found}", geometry.name()))
        };
        mutation::set(change);
        let found = said("misuses", misuses::unnoticed(geometry).expect("memory for a world"))
            .or_else(|| said("promises", promises::broken(geometry).expect("memory for a world")));
        mutation::set(0);
        found
    })
}
