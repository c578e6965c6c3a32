//! Each SAFETY comment says what its argument rests on, in brackets at its beginning: invariants by
//! their number in the head of a file, or the contract of the function in which it stands. What is
//! cited exists. CONTRIBUTING.md has the forms.

mod repository;

use std::fs;
use std::path::{Path, PathBuf};

/// What a comment begins with that is about safety.
const MARK: &str = concat!("SAFETY", ":");

/// Traits of the standard library with unsafe methods whose contract is written there.
const THEIR_TRAITS: &[&str] = &["GlobalAlloc"];

/// A source file.
struct Source {
    /// The folder's name of the crate that it belongs to.
    krate: String,
    /// Where it lies in the crate.
    path: String,
    /// The same without the extension, and without `/mod`.
    place: String,
    text: String,
    /// The numbers of the invariants in its head.
    invariants: Vec<usize>,
}

impl Source {
    fn new(krate: &str, path: &str, text: &str) -> Source {
        let (krate, path, text) = (krate.to_owned(), path.to_owned(), text.to_owned());
        let place = path.trim_end_matches(".rs").trim_end_matches("/mod").to_owned();
        Source { krate, path, place, invariants: invariants(&text), text }
    }

    fn lines(&self) -> Vec<&str> {
        self.text.lines().collect()
    }
}

/// The numbers of the invariants in the head of a file: those of the list below a line that begins
/// with "Invariants"; or 1, for a sentence "Invariant: …".
fn invariants(text: &str) -> Vec<usize> {
    let mut head = text.lines().map_while(|line| line.strip_prefix("//!"));
    let is_heading = |line: &&str| line.starts_with(" Invariant");
    match head.find(is_heading) {
        None => Vec::new(),
        Some(line) if line.starts_with(" Invariant: ") => vec![1],
        Some(_) => head
            .skip_while(|line| line.trim().is_empty())
            .take_while(|line| !line.trim().is_empty())
            .filter_map(|line| line.strip_prefix(' ')?.split_once(". ")?.0.parse().ok())
            .collect(),
    }
}

/// One thing that a comment rests on.
#[derive(Debug, PartialEq, Eq)]
enum Ground<'a> {
    Contract,
    Above,
    Invariant { krate: Option<&'a str>, file: &'a str, number: usize },
}

fn ground(text: &str) -> Option<Ground<'_>> {
    let words: Vec<&str> = text.split(' ').collect();
    let (krate, file, number) = match words[..] {
        ["contract"] => return Some(Ground::Contract),
        ["as", "above"] => return Some(Ground::Above),
        [file, number] => (None, file, number),
        [krate, file, number] => (Some(krate), file, number),
        _ => return None,
    };
    let is_name = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == '/';
    let is_file = !file.is_empty() && file.chars().all(is_name);
    is_file.then_some(Ground::Invariant { krate, file, number: number.parse().ok()? })
}

/// What stands behind the mark, if the line says something about safety; `Err` if it is not at the
/// beginning of a comment.
fn said(line: &str) -> Option<Result<&str, &'static str>> {
    line.to_ascii_uppercase().contains(MARK).then(|| {
        let comment = line.trim_start().strip_prefix("// ");
        comment.and_then(|comment| comment.strip_prefix(MARK)).ok_or("not where a comment begins")
    })
}

