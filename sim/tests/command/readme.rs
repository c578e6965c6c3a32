//! What the README and `docs/` show of `hak-sim` is what `hak-sim` prints.
//!
//! Every `console` block of the pages below is read: a line `$ cargo run --release -- ARGUMENTS` is
//! run, in one folder for each page and in their order, and what stands behind it in the block is
//! compared. A line `...` stands for any number of lines. Lines that depend on the commit or on the
//! machine's speed are compared without these.
//!
//! After a change of the core, `README=update cargo test -p hak-sim --test command readme` writes
//! what is printed now. Of what is shown in part, it finds lines again of which only numbers and
//! places changed; others are a person's to choose.

use std::fs;
use std::ops::Range;
use std::path::Path;

use crate::support::Folder;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const COMMAND: &str = "$ cargo run --release -- ";

/// The pages, with how many outputs each shows at least.
const PAGES: &[(&str, usize)] = &[("README.md", 1), ("docs/COMMANDS.md", 3), ("docs/BUGS.md", 0)];

/// A command of a page, and the lines that stand behind it.
struct Shown {
    arguments: String,
    /// The lines of the page that the output stands in.
    lines: Range<usize>,
}

fn read(page: &str) -> String {
    let path = Path::new(ROOT).join(page);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{page}: {error}"))
}

fn shown(page: &[&str]) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    let (mut in_block, mut open) = (false, false);
    for (number, line) in page.iter().enumerate() {
        if line.starts_with("```") {
            in_block = *line == "```console";
            open = false;
        } else if in_block && line.starts_with("$ ") {
            open = line.starts_with(COMMAND);
            if let Some(arguments) = line.strip_prefix(COMMAND) {
                let arguments = arguments.split('#').next().unwrap().trim().to_owned();
                all.push(Shown { arguments, lines: number + 1..number + 1 });
            }
        } else if open {
            all.last_mut().unwrap().lines.end = number + 1;
        }
    }
    all
}

/// The line without what depends on the commit or on the machine's speed.
fn settled(line: &str) -> String {
    let commit = line.find("(commit ").map(|at| at + "(commit ".len());
    if let Some((start, length)) = commit.and_then(|at| Some((at, line[at..].find(')')?))) {
        return format!("{}{}", &line[..start], &line[start + length..]);
    }
    match line.find(" s with ") {
        Some(at) if line.contains("schedules/s") => {
            line[at..].split(':').next().unwrap().to_owned()
        }
        _ => line.to_owned(),
    }
}

/// The line without its numbers: each word with a digit is one like the other.
fn blurred(line: &str) -> String {
    let words = line.split_whitespace();
    let blurred =
        words.map(|word| if word.contains(|c: char| c.is_ascii_digit()) { "#" } else { word });
    blurred.collect::<Vec<_>>().join(" ")
}

/// The printed lines that the shown ones stand for; where there are none, the first line that
/// differs, and what is printed there. `same` says whether a shown line stands for a printed one.
fn matched<'a>(
    shown: &[&'a str],
    printed: &[&'a str],
    same: impl Fn(&str, &str) -> bool,
) -> Result<Vec<&'a str>, (&'a str, &'a str)> {
    const END: &str = "(the end)";
    let (mut rest, mut skipping, mut found) = (printed, false, Vec::new());
    for &line in shown {
        if line == "..." {
            skipping = true;
            found.push(line);
            continue;
        }
        let at = match skipping {
            true => rest.iter().position(|printed| same(line, printed)),
            false => rest.first().filter(|printed| same(line, printed)).map(|_| 0),
        };
        let Some(at) = at else { return Err((line, rest.first().unwrap_or(&END))) };
        found.push(rest[at]);
        rest = &rest[at + 1..];
        skipping = false;
    }
    match rest.first() {
        Some(line) if !skipping => Err((END, line)),
        _ => Ok(found),
    }
}

/// The first line that differs, and what is printed there.
fn difference<'a>(shown: &[&'a str], printed: &[&'a str]) -> Option<(&'a str, &'a str)> {
    matched(shown, printed, |shown, printed| settled(shown) == settled(printed)).err()
}

/// What the page is to show instead: everything, or the parts that it shows today.
fn anew<'a>(shown: &[&'a str], printed: &[&'a str]) -> Option<Vec<&'a str>> {
    if !shown.contains(&"...") {
        // A speed stays as it was measured: this may be a debug build, or a busy machine.
        let kept = |line: &'a str| {
            let speed = line.contains("schedules/s").then(|| settled(line));
            shown.iter().copied().find(|old| Some(settled(old)) == speed).unwrap_or(line)
        };
        return Some(printed.iter().map(|&line| kept(line)).collect());
    }
    matched(shown, printed, |shown, printed| blurred(shown) == blurred(printed)).ok()
}

