//! The simulator for code that is not hak's: a Treiber stack of numbered nodes, with and without the tag that guards it
//! against ABA, and a bounded queue of one producer and one consumer, with and without its release.
//!
//! This is the example to start from. What is checked is written over `hak_core`'s atomics; words lie in the world's user
//! area; a popped node belongs to whoever popped it, which a plain word per node shows: if two threads hold the same
//! node, their writes to it race.

use hak_core::{Atomic, Ordering, Plain};
use hak_sim::runtime::strategy::{Pct, Random, Strategy};
use hak_sim::runtime::{Body, Plan, Start, World, WorldConfig, user};

/// Runs the bodies under so many schedules; the first violation's oracle.
fn search(strategy: &mut dyn Strategy, bodies: &[&dyn Fn()]) -> Option<&'static str> {
    let mut world = World::new(&WorldConfig::TINY).expect("memory for a world");
    let first = Body { start: Start::AtOnce, run: bodies[0] };
    let others = bodies[1..].iter().map(|&run| Body { start: Start::Joining(0), run });
    let bodies: Vec<Body<'_>> = std::iter::once(first).chain(others).collect();
    (0..10_000).find_map(|schedule| {
        strategy.aim(schedule);
        let run = world.run(&Plan::default(), &bodies, strategy, &mut ());
        run.violation().map(|violation| violation.oracle)
    })
}

/// Word 0 is the head: a tag above the number of the top node, from 1. Word `n` links node `n` to the next one, and word
/// `8 + n` is the node's own.
fn push<const GUARDED: bool>(node: u64) {
    let own = user::plain_word(8 + node as usize);
    own.set(own.get() + 1);
    let mut head = user::atomic_word(0).load(Ordering::Relaxed);
    loop {
        user::atomic_word(node as usize).store(head & 0xff, Ordering::Relaxed);
        let new = tagged::<GUARDED>(head, node);
        match user::atomic_word(0).compare_exchange(head, new, Ordering::Release, Ordering::Relaxed)
        {
            Ok(_) => return,
            Err(seen) => head = seen,
        }
    }
}

fn pop<const GUARDED: bool>() -> Option<u64> {
    loop {
        let head = user::atomic_word(0).load(Ordering::Acquire);
        let node = Some(head & 0xff).filter(|&node| node != 0)?;
        let next = user::atomic_word(node as usize).load(Ordering::Relaxed);
        let new = tagged::<GUARDED>(head, next);
        let popped =
            user::atomic_word(0).compare_exchange(head, new, Ordering::Acquire, Ordering::Relaxed);
        if popped.is_ok() {
            let own = user::plain_word(8 + node as usize);
            own.set(own.get() + 1);
            return Some(node);
        }
    }
}

fn tagged<const GUARDED: bool>(head: u64, node: u64) -> u64 {
    let tag = if GUARDED { (head >> 8) + 1 } else { 0 };
    tag << 8 | node
}

fn stack<const GUARDED: bool>() -> [Option<&'static str>; 2] {
    let prepare = || (1..=3).for_each(push::<GUARDED>);
    let shuffle = || {
        let (first, second) = (pop::<GUARDED>(), pop::<GUARDED>());
        first.into_iter().chain(second).for_each(push::<GUARDED>);
    };
    let take = || while pop::<GUARDED>().is_some() {};
    let bodies: [&dyn Fn(); 3] = [&prepare, &shuffle, &take];
    [search(&mut Random::new(42), &bodies), search(&mut Pct::new(42, 3, 40), &bodies)]
}

#[test]
fn a_stack_without_a_tag_hands_a_node_out_twice() {
    let found = stack::<false>();
    // Two threads write to the node that both hold, or the list has become a ring.
    assert!(found.iter().flatten().all(|oracle| ["data-race", "progress"].contains(oracle)));
    assert!(found[0].is_some(), "{found:?}");
    assert_eq!(stack::<false>(), found, "the same twice");
}

#[test]
fn a_stack_with_a_tag_is_sound() {
    assert_eq!(stack::<true>(), [None; 2]);
}

/// The first step of thread 1 at which it can stop for ever so that the others do not finish.
fn blocked_by(bodies: &[&dyn Fn()]) -> Option<u32> {
    let mut world = World::new(&WorldConfig::TINY).expect("memory for a world");
    let bodies: Vec<Body<'_>> =
        bodies.iter().map(|&run| Body { start: Start::AtOnce, run }).collect();
    (1..20).find(|&step| {
        let plan = Plan { stops: Some((1, step)), ..Plan::default() };
        let blocks = |schedule| {
            let mut strategy = Random::new(42);
            strategy.aim(schedule);
            let run = world.run(&plan, &bodies, &mut strategy, &mut ());
            run.violation().is_some_and(|violation| violation.oracle == "progress")
        };
        (0..200).any(blocks)
    })
}

#[test]
fn a_thread_that_stops_for_ever_blocks_a_lock_but_not_a_lock_free_stack() {
    let locked = || {
        let lock = user::atomic_word(0);
        while lock.swap(1, Ordering::Acquire) == 1 {
            <hak_sim::runtime::Sim<hak_sim::runtime::Tiny> as hak_core::Platform>::spin_hint();
        }
        lock.store(0, Ordering::Release);
    };
    assert_eq!(blocked_by(&[&locked, &locked]), Some(2), "with the lock in its hands");
    let first = || push::<true>(1);
    let second = || {
        push::<true>(2);
        pop::<true>();
    };
    assert_eq!(blocked_by(&[&first, &second]), None);
}

/// A queue of two places: words 0 and 1 count what was put and taken, plain words 8 and 9 are the places.
fn queue(publish: Ordering) -> Option<&'static str> {
    let (put, taken) = (user::atomic_word(0), user::atomic_word(1));
    let place = |number: u64| user::plain_word(8 + (number % 2) as usize);
    let produce = move || {
        for number in 0..4 {
            while number - taken.load(Ordering::Acquire) == 2 {
                <hak_sim::runtime::Sim<hak_sim::runtime::Tiny> as hak_core::Platform>::spin_hint();
            }
            place(number).set(number + 100);
            put.store(number + 1, publish);
        }
    };
    let consume = move || {
        for number in 0..4 {
            while put.load(Ordering::Acquire) == number {
                <hak_sim::runtime::Sim<hak_sim::runtime::Tiny> as hak_core::Platform>::spin_hint();
            }
            assert_eq!(place(number).get(), number + 100);
            taken.store(number + 1, Ordering::Release);
        }
    };
    search(&mut Random::new(42), &[&|| {}, &produce, &consume])
}

#[test]
fn a_queue_publishes_with_release_or_races() {
    assert_eq!(queue(Ordering::Release), None);
    assert_eq!(queue(Ordering::Relaxed), Some("data-race"));
}
