//! Same command, same bytes: on standard output and in traces, wherever it is run.

use hak_sim::scenario::SCENARIOS;

use crate::support::Folder;

#[test]
fn the_same_command_in_two_folders_gives_the_same_text_and_the_same_trace() {
    let folders = [Folder::new(), Folder::new()];
    for geometry in ["tiny", "production"] {
        for scenario in SCENARIOS {
            let name = scenario.name;
            let arguments =
                format!("--seed 7 --scenario {name} --geometry {geometry} --trace trace.hak");
            let [first, second] = folders.each_ref().map(|folder| folder.expect(0, &arguments));
            assert_eq!(first, second);
            let [first, second] = folders.each_ref().map(|folder| folder.bytes("trace.hak"));
            assert!(first == second, "{arguments}: the traces differ");
        }
    }
}

#[test]
fn every_trace_replays_as_recorded() {
    let folder = Folder::new();
    for geometry in ["tiny", "production"] {
        for scenario in SCENARIOS {
            let arguments = format!("--seed 7 --scenario {} --geometry {geometry}", scenario.name);
            let count = folder.record(&arguments, "trace.hak").steps.len();
            let recorded = folder.expect(0, &format!("{arguments} --json")).json();
            assert_eq!(recorded, folder.expect(0, "replay trace.hak --json").json());
            let text = folder.expect(0, "replay trace.hak").stdout;
            let first = text.lines().next().unwrap_or_default().replace(',', "");
            assert!(first.starts_with(&format!("replayed {count} of {count} ")), "{text}");
        }
    }
}

#[test]
fn recording_does_not_change_the_run() {
    let folder = Folder::new();
    let recorded = folder.expect(0, "--seed 42 --json --trace trace.hak").json();
    assert_eq!(recorded, folder.expect(0, "--seed 42 --json").json());
}

#[test]
fn a_violation_and_its_trace_are_the_same_in_two_folders() {
    let folders = [Folder::new(), Folder::new()];
    let arguments = "explore --plant unowned-drain --trace trace.hak --json";
    let found = folders.each_ref().map(|folder| {
        let mut value = folder.expect(1, arguments).json();
        value.as_object_mut().expect("an object").remove("seconds");
        value
    });
    assert_eq!(found[0], found[1]);
    let [first, second] = folders.each_ref().map(|folder| folder.bytes("trace.hak"));
    assert!(first == second, "the traces differ");
}

#[test]
fn a_replay_prints_the_same_twice() {
    let folder = Folder::new();
    folder.record("--seed 42", "trace.hak");
    for arguments in ["replay trace.hak", "replay trace.hak --until 200", "show trace.hak"] {
        assert_eq!(folder.expect(0, arguments), folder.expect(0, arguments));
    }
}

#[test]
fn a_trace_written_again_is_the_same_file() {
    let folder = Folder::new();
    let trace = folder.record("--seed 42", "trace.hak");
    let before = folder.bytes("trace.hak");
    trace.write(folder.path("again.hak")).expect("the folder can be written");
    assert!(before == folder.bytes("again.hak"), "the files differ");
}
