//! Exploring: many schedules, sampled, until one breaks a rule, or all of them.
//!
//! Schedules are numbered, and each can be run alone: its choices and its program are drawn from
//! the seed and its number. A search over several OS threads deals the numbers out in chunks and
//! adds the chunks up in their order, up to and including the first violation, so that the result
//! is the same for any number of jobs. What is added up neither depends on order nor on parts: the
//! shards of a search that is not ended by a violation make up the whole.
//!
//! | module | what it knows |
//! |---|---|
//! | `totals` | sums |
//! | `kinds` | violations by oracle and line |
//! | `bound` | what `pct` promises |

mod bound;
mod kinds;
mod totals;

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::observe::hyperloglog::Sketch;
use crate::run::events::{Events, Kill};
use crate::run::settings::Settings;
use crate::run::simulation::{Extras, Simulator};

pub use crate::observe::hyperloglog::ERROR_PERCENT;
pub use bound::Bound;
pub use kinds::ViolationKind;
pub use totals::ExploreTotals;

use bound::Priorities;
use kinds::{Broken, Kinds};

/// How long to search.
#[derive(Clone, Copy, Debug)]
pub enum SearchLimit {
    /// So many schedules.
    Schedules(u64),
    /// So long.
    Time(Duration),
}

/// What to search.
pub struct Search {
    /// The settings to vary: one for each scenario, taken in turn. Their `schedule` is replaced.
    pub settings: Vec<Settings>,
    /// How long.
    pub limit: SearchLimit,
    /// Only the schedules whose number modulo `.1` is `.0`.
    pub shard: (u64, u64),
    /// OS threads.
    pub jobs: usize,
}

/// What else to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct SearchOptions {
    /// Go on behind a violation, and count them.
    pub all: bool,
    /// Run each schedule once more for each step of each thread: with that thread stopped for ever
    /// in front of it.
    pub kill_each: bool,
    /// Count distinct states.
    pub states: bool,
}

/// How far a search has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Schedules that were run.
    pub schedules: u64,
    /// Steps that they had.
    pub steps: u64,
    /// About how many distinct states were seen, as far as chunks are added up.
    pub states: u64,
    /// Schedules so far that broke a rule.
    pub violating: u64,
}

/// What a search found.
pub struct Found {
    /// Sums; up to and including the first violation, unless the search went on.
    pub totals: ExploreTotals,
    /// The first violation by number.
    pub violation: Option<Settings>,
    /// The violations by kind, the most frequent first.
    pub kinds: Vec<ViolationKind>,
    /// About how many distinct states were seen, and the sketch that says so, as text; if they were
    /// counted.
    pub states: Option<(u64, String)>,
    /// What the schedules of `pct` promise, by depth.
    pub bounds: Vec<Bound>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Schedules that an OS thread takes at once, where each is one run.
const CHUNK: u64 = 32;

/// What came of the schedules of a chunk, or of all chunks so far.
#[derive(Default)]
struct Part {
    totals: ExploreTotals,
    broken: Vec<Broken>,
    sketch: Option<Sketch>,
    priorities: Priorities,
}

/// The chunks, added up in their order.
#[derive(Default)]
struct Sum {
    /// The chunk that is next.
    next: u64,
    /// Those that came before their turn.
    waiting: BTreeMap<u64, Part>,
    /// Behind the first violation nothing counts, unless all are wanted.
    closed: bool,
    totals: ExploreTotals,
    first: Option<Settings>,
    kinds: Kinds,
    sketch: Sketch,
    priorities: Priorities,
}

impl Sum {
    fn add(&mut self, chunk: u64, part: Part, all: bool) {
        self.waiting.insert(chunk, part);
        while let Some(part) = self.waiting.remove(&self.next) {
            self.next += 1;
            if self.closed {
                continue;
            }
            self.totals.add(&part.totals);
            self.priorities.add(&part.priorities);
            if let Some(sketch) = &part.sketch {
                self.sketch.merge(sketch);
            }
            for broken in &part.broken {
                self.first = self.first.or(Some(*broken.settings()));
                self.kinds.add(broken);
            }
            self.closed = !all && !part.broken.is_empty();
        }
    }
}

/// What the jobs share.
struct SharedSearch<'a> {
    search: &'a Search,
    options: SearchOptions,
    begin: Instant,
    /// Schedules in a chunk.
    chunk: u64,
    next_chunk: AtomicU64,
    /// The least number of a violating schedule so far, if the search ends there.
    first: AtomicU64,
    out_of_time: AtomicBool,
    sum: Mutex<Sum>,
    progress: &'a (dyn Fn(&Progress) + Sync),
    schedules: AtomicU64,
    steps: AtomicU64,
    violating: AtomicU64,
}

/// Searches until the first violation. `progress` is told now and then how many schedules and steps
/// were done.
///
/// # Errors
/// The system has no memory for the simulated world.
pub fn explore(search: &Search, progress: &(dyn Fn(u64, u64) + Sync)) -> io::Result<Found> {
    explore_with(search, SearchOptions::default(), &|done| progress(done.schedules, done.steps))
}

