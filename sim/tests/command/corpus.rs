//! `hak-sim corpus`: traces of planted faults are replayed, and recorded anew where they do not fit
//! any more.

use std::fs;
use std::path::PathBuf;

use crate::support::Folder;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../traces/corpus");

fn copy(folder: &Folder, names: &[&str]) -> PathBuf {
    let copy = folder.path("corpus");
    fs::create_dir(&copy).unwrap();
    for name in names {
        let name = format!("{name}.hak");
        fs::copy(PathBuf::from(CORPUS).join(&name), copy.join(&name)).unwrap();
    }
    copy
}

#[test]
fn a_damaged_trace_is_named_and_recorded_anew_and_the_others_are_left_alone() {
    let folder = Folder::new();
    let corpus = copy(&folder, &["unowned-drain", "stack-aba"]);
    let damaged = corpus.join("unowned-drain.hak");
    fs::write(&damaged, b"damaged").unwrap();
    let ended = folder.expect(3, "corpus --folder corpus --only unowned-drain");
    assert!(ended.stdout.starts_with("STALE      unowned-drain"), "{ended:?}");
    let untouched = fs::read(corpus.join("stack-aba.hak")).unwrap();
    let mut bytes = Vec::new();
    // Twice, with different numbers of jobs: the same bytes.
    for jobs in [1, 2] {
        fs::write(&damaged, b"damaged").unwrap();
        let record = format!(
            "corpus --folder corpus --record --stale --only unowned-drain --jobs {jobs} --json"
        );
        let value = folder.expect(0, &record).json();
        assert_eq!(value["outcome"], "passed");
        assert_eq!(value["faults"][0]["outcome"], "recorded");
        bytes.push(fs::read(&damaged).unwrap());
    }
    assert_eq!(bytes[0], bytes[1]);
    let ended = folder.expect(0, "corpus --check --folder corpus --only unowned-drain");
    assert!(ended.stdout.starts_with("replays    unowned-drain"), "{ended:?}");
    assert_eq!(fs::read(corpus.join("stack-aba.hak")).unwrap(), untouched);
}

#[test]
fn a_fault_that_is_not_found_leaves_its_trace_as_it_was() {
    let folder = Folder::new();
    let corpus = copy(&folder, &[]);
    let file = corpus.join("refused-shrink.hak");
    fs::write(&file, b"as it was").unwrap();
    let record = "corpus --folder corpus --record --only refused-shrink --schedules 1";
    let ended = folder.expect(4, record);
    assert!(ended.stdout.starts_with("NOT FOUND  refused-shrink"), "{ended:?}");
    assert_eq!(fs::read(&file).unwrap(), b"as it was");
}

#[test]
fn a_folder_that_is_not_there_is_refused() {
    let folder = Folder::new();
    folder.run("corpus --folder nowhere").refused("nowhere is no folder");
    folder.run("corpus --folder . --record --jobs 0").refused("1 to 256 jobs");
}
