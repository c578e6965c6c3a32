//! `docs/BUGS.md` against the list of the simulator and the source of the core: the page has each
//! row once, with its faults and the places where they are planted, and nothing that does not
//! exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hak_core::Fault;
use hak_sim::faults::not_plantable::ABSENT;
use hak_sim::faults::{of_row, order};

const PAGE: &str = include_str!("../../docs/BUGS.md");

/// A row of the page.
struct Entry<'a> {
    origin: &'a str,
    planted: String,
    core: String,
}

/// The rows of the page, from its headings of the third level.
fn entries(page: &str) -> Vec<Entry<'_>> {
    page.split("\n### ")
        .skip(1)
        .map(|section| {
            let section = section.split("\n## ").next().unwrap_or_default();
            let (origin, _) = section.split_once(": ").expect("a heading with a row and a title");
            let planted = item(section, "Planted");
            Entry { origin, planted, core: item(section, "Core") }
        })
        .collect()
}

/// What the list item of that name says, its further lines included.
fn item(section: &str, name: &str) -> String {
    let start = format!("\n- {name}: ");
    let (before, rest) =
        section.split_once(&start).unwrap_or_else(|| panic!("no item \"{name}\" in: {section}"));
    assert!(!before.is_empty() && !rest.contains(&start), "one item \"{name}\" in: {section}");
    let ends = ["\n- ", "\n\n"].map(|end| rest.find(end).unwrap_or(rest.len()));
    rest[..ends[0].min(ends[1])].trim_end().replace("\n  ", " ")
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The files of the core, by their names from its source folder on.
fn core_files() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src");
    let paths = walkdir::WalkDir::new(&folder)
        .into_iter()
        .map(|entry| entry.expect("an entry").into_path());
    paths
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.strip_prefix(&folder).expect("below it").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("a source file"))
        })
        .collect()
}

/// The files that an item "Core" names, each with the functions in brackets behind it.
fn places(core: &str) -> Vec<(&str, Vec<&str>)> {
    let mut places: Vec<(&str, Vec<&str>)> = Vec::new();
    for name in quoted(core) {
        match places.last_mut() {
            _ if name.ends_with(".rs") => places.push((name, Vec::new())),
            Some((_, functions)) => functions.push(name),
            None => panic!("{name} stands behind no file in: {core}"),
        }
    }
    places
}

#[test]
fn the_page_has_each_row_of_the_list_once_and_no_other() {
    let mut expected: Vec<&str> = Fault::ALL.iter().map(|fault| fault.row().origin).collect();
    expected.dedup();
    expected.extend(ABSENT.iter().map(|row| row.origin));
    expected.sort_by_key(|origin| order(origin));
    let listed: Vec<&str> = entries(PAGE).iter().map(|entry| entry.origin).collect();
    assert_eq!(listed, expected);
}

#[test]
fn each_row_names_its_faults_and_a_row_without_any_says_so() {
    for Entry { origin, planted, .. } in entries(PAGE) {
        let expected: Vec<&str> = of_row(origin).map(Fault::name).collect();
        if expected.is_empty() {
            assert!(planted.starts_with("nothing. "), "{origin}: {planted}");
        } else {
            let line = expected.iter().map(|name| format!("`{name}`"));
            assert_eq!(planted, line.collect::<Vec<_>>().join(", "), "{origin} in docs/BUGS.md");
        }
    }
}

#[test]
fn faults_and_rows_that_are_named_in_passing_exist() {
    let is_name = |text: &str| text.chars().all(|one| one.is_ascii_lowercase() || one == '-');
    for name in quoted(PAGE).into_iter().filter(|name| name.contains('-') && is_name(name)) {
        let other = ["hak-sim", "--kill"].contains(&name);
        assert!(other || Fault::from_name(name).is_some(), "{name}");
    }
    let rows: Vec<&str> = entries(PAGE).iter().map(|entry| entry.origin).collect();
    // Rows that the page names to say that they do not exist.
    let missing = ["H1", "D9"];
    for word in PAGE.split(|one: char| !one.is_ascii_alphanumeric()) {
        let is_row = word.starts_with(['S', 'H', 'D', 'R', 'A', 'B', 'C'])
            && word.len() > 1
            && word[1..].chars().all(|one| one.is_ascii_digit());
        assert!(!is_row || rows.contains(&word) || missing.contains(&word), "{word}");
    }
    assert!(missing.iter().all(|row| !rows.contains(row)));
}

#[test]
fn each_place_in_the_core_exists_and_each_fault_is_planted_in_a_file_that_its_row_names() {
    let files = core_files();
    for Entry { origin, core, .. } in entries(PAGE) {
        let places = places(&core);
        for (file, functions) in &places {
            let text = files.get(*file).unwrap_or_else(|| panic!("{origin}: there is no {file}"));
            for function in functions {
                let found = [format!("fn {function}("), format!("fn {function}<")];
                let is_there = found.iter().any(|start| text.contains(start.as_str()));
                assert!(is_there, "{origin}: {file} has no function {function}");
            }
        }
        for fault in of_row(origin) {
            let site = format!("Fault::{fault:?}");
            let is_planted = places.iter().any(|(file, _)| planted_in(&files[*file], &site));
            assert!(is_planted, "{origin}: docs/BUGS.md names no file where {site} is planted");
        }
    }
}

#[test]
fn a_fault_is_planted_with_a_word_beside_a_healthy_line() {
    let bare = "P::planted(";
    for (file, text) in core_files() {
        let in_code = |line: &str| line.split("//").next().unwrap_or_default().contains(bare);
        assert!(
            !text.lines().any(in_code),
            "{file} asks {bare}..) and not one of the words of `Plant`"
        );
    }
}

/// Whether `site` stands in the text, and not as the beginning of a longer name.
fn planted_in(text: &str, site: &str) -> bool {
    text.split(site)
        .skip(1)
        .any(|rest| !rest.starts_with(|one: char| one.is_alphanumeric() || one == '_'))
}
