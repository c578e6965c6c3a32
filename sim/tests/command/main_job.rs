//! The main job: one schedule under a seed.

use hak_sim::observe::ORACLES;
use hak_sim::scenario::SCENARIOS;

use crate::support::{FAULT, Folder};

#[test]
fn seed_42_ends_well_and_says_what_happened() {
    let ended = Folder::new().expect(0, "--seed 42");
    let text = &ended.stdout;
    assert!(text.starts_with("scenario mixed, seed 42, schedule 0, strategy random,"), "{text}");
    assert!(text.contains("\n  3 threads, "), "{text}");
    for what in [" operations, ", " steps (", " choices, ", " context switches)", "\n  digest "] {
        assert!(text.contains(what), "no {what:?} in {text}");
    }
    assert!(text.contains(&format!("\n  {} oracles: ", ORACLES.len())), "{text}");
    for (oracle, _) in ORACLES {
        assert!(text.split_whitespace().any(|word| word == *oracle), "no {oracle} in {text}");
    }
    assert!(text.ends_with("\nnothing wrong\n"), "{text}");
}

#[test]
fn without_arguments_the_seed_is_42() {
    let folder = Folder::new();
    assert_eq!(folder.expect(0, ""), folder.expect(0, "--seed 42"));
}

#[test]
fn every_scenario_ends_well_in_both_geometries() {
    let folder = Folder::new();
    for geometry in ["tiny", "production"] {
        for scenario in SCENARIOS {
            let name = scenario.name;
            let arguments = format!("--seed 42 --scenario {name} --geometry {geometry}");
            let text = folder.expect(0, &arguments).stdout;
            assert!(text.starts_with(&format!("scenario {name}, seed 42, ")), "{text}");
            assert!(text.contains(&format!(" {geometry} geometry")), "{text}");
            assert!(text.ends_with("\nnothing wrong\n"), "{text}");
        }
    }
}

#[test]
fn every_strategy_ends_well_and_is_named() {
    let folder = Folder::new();
    for (strategy, named) in [
        ("random", "random"),
        ("pct", "pct:3"),
        ("pct:5", "pct:5"),
        ("round-robin", "round-robin"),
        ("portfolio", "portfolio"),
    ] {
        let text = folder.expect(0, &format!("--seed 42 --strategy {strategy}")).stdout;
        assert!(text.contains(&format!(", strategy {named}, ")), "{text}");
    }
}

#[test]
fn threads_and_operations_are_as_many_as_asked_for() {
    let folder = Folder::new();
    for threads in 1..=7 {
        let value =
            folder.expect(0, &format!("--seed 42 --threads {threads} --ops 9 --json")).json();
        assert_eq!(value["threads"], threads);
        let operations = value["operations"].as_u64().expect("a number");
        assert!(operations >= threads * 9, "{value}");
    }
    let long = folder.expect(0, "--seed 42 --ops 2000 --json").json();
    assert!(long["operations"].as_u64().expect("a number") >= 6_000, "{long}");
}

#[test]
fn seeds_and_schedules_give_runs_of_their_own() {
    let folder = Folder::new();
    let digest = |arguments: &str| folder.expect(0, arguments).json()["digest"].clone();
    let digests = [
        digest("--seed 42 --json"),
        digest("--seed 43 --json"),
        digest("--seed 42 --schedule 1 --json"),
        digest("--seed 18446744073709551615 --schedule 18446744073709551615 --json"),
    ];
    for (index, one) in digests.iter().enumerate() {
        assert!(!digests[..index].contains(one), "{digests:?}");
    }
}

#[test]
fn every_line_fits_into_100_columns_but_for_commands_to_copy() {
    let folder = Folder::new();
    folder.record(FAULT, "fault.hak");
    folder.record("--seed 42", "passed.hak");
    for arguments in [
        "--seed 42",
        "--seed 18446744073709551615 --schedule 18446744073709551615 --geometry production",
        FAULT,
        "explore --schedules 400 --scenario all --shard 1/3 --jobs 2 --trace none.hak",
        "explore --plant unowned-drain",
        "replay fault.hak",
        "replay passed.hak --until 300",
        "show passed.hak",
        "show fault.hak",
        "diff passed.hak fault.hak",
        "faults",
        "scenarios",
        "--help",
        "-h",
        "--version",
        "explore -h",
        "explore --help",
        "replay --help",
        "show --help",
        "diff --help",
        "faults --help",
        "scenarios --help",
    ] {
        let ended = folder.run(arguments);
        assert!(ended.code != 2 && ended.stderr.is_empty(), "{arguments}: {ended:?}");
        for line in ended.stdout.lines().filter(|line| !line.starts_with("  cargo run")) {
            assert!(line.chars().count() <= 100, "{arguments}: {line}");
        }
    }
}
