//! Traces that this code does not run any more: a replay ends with 3 and says at which step, and in
//! what.

use hak_traces::{Outcome, Step, Trace};

use crate::support::{Ended, FAULT, Folder};

/// Records a run, changes its trace and replays it, twice.
fn replay_changed(arguments: &str, change: impl FnOnce(&mut Trace)) -> Ended {
    let folder = Folder::new();
    let mut trace = folder.record(arguments, "trace.hak");
    change(&mut trace);
    trace.write(folder.path("changed.hak")).expect("the changed trace is sound");
    let ended = folder.expect(3, "replay changed.hak");
    assert_eq!(ended, folder.expect(3, "replay changed.hak"));
    let value = folder.expect(3, "replay changed.hak --json").json();
    assert_eq!(value["outcome"], "diverged");
    ended
}

/// Checks that the replay diverged at this step (counted from one), for this reason, and returns
/// both sides.
#[track_caller]
fn diverged_at(ended: &Ended, step: usize, reason: &str) -> (String, String) {
    let text = &ended.stdout;
    assert!(text.starts_with("the trace changed.hak does not fit this code (commit "), "{text}");
    let sentence = format!("\nthe replay diverged at step {step}: {reason}");
    assert!(text.contains(&sentence), "no {sentence:?} in {text}");
    let side = |begin: &str| {
        let mut lines = text.lines().map(str::trim);
        let line = lines.find_map(|line| line.strip_prefix(begin));
        let line = line.unwrap_or_else(|| panic!("no {begin:?} in {text}")).trim();
        // A long one goes on in the next line.
        let rest = lines.next().filter(|_| line.ends_with(','));
        rest.map_or(line.to_owned(), |rest| format!("{line} {rest}"))
    };
    (side("recorded:"), side("this run:"))
}

/// Whether a side ends with a place in the source: `file.rs:line:column`.
fn has_source_line(side: &str) -> bool {
    let place = side.rsplit(", ").next().unwrap_or_default();
    let mut parts = place.rsplitn(3, ':');
    let numbers = [parts.next(), parts.next()];
    let file = parts.next().unwrap_or_default();
    let all_numbers = numbers.iter().all(|part| part.is_some_and(|n| n.parse::<u32>().is_ok()));
    file.contains("/src/") && file.ends_with(".rs") && all_numbers
}

#[track_caller]
fn both_lines(sides: &(String, String)) {
    assert!(has_source_line(&sides.0) && has_source_line(&sides.1), "{sides:?}");
}

#[test]
fn a_changed_kind_is_named_with_both_source_lines() {
    let ended = replay_changed("--seed 42", |trace| trace.steps[99].kind ^= 1);
    both_lines(&diverged_at(&ended, 100, "the access is of another kind"));
}

#[test]
fn a_changed_place_is_named_with_both_source_lines() {
    let ended = replay_changed("--seed 42", |trace| trace.steps[99].place += 8);
    let sides = diverged_at(&ended, 100, "another place is accessed");
    both_lines(&sides);
    assert_ne!(sides.0, sides.1);
}

#[test]
fn a_changed_operation_is_named_with_both_source_lines() {
    let ended = replay_changed("--seed 42", |trace| trace.steps[99].operation += 1);
    both_lines(&diverged_at(&ended, 100, "the thread is in another operation"));
}

#[test]
fn a_changed_thread_is_named_with_both_source_lines() {
    let mut number = 0;
    let ended = replay_changed("--seed 42", |trace| {
        let (index, thread) = exchangeable(trace).expect("threads do different things");
        trace.steps[index].thread = thread;
        number = index + 1;
    });
    both_lines(&diverged_at(&ended, number, ""));
}

/// A step in the second hundred, and another thread whose own next step is a different one.
fn exchangeable(trace: &Trace) -> Option<(usize, u8)> {
    let what = |step: &Step| (step.operation, step.kind, step.place);
    (100..200).find_map(|index| {
        let step = trace.steps[index];
        let others = (0..3_u8).filter(|&thread| thread != step.thread);
        others.into_iter().find_map(|thread| {
            let next = trace.steps[index..].iter().find(|next| next.thread == thread)?;
            (what(next) != what(&step)).then_some((index, thread))
        })
    })
}

