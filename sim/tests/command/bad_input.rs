//! Files that are no traces, and places where none can be written: one sentence, exit code 2,
//! nothing done.

use hak_traces::{Config, FORMAT_VERSION, HEADER_LENGTH, Trace};

use crate::support::{Ended, Folder};

/// Every command that reads a trace, on this file.
fn read_by_all(folder: &Folder, name: &str) -> Vec<Ended> {
    let before = folder.content();
    let commands = [
        vec!["replay", name],
        vec!["replay", name, "--json"],
        vec!["show", name],
        vec!["show", name, "--json"],
        vec!["diff", "good.hak", name],
        vec!["diff", name, "good.hak", "--json"],
    ];
    let ended = commands.iter().map(|command| folder.run_list(command)).collect();
    assert!(before == folder.content(), "{name}: something was written");
    ended
}

#[track_caller]
fn all_refuse(folder: &Folder, name: &str, sentence: &str) {
    for ended in read_by_all(folder, name) {
        ended.refused(sentence);
        assert!(ended.stderr.contains(name), "the file is not named: {ended:?}");
    }
}

fn folder_with_a_good_trace() -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    folder.record("--seed 42 --ops 8", "good.hak");
    let bytes = folder.bytes("good.hak");
    (folder, bytes)
}

#[test]
fn truncated_traces_are_refused_at_any_length() {
    let (folder, bytes) = folder_with_a_good_trace();
    let length = bytes.len();
    for kept in [1, 7, 8, 12, 35, 36, 37, length / 2, length - 8, length - 1] {
        folder.write("cut.hak", &bytes[..kept]);
        all_refuse(&folder, "cut.hak", "the trace is truncated");
    }
}

#[test]
fn what_follows_the_end_of_a_trace_is_refused() {
    let (folder, bytes) = folder_with_a_good_trace();
    folder.write("long.hak", [&bytes[..], b"\n"].concat());
    all_refuse(&folder, "long.hak", "something follows");
}

#[test]
fn corrupted_traces_are_refused_wherever_the_damage_is() {
    let (folder, bytes) = folder_with_a_good_trace();
    let body = (HEADER_LENGTH..bytes.len()).step_by(bytes.len() / 7).chain([bytes.len() - 1]);
    for place in [8, 12, 19, 20, 28, 35].into_iter().chain(body) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x10;
        folder.write("damaged.hak", damaged);
        all_refuse(&folder, "damaged.hak", "the trace is corrupted, the checksum of its ");
    }
}

#[test]
fn files_of_others_are_refused() {
    let (folder, _) = folder_with_a_good_trace();
    folder.write("poem.txt", "Roses are red,\nviolets are blue.\n");
    folder.write("zeros.bin", [0; 4_096]);
    std::fs::copy(env!("CARGO_BIN_EXE_hak-sim"), folder.path("program")).expect("room for a copy");
    for name in ["poem.txt", "zeros.bin", "program"] {
        all_refuse(&folder, name, "this is not a trace of hak: give a .hak file");
    }
    folder.write("empty.hak", "");
    all_refuse(&folder, "empty.hak", "the trace is truncated, it has 0 of at least 36 bytes");
}

#[test]
fn traces_of_another_version_are_refused_by_their_version() {
    let (folder, bytes) = folder_with_a_good_trace();
    for version in [0, FORMAT_VERSION + 1, u32::MAX] {
        folder.write("other.hak", of_version(&bytes, version));
        let sentence = format!("has format version {version} and this build reads version");
        all_refuse(&folder, "other.hak", &sentence);
    }
    assert!(of_version(&bytes, FORMAT_VERSION) == bytes, "the header is patched as it is written");
}

