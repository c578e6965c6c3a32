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
    ("mixed", "0e4c703b945aece2", "1c43849cd0e3144c"),
    ("remote-free", "3bcc0d07a3470514", "ee7beccc7c5b29a5"),
    ("larson", "1059fe5382d6d33e", "a56e1049bb7a9e7b"),
    ("thread-churn", "556412197331e874", "000351541036612a"),
    ("superslab-free", "e21e3571f5b29499", "f25e7ade0fbf5e3c"),
    ("decay", "c2fe833f80f134d9", "6d121941a937ae7d"),
    ("system-calls-fail", "d05d40140f28bc53", "f11bff28546f3674"),
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
