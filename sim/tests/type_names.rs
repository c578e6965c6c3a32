//! No name of a type means two things: in the core, in what ships, in traces, in replays and in the
//! simulator each is defined once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Names that may be defined more than once, and why.
const EXCEPTIONS: &[(&str, &str)] = &[("Allocator", "hak's is the core's on its own platform")];

const CRATES: [&str; 6] = ["core", "native", "preload", "traces", "replay", "sim"];

/// The name of the type that a line defines, if it does.
fn defined(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    if let Some(public) = rest.strip_prefix("pub") {
        rest = match public.strip_prefix('(') {
            Some(inside) => inside.split_once(')')?.1,
            None => public,
        };
    }
    rest = rest.trim_start();
    rest = rest.strip_prefix("unsafe ").unwrap_or(rest);
    let (keyword, rest) = rest.split_once(' ')?;
    // A type that is set in is one of a trait or of its implementation.
    let defines = match keyword {
        "struct" | "enum" | "trait" | "union" => true,
        "type" => !line.starts_with(' '),
        _ => false,
    };
    let name = rest.split(|one: char| !one.is_alphanumeric() && one != '_').next()?;
    (defines && name.starts_with(|one: char| one.is_ascii_uppercase())).then_some(name)
}

/// Each type of a folder with the file that defines it, without those of tests.
fn types(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let path = entry.expect("a source folder").into_path();
        let name = path.to_string_lossy().into_owned();
        if !name.ends_with(".rs") || name.contains("/tests/") || name.ends_with("/tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        found.extend(code.lines().filter_map(defined).map(|one| (one.to_owned(), name.clone())));
    }
    found
}

#[test]
fn no_name_of_a_type_is_defined_twice() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in CRATES {
        for (name, file) in types(&repository.join(name).join("src")) {
            files.entry(name).or_default().push(file);
        }
    }
    assert!(files.len() > 300, "{} types were found", files.len());
    files.retain(|_, files| files.len() > 1);
    for (name, _) in EXCEPTIONS {
        assert!(files.remove(*name).is_some(), "{name} is defined once, and needs no exception");
    }
    assert!(files.is_empty(), "defined more than once: {files:#?}");
}

#[test]
fn what_defines_a_type_is_told_from_what_does_not() {
    assert_eq!(defined("pub(crate) struct Row<'a> {"), Some("Row"));
    assert_eq!(defined("    enum Row {"), Some("Row"));
    assert_eq!(defined("pub unsafe trait Row: Copy {"), Some("Row"));
    assert_eq!(defined("type Row = (u32, u32);"), Some("Row"));
    assert_eq!(defined("    type Row = u32;"), None);
    assert_eq!(defined("/// A struct Row."), None);
    assert_eq!(defined("    let row = Row { first };"), None);
}