/// The grounds that a comment names behind its mark.
fn grounds(said: &str) -> Result<Vec<Ground<'_>>, &'static str> {
    let inside = said.strip_prefix(" [").and_then(|rest| rest.split_once(']'));
    let (inside, _) = inside.ok_or("does not begin with what it rests on, in brackets")?;
    let grounds = inside.split(", ").map(ground).collect::<Option<Vec<_>>>();
    grounds.ok_or("the brackets have neither a name and a number, nor contract, nor as above")
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines in which what stands in line `at` is set in, innermost first.
fn around(lines: &[&str], at: usize) -> Vec<usize> {
    let mut limit = indentation(lines[at]);
    let mut found = Vec::new();
    for number in (0..at).rev() {
        let line = lines[number];
        // The end of a head of several lines.
        let is_end = line.trim_start().starts_with([')', '}', '{', ']', '>']);
        if indentation(line) < limit && !line.trim().is_empty() && !is_end {
            limit = indentation(line);
            found.push(number);
        }
    }
    found
}

/// The words of a line without those that may stand in front of `fn`, `impl` or `trait`.
fn item(line: &str) -> (&str, bool) {
    let mut rest = line.trim_start();
    let mut is_unsafe = false;
    while let Some((word, behind)) = rest.split_once(' ') {
        match word {
            "unsafe" => is_unsafe = true,
            "pub" | "const" | "extern" => {}
            _ if word.starts_with("pub(") || word.starts_with('"') => {}
            _ => break,
        }
        rest = behind;
    }
    (rest, is_unsafe)
}

/// The name at the beginning of a text.
fn name(text: &str) -> &str {
    text.split(|one: char| !one.is_alphanumeric() && one != '_').next().unwrap_or_default()
}

/// The number of the line where the function begins in which a line stands.
fn function(lines: &[&str], at: usize) -> Option<usize> {
    around(lines, at).into_iter().find(|&number| item(lines[number]).0.starts_with("fn "))
}

/// Whether the documentation in front of a line has a section about safety.
fn has_section(lines: &[&str], at: usize) -> bool {
    let above = lines[..at].iter().rev().map(|line| line.trim());
    let mut above = above.take_while(|line| !line.is_empty() && !line.ends_with(['{', '}', ';']));
    above.any(|line| line.starts_with("///") && line.contains("# Safety"))
}

/// The trait that is implemented in a line.
fn implemented(line: &str) -> Option<&str> {
    let head = item(line).0.strip_prefix("impl")?.split_once(" for ")?.0;
    let path = head.rsplit_once("> ").map_or(head, |(_, path)| path);
    path.split('<').next()?.rsplit([':', ' ']).next()
}

/// What is wrong with a comment in line `at` that rests on the contract of its function.
fn no_contract(sources: &[Source], lines: &[&str], at: usize) -> Option<&'static str> {
    let Some(function) = function(lines, at) else {
        return Some("rests on a contract, but stands in no function");
    };
    let (head, is_unsafe) = item(lines[function]);
    if !is_unsafe {
        return Some("rests on a contract, but its function is not unsafe");
    }
    if has_section(lines, function) {
        return None;
    }
    let method = name(head.trim_start_matches("fn "));
    let implemented = around(lines, function).into_iter().find_map(|at| implemented(lines[at]));
    let is_theirs = |name: &str| THEIR_TRAITS.contains(&name);
    let is_ours = |name: &str| sources.iter().any(|source| promises(source, name, method));
    match implemented {
        Some(name) if is_theirs(name) || is_ours(name) => None,
        _ => Some("rests on a contract, but its function has no section about safety"),
    }
}

/// Whether a file has a trait of this name with such a method, whose documentation has a section
/// about safety.
fn promises(source: &Source, wanted: &str, method: &str) -> bool {
    let lines = source.lines();
    let is_method =
        |line: &str| item(line).0.strip_prefix("fn ").is_some_and(|l| name(l) == method);
    let is_trait =
        |line: &str| item(line).0.strip_prefix("trait ").is_some_and(|l| name(l) == wanted);
    (0..lines.len()).any(|at| {
        is_method(lines[at])
            && has_section(&lines, at)
            && around(&lines, at).iter().any(|at| is_trait(lines[*at]))
    })
}

/// What is wrong with an invariant that is cited.
fn no_invariant(
    sources: &[Source],
    krate: &str,
    file: &str,
    number: usize,
) -> Option<&'static str> {
    let ends = |place: &str| place == file || place.ends_with(&format!("/{file}"));
    let files: Vec<&Source> = sources
        .iter()
        .filter(|one| one.krate == krate && !one.invariants.is_empty() && ends(&one.place))
        .collect();
    match files[..] {
        [] => Some("no such file of the crate has invariants"),
        [one] if one.invariants.contains(&number) => None,
        [_] => Some("the file has no invariant of this number"),
        _ => Some("several files of that name have invariants"),
    }
}

