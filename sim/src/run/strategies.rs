//! Strategies by name: how each is written, and the chooser that does it.
//!
//! A new one is a file in `runtime/strategy/`, and here a variant, its place in
//! [`StrategyName::ALL`] and its row.

use std::fmt;

use crate::run::events;
use crate::run::settings::Settings;
use crate::runtime::strategy::{Choices, Pct, Pos, Random, RoundRobin, Strategy, Surw};
use crate::runtime::{Access, Choice, ChoicePoint, Chooser, ThreadId};

/// How the next thread is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrategyName {
    /// Any runnable thread, with equal chances.
    Random,
    /// Probabilistic concurrency testing of this depth.
    Pct(u32),
    /// Partial order sampling.
    Pos,
    /// Selectively uniform random walk.
    Surw,
    /// Each thread in turn.
    RoundRobin,
    /// One of the searching ones, by the schedule's number.
    Portfolio,
}

/// What is known of a strategy.
struct StrategyRow {
    /// How it is written; the depth of [`StrategyName::Pct`] stands behind it.
    name: &'static str,
    /// The chooser, aimed at the settings' schedule.
    chooser: fn(&Settings) -> Box<dyn Chooser>,
}

impl StrategyName {
    /// All of them, `pct` with the depth that it has unless one is given.
    pub const ALL: &'static [StrategyName] = &[
        StrategyName::Random,
        StrategyName::Pct(3),
        StrategyName::Pos,
        StrategyName::Surw,
        StrategyName::RoundRobin,
        StrategyName::Portfolio,
    ];

    const fn row(self) -> StrategyRow {
        match self {
            StrategyName::Random => StrategyRow {
                name: "random",
                chooser: |settings| eventful(Random::new(settings.seed), settings),
            },
            StrategyName::Pct(_) => StrategyRow { name: "pct", chooser: pct },
            StrategyName::Pos => StrategyRow {
                name: "pos",
                chooser: |settings| eventful(Pos::new(settings.seed), settings),
            },
            StrategyName::Surw => StrategyRow {
                name: "surw",
                chooser: |settings| {
                    eventful(Surw::new(settings.seed, thread_steps(settings)), settings)
                },
            },
            StrategyName::RoundRobin => StrategyRow {
                name: "round-robin",
                chooser: |settings| eventful(RoundRobin::new(QUANTUM), settings),
            },
            StrategyName::Portfolio => StrategyRow { name: "portfolio", chooser },
        }
    }

    /// How it is written, without a depth.
    pub const fn name(self) -> &'static str {
        self.row().name
    }
}

impl fmt::Display for StrategyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StrategyName::Pct(depth) => write!(f, "{}:{depth}", self.name()),
            _ => f.write_str(self.name()),
        }
    }
}

impl std::str::FromStr for StrategyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(depth) = text.strip_prefix("pct:") {
            return match depth.parse() {
                Ok(depth) if (1..=64).contains(&depth) => Ok(StrategyName::Pct(depth)),
                _ => Err(format!("the depth of pct is a number from 1 to 64, not '{depth}'")),
            };
        }
        StrategyName::ALL.iter().copied().find(|one| one.name() == text).ok_or_else(|| {
            let names: Vec<&str> = StrategyName::ALL.iter().map(|one| one.name()).collect();
            format!("'{text}' is no strategy; there are {}, and pct:DEPTH", names.join(", "))
        })
    }
}

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

/// Steps that a run is thought to have: `k` of `pct`, which draws its change points among the first
/// so many.
pub(crate) fn run_steps(settings: &Settings) -> u64 {
    settings.threads as u64 * thread_steps(settings)
}

/// The chooser of these settings, aimed at their schedule.
pub(crate) fn chooser(settings: &Settings) -> Box<dyn Chooser> {
    (resolved(settings).row().chooser)(settings)
}

fn pct(settings: &Settings) -> Box<dyn Chooser> {
    let StrategyName::Pct(depth) = resolved(settings) else { unreachable!("it is pct's row") };
    eventful(Pct::new(settings.seed, depth as usize, run_steps(settings)), settings)
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

/// A strategy under which the system refuses now and then, or weak exchanges fail. The thread that
/// tidies up gets what it asks for.
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
            // Scenarios are taken in turn too: the quotient keeps the two rounds from going in
            // step.
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
            let is_one = |name: &StrategyName| *name != StrategyName::Portfolio;
            let mut names: Vec<_> = StrategyName::ALL.iter().copied().filter(is_one).collect();
            names.push(StrategyName::Pct(5));
            let mut digests_of = || -> Vec<u64> {
                names.iter().map(|&name| digest(&mut simulator, name, memory)).collect()
            };
            let mut digests = digests_of();
            assert_eq!(digests, digests_of());
            digests.sort_unstable();
            assert!(digests.windows(2).all(|pair| pair[0] != pair[1]), "{digests:?}");
        }
    }

    #[test]
    fn each_is_read_as_it_is_written_and_stands_in_the_help_and_on_the_page() {
        let help = include_str!("../cli/arguments.rs");
        let page = include_str!("../../../docs/SIMULATOR.md");
        for &name in StrategyName::ALL {
            assert_eq!(name.to_string().parse(), Ok(name));
            assert_eq!(name.name().parse(), Ok(name));
            let written = name.name();
            assert!(page.contains(&format!("\n| `{written}`")), "docs/SIMULATOR.md: {written}");
            let lists = help.lines().filter(|line| line.contains("random, pct[:DEPTH], "));
            assert!(lists.clone().count() == 2 && lists.clone().all(|line| line.contains(written)));
        }
        assert_eq!("pct:7".parse(), Ok(StrategyName::Pct(7)));
        assert!(
            "pct:0".parse::<StrategyName>().is_err() && "kill".parse::<StrategyName>().is_err()
        );
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
