//! Contention: what threads cost each other, by their number.
//!
//! The same programs run with two threads, with three and so on, and the cache lines are counted
//! that pass from one thread to another (see [`coherence`](crate::observe::coherence)). What does
//! not grow with the number of threads, for each operation, goes on as fast with more processors.
//!
//! **Programs.** Each thread has the operations that its number draws, so that one more thread adds
//! its own and changes nobody else's. The first half of them warms up and is not counted: caches
//! are filled, slabs have owners. Nobody is done before the others: a thread that has done its
//! operations goes on, uncounted, until all have. (Lists are four times as long for that.) No
//! thread tidies up, which is why there may be one more than in a search; and the system refuses
//! nothing.
//!
//! Sizes are those of a search only in every fourth schedule. There nearly every request is one for
//! the largest blocks of slabs, of which a thread cache has few, or for more. In the three others
//! sizes are around 64 B, 1 KiB and a quarter of the largest block.
//!
//! **Turns.** A thread does so many steps in its turn, and then the next one does. Processors that
//! run at the same time are finer interleaved than that; but programs do something else between two
//! calls of the allocator, which takes longer than the call, so that two calls seldom meet. Here
//! there is nothing between them. A turn of [`SLICE`] steps is about an operation that goes beyond
//! the thread cache, so that most calls come one after the other and some are cut. [`Mix::Random`]
//! lets any thread go at each step: as if all of them did nothing but call the allocator, and met
//! in each call.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::observe::coherence::{Coherence, Passes, PassesByWord};
use crate::program;
use crate::run::settings::GeometryName;
use crate::run::simulation::{STEPS_PER_OPERATION_MAX, Simulator, prepared};
use crate::runtime::strategy::{Random, RoundRobin, Strategy};
use crate::runtime::{
    Body, Chooser, Plan, Production, Start, THREADS_MAX, Tiny, Violation, Wide, World,
    WorldGeometry,
};
use crate::scenario::{Scenario, Sizes};

/// Steps of a turn unless asked otherwise.
pub const SLICE: u64 = 16;

/// How much longer a thread can go on than its operations are.
const LONGER: usize = 4;

/// The most threads.
pub const CONTENDERS_MAX: usize = THREADS_MAX;

/// Who goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Each thread in turn does so many steps.
    Slices(u64),
    /// Any thread at each step.
    Random,
}

/// What to measure.
#[derive(Clone)]
pub struct ContentionPlan {
    /// In which scenarios.
    pub scenarios: Vec<&'static Scenario>,
    /// Keys programs and choices.
    pub seed: u64,
    /// So many programs of each scenario.
    pub schedules: u64,
    /// With two to so many threads.
    pub threads_max: usize,
    /// Operations of each thread. The second half counts.
    pub operations: usize,
    /// Sizes and thresholds of the allocator.
    pub geometry: GeometryName,
    /// Who goes next.
    pub mix: Mix,
    /// OS threads; any number gives the same result.
    pub jobs: usize,
}

/// What passed in one scenario with one number of threads, over all schedules.
#[derive(Clone, Debug, Default)]
pub struct Contention {
    /// Operations that count, of all threads.
    pub operations: u64,
    /// The lines that passed.
    pub passes: PassesByWord,
}

impl Contention {
    /// Adds another run.
    pub fn add(&mut self, other: &Contention) {
        self.operations += other.operations;
        for (word, lines) in &other.passes {
            let known = self.passes.entry(word.clone()).or_default();
            for (line, passes) in lines {
                known.entry(line.clone()).or_default().add(*passes);
            }
        }
    }

    /// The passes of a word.
    pub fn of(&self, word: &str) -> Passes {
        let mut sum = Passes::default();
        for passes in self.passes.get(word).into_iter().flat_map(BTreeMap::values) {
            sum.add(*passes);
        }
        sum
    }
}

/// A run that broke a rule.
pub struct ContentionBroken {
    /// The scenario.
    pub scenario: &'static Scenario,
    /// How many threads.
    pub threads: usize,
    /// Which schedule.
    pub schedule: u64,
    /// The rule.
    pub violation: Box<Violation>,
}