/// What is wrong with the comment in line `at`, behind whose mark so much is said.
fn wrong_with(
    sources: &[Source],
    source: &Source,
    lines: &[&str],
    at: usize,
    said: &str,
) -> Option<&'static str> {
    let grounds = match grounds(said) {
        Ok(grounds) => grounds,
        Err(why) => return Some(why),
    };
    grounds.iter().find_map(|ground| match *ground {
        Ground::Contract => no_contract(sources, lines, at),
        Ground::Above => {
            let begin = function(lines, at).unwrap_or(at);
            let is_one = |line: &&str| said_well(line);
            let is_there = lines[begin..at].iter().any(is_one);
            (!is_there).then_some("nothing is cited above it in its function")
        }
        Ground::Invariant { krate, file, number } => {
            no_invariant(sources, krate.unwrap_or(&source.krate), file, number)
        }
    })
}

/// Whether a line cites something other than what stands above it.
fn said_well(line: &str) -> bool {
    let Some(Ok(said)) = said(line) else { return false };
    grounds(said).is_ok_and(|grounds| !grounds.contains(&Ground::Above))
}

/// The comments of a file, and what is wrong with each.
fn judged(sources: &[Source], source: &Source) -> Vec<(usize, Option<&'static str>)> {
    let lines = source.lines();
    let judge = |at: usize| {
        let wrong = match said(lines[at])? {
            Ok(said) => wrong_with(sources, source, &lines, at, said),
            Err(why) => Some(why),
        };
        Some((at + 1, wrong))
    };
    (0..lines.len()).filter_map(judge).collect()
}

fn sources() -> Vec<Source> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    repository::files().filter(is_rust).map(|path| read(&path)).collect()
}

fn read(path: &Path) -> Source {
    let is_crate = |folder: &&Path| folder.join("Cargo.toml").is_file();
    let krate = path.ancestors().find(is_crate).expect("the crate of a file");
    let place = path.strip_prefix(krate).expect("below it").to_string_lossy().into_owned();
    let krate = krate.file_name().expect("a folder").to_string_lossy().into_owned();
    Source::new(&krate, &place, &fs::read_to_string(path).expect("a source file"))
}

#[test]
fn each_comment_rests_on_what_there_is() {
    let sources = sources();
    let (mut count, mut wrong) = (0, Vec::new());
    for source in &sources {
        for (line, why) in judged(&sources, source) {
            count += 1;
            wrong.extend(why.map(|why| format!("{}/{}:{line}: {why}", source.krate, source.path)));
        }
    }
    assert!(count > 500, "only {count} comments");
    assert!(wrong.is_empty(), "{} of {count} comments:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn invariants_are_numbered_from_one_on() {
    let sources = sources();
    let with = sources.iter().filter(|source| !source.invariants.is_empty());
    let mut count = 0;
    for source in with {
        count += 1;
        let expected: Vec<usize> = (1..=source.invariants.len()).collect();
        assert_eq!(source.invariants, expected, "{}/{}", source.krate, source.path);
    }
    assert!(count > 20, "only {count} files have invariants");
}

/// The first thing that is wrong in a file of these lines, beside two others that have invariants.
fn first_wrong(lines: &[&str]) -> Option<&'static str> {
    let text = lines.join("\n").replace("MARK", MARK);
    let sources = [
        Source::new("core", "src/tables/slab.rs", "//! Invariants:\n//! 1. One.\n//! 2. Two.\n"),
        Source::new("core", "src/range/mod.rs", "//! Invariant: only one.\n"),
        Source::new("core", "src/thread/slab.rs", "//! None.\n"),
        Source::new(
            "core",
            "src/door.rs",
            "trait Door {\n    /// # Safety\n    /// It is shut.\n    unsafe fn open();\n}\n",
        ),
        Source::new("native", "src/memory.rs", &text),
    ];
    judged(&sources, &sources[4]).into_iter().find_map(|(_, why)| why)
}

