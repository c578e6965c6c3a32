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
    ("mixed", "2d36807376ae1676", "9fc966b193c51743"),
    ("remote-free", "09ef0eaf04e86a90", "b8d44c25ac85c311"),
    ("larson", "7e273891fd05fd47", "34d35b2c0cee49e4"),
    ("thread-churn", "4c6ed8497cc8bca9", "eefd22d6031fdf19"),
    ("adoption", "e98e9593c4715844", "d7b296962eef0a61"),
    ("superslab-free", "fa1474c668fb5cae", "1e397e57d3702cfc"),
    ("decay", "fcc0e5aff02fb7fa", "b2060eb8af5746e7"),
    ("large-blocks", "9f51f074b6ddb605", "1eda4e58cdfe2168"),
    ("unwritten", "87ce92f3a1737e4e", "0f9003393c875c6a"),
    ("guests", "55c0a765963931e4", "cb3bd54d3763d026"),
    ("system-calls-fail", "1dcc4c7461a79709", "52be8c47805789ca"),
    ("limited", "902cc13aabc07b03", "1eede3d930be9e00"),
    ("aligned", "d4a47cf143c577d1", "cf422d6ebb9a84dd"),
    ("ticking", "eca30c21062b8c6d", "d8110abd66f851ae"),
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
