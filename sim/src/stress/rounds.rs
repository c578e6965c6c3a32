//! Rounds: one program each, on real threads, and what follows when they have ended.
//!
//! A round is drawn from the seed and its number: the scenario, how long the programs are, how
//! large "small" is, how many *lanes* there are (each operation is done once in each lane, with
//! registers and mailboxes of its own, so that slabs of small blocks fill up too), and how often
//! threads yield. How the threads' steps mix is the system's choice.
//!
//! A thread of a program whose operation is to end does end, in one case of four: a new thread of
//! the system goes on with its registers, while the old one hands its heap over behind it. In the
//! others it hands its heap over and goes on itself.

use std::sync::Barrier;
use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::filled_block::Held;
use super::shadow::BlockShadow;
use super::subject::StressSubject;
use super::totals::StressTotals;
use super::worker::{StressStage, Worker};
use super::{StressFinding, StressPlan, oracle, stress_process};
use crate::program::Operation;
use crate::scenario::{Scenario, Sizes};

/// Everything is looked at when so much time has passed since the last time.
const AUDIT_EVERY: Duration = Duration::from_millis(100);
/// Resident bytes that may be left where blocks lie when everything was freed and collected.
const LEFT_MAX: u64 = 1 << 20;
/// Operations between two looks at the clock.
const CLOCK_EVERY: usize = 32;
/// Calls of the allocator, and bytes asked for, by one thread in one round, roughly at most.
const CALLS_MAX: usize = 16 * 1024;
const BYTES_MAX: usize = 16 << 20;
/// Stack of a thread.
const STACK: usize = 256 * 1024;

/// The shape of a round.
#[derive(Clone, Copy)]
pub(super) struct RoundShape {
    pub(super) scenario: &'static Scenario,
    pub(super) operations: usize,
    /// What the programs take for the largest block of a slab.
    pub(super) small_max: usize,
    pub(super) lanes: usize,
    /// A thread yields in front of one operation in so many; 0 for never.
    pub(super) yields: u64,
    /// Whether memory is given back after the round.
    pub(super) collect: bool,
}

