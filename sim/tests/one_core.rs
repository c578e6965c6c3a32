//! The core's source: debug builds do what release builds do.
//!
//! A debug assertion that reads a word of the platform is an access that only debug builds make:
//! their runs count more of them, and may find what others do not. Nothing that one profile alone
//! shows can be seen from inside of a build, so the source is read: debug assertions compute with
//! what is at hand, and nothing else depends on the profile.
//!
//! Assertions that cost nothing in a release build, and no access in a debug build, are welcome:
//! debug assertions, and what the compiler tries in constants. There are to be
//! [`ASSERTIONS_IN_100`] of them for 100 functions.

use std::fs;
use std::path::PathBuf;

/// Functions that a debug assertion of the core may call. None of them touches a word of the
/// platform.
const PURE: &[&str] = &[
    "all_slots",
    "bytes",
    "debug_assert",
    "div_ceil",
    "from_word",
    "heaps",
    "is_aligned",
    "is_claimable",
    "is_multiple_of",
    "is_null",
    "is_power_of_two",
    "len",
    "matches",
    "size_of",
    "slab_size",
    "unit_size",
    "units",
    "usage",
];

/// Free assertions for 100 functions of the core, at least.
const ASSERTIONS_IN_100: usize = 28;

/// The core's files, and what is in them without comments and tests.
fn sources() -> Vec<(PathBuf, String)> {
    let core = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/src");
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned() + "\n";
    walkdir::WalkDir::new(core)
        .into_iter()
        .map(|entry| entry.expect("the core's source").into_path())
        .filter(|path| path.is_file())
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file");
            let shipped = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            (path, shipped.lines().map(code).collect())
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

/// The functions of a text that have a body.
fn functions(text: &str) -> usize {
    let has_body = |signature: &str| {
        let mut depth = 0;
        for one in signature.chars() {
            match one {
                '(' | '[' => depth += 1,
                ')' | ']' => depth -= 1,
                '{' => return true,
                ';' if depth == 0 => return false,
                _ => {}
            }
        }
        false
    };
    let is_name = |rest: &str| rest.starts_with(|one: char| one.is_alphabetic() || one == '_');
    let begins = text.match_indices("fn ").filter(|(start, word)| {
        text[..*start].ends_with([' ', '\n']) && is_name(&text[start + word.len()..])
    });
    begins.filter(|(start, _)| has_body(&text[*start..])).count()
}

/// How many assertions of a text the compiler tries: in blocks of constants, and in the function
/// that each geometry goes through.
fn constant_assertions(text: &str) -> usize {
    let block = |start: usize| {
        let rest = &text[start..];
        let end = rest.match_indices(['{', '}']).scan(0, |depth, (at, brace)| {
            *depth += if brace == "{" { 1 } else { -1 };
            Some((at, *depth))
        });
        let end = end.into_iter().find(|(_, depth)| *depth == 0).map_or(rest.len(), |(at, _)| at);
        rest[..end].matches(" assert!(").count()
    };
    let opens = |line: &str| {
        let line = line.trim();
        let of_constant = line.starts_with("const ") && !line.contains("fn ");
        line.ends_with('{') && (of_constant || line.contains("const fn check(self)"))
    };
    let mut start = 0;
    let mut count = 0;
    for line in text.split_inclusive('\n') {
        if opens(line) {
            count += block(start);
        }
        start += line.len();
    }
    count
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

#[test]
fn the_core_says_what_it_relies_on() {
    let (mut all, mut debug, mut constant) = (0, 0, 0);
    for (_, text) in sources() {
        all += functions(&text);
        debug += assertions(&text).count();
        constant += constant_assertions(&text);
    }
    assert!(all > 400, "there are {all} functions: is the source where it was?");
    println!("{debug} debug assertions, {constant} in constants, {all} functions");
    assert!(
        (debug + constant) * 100 >= all * ASSERTIONS_IN_100,
        "{debug} debug assertions and {constant} in constants are fewer than \
        {ASSERTIONS_IN_100} for 100 of {all} functions"
    );
}

#[test]
fn functions_and_constant_assertions_are_counted() {
    let text = "trait T { fn none(x: [u8; 2]); }\nfn some(x: [u8; 2]) -> u8 {\n f(x) }\n\
        const X: u8 = {\n    assert!(true);\n    { debug_assert!(true); }\n    assert!(true);\n};\n\
        fn other() {\n    assert!(true);\n    const {\n        assert!(true);\n    }\n}\n";
    assert_eq!(functions(text), 2);
    assert_eq!(constant_assertions(text), 3);
}
