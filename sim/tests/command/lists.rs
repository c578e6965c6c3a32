//! `hak-sim scenarios` and `hak-sim faults`: everything that there is, with where it comes from.

use hak_core::Fault;
use hak_sim::scenario::SCENARIOS;
use hak_sim::scenario::protocols::PROTOCOLS;
use serde_json::Value;

use crate::support::Folder;

fn names(list: &Value) -> Vec<&str> {
    let rows = list.as_array().expect("a list");
    rows.iter().map(|row| row["name"].as_str().expect("a name")).collect()
}

#[test]
fn every_fault_is_listed_with_its_origin_and_can_be_planted() {
    let folder = Folder::new();
    let text = folder.expect(0, "faults").stdout;
    let value = folder.expect(0, "faults --json").json();
    let all: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    assert_eq!(names(&value["faults"]), all);
    for row in value["faults"].as_array().expect("a list") {
        let (name, origin) = (row["name"].as_str().expect("a name"), row["origin"].as_str());
        let origin = origin.filter(|origin| is_origin(origin)).expect("an origin");
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")))
            .expect("a line of the fault");
        assert_eq!(line.split_whitespace().nth(1), Some(origin), "{text}");
        assert!(row["oracles"].is_array() && row["about"].is_string(), "{row}");
        let ended = folder.run(&format!("--plant {name}"));
        assert!(ended.code <= 1, "{ended:?}");
    }
}

#[test]
fn a_row_that_cannot_be_planted_is_listed_in_its_place_with_the_reason() {
    let folder = Folder::new();
    let text = folder.expect(0, "faults").stdout;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let value = folder.expect(0, "faults --json").json();
    let absent = value["absent"].as_array().expect("a list");
    assert!(!absent.is_empty());
    for row in absent {
        let field = |name: &str| row[name].as_str().expect("a text").to_owned();
        let origin = field("origin");
        assert!(is_origin(&origin), "{row}");
        let (about, why) = (field("about"), field("why"));
        assert!(words.contains(&format!(" - {origin} {about} no counterpart: {why}")), "{text}");
        let ended = folder.run(&format!("--plant {origin}"));
        ended.refused(&format!("{origin} cannot be planted: {why}"));
    }
    let list = text.split_once("\n\n").expect("an introduction, and the list").1;
    let rows: Vec<&str> = list
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split_whitespace().nth(1).expect("a row"))
        .collect();
    assert!(rows.is_sorted_by_key(|row| hak_sim::faults::order(row)), "{rows:?}");
}

#[test]
fn a_fault_can_be_planted_by_its_row() {
    let folder = Folder::new();
    let by_name = folder.run("explore --plant unowned-drain --schedules 50 --json").json();
    for row in ["S1", "s1"] {
        let by_row = folder.run(&format!("explore --plant {row} --schedules 50 --json")).json();
        assert_eq!(by_row["failure"], by_name["failure"]);
        assert_eq!(by_row["plant"], "unowned-drain");
    }
    let several = "D3 has several faults: name one of release-without-look, push-without-look";
    folder.run("--plant D3").refused(several);
    folder.run("--plant S13").refused("there is no such fault");
}

#[test]
fn every_scenario_is_listed_with_its_origins() {
    let folder = Folder::new();
    let text = folder.expect(0, "scenarios").stdout;
    let value = folder.expect(0, "scenarios --json").json();
    let all: Vec<&str> = SCENARIOS.iter().chain(PROTOCOLS).map(|scenario| scenario.name).collect();
    assert_eq!(names(&value["scenarios"]), all);
    for row in value["scenarios"].as_array().expect("a list") {
        let name = row["name"].as_str().expect("a name");
        assert!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "{text}");
        let origins = row["origins"].as_array().expect("a list");
        let is_sound = |origin: &Value| origin.as_str().is_some_and(is_origin);
        assert!(!origins.is_empty() && origins.iter().all(is_sound), "{row}");
    }
}

/// A letter and a number: a row of a list of requirements.
fn is_origin(origin: &str) -> bool {
    origin.starts_with(|c: char| c.is_ascii_uppercase()) && origin[1..].parse::<u32>().is_ok()
}
