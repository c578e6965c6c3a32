//! `docs/GLOSSARY.md`: each word stands there once, and each file that it leads to exists.

use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../docs/GLOSSARY.md");

/// The words that are explained: in bold at the start of an item.
fn words() -> Vec<&'static str> {
    let (page, _) = PAGE.split_once("\n## Words with two meanings").expect("the last section");
    page.lines()
        .filter(|line| line.starts_with("- **"))
        .flat_map(|line| line.split("**").skip(1).step_by(2))
        .collect()
}

#[test]
fn each_word_is_explained_once() {
    let words = words();
    assert!(words.len() > 50, "{} words: is the page as it was?", words.len());
    let mut seen = BTreeSet::new();
    for word in words {
        assert!(seen.insert(word), "{word} stands there twice");
    }
}

#[test]
fn each_file_that_a_word_leads_to_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = PAGE.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs"));
    for file in files {
        assert!(root.join(file).is_file(), "docs/GLOSSARY.md leads to {file}, which is not there");
    }
    // An item goes on to the next one, or to the end of its section.
    for item in PAGE.split("\n- ").skip(1) {
        let item = item.split("\n\n").next().unwrap_or_default();
        let leads =
            item.contains(".rs`") || PAGE.split("\n## Words with").nth(1).unwrap().contains(item);
        assert!(leads, "no file behind: {item}");
    }
}
