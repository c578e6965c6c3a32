//! `hak-sim explore`: the same result for any number of jobs, and parts that make up the whole.

use hak_traces::Trace;
use serde_json::{Value, json};

use crate::support::{Folder, arguments_of, commands_in};

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
        (1, "--plant stale-slot --all --schedules 400"),
        (1, "--plant listed-twice --all --schedules 309"),
        // One of its runs goes in a circle, until the tags of a stack look like addresses.
        (1, "--plant listed-twice --all --schedules 276 --scenario mixed --seed 4"),
        (0, "--failures --spurious --exit --kill --schedules 130 --memory weak"),
        (0, "--kill=each --schedules 3"),
        (1, "--kill=each --schedules 4 --plant stale-slot"),
        (1, "--kill=each --schedules 4 --plant stale-slot --all"),
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
    add_up(&parts, &whole);
}

#[test]
fn the_parts_of_a_search_for_all_violations_make_up_the_whole() {
    let folder = Folder::new();
    let arguments = "--scenario all --schedules 500 --all --plant lg-mismatch";
    let whole = search(&folder, 1, arguments);
    let parts: Vec<Value> =
        (1..=3).map(|part| search(&folder, 1, &format!("{arguments} --shard {part}/3"))).collect();
    add_up(&parts, &whole);
    let kinds = whole["kinds"].as_array().expect("a list");
    assert!(kinds.len() > 1, "{kinds:?}");
    let same = |one: &Value, other: &Value| {
        one["oracle"] == other["oracle"] && one["site"] == other["site"]
    };
    for kind in kinds {
        let of_parts: Vec<&Value> = parts
            .iter()
            .flat_map(|part| part["kinds"].as_array().expect("a list"))
            .filter(|one| same(one, kind))
            .collect();
        let number = |value: &Value, name: &str| value[name].as_u64().expect("a number");
        let runs: u64 = of_parts.iter().map(|one| number(one, "runs")).sum();
        assert_eq!(runs, number(kind, "runs"), "{kind}");
        let first = of_parts.iter().map(|one| number(one, "first")).min();
        assert_eq!(first, Some(number(kind, "first")), "{kind}");
    }
}

