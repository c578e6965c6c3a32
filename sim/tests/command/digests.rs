//! The digests of seed 42, pinned: debug and release, this machine and any other give the same run.
//!
//! A change of the core, of a scenario, of the random strategy or of the digest itself changes them, and nothing else
//! does. Then the failing test prints the new table: copy it from there, after having made sure that the change was meant
//! to be one of behaviour. Run it in debug and in release (`cargo test -p hak-sim --test command digests`, then the same
//! with `--release`): one table must fit both.

use hak_sim::scenario::SCENARIOS;

use crate::support::Folder;

/// Scenario, digest in the tiny geometry, digest in the production geometry.
const SEED_42: &[(&str, &str, &str)] = &[
    ("mixed", "c46810ad7ac9f57a", "abb40b3643fd0546"),
    ("remote-free", "5208386c46b1686f", "a301f9d8e5220c0e"),
    ("larson", "c39e5b1b051645bb", "537ddbc27212234a"),
    ("thread-churn", "b02b9fc2a38df60f", "5856d18d545c3b5f"),
    ("superslab-free", "957f6f14c40dfb15", "98de528c9702ae05"),
    ("decay", "98aa4c8cf09be08c", "bcd6d96f9d675e0c"),
    ("system-calls-fail", "495aefcd5864da1d", "980d2507372a4792"),
];

#[test]
fn seed_42_gives_the_pinned_digests_in_every_build() {
    let folder = Folder::new();
    let digest = |name: &str, geometry: &str| {
        let arguments = format!("--seed 42 --scenario {name} --geometry {geometry} --json");
        folder.expect(0, &arguments).json()["digest"].as_str().expect("a text").to_owned()
    };
    let found: Vec<(&str, String, String)> = SCENARIOS
        .iter()
        .map(|scenario| scenario.name)
        .map(|name| (name, digest(name, "tiny"), digest(name, "production")))
        .collect();
    let table: String = found
        .iter()
        .map(|(name, tiny, production)| format!("    ({name:?}, {tiny:?}, {production:?}),\n"))
        .collect();
    let fits = found.len() == SEED_42.len()
        && found.iter().zip(SEED_42).all(|((name, tiny, production), pinned)| {
            (*name, tiny.as_str(), production.as_str()) == *pinned
        });
    assert!(fits, "the runs of seed 42 are others; if that is meant, the table is now:\n{table}");
}
