//! The wings of the core and of the simulator: each sees only those that stand above it in the
//! table of its `lib.rs`. And the crates: what ships sees the core alone.

use std::fs;
use std::path::{Path, PathBuf};

/// Arrows that run up, and why they may.
const UPWARDS: &[(&str, &str, &str)] = &[(
    "core/src/boundary/platform.rs",
    "tables",
    "the platform keeps a thread's heap and the root",
)];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The wings of a crate, in the order of the first table of its `lib.rs`.
fn wings(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("lib.rs")).expect("the crate's documentation");
    let name = |line: &str| {
        let cell = line.strip_prefix("//! | ")?.split(" |").next()?;
        let name = cell.trim_matches(['[', ']', '`']);
        folder.join(name).is_dir().then(|| name.to_owned())
    };
    text.lines().filter_map(name).collect()
}

/// The source files of a folder.
fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter();
    let paths = entries.map(|entry| entry.expect("a source folder").into_path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
}

/// What stands behind `crate::` in a text, but for comments and for tests at the end of a file.
fn seen(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: Vec<&str> =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let is_name = |one: char| one.is_ascii_lowercase() || one == '_';
    code.join("\n")
        .split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|one| is_name(*one)).collect())
        .collect()
}

/// Arrows of a crate that run up.
fn upward(source: &str) -> Vec<(String, String)> {
    let folder = repository().join(source);
    let wings = wings(&folder);
    let place = |name: &str| wings.iter().position(|wing| wing == name);
    let mut found = Vec::new();
    for file in files(&folder) {
        let name = file.strip_prefix(&folder).expect("below it").to_string_lossy().into_owned();
        let Some((wing, _)) = name.split_once('/') else { continue };
        let own = place(wing).unwrap_or_else(|| panic!("{source}/lib.rs does not list {wing}"));
        let text = fs::read_to_string(&file).expect("a source file");
        let arrows =
            seen(&text).into_iter().filter(|other| place(other).is_none_or(|other| other > own));
        found.extend(arrows.map(|other| (format!("{source}/{name}"), other)));
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn each_wing_of_the_core_sees_only_what_is_below_it() {
    let expected: Vec<(String, String)> =
        UPWARDS.iter().map(|(file, wing, _)| ((*file).to_owned(), (*wing).to_owned())).collect();
    assert_eq!(wings(&repository().join("core/src")).len(), 8);
    assert_eq!(upward("core/src"), expected);
}

#[test]
fn each_wing_of_the_simulator_sees_only_what_is_below_it() {
    assert_eq!(wings(&repository().join("sim/src")).len(), 10);
    assert_eq!(upward("sim/src"), []);
}

/// The crates that each crate's code may see.
const CRATES: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("native", &["hak-core"]),
    ("preload", &["hak-core", "native"]),
    ("traces", &[]),
    ("replay", &["hak-traces"]),
    ("sim", &["hak", "hak-core", "hak-replay", "hak-traces"]),
    ("mutants", &[]),
];

#[test]
fn each_crate_sees_only_what_is_below_it() {
    for (name, expected) in CRATES {
        let manifest = repository().join(name).join("Cargo.toml");
        let manifest = fs::read_to_string(manifest).expect("a manifest");
        let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
        let lines = section.split("\n[").next().unwrap_or_default().lines();
        let mut ours: Vec<&str> = lines
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|one| one.starts_with("hak") || *one == "native")
            .collect();
        ours.sort_unstable();
        assert_eq!(ours, *expected, "{name}");
    }
}

/// What stands between the first pair of backticks of a cell.
fn name(cell: &str) -> Option<&str> {
    cell.split('`').nth(1)
}

#[test]
fn the_code_map_is_the_tree() {
    let page = fs::read_to_string(repository().join("docs/ARCHITECTURE.md")).expect("the page");
    let map = page.split("## Code map").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows: Vec<(&str, Option<&str>)> = map
        .expect("a code map")
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            Some((name(cells.get(1)?)?, cells.get(3).copied().and_then(name)))
        })
        .collect();
    for (folder, file) in &rows {
        let folder = repository().join(folder);
        assert!(folder.is_dir(), "there is no {}", folder.display());
        let file = folder.join(file.unwrap_or_default());
        assert!(file.exists(), "there is no {}", file.display());
    }
    for source in ["core/src", "sim/src"] {
        let listed: Vec<&str> = rows
            .iter()
            .filter_map(|(folder, _)| folder.strip_prefix(source)?.strip_prefix('/'))
            .map(|wing| wing.trim_end_matches('/'))
            .filter(|wing| !wing.is_empty())
            .collect();
        assert_eq!(listed, wings(&repository().join(source)), "{source}");
    }
}
