//! The simulator for code that is not hak's: a bounded queue of one producer and one consumer, with
//! and without the release that publishes what was put.
//!
//! `cargo run --release -p hak-sim --example queue`

use hak_core::{Atomic, Ordering, Plain, Platform};
use hak_sim::runtime::strategy::{Random, Strategy};
use hak_sim::runtime::{Body, Plan, Sim, Start, Tiny, World, WorldConfig, user};

/// A queue of two places: words 0 and 1 count what was put and taken, plain words 8 and 9 are the
/// places. The first schedule that breaks a rule, and what its oracle says.
fn queue(publish: Ordering) -> Option<(u64, String)> {
    let (put, taken) = (user::atomic_word(0), user::atomic_word(1));
    let place = |number: u64| user::plain_word(8 + (number % 2) as usize);
    let produce = || {
        for number in 0..4 {
            while number - taken.load(Ordering::Acquire) == 2 {
                Sim::<Tiny>::spin_hint();
            }
            place(number).set(number + 100);
            put.store(number + 1, publish);
        }
    };
    let consume = || {
        for number in 0..4 {
            while put.load(Ordering::Acquire) == number {
                Sim::<Tiny>::spin_hint();
            }
            assert_eq!(place(number).get(), number + 100);
            taken.store(number + 1, Ordering::Release);
        }
    };
    let bodies = [
        Body { start: Start::AtOnce, run: &produce },
        Body { start: Start::AtOnce, run: &consume },
    ];
    let mut world = World::new(&WorldConfig::TINY).expect("memory for a world");
    let mut strategy = Random::new(42);
    (0..10_000).find_map(|schedule| {
        strategy.aim(schedule);
        let run = world.run(&Plan::default(), &bodies, &mut strategy, &mut ());
        let violation = run.violation()?;
        Some((schedule, format!("{}: {}", violation.oracle, violation.message)))
    })
}

fn main() {
    println!("published with release: {:?}", queue(Ordering::Release));
    println!("published relaxed:      {:?}", queue(Ordering::Relaxed));
}

#[test]
fn a_queue_publishes_with_release_or_races() {
    assert_eq!(queue(Ordering::Release), None);
    let (_, said) = queue(Ordering::Relaxed).expect("a race");
    assert!(said.starts_with("data-race: "), "{said}");
}

#[test]
fn the_example_runs() {
    main();
}
