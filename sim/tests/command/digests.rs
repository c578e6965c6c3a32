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
    ("mixed", "49bb6172fd3255b9", "c651755b65863ac5"),
    ("remote-free", "bf3419e832cf4227", "56851cee70a893a9"),
    ("larson", "e6b76e3c8226e4da", "995c979d53b3ffed"),
    ("thread-churn", "100c3bff90fdfe38", "737b3eb799a1166c"),
    ("adoption", "d55f0b97474d2dde", "0789cfc27ef7f516"),
    ("superslab-free", "772130a7f8613a76", "eeae561f74027c55"),
    ("decay", "846574b5430520ff", "e4a8f70a1006352e"),
    ("large-blocks", "de61bfdd6cecfb7c", "1076eb8a123aec89"),
    ("unwritten", "529919cbf4794ef6", "6d07f29f78c458b6"),
    ("guests", "0b1930c443550ba6", "c86602d3e7187480"),
    ("system-calls-fail", "cd0e2f47e09ecff7", "1183f23546b84df8"),
    ("limited", "af9461542138605d", "787c34dd8a44f27e"),
    ("aligned", "15ad465a42f83303", "161084f3b71b01e0"),
    ("ticking", "aced7157d8ed50f4", "1c07249dd1660387"),
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
