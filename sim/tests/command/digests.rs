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
    ("mixed", "e940976d230beb0e", "1ac1f3194bf4ff18"),
    ("remote-free", "b05d1c64449477cc", "dbfbe20c36dcec46"),
    ("larson", "8b0bfe9daba445f1", "464b63160d5d0097"),
    ("thread-churn", "ace6380b2d5f2508", "e26aa7d6cb2b8e8a"),
    ("adoption", "b1095b8d8054a332", "a82972268dab4904"),
    ("superslab-free", "a75f7acc7c7b4f74", "4c4104e20d571d51"),
    ("decay", "23481063b6aa1537", "4b771dfb0ef55b14"),
    ("large-blocks", "714e19b60caf3cd8", "c592b3cf195afbdf"),
    ("unwritten", "b7655e1f1e11109f", "a1afec6da10df8ab"),
    ("guests", "1d21c84c1e12f0db", "da5a9a5829f4b2d3"),
    ("system-calls-fail", "0db481c687f52311", "000b71afdb7b283d"),
    ("limited", "cfeecade9449414c", "26c3ede60e244afe"),
    ("aligned", "9a3c6ea1888f6fc5", "3b059bb0b1253aa1"),
    ("ticking", "7836e2f56f008344", "e229122445cbb64f"),
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
