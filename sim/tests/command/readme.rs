//! What the README shows of `hak-sim` is what `hak-sim` prints.
//!
//! Every `console` block is read: a line `$ cargo run --release -- ARGUMENTS` is run, in one folder and in their order, and
//! what stands behind it in the block is compared. A line `...` stands for any number of lines. Lines that depend on the
//! commit or on the machine's speed are compared without these.
//!
//! After a change of the core, `README=update cargo test -p hak-sim --test command readme` writes what is printed now.

use std::fs;
use std::path::Path;

use crate::support::Folder;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
const COMMAND: &str = "$ cargo run --release -- ";

/// A command of the README, and the lines that stand behind it.
struct Shown {
    arguments: String,
    /// The lines of the file that the output stands in, from the first one to behind the last one.
    lines: std::ops::Range<usize>,
}

fn shown(readme: &[&str]) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    let (mut in_block, mut open) = (false, false);
    for (number, line) in readme.iter().enumerate() {
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

/// Whether the printed lines are the shown ones; where not, the first line that differs.
fn difference<'a>(shown: &[&'a str], printed: &[&'a str]) -> Option<(&'a str, &'a str)> {
    let (mut printed, mut skipping) = (printed, false);
    for &line in shown {
        if line == "..." {
            skipping = true;
            continue;
        }
        let same = |found: &&str| settled(found) == settled(line);
        let at = if skipping {
            printed.iter().position(same)
        } else {
            printed.first().filter(|found| same(found)).map(|_| 0)
        };
        let Some(at) = at else { return Some((line, printed.first().unwrap_or(&"(the end)"))) };
        printed = &printed[at + 1..];
        skipping = false;
    }
    match printed.first() {
        Some(line) if !skipping => Some(("(the end)", line)),
        _ => None,
    }
}

#[test]
fn the_readme_shows_what_is_printed() {
    let text = fs::read_to_string(README).expect("the README");
    let readme: Vec<&str> = text.lines().collect();
    let folder = Folder::new();
    let (mut wrong, mut compared) = (Vec::new(), 0);
    let mut new: Vec<String> = readme.iter().map(|&line| line.to_owned()).collect();
    // From the last one to the first one the places stay right; the commands need their order, so they run first.
    let all = shown(&readme);
    let printed: Vec<String> = all
        .iter()
        .map(|shown| match shown.lines.is_empty() {
            true => String::new(),
            false => folder.run(&shown.arguments).stdout,
        })
        .collect();
    for (shown, printed) in
        all.iter().zip(&printed).rev().filter(|(shown, _)| !shown.lines.is_empty())
    {
        compared += 1;
        let lines: Vec<&str> = printed.lines().collect();
        if let Some((expected, found)) = difference(&readme[shown.lines.clone()], &lines) {
            wrong.push(format!("{}\n  shown   {expected}\n  printed {found}", shown.arguments));
            // What is shown in part stays: a line that is wrong there is a person's to choose.
            if !readme[shown.lines.clone()].contains(&"...") {
                new.splice(shown.lines.clone(), lines.iter().map(|&line| line.to_owned()));
            }
        }
    }
    assert!(compared >= 3, "the README has no outputs any more, or this test does not find them");
    if std::env::var_os("README").is_some_and(|wanted| wanted == "update") {
        let new = new.join("\n") + "\n";
        fs::write(Path::new(README), new).expect("the README can be written");
    }
    assert!(wrong.is_empty(), "not what is printed:\n{}", wrong.join("\n"));
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
