//! `hak-sim explore`: the same result for any number of jobs, and parts that make up the whole.

use serde_json::Value;

use crate::support::Folder;

/// What a search says, without how long it took.
fn search(folder: &Folder, code: i32, arguments: &str) -> Value {
    let mut value = folder.expect(code, &format!("explore {arguments} --json")).json();
    let seconds = value.as_object_mut().expect("an object").remove("seconds");
    assert!(seconds.is_some_and(|seconds| seconds.is_f64()));
    value
}

#[test]
fn any_number_of_jobs_finds_the_same() {
    let folder = Folder::new();
    for (code, arguments) in [
        (0, "--scenario all --schedules 300 --seed 5"),
        (0, "--schedules 65 --shard 2/2"),
        (1, "--plant unowned-drain --seed 5"),
        (1, "--plant unowned-drain --scenario all --shard 2/3"),
        (1, "--plant drain-before-claim"),
    ] {
        let one = search(&folder, code, &format!("{arguments} --jobs 1"));
        for jobs in [2, 3] {
            assert_eq!(one, search(&folder, code, &format!("{arguments} --jobs {jobs}")));
        }
        assert_eq!(one, search(&folder, code, arguments));
    }
}

#[test]
fn the_parts_of_a_search_make_up_the_whole() {
    let folder = Folder::new();
    let scenarios = "--scenario all --schedules 301 --seed 9";
    let whole = search(&folder, 0, scenarios);
    let parts: Vec<Value> =
        (1..=3).map(|part| search(&folder, 0, &format!("{scenarios} --shard {part}/3"))).collect();
    let schedules: Vec<_> = parts.iter().map(|part| part["schedules"].as_u64()).collect();
    assert_eq!(schedules, [Some(101), Some(100), Some(100)]);
    for sum in ["schedules", "operations", "steps", "choices", "switches", "remote_frees"] {
        let number = |value: &Value| value[sum].as_u64().expect("a number");
        assert_eq!(parts.iter().map(number).sum::<u64>(), number(&whole), "{sum}");
    }
}

#[test]
fn the_first_violation_of_all_parts_is_the_one_of_the_whole() {
    let folder = Folder::new();
    let schedule = |value: &Value| value["failure"]["schedule"].as_u64().expect("a number");
    let plant = "--plant unowned-drain --schedules 1000 --seed 3";
    let whole = schedule(&search(&folder, 1, plant));
    let parts = (1..=2).map(|part| search(&folder, 1, &format!("{plant} --shard {part}/2")));
    assert_eq!(parts.map(|part| schedule(&part)).min(), Some(whole));
}

#[test]
fn one_schedule_of_a_search_can_be_run_alone() {
    let folder = Folder::new();
    let searched = search(&folder, 0, "--schedules 1 --seed 11");
    let alone = folder.expect(0, "--seed 11 --schedule 0 --strategy portfolio --json").json();
    for what in ["operations", "steps", "choices", "switches", "digest"] {
        assert_eq!(searched[what], alone[what], "{what}");
    }
}

#[test]
fn a_search_by_time_ends_in_time_and_counts_what_it_did() {
    let begin = std::time::Instant::now();
    let value = search(&Folder::new(), 0, "--time 1 --jobs 2");
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
    assert!(value["schedules"].as_u64().expect("a number") > 0, "{value}");
}

#[test]
fn a_search_that_finds_nothing_says_how_much_that_proves_and_writes_no_trace() {
    let folder = Folder::new();
    let text = folder.expect(0, "explore --schedules 300 --trace none.hak").stdout;
    assert!(text.contains("\n  300 schedules, "), "{text}");
    assert!(text.contains("nothing wrong; with 95 % confidence fewer than 1 in 100 "), "{text}");
    assert!(text.contains("none.hak was not written"), "{text}");
    assert!(folder.content().is_empty());
    let text = folder.expect(0, "explore --schedules 1").stdout;
    assert!(text.contains("\n  1 schedule, ") && text.ends_with("\nnothing wrong\n"), "{text}");
}

#[test]
fn a_search_in_which_nothing_could_be_found_is_an_error_and_no_pass() {
    let folder = Folder::new();
    let ended = folder.run("explore --scenario remote-free --threads 2 --ops 1 --schedules 200");
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
    assert!(ended.stderr.contains("this search proves nothing"), "{ended:?}");
}
