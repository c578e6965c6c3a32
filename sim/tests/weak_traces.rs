//! Runs under the weak memory model are recorded and replayed exactly, with every store that was
//! read.

use hak_replay::{ReplayError, record, replay};
use hak_sim::run::settings::{MemoryModel, Settings, StrategyName};
use hak_sim::run::simulation::{Extras, Guidable, Simulator};
use hak_sim::runtime::Kind;
use hak_sim::scenario::SCENARIOS;
use hak_traces::{EVENT_READ_FROM, Outcome, Trace};

fn kind_name(kind: u8) -> &'static str {
    Kind::ALL[kind as usize].name()
}

fn settings(scenario: usize, schedule: u64) -> Settings {
    let mut settings = Settings::new(&SCENARIOS[scenario], 42);
    settings.memory = MemoryModel::Weak;
    settings.strategy = StrategyName::Portfolio;
    settings.schedule = schedule;
    settings
}

fn recorded(simulator: &mut Simulator, settings: &Settings) -> Trace {
    let mut subject = Guidable { simulator, extras: Extras::default(), script: None, report: None };
    record(&mut subject, &settings.to_config()).expect("the run can begin")
}

#[test]
fn every_scenario_passes_and_is_replayed_step_by_step() {
    let mut simulator = Simulator::new();
    let mut old_stores_read = 0;
    for scenario in 0..SCENARIOS.len() {
        for schedule in 0..6 {
            let settings = settings(scenario, schedule);
            let trace = recorded(&mut simulator, &settings);
            assert_eq!(trace.outcome, Outcome::Passed, "{}", settings.command());
            old_stores_read +=
                trace.steps.iter().filter(|step| step.event > EVENT_READ_FROM).count();
            let trace = Trace::from_bytes(&trace.to_bytes().expect("sound")).expect("sound");
            let extras = Extras::default();
            let mut subject =
                Guidable { simulator: &mut simulator, extras, script: None, report: None };
            let end = replay(&mut subject, &trace, None, kind_name);
            assert!(end.expect("as recorded").is_some());
            let replayed = subject.report.expect("a report").digest;
            let alone = simulator.run(&settings, extras).expect("memory for a world");
            assert_eq!(replayed, alone.digest);
        }
    }
    assert!(old_stores_read > 100, "{old_stores_read} old stores were read");
}

#[test]
fn a_replay_takes_its_stores_from_the_trace_and_not_from_the_strategy() {
    let mut simulator = Simulator::new();
    let mut trace = recorded(&mut simulator, &settings(0, 0));
    // The strategy of another seed would read other stores; the programs stay those of the seed, so
    // the name is changed.
    trace.config.strategy = "round-robin".to_owned();
    let mut subject = Guidable {
        simulator: &mut simulator,
        extras: Extras::default(),
        script: None,
        report: None,
    };
    assert!(replay(&mut subject, &trace, None, kind_name).expect("as recorded").is_some());
}

#[test]
fn a_trace_that_reads_another_store_is_a_divergence() {
    let mut simulator = Simulator::new();
    let mut trace = recorded(&mut simulator, &settings(0, 0));
    let step = trace.steps.iter().position(|step| step.event > EVENT_READ_FROM);
    let step = step.expect("an old store is read");
    trace.steps[step].event = EVENT_READ_FROM + 7;
    let mut subject = Guidable {
        simulator: &mut simulator,
        extras: Extras::default(),
        script: None,
        report: None,
    };
    match replay(&mut subject, &trace, None, kind_name) {
        Err(ReplayError::Diverged(divergence)) => assert_eq!(divergence.step, step as u64),
        other => panic!("{:?} instead of a divergence", other.map_err(|_| "no run")),
    }
}

#[test]
fn a_replay_stops_in_front_of_any_step() {
    let mut simulator = Simulator::new();
    let trace = recorded(&mut simulator, &settings(0, 0));
    let last = trace.steps.len() as u64;
    for until in (0..last).step_by(97).chain([1, last - 1]) {
        let mut subject = Guidable {
            simulator: &mut simulator,
            extras: Extras::default(),
            script: None,
            report: None,
        };
        let end = replay(&mut subject, &trace, Some(until), kind_name).expect("as recorded");
        assert!(end.is_none());
        assert_eq!(subject.report.expect("a report").steps, until);
    }
}
