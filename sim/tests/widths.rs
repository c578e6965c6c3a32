//! Lines are at most 100 characters wide in code, comments included, and 120 in Markdown. Links may
//! be wider, tables too, but not in code, and code blocks in pages.

mod repository;

use std::fs;
use std::path::{Path, PathBuf};

const CODE: usize = 100;
const PAGE: usize = 120;

/// What kind of text a file is, for this test.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    /// Rust and C.
    Code,
    /// Markdown.
    Page,
    /// A manifest: only its comments are prose.
    Manifest,
}

impl Text {
    fn of(path: &Path) -> Option<Text> {
        match path.extension()?.to_str()? {
            "rs" | "c" | "h" | "cpp" => Some(Text::Code),
            "md" => Some(Text::Page),
            "toml" => Some(Text::Manifest),
            _ => None,
        }
    }
}

/// The line without the targets of its links.
fn without_links(line: &str) -> String {
    let mut parts = line.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += "](";
        text += part.split_once(')').map_or(part, |(_, behind)| behind);
    }
    text.split(' ').filter(|word| !word.contains("://")).collect::<Vec<_>>().join(" ")
}

/// The numbers of the lines that are too wide.
fn wide(text: Text, content: &str) -> Vec<usize> {
    let limit = if text == Text::Page { PAGE } else { CODE };
    let mut in_block = false;
    let mut found = Vec::new();
    for (number, line) in content.lines().enumerate() {
        let start = line.trim_start();
        in_block ^= text == Text::Page && start.starts_with("```");
        let may_be_wide = match text {
            Text::Code => false,
            Text::Page => in_block || start.starts_with('|'),
            Text::Manifest => !start.starts_with('#') || start.starts_with("# |"),
        };
        if !may_be_wide && without_links(line).chars().count() > limit {
            found.push(number + 1);
        }
    }
    found
}

/// All files of the repository that are text of ours.
fn files() -> Vec<(PathBuf, Text)> {
    repository::files().filter_map(|path| Text::of(&path).map(|text| (path, text))).collect()
}

#[test]
fn no_line_is_too_wide() {
    let files = files();
    assert!(files.len() > 300, "only {} files", files.len());
    let mut found = Vec::new();
    for (path, text) in files {
        let content = fs::read_to_string(&path).expect("a text");
        for line in wide(text, &content) {
            found.push(format!("{}:{line}", path.display()));
        }
    }
    assert!(found.is_empty(), "wider than {CODE} or, in pages, {PAGE}:\n{}", found.join("\n"));
}

#[test]
fn a_line_that_is_too_wide_is_noticed() {
    let words = |count: usize| "word ".repeat(count);
    assert_eq!(wide(Text::Code, &format!("a\n// {}\n", words(20))), [2]);
    assert_eq!(wide(Text::Code, &format!("let x = 1; // {}", words(20))), [1]);
    assert_eq!(wide(Text::Code, &format!("//! | {}|", words(20))), [1]);
    assert_eq!(wide(Text::Page, &format!("| {}|", words(25))), []);
    assert_eq!(wide(Text::Page, &format!("```\n{0}\n```\n{0}", words(25))), [4]);
    assert_eq!(wide(Text::Page, &words(24)), []);
    assert_eq!(
        wide(Text::Page, &format!("{}[word](https://example.org/{})", words(22), "x".repeat(50))),
        []
    );
    assert_eq!(wide(Text::Page, &words(25)), [1]);
    assert_eq!(wide(Text::Manifest, &format!("key = \"{0}\"\n# {0}", words(25))), [2]);
}
