//! `hak-sim stress`: real threads. Each run takes its second or two, so there are few of them.

use hak_sim::stress::{STAND_INS, oracle};

use crate::support::{Folder, arguments_of, commands_in};

#[test]
fn hak_passes_and_blocks_changed_hands() {
    let folder = Folder::new();
    let value = folder.expect(0, "stress --seed 42 --threads 3 --time 1 --json").json();
    assert_eq!(value["outcome"], "passed");
    assert_eq!((&value["threads"], &value["seconds"]), (&3.into(), &1.into()));
    for count in
        ["rounds", "operations", "blocks", "remote_frees", "threads_ended", "heaps_handed_over"]
    {
        assert!(value["totals"][count].as_u64().is_some_and(|number| number > 0), "{value}");
    }
    // When a second is over there was an audit in front of everything, behind it, and at the end.
    assert!(value["totals"]["audits"].as_u64().is_some_and(|number| number >= 3), "{value}");
    assert_eq!(value["oracles"].as_array().map(Vec::len), Some(oracle::ALL.len()));
    assert!(value["violation"].is_null(), "{value}");
    if cfg!(target_os = "linux") {
        assert!(value["totals"]["peak_resident"].as_u64().is_some_and(|bytes| bytes > 1 << 20));
        assert!(value["totals"]["left_resident"].as_u64().is_some_and(|bytes| bytes <= 1 << 20));
    }
}

#[test]
fn the_text_says_what_was_done_and_a_protocol_can_be_stressed() {
    let folder = Folder::new();
    let text = folder.expect(0, "stress --scenario prove-release --threads 4 --time 1").stdout;
    let begin = "stressed hak with scenario prove-release, seed 42, 4 threads, 1 second\n";
    assert!(text.starts_with(begin), "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(" remote frees, ") && words.ends_with(" nothing wrong"), "{text}");
}

#[test]
fn a_stress_in_which_no_block_changes_hands_proves_nothing() {
    let folder = Folder::new();
    folder.run("stress --threads 1 --time 1").refused("this stress proves nothing: no block was");
}

/// Each stand-in, by the oracle that is made for it: the stress can fail.
#[test]
fn every_flaw_of_a_stand_in_is_found_and_the_sound_one_passes() {
    let folder = Folder::new();
    for (name, _, expected) in STAND_INS {
        // A stress ends with what it finds: only a machine that is busy otherwise needs all of this
        // time.
        let time = if expected.is_some() { 30 } else { 2 };
        let arguments =
            format!("stress --stand-in {name} --threads 3 --time {time} --seed 7 --json");
        let ended = folder.run(&arguments);
        let value = ended.json();
        assert_eq!((value["stand_in"].as_str(), ended.stderr.as_str()), (Some(*name), ""));
        let violation = &value["violation"];
        assert_eq!(violation["oracle"].as_str(), *expected, "{name}: {value}");
        assert_eq!(ended.code, i32::from(expected.is_some()), "{name}: {value}");
        if expected.is_some() {
            assert!(violation["message"].as_str().is_some_and(|text| text.len() > 20), "{value}");
            let round = violation["round"].as_u64().expect("a round");
            let command = violation["command"].as_str().expect("a command");
            let end = format!("--scenario all --round {round} --stand-in {name}");
            assert!(command.ends_with(&end), "{command}");
        }
    }
}

#[test]
fn the_command_of_a_report_finds_it_again() {
    let folder = Folder::new();
    let text = folder.expect(1, "stress --stand-in hands-out-twice --time 1").stdout;
    assert!(text.contains("\nVIOLATION overlap: a block of "), "{text}");
    assert!(text.contains("the system schedules, so that"), "{text}");
    let command = *commands_in(&text).last().expect("a command");
    let again = folder.expect(1, arguments_of(command)).stdout;
    assert!(again.contains("\nVIOLATION overlap: "), "{again}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = Folder::new();
    for (arguments, sentence) in [
        ("--threads 0", "the number of threads is from 1 to 64"),
        ("--threads 65", "the number of threads is from 1 to 64"),
        ("--time 0", "the time is from 1 to 86400 seconds"),
        ("--time 86401", "the time is from 1 to 86400 seconds"),
        ("--scenario tea-time", "tea-time"),
        ("--stand-in gremlin", "there is no such stand-in; there are sound, "),
        ("--schedules 7", "--schedules"),
    ] {
        folder.run(&format!("stress {arguments}")).refused(sentence);
    }
    let help = folder.expect(0, "stress --help").stdout;
    assert!(help.contains("Not deterministic"), "{help}");
}

/// A process's children, and whether a process is there that has not ended.
#[cfg(target_os = "linux")]
mod processes {
    use std::fs::read_to_string;

    pub(super) fn children(of: u32) -> Vec<u32> {
        let list = read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
        list.split_whitespace().filter_map(|one| one.parse().ok()).collect()
    }

    pub(super) fn runs(process: u32) -> bool {
        let status = read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        status.contains("State:") && !status.contains("State:\tZ")
    }
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_ends_the_stress_ends_the_process_that_is_stressed() {
    use std::time::Duration;
    let within = |condition: &mut dyn FnMut() -> bool| {
        (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            condition()
        })
    };
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hak-sim"));
    command.args(["stress", "--time", "60", "--threads", "2"]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut parent = command.spawn().expect("it starts");
    let mut stressed = Vec::new();
    let started = within(&mut || {
        stressed = processes::children(parent.id());
        // It has said that it ends with its starter before it begins its threads.
        stressed.iter().any(|&one| {
            std::fs::read_dir(format!("/proc/{one}/task")).is_ok_and(|threads| threads.count() > 1)
        })
    });
    parent.kill().expect("it runs");
    parent.wait().expect("it has ended");
    assert!(started, "no process is stressed");
    let gone = within(&mut || !stressed.iter().any(|&one| processes::runs(one)));
    assert!(gone, "{stressed:?} run on");
}
