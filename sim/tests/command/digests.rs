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
    ("mixed", "f5bf5c84e3a3a1db", "ae2a9fea2af6d787"),
    ("remote-free", "5fe9cbc5e0d1a6f8", "a9c5d7ede6dd9d15"),
    ("larson", "251479a13ad79e3b", "e88c6816c799de49"),
    ("thread-churn", "edfe41951d4d0912", "ce72e4d4c96299c3"),
    ("superslab-free", "5830c5db8ac2a0f7", "fcc6121ae3617cb3"),
    ("system-calls-fail", "08f0565bbc08763b", "fe8433e2a4f0dab9"),
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
