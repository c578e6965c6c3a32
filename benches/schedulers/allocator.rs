//! The allocator's core in the simulator, with all oracles on: what `hak-sim explore` does with one
//! job.

use hak_sim::run::settings::{MemoryModel, Settings, StrategyName};
use hak_sim::run::simulation::{Extras, Simulator};
use hak_sim::scenario;

use crate::clock::Work;

/// What runs so many schedules of the default scenario. Counts steps.
pub(crate) fn runner(memory: MemoryModel) -> Work {
    let mut simulator = Simulator::new();
    let mut settings = Settings::new(scenario::find("mixed").expect("the default scenario"), 42);
    settings.strategy = StrategyName::Portfolio;
    settings.memory = memory;
    Box::new(move |count| {
        let mut steps = 0;
        for _ in 0..count {
            settings.schedule += 1;
            let report = simulator.run(&settings, Extras::default()).expect("memory for a world");
            assert!(report.violation().is_none(), "the core is sound");
            steps += report.steps;
        }
        steps
    })
}
