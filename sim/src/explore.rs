//! Exploring: many schedules, sampled, until one breaks a rule.
//!
//! Schedules are numbered, and each can be run alone: its choices and its program are drawn from the seed and its number. A
//! search over several OS threads deals the numbers out in chunks and adds the chunks up in their order, up to and including
//! the first violation, so that the result is the same for any number of jobs.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::oracle::slabs::Counts;
use crate::settings::Settings;
use crate::simulation::{Extras, Report, Simulator};

/// How long to search.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
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
    pub limit: Limit,
    /// Only the schedules whose number modulo `.1` is `.0`.
    pub shard: (u64, u64),
    /// OS threads.
    pub jobs: usize,
}

/// Sums over schedules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Schedules.
    pub schedules: u64,
    /// Steps at scheduling points.
    pub steps: u64,
    /// Steps at which more than one thread could go.
    pub choices: u64,
    /// Context switches.
    pub switches: u64,
    /// Operations.
    pub operations: u64,
    /// The lifecycle's steps.
    pub counts: Counts,
    /// Schedules in which no thread was preempted: they proved little.
    pub without_switches: u64,
    /// The digests of all schedules, combined.
    pub digest: u64,
}

/// What a search found.
pub struct Found {
    /// Sums, up to and including the first violation.
    pub totals: Totals,
    /// The first violation by number.
    pub violation: Option<Settings>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Schedules that an OS thread takes at once.
const CHUNK: u64 = 32;

impl Totals {
    fn add(&mut self, report: &Report) {
        let counts = &report.counts;
        self.add_totals(&Totals {
            schedules: 1,
            steps: report.steps,
            choices: report.choices,
            switches: report.switches,
            operations: report.operations,
            counts: *counts,
            without_switches: u64::from(report.switches < report.settings.threads as u64),
            digest: report.digest,
        });
    }

    fn add_totals(&mut self, other: &Totals) {
        self.schedules += other.schedules;
        self.steps += other.steps;
        self.choices += other.choices;
        self.switches += other.switches;
        self.operations += other.operations;
        self.counts.add(&other.counts);
        self.without_switches += other.without_switches;
        self.digest = self.digest.rotate_left(5) ^ other.digest;
    }
}

/// What the jobs share.
struct Shared<'a> {
    search: &'a Search,
    begin: Instant,
    next_chunk: AtomicU64,
    /// The least number of a violating schedule so far.
    first: AtomicU64,
    out_of_time: AtomicBool,
    done: Mutex<Vec<(u64, Vec<Totals>)>>,
    progress: &'a (dyn Fn(u64, u64) + Sync),
    schedules: AtomicU64,
    steps: AtomicU64,
}

/// Searches. `progress` is told now and then how many schedules and steps were done.
///
/// # Errors
/// The system has no memory for the simulated world.
pub fn explore(search: &Search, progress: &(dyn Fn(u64, u64) + Sync)) -> io::Result<Found> {
    assert!(!search.settings.is_empty() && search.jobs >= 1 && search.shard.0 < search.shard.1);
    let shared = Shared {
        search,
        begin: Instant::now(),
        next_chunk: AtomicU64::new(0),
        first: AtomicU64::new(u64::MAX),
        out_of_time: AtomicBool::new(false),
        done: Mutex::new(Vec::new()),
        progress,
        schedules: AtomicU64::new(0),
        steps: AtomicU64::new(0),
    };
    std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..search.jobs).map(|_| scope.spawn(|| work(&shared))).collect();
        jobs.into_iter().try_for_each(|job| match job.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    Ok(combine(shared))
}

fn combine(shared: Shared<'_>) -> Found {
    let first = shared.first.into_inner();
    let mut chunks = shared.done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    chunks.sort_by_key(|(chunk, _)| *chunk);
    let mut totals = Totals::default();
    for (chunk, schedules) in &chunks {
        for (offset, one) in schedules.iter().enumerate() {
            if shared.search.number(chunk * CHUNK + offset as u64) <= first {
                totals.add_totals(one);
            }
        }
    }
    Found {
        totals,
        violation: (first != u64::MAX).then(|| shared.search.settings_of(first)),
        elapsed: shared.begin.elapsed(),
    }
}

impl Search {
    /// The number of the `index`-th schedule of this part.
    fn number(&self, index: u64) -> u64 {
        index * self.shard.1 + self.shard.0
    }

    /// The settings of schedule `number`.
    fn settings_of(&self, number: u64) -> Settings {
        let base = self.settings[(number % self.settings.len() as u64) as usize];
        Settings { schedule: number, ..base }
    }

    /// Whether schedule `number` belongs to the search.
    fn contains(&self, number: u64) -> bool {
        match self.limit {
            Limit::Schedules(schedules) => number < schedules,
            Limit::Time(_) => true,
        }
    }
}

fn work(shared: &Shared<'_>) -> io::Result<()> {
    let mut simulator = Simulator::new();
    loop {
        let chunk = shared.next_chunk.fetch_add(1, Ordering::Relaxed);
        let mut schedules = Vec::with_capacity(CHUNK as usize);
        for offset in 0..CHUNK {
            let number = shared.search.number(chunk * CHUNK + offset);
            if !shared.search.contains(number)
                || number > shared.first.load(Ordering::Relaxed)
                || shared.out_of_time.load(Ordering::Relaxed)
            {
                break;
            }
            let report = simulator.run(&shared.search.settings_of(number), Extras::default())?;
            let mut one = Totals::default();
            one.add(&report);
            schedules.push(one);
            if report.violation().is_some() {
                shared.first.fetch_min(number, Ordering::Relaxed);
                break;
            }
        }
        let ended = schedules.len() < CHUNK as usize;
        note(shared, &schedules);
        let mut done = shared.done.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        done.push((chunk, schedules));
        if ended {
            return Ok(());
        }
    }
}

fn note(shared: &Shared<'_>, schedules: &[Totals]) {
    let steps: u64 = schedules.iter().map(|one| one.steps).sum();
    let count = schedules.len() as u64;
    let all_schedules = shared.schedules.fetch_add(count, Ordering::Relaxed) + count;
    let all_steps = shared.steps.fetch_add(steps, Ordering::Relaxed) + steps;
    (shared.progress)(all_schedules, all_steps);
    if let Limit::Time(time) = shared.search.limit
        && shared.begin.elapsed() >= time
    {
        shared.out_of_time.store(true, Ordering::Relaxed);
    }
}
