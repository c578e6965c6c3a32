//! The same choices give the same run, everywhere.

use super::super::SimAtomic;
use super::user::address_word;
use super::*;

/// Threads that push to and pop from a stack of memory that they reserve: addresses are among the
/// values.
fn stack() {
    for round in 0..4 {
        user::operation();
        if round % 2 == 0 {
            let node = Platform64::reserve(64, 64, 0);
            assert!(Platform64::commit(node, 64));
            // SAFETY: [runtime/tests 1] a shared word, used while the world runs.
            let link: &SimAtomic<usize> = unsafe { &*node.cast() };
            let mut top = address_word(0).load(Relaxed);
            loop {
                link.store(top, Relaxed);
                let new = node.expose_provenance();
                match address_word(0).compare_exchange_weak(top, new, Release, Relaxed) {
                    Ok(_) => break,
                    Err(seen) => top = seen,
                }
            }
        } else {
            address_word(0).swap(0, Acquire);
        }
    }
}

fn digests(world: &mut World) -> Vec<u64> {
    let bodies = [at_once(&stack), at_once(&stack), at_once(&stack)];
    (0..100)
        .map(|schedule| {
            let run = run(world, &bodies, schedule);
            assert!(matches!(run.end, End::Finished), "{:?}", run.end);
            run.digest.value()
        })
        .collect()
}

#[test]
fn runs_are_the_same_again_and_in_another_place() {
    let mut first = world();
    let mut second = world();
    assert_ne!(first.base(), second.base());
    let digests_of_first = digests(&mut first);
    assert_eq!(digests_of_first, digests(&mut second));
    assert_eq!(digests_of_first, digests(&mut first));
    let mut different = digests_of_first.clone();
    different.sort_unstable();
    different.dedup();
    assert!(different.len() > 90, "schedules differ");
}

#[test]
fn runs_are_the_same_on_any_thread_and_in_any_build() {
    let here = digests(&mut world());
    let there = std::thread::spawn(|| digests(&mut world())).join().expect("no panic");
    assert_eq!(here, there);
    let all = here.iter().fold(0_u64, |all, one| all.rotate_left(1) ^ one);
    assert_eq!(format!("{all:016x}"), "8c39ffa89556f830");
}

#[test]
fn a_number_that_looks_like_an_address_is_a_number() {
    let mut worlds = [world(), world(), world()];
    let bases = worlds.each_ref().map(World::base);
    // Tags in the upper half of a word that grow past the places of all three, and an address of
    // the world's own.
    let tags = || {
        for base in bases {
            let number = base as u64 - (2 << 32);
            atomic_word(0).store(number | 1, Relaxed);
            (0..4).for_each(|_| _ = atomic_word(0).fetch_add(1 << 32, Relaxed));
            let word = address_word(1);
            word.store(std::ptr::from_ref(&*word).addr(), Relaxed);
        }
    };
    let [first, second, third] = worlds.each_mut().map(|world| {
        let bodies = [at_once(&tags), at_once(&tags)];
        (0..20).map(|schedule| run(world, &bodies, schedule).digest).collect::<Vec<_>>()
    });
    assert_eq!(first, second);
    assert_eq!(first, third);
}

#[test]
fn a_clean_world_does_not_depend_on_what_ran_before() {
    let mut used = world();
    let mess = || {
        let start = Platform64::reserve(1 << 16, 64, 0);
        assert!(Platform64::commit(start, 1 << 16));
        // SAFETY: [runtime/tests 2] committed, and nobody else's.
        unsafe { start.write_bytes(0, 1 << 16) };
        user::received(start, 1 << 12, 64);
        plain_word(7).set(9);
        panic!("leaves a mess");
    };
    for schedule in 0..10 {
        assert!(run(&mut used, &[at_once(&mess)], schedule).violation().is_some());
    }
    let look = || assert_eq!(plain_word(7).get(), 0);
    assert!(run(&mut used, &[at_once(&look)], 0).violation().is_none());
    assert_eq!(digests(&mut used), digests(&mut world()));
}
