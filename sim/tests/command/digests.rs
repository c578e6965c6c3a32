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
    ("mixed", "51efc2d30f27a4f7", "e848f09966d38b69"),
    ("remote-free", "5d40a97003120a43", "f6ac0e79ca874a83"),
    ("larson", "5aaba3d5a748a176", "452fd7d4cd2b56d4"),
    ("thread-churn", "b4ad084b8ace3d35", "6e7e469d47044ec6"),
    ("adoption", "9e788c47985389ca", "e99937ec4fb02165"),
    ("superslab-free", "e7e840b5f61b28c8", "b1c5003f232ba370"),
    ("decay", "71eb611b53ca933a", "28a5def4949180df"),
    ("large-blocks", "09720bbaf0e567b4", "3e42d462a8db4d41"),
    ("system-calls-fail", "185e2731e53e6d13", "fcb0c458f1427a6f"),
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
