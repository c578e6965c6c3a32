//! Proofs of the allocator, and planted faults that they find.

use std::collections::BTreeSet;

use hak_core::Fault;
use hak_traces::Outcome;

use crate::oracle::slabs::SlabObserver;
use crate::protocols::PROTOCOLS;
use crate::prove::{Options, Proof, Verdict, search};
use crate::runtime::strategy::Choices;
use crate::runtime::{StepEnd, Tiny};
use crate::scenario;
use crate::settings::Settings;
use crate::simulation::{Extras, Guidable, Simulator, prepared, with_bodies};

fn settings(name: &str, plant: Option<Fault>) -> Settings {
    let scenario = scenario::find(name).expect("the scenario exists");
    Settings { plant, ..Settings::new(scenario, 1) }
}

fn prove(settings: &Settings, options: &Options) -> Proof {
    let mut simulator = Simulator::new();
    simulator.prove(settings, options, &mut |_, _| {}).expect("memory").0
}

#[test]
fn small_protocols_are_proved_the_same_each_time_and_without_reductions() {
    let settings = settings("prove-retire", None);
    let first = prove(&settings, &Options::default());
    assert!(matches!(first.verdict, Verdict::Complete), "{:?}", first.verdict);
    let second = prove(&settings, &Options::default());
    assert_eq!((first.states, first.transitions), (second.states, second.transitions));
    let plain = Options { private_steps: false, sleep_sets: false, ..Options::default() };
    let all = prove(&settings, &plain);
    assert!(matches!(all.verdict, Verdict::Complete));
    assert_eq!(all.finals.len(), first.finals.len());
    assert!(all.states > first.states);
}

#[test]
fn a_search_says_where_it_was_cut() {
    let options = Options { states_max: 100, ..Options::default() };
    match prove(&settings("prove-adopt", None), &options).verdict {
        Verdict::Cut { limit, frontier, depth } => {
            assert_eq!(limit, "states");
            assert!(frontier > 0 && depth > 0);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn planted_faults_are_found_and_the_schedule_becomes_a_trace() {
    for (name, fault) in
        [("prove-release", Fault::UnownedDrain), ("prove-release", Fault::DrainBeforeClaim)]
    {
        let settings = settings(name, Some(fault));
        let Verdict::Violation(violation, schedule) = prove(&settings, &Options::default()).verdict
        else {
            panic!("{name} with {} has a violation", fault.name());
        };
        let mut simulator = Simulator::new();
        let mut subject = Guidable {
            simulator: &mut simulator,
            extras: Extras::default(),
            script: Some(&schedule),
            report: None,
        };
        let trace = hak_replay::record(&mut subject, &settings.to_config()).expect("it runs");
        match &trace.outcome {
            Outcome::Violation { oracle, step, .. } => {
                assert_eq!((oracle.as_str(), *step), (violation.oracle, violation.step));
            }
            Outcome::Passed => panic!("the schedule runs into the violation again"),
        }
        let mut again = Guidable { script: None, report: None, ..subject };
        let replayed = hak_replay::replay(&mut again, &trace, None, |_| "access");
        assert!(replayed.is_ok_and(|outcome| outcome.is_some()));
    }
}

#[test]
fn every_protocol_runs_under_a_strategy_too() {
    let mut simulator = Simulator::new();
    for scenario in PROTOCOLS {
        for schedule in 0..50 {
            let settings = Settings { schedule, ..Settings::new(scenario, 1) };
            let report = simulator.run(&settings, Extras::default()).expect("memory");
            assert!(report.violation().is_none(), "{} {schedule}", scenario.name);
        }
    }
}

#[test]
fn every_final_state_that_a_random_walk_reaches_was_reached_by_the_search() {
    let mut world = None;
    let world = prepared::<Tiny>(&mut world, 4 << 20).expect("memory");
    for name in ["prove-remote-free", "prove-release", "prove-reuse"] {
        with_bodies::<Tiny, _>(&settings(name, None), |plan, bodies| {
            let mut slabs = SlabObserver::<Tiny>::new(false, false);
            let options = Options::default();
            let proof = search(world, plan, bodies, &mut slabs, &options, &mut |_, _| {});
            assert!(matches!(proof.verdict, Verdict::Complete), "{name}: {:?}", proof.verdict);
            let mut reached = BTreeSet::new();
            for schedule in 0..500 {
                let mut slabs = SlabObserver::<Tiny>::new(false, false);
                let mut choices = Choices::new(3, schedule);
                let last = world.stage(plan, bodies, &mut slabs, true, |stage| {
                    while let StepEnd::Open(open) = stage.open() {
                        stage.step(open.nth(choices.below(open.len())));
                    }
                    stage.memory()
                });
                assert!(proof.finals.contains(&last), "{name}, schedule {schedule}");
                reached.insert(last);
            }
            assert!(reached.len() > 1, "{name}");
        });
    }
}
