//! What a run comes to when operations go one after the other: the states that slabs go through,
//! and the state that they are left in, as one number.
//!
//! No rule is asked about. Two cores that give the same number for many runs keep the same policy:
//! which slab serves, what is kept and what goes back, and when. The mutants of guards are held
//! against the core as it is by this, after every rule: a heuristic that is changed breaks none.
//!
//! What only costs time does not show: steps are not counted, nor where in an operation something
//! happens.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use crate::run::settings::{GeometryName, Settings};
use crate::run::simulation::{Extras, Simulator};
use crate::run::turns::{Turn, Turns};
use crate::runtime::End;
use crate::runtime::strategy::Choices;
use crate::scenario::Scenario;

/// The number of a schedule of a scenario: its program is the drawn one, the next operation is a
/// drawn thread's. Every second one stops behind the last operation, and holds the state there; the
/// others give all memory back.
///
/// # Errors
/// The system has no memory for the simulated world.
pub fn number(
    simulator: &mut Simulator,
    scenario: &'static Scenario,
    geometry: GeometryName,
    schedule: u64,
) -> io::Result<u64> {
    let settings = Settings { schedule, geometry, ..Settings::new(scenario, 42) };
    let program = settings.program();
    let mut order = Choices::new(settings.seed, schedule);
    let mut left: Vec<u32> = program.threads.iter().map(|list| list.len() as u32).collect();
    let mut turns = Vec::new();
    while left.iter().any(|&left| left > 0) {
        let prepares = scenario.prologue && left[0] > 0;
        let thread = if prepares { 0 } else { order.below(left.len()) };
        if left[thread] > 0 {
            left[thread] -= 1;
            let operations = program.threads[thread].len() as u32 - left[thread];
            turns.push(Turn { thread, operations });
        }
    }
    let mut turns = if schedule.is_multiple_of(2) {
        Turns::then_stop(turns)
    } else {
        Turns::then_finish(turns)
    };
    let extras = Extras { transitions: true, picture: true, ..Extras::default() };
    let report = simulator.run_chosen(&settings, program, extras, &mut turns)?;
    let mut hasher = DefaultHasher::new();
    for transition in &report.transitions {
        (transition.thread, format!("{:?}", transition.change)).hash(&mut hasher);
    }
    report.picture.hash(&mut hasher);
    match &report.end {
        End::Finished => 0_u8.hash(&mut hasher),
        End::Stopped => 1_u8.hash(&mut hasher),
        End::Violation(violation) => violation.oracle.hash(&mut hasher),
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::SCENARIOS;

    /// The numbers of many runs.
    fn numbers() -> Vec<u64> {
        let mut simulator = Simulator::new();
        let mut all = Vec::new();
        for scenario in SCENARIOS {
            for schedule in 0..8 {
                let one = number(&mut simulator, scenario, GeometryName::Tiny, schedule);
                all.push(one.expect("memory for a world"));
            }
        }
        all
    }

    #[test]
    fn equal_runs_have_equal_numbers_and_others_have_others() {
        let mut found = numbers();
        assert_eq!(found, numbers());
        let runs = found.len();
        found.sort_unstable();
        found.dedup();
        // A run in which little happens may be like another one.
        assert!(found.len() * 10 > runs * 9, "{} numbers of {runs} runs", found.len());
    }
}
