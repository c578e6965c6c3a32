//! The models in hak's simulator: words of the world's user area.
//!
//! Invariants:
//! 1. The threads of a model keep numbers on their stacks and all else in words of the user area:
//!    they own nothing.

use std::sync::atomic::Ordering;

use hak_core::{Atomic, Plain};
use hak_sim::runtime::strategy::Strategy;
use hak_sim::runtime::{self, Body, End, Plan, Start, World, WorldConfig, user};
use hak_sim::search::prove::{self, Proof, ProofOptions};

use crate::clock::Work;
use crate::models::{Memory, Model};

/// The words of a search for all schedules, which is told where threads are at rest, or of runs.
struct Words<const SEARCHED: bool> {
    /// Where plain words begin.
    plain: usize,
}

impl<const SEARCHED: bool> Memory for Words<SEARCHED> {
    #[inline]
    fn load(&self, word: usize, order: Ordering) -> u64 {
        user::atomic_word(word).load(order)
    }

    #[inline]
    fn store(&self, word: usize, value: u64, order: Ordering) {
        user::atomic_word(word).store(value, order);
    }

    #[inline]
    fn swap(&self, word: usize, value: u64, order: Ordering) -> u64 {
        user::atomic_word(word).swap(value, order)
    }

    #[inline]
    fn compare_exchange(
        &self,
        word: usize,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        user::atomic_word(word).compare_exchange(current, new, success, failure)
    }

    #[inline]
    fn get(&self, word: usize) -> u64 {
        user::plain_word(self.plain + word).get()
    }

    #[inline]
    fn set(&self, word: usize, value: u64) {
        user::plain_word(self.plain + word).set(value);
    }

    #[inline]
    fn rest(&self, place: u32) {
        if SEARCHED {
            user::at_rest_with(place);
        }
    }
}

/// Hands on what runs the model's threads.
fn with_bodies<const SEARCHED: bool, R>(model: Model, lead: impl FnOnce(&[Body<'_>]) -> R) -> R {
    let words = Words::<SEARCHED> { plain: model.words().0 };
    let threads: Vec<_> = (0..model.threads())
        .map(|thread| (&words, thread))
        .map(|(words, thread)| move || model.run(words, thread))
        .collect();
    let bodies: Vec<Body<'_>> =
        threads.iter().map(|run| Body { start: Start::AtOnce, run }).collect();
    lead(&bodies)
}

/// What runs so many schedules, and goes on with the next ones each time.
pub(crate) fn runner(
    model: Model,
    memory: runtime::MemoryModel,
    mut strategy: impl Strategy + 'static,
) -> Work {
    let mut world = World::new(&WorldConfig::TINY).expect("memory for a world");
    let plan = Plan { memory, ..Plan::default() };
    let mut next = 0;
    Box::new(move |count| {
        with_bodies::<false, _>(model, |bodies| {
            for _ in 0..count {
                strategy.aim(next);
                next += 1;
                let run = world.run(&plan, bodies, &mut strategy, &mut ());
                assert!(matches!(run.end, End::Finished), "{:?}", run.end);
            }
        });
        count
    })
}

/// Searches all schedules.
pub(crate) fn prove(world: &mut World, model: Model) -> Proof {
    with_bodies::<true, _>(model, |bodies| {
        let options = ProofOptions::default();
        // SAFETY: [hak 1] threads that own nothing.
        unsafe { prove::search(world, &Plan::default(), bodies, &mut (), &options, &mut |_, _| {}) }
    })
}
