//! How fast the runtime is: steps, schedules and switches per second of processor time.
//!
//! `cargo run --release -p hak-sim --example runtime_speed`
//!
//! Invariant: the call of the system that asks for the time writes to the structure it is given,
//! and keeps nothing.

use std::time::Duration;

use hak_core::Ordering::{AcqRel, Acquire, Relaxed, Release};
use hak_core::{Atomic, Plain};
use hak_sim::runtime::strategy::{Pct, Random, RoundRobin, Strategy};
use hak_sim::runtime::user::{self, atomic_word, plain_word};
use hak_sim::runtime::{Body, End, Plan, Start, World, WorldConfig};

fn main() {
    let mut world = World::new(&WorldConfig::TINY).expect("a small world fits");
    let fast = std::env::args().any(|argument| argument == "--short");
    let rounds = if fast { 1_000 } else { 1_000_000 };

    let short = || {
        user::operation();
        for _ in 0..3 {
            let seen = atomic_word(0).load(Acquire);
            _ = atomic_word(0).compare_exchange(seen, seen + 1, AcqRel, Relaxed);
            atomic_word(1 + user::thread()).store(seen, Release);
        }
    };
    let bodies = [Body { start: Start::AtOnce, run: &short }; 3];
    schedules("30 steps, 3 threads", &mut world, &bodies, rounds);

    if std::env::args().any(|argument| argument == "--only-short") {
        return;
    }
    let long = || {
        for round in 0..100_000_u64 {
            user::operation();
            atomic_word(0).fetch_add(1, AcqRel);
            plain_word(8 + user::thread()).set(round);
            atomic_word(1 + user::thread()).store(round, Release);
            plain_word(8 + user::thread()).get();
            atomic_word(1).load(Acquire);
        }
    };
    let bodies = [Body { start: Start::AtOnce, run: &long }; 3];
    let some = if fast { 1 } else { 10 };
    steps("long, random", &mut world, &bodies, &mut Random::new(1), some);
    steps("long, pct:3", &mut world, &bodies, &mut Pct::new(1, 3, 900_000), some);
    steps("long, round robin of 1", &mut world, &bodies, &mut RoundRobin::new(1), some);

    let nothing = || {};
    let bodies = [Body { start: Start::AtOnce, run: &nothing }; 3];
    schedules("empty, 3 threads", &mut world, &bodies, rounds);
    let bodies = [Body { start: Start::AtOnce, run: &nothing }; 0];
    schedules("no threads", &mut world, &bodies, rounds);
}

fn schedules(name: &str, world: &mut World, bodies: &[Body<'_>], count: u64) {
    let mut chooser = Random::new(1);
    let plan = Plan::default();
    let begin = processor_time();
    let mut all = 0;
    for schedule in 0..count {
        chooser.aim(schedule);
        let run = world.run(&plan, bodies, &mut chooser, &mut ());
        assert!(matches!(run.end, End::Finished), "{:?}", run.end);
        all += run.steps;
    }
    let seconds = (processor_time() - begin).as_secs_f64();
    println!(
        "{name:24} {:8.0} thousand schedules/s, {:6.1} million steps/s, {:6.0} ns a schedule",
        count as f64 / seconds / 1e3,
        all as f64 / seconds / 1e6,
        seconds / count as f64 * 1e9
    );
}

fn steps(
    name: &str,
    world: &mut World,
    bodies: &[Body<'_>],
    chooser: &mut dyn Strategy,
    count: u64,
) {
    let begin = processor_time();
    let (mut all, mut plain, mut switches) = (0, 0, 0);
    for schedule in 0..count {
        if count > 1 {
            chooser.aim(schedule);
        }
        let run = world.run(&Plan::default(), bodies, chooser, &mut ());
        assert!(matches!(run.end, End::Finished), "{:?}", run.end);
        all += run.steps;
        plain += run.plain_accesses;
        switches += run.switches;
    }
    let seconds = (processor_time() - begin).as_secs_f64();
    println!(
        "{name:24} {:6.1} million steps/s with {:.1} million plain accesses/s and {:.1} million \
         switches/s, {:5.1} ns a step",
        all as f64 / seconds / 1e6,
        plain as f64 / seconds / 1e6,
        switches as f64 / seconds / 1e6,
        seconds / all as f64 * 1e9
    );
}

fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: [runtime_speed 1] a structure of this function.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
