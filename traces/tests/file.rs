//! Files are written whole or not at all.

use hak_traces::{Trace, TraceError};
use std::fs;
use std::path::Path;

mod sample;
use sample::sample;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_written_trace_is_read_back_and_stands_alone_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.hak");
    sample().write(&path).unwrap();
    assert_eq!(Trace::read(&path).unwrap(), sample());
    assert_eq!(names(folder.path()), ["run.hak"]);
}

#[test]
fn an_older_trace_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.hak");
    Trace::default().write(&path).unwrap();
    sample().write(&path).unwrap();
    assert_eq!(Trace::read(&path).unwrap(), sample());
    assert_eq!(names(folder.path()), ["run.hak"]);
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_a_pipe_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("run.hak"), folder.path().join("link.hak"));
    Trace::default().write(&path).unwrap();
    std::os::unix::fs::symlink("run.hak", &link).unwrap();
    sample().write(&link).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(Trace::read(&path).unwrap(), sample());

    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).unwrap()
    });
    sample().write(&pipe).unwrap();
    assert_eq!(reader.join().unwrap(), sample().to_bytes().unwrap());
    assert!(!fs::metadata(&pipe).unwrap().is_file());
}

#[test]
fn a_write_that_fails_at_the_last_moment_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.hak");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("inhabitant"), "").unwrap();
    let error = sample().write(&path).unwrap_err();
    assert!(matches!(error, TraceError::Unwritable { .. }), "{error}");
    assert_eq!(names(folder.path()), ["run.hak"]);
    assert_eq!(names(&path), ["inhabitant"]);
}

#[test]
fn an_unsound_trace_leaves_the_older_one_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.hak");
    sample().write(&path).unwrap();
    let mut unsound = sample();
    unsound.sites.clear();
    assert!(matches!(unsound.write(&path), Err(TraceError::Malformed { .. })));
    assert_eq!(Trace::read(&path).unwrap(), sample());
    assert_eq!(names(folder.path()), ["run.hak"]);
}

#[test]
fn a_missing_folder_a_missing_file_and_a_path_without_a_name_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing").join("run.hak");
    let error = sample().write(&missing).unwrap_err();
    assert!(matches!(&error, TraceError::Unwritable { path, .. } if *path == missing));
    let error = Trace::read(&missing).unwrap_err();
    assert!(matches!(&error, TraceError::Unreadable { path, .. } if *path == missing));
    assert!(error.to_string().contains("run.hak"), "{error}");
    assert!(matches!(sample().write("/"), Err(TraceError::Unwritable { .. })));
    assert!(matches!(Trace::read(folder.path()), Err(TraceError::Unreadable { .. })));
}

#[test]
fn damage_in_a_file_gets_the_same_sentence_as_damage_in_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.hak");
    let bytes = sample().to_bytes().unwrap();
    let longer = [&bytes[..], &[0; 1000]].concat();
    for damaged in [&bytes[..20], &bytes[..bytes.len() - 1], &longer, b"HAKTRACK", b""] {
        fs::write(&path, damaged).unwrap();
        let from_file = Trace::read(&path).unwrap_err().to_string();
        let from_bytes = Trace::from_bytes(damaged).unwrap_err().to_string();
        assert_eq!(from_file, from_bytes);
    }
}

#[test]
fn two_threads_may_write_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.hak");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..20 {
                    sample().write(&path).unwrap();
                }
            });
        }
    });
    assert_eq!(Trace::read(&path).unwrap(), sample());
    assert_eq!(names(folder.path()), ["run.hak"]);
}