/// Checks that sums, digests and sketches of the parts give those of the whole.
fn add_up(parts: &[Value], whole: &Value) {
    let number = |value: &Value| value.as_u64().expect("a number");
    let sums = ["schedules", "operations", "steps", "choices", "switches", "plain_accesses"];
    for sum in sums.into_iter().chain(["remote_frees", "superslabs_retired", "violating"]) {
        let all: u64 = parts.iter().map(|part| number(&part[sum])).sum();
        assert_eq!(all, number(&whole[sum]), "{sum}");
    }
    for event in whole["incidents"].as_object().expect("an object").keys() {
        let all: u64 = parts.iter().map(|part| number(&part["incidents"][event])).sum();
        assert_eq!(all, number(&whole["incidents"][event]), "{event}");
    }
    let digest = |value: &Value| {
        let text = value["digest"].as_str().expect("a text");
        u64::from_str_radix(text, 16).expect("a number in hexadecimal")
    };
    assert_eq!(parts.iter().map(digest).fold(0, u64::wrapping_add), digest(whole));
    let sketch = |value: &Value| {
        value["distinct_states"]["sketch"].as_str().expect("a text").as_bytes().to_vec()
    };
    let together = parts.iter().map(sketch).reduce(|one, other| {
        one.iter().zip(&other).map(|(one, other)| *one.max(other)).collect::<Vec<u8>>()
    });
    assert_eq!(together, Some(sketch(whole)));
    assert!(number(&whole["distinct_states"]["estimate"]) <= number(&whole["switches"]) * 11 / 10);
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
    let alone =
        folder.expect(0, "--seed 11 --schedule 0 --strategy portfolio+events --json").json();
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

#[test]
fn violations_are_counted_by_kind_and_the_first_of_each_can_be_seen() {
    let folder = Folder::new();
    let arguments = "explore --plant lg-mismatch --all --schedules 300";
    let value = folder.expect(1, &format!("{arguments} --json")).json();
    let text = folder.expect(1, &format!("{arguments} --trace first.hak")).stdout;
    assert_eq!(value["schedules"], 300);
    let kinds = value["kinds"].as_array().expect("a list");
    let runs: Vec<u64> = kinds.iter().filter_map(|kind| kind["runs"].as_u64()).collect();
    assert_eq!(runs.iter().sum::<u64>(), value["violating"].as_u64().expect("a number"));
    assert!(runs.is_sorted_by(|one, next| one >= next), "{runs:?}");
    let commands = commands_in(&text);
    assert_eq!(commands.len(), kinds.len(), "{text}");
    for (kind, command) in kinds.iter().zip(commands) {
        assert_eq!(kind["command"], command);
        let run = folder.expect(1, &format!("{} --json", arguments_of(command))).json();
        assert_eq!(run["violation"]["oracle"], kind["oracle"]);
        assert_eq!(run["violation"]["site"], kind["site"]);
        assert_eq!(run["schedule"], kind["first"]);
    }
    let first = kinds.iter().filter_map(|kind| kind["first"].as_u64()).min();
    let recorded = folder.expect(1, "replay first.hak --json").json();
    assert_eq!(recorded["schedule"].as_u64(), first);
    assert_eq!(folder.expect(0, "explore --all --schedules 50 --json").json()["kinds"], json!([]));
}

#[test]
fn events_that_are_asked_for_happen_and_others_do_not() {
    let folder = Folder::new();
    let names = ["failures", "spurious", "exit", "kill"];
    let counted =
        ["system_calls_refused", "spurious_failures", "threads_ended_early", "threads_stopped"];
    for (name, counted) in names.iter().zip(counted) {
        let arguments = format!("explore --scenario mixed --schedules 200 --{name} --json");
        let value = folder.expect(0, &arguments).json();
        assert_eq!(value["strategy"], format!("portfolio+{name}"));
        for (event, count) in value["incidents"].as_object().expect("an object") {
            assert_eq!(count != 0, event == counted, "--{name}: {value}");
        }
    }
    let plain = "explore --scenario mixed --schedules 200 --strategy portfolio --json";
    let incidents = folder.expect(0, plain).json()["incidents"].clone();
    assert!(incidents.as_object().expect("an object").values().all(|count| count == 0));
    let all = folder.expect(0, "explore --scenario mixed --schedules 200 --json").json();
    assert!(all["incidents"].as_object().expect("an object").values().all(|count| count != 0));
}

#[test]
fn events_stand_in_the_trace_and_in_the_printed_command() {
    let folder = Folder::new();
    for events in ["failures", "spurious", "exit", "kill", "kill=1:20", "failures --kill --exit"] {
        // Some schedule of a few has the event.
        let happened = (0..20).any(|schedule| {
            let arguments = format!("--seed 5 --schedule {schedule} --strategy pct --{events}");
            let recorded = folder.expect(0, &format!("{arguments} --trace t.hak --json")).json();
            assert_eq!(recorded, folder.expect(0, "replay t.hak --json").json(), "{arguments}");
            let command = recorded["command"].as_str().expect("a command");
            let again = folder.expect(0, &format!("{} --json", arguments_of(command))).json();
            assert_eq!(recorded, again, "{command}");
            recorded["incidents"].as_object().expect("an object").values().any(|count| count != 0)
        });
        assert!(happened, "{events}");
    }
    let kill = folder.expect(0, "--seed 5 --strategy kill --json").json();
    assert_eq!(kill, folder.expect(0, "--seed 5 --kill --json").json());
}

#[test]
fn a_thread_stops_once_at_each_of_its_steps() {
    let folder = Folder::new();
    let steps_of = |arguments: &str| {
        let trace = folder.record(arguments, "t.hak");
        let mut steps = [0_u64; 8];
        trace.steps.iter().for_each(|step| steps[usize::from(step.thread)] += 1);
        steps
    };
    let base = "--seed 8 --scenario larson --strategy random";
    let places: u64 = (0..4)
        .map(|schedule| steps_of(&format!("{base} --schedule {schedule}")))
        .map(|steps| steps[..3].iter().map(|steps| steps - 1).sum::<u64>())
        .sum();
    let value = search(&folder, 0, &format!("{base} --kill=each --schedules 4"));
    assert_eq!((&value["schedules"], &value["kill_places"]), (&4.into(), &places.into()));
    let text = folder.expect(0, &format!("explore {base} --kill=each --schedules 4")).stdout;
    assert!(text.contains("nothing wrong: wherever a thread stopped, the others finished"));
    // Thread 1 stops behind its 20th step, and makes no other.
    assert_eq!(steps_of(&format!("{base} --kill=1:20"))[1], 20);
}

#[test]
fn a_violation_that_needs_a_stop_is_reproduced_with_it() {
    let folder = Folder::new();
    let arguments =
        "explore --kill=each --schedules 6 --seed 1 --plant drain-before-claim --trace t.hak";
    let value = folder.expect(1, &format!("{arguments} --json")).json();
    let failure = &value["failure"];
    assert!(failure["strategy"].as_str().is_some_and(|name| name.contains("+kill:")), "{failure}");
    let command = failure["command"].as_str().expect("a command");
    let again = folder.expect(1, &format!("{} --json", arguments_of(command))).json();
    assert_eq!(&again, failure);
    assert_eq!(folder.expect(1, "replay t.hak --json").json()["violation"], failure["violation"]);
    folder.expect(1, "shrink t.hak -o small.hak");
    let oracle = &folder.expect(1, "replay small.hak --json").json()["violation"]["oracle"];
    assert_eq!(oracle, &failure["violation"]["oracle"]);
}

#[test]
fn a_search_says_what_pct_promises_and_in_how_many_steps() {
    let folder = Folder::new();
    let value = search(&folder, 0, "--scenario larson --strategy pct:2 --schedules 1000");
    let [bound] = &value["pct"].as_array().expect("a list")[..] else { panic!("{value}") };
    let number = |name: &str| bound[name].as_f64().expect("a number");
    assert_eq!((number("depth"), number("threads"), number("schedules")), (2.0, 3.0, 1000.0));
    let once = 1.0 / (number("threads") * number("steps"));
    let found = 1.0 - (1.0 - once).powi(1000);
    assert!((number("found_at_least") - found).abs() < 1e-9, "{bound} and not {found}");
    assert_eq!(bound["longest"], value["longest"]);
    let text =
        folder.expect(0, "explore --scenario larson --strategy pct:2 --schedules 1000").stdout;
    assert!(text.contains("\npct:2 promises: 1,000 schedules of larson (3 threads, "), "{text}");
    assert_eq!(search(&folder, 0, "--strategy pos --schedules 50")["pct"], json!([]));
}

#[test]
fn what_makes_no_sense_of_events_is_refused() {
    let folder = Folder::new();
    for (arguments, sentence) in [
        ("--kill=each", "use `hak-sim explore --kill=each`"),
        ("--kill=9:1", "thread 9 cannot stop"),
        ("explore --kill=3:1", "thread 3 cannot stop"),
        ("--kill=1", "THREAD:STEP"),
        ("--kill=1:0", "STEP of at least 1"),
        ("--strategy random+tea", "'tea' is no event"),
        ("explore --kill=each --strategy random+kill", "no +kill"),
        ("explore --kill=each --strategy random+events", "no +kill and no +events"),
    ] {
        folder.run(arguments).refused(sentence);
    }
}

#[test]
fn progress_is_shown_to_terminals_only() {
    let ended = Folder::new().run("explore --schedules 2000 --jobs 2");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
}

#[test]
fn continuations_are_the_same_for_any_number_of_jobs_and_can_be_recorded() {
    let folder = Folder::new();
    let trace = folder.record(crate::support::FAULT, "race.hak");
    let last = trace.steps.len();
    let at = |steps: usize, more: &str| format!("explore --from race.hak@{steps} {more}");
    // From the last step on nothing but the violation is left.
    let all = folder.expect(1, &at(last, "--schedules 40 --json")).json();
    assert_eq!((all["violating"].as_u64(), all["continuations"].as_u64()), (Some(40), Some(40)));
    let one = folder.expect(1, &at(last / 2, "--jobs 1 --json --trace next.hak"));
    for jobs in [2, 3] {
        assert_eq!(one, folder.expect(1, &at(last / 2, &format!("--jobs {jobs} --json"))));
    }
    let failing = one.json()["violating"].as_u64().expect("a number");
    assert!((1..1_000).contains(&failing), "{failing} of 1,000");
    let next = Trace::read(folder.path("next.hak")).expect("it was recorded");
    assert_eq!(next.steps[..last / 2], trace.steps[..last / 2]);
    folder.expect(1, "replay next.hak");
}

#[test]
fn continuations_that_cannot_be_are_refused() {
    let folder = Folder::new();
    folder.record("--seed 42 --ops 8", "good.hak");
    folder.run("explore --from good.hak@999999").refused("give a STEP of at most");
    folder.run("explore --from good.hak").refused("FILE@STEP");
    folder.run("explore --from none.hak@1").refused("none.hak");
    folder.run("explore --from good.hak@1 --schedules 0").refused("at least one");
    folder.run("explore --from good.hak@1 --strategy pos+failures").refused("without +events");
    folder.run("explore --from good.hak@1 --scenario mixed").refused("cannot be used with");
}
