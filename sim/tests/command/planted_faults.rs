//! Planted faults: each is found, explained, reproduced by the printed command, and replayed from
//! its trace.

use hak_core::Fault;
use hak_sim::run::settings::{Settings, StrategyName};
use hak_sim::scenario::{SCENARIOS, Scenario};
use hak_sim::search::explore::{Search, SearchLimit, explore};
use hak_traces::{Outcome, Trace};
use serde_json::Value;

use crate::support::{Folder, arguments_of, commands_in};

/// The faults that every one of these tests is about: each lies on the way of every scenario, and
/// breaks a rule at an access of the core.
const ACCEPTED: &[Fault] = &[Fault::UnownedDrain, Fault::DrainBeforeClaim];

/// Seeds that must reach each fault, of a hundred, within so many schedules.
const SEEDS_MIN: usize = 95;
const SCHEDULES_MAX: u64 = 1_000;

/// The first failure of a search under seed 42.
fn failure(folder: &Folder, fault: Fault) -> Value {
    let value = folder.expect(1, &format!("explore --plant {} --json", fault.name())).json();
    assert_eq!(value["outcome"], "violation");
    value["failure"].clone()
}

/// The failing schedule as arguments, put together here and not taken from what was printed.
fn arguments(failure: &Value) -> String {
    let text = |name: &str| failure[name].as_str().unwrap_or_default().to_owned();
    format!(
        "--seed {} --schedule {} --scenario {} --strategy {} --plant {}",
        failure["seed"],
        failure["schedule"],
        text("scenario"),
        text("strategy"),
        text("plant")
    )
}

#[test]
fn the_failing_schedule_fails_alone_and_says_where_and_why() {
    for fault in ACCEPTED {
        let folder = Folder::new();
        let failure = failure(&folder, *fault);
        let arguments = arguments(&failure) + " --trace t.hak";
        let ended = folder.expect(1, &arguments);
        assert_eq!(ended, folder.expect(1, &arguments));
        let text = ended.stdout;
        let violation = &failure["violation"];
        let oracle = violation["oracle"].as_str().expect("a name");
        assert!(text.contains(&format!("\nVIOLATION {oracle}: ")), "{text}");
        let thread = &violation["thread"];
        assert!(text.contains(&format!("at step {}: thread {thread},", violation["step"])));
        assert!(text.contains("\n      at core/src/"), "no line of the core in {text}");
        let site = violation["site"].as_str().expect("a line");
        assert!(text.contains(&format!("\n      at {site}\n")), "{text}");
        assert!(names_a_slab(&text), "no slab in {text}");
        assert!(text.contains(&format!("\n  planted fault {}\n", fault.name())), "{text}");
        assert!(text.contains("\nreproduce it (commit "), "{text}");
    }
}

/// Whether `superslab N, slab M` stands in the lines that say what was accessed.
fn names_a_slab(text: &str) -> bool {
    text.lines().filter(|line| line.starts_with("      ") && line.contains(" of ")).any(|line| {
        let Some((_, place)) = line.split_once("superslab ") else { return false };
        let Some((superslab, rest)) = place.split_once(", slab ") else { return false };
        let slab: String = rest.chars().take_while(char::is_ascii_digit).collect();
        superslab.parse::<u32>().is_ok() && slab.parse::<u32>().is_ok()
    })
}

#[test]
fn the_printed_command_gives_the_same_violation_again() {
    for fault in ACCEPTED {
        let folder = Folder::new();
        let failure = failure(&folder, *fault);
        let text = folder.expect(1, &arguments(&failure)).stdout;
        let commands = commands_in(&text);
        assert_eq!(commands.len(), 1, "{text}");
        assert_eq!(failure["command"].as_str(), Some(commands[0]));
        let again = folder.expect(1, &format!("{} --json", arguments_of(commands[0]))).json();
        assert_eq!(again, failure);
        assert_eq!(folder.expect(1, arguments_of(commands[0])).stdout, text);
    }
}

#[test]
fn the_printed_command_carries_every_setting_that_is_not_the_default() {
    let folder = Folder::new();
    let arguments = "--seed 3 --schedule 2 --scenario larson --strategy pct:4 --threads 4 --ops 60 \
                     --geometry production";
    let value = folder.run(&format!("{arguments} --json")).json();
    let command = value["command"].as_str().expect("a command");
    assert_eq!(folder.run(&format!("{} --json", arguments_of(command))).json(), value);
    for part in ["--threads 4", "--ops 60", "--geometry production", "--strategy pct:4"] {
        assert!(command.contains(part), "no {part} in {command}");
    }
}

