//! From a strategy's name to the chooser that does it.

use crate::runtime::strategy::{Choices, Pct, Pos, Random, RoundRobin, Strategy, Surw};
use crate::runtime::{Access, Choice, ChoicePoint, Chooser, ThreadId};
use crate::settings::{Settings, StrategyName};

/// Steps that an operation takes on average, as a first estimate for strategies that need one.
const STEPS_PER_OPERATION: u64 = 12;

/// Steps that `round-robin` lets a thread do before the next one goes.
const QUANTUM: u64 = 3;

/// What the portfolio takes in turn, by the schedule's number.
const PORTFOLIO: &[StrategyName] = &[
    StrategyName::Random,
    StrategyName::Pct(3),
    StrategyName::Pos,
    StrategyName::Random,
    StrategyName::Pct(5),
    StrategyName::Surw,
];

/// The chooser of these settings, aimed at their schedule.
pub(crate) fn chooser(settings: &Settings) -> Box<dyn Chooser> {
    let thread_steps = settings.operations as u64 * STEPS_PER_OPERATION;
    let steps = settings.threads as u64 * thread_steps;
    let mut strategy: Box<dyn Strategy> = match resolved(settings) {
        StrategyName::Pct(depth) => Box::new(Pct::new(settings.seed, depth as usize, steps)),
        StrategyName::RoundRobin => Box::new(RoundRobin::new(QUANTUM)),
        StrategyName::Pos => Box::new(Pos::new(settings.seed)),
        StrategyName::Surw => Box::new(Surw::new(settings.seed, thread_steps)),
        StrategyName::Random | StrategyName::Kill => Box::new(Random::new(settings.seed)),
        StrategyName::Portfolio => unreachable!("the portfolio holds strategies only"),
    };
    strategy.aim(settings.schedule);
    if settings.scenario.failing_system_calls {
        let choices = Choices::new(!settings.seed, settings.schedule);
        return Box::new(Failing { strategy, choices, threads: settings.threads });
    }
    strategy
}

/// A strategy under which the system refuses now and then. The thread that tidies up gets what it asks for.
struct Failing {
    strategy: Box<dyn Strategy>,
    choices: Choices,
    threads: usize,
}

/// One system call in so many fails.
const REFUSED: usize = 8;

impl Chooser for Failing {
    fn begin(&mut self, threads: usize) {
        self.strategy.begin(threads);
    }

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        self.strategy.choose(point)
    }

    fn system_call_fails(&mut self, thread: ThreadId, _access: &Access) -> bool {
        thread < self.threads && self.choices.below(REFUSED) == 0
    }

    fn read_from(&mut self, thread: ThreadId, access: &Access, candidates: usize) -> usize {
        self.strategy.read_from(thread, access, candidates)
    }
}

/// Under `kill`: which thread stops for ever, and after how many of its steps.
pub(crate) fn stops(settings: &Settings) -> Option<(ThreadId, u32)> {
    if settings.strategy != StrategyName::Kill {
        return None;
    }
    let word = Choices::new(settings.seed.rotate_left(32), settings.schedule).word();
    let steps = settings.operations as u64 * STEPS_PER_OPERATION;
    Some((word as usize % settings.threads, 1 + ((word >> 32) % steps) as u32))
}

/// The strategy that a schedule gets: for the portfolio, the one whose turn it is.
pub(crate) fn resolved(settings: &Settings) -> StrategyName {
    match settings.strategy {
        StrategyName::Portfolio => {
            // Scenarios are taken in turn too: the quotient keeps the two rounds from going in step.
            let turn = settings.schedule + settings.schedule / PORTFOLIO.len() as u64;
            PORTFOLIO[(turn % PORTFOLIO.len() as u64) as usize]
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::SCENARIOS;
    use crate::settings::MemoryModel;
    use crate::simulation::{Extras, Simulator};

    fn digest(simulator: &mut Simulator, strategy: StrategyName, memory: MemoryModel) -> u64 {
        let settings = Settings { strategy, memory, ..Settings::new(&SCENARIOS[0], 42) };
        simulator.run(&settings, Extras::default()).expect("memory for a world").digest
    }

    #[test]
    fn no_strategy_means_another_one() {
        let mut simulator = Simulator::new();
        for memory in [MemoryModel::Sc, MemoryModel::Weak] {
            let names = [
                StrategyName::Random,
                StrategyName::Pct(3),
                StrategyName::Pct(5),
                StrategyName::Pos,
                StrategyName::Surw,
                StrategyName::RoundRobin,
            ];
            let mut digests = names.map(|name| digest(&mut simulator, name, memory));
            assert_eq!(digests, names.map(|name| digest(&mut simulator, name, memory)));
            digests.sort_unstable();
            assert!(digests.windows(2).all(|pair| pair[0] != pair[1]), "{digests:?}");
        }
    }

    #[test]
    fn the_portfolio_takes_every_searching_strategy() {
        for name in [StrategyName::Random, StrategyName::Pos, StrategyName::Surw] {
            assert!(PORTFOLIO.contains(&name));
        }
        assert!(PORTFOLIO.iter().any(|name| matches!(name, StrategyName::Pct(_))));
        assert!(!PORTFOLIO.contains(&StrategyName::Portfolio));
    }
}
