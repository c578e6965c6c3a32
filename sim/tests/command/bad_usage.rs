//! Command lines that make no sense: one sentence that says what would, exit code 2.

use hak_core::Fault;
use hak_sim::scenario::SCENARIOS;

use crate::support::Folder;

#[test]
fn unknown_names_are_refused_with_the_names_that_are_known() {
    let folder = Folder::new();
    for command in ["--scenario tea-time", "explore --scenario tea-time"] {
        let ended = folder.run(command);
        ended.refused("tea-time");
        for scenario in SCENARIOS {
            ended.refused(scenario.name);
        }
    }
    for command in ["--plant gremlin", "explore --plant gremlin"] {
        let ended = folder.run(command);
        ended.refused("gremlin");
        for fault in Fault::ALL {
            ended.refused(fault.name());
        }
    }
    for command in ["--strategy dowsing", "explore --strategy dowsing"] {
        let ended = folder.run(command);
        ended.refused("dowsing");
        for name in ["random", "pct:DEPTH", "round-robin", "portfolio"] {
            ended.refused(name);
        }
    }
    for command in ["--geometry round", "explore --geometry round"] {
        folder.run(command).refused("round");
        folder.run(command).refused("tiny, wide, production");
    }
    folder.run("--memory leaky").refused("sc");
    folder.run("--scenario all").refused("`hak-sim explore --scenario all`");
    folder.run("prove --scenario all").refused("`hak-sim explore --scenario all`");
}

#[test]
fn numbers_out_of_bounds_are_refused_with_the_bounds() {
    let folder = Folder::new();
    for (arguments, sentence) in [
        ("--threads 0", "threads is from 1 to 7"),
        ("--threads 8", "threads is from 1 to 7"),
        ("--threads 99", "threads is from 1 to 7"),
        ("--ops 0", "operations is from 1 to 100000"),
        ("--ops 100001", "operations is from 1 to 100000"),
        ("--strategy pct:0", "from 1 to 64"),
        ("--strategy pct:65", "from 1 to 64"),
        ("--strategy pct:deep", "from 1 to 64"),
    ] {
        folder.run(arguments).refused(sentence);
        folder.run(&format!("explore {arguments}")).refused(sentence);
    }
    for (arguments, sentence) in [
        ("--jobs 0", "jobs is from 1 to 256"),
        ("--jobs 257", "jobs is from 1 to 256"),
        ("--schedules 0", "at least one schedule"),
        ("--time 0", "at least one schedule, or one second"),
        ("--shard 3/2", "K/N with K from 1 to N"),
        ("--shard 0/2", "K/N with K from 1 to N"),
        ("--shard 1/0", "K/N with K from 1 to N"),
        ("--shard 1", "K/N with K from 1 to N"),
        ("--shard one/two", "K/N with K from 1 to N"),
    ] {
        folder.run(&format!("explore {arguments}")).refused(sentence);
    }
    for arguments in ["--seed", "--seed -1", "--seed many", "--seed 18446744073709551616"] {
        folder.run(arguments).refused("see `hak-sim --help`");
        folder.run(&format!("explore {arguments}")).refused("see `hak-sim explore --help`");
    }
    folder.run("explore --schedules 1e5").refused("give a whole number, in digits only");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let folder = Folder::new();
    folder.run("explore --time 1 --schedules 9").refused("--time");
    folder.run("explore --time 1 --schedules 9").refused("--schedules");
    folder.run("--json explore").refused("explore");
    folder.run("--seed 42 --trace t.hak replay t.hak").refused("replay");
    assert!(folder.content().is_empty(), "something was written");
}

#[test]
fn unknown_commands_and_options_are_refused() {
    let folder = Folder::new();
    folder.run("dance").refused("dance");
    folder.run("--dance").refused("--dance");
    folder.run("--sed 42").refused("--seed");
    folder.run("replay").refused("<FILE>");
    folder.run("diff one.hak").refused("<SECOND>");
    let other = folder.run("explore --schedule 5");
    other.refused("no --schedule for `hak-sim explore`: it is for `hak-sim` without a command");
    let other = folder.run("--schedules 5");
    other.refused(
        "no --schedules without a command: it is for `hak-sim explore` and `hak-sim corpus` and \
         `hak-sim mutants` and `hak-sim contention` and `hak-sim faults`",
    );
    folder.run("explore mixed").refused("write --scenario mixed");
    folder.run("explore --kill each").refused("write --kill=each");
    folder.run("mixed --seed 3").refused("write --scenario mixed");
    folder.run("--kill 1:17").refused("write --kill=1:17");
    folder.run("replay t.hak --until soon").refused("--until");
    folder.run("show t.hak --last few").refused("--last");
}

#[test]
fn help_and_version_end_well_on_standard_output() {
    let folder = Folder::new();
    let help = folder.expect(0, "--help").stdout;
    for command in
        ["explore", "replay", "stress", "contention", "show", "diff", "scenarios", "faults"]
    {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        assert!(folder.expect(0, &format!("{command} --help")).stdout.contains("Usage:"));
    }
    assert!(help.contains("Exit codes: 0 nothing wrong, 1 "), "{help}");
    assert!(folder.expect(0, "--version").stdout.starts_with("hak-sim "));
}
