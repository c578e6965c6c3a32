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
    ("mixed", "128fd248d699a83e", "96b20e6d21dcabcf"),
    ("remote-free", "fa9c32d13b150c95", "0d7d98c7b756436c"),
    ("larson", "1d9aeee502c92801", "1296c952bb395b54"),
    ("thread-churn", "50cab078faeae481", "c493e0fcfefa7b95"),
    ("adoption", "16b95eaddbdd330e", "350d1e8873d25141"),
    ("superslab-free", "4b5896d2b9e771a4", "38213f53e774ae76"),
    ("decay", "f239ec2531085841", "eba6cf70437417ab"),
    ("large-blocks", "6ae157caa2ef0cf1", "97ad6405ab05f95b"),
    ("unwritten", "8c449cb615e6edcd", "8fe3eddb167c440e"),
    ("guests", "b81480cca0e70552", "1d48d2f950b5e726"),
    ("system-calls-fail", "b479c5a3ab103edc", "ab7c7c4319993581"),
    ("limited", "2621b8491a09c3fa", "e2c4b6965c839fc8"),
    ("aligned", "13a254a708760f23", "aba3c0c98210b3d2"),
    ("ticking", "2e1372504095a0d8", "02a75729ee5f569b"),
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
