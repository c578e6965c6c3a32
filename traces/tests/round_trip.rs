//! What is written comes back, whatever it is; and always as the same bytes.

use hak_traces::{Config, DigestAt, HEADER_LENGTH, Outcome, Site, Step, Trace};
use proptest::prelude::*;
use std::collections::BTreeSet;

mod sample;
use sample::sample;

fn config() -> impl Strategy<Value = Config> {
    let optional = || prop::option::of(".{0,12}");
    let names = (".{0,12}", optional(), ".{0,12}", ".{0,12}", ".{0,12}", optional());
    (any::<u64>(), any::<u64>(), names, 1u32..=256, any::<u32>()).prop_map(
        |(
            seed,
            schedule,
            (scenario, plant, strategy, memory, geometry, program),
            threads,
            operations,
        )| {
            Config {
                seed,
                schedule,
                scenario,
                plant,
                strategy,
                memory,
                threads,
                operations,
                geometry,
                program,
            }
        },
    )
}

fn sites() -> impl Strategy<Value = BTreeSet<Site>> {
    let site = ("[a-z/]{0,8}", any::<u32>(), 0u32..200);
    let site = site.prop_map(|(file, line, column)| Site { file, line, column });
    prop::collection::btree_set(site, 1..12)
}

/// Any sound trace: wild fields, then pulled into the ranges that the invariants demand.
fn traces() -> impl Strategy<Value = Trace> {
    let step = (any::<u8>(), 0u8..=10, any::<u8>(), any::<u32>(), any::<u32>(), any::<u64>());
    let violation = prop::option::of((".{0,9}", ".{0,30}", any::<u64>(), any::<bool>()));
    (
        config(),
        sites(),
        prop::collection::vec(step, 0..200),
        prop::collection::vec((0usize..200, any::<u64>()), 0..10),
        violation,
    )
        .prop_map(|(config, sites, steps, mut digests, violation)| {
            let last_thread = (config.threads - 1) as u8;
            let site_count = sites.len() as u32;
            let steps: Vec<Step> = steps
                .into_iter()
                .map(|(thread, event, kind, site, operation, place)| Step {
                    thread: thread.min(last_thread),
                    event,
                    kind,
                    site: site % site_count,
                    operation,
                    place,
                })
                .collect();
            digests.sort_unstable();
            digests.dedup_by_key(|digest| digest.0);
            digests.retain(|digest| digest.0 < steps.len());
            let outcome = match violation {
                None => Outcome::Passed,
                Some((oracle, message, step, sited)) => Outcome::Violation {
                    oracle,
                    message,
                    thread: last_thread,
                    step: step % (steps.len() as u64 + 1),
                    site: sited.then_some(site_count - 1),
                },
            };
            Trace {
                config,
                sites: sites.into_iter().collect(),
                steps,
                digests: digests
                    .into_iter()
                    .map(|(step, value)| DigestAt { step: step as u64, value })
                    .collect(),
                outcome,
            }
        })
}

proptest! {
    #[test]
    fn every_sound_trace_comes_back(trace in traces()) {
        let bytes = trace.to_bytes().unwrap();
        let read = Trace::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&read, &trace);
        prop_assert_eq!(read.to_bytes().unwrap(), bytes);
    }
}

#[test]
fn the_empty_trace_comes_back() {
    let trace = Trace::default();
    assert_eq!(Trace::from_bytes(&trace.to_bytes().unwrap()).unwrap(), trace);
}

#[test]
fn the_bytes_of_format_version_2_never_change() {
    let bytes = sample().to_bytes().unwrap();
    let written: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let pinned: String = include_str!("sample/version-2.hex").split_whitespace().collect();
    assert_eq!(written, pinned, "a change of the bytes needs a new format version");
}

#[test]
fn a_step_of_the_sample_takes_two_to_three_bytes() {
    let with_steps = sample().to_bytes().unwrap().len();
    let mut without = sample();
    without.steps.clear();
    without.digests.clear();
    without.outcome = Outcome::Passed;
    assert!(with_steps - without.to_bytes().unwrap().len() < 3 * 70 + 100);
    assert!(with_steps > HEADER_LENGTH);
}