/// The trace with another version in its header, whose checksum is made right again.
fn of_version(bytes: &[u8], version: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[8..12].copy_from_slice(&version.to_le_bytes());
    let checksum = crc_64_xz(&bytes[..28]);
    bytes[28..36].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn crc_64_xz(bytes: &[u8]) -> u64 {
    !bytes.iter().fold(!0, |crc: u64, &byte| {
        (0..8).fold(crc ^ u64::from(byte), |crc, _| {
            let reduced = if crc & 1 == 1 { 0xC96C_5795_D787_0F42 } else { 0 };
            (crc >> 1) ^ reduced
        })
    })
}

#[test]
fn missing_files_and_folders_are_refused() {
    let (folder, _) = folder_with_a_good_trace();
    std::fs::create_dir(folder.path("folder")).expect("room for a folder");
    all_refuse(&folder, "missing.hak", "cannot be read");
    all_refuse(&folder, "folder", "cannot be read");
    all_refuse(&folder, "good.hak/inside.hak", "cannot be read");
}

#[test]
fn a_trace_that_cannot_be_written_is_refused_before_anything_is_said() {
    let (folder, _) = folder_with_a_good_trace();
    std::fs::create_dir(folder.path("folder")).expect("room for a folder");
    let before = folder.content();
    for place in ["missing/t.hak", "folder", "folder/", ".", "good.hak/t.hak", "/proc/t.hak"] {
        for command in [
            format!("--seed 42 --trace {place}"),
            format!("--seed 42 --json --trace {place}"),
            format!("explore --plant drain-before-claim --trace {place}"),
            format!("explore --plant drain-before-claim --json --trace {place}"),
        ] {
            folder.run(&command).refused("cannot be written");
        }
    }
    let search = "explore --schedules 2 --trace missing/t.hak";
    folder.run(search).refused("cannot be written");
    assert!(before == folder.content(), "something was written");
    assert!(!folder.path("missing").exists());
}

/// Whether a trace with such a configuration can be replayed, and what is said of it.
fn replay_with(change: impl FnOnce(&mut Config)) -> Ended {
    let folder = Folder::new();
    let mut trace = folder.record("--seed 42 --ops 2", "good.hak");
    change(&mut trace.config);
    trace.write(folder.path("changed.hak")).expect("the trace is sound");
    let ended = folder.run("replay changed.hak");
    assert_eq!(ended, folder.run("replay changed.hak"));
    ended
}

#[test]
fn a_trace_that_names_what_this_build_does_not_have_is_refused_by_that_name() {
    replay_with(|config| config.scenario = "tea-time".to_owned()).refused("tea-time");
    replay_with(|config| config.plant = Some("gremlin".to_owned())).refused("gremlin");
    replay_with(|config| config.strategy = "dowsing".to_owned()).refused("dowsing");
    replay_with(|config| config.memory = "leaky".to_owned()).refused("leaky");
    replay_with(|config| config.geometry = "round".to_owned()).refused("round");
    replay_with(|config| config.threads = 200).refused("threads");
    replay_with(|config| config.operations = u32::MAX).refused("operations");
    replay_with(|config| config.operations = 0).refused("operations");
}

#[test]
fn names_in_a_trace_cannot_break_the_line_or_move_the_cursor() {
    let name = "two\nlines \u{1b}[2J";
    replay_with(|config| config.scenario = name.to_owned()).refused("two?lines ?[2J");
    let folder = Folder::new();
    let mut trace = folder.record("--seed 42 --ops 2", "good.hak");
    trace.config.scenario = name.to_owned();
    trace.config.plant = Some(name.to_owned());
    trace.sites[0].file = name.to_owned();
    trace.write(folder.path("changed.hak")).expect("the trace is sound");
    for (code, command) in [(0, "show changed.hak"), (3, "diff good.hak changed.hak")] {
        let text = folder.expect(code, command).stdout;
        assert!(!text.contains('\u{1b}') && text.contains("two?lines ?[2J"), "{text}");
    }
}

#[test]
fn sound_traces_of_impossible_runs_are_refused() {
    let folder = Folder::new();
    Trace::default().write(folder.path("nothing.hak")).expect("an empty trace is sound");
    folder.run("show nothing.hak").refused("threads");
    folder.run("replay nothing.hak").refused("cannot be run");
    let mut crowd = Trace::default();
    crowd.config.threads = 256;
    crowd.write(folder.path("crowd.hak")).expect("a trace of many threads is sound");
    folder.run("show crowd.hak").refused("256 threads");
    folder.expect(0, "diff nothing.hak nothing.hak");
}
