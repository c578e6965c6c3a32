//! `--json`: one object, alone on standard output, with an outcome. And no escape codes where no
//! terminal is.

use serde_json::Value;

use crate::support::{FAULT, Folder};

/// A folder with traces of a run that passed, of another one, and of a violation.
fn folder_with_traces() -> Folder {
    let folder = Folder::new();
    folder.record("--seed 42", "passed.hak");
    folder.record("--seed 43", "other.hak");
    folder.record(FAULT, "fault.hak");
    folder
}

/// Commands, how each ends, and its outcome.
const COMMANDS: &[(&str, i32, &str)] = &[
    ("--seed 42", 0, "passed"),
    ("--seed 42 --geometry production --trace new.hak", 0, "passed"),
    (FAULT, 1, "violation"),
    ("explore --schedules 50 --jobs 2", 0, "passed"),
    ("explore --plant drain-before-claim --trace new.hak", 1, "violation"),
    ("replay passed.hak", 0, "passed"),
    ("replay passed.hak --until 10", 0, "stopped"),
    ("replay fault.hak", 1, "violation"),
    ("show passed.hak", 0, "passed"),
    ("show fault.hak", 0, "violation"),
    ("diff passed.hak passed.hak", 0, "identical"),
    ("diff passed.hak other.hak", 3, "different"),
    ("stress --time 1", 0, "passed"),
    ("stress --time 1 --stand-in overlaps", 1, "violation"),
    ("scenarios", 0, "passed"),
    ("faults", 0, "passed"),
];

#[test]
fn every_command_prints_one_object_with_its_outcome_and_nothing_else() {
    let folder = folder_with_traces();
    for (command, code, outcome) in COMMANDS {
        let value = folder.expect(*code, &format!("{command} --json")).json();
        assert_eq!(value["outcome"], *outcome, "{command}");
    }
}

#[test]
fn the_object_of_a_run_says_what_the_text_says() {
    let folder = folder_with_traces();
    let value = folder.expect(0, "--seed 42 --json").json();
    let text = folder.expect(0, "--seed 42").stdout;
    assert!(text.contains(value["digest"].as_str().expect("a digest")), "{text}");
    assert_eq!((&value["seed"], &value["threads"]), (&42.into(), &3.into()));
    let steps = value["steps"].as_u64().expect("a number");
    assert!(text.contains(&format!(" {} steps (", hak_sim::report::grouped(steps))), "{text}");
    assert!(value["violation"].is_null() && value["plant"].is_null(), "{value}");
    assert!(value["oracles"].as_array().is_some_and(|oracles| oracles.len() > 10), "{value}");
}

#[test]
fn the_object_of_a_violation_has_all_that_is_known_of_it() {
    let folder = folder_with_traces();
    let value = folder.expect(1, "replay fault.hak --json").json();
    let violation = &value["violation"];
    for name in ["oracle", "message", "access", "place", "site"] {
        assert!(violation[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {value}");
    }
    for name in ["thread", "step", "operation"] {
        assert!(violation[name].is_u64(), "{name}: {value}");
    }
    assert_eq!(violation["step"], value["steps"]);
}

#[test]
fn the_object_of_a_difference_names_the_first_one() {
    let folder = folder_with_traces();
    let value = folder.expect(3, "diff passed.hak other.hak --json").json();
    assert_eq!(value["configuration"][0]["name"], "seed");
    assert!(value["step"]["step"].is_u64(), "{value}");
    let value = folder.expect(0, "diff passed.hak passed.hak --json").json();
    assert_eq!((&value["step"], &value["outcomes"]), (&Value::Null, &Value::Null));
}

#[test]
fn nothing_but_text_is_printed_where_no_terminal_is() {
    let folder = folder_with_traces();
    let is_control = |c: char| c.is_control() && c != '\n';
    let refused =
        ["--plant gremlin", "--sed 42", "replay missing.hak", "explore --time 1 --schedules 2"];
    let helps = ["--help", "explore --help", "help"];
    let commands = COMMANDS.iter().map(|(command, ..)| *command);
    for command in commands.chain(refused).chain(helps) {
        for json in ["", " --json"] {
            let ended = folder.run(&format!("{command}{json}"));
            assert!(!ended.stdout.contains(is_control), "{command}: {ended:?}");
            assert!(!ended.stderr.contains(is_control), "{command}: {ended:?}");
        }
    }
}