#[test]
fn a_search_records_its_violation_and_the_printed_replay_shows_it_again() {
    for fault in ACCEPTED {
        let folder = Folder::new();
        let name = fault.name();
        let text = folder.expect(1, &format!("explore --plant {name} --trace t.hak")).stdout;
        let commands = commands_in(&text);
        assert_eq!(commands.len(), 2, "{text}");
        let replayed = folder.expect(1, arguments_of(commands[1]));
        assert_eq!(replayed, folder.expect(1, arguments_of(commands[1])));
        assert_eq!(violation_of(&replayed.stdout), violation_of(&text));
        assert!(replayed.stdout.contains(" compared: all as recorded\n"), "{}", replayed.stdout);
        let value = folder.expect(1, "replay t.hak --json").json();
        assert_eq!(value["violation"], failure(&folder, *fault)["violation"]);
    }
}

/// The part of a report that says which rule was broken, by whom, where and against whom.
fn violation_of(text: &str) -> &str {
    let begin = text.find("VIOLATION ").expect("a violation");
    let ends = ["shrunk from ", "  the state in which", "reproduce it "];
    let end = ends.iter().filter_map(|end| text[begin..].find(end)).min();
    &text[begin..begin + end.expect("something follows")]
}

#[test]
fn a_file_whose_name_a_shell_would_split_is_quoted_in_the_printed_command() {
    let folder = Folder::new();
    let ended = folder.run_list(&["--seed", "42", "--trace", "it's a trace.hak"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains(" -- replay 'it'\\''s a trace.hak'\n"), "{}", ended.stdout);
}

#[test]
fn a_replay_that_is_to_stop_stops_there_and_shows_the_state() {
    for fault in ACCEPTED {
        let folder = Folder::new();
        folder.expect(1, &format!("explore --plant {} --trace t.hak", fault.name()));
        let trace = Trace::read(folder.path("t.hak")).expect("a trace");
        let Outcome::Violation { .. } = trace.outcome else { panic!("a violation was recorded") };
        let all = trace.steps.len();
        for until in [0, 1, all / 2, all - 1] {
            let ended = folder.expect(0, &format!("replay t.hak --until {until}"));
            let text = ended.stdout.replace(',', "");
            assert!(text.starts_with(&format!("replayed {until} of {all} ")), "{text}");
            assert!(text.contains("nothing wrong so far\n"), "{text}");
            assert!(text.contains(&format!("\nthe state after {until} step")), "{text}");
            if until > all / 3 {
                assert!(text.contains("\n  superslab "), "{text}");
            }
            let value = folder.expect(0, &format!("replay t.hak --until {until} --json")).json();
            assert_eq!((&value["outcome"], &value["steps"]), (&"stopped".into(), &until.into()));
        }
        for until in [all, all + 1, usize::MAX] {
            folder.expect(1, &format!("replay t.hak --until {until}"));
        }
    }
}

#[test]
fn at_least_95_of_100_seeds_reach_each_fault_within_1000_schedules() {
    for fault in ACCEPTED {
        // The default scenario alone, and all of them in turn.
        for scenarios in [&SCENARIOS[..1], SCENARIOS] {
            let reached = (0..100).filter(|&seed| reaches(*fault, scenarios, seed)).count();
            let (name, count) = (fault.name(), scenarios.len());
            assert!(reached >= SEEDS_MIN, "{name}, {count} scenarios: {reached} of 100 seeds");
        }
    }
}

/// Whether a search under this seed finds the fault.
fn reaches(fault: Fault, scenarios: &'static [Scenario], seed: u64) -> bool {
    let settings = scenarios.iter().map(|scenario| Settings {
        plant: Some(fault),
        strategy: StrategyName::Portfolio,
        ..Settings::new(scenario, seed)
    });
    let search = Search {
        settings: settings.collect(),
        limit: SearchLimit::Schedules(SCHEDULES_MAX),
        shard: (0, 1),
        jobs: 1,
    };
    let found = explore(&search, &|_, _| {}).expect("there is memory for the world");
    found.violation.is_some()
}

#[test]
fn a_fault_that_only_weak_memory_shows_is_searched_for_under_it() {
    let folder = Folder::new();
    let value = folder.expect(1, "explore --plant missed-wake-up --json").json();
    assert_eq!(value["memory"], "weak");
    let failure = &value["failure"];
    let command = failure["command"].as_str().expect("a command");
    let again = folder.expect(1, &format!("{} --json", arguments_of(command))).json();
    assert_eq!(&again, failure);
    // Who asks for the other model gets it, and is told; so does the printed command.
    let asked = "--plant missed-wake-up --memory sc";
    let text = folder.expect(0, &format!("explore {asked} --schedules 100")).stdout;
    assert!(text.contains("only weak memory shows missed-wake-up"), "{text}");
    let value = folder.expect(0, &format!("{asked} --json")).json();
    let command = value["command"].as_str().expect("a command");
    assert!(command.contains("--memory sc"), "{command}");
    let text = folder.expect(0, "explore --plant missed-wake-up --schedules 1 --seed 1").stdout;
    assert!(text.contains("weak memory") && !text.contains("search with"), "{text}");
}

#[test]
fn the_same_search_without_a_fault_finds_nothing() {
    Folder::new().expect(0, "explore --scenario all --schedules 1000 --jobs 2");
}
