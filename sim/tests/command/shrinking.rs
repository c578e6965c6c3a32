//! `hak-sim shrink`, and what every failure says of the smallest run that fails.

use crate::support::{FAULT, Folder};

#[test]
fn a_failure_is_shown_with_the_smallest_run_that_fails() {
    let folder = Folder::new();
    let text = folder.expect(1, FAULT).stdout;
    let shrunk = text.split_once("shrunk from ").expect("it says what it shrinks to").1;
    assert!(shrunk.contains("► "), "the accesses are marked: {shrunk}");
    assert!(shrunk.contains("VIOLATION owner-only"), "the sentence stands below: {shrunk}");
    assert!(shrunk.contains("the state there:\n"), "{shrunk}");
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
}

#[test]
fn a_shrunk_trace_replays_fails_for_the_same_reason_and_shrinks_to_itself() {
    let folder = Folder::new();
    folder.expect(1, &format!("{FAULT} --trace failing.hak"));
    let text = folder.expect(1, "shrink failing.hak -o small.hak").stdout;
    assert_eq!(folder.expect(1, "shrink failing.hak -o again.hak").stdout, text);
    folder.expect(0, "diff small.hak again.hak");
    let value = folder.expect(1, "replay small.hak --json").json();
    assert_eq!(value["violation"]["oracle"], "owner-only");
    let before = folder.expect(1, "shrink small.hak --json").json();
    let after = folder.expect(1, "shrink failing.hak --json").json();
    assert_eq!(before["program"], after["program"]);
    assert_eq!(before["outcome"], "violation");
}

#[test]
fn a_run_that_does_not_fail_cannot_be_shrunk() {
    let folder = Folder::new();
    folder.expect(0, "--seed 42 --trace fine.hak");
    let ended = folder.run("shrink fine.hak -o small.hak");
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.starts_with("hak-sim: fine.hak: it does not fail here"), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1);
    assert_eq!(folder.run("replay small.hak").code, 2, "nothing was written");
}
