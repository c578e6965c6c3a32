//! From a strategy's name to the chooser that does it.

use crate::runtime::Chooser;
use crate::runtime::strategy::{Pct, Random, RoundRobin, Strategy};
use crate::settings::{Settings, StrategyName};

/// Steps that an operation takes on average, as a first estimate for strategies that need one.
const STEPS_PER_OPERATION: u64 = 12;

/// Steps that `round-robin` lets a thread do before the next one goes.
const QUANTUM: u64 = 3;

/// What the portfolio takes in turn, by the schedule's number.
const PORTFOLIO: &[StrategyName] =
    &[StrategyName::Random, StrategyName::Pct(3), StrategyName::Random, StrategyName::Pct(5)];

/// The chooser of these settings, aimed at their schedule.
pub(crate) fn chooser(settings: &Settings) -> Box<dyn Chooser> {
    let steps = (settings.threads * settings.operations) as u64 * STEPS_PER_OPERATION;
    let mut strategy: Box<dyn Strategy> = match resolved(settings) {
        StrategyName::Pct(depth) => Box::new(Pct::new(settings.seed, depth as usize, steps)),
        StrategyName::RoundRobin => Box::new(RoundRobin::new(QUANTUM)),
        _ => Box::new(Random::new(settings.seed)),
    };
    strategy.aim(settings.schedule);
    strategy
}

/// The strategy that a schedule gets: for the portfolio, the one whose turn it is.
pub(crate) fn resolved(settings: &Settings) -> StrategyName {
    match settings.strategy {
        StrategyName::Portfolio => PORTFOLIO[(settings.schedule % PORTFOLIO.len() as u64) as usize],
        other => other,
    }
}
