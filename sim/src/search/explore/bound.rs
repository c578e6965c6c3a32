//! What probabilistic concurrency testing promises.
//!
//! In a run of `n` threads and at most `k` steps, a schedule of `pct:D` brings about a bug of depth
//! `D` (one that needs `D` ordered events) with a probability of at least `1 / (n · k^(D-1))`,
//! whatever the bug is (Burckhardt and others 2010). After `N` schedules it was met with at least
//! `1 - (1 - p)^N`. That holds for
//!
//! - interleavings alone: what needs an older store to be read, or an event, too, is rarer;
//! - a bug that is in the program of every one of the schedules: programs are drawn too;
//! - the first `k` steps, in which the strategy lets priorities change. `k` is an estimate; whether
//!   runs were longer is told beside the bound.

use std::collections::BTreeMap;

use crate::run::settings::{Settings, StrategyName};
use crate::run::strategies::{resolved, run_steps};

/// The promise for one depth, in the scenario for which it is the weakest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// The depth of the bug.
    pub depth: u32,
    /// The name of the scenario.
    pub scenario: &'static str,
    /// Its threads.
    pub threads: u64,
    /// Steps of a run among which priorities change.
    pub steps: u64,
    /// The steps of the longest of the runs.
    pub longest: u64,
    /// Schedules of this strategy in the scenario.
    pub schedules: u64,
    /// With at least this probability one of them brought such a bug about.
    pub found: f64,
}

/// Schedules of `pct` by scenario and depth, and the longest run of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Priorities(BTreeMap<(usize, u32), (u64, u64)>);

impl Priorities {
    /// A run was made under settings that stand at this place of the search's list.
    pub(super) fn note(&mut self, place: usize, settings: &Settings, steps: u64) {
        if let StrategyName::Pct(depth) = resolved(settings) {
            let (schedules, longest) = self.0.entry((place, depth)).or_default();
            *schedules += 1;
            *longest = steps.max(*longest);
        }
    }

    pub(super) fn add(&mut self, other: &Priorities) {
        for (key, (schedules, longest)) in &other.0 {
            let mine = self.0.entry(*key).or_default();
            *mine = (mine.0 + schedules, mine.1.max(*longest));
        }
    }

    /// For each depth the weakest promise.
    pub(super) fn bounds(&self, settings: &[Settings]) -> Vec<Bound> {
        let mut weakest: BTreeMap<u32, Bound> = BTreeMap::new();
        for (&(place, depth), &(schedules, longest)) in &self.0 {
            let (threads, steps) = (settings[place].threads as u64, run_steps(&settings[place]));
            let once =
                1.0 / (threads as f64 * (1..depth).fold(1.0, |power, _| power * steps as f64));
            let scenario = settings[place].scenario.name;
            let found = at_least_once(once, schedules);
            let bound = Bound { depth, scenario, threads, steps, longest, schedules, found };
            let kept = weakest.entry(depth).or_insert(bound);
            if bound.found < kept.found {
                *kept = bound;
            }
        }
        weakest.into_values().collect()
    }
}

/// The probability that something of probability `once` happens at least once in so many attempts.
/// Attempts are put together in pairs: no logarithm, so the same number on every machine, and exact
/// where `once` is tiny.
fn at_least_once(mut once: f64, mut attempts: u64) -> f64 {
    let either = |a: f64, b: f64| a + b - a * b;
    let mut found = 0.0;
    while attempts > 0 {
        if attempts & 1 == 1 {
            found = either(found, once);
        }
        once = either(once, once);
        attempts >>= 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::SCENARIOS;

    #[test]
    fn chances_add_up_as_they_should() {
        assert_eq!(at_least_once(0.5, 0), 0.0);
        assert_eq!(at_least_once(0.5, 3), 0.875);
        let rare = at_least_once(1e-20, 1_000_000);
        assert!((rare - 1e-14).abs() < 1e-20, "{rare}");
        assert!((at_least_once(1e-3, 1_000) - (1.0 - 0.999_f64.powi(1_000))).abs() < 1e-12);
    }

    #[test]
    fn the_weakest_scenario_counts() {
        let base = Settings::new(&SCENARIOS[1], 42);
        let longer = Settings { operations: 2 * base.operations, ..base };
        let mut priorities = Priorities::default();
        for (place, settings) in [(0, base), (1, longer)] {
            let settings = Settings { strategy: StrategyName::Pct(3), ..settings };
            for steps in [70, 90, 80] {
                priorities.note(place, &settings, steps);
            }
            priorities.note(place, &Settings { strategy: StrategyName::Random, ..settings }, 100);
        }
        let [bound] = priorities.bounds(&[base, longer])[..] else { panic!("one depth") };
        let (threads, steps) = (longer.threads as u64, run_steps(&longer));
        assert_eq!((bound.depth, bound.threads, bound.steps), (3, threads, steps));
        assert_eq!((bound.schedules, bound.longest), (3, 90));
        let once = 1.0 / (threads as f64 * (steps * steps) as f64);
        assert!((bound.found - 3.0 * once).abs() < once * 1e-3, "{bound:?}");
    }
}
