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
    ("mixed", "e48cd55de8deea62", "ee7b78241d27ffae"),
    ("remote-free", "345c535b0b5e0c9d", "46a185853e62b13b"),
    ("larson", "c4303cd0be10cf8c", "f1ff2b898cfed5db"),
    ("thread-churn", "fc1f6ca8b4cb7325", "4fa7a17aa21746b6"),
    ("adoption", "cb0f468211b3176b", "cd7291c5af805752"),
    ("superslab-free", "458767f850a9ad3f", "2ab8063871f5738d"),
    ("decay", "356035bbf6687d35", "4ae5b9a606a2a59b"),
    ("large-blocks", "65d7d41c85b2b6f4", "9b36445b014009fa"),
    ("system-calls-fail", "bec953f0d9bb3872", "4e31ccba2815a141"),
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
