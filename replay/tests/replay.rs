//! A recorded run can be made again; a run that is another one is caught at its first step.

use hak_replay::{Divergence, OutcomeSeen, Reason, ReplayError, Side, compare, record, replay};
use hak_traces::{Outcome, Trace};

mod toy;
use toy::{Toy, config, kind_name};

const OPERATIONS: u32 = 60;

fn recorded(seed: u64) -> Trace {
    let trace = record(&mut Toy::default(), &config(seed, OPERATIONS)).unwrap();
    assert!(trace.to_bytes().is_ok());
    trace
}

/// The divergence of the replay by an edited subject.
fn diverged(mut subject: Toy, trace: &Trace) -> Divergence {
    match replay(&mut subject, trace, None, kind_name) {
        Err(ReplayError::Diverged(divergence)) => divergence,
        Ok(outcome) => panic!("no divergence, but {outcome:?}"),
        Err(ReplayError::Subject(never)) => match never {},
    }
}

fn lines(text: &impl std::fmt::Display) -> Vec<String> {
    text.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn every_recorded_run_can_be_made_again() {
    let mut violations = 0;
    for seed in 0..50 {
        let trace = recorded(seed);
        let read = Trace::from_bytes(&trace.to_bytes().unwrap()).unwrap();
        let outcome = replay(&mut Toy::default(), &read, None, kind_name).unwrap().unwrap();
        assert_eq!(outcome == OutcomeSeen::Passed, trace.outcome == Outcome::Passed);
        violations += u32::from(outcome != OutcomeSeen::Passed);
        assert_eq!(recorded(seed), trace);
    }
    assert!(violations > 0, "the race was never seen, so nothing was tested");
}

#[test]
fn a_replay_does_not_ask_the_seed() {
    let mut trace = recorded(1);
    trace.config.seed = 2;
    assert!(replay(&mut Toy::default(), &trace, None, kind_name).is_ok());
}

#[test]
fn a_replay_stops_in_front_of_the_step_that_was_asked_for() {
    let mut trace = recorded(1);
    for until in [0, 1, 100, trace.steps.len() as u64 - 1] {
        let stopped = replay(&mut Toy::default(), &trace, Some(until), kind_name).unwrap();
        assert_eq!(stopped, None);
    }
    // What lies behind is not looked at.
    trace.steps[100].place += 1;
    assert!(replay(&mut Toy::default(), &trace, Some(100), kind_name).is_ok());
    assert!(replay(&mut Toy::default(), &trace, Some(101), kind_name).is_err());
}

#[test]
fn a_replay_until_a_step_behind_the_end_is_a_whole_replay() {
    let trace = recorded(1);
    for until in [trace.steps.len() as u64, u64::MAX] {
        let outcome = replay(&mut Toy::default(), &trace, Some(until), kind_name).unwrap();
        assert!(outcome.is_some());
        let blind =
            replay(&mut Toy { blind: true, ..Toy::default() }, &trace, Some(until), kind_name);
        assert!(matches!(blind, Err(ReplayError::Diverged(_))));
    }
}

#[test]
fn an_edit_that_only_moves_lines_does_not_matter() {
    let trace = recorded(1);
    let mut moved = Toy { moved: true, ..Toy::default() };
    assert!(replay(&mut moved, &trace, None, kind_name).is_ok());
}

#[test]
fn a_message_may_change() {
    let trace = recorded(1);
    assert_ne!(trace.outcome, Outcome::Passed);
    let mut eloquent = Toy { eloquent: true, ..Toy::default() };
    assert!(replay(&mut eloquent, &trace, None, kind_name).is_ok());
}

#[test]
fn a_changed_step_is_named_with_both_source_lines() {
    let trace = recorded(1);
    let edited = Toy { displaced_from: Some(10), moved: true, ..Toy::default() };
    let divergence = diverged(edited, &trace);
    assert_eq!(divergence.reason, Reason::Place);
    let first = trace.steps.iter().position(|step| step.operation == 10).unwrap();
    assert_eq!(divergence.step, first as u64);
    let (Side::Step(recorded), Side::Step(actual)) = (&*divergence.recorded, &*divergence.actual)
    else {
        panic!("{divergence:?}");
    };
    assert_eq!((recorded.place, actual.place), (0x40, 0x80));
    assert_ne!(recorded.site.line, actual.site.line);

    let text = lines(&divergence);
    assert_eq!(text.len(), 3);
    assert!(text[0].ends_with(&format!("at step {first}: another place is accessed")), "{text:?}");
    assert!(text[1].starts_with("  recorded: thread "), "{text:?}");
    assert!(text[1].contains(&format!("toy/mod.rs:{}:", recorded.site.line)), "{text:?}");
    assert!(text[2].starts_with("  this run: thread "), "{text:?}");
    assert!(text[2].contains(&format!("toy/mod.rs:{}:", actual.site.line)), "{text:?}");
}

#[test]
fn each_field_of_a_step_is_compared() {
    let sound = recorded(1);
    type Change = fn(&mut hak_traces::Step);
    let changes: [(Change, Reason); 3] = [
        (|step| step.operation += 1, Reason::Operation),
        (|step| step.kind ^= 1, Reason::Kind),
        (|step| step.place += 1, Reason::Place),
    ];
    for (change, reason) in changes {
        let mut trace = sound.clone();
        change(&mut trace.steps[70]);
        let divergence = diverged(Toy::default(), &trace);
        assert_eq!((divergence.step, divergence.reason), (70, reason));
    }
}

#[test]
fn a_state_that_differs_in_equal_steps_is_noticed_by_its_digest() {
    let trace = recorded(1);
    let divergence = diverged(Toy { start: 1, ..Toy::default() }, &trace);
    assert_eq!(divergence.step, 63);
    assert!(matches!(divergence.reason, Reason::Digest { agreed: None, .. }));

    let mut changed = trace.clone();
    changed.digests[1].value ^= 1;
    let divergence = diverged(Toy::default(), &changed);
    assert_eq!(divergence.step, 127);
    assert!(matches!(divergence.reason, Reason::Digest { agreed: Some(63), .. }));
    assert!(divergence.to_string().contains("the same after step 63"), "{divergence}");
}

#[test]
fn a_thread_that_cannot_run_is_named_with_those_that_can() {
    // Thread 1 gives up one operation early, and the recorded run goes on with it while thread 0
    // can still run: there is a seed for that.
    let divergence = (0..50)
        .map(|seed| diverged(Toy { lazy: 1, ..Toy::default() }, &recorded(seed)))
        .find(|divergence| divergence.reason == Reason::NotRunnable)
        .expect("no seed ends with thread 0");
    assert_eq!(*divergence.actual, Side::Runnable(vec![0]));
    let text = lines(&divergence);
    assert!(text[0].ends_with("the recorded thread cannot run"), "{text:?}");
    assert!(text[1].starts_with("  recorded: thread 1, operation 59: load at 0x40"), "{text:?}");
    assert_eq!(text[2], "  this run: only thread 0 can run");
}

#[test]
fn a_trace_that_is_longer_than_the_run_is_noticed() {
    let divergence = diverged(Toy { cut: Some(100), ..Toy::default() }, &recorded(1));
    assert_eq!((divergence.step, divergence.reason), (100, Reason::Ended));
    let text = lines(&divergence);
    assert!(text[1].starts_with("  recorded: thread "), "{text:?}");
    assert_eq!(text[2], "  this run: the end after 100 steps: passed");
}

#[test]
fn a_run_that_is_longer_than_the_trace_is_noticed() {
    let trace = recorded(1);
    let divergence = diverged(Toy { eager: 1, ..Toy::default() }, &trace);
    assert_eq!((divergence.step, divergence.reason), (trace.steps.len() as u64, Reason::Continues));
    let text = lines(&divergence);
    assert!(text[1].contains("the end after") && text[1].contains("lost-update"), "{text:?}");
    assert_eq!(text[2], "  this run: threads 0, 1 can run");
}

#[test]
fn another_outcome_is_noticed() {
    let trace = recorded(1);
    let divergence = diverged(Toy { blind: true, ..Toy::default() }, &trace);
    assert_eq!((divergence.step, divergence.reason), (trace.steps.len() as u64, Reason::Outcome));
    assert!(divergence.recorded_text().contains("violation of lost-update"), "{divergence}");
    assert!(divergence.actual_text().ends_with("passed"), "{divergence}");
}

#[test]
fn a_trace_is_the_same_run_as_itself_and_as_one_from_moved_lines() {
    let trace = recorded(1);
    let difference = compare(&trace, &trace, kind_name);
    assert!(difference.is_identical());
    assert_eq!(difference.to_string(), "the traces are the same run");

    let mut moved = Toy { moved: true, eloquent: true, ..Toy::default() };
    let moved = record(&mut moved, &config(1, OPERATIONS)).unwrap();
    let difference = compare(&trace, &moved, kind_name);
    assert!(difference.is_identical());
    assert_eq!(difference.moved_count, trace.steps.len() as u64);
    assert_eq!(lines(&difference).len(), 2);
}

#[test]
fn runs_under_two_seeds_differ_in_seed_and_step() {
    let difference = compare(&recorded(1), &recorded(2), kind_name);
    assert!(!difference.is_identical());
    assert_eq!(difference.config.len(), 1);
    let text = lines(&difference);
    assert_eq!(text[..2], ["the configurations differ", "  seed: 1, then 2"]);
    assert!(text[2].starts_with("the runs differ from step "), "{text:?}");
    assert!(text[3].starts_with("  first:  thread ") && text[4].starts_with("  second: thread "));
}

#[test]
fn a_trace_that_goes_on_differs_where_the_other_ends() {
    let whole = recorded(1);
    let cut = record(&mut Toy { cut: Some(100), ..Toy::default() }, &whole.config).unwrap();
    let difference = compare(&whole, &cut, kind_name);
    let step = difference.step.as_ref().unwrap();
    assert_eq!((step.step, step.reason), (100, Reason::Ended));
    assert!(difference.to_string().contains("from step 100: the second ends first"));
    let reverse = compare(&cut, &whole, kind_name);
    assert_eq!(reverse.step.as_ref().unwrap().reason, Reason::Continues);
    assert!(reverse.to_string().contains("from step 100: the first ends first"));
    assert!(reverse.outcome.is_some());
}

#[test]
fn digests_and_outcomes_are_compared_between_traces_too() {
    let trace = recorded(1);
    let shifted = record(&mut Toy { start: 1, ..Toy::default() }, &trace.config).unwrap();
    let difference = compare(&trace, &shifted, kind_name);
    assert!(matches!(difference.step.unwrap().reason, Reason::Digest { agreed: None, .. }));

    let blind = record(&mut Toy { blind: true, ..Toy::default() }, &trace.config).unwrap();
    let difference = compare(&trace, &blind, kind_name);
    assert!(difference.config.is_empty() && difference.step.is_none());
    let text = lines(&difference);
    assert_eq!(text[0], "the outcomes differ");
    assert_eq!(text[2], "  second: passed");
}
