//! `hak-sim faults --measure`: how many schedules it takes to find a fault.

use crate::support::Folder;

const MEASURE: &str = "faults --measure --only unowned-drain --seeds 3";

#[test]
fn a_measurement_says_the_same_for_any_number_of_jobs() {
    let folder = Folder::new();
    for format in ["", "--json"] {
        let one = folder.expect(0, &format!("{MEASURE} {format} --jobs 1"));
        assert_eq!(one, folder.expect(0, &format!("{MEASURE} {format} --jobs 3")));
    }
}

#[test]
fn what_is_measured_is_what_a_search_needs() {
    let folder = Folder::new();
    let mut needed: Vec<u64> = (1..=3)
        .map(|seed| {
            let search = format!("explore --plant unowned-drain --seed {seed} --json");
            folder.expect(1, &search).json()["failure"]["schedule"].as_u64().expect("a number") + 1
        })
        .collect();
    needed.sort_unstable();
    let value = folder.expect(0, &format!("{MEASURE} --json")).json();
    let fault = &value["faults"][0];
    assert_eq!(
        [&fault["least"], &fault["median"], &fault["greatest"]],
        [&needed[0], &needed[1], &needed[2]]
    );
    assert_eq!((&value["outcome"], &fault["not_found"]), (&"passed".into(), &0.into()));
    let text = folder.expect(0, MEASURE).stdout;
    let row: Vec<&str> = text.lines().nth(1).expect("a row").split_whitespace().collect();
    let [least, median, greatest] = [0, 1, 2].map(|place| needed[place].to_string());
    assert_eq!(row, ["unowned-drain", median.as_str(), &least, &greatest, "0"]);
    assert!(text.ends_with(": 0 with a median above 2,000\n"), "{text}");
}

#[test]
fn a_fault_that_is_not_found_is_above_every_median() {
    let folder = Folder::new();
    // One schedule is not enough for what needs an old value at the right moment.
    let measure = "faults --measure --only missed-wake-up --seeds 2 --schedules 1";
    let text = folder.expect(4, measure).stdout;
    assert!(text.ends_with("2 seeds of up to 1 schedule each: 1 with a median above 2,000\n"));
    let value = folder.expect(4, &format!("{measure} --json")).json();
    assert_eq!((&value["outcome"], &value["slow"]), (&"slow".into(), &1.into()));
    let fault = &value["faults"][0];
    assert!(fault["median"].is_null() && fault["greatest"].is_null(), "{value}");
    assert_ne!(fault["not_found"], 0);
}

#[test]
fn a_measurement_of_nothing_is_refused() {
    let folder = Folder::new();
    for nothing in ["--seeds 0", "--schedules 0", "--jobs 0", "--jobs 257"] {
        let sentence = "at least one seed and one schedule, and 1 to 256 jobs";
        folder.run(&format!("faults --measure {nothing}")).refused(sentence);
    }
    for alone in ["--seeds 3", "--schedules 3", "--jobs 1", "--only unowned-drain"] {
        folder.run(&format!("faults {alone}")).refused("--measure");
    }
}
