//! Small programs whose system calls are refused, each in every way that a thousand schedules show.

use hak_sim::program::Program;
use hak_sim::run::events::Events;
use hak_sim::run::settings::Settings;
use hak_sim::run::simulation::{Extras, Simulator};
use hak_sim::runtime::End;
use hak_sim::scenario;

/// Runs a program of one thread; in how many schedules a call was refused.
fn refused(notation: &str) -> usize {
    let scenario = scenario::find("large-blocks").expect("the scenario exists");
    let events = Events { failures: true, ..Events::NONE };
    let mut simulator = Simulator::new();
    let run = |schedule: &u64| {
        let settings =
            Settings { schedule: *schedule, threads: 1, events, ..Settings::new(scenario, 42) };
        let program = Program::from_notation(notation, 1).expect("a program");
        let report = simulator.run_program(&settings, program, Extras::default(), None);
        let report = report.expect("memory for a world");
        assert!(matches!(report.end, End::Finished), "schedule {schedule}: {:?}", report.end);
        report.incidents.refused > 0
    };
    (0..1_000).filter(run).count()
}

#[test]
fn a_mapping_that_cannot_give_back_its_end_and_cannot_move_keeps_its_contents() {
    // The decommit of the end is refused when half of it is gone, and so is a new block, should one
    // be asked for.
    for program in ["a0:971 r0:567", "a0:1486 r0:1203 r0:1100 f0"] {
        let some = refused(program);
        assert!(some > 200, "in {some} of a thousand schedules a call was refused");
    }
}
