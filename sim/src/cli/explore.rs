//! `hak-sim explore`: many schedules.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::arguments::{self, Explore};
use super::explored::{Failure, text, value};
use super::{Exit, Refusal, continued, print, run};
use crate::report::{counted, grouped};
use crate::run::events::Events;
use crate::run::settings::{Settings, StrategyName};
use crate::run::simulation::Simulator;
use crate::scenario::SCENARIOS;
use crate::search::explore::{
    ExploreTotals, Found, Progress, Search, SearchLimit, SearchOptions, explore_with,
};

const SCHEDULES: u64 = 20_000;

/// The same under `--kill=each`, where one schedule is some hundred runs.
const SCHEDULES_KILL_EACH: u64 = 100;

/// From so many schedules on, a search in which nothing happened is an error.
const POWER: u64 = 100;

pub(super) fn main(options: &Explore) -> Result<Exit, Refusal> {
    if let Some(from) = &options.from {
        return continued::main(options, from);
    }
    let search = search(options)?;
    options.trace.as_deref().map_or(Ok(()), run::check_trace_file)?;
    let bar = progress_bar(search.limit);
    let kill_each = options.events.kill_each();
    let wanted = SearchOptions { all: options.all, kill_each, states: true };
    let found = explore_with(&search, wanted, &|done| show(&bar, search.limit, done))?;
    bar.finish_and_clear();
    if found.violation.is_none() {
        check_power(&search, &found.totals)?;
        if kill_each {
            check_places(&found.totals)?;
        }
    }
    let failure = failure(options, &found)?;
    print(
        options.common.json,
        || text(options, &search, &found, failure.as_ref()),
        || value(options, &search, &found, failure.as_ref()),
    )?;
    Ok(if found.violation.is_some() { Exit::Violation } else { Exit::Passed })
}

/// The first violation again, recorded where that is asked for; shrunk and explained unless all are
/// counted.
fn failure(options: &Explore, found: &Found) -> Result<Option<Failure>, Refusal> {
    let Some(settings) = &found.violation else { return Ok(None) };
    if options.all && options.trace.is_none() {
        return Ok(None);
    }
    let mut simulator = Simulator::new();
    let (trace, report) = run::record(&mut simulator, settings)?;
    if let Some(file) = &options.trace {
        trace.write(file)?;
    }
    if options.all {
        return Ok(None);
    }
    let shrunk = run::explained(&mut simulator, &trace)?;
    Ok(Some(Failure { report, shrunk }))
}

/// Strategy and events: of a search that was not asked for any, all there are.
pub(super) fn strategy(options: &Explore) -> (StrategyName, Events) {
    let flags = options.events.events();
    match options.strategy {
        Some((strategy, events)) => (strategy, events.with(flags)),
        None if flags == Events::NONE && !options.events.kill_each() => {
            let shown = Events::showing(options.common.plant);
            (StrategyName::Portfolio, Events::DRAWN.with(shown))
        }
        None => (StrategyName::Portfolio, flags),
    }
}

fn search(options: &Explore) -> Result<Search, Refusal> {
    let (strategy, events) = strategy(options);
    if options.events.kill_each() && (events.drawn || options.strategy.is_some_and(has_kill)) {
        return Err(Refusal(
            "under --kill=each every step is a place to stop at, so that the strategy has no \
            +kill and no +events"
                .to_owned(),
        ));
    }
    let settings_of = |scenario| {
        let settings = options.common.settings(scenario, options.seed, 0, strategy)?;
        let settings = Settings { events, ..settings };
        settings.check().map_err(Refusal)?;
        Ok(settings)
    };
    let settings: Vec<Settings> = if options.scenario == "all" {
        SCENARIOS.iter().map(settings_of).collect::<Result<_, Refusal>>()?
    } else {
        vec![settings_of(arguments::scenario(&options.scenario)?)?]
    };
    if options.jobs == 0 || options.jobs > 256 {
        return Err(Refusal("the number of jobs is from 1 to 256".to_owned()));
    }
    let usual = if options.events.kill_each() { SCHEDULES_KILL_EACH } else { SCHEDULES };
    let limit = match (options.schedules, options.time) {
        (Some(0), _) | (_, Some(0)) => {
            return Err(Refusal("a search needs at least one schedule, or one second".to_owned()));
        }
        (_, Some(seconds)) => SearchLimit::Time(Duration::from_secs(seconds)),
        (schedules, None) => SearchLimit::Schedules(schedules.unwrap_or(usual)),
    };
    let shard = options.shard.map_or((0, 1), |(part, parts)| (part - 1, parts));
    Ok(Search { settings, limit, shard, jobs: options.jobs })
}

fn has_kill((_, events): (StrategyName, Events)) -> bool {
    events.kill != Events::NONE.kill
}

/// A search that could not have found anything is no pass: with several threads there must have
/// been preemptions, and blocks freed by others than their slab's owner.
fn check_power(search: &Search, totals: &ExploreTotals) -> Result<(), Refusal> {
    let several = search.settings.iter().all(|settings| settings.threads > 1);
    if !several || totals.schedules < POWER {
        return Ok(());
    }
    let missing = if totals.without_switches == totals.schedules {
        "no thread was ever preempted"
    } else if totals.counts.remote_frees == 0 {
        "no block was ever freed by another thread than its slab's owner"
    } else {
        return Ok(());
    };
    Err(Refusal(format!(
        "this search proves nothing: {missing} in {} schedules; try more operations or another \
        strategy",
        grouped(totals.schedules)
    )))
}

/// The same where threads are to be stopped.
fn check_places(totals: &ExploreTotals) -> Result<(), Refusal> {
    match totals.places {
        0 => Err(Refusal(format!(
            "this search proves nothing: no thread was ever stopped in {}; try more operations",
            counted(totals.schedules, "schedule", "schedules")
        ))),
        _ => Ok(()),
    }
}

fn progress_bar(limit: SearchLimit) -> ProgressBar {
    let length = match limit {
        SearchLimit::Schedules(schedules) => schedules,
        SearchLimit::Time(time) => time.as_secs(),
    };
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:20} {percent:>3} %  {msg}  {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, limit: SearchLimit, done: &Progress) {
    if bar.is_hidden() {
        return;
    }
    let seconds = bar.elapsed().as_secs_f64().max(1e-3);
    bar.set_position(match limit {
        SearchLimit::Schedules(_) => done.schedules,
        SearchLimit::Time(_) => seconds as u64,
    });
    let violating = match done.violating {
        0 => String::new(),
        count => format!("  {} violating", grouped(count)),
    };
    bar.set_message(format!(
        "{} schedules/s  {} steps/s  ~{} states{violating}",
        grouped((done.schedules as f64 / seconds) as u64),
        grouped((done.steps as f64 / seconds) as u64),
        grouped(done.states),
    ));
}
