//! `hak-sim contention`: which cache lines pass between threads, by their number.

use hak_sim::scenario::SCENARIOS;
use serde_json::Value;

use crate::support::Folder;

const SMALL: &str = "contention --schedules 2 --ops 40 --threads 3";

#[test]
fn the_same_command_gives_the_same_bytes_with_any_number_of_jobs() {
    let folder = Folder::new();
    for format in ["", "--json", "--random", "--geometry tiny --slice 3"] {
        let command = format!("{SMALL} {format}");
        let one = folder.expect(0, &command);
        assert_eq!(one, folder.expect(0, &command));
        for jobs in [1, 2, 3] {
            assert_eq!(one, folder.expect(0, &format!("{command} --jobs {jobs}")));
        }
    }
}

/// Counts by number of threads.
fn counts(value: &Value) -> Vec<u64> {
    let numbers = value.as_array().expect("counts").iter();
    numbers.map(|number| number.as_u64().expect("a count")).collect()
}

#[test]
fn what_is_counted_adds_up() {
    let folder = Folder::new();
    let value = folder.expect(0, &format!("{SMALL} --json")).json();
    assert_eq!(value["outcome"], "passed");
    assert_eq!(counts(&value["threads"]), [2, 3]);
    let scenarios = value["scenarios"].as_array().expect("scenarios");
    let names: Vec<&str> = scenarios.iter().filter_map(|one| one["name"].as_str()).collect();
    assert!(names.iter().copied().eq(SCENARIOS.iter().map(|scenario| scenario.name)));
    let mut all = [0, 0];
    for scenario in scenarios {
        // Two schedules, and 20 operations of each thread behind those that warm up.
        assert_eq!(counts(&scenario["operations"]), [2 * 2 * 20, 2 * 3 * 20]);
        let mut sum = [0, 0];
        for word in scenario["words"].as_array().expect("words") {
            let passes = counts(&word["passes"]);
            let falsely = counts(&word["falsely"]);
            let mut by_line = [0, 0];
            for line in word["lines"].as_array().expect("lines") {
                for (sum, passes) in by_line.iter_mut().zip(counts(&line["passes"])) {
                    *sum += passes;
                }
            }
            assert_eq!(passes, by_line, "{word}");
            assert!(passes.iter().zip(&falsely).all(|(all, part)| part <= all), "{word}");
            if word["contents"] == false {
                sum.iter_mut().zip(&passes).for_each(|(sum, passes)| *sum += passes);
            }
        }
        assert_eq!(counts(&scenario["passes"]), sum);
        all.iter_mut().zip(sum).for_each(|(all, sum)| *all += sum);
    }
    assert_eq!(counts(&value["all"]["passes"]), all);
    assert!(all.iter().all(|passes| *passes > 0));
}

#[test]
fn the_text_has_a_row_for_each_scenario_and_names_words_as_traces_do() {
    let folder = Folder::new();
    let text = folder.expect(0, SMALL).stdout;
    for scenario in SCENARIOS {
        assert_eq!(text.lines().filter(|line| line.starts_with(scenario.name)).count(), 1);
    }
    for word in ["\nslab: slot word ", "\nsuperslab: slot mask and use ", "\nblock: link and seal "]
    {
        assert!(text.contains(word), "{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    let one = folder.expect(0, &format!("{SMALL} --scenario larson")).stdout;
    let row = |text: &str| text.lines().find(|line| line.starts_with("larson")).map(str::to_owned);
    let cells = |row: Option<String>| -> Vec<String> {
        row.expect("a row").split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(cells(row(&one)), cells(row(&text)), "a scenario is counted alone as among all");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = Folder::new();
    for (arguments, sentence) in [
        ("--threads 1", "threads is from 2 to 8"),
        ("--threads 9", "threads is from 2 to 8"),
        ("--ops 1", "operations is from 2 to 100000"),
        ("--ops 100001", "operations is from 2 to 100000"),
        ("--schedules 0", "at least one schedule"),
        ("--slice 0", "one step in a turn"),
        ("--jobs 0", "jobs is from 1 to 256"),
        ("--jobs 257", "jobs is from 1 to 256"),
        ("--scenario tea-time", "there is no scenario 'tea-time'"),
        ("--scenario prove-release", "give a scenario that is drawn"),
        ("--slice 3 --random", "--random"),
        ("--geometry round", "tiny, wide, production"),
        ("--plant unowned-drain", "no --plant for `hak-sim contention`"),
        ("--seed many", "see `hak-sim contention --help`"),
    ] {
        folder.run(&format!("contention {arguments}")).refused(sentence);
    }
}
