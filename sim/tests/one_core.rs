//! The core's source: debug builds do what release builds do.
//!
//! A debug assertion that reads a word of the platform is an access that only debug builds make:
//! their runs count more of them, and may find what others do not. Nothing that one profile alone
//! shows can be seen from inside of a build, so the source is read: debug assertions compute with
//! what is at hand, and nothing else depends on the profile.

use std::fs;
use std::path::PathBuf;

/// Functions that a debug assertion of the core may call. None of them touches a word of the
/// platform.
const PURE: &[&str] = &["debug_assert", "div_ceil", "heaps", "len", "size_of", "units"];

/// The core's files, and what is in them without comments.
fn sources() -> Vec<(PathBuf, String)> {
    let core = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/src");
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned() + "\n";
    walkdir::WalkDir::new(core)
        .into_iter()
        .map(|entry| entry.expect("the core's source").into_path())
        .filter(|path| path.is_file())
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file");
            (path, text.lines().map(code).collect())
        })
        .collect()
}

/// The debug assertions of a text, each up to its semicolon.
fn assertions(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("debug_assert").map(|(start, _)| {
        let rest = &text[start..];
        &rest[..rest.find(';').unwrap_or(rest.len())]
    })
}

/// The names in front of an opening parenthesis: functions, methods and macros.
fn called(text: &str) -> Vec<&str> {
    let is_name = |one: char| one.is_alphanumeric() || one == '_';
    text.match_indices('(')
        .map(|(place, _)| {
            let before = text[..place].trim_end_matches('!');
            &before[before.rfind(|one| !is_name(one)).map_or(0, |at| at + 1)..]
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn a_debug_assertion_of_the_core_reads_no_word_of_the_platform() {
    let mut count = 0;
    for (path, text) in sources() {
        for assertion in assertions(&text) {
            count += 1;
            for name in called(assertion) {
                assert!(
                    PURE.contains(&name),
                    "{}: {assertion} calls {name}: if that touches no word of the platform, list \
                    it in PURE",
                    path.display()
                );
            }
        }
    }
    assert!(count > 5, "there are {count} debug assertions: is the source where it was?");
    let bad = "debug_assert!(self.slab.is_unused());";
    assert!(assertions(bad).flat_map(called).any(|name| !PURE.contains(&name)));
}

#[test]
fn nothing_else_in_the_core_depends_on_the_profile() {
    for (path, text) in sources() {
        for word in ["debug_assertions", "overflow_checks"] {
            assert!(!text.contains(word), "{} depends on {word}", path.display());
        }
    }
}
