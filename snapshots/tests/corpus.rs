//! The corpus: for each planted fault, the shrunk trace of a run that it makes fail. Each is
//! replayed, and its explanation pinned.
//!
//! A change of the core may make traces diverge. Then they are found and shrunk again:
//!
//! ```console
//! $ cargo run --release -- corpus --record --stale
//! ```

use std::path::PathBuf;

use hak_core::Fault;
use hak_replay::replay;
use hak_sim::report;
use hak_sim::run::simulation::{Extras, Guidable, Simulator};
use hak_sim::runtime::Kind;
use hak_sim::search::cause;
use hak_traces::Trace;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../traces/corpus")
}

#[test]
fn each_planted_fault_has_a_shrunk_trace_that_replays_and_explains_itself() {
    let mut simulator = Simulator::new();
    for fault in Fault::ALL {
        let name = fault.name();
        let trace =
            Trace::read(corpus().join(format!("{name}.hak"))).expect("a trace of the corpus");
        assert_eq!(trace.config.plant.as_deref(), Some(name));
        let extras = Extras { transitions: false, picture: true, events: true, accesses: false };
        let mut subject =
            Guidable { simulator: &mut simulator, extras, script: None, report: None };
        let kind_name = |kind: u8| Kind::ALL[kind as usize].name();
        if let Err(error) = replay(&mut subject, &trace, None, kind_name) {
            panic!("the trace of {name} does not replay: {error:?}");
        }
        let report = subject.report.expect("a run leaves a report");
        if *fault == Fault::MissedWakeUp {
            // Reading one word too early is enough, and few operations come to it.
            assert!(report.program.operations() <= 6, "{}", report.program.to_notation());
        }
        let cause = cause::find(&mut simulator, &trace).expect("memory for a world");
        let explanation = report::explanation(&report, cause.as_ref());
        assert!(explanation.lines().all(|line| line.chars().count() <= 100), "{explanation}");
        insta::assert_snapshot!(name.replace('-', "_"), explanation);
    }
}

#[test]
fn the_corpus_holds_nothing_else() {
    let mut names: Vec<String> = std::fs::read_dir(corpus())
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    let mut expected: Vec<String> =
        Fault::ALL.iter().map(|fault| format!("{}.hak", fault.name())).collect();
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
}