#[test]
fn a_thread_that_cannot_run_is_named() {
    // Whoever tidies up begins when all others have ended.
    let ended = replay_changed("--seed 42", |trace| trace.steps[99].thread = 3);
    let sides = diverged_at(&ended, 100, "the recorded thread cannot run");
    assert!(has_source_line(&sides.0), "{sides:?}");
    assert!(sides.1.ends_with("can run"), "{sides:?}");
}

#[test]
fn a_changed_digest_is_noticed_and_the_last_agreeing_step_named() {
    let mut steps = [0; 2];
    let ended = replay_changed("--seed 42", |trace| {
        trace.digests[2].value ^= 1;
        steps = [1, 2].map(|index| trace.digests[index].step as usize + 1);
    });
    let sides = diverged_at(&ended, steps[1], "the state is another one (");
    both_lines(&sides);
    let agreed = format!(" and it was the same after step {}\n", steps[0]);
    assert!(ended.stdout.contains(&agreed), "no {agreed:?} in {}", ended.stdout);
}

#[test]
fn a_changed_outcome_is_noticed() {
    let mut count = 0;
    let ended = replay_changed("--seed 42", |trace| {
        count = trace.steps.len();
        trace.outcome = Outcome::Violation {
            oracle: "overlap".to_owned(),
            message: "none of this happened".to_owned(),
            thread: 1,
            step: count as u64,
            site: Some(0),
        };
    });
    let text = &ended.stdout;
    let sentence = format!("the replay diverged behind step {count}: the end is another one\n");
    assert!(text.contains(&sentence), "{text}");
    assert!(text.contains("violation of overlap") && text.contains("steps: passed\n"), "{text}");
}

#[test]
fn a_violation_that_does_not_happen_any_more_is_noticed() {
    let fault = FAULT;
    let ended = replay_changed(fault, |trace| trace.config.plant = None);
    assert!(ended.stdout.contains("\nthe replay diverged at step "), "{}", ended.stdout);
    let ended = replay_changed(fault, |trace| trace.outcome = Outcome::Passed);
    assert!(ended.stdout.contains(": the end is another one\n"), "{}", ended.stdout);
}

#[test]
fn a_run_that_goes_on_behind_the_end_of_its_trace_is_noticed() {
    let mut kept = 0;
    let ended = replay_changed("--seed 42", |trace| {
        trace.steps.pop();
        kept = trace.steps.len();
        trace.digests.retain(|digest| digest.step < kept as u64);
    });
    let sides = diverged_at(&ended, kept + 1, "the run goes on where the trace ends");
    assert!(sides.0.contains(&format!("the end after {kept} steps")), "{sides:?}");
}

#[test]
fn a_run_that_ends_before_its_trace_is_noticed() {
    let mut count = 0;
    let ended = replay_changed("--seed 42", |trace| {
        count = trace.steps.len();
        let last = trace.steps[count - 1];
        trace.steps.push(last);
    });
    let sides = diverged_at(&ended, count + 1, "the run ends early");
    assert!(has_source_line(&sides.0), "{sides:?}");
}

#[test]
fn lines_that_only_moved_are_no_divergence() {
    let folder = Folder::new();
    let mut trace = folder.record("--seed 42", "trace.hak");
    for site in &mut trace.sites {
        site.line += 100;
    }
    trace.write(folder.path("moved.hak")).expect("the changed trace is sound");
    folder.expect(0, "replay moved.hak");
    let text = folder.expect(0, "diff trace.hak moved.hak").stdout;
    assert!(text.contains(" equal steps stand in another source line\n"), "{text}");
}

#[test]
fn what_differs_behind_the_step_to_stop_at_does_not_matter() {
    let folder = Folder::new();
    let mut trace = folder.record("--seed 42", "trace.hak");
    trace.steps[99].place += 8;
    trace.write(folder.path("changed.hak")).expect("the changed trace is sound");
    folder.expect(0, "replay changed.hak --until 99");
    folder.expect(3, "replay changed.hak --until 100");
}
