//! The same choices give the same run, everywhere.

use super::super::SimAtomic;
use super::*;

/// Threads that push to and pop from a stack of memory that they reserve: addresses are among the values.
fn stack() {
    for round in 0..4 {
        user::operation();
        if round % 2 == 0 {
            let node = Platform64::reserve(64, 64);
            assert!(Platform64::commit(node, 64));
            // SAFETY: the word is committed and lives as long as the world.
            let link: &SimAtomic<u64> = unsafe { &*node.cast() };
            let mut top = atomic_word(0).load(Relaxed);
            loop {
                link.store(top, Relaxed);
                let new = node.expose_provenance() as u64;
                match atomic_word(0).compare_exchange_weak(top, new, Release, Relaxed) {
                    Ok(_) => break,
                    Err(seen) => top = seen,
                }
            }
        } else {
            atomic_word(0).swap(0, Acquire);
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
    assert_eq!(format!("{all:016x}"), "9a7227ea5a31b102");
}

#[test]
fn a_clean_world_does_not_depend_on_what_ran_before() {
    let mut used = world();
    let mess = || {
        let start = Platform64::reserve(1 << 16, 64);
        assert!(Platform64::commit(start, 1 << 16));
        // SAFETY: the range is committed and nobody else's.
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
