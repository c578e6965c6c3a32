//! Settings: everything that determines a run. Equal settings give equal runs, on any machine.

use hak_core::Fault;
use hak_traces::Config;

use crate::faults;
use crate::program::Program;
use crate::run::events::{self, Events, Kill};
pub use crate::run::strategies::StrategyName;
pub use crate::runtime::{GeometryName, MemoryModel};
use crate::runtime::{THREADS_MAX, Weakening};
use crate::scenario::{self, Scenario, Sizes};

/// Everything that determines a run.
#[derive(Clone, Copy)]
pub struct Settings {
    /// Keys every choice.
    pub seed: u64,
    /// Which schedule of the seed.
    pub schedule: u64,
    /// What happens.
    pub scenario: &'static Scenario,
    /// The planted fault.
    pub plant: Option<Fault>,
    /// The ordering that is made weaker, for mutation scores. It stands in no trace.
    pub weakening: Option<Weakening>,
    /// How the next thread is chosen.
    pub strategy: StrategyName,
    /// What may happen beside the interleaving.
    pub events: Events,
    /// The memory model.
    pub memory: MemoryModel,
    /// The number of threads, without the one that tidies up.
    pub threads: usize,
    /// Operations of each thread.
    pub operations: usize,
    /// Sizes and thresholds.
    pub geometry: GeometryName,
}

impl Settings {
    /// The scenario's defaults under this seed.
    pub fn new(scenario: &'static Scenario, seed: u64) -> Settings {
        Settings {
            seed,
            schedule: 0,
            scenario,
            plant: None,
            weakening: None,
            strategy: StrategyName::Random,
            events: Events::NONE,
            memory: MemoryModel::Sc,
            threads: scenario.threads,
            operations: scenario.operations,
            geometry: GeometryName::Tiny,
        }
    }

    /// What the threads do.
    pub fn program(&self) -> Program {
        let sizes = Sizes::named(self.geometry);
        let (threads, operations) = (self.threads, self.operations);
        let mut program =
            self.scenario.program(self.seed, self.schedule, threads, operations, sizes);
        events::cut(&mut program, self);
        program
    }

    /// The strategy with its events, as [`events::parse`] reads it.
    pub fn strategy_text(&self) -> String {
        format!("{}{}", self.strategy, self.events)
    }

    /// As they stand in a trace.
    pub fn to_config(&self) -> Config {
        Config {
            seed: self.seed,
            schedule: self.schedule,
            scenario: self.scenario.name.to_owned(),
            plant: self.plant.map(|fault| fault.name().to_owned()),
            strategy: self.strategy_text(),
            memory: self.memory.name().to_owned(),
            // A trace counts every thread, and one more tidies up after the others.
            threads: self.threads as u32 + 1,
            operations: self.operations as u32,
            geometry: self.geometry.name().to_owned(),
            program: None,
        }
    }

    /// From a trace.
    ///
    /// # Errors
    /// One sentence on the first name that this program does not know, or number that is out of
    /// bounds.
    pub fn from_config(config: &Config) -> Result<Settings, String> {
        let unknown = |what: &str, name: &str| {
            format!("it names the {what} '{name}', which this version of hak-sim does not have")
        };
        let scenario = scenario::find(&config.scenario)
            .ok_or_else(|| unknown("scenario", &config.scenario))?;
        let plant = match &config.plant {
            Some(name) => {
                Some(Fault::from_name(name).ok_or_else(|| unknown("planted fault", name))?)
            }
            None => None,
        };
        let geometry = match config.geometry.as_str() {
            "tiny" => GeometryName::Tiny,
            "wide" => GeometryName::Wide,
            "production" => GeometryName::Production,
            other => return Err(unknown("geometry", other)),
        };
        let memory = match config.memory.as_str() {
            "sc" => MemoryModel::Sc,
            "weak" => MemoryModel::Weak,
            other => return Err(unknown("memory model", other)),
        };
        let (strategy, events) =
            events::parse(&config.strategy).map_err(|_| unknown("strategy", &config.strategy))?;
        let settings = Settings {
            seed: config.seed,
            schedule: config.schedule,
            scenario,
            plant,
            weakening: None,
            strategy,
            events,
            memory,
            threads: (config.threads as usize).saturating_sub(1),
            operations: config.operations as usize,
            geometry,
        };
        settings.check()?;
        Ok(settings)
    }

    /// Whether the numbers are within bounds.
    ///
    /// # Errors
    /// One sentence on the first that is not.
    pub fn check(&self) -> Result<(), String> {
        if !(1..THREADS_MAX).contains(&self.threads) {
            return Err(format!("the number of threads is from 1 to {}", THREADS_MAX - 1));
        }
        if !(1..=OPERATIONS_MAX).contains(&self.operations) {
            return Err(format!("the number of operations is from 1 to {OPERATIONS_MAX}"));
        }
        if let Kill::At(thread, _) = self.events.kill
            && thread >= self.threads
        {
            return Err(format!(
                "thread {thread} cannot stop: there are {} threads, counted from 0",
                self.threads
            ));
        }
        Ok(())
    }

    /// The command that runs exactly this again.
    pub fn command(&self) -> String {
        let mut command = format!(
            "cargo run --release -- --seed {} --schedule {} --scenario {} --strategy {}",
            self.seed,
            self.schedule,
            self.scenario.name,
            self.strategy_text()
        );
        if let Some(fault) = self.plant {
            command += &format!(" --plant {}", fault.name());
        }
        if self.threads != self.scenario.threads {
            command += &format!(" --threads {}", self.threads);
        }
        if self.operations != self.scenario.operations {
            command += &format!(" --ops {}", self.operations);
        }
        if self.geometry != GeometryName::Tiny {
            command += &format!(" --geometry {}", self.geometry.name());
        }
        if self.memory != faults::memory(self.plant) {
            command += &format!(" --memory {}", self.memory.name());
        }
        command
    }
}

/// Operations of each thread, at most.
pub const OPERATIONS_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_the_way_through_a_trace() {
        for scenario in scenario::SCENARIOS {
            let mut settings = Settings::new(scenario, 7);
            settings.plant = Some(Fault::DrainBeforeClaim);
            settings.strategy = StrategyName::Pct(5);
            settings.events = Events { failures: true, kill: Kill::At(1, 7), ..Events::NONE };
            settings.geometry = GeometryName::Production;
            settings.memory = MemoryModel::Weak;
            let config = settings.to_config();
            let back = Settings::from_config(&config).expect("known names");
            assert_eq!(back.to_config(), config);
        }
    }

    #[test]
    fn what_a_trace_names_and_nobody_knows_is_refused_by_name() {
        let settings = Settings::new(&scenario::SCENARIOS[0], 7);
        let mut config = settings.to_config();
        config.scenario = "tea-time".to_owned();
        let error = Settings::from_config(&config).err().expect("unknown scenario");
        assert!(error.contains("tea-time"), "{error}");
        let mut config = settings.to_config();
        config.threads = 99;
        assert!(Settings::from_config(&config).is_err());
    }
}