#[test]
fn a_comment_that_cites_nothing_is_noticed() {
    let wrong = |line: &str| first_wrong(&["fn f() {", line, "}"]);
    assert_eq!(wrong("    // MARK [core slab 2] text"), None);
    assert_eq!(wrong("    // MARK [core slab 1, core range 1]"), None);
    assert_eq!(wrong("    // MARK [core tables/slab 1]"), None);
    let brackets = Some("does not begin with what it rests on, in brackets");
    assert_eq!(wrong("    // MARK text [core slab 1]"), brackets);
    assert_eq!(wrong("    // MARK text"), brackets);
    assert_eq!(wrong("    // MARK [core slab 1"), brackets);
    let forms = Some("the brackets have neither a name and a number, nor contract, nor as above");
    assert_eq!(wrong("    // MARK [slab]"), forms);
    assert_eq!(wrong("    // MARK [core slab 1 core range 1]"), forms);
    assert_eq!(wrong("    // MARK []"), forms);
    let beginning = Some("not where a comment begins");
    assert_eq!(wrong("    // Text. MARK [core slab 1]"), beginning);
    assert_eq!(
        wrong(&"    // MARK [core slab 1]".replace("MARK", &MARK.to_lowercase())),
        beginning
    );
    assert_eq!(wrong("    f(); // MARK [core slab 1]"), beginning);
}

#[test]
fn an_invariant_that_there_is_not_is_noticed() {
    let wrong = |line: &str| first_wrong(&["//! Invariants:", "//! 1. Mine.", line]);
    assert_eq!(wrong("// MARK [memory 1]"), None);
    let number = Some("the file has no invariant of this number");
    assert_eq!(wrong("// MARK [memory 2]"), number);
    assert_eq!(wrong("// MARK [core slab 1, core range 2]"), number);
    let file = Some("no such file of the crate has invariants");
    assert_eq!(wrong("// MARK [slab 1]"), file);
    assert_eq!(wrong("// MARK [core thread/slab 1]"), file);
    assert_eq!(wrong("// MARK [core lab 1]"), file);
}

#[test]
fn a_contract_that_there_is_not_is_noticed() {
    let comment = "        // MARK [contract]";
    assert_eq!(
        first_wrong(&["/// # Safety", "unsafe fn f(", "    a: u8,", ") -> u8 {", comment]),
        None
    );
    assert_eq!(first_wrong(&["impl Door for A {", "    unsafe fn open() {", comment]), None);
    assert_eq!(
        first_wrong(&[
            "unsafe impl<P: Door> GlobalAlloc for A<P> {",
            "    unsafe fn f() {",
            comment
        ]),
        None
    );
    let section = Some("rests on a contract, but its function has no section about safety");
    assert_eq!(first_wrong(&["/// Text.", "unsafe fn f() {", comment]), section);
    assert_eq!(first_wrong(&["impl Door for A {", "    unsafe fn shut() {", comment]), section);
    assert_eq!(first_wrong(&["impl A {", "    unsafe fn open() {", comment]), section);
    assert_eq!(
        first_wrong(&["/// # Safety", "unsafe fn f() {}", "", "unsafe fn g() {", comment]),
        section
    );
    let safe = Some("rests on a contract, but its function is not unsafe");
    assert_eq!(first_wrong(&["/// # Safety", "fn f() {", comment]), safe);
    let none = Some("rests on a contract, but stands in no function");
    assert_eq!(first_wrong(&["// MARK [contract]", "unsafe impl Sync for A {}"]), none);
}

#[test]
fn as_above_needs_something_above() {
    let above = "    // MARK [as above]";
    assert_eq!(first_wrong(&["fn f() {", "    // MARK [core slab 1]", above]), None);
    let nothing = Some("nothing is cited above it in its function");
    assert_eq!(first_wrong(&["fn f() {", above]), nothing);
    assert_eq!(
        first_wrong(&["fn f() {", "    // MARK [core slab 1]", "}", "fn g() {", above]),
        nothing
    );
}
