//! A program that does nothing for weeks: the clock of milliseconds has 32 bits and goes round in
//! 50 days.
//!
//! Invariant: there is one thread, and each block is freed once, right behind the line that asked
//! for it.

use hak_core::{Allocator, inspect};
use hak_sim::runtime::strategy::{Random, Strategy};
use hak_sim::runtime::{Body, Plan, Sim, Start, Tiny, World, WorldConfig, user};

type Simulated = Sim<Tiny>;

/// Allocates and frees a mapping of its own, which looks whether a round of decay is due and
/// changes nothing else.
fn look() {
    let block = Allocator::<Simulated>::allocate(700, 1);
    assert!(!block.is_null());
    // SAFETY: [weeks 1] allocated above.
    unsafe { Allocator::<Simulated>::free(block) };
}

/// Whether the slot of a run that was freed goes back, if these times pass, with a look after each.
fn goes_back(times: &[u32]) -> bool {
    let config = WorldConfig { root_bytes: 1 << 16, arena_bytes: 8 << 20, ..WorldConfig::TINY };
    let mut world = World::new(&config).expect("memory for a world");
    let body = || {
        let block = Allocator::<Simulated>::allocate(200, 1);
        // SAFETY: [weeks 1] allocated above.
        unsafe { Allocator::<Simulated>::free(block) };
        assert_eq!(user::look(|_| inspect::slots::<Simulated>().idle), 1);
        for &time in times {
            Simulated::pass_time(time);
            look();
        }
        let idle = user::look(|_| inspect::slots::<Simulated>().idle);
        if idle == 0 {
            user::fail("gone", "the slot went back".to_owned());
        }
    };
    let mut strategy = Random::new(42);
    strategy.aim(0);
    let bodies = [Body { start: Start::AtOnce, run: &body }];
    let run = world.run(&Plan::default(), &bodies, &mut strategy, &mut ());
    match run.violation() {
        Some(violation) => {
            assert_eq!(violation.oracle, "gone", "{violation}");
            true
        }
        None => false,
    }
}

#[test]
fn what_is_idle_goes_back_in_the_second_round_however_long_nothing_was_done() {
    assert!(!goes_back(&[]) && !goes_back(&[100, 100]) && !goes_back(&[300]));
    assert!(goes_back(&[300, 300]));
    for days in [1, 24, 25, 30, 49] {
        let long = days * 24 * 60 * 60 * 1_000;
        assert!(goes_back(&[long, 300]), "{days} days");
        assert!(goes_back(&[300, long]), "{days} days");
    }
}
