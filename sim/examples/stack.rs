//! The simulator for code that is not hak's: a Treiber stack of numbered nodes, with and without
//! the tag that guards it against ABA, and beside a lock.
//!
//! What is checked is written over `hak_core`'s atomics, and its words lie in the world's user
//! area. A popped node belongs to whoever popped it, which a plain word for each node shows: if two
//! threads hold the same node, their writes to it race.
//!
//! `cargo run --release -p hak-sim --example stack`

use hak_core::{Atomic, Ordering, Plain, Platform};
use hak_sim::runtime::strategy::{Pct, Random, Strategy};
use hak_sim::runtime::{Body, Plan, Sim, Start, Tiny, World, WorldConfig, user};

/// Runs the first body, and behind it the others beside each other, under one schedule after
/// another until one breaks a rule: the schedule's number and the oracle that answered.
fn search(
    strategy: &mut dyn Strategy,
    first: &dyn Fn(),
    others: &[&dyn Fn()],
) -> Option<(u64, &'static str)> {
    let mut world = World::new(&WorldConfig::TINY).expect("memory for a world");
    let others = others.iter().map(|&run| Body { start: Start::Joining(0), run });
    let bodies: Vec<Body<'_>> =
        std::iter::once(Body { start: Start::AtOnce, run: first }).chain(others).collect();
    (0..10_000).find_map(|schedule| {
        strategy.aim(schedule);
        let run = world.run(&Plan::default(), &bodies, strategy, &mut ());
        run.violation().map(|violation| (schedule, violation.oracle))
    })
}

/// Word 0 is the head: a tag above the number of the top node, from 1. Word `n` links node `n` to
/// the next one, and word `8 + n` is the node's own.
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

/// What `random` and `pct` find: one thread takes two nodes and puts them back, the other takes
/// all.
fn stack<const GUARDED: bool>() -> [Option<(u64, &'static str)>; 2] {
    let prepare = || (1..=3).for_each(push::<GUARDED>);
    let shuffle = || {
        let (first, second) = (pop::<GUARDED>(), pop::<GUARDED>());
        first.into_iter().chain(second).for_each(push::<GUARDED>);
    };
    let take = || while pop::<GUARDED>().is_some() {};
    let others: [&dyn Fn(); 2] = [&shuffle, &take];
    let mut random = Random::new(42);
    let mut pct = Pct::new(42, 3, 40);
    [search(&mut random, &prepare, &others), search(&mut pct, &prepare, &others)]
}

/// The first step of thread 1 at which it can stop for ever so that thread 0 does not finish.
fn blocked_by(bodies: [&dyn Fn(); 2]) -> Option<u32> {
    let mut world = World::new(&WorldConfig::TINY).expect("memory for a world");
    let bodies = bodies.map(|run| Body { start: Start::AtOnce, run });
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

fn locked() {
    let lock = user::atomic_word(0);
    while lock.swap(1, Ordering::Acquire) == 1 {
        Sim::<Tiny>::spin_hint();
    }
    lock.store(0, Ordering::Release);
}

fn push_and_pop() {
    push::<true>(2);
    pop::<true>();
}

fn main() {
    println!("without a tag, random and pct: {:?}", stack::<false>());
    println!("with a tag, random and pct:    {:?}", stack::<true>());
    println!("a lock blocks others from step {:?}", blocked_by([&locked, &locked]));
    println!(
        "the stack blocks others from   {:?}",
        blocked_by([&|| push::<true>(1), &push_and_pop])
    );
}

#[test]
fn a_stack_without_a_tag_hands_a_node_out_twice() {
    let found = stack::<false>();
    // Two threads write to the node that both hold, or the list has become a ring.
    let mut oracles = found.iter().flatten().map(|(_, oracle)| oracle);
    assert!(oracles.all(|oracle| ["data-race", "progress"].contains(oracle)), "{found:?}");
    assert!(found[0].is_some(), "{found:?}");
    assert_eq!(stack::<false>(), found, "the same twice");
}

#[test]
fn a_stack_with_a_tag_is_sound() {
    assert_eq!(stack::<true>(), [None; 2]);
}

#[test]
fn a_thread_that_stops_for_ever_blocks_a_lock_but_not_a_lock_free_stack() {
    assert_eq!(blocked_by([&locked, &locked]), Some(2), "with the lock in its hands");
    assert_eq!(blocked_by([&|| push::<true>(1), &push_and_pop]), None);
}

#[test]
fn the_example_runs() {
    main();
}
