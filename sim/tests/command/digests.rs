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
    ("mixed", "2a28fa16949b3ea4", "f184a1ce53f30577"),
    ("remote-free", "71edc8d4d7a70f45", "d22f8ff5a02629f4"),
    ("larson", "edc0c8278cb4dd90", "9ca9d53f28f228b6"),
    ("thread-churn", "912c4c79d155a557", "41e37d4c27952548"),
    ("superslab-free", "6eaf379e32ab5eb6", "5a3465f8accf9897"),
    ("system-calls-fail", "f109568d07ce81d0", "e8a0c6bdae034fb7"),
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
