//! `hak-sim show` and `hak-sim diff`: looking at recorded traces.

use hak_sim::scenario::SCENARIOS;
use hak_traces::EVENT_PLAIN;

use crate::support::{FAULT, Folder};

#[test]
fn a_picture_fits_into_100_columns_for_any_number_of_threads() {
    let folder = Folder::new();
    for threads in 1..=7 {
        let trace = folder.record(&format!("--seed 42 --ops 6 --threads {threads}"), "t.hak");
        let text = folder.expect(0, "show t.hak").stdout;
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{threads} threads: {line}");
            assert_eq!(line, line.trim_end());
        }
        let numbers = text.lines().filter_map(|line| line.trim().split_once(" |"));
        let steps = numbers.filter(|(number, _)| number.trim().parse::<u32>().is_ok()).count();
        assert_eq!(steps, trace.steps.len());
    }
}

#[test]
fn a_picture_has_a_column_for_each_thread() {
    let folder = Folder::new();
    for threads in 1..=7 {
        folder.record(&format!("--seed 42 --ops 6 --threads {threads}"), "t.hak");
        let text = folder.expect(0, "show t.hak").stdout;
        let title = text.lines().find(|line| line.starts_with("  step ")).expect("titles");
        let titles: Vec<&str> = title.split_whitespace().collect();
        for thread in 0..threads {
            assert!(titles.contains(&thread.to_string().as_str()), "{title}");
        }
        assert!(title.contains("tidies up"), "{title}");
    }
}

#[test]
fn each_step_stands_in_the_column_of_its_thread() {
    let folder = Folder::new();
    let trace = folder.record("--seed 42 --threads 2", "t.hak");
    let text = folder.expect(0, "show t.hak").stdout;
    let title = text.lines().find(|line| line.starts_with("  step ")).expect("titles");
    let begins = ["thread 0", "thread 1", "tidies up"].map(|name| title.find(name).expect(name));
    let rows = text.lines().filter(|line| line.starts_with("  ") && line.contains(".rs:"));
    let mut count = 0;
    for (row, step) in rows.zip(&trace.steps) {
        let begin = begins[usize::from(step.thread)];
        assert!(row[begin..].starts_with(|c: char| c.is_ascii_lowercase()), "{row}");
        assert!(row[7..begin].chars().all(|c| " |".contains(c)), "{row}");
        count += 1;
    }
    assert_eq!(count, trace.steps.len());
}

#[test]
fn a_step_that_was_made_to_fail_says_so() {
    let folder = Folder::new();
    for scenario in SCENARIOS {
        let trace = folder.record(&format!("--seed 42 --scenario {}", scenario.name), "t.hak");
        let failed = trace.steps.iter().filter(|step| step.event != EVENT_PLAIN).count();
        let text = folder.expect(0, "show t.hak").stdout;
        assert_eq!(text.matches(" fails ").count(), failed, "{}", scenario.name);
    }
}

#[test]
fn a_picture_ends_with_the_outcome() {
    let folder = Folder::new();
    folder.record("--seed 42", "passed.hak");
    assert!(folder.expect(0, "show passed.hak").stdout.ends_with("\nnothing wrong\n"));
    folder.record(FAULT, "fault.hak");
    let text = folder.expect(0, "show fault.hak").stdout;
    let value = folder.expect(1, "replay fault.hak --json").json();
    let violation = &value["violation"];
    let oracle = violation["oracle"].as_str().expect("a name");
    let end = text.rfind("\nVIOLATION ").expect("the outcome");
    let (step, thread) = (&violation["step"], &violation["thread"]);
    let begin = format!("\nVIOLATION {oracle} at step {step}, thread {thread}: ");
    assert!(text[end..].starts_with(&begin), "{text}");
    let message = violation["message"].as_str().expect("a message");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert!(words(&text[end..]).ends_with(&words(message)), "{text}");
}

#[test]
fn only_the_last_steps_are_shown_if_that_is_asked_for() {
    let folder = Folder::new();
    let steps = folder.record("--seed 42", "t.hak").steps.len();
    let all = folder.expect(0, "show t.hak").stdout;
    for last in [0, 1, 10, steps, steps + 1] {
        let text = folder.expect(0, &format!("show t.hak --last {last}")).stdout;
        let shown = text.lines().filter(|line| line.contains(".rs:")).count();
        assert_eq!(shown, last.min(steps));
        let skipped = steps.saturating_sub(last);
        let plain = text.replace(',', "");
        assert_eq!(plain.contains(&format!("   ... | {skipped} steps before\n")), skipped > 0);
        let tail: Vec<&str> = all.lines().rev().take(shown + 2).collect();
        let shown_tail: Vec<&str> = text.lines().rev().take(shown + 2).collect();
        assert_eq!(tail, shown_tail);
    }
}

#[test]
fn a_trace_does_not_differ_from_itself() {
    let folder = Folder::new();
    folder.record("--seed 42", "one.hak");
    folder.record("--seed 42", "two.hak");
    for arguments in ["diff one.hak one.hak", "diff one.hak two.hak"] {
        assert_eq!(folder.expect(0, arguments).stdout, "the traces are the same run\n");
    }
}

#[test]
fn traces_of_different_seeds_differ_and_the_first_difference_is_named() {
    let folder = Folder::new();
    let one = folder.record("--seed 42", "one.hak");
    let two = folder.record("--seed 43", "two.hak");
    let ended = folder.expect(3, "diff one.hak two.hak");
    assert_eq!(ended, folder.expect(3, "diff one.hak two.hak"));
    let text = ended.stdout;
    assert!(text.contains("\n  seed: first 42, second 43\n"), "{text}");
    let what = |trace: &hak_traces::Trace, index: usize| {
        let step = trace.steps[index];
        (step.thread, step.operation, step.kind, step.place, step.event)
    };
    let first = (0..).find(|&index| what(&one, index) != what(&two, index)).expect("a difference");
    assert!(text.contains(&format!("\nthe runs differ from step {} on: ", first + 1)), "{text}");
    let sides = text.lines().filter(|line| line.starts_with("  first:  thread "));
    assert_eq!(sides.count(), 1, "{text}");
    assert_eq!(text.matches(".rs:").count(), 2, "both source lines: {text}");
}

#[test]
fn a_fault_and_the_run_without_it_differ_in_step_and_outcome() {
    let folder = Folder::new();
    folder.record(FAULT, "fault.hak");
    folder.record("--seed 42 --strategy portfolio", "passed.hak");
    let text = folder.expect(3, "diff passed.hak fault.hak").stdout;
    for part in
        ["  plant: first none, second ", "the runs differ from step ", "the outcomes differ"]
    {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}
