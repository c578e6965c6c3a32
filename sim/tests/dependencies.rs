//! Who depends on what: the table in `deny.toml` has each direct dependency with its users and a
//! reason, the core has no dependency, and what ships has none but the C library's.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

const TABLE: &str = include_str!("../../deny.toml");

/// A crate of the workspace uses a crate from elsewhere.
struct Dependency {
    user: String,
    name: String,
    /// Whether it is for tests and benches only.
    is_dev: bool,
}

/// The direct dependencies of the workspace on crates from elsewhere, as the manifests have them.
fn dependencies() -> Vec<Dependency> {
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let manifest = text(&package["manifest_path"]);
        let folder = manifest.rsplit('/').nth(1).expect("a folder").to_owned();
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            if dependency["path"].is_null() {
                found.push(Dependency {
                    user: folder.clone(),
                    name: text(&dependency["name"]),
                    is_dev: dependency["kind"] == "dev",
                });
            }
        }
    }
    found
}

#[test]
fn the_table_has_each_direct_dependency_with_its_users_and_a_reason() {
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for dependency in dependencies() {
        expected.entry(dependency.name).or_default().insert(dependency.user);
    }
    let rows = TABLE.lines().filter_map(|line| line.strip_prefix("# | ")).skip(1);
    let listed: BTreeMap<String, BTreeSet<String>> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            assert!(cells.len() == 4 && !cells[2].is_empty(), "three cells, with a reason: {row}");
            (cells[0].to_owned(), cells[1].split(", ").map(str::to_owned).collect())
        })
        .collect();
    assert_eq!(listed, expected, "deny.toml (left) and the manifests (right)");
}

#[test]
fn the_core_has_no_dependency_and_what_ships_has_the_c_library_alone() {
    let dependencies = dependencies();
    let of = |folder: &str| -> BTreeSet<&str> {
        let shipped = dependencies.iter().filter(|one| one.user == folder && !one.is_dev);
        shipped.map(|one| one.name.as_str()).collect()
    };
    assert!(!dependencies.iter().any(|one| one.user == "core"));
    assert_eq!(of("native"), BTreeSet::from(["libc"]));
    assert_eq!(of("preload"), BTreeSet::from(["libc"]));
}