/// Runs schedules until one breaks a rule, or until the limit.
///
/// # Errors
/// The system has no memory for the simulated world.
pub fn explore_with(
    search: &Search,
    options: SearchOptions,
    progress: &(dyn Fn(&Progress) + Sync),
) -> io::Result<Found> {
    assert!(!search.settings.is_empty() && search.jobs >= 1 && search.shard.0 < search.shard.1);
    let shared = SharedSearch {
        search,
        options,
        begin: Instant::now(),
        chunk: if options.kill_each { 1 } else { CHUNK },
        next_chunk: AtomicU64::new(0),
        first: AtomicU64::new(u64::MAX),
        out_of_time: AtomicBool::new(false),
        sum: Mutex::default(),
        progress,
        schedules: AtomicU64::new(0),
        steps: AtomicU64::new(0),
        violating: AtomicU64::new(0),
    };
    std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..search.jobs).map(|_| scope.spawn(|| work(&shared))).collect();
        jobs.into_iter().try_for_each(|job| match job.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    let sum = shared.sum.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    Ok(Found {
        totals: sum.totals,
        violation: sum.first,
        kinds: sum.kinds.into_list(),
        states: options.states.then(|| (sum.sketch.estimate(), sum.sketch.to_text())),
        bounds: sum.priorities.bounds(&search.settings),
        elapsed: shared.begin.elapsed(),
    })
}

impl Search {
    /// The number of the `index`-th schedule of this part.
    fn number(&self, index: u64) -> u64 {
        index * self.shard.1 + self.shard.0
    }

    /// The place in the list of the settings of schedule `number`.
    fn place_of(&self, number: u64) -> usize {
        (number % self.settings.len() as u64) as usize
    }

    /// Whether schedule `number` belongs to the search.
    fn contains(&self, number: u64) -> bool {
        match self.limit {
            SearchLimit::Schedules(schedules) => number < schedules,
            SearchLimit::Time(_) => true,
        }
    }
}

fn work(shared: &SharedSearch<'_>) -> io::Result<()> {
    let mut simulator = Simulator::new();
    simulator.states = shared.options.states.then(Box::default);
    loop {
        let chunk = shared.next_chunk.fetch_add(1, Ordering::Relaxed);
        let mut part = Part::default();
        let mut ended = false;
        for offset in 0..shared.chunk {
            let number = shared.search.number(chunk * shared.chunk + offset);
            if !shared.search.contains(number)
                || number > shared.first.load(Ordering::Relaxed)
                || shared.out_of_time.load(Ordering::Relaxed)
            {
                ended = true;
                break;
            }
            schedule(shared, &mut simulator, number, &mut part)?;
            if !shared.options.all && !part.broken.is_empty() {
                shared.first.fetch_min(number, Ordering::Relaxed);
                ended = true;
                break;
            }
        }
        if let Some(states) = &mut simulator.states {
            part.sketch = Some(states.sketch.clone());
            states.sketch.clear();
        }
        note(shared, chunk, part);
        if ended {
            return Ok(());
        }
    }
}

/// Runs a schedule, and again with each of its threads stopped at each of its steps, if that is
/// asked for.
fn schedule(
    shared: &SharedSearch<'_>,
    simulator: &mut Simulator,
    number: u64,
    part: &mut Part,
) -> io::Result<()> {
    let place = shared.search.place_of(number);
    let settings = Settings { schedule: number, ..shared.search.settings[place] };
    let report = simulator.run(&settings, Extras::default())?;
    let mut totals = ExploreTotals::of(&report);
    part.priorities.note(place, &settings, report.steps);
    let broken_before = part.broken.len();
    part.broken.extend(Broken::of(&report));
    if shared.options.kill_each && part.broken.len() == broken_before {
        let steps = report.thread_steps;
        'threads: for (thread, &steps) in steps.iter().enumerate().take(settings.threads) {
            // Behind its last step a thread has ended.
            for done in 1..steps {
                let events = Events { kill: Kill::At(thread, done), ..settings.events };
                let report = simulator.run(&Settings { events, ..settings }, Extras::default())?;
                totals.add_place(&report);
                part.broken.extend(Broken::of(&report));
                if !shared.options.all && part.broken.len() > broken_before {
                    break 'threads;
                }
            }
        }
    }
    totals.violating = u64::from(part.broken.len() > broken_before);
    part.totals.add(&totals);
    let add = |sum: &AtomicU64, more| sum.fetch_add(more, Ordering::Relaxed);
    add(&shared.schedules, 1);
    add(&shared.steps, totals.steps);
    add(&shared.violating, totals.violating);
    Ok(())
}

fn note(shared: &SharedSearch<'_>, chunk: u64, part: Part) {
    let states = {
        let mut sum = shared.sum.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        sum.add(chunk, part, shared.options.all);
        if shared.options.states { sum.sketch.estimate() } else { 0 }
    };
    (shared.progress)(&Progress {
        schedules: shared.schedules.load(Ordering::Relaxed),
        steps: shared.steps.load(Ordering::Relaxed),
        states,
        violating: shared.violating.load(Ordering::Relaxed),
    });
    if let SearchLimit::Time(time) = shared.search.limit
        && shared.begin.elapsed() >= time
    {
        shared.out_of_time.store(true, Ordering::Relaxed);
    }
}
