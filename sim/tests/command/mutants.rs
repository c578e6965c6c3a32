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

#[test]
fn the_mutants_of_guards_are_listed_and_have_options_of_their_own() {
    let folder = Folder::new();
    let list = folder.expect(0, "mutants --guards --list --only tables/remote_list.rs").stdout;
    assert!(
        list.contains("| RemoteList::take | self.head.load(Ordering::Relaxed) == 0 | true\n"),
        "{list}"
    );
    assert_eq!(folder.run("mutants --list").code, 2);
    assert_eq!(folder.run("mutants --guards --seed 5").code, 2);
    assert_eq!(folder.run("mutants --guards --shard 2/2").code, 2);
}
