//! `hak-sim prove`.

use crate::support::Folder;

/// Protocols that are proved in a second or two.
const TWO_THREADS: &[&str] = &[
    "prove-remote-free",
    "prove-release",
    "prove-adopt",
    "prove-retire",
    "prove-reuse",
    "prove-run",
    "prove-purge",
    "prove-decay",
    "prove-kept",
];

#[test]
fn the_protocols_of_two_threads_are_complete_and_the_same_twice() {
    let folder = Folder::new();
    for name in TWO_THREADS {
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
fn each_protocol_of_idle_memory_finds_what_it_is_about() {
    let folder = Folder::new();
    for (protocol, fault) in [
        ("run", "grown-on-old-look"),
        ("purge", "purge-without-taking"),
        ("purge", "offer-before-purge"),
        ("decay", "purge-without-taking"),
        ("kept", "kept-without-exchange"),
        ("kept", "kept-before-closed"),
    ] {
        folder.expect(1, &format!("prove --scenario prove-{protocol} --plant {fault}"));
    }
}

#[test]
fn the_growth_of_the_range_is_complete() {
    let folder = Folder::new();
    let value = folder.expect(0, "prove --scenario prove-grow --json").json();
    assert_eq!(value["outcome"], "complete", "{value}");
    for fault in ["publish-before-ready", "init-half-seen", "heap-before-memory"] {
        folder.expect(1, &format!("prove --scenario prove-grow --plant {fault}"));
    }
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
    folder.run("prove --scenario prove-release --geometry production").refused("tiny");
    folder.run("prove --scenario system-calls-fail").refused("--failures");
    folder.run("prove --scenario prove-release --trace no-folder/t.hak").refused("no-folder");
    folder.run("--kill=5:1").refused("thread 5");
}

#[test]
fn protocols_are_complete_under_weak_memory_too() {
    let folder = Folder::new();
    for name in ["prove-remote-free", "prove-release", "prove-adopt", "prove-retire", "prove-reuse"]
    {
        let sc = folder.expect(0, &format!("prove --scenario {name} --json")).json();
        let weak =
            folder.expect(0, &format!("prove --scenario {name} --memory weak --json")).json();
        assert_eq!(weak["outcome"], "complete", "{weak}");
        assert!(weak["states"].as_u64() > sc["states"].as_u64(), "{weak}");
        // No protocol ends otherwise because an old store was read.
        assert_eq!(weak["final_states"], sc["final_states"], "{weak}");
    }
}

#[test]
fn what_happens_beside_the_interleaving_is_found_only_if_it_may_and_replays() {
    let folder = Folder::new();
    for (program, event) in [
        ("prove-reuse --plant commit-failure-leak", "--failures 1"),
        ("prove-remote-free --plant drop-on-miss", "--spurious 1"),
        ("prove-remote-free --plant drop-on-miss --memory weak", "--spurious 1"),
    ] {
        folder.expect(0, &format!("prove --scenario {program}"));
        folder.expect(1, &format!("prove --scenario {program} {event} --trace t.hak"));
        let value = folder.expect(1, "replay t.hak --json").json();
        assert_eq!(value["violation"]["oracle"], "accounting");
    }
}

#[test]
fn a_thread_may_stop_for_ever() {
    let folder = Folder::new();
    for memory in ["sc", "weak"] {
        let program = format!("prove --scenario prove-release --memory {memory} --json");
        let without = folder.expect(0, &program).json();
        let with = folder.expect(0, &format!("{program} --kill")).json();
        assert_eq!(with["outcome"], "complete");
        assert!(with["states"].as_u64() > without["states"].as_u64());
    }
    folder.expect(0, "--seed 42 --kill=1:12 --trace t.hak");
    folder.expect(0, "replay t.hak");
}

#[test]
fn a_fault_that_only_old_stores_show_is_found_under_weak_memory_and_replays() {
    let folder = Folder::new();
    let program = "prove --scenario prove-release --plant missed-wake-up";
    folder.expect(0, &format!("{program} --memory sc"));
    folder.expect(1, &format!("{program} --memory weak --trace t.hak"));
    let value = folder.expect(1, "replay t.hak --json").json();
    assert_eq!(value["violation"]["oracle"], "accounting");
}