/// Compares a page with what is printed; one text for each output that differs.
fn wrong_outputs(page: &str, at_least: usize, update: bool) -> Vec<String> {
    let text = read(page);
    let lines: Vec<&str> = text.lines().collect();
    let folder = Folder::new();
    let all = shown(&lines);
    let printed: Vec<String> = all
        .iter()
        .map(|shown| {
            let ended = folder.run(&shown.arguments);
            assert_ne!(ended.code, 2, "{page}: {}: {}", shown.arguments, ended.stderr);
            ended.stdout
        })
        .collect();
    let (mut wrong, mut compared, mut new) = (Vec::new(), 0, lines.clone());
    // From the last one to the first one, so that places stay right.
    for (one, printed) in all.iter().zip(&printed).rev().filter(|(one, _)| !one.lines.is_empty()) {
        compared += 1;
        let (shown, printed) = (&lines[one.lines.clone()], printed.lines().collect::<Vec<_>>());
        if let Some((expected, found)) = difference(shown, &printed) {
            let arguments = &one.arguments;
            wrong.push(format!("{page}: {arguments}\n  shown   {expected}\n  printed {found}"));
            if let Some(printed) = anew(shown, &printed) {
                new.splice(one.lines.clone(), printed);
            }
        }
    }
    assert!(compared >= at_least, "{page} has no outputs any more, or this test misses them");
    if update {
        fs::write(Path::new(ROOT).join(page), new.join("\n") + "\n").expect("it can be written");
    }
    wrong
}

#[test]
fn the_readme_and_the_pages_show_what_is_printed() {
    let update = std::env::var_os("README").is_some_and(|wanted| wanted == "update");
    let outputs = |&(page, at_least): &(&str, usize)| wrong_outputs(page, at_least, update);
    let wrong: Vec<String> = PAGES.iter().flat_map(outputs).collect();
    assert!(wrong.is_empty(), "not what is printed:\n{}", wrong.join("\n"));
}

#[test]
fn the_readme_is_short_and_names_the_two_commands_first() {
    let readme = read("README.md");
    let lines: Vec<&str> = readme.lines().collect();
    assert!(
        lines.len() < 150,
        "{} lines: move something to the page that it belongs to",
        lines.len()
    );
    for command in ["$ cargo run --release -- --seed 42 ", "$ cargo test --workspace "] {
        let at = lines.iter().position(|line| line.starts_with(command));
        assert!(at.is_some_and(|at| at < 20), "{command}");
    }
}

/// A statement, as it stands in a longer one, too.
fn statement(line: &str) -> &str {
    line.trim().trim_end_matches(';')
}

/// A `rust` block that begins with the path of a file shows lines of that file.
#[test]
fn the_lines_of_the_core_that_the_readme_shows_are_there() {
    let readme = read("README.md");
    let blocks = readme.split("\n```rust\n// ").skip(1);
    let shown: Vec<&str> = blocks.map(|block| block.split("\n```").next().unwrap()).collect();
    assert!(!shown.is_empty(), "the README shows no line of the core any more");
    for block in shown {
        let (head, lines) = block.split_once('\n').expect("lines behind the file's name");
        let file = head.split(',').next().unwrap();
        let source = read(file);
        for line in lines.lines() {
            let is_there = source.lines().any(|source| source.contains(statement(line)));
            assert!(is_there, "{file} has no line {line:?}");
        }
    }
}

#[test]
fn a_line_that_differs_is_noticed() {
    assert_eq!(difference(&["a", "b"], &["a", "b"]), None);
    assert_eq!(difference(&["a", "b"], &["a", "c"]), Some(("b", "c")));
    assert_eq!(difference(&["a"], &["a", "c"]), Some(("(the end)", "c")));
    assert_eq!(difference(&["a", "b"], &["a"]), Some(("b", "(the end)")));
    assert_eq!(difference(&["a", "...", "d"], &["a", "b", "c", "d"]), None);
    assert_eq!(difference(&["a", "...", "d"], &["a", "b"]), Some(("d", "b")));
    assert_eq!(difference(&["..."], &["a", "b"]), None);
    let (one, other) = ("reproduce it (commit 12ab) with:", "reproduce it (commit unknown) with:");
    assert_eq!(difference(&[one], &[other]), None);
    let (one, other) = ("  9 s with 2 jobs: 10 schedules/s", "  11 s with 2 jobs: 7 schedules/s");
    assert_eq!(difference(&[one], &[other]), None);
    assert_eq!(
        difference(&["x s with 1 jobs: 10 schedules/s"], &[other]),
        Some(("x s with 1 jobs: 10 schedules/s", other))
    );
}

#[test]
fn what_is_shown_in_part_is_found_again_if_only_numbers_and_places_changed() {
    let printed = ["a", " 57 | load  at slab.rs:80 |", "b", "c"];
    assert_eq!(anew(&["a", "c"], &printed), Some(printed.to_vec()));
    let speeds = ["  9 s with 2 jobs: 10 schedules/s", "  11 s with 2 jobs: 7 schedules/s"];
    assert_eq!(anew(&speeds[..1], &[speeds[1], "new"]), Some(vec![speeds[0], "new"]));
    let shown = ["...", " 9 | load      at slab.rs:212 |", "..."];
    assert_eq!(anew(&shown, &printed), Some(vec!["...", printed[1], "..."]));
    assert_eq!(anew(&["...", " 9 | store at slab.rs:212 |", "..."], &printed), None);
}
