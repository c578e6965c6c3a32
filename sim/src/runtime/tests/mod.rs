//! Tests of the runtime: each one a sentence about what a run finds or does not find.
//!
//! Invariants:
//! 1. References to words lead to places that the tests reserved, or to the user area, and are used
//!    at once, while their world runs. There any bytes are a value, whether they are committed or
//!    not, and words look for their place themselves (`platform`, invariant 2).
//! 2. Ranges that are handed to the platform, or written to directly, were reserved by the test or
//!    are words of the user area: they are mapped as long as the world lives (`arena`, invariant
//!    1), and no other simulated thread goes on meanwhile. That the platform's contract is broken,
//!    if it is, is what the test is about.
//! 3. Bodies on a stage own nothing, and who leads it leaves it where it is.

mod blocks;
mod determinism;
mod memory;
mod races;
mod scheduling;

use hak_core::Ordering::{Acquire, Relaxed, Release};
use hak_core::{Atomic, Plain, Platform};

use super::strategy::{Random, Strategy};
use super::user::{self, atomic_word, plain_word};
use super::{Body, End, Plan, Run, Sim, Start, Tiny, Violation, World, WorldConfig, oracle};

type Platform64 = Sim<Tiny>;

fn world() -> World {
    World::new(&WorldConfig::TINY).expect("a small world fits")
}

fn at_once(run: &dyn Fn()) -> Body<'_> {
    Body { start: Start::AtOnce, run }
}

/// One schedule of the random walk.
fn run(world: &mut World, bodies: &[Body<'_>], schedule: u64) -> Run {
    let mut chooser = Random::new(42);
    chooser.aim(schedule);
    let plan = Plan { steps_max: 10_000, ..Plan::default() };
    world.run(&plan, bodies, &mut chooser, &mut ())
}

/// The first violation in so many schedules.
fn search(bodies: &[Body<'_>], schedules: u64) -> Option<Violation> {
    let mut world = world();
    (0..schedules).find_map(|schedule| run(&mut world, bodies, schedule).violation().cloned())
}

#[track_caller]
fn finds(expected: &str, bodies: &[Body<'_>]) -> Violation {
    let violation = search(bodies, 1_000).expect("one of a thousand schedules shows it");
    assert_eq!(violation.oracle, expected, "{violation}");
    violation
}

#[track_caller]
fn finds_nothing(bodies: &[Body<'_>]) {
    if let Some(violation) = search(bodies, 1_000) {
        panic!("{violation}");
    }
}