impl RoundShape {
    /// The shape of this round, for an allocator whose slabs hold blocks up to `small_max` bytes.
    pub(super) fn of(plan: &StressPlan, round: u64, small_max: usize) -> RoundShape {
        let mut state = mixed(plan.seed ^ mixed(round));
        let mut below = |bound: u64| {
            state = mixed(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
            state % bound
        };
        let scenario = plan.scenarios[(round % plan.scenarios.len() as u64) as usize];
        let small_max =
            [64, 1024, small_max / 4, small_max, small_max * 4][below(5) as usize].max(64);
        let lanes = (64 * 1024 / small_max).clamp(1, 128);
        let drawn = scenario.operations << below(9);
        let most = (CALLS_MAX / lanes).min(BYTES_MAX / small_max);
        let operations = if scenario.prologue { scenario.operations } else { drawn.min(most) };
        let yields = [0, 0, 64, 4][below(4) as usize];
        RoundShape { scenario, operations, small_max, lanes, yields, collect: below(4) == 0 }
    }
}

/// splitmix64's mixing.
fn mixed(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// Runs rounds until the time is up.
pub(super) fn run<S: StressSubject>(
    plan: &StressPlan,
    subject: &S,
) -> Result<StressTotals, StressFinding> {
    let begin = Instant::now();
    let end = begin + plan.time;
    let shadow = BlockShadow::new();
    let mut totals = StressTotals::default();
    let mut audited = begin;
    loop {
        let round = plan.round.unwrap_or(totals.rounds);
        stress_process::tell_round(round);
        let audit = audited.elapsed() >= AUDIT_EVERY || totals.rounds == 0;
        totals.add(&run_round(plan, round, subject, &shadow, end, audit)?);
        if audit {
            audited = Instant::now();
        }
        if Instant::now() >= end {
            break;
        }
    }
    subject.collect();
    subject.thread_exit();
    audit_at_rest(subject, &[], true)?;
    totals.audits += 1;
    totals.elapsed = begin.elapsed().as_micros() as u64;
    totals.peak_resident = stress_process::peak_resident().unwrap_or(0);
    if let Some((start, bytes)) = subject.memory() {
        totals.left_resident = stress_process::resident_in(start, bytes).unwrap_or(0);
    }
    if totals.left_resident > LEFT_MAX {
        let left = totals.left_resident;
        let what =
            format!("{left} bytes stayed resident although everything was freed and collected");
        return Err(StressFinding::new(oracle::ACCOUNTING, what));
    }
    Ok(totals)
}

/// Runs the program of one round, and tidies up behind it.
fn run_round<S: StressSubject>(
    plan: &StressPlan,
    round: u64,
    subject: &S,
    shadow: &BlockShadow,
    end: Instant,
    audit: bool,
) -> Result<StressTotals, StressFinding> {
    let shape = RoundShape::of(plan, round, subject.small_max());
    let programs: Vec<Vec<Operation>> = (0..plan.threads)
        .map(|thread| {
            let (operations, small_max) = (shape.operations, shape.small_max);
            shape.scenario.thread_program(
                plan.seed,
                round,
                thread,
                operations,
                Sizes::around(small_max),
            )
        })
        .collect();
    let stage = StressStage::new(subject, shadow, shape, end);
    let mut workers: Vec<_> = (0..plan.threads)
        .map(|thread| {
            let key = mixed(plan.seed ^ mixed(round ^ mixed(thread as u64 + 1)));
            Worker::new(&stage, thread as u32, key)
        })
        .collect();
    let prologue = if shape.scenario.prologue { 1 } else { 0 };
    let others = workers.split_off(prologue);
    let mut ended = run_threads(workers, &programs[..prologue]);
    ended.extend(run_threads(others, &programs[prologue..]));
    let mut totals = StressTotals { rounds: 1, ..StressTotals::default() };
    for worker in &ended {
        totals.add(&worker.totals);
    }
    if audit {
        audit_at_rest(subject, &live(&stage, &ended), false)?;
    }
    ended.iter_mut().for_each(Worker::tidy_up);
    subject.set_limit(0);
    if audit || shape.collect {
        subject.collect();
    }
    subject.thread_exit();
    if audit {
        audit_at_rest(subject, &[], shape.collect || audit)?;
        totals.audits += 2;
    }
    Ok(totals)
}

fn audit_at_rest<S: StressSubject>(
    subject: &S,
    live: &[(usize, usize)],
    all_freed: bool,
) -> Result<(), StressFinding> {
    let looked = subject.audit(live, all_freed);
    looked.map_err(|message| StressFinding::new(oracle::ACCOUNTING, message))
}

/// All blocks that threads and mailboxes hold; every thread has ended.
fn live<S: StressSubject>(
    stage: &StressStage<'_, S>,
    workers: &[Worker<'_, S>],
) -> Vec<(usize, usize)> {
    let mut blocks = Vec::new();
    for worker in workers {
        worker.live(&mut blocks);
    }
    for mailbox in &stage.mailboxes {
        // Relaxed: the threads were joined.
        let word = mailbox.load(std::sync::atomic::Ordering::Relaxed);
        if word != 0 {
            // SAFETY: [worker 1] all threads were joined: nobody takes it out.
            let held = unsafe { Held::of_word(word) };
            blocks.push((held.address, held.size));
        }
    }
    blocks
}

/// How a thread of the system ended.
enum Life<'scope, 'a, S> {
    /// With its program.
    Done(Worker<'a, S>),
    /// This one goes on.
    GoesOn(ScopedJoinHandle<'scope, Life<'scope, 'a, S>>),
}

/// Runs each program on threads of its own, all at once, to its end. All threads have ended then,
/// destructors and all.
fn run_threads<'a, S: StressSubject>(
    workers: Vec<Worker<'a, S>>,
    programs: &[Vec<Operation>],
) -> Vec<Worker<'a, S>> {
    let barrier = Barrier::new(workers.len());
    std::thread::scope(|scope| {
        let barrier = &barrier;
        let begun: Vec<_> = workers
            .into_iter()
            .zip(programs)
            .map(|(worker, program)| {
                spawn(scope, move || {
                    barrier.wait();
                    live_on(scope, worker, program)
                })
            })
            .collect();
        begun.into_iter().map(join_all).collect()
    })
}

/// Joins a thread and those that went on in its place. Unlike the end of the scope, joining waits
/// for what a thread does behind its last line: there it hands its heap over.
fn join_all<'a, S>(first: ScopedJoinHandle<'_, Life<'_, 'a, S>>) -> Worker<'a, S> {
    let mut next = first;
    let mut joined = 0;
    loop {
        joined += 1;
        match next.join() {
            Ok(Life::GoesOn(other)) => next = other,
            Ok(Life::Done(mut worker)) => {
                worker.totals.threads_ended += joined;
                return worker;
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    body: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    match Builder::new().stack_size(STACK).spawn_scoped(scope, body) {
        Ok(handle) => handle,
        Err(error) => stress_process::refuse(&format!(
            "the system starts no more threads ({error}): use fewer with --threads"
        )),
    }
}

/// Does operations until the thread is to end.
fn live_on<'scope, 'a: 'scope, S: StressSubject>(
    scope: &'scope Scope<'scope, '_>,
    mut worker: Worker<'a, S>,
    program: &'scope [Operation],
) -> Life<'scope, 'a, S> {
    for (number, operation) in program.iter().enumerate() {
        if number % CLOCK_EVERY == CLOCK_EVERY - 1 && worker.is_time_up() {
            break;
        }
        worker.perhaps_yield();
        worker.do_operation(operation);
        if worker.ending {
            worker.ending = false;
            let rest = &program[number + 1..];
            return Life::GoesOn(spawn(scope, move || live_on(scope, worker, rest)));
        }
    }
    Life::Done(worker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::SCENARIOS;

    fn plan(seed: u64) -> StressPlan {
        let scenarios = SCENARIOS.iter().collect();
        StressPlan {
            seed,
            threads: 2,
            time: Duration::ZERO,
            scenarios,
            round: None,
            stand_in: None,
        }
    }

    #[test]
    fn a_round_has_the_same_shape_whenever_it_is_drawn() {
        let shape = |seed, round| {
            let shape = RoundShape::of(&plan(seed), round, 32 * 1024);
            let RoundShape { scenario, operations, small_max, lanes, yields, collect } = shape;
            (scenario.name, operations, small_max, lanes, yields, collect)
        };
        let rounds: Vec<_> = (0..60).map(|round| shape(42, round)).collect();
        assert_eq!(rounds, (0..60).map(|round| shape(42, round)).collect::<Vec<_>>());
        assert_ne!(rounds, (0..60).map(|round| shape(43, round)).collect::<Vec<_>>());
        for what in [64, 1024, 8 * 1024, 32 * 1024, 128 * 1024] {
            assert!(rounds.iter().any(|round| round.2 == what), "no round with {what}");
        }
        for scenario in SCENARIOS {
            assert!(rounds.iter().any(|round| round.0 == scenario.name), "{}", scenario.name);
        }
        assert!(rounds.iter().all(|round| (1..=12_288).contains(&round.1)), "{rounds:?}");
    }
}