impl ContentionPlan {
    /// The numbers of threads.
    pub fn threads(&self) -> impl Iterator<Item = usize> + Clone {
        2..=self.threads_max
    }

    /// The runs, in their order.
    fn runs(&self) -> Vec<(usize, usize, u64)> {
        let mut runs = Vec::new();
        for place in 0..self.scenarios.len() {
            for threads in self.threads() {
                runs.extend((0..self.schedules).map(|schedule| (place, threads, schedule)));
            }
        }
        runs
    }

    /// How many runs there are.
    pub fn count(&self) -> u64 {
        self.runs().len() as u64
    }
}

/// What sizes the blocks of a schedule have.
fn sizes(geometry: GeometryName, schedule: u64) -> Sizes {
    let largest = Sizes::named(geometry);
    let smaller = [64, 1024, largest.small_max / 4];
    let smaller = smaller.into_iter().filter(|&size| size >= 64 && size < largest.small_max);
    let all: Vec<Sizes> = smaller.map(Sizes::around).chain([largest]).collect();
    all[(schedule % all.len() as u64) as usize]
}

/// What passes, by scenario and number of threads. `progress` is told when a run is done.
///
/// # Errors
/// The system has no memory for a simulated world; or, inside, a run broke a rule: the first one
/// that did, by its place.
pub fn measure(
    plan: &ContentionPlan,
    progress: &(dyn Fn() + Sync),
) -> io::Result<Result<Vec<Vec<Contention>>, Box<ContentionBroken>>> {
    let runs = plan.runs();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        let work = || -> io::Result<()> {
            let mut simulator = Simulator::new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(&run) = runs.get(place) else { return Ok(()) };
                let result = run_one(&mut simulator, plan, run)?;
                done.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(place, result);
                progress();
            }
        };
        let jobs: Vec<_> = (0..plan.jobs).map(|_| scope.spawn(work)).collect();
        jobs.into_iter().try_for_each(|job| match job.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    let done = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let counts = plan.threads().count();
    let mut all = vec![vec![Contention::default(); counts]; plan.scenarios.len()];
    for (place, result) in done {
        let (scenario, threads, schedule) = runs[place];
        match result {
            Ok(one) => all[scenario][threads - 2].add(&one),
            Err(violation) => {
                let scenario = plan.scenarios[scenario];
                let broken = ContentionBroken { scenario, threads, schedule, violation };
                return Ok(Err(Box::new(broken)));
            }
        }
    }
    Ok(Ok(all))
}

fn run_one(
    simulator: &mut Simulator,
    plan: &ContentionPlan,
    run: (usize, usize, u64),
) -> io::Result<Result<Contention, Box<Violation>>> {
    Ok(match plan.geometry {
        GeometryName::Tiny => run_in::<Tiny>(prepared::<Tiny>(&mut simulator.tiny)?, plan, run),
        GeometryName::Wide => run_in::<Wide>(prepared::<Wide>(&mut simulator.wide)?, plan, run),
        GeometryName::Production => {
            run_in::<Production>(prepared::<Production>(&mut simulator.production)?, plan, run)
        }
    })
}

