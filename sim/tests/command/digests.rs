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
    ("mixed", "6c34f29f3e54ccae", "3ea29e9d6d42177d"),
    ("remote-free", "05836227aa52d182", "c456e3a1d4709b50"),
    ("larson", "fd2a35a648a1f958", "69996d41e010e59a"),
    ("thread-churn", "12538ff0409e0dfd", "4e5677122c8243da"),
    ("adoption", "4ba74825cb3c2964", "0bec14af900fedd8"),
    ("superslab-free", "d0416dd924713479", "6be7a88266d2c68b"),
    ("decay", "95abcbbfba8d4177", "a1c29a358d461fa5"),
    ("large-blocks", "f6149719d6cef034", "dea5f53f5dd8201b"),
    ("unwritten", "46c63bdc52f6ea68", "3fabaaff7820c5eb"),
    ("guests", "b75c5456bc2a1c68", "cb2215e89448ff94"),
    ("system-calls-fail", "5c6fca4dc193bc8b", "f90ddd621b2344a4"),
    ("limited", "8d0a71f163b90edb", "f8d89b4cee7468c3"),
    ("aligned", "e84eddcfbd3a5efc", "402163b033fed44c"),
    ("ticking", "f10cba9f9dd384bf", "e4fdc38b8ef69789"),
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
