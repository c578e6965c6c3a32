//! From a strategy's name to the chooser that does it.

use crate::run::events;
use crate::run::settings::{Settings, StrategyName};
use crate::runtime::strategy::{Choices, Pct, Pos, Random, RoundRobin, Strategy, Surw};
use crate::runtime::{Access, Choice, ChoicePoint, Chooser, ThreadId};

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

/// Steps that each thread is thought to do.
pub(crate) fn thread_steps(settings: &Settings) -> u64 {
    settings.operations as u64 * STEPS_PER_OPERATION
}

/// Steps that a run is thought to have: `k` of `pct`, which draws its change points among the first so many.
pub(crate) fn run_steps(settings: &Settings) -> u64 {
    settings.threads as u64 * thread_steps(settings)
}

/// The chooser of these settings, aimed at their schedule.
pub(crate) fn chooser(settings: &Settings) -> Box<dyn Chooser> {
    let seed = settings.seed;
    match resolved(settings) {
        StrategyName::Pct(depth) => {
            eventful(Pct::new(seed, depth as usize, run_steps(settings)), settings)
        }
        StrategyName::RoundRobin => eventful(RoundRobin::new(QUANTUM), settings),
        StrategyName::Pos => eventful(Pos::new(seed), settings),
        StrategyName::Surw => eventful(Surw::new(seed, thread_steps(settings)), settings),
        StrategyName::Random => eventful(Random::new(seed), settings),
        StrategyName::Portfolio => unreachable!("the portfolio holds strategies only"),
    }
}

/// The strategy, aimed, and with the events that are chosen while the run goes on.
fn eventful<S: Strategy + 'static>(mut strategy: S, settings: &Settings) -> Box<dyn Chooser> {
    strategy.aim(settings.schedule);
    let events = events::resolved(settings);
    if !events.failures && !events.spurious {
        return Box::new(strategy);
    }
    Box::new(Eventful {
        strategy,
        failures: events.failures.then(|| Choices::new(!settings.seed, settings.schedule)),
        spurious: events
            .spurious
            .then(|| Choices::new(settings.seed.rotate_left(16), settings.schedule)),
        threads: settings.threads,
    })
}

/// A strategy under which the system refuses now and then, or weak exchanges fail. The thread that tidies up gets what it
/// asks for.
struct Eventful<S> {
    strategy: S,
    failures: Option<Choices>,
    spurious: Option<Choices>,
    threads: usize,
}

/// One system call in so many fails.
const REFUSED: usize = 8;

/// One weak compare-exchange in so many, of those that would succeed, fails.
const SPURIOUS: usize = 8;

impl<S: Strategy> Chooser for Eventful<S> {
    fn begin(&mut self, threads: usize) {
        self.strategy.begin(threads);
    }

    #[inline]
    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        self.strategy.choose(point)
    }

    fn system_call_fails(&mut self, thread: ThreadId, _access: &Access) -> bool {
        thread < self.threads
            && self.failures.as_mut().is_some_and(|choices| choices.below(REFUSED) == 0)
    }

    fn spurious_failure(&mut self, _thread: ThreadId, _access: &Access) -> bool {
        self.spurious.as_mut().is_some_and(|choices| choices.below(SPURIOUS) == 0)
    }

    #[inline]
    fn read_from(&mut self, thread: ThreadId, access: &Access, candidates: usize) -> usize {
        self.strategy.read_from(thread, access, candidates)
    }
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
    use crate::run::settings::MemoryModel;
    use crate::run::simulation::{Extras, Simulator};
    use crate::scenario::SCENARIOS;

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