fn run_in<G: WorldGeometry>(
    world: &mut World,
    plan: &ContentionPlan,
    (scenario, threads, schedule): (usize, usize, u64),
) -> Result<Contention, Box<Violation>> {
    let scenario = plan.scenarios[scenario];
    let sizes = sizes(plan.geometry, schedule);
    let length = plan.operations * LONGER;
    let lists: Vec<_> = (0..threads)
        .map(|thread| scenario.thread_program(plan.seed, schedule, thread, length, sizes))
        .collect();
    let threads_of: Vec<_> = lists
        .iter()
        .enumerate()
        .map(|(thread, list)| move || program::run_thread::<G>(list, thread))
        .collect();
    let bodies: Vec<Body<'_>> =
        threads_of.iter().map(|run| Body { start: Start::AtOnce, run }).collect();
    let world_plan =
        Plan { steps_max: STEPS_PER_OPERATION_MAX * (length * threads) as u64, ..Plan::default() };
    let mut chooser: Box<dyn Chooser> = match plan.mix {
        Mix::Slices(steps) => Box::new(RoundRobin::new(steps)),
        Mix::Random => {
            let mut random = Random::new(plan.seed);
            random.aim(schedule);
            Box::new(random)
        }
    };
    let (first, last) = (plan.operations as u32 / 2, plan.operations as u32);
    let mut coherence = Coherence::<G>::new(threads, (first, last));
    let run = world.run(&world_plan, &bodies, &mut *chooser, &mut coherence);
    if let Some(violation) = run.violation() {
        return Err(Box::new(violation.clone()));
    }
    let operations = threads as u64 * u64::from(last - first);
    Ok(Contention { operations, passes: coherence.into_passes() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Operation;
    use crate::scenario::{self, Draw};

    fn plan(scenario: &str) -> ContentionPlan {
        ContentionPlan {
            scenarios: vec![scenario::find(scenario).expect("a scenario")],
            seed: 42,
            schedules: 2,
            threads_max: 3,
            operations: 60,
            geometry: GeometryName::Tiny,
            mix: Mix::Slices(SLICE),
            jobs: 1,
        }
    }

    fn measured(plan: &ContentionPlan) -> Vec<Contention> {
        let all =
            measure(plan, &|| ()).expect("memory for a world").ok().expect("no rule is broken");
        all.into_iter().next().expect("one scenario")
    }

    /// A scenario whose threads do the same operation again and again.
    fn repeating(generate: fn(&mut Draw, usize, usize) -> Vec<Operation>) -> &'static Scenario {
        let known = scenario::find("mixed").expect("a scenario");
        Box::leak(Box::new(Scenario { name: "repeating", generate, ..*known }))
    }

    #[test]
    fn a_word_that_all_write_in_turn_passes_with_each_operation() {
        let limits = |_: &mut Draw, _, count| vec![Operation::Limit { bytes: 0 }; count];
        let plan = ContentionPlan {
            scenarios: vec![repeating(limits)],
            mix: Mix::Slices(1),
            threads_max: CONTENDERS_MAX,
            ..plan("mixed")
        };
        for one in measured(&plan) {
            let passes = Passes { all: one.operations, falsely: 0 };
            assert_eq!(one.of("root: limit of committed bytes"), passes);
            assert_eq!(one.passes.len(), 1, "{one:?}");
        }
        // In turns of five steps one write of five comes after one of another thread.
        for one in measured(&ContentionPlan { mix: Mix::Slices(5), ..plan }) {
            assert_eq!(one.of("root: limit of committed bytes").all, one.operations / 5);
        }
    }

    #[test]
    fn a_word_that_all_read_and_nobody_writes_passes_never() {
        let ticks = |_: &mut Draw, _, count| vec![Operation::Tick; count];
        let found =
            measured(&ContentionPlan { scenarios: vec![repeating(ticks)], ..plan("mixed") });
        assert!(found.iter().all(|one| one.operations > 0 && one.passes.is_empty()), "{found:?}");
    }

    #[test]
    fn each_thread_counts_as_many_operations() {
        let found = measured(&plan("ticking"));
        let operations: Vec<u64> = found.iter().map(|one| one.operations).collect();
        assert_eq!(operations, [2 * 2 * 30, 2 * 3 * 30]);
    }

    #[test]
    fn blocks_that_others_free_pass_by_remote_lists_and_longer_turns_pass_less() {
        let sum = |found: &[Contention]| -> u64 {
            found.iter().flat_map(|one| one.passes.keys().map(|word| one.of(word).all)).sum()
        };
        let adoption = measured(&plan("adoption"));
        assert!(adoption.iter().all(|one| one.of("slab: remote list").all > 0), "{adoption:?}");
        let larson = measured(&plan("larson"));
        // The longer a turn, the less passes.
        let longer = measured(&ContentionPlan { mix: Mix::Slices(1000), ..plan("larson") });
        assert!(sum(&longer) < sum(&larson), "{} {}", sum(&longer), sum(&larson));
    }

    #[test]
    fn sizes_are_taken_in_turn() {
        let turn = |geometry| (0..5).map(move |schedule| sizes(geometry, schedule).small_max);
        assert!(turn(GeometryName::Production).eq([64, 1024, 8192, 32768, 64]));
        assert!(turn(GeometryName::Tiny).eq([64; 5]));
    }
}
