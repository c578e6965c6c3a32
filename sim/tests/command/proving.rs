//! `hak-sim prove`.

use crate::support::Folder;

#[test]
fn the_protocols_of_two_threads_are_complete_and_the_same_twice() {
    let folder = Folder::new();
    for name in ["prove-remote-free", "prove-release", "prove-adopt", "prove-retire", "prove-reuse"]
    {
        let value = folder.expect(0, &format!("prove --scenario {name} --json")).json();
        assert_eq!(value["outcome"], "complete", "{value}");
        assert!(value["states"].as_u64() > Some(300), "{value}");
        let again = folder.expect(0, &format!("prove --scenario {name} --json")).json();
        assert_eq!(value["states"], again["states"]);
    }
}

#[test]
fn a_planted_fault_is_found_and_its_trace_replays() {
    let folder = Folder::new();
    folder.expect(1, "prove --scenario prove-release --plant drain-before-claim --trace t.hak");
    let value = folder.expect(1, "replay t.hak --json").json();
    assert_eq!(value["violation"]["oracle"], "owner-only");
}

#[test]
fn a_search_that_is_cut_says_so() {
    let folder = Folder::new();
    let ended = folder.run("prove --scenario prove-release --states-max 100");
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.stdout.contains("cut"), "{ended:?}");
}

#[test]
fn what_cannot_be_proved_is_refused() {
    let folder = Folder::new();
    folder.run("prove --scenario prove-release --memory weak").refused("weak");
    folder.run("prove --scenario prove-release --geometry production").refused("tiny");
    folder.run("prove --scenario system-calls-fail").refused("system call");
}
