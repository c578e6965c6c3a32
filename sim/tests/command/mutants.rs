//! `hak-sim mutants`.

use crate::support::Folder;

#[test]
fn every_mutant_of_the_core_is_killed() {
    let folder = Folder::new();
    let value = folder.expect(0, "mutants --json").json();
    assert_eq!(value["outcome"], "passed");
    assert_eq!(value["survived"], 0);
    let mutants = value["mutants"].as_array().expect("a list");
    assert!(mutants.len() >= 20, "{value}");
    assert!(mutants.iter().all(|mutant| mutant["oracle"].is_string()), "{value}");
}

#[test]
fn a_mutant_that_is_not_searched_for_long_enough_survives() {
    let folder = Folder::new();
    let value = folder.expect(1, "mutants --schedules 1 --json").json();
    assert_eq!(value["outcome"], "survived");
    assert_eq!(folder.run("mutants --schedules 0").code, 2);
}
