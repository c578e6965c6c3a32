//! Proofs of the allocator, and planted faults that they find.

use std::collections::BTreeSet;

use hak_core::Fault;
use hak_replay::{Guide, OutcomeSeen, Subject};
use hak_traces::{Config, EVENT_READ_FROM, Outcome};

use crate::observe::RunObservers;
use crate::run::settings::{MemoryModel, Settings};
use crate::run::simulation::{
    Drive, Extras, Guidable, GuidedError, Simulator, prepared, with_bodies,
};
use crate::runtime::strategy::Choices;
use crate::runtime::{Answers, Kind, Ordering, Stage, StepEnd, Terms, ThreadId, Tiny, Weakening};
use crate::scenario;
use crate::scenario::protocols::PROTOCOLS;
use crate::search::mutants;
use crate::search::prove::{Proof, ProofOptions, ProofVerdict, ScriptStep, search};

fn settings(name: &str, plant: Option<Fault>) -> Settings {
    let scenario = scenario::find(name).expect("the scenario exists");
    Settings { plant, ..Settings::new(scenario, 1) }
}

fn prove(settings: &Settings, options: &ProofOptions) -> Proof {
    let mut simulator = Simulator::new();
    simulator.prove(settings, options, &mut |_, _| {}).expect("memory").0
}

#[test]
fn small_protocols_are_proved_the_same_each_time_and_without_reductions() {
    let settings = settings("prove-retire", None);
    let first = prove(&settings, &ProofOptions::default());
    assert!(matches!(first.verdict, ProofVerdict::Complete), "{:?}", first.verdict);
    let second = prove(&settings, &ProofOptions::default());
    assert_eq!((first.states, first.transitions), (second.states, second.transitions));
    let plain = ProofOptions { private_steps: false, sleep_sets: false, ..ProofOptions::default() };
    let all = prove(&settings, &plain);
    assert!(matches!(all.verdict, ProofVerdict::Complete));
    assert_eq!(all.finals.len(), first.finals.len());
    assert!(all.states > first.states);
}

#[test]
fn a_search_says_where_it_was_cut() {
    let options = ProofOptions { states_max: 100, ..ProofOptions::default() };
    match prove(&settings("prove-adopt", None), &options).verdict {
        ProofVerdict::Cut { limit, frontier, depth } => {
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
        let ProofVerdict::Violation(violation, schedule) =
            prove(&settings, &ProofOptions::default()).verdict
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

/// A mutant of the core under a guide. No trace names a mutant, so it is kept beside.
struct Mutant<'a> {
    simulator: Simulator,
    settings: Settings,
    script: Option<&'a [ScriptStep]>,
}

impl Subject for Mutant<'_> {
    type Error = GuidedError;

    fn run(
        &mut self,
        _config: &Config,
        guide: &mut dyn Guide,
    ) -> Result<Option<OutcomeSeen>, GuidedError> {
        let (settings, drive) = (&self.settings, Drive::Guided(guide, self.script));
        let report = self.simulator.drive(settings, settings.program(), Extras::default(), drive);
        Ok(report.map_err(GuidedError::World)?.outcome_seen())
    }
}

#[test]
fn a_weakened_access_of_the_release_protocol_is_found_under_weak_memory_only() {
    let accesses = mutants::survey(&mut Simulator::new()).expect("memory");
    let sequential = accesses.into_iter().filter(|(_, (_, order))| *order == Ordering::SeqCst);
    let mut count = 0;
    for ((file, line, column), (kind, _)) in sequential {
        let order = match kind {
            Kind::Load => Ordering::Acquire,
            Kind::Store => Ordering::Release,
            _ => Ordering::AcqRel,
        };
        let weakening = Some(Weakening { file, line, column, order });
        let settings = Settings { weakening, ..settings("prove-release", None) };
        let sc = prove(&settings, &ProofOptions::default());
        assert!(matches!(sc.verdict, ProofVerdict::Complete), "{file}:{line}: {:?}", sc.verdict);
        let settings = Settings { memory: MemoryModel::Weak, ..settings };
        let ProofVerdict::Violation(violation, schedule) =
            prove(&settings, &ProofOptions::default()).verdict
        else {
            panic!("{file}:{line} is not noticed under weak memory");
        };
        assert_eq!(violation.oracle, "accounting");
        let mut mutant = Mutant { simulator: Simulator::new(), settings, script: Some(&schedule) };
        let trace = hak_replay::record(&mut mutant, &settings.to_config()).expect("it runs");
        assert!(
            matches!(&trace.outcome, Outcome::Violation { oracle, .. } if oracle == "accounting")
        );
        assert!(
            trace.steps.iter().any(|step| step.event > EVENT_READ_FROM),
            "an old store is read"
        );
        mutant.script = None;
        let replayed = hak_replay::replay(&mut mutant, &trace, None, |_| "access");
        assert!(replayed.is_ok_and(|outcome| outcome.is_some()));
        count += 1;
    }
    assert_eq!(count, 4, "the accesses with which a release and a remote free look for each other");
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

/// A thread's step, in any way.
fn random_way(stage: &mut Stage, thread: ThreadId, choices: &mut Choices) {
    if !stage.has_ways(thread) {
        stage.step(thread, Answers::FIRST);
        return;
    }
    stage.mark();
    let mut way = Answers::FIRST;
    while let Some(next) = stage.step(thread, way).next {
        if choices.below(2) == 0 {
            break;
        }
        stage.rewind();
        way = next;
    }
    stage.unmark();
}

#[test]
fn every_final_state_that_a_random_walk_reaches_was_reached_by_the_search() {
    let mut world = None;
    let world = prepared::<Tiny>(&mut world).expect("memory");
    let names = ["prove-remote-free", "prove-release", "prove-reuse"];
    let both = [MemoryModel::Sc, MemoryModel::Weak];
    for (name, memory) in names.iter().flat_map(|name| both.map(|memory| (name, memory))) {
        let settings = Settings { memory, ..settings(name, None) };
        with_bodies::<Tiny, _>(&settings, |plan, bodies| {
            let mut observers = RunObservers::<Tiny>::oracles();
            let options = ProofOptions::default();
            // SAFETY: [prove/tests 1] the bodies of a program.
            let proof = unsafe {
                search(world, plan, bodies, &mut observers.list(), &options, &mut |_, _| {})
            };
            assert!(matches!(proof.verdict, ProofVerdict::Complete), "{name}: {:?}", proof.verdict);
            let mut reached = BTreeSet::new();
            for schedule in 0..500 {
                let mut observers = RunObservers::<Tiny>::oracles();
                let mut choices = Choices::new(3, schedule);
                let terms = Terms::default();
                let lead = |stage: &mut Stage| {
                    while let StepEnd::Open(open) = stage.open() {
                        let thread = open.nth(choices.below(open.len()));
                        random_way(stage, thread, &mut choices);
                    }
                    stage.memory()
                };
                // SAFETY: [prove/tests 1] the bodies of a program.
                let last =
                    unsafe { world.stage(plan, bodies, &mut observers.list(), &terms, lead) };
                assert!(proof.finals.contains(&last), "{name}, schedule {schedule}");
                reached.insert(last);
            }
            assert!(reached.len() > 1, "{name}");
        });
    }
}
