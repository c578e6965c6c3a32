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
    ("mixed", "34532867f4e10921", "0fefbce2647cbc9a"),
    ("remote-free", "2702d4fa2a84c77c", "f4f662b26f5c248f"),
    ("larson", "faa1715aa9ef0c9f", "fe88f2bdecd12e62"),
    ("thread-churn", "26bd47d3279e8ea6", "2139f6dc588bddcb"),
    ("superslab-free", "6ec6993e42d91acb", "468dc26bd1e24b5b"),
    ("decay", "a1e1c64c308a043c", "7c0118486568416d"),
    ("large-blocks", "ed7efa678174c145", "7eb2a0cea3c6fff9"),
    ("system-calls-fail", "93c07b5aec88e57e", "f3ecff77218db605"),
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
