//! The digests of seed 42, pinned: debug and release, this machine and any other give the same run.
//!
//! A change of the core, of a scenario, of the random strategy or of the digest itself changes
//! them, and nothing else does. Then the failing test prints the new table: copy it from there,
//! after having made sure that the change was meant to be one of behaviour. Run it in debug and in
//! release (`cargo test -p hak-sim --test command digests`, then the same with `--release`): one
//! table must fit both.

use hak_sim::scenario::SCENARIOS;

use crate::support::Folder;

/// Scenario, digest in the tiny geometry, digest in the production geometry.
const SEED_42: &[(&str, &str, &str)] = &[
    ("mixed", "2d6e891db917db2d", "83c6c8dbaabd2486"),
    ("remote-free", "11ba022768d8f577", "d546b0b613008247"),
    ("larson", "1788e4534d391a85", "abeb8b7fdbbf1041"),
    ("thread-churn", "62e1c5b8a914050d", "c40e0532e60197ec"),
    ("adoption", "5d623f4574d01120", "9e35e62f3aaa94ee"),
    ("superslab-free", "53a124af275d54c5", "d6305abab16faef7"),
    ("decay", "f7569a111ddc484d", "7972d84bd32ba319"),
    ("large-blocks", "061a28a44de161cd", "8ac14dbd3f6f6506"),
    ("unwritten", "5e5a27a3e66b1783", "e0b0acd78f42effd"),
    ("guests", "cbb8713bd036248c", "6193716934727712"),
    ("system-calls-fail", "3c4d238b8f2fc55e", "8d59235fa6b82851"),
    ("limited", "7d197a0b9c64531d", "740e0cad1092edac"),
    ("aligned", "b6d0d77751a008a3", "09b06e3b7847a5d7"),
    ("ticking", "82f652867a68a44b", "80e0cdf2bd3cdd78"),
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
