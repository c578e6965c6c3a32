//! `hak-sim faults --measure`: how many schedules a search needs until it finds each planted fault,
//! over many seeds.
//!
//! Each fault is searched for as `hak-sim explore --plant FAULT` does it: in all scenarios, with
//! the portfolio and all events, in the memory model and in the geometry that show it. One seed can
//! be lucky; the median of many is what a search can promise.

use std::fmt::Write;
use std::io::IsTerminal;

use hak_core::Fault;
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

use super::arguments::Faults;
use super::{Exit, Refusal, print};
use crate::faults;
use crate::report::{counted, grouped};
use crate::run::events::Events;
use crate::run::settings::{Settings, StrategyName};
use crate::scenario::SCENARIOS;
use crate::search::explore::{Search, SearchLimit, explore};

/// So many schedules may the median of a fault have.
const MEDIAN_MAX: u64 = 2_000;

/// The searches for a fault.
struct Measured {
    fault: Fault,
    /// How many schedules each seed ran, the violating one included, in ascending order; last, as
    /// `None`, the seeds that did not find the fault.
    schedules: Vec<Option<u64>>,
}

impl Measured {
    fn new(fault: Fault, mut schedules: Vec<Option<u64>>) -> Measured {
        schedules.sort_by_key(|schedules| schedules.unwrap_or(u64::MAX));
        Measured { fault, schedules }
    }

    fn least(&self) -> Option<u64> {
        self.schedules[0]
    }

    /// Of an even number of seeds the greater one of the two in the middle: more than half need no
    /// more.
    fn median(&self) -> Option<u64> {
        self.schedules[self.schedules.len() / 2]
    }

    fn greatest(&self) -> Option<u64> {
        self.schedules[self.schedules.len() - 1]
    }

    fn not_found(&self) -> usize {
        self.schedules.iter().filter(|schedules| schedules.is_none()).count()
    }

    /// Whether the median is too great. One that was not found is, wherever the searches were cut.
    fn is_slow(&self) -> bool {
        self.median().is_none_or(|median| median > MEDIAN_MAX)
    }
}

pub(super) fn main(options: &Faults) -> Result<Exit, Refusal> {
    let (seeds, cap) = (options.seeds, options.schedules);
    if seeds == 0 || cap == 0 || options.jobs == 0 || options.jobs > 256 {
        let why = "a measurement needs at least one seed and one schedule, and 1 to 256 jobs";
        return Err(Refusal(why.to_owned()));
    }
    let chosen = |fault: &Fault| options.only.is_none_or(|only| only == *fault);
    let faults: Vec<Fault> = Fault::ALL.iter().copied().filter(chosen).collect();
    let bar = if std::io::stderr().is_terminal() {
        let searches = seeds.saturating_mul(faults.len() as u64);
        ProgressBar::with_draw_target(Some(searches), ProgressDrawTarget::stderr())
    } else {
        ProgressBar::hidden()
    };
    let mut measured = Vec::new();
    for fault in faults {
        bar.set_message(fault.name());
        let mut schedules = Vec::new();
        for seed in 1..=seeds {
            schedules.push(until_found(options, fault, seed)?);
            bar.inc(1);
        }
        measured.push(Measured::new(fault, schedules));
    }
    bar.finish_and_clear();
    print(options.json, || text(options, &measured), || value(options, &measured))?;
    let slow = measured.iter().any(Measured::is_slow);
    Ok(if slow { Exit::Cut } else { Exit::Passed })
}

/// How many schedules of this seed it takes to find the fault, if it is found.
fn until_found(options: &Faults, fault: Fault, seed: u64) -> Result<Option<u64>, Refusal> {
    let settings = SCENARIOS.iter().map(|scenario| Settings {
        plant: Some(fault),
        strategy: StrategyName::Portfolio,
        events: Events::DRAWN.with(Events::showing(Some(fault))),
        memory: faults::memory(Some(fault)),
        geometry: faults::geometry(Some(fault)),
        ..Settings::new(scenario, seed)
    });
    let settings = settings.filter(|settings| settings.check().is_ok()).collect();
    let limit = SearchLimit::Schedules(options.schedules);
    let search = Search { settings, limit, shard: (0, 1), jobs: options.jobs };
    let found = explore(&search, &|_, _| {})?;
    // Schedules are counted from 0.
    Ok(found.violation.map(|violation| violation.schedule + 1))
}

fn text(options: &Faults, measured: &[Measured]) -> String {
    let number = |schedules: Option<u64>| {
        schedules.map_or_else(|| format!("> {}", grouped(options.schedules)), grouped)
    };
    let mut rows = vec![["median", "least", "greatest", "not found"].map(str::to_owned)];
    for one in measured {
        let [median, least, greatest] = [one.median(), one.least(), one.greatest()].map(number);
        rows.push([median, least, greatest, one.not_found().to_string()]);
    }
    let names = ["fault"].into_iter().chain(measured.iter().map(|one| one.fault.name()));
    let width = names.clone().map(str::len).max().unwrap_or(0);
    let widths: [usize; 4] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    let mut text = String::new();
    for (name, row) in names.zip(&rows) {
        let _ = write!(text, "{name:width$}");
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    let slow = measured.iter().filter(|one| one.is_slow()).count();
    let _ = writeln!(
        text,
        "{}, {} of up to {} each: {slow} with a median above {}",
        counted(measured.len() as u64, "fault", "faults"),
        counted(options.seeds, "seed", "seeds"),
        counted(options.schedules, "schedule", "schedules"),
        grouped(MEDIAN_MAX)
    );
    text
}

fn value(options: &Faults, measured: &[Measured]) -> serde_json::Value {
    let slow = measured.iter().filter(|one| one.is_slow()).count();
    json!({
        "outcome": if slow == 0 { "passed" } else { "slow" },
        "seeds": options.seeds,
        "schedules": options.schedules,
        "median_max": MEDIAN_MAX,
        "slow": slow,
        // What was not found has no number.
        "faults": measured.iter().map(|one| json!({
            "name": one.fault.name(),
            "median": one.median(),
            "least": one.least(),
            "greatest": one.greatest(),
            "not_found": one.not_found(),
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(schedules: &[Option<u64>]) -> Measured {
        Measured::new(Fault::UnownedDrain, schedules.to_vec())
    }

    #[test]
    fn what_was_not_found_counts_as_more_than_any_number() {
        let one = measured(&[None, Some(7), Some(3_000), Some(1)]);
        assert_eq!((one.least(), one.median(), one.greatest()), (Some(1), Some(3_000), None));
        assert_eq!(one.not_found(), 1);
    }

    #[test]
    fn a_fault_is_slow_if_its_median_is() {
        assert!(!measured(&[Some(1), Some(MEDIAN_MAX), None]).is_slow());
        assert!(measured(&[Some(1), Some(MEDIAN_MAX + 1), None]).is_slow());
        assert!(measured(&[Some(1), Some(1), None, None]).is_slow());
    }
}
