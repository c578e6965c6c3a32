//! The life of slabs and SuperSlabs, as stories.

use hak_sim::program::Operation;
use hak_snapshots::{allocate, free, put, story, take};

#[test]
fn a_slab_lives_from_unused_to_full_to_empty_and_serves_another_class() {
    // Four blocks of 64 bytes fill a slab; the fifth needs a second one. When all are free, the
    // second slab goes back to the pool; then the thread ends, the first goes back too, and a new
    // thread uses a slot for 16 bytes.
    let mut operations: Vec<_> = (0..5).map(|register| allocate(register, 64)).collect();
    operations.extend((0..5).map(free));
    let finished = operations.len() as u32;
    let anew = [Operation::Exit, allocate(0, 16)];
    operations.extend(anew);
    let last = operations.len() as u32;
    insta::assert_snapshot!(
        "slab_life",
        story(vec![operations, vec![take(0)]], &[(0, finished), (0, last)])
    );
}

#[test]
fn a_full_slab_is_released() {
    let operations: Vec<_> = (0..5).map(|register| allocate(register, 64)).collect();
    insta::assert_snapshot!("full_slab", story(vec![operations, vec![take(0)]], &[(0, 5)]));
}

#[test]
fn a_remote_free_reopens_a_full_slab() {
    // Thread 1 caches two freed blocks; the third one makes room for itself: one goes back to the
    // FULL slab, which thread 1 claims for that and, since it does not allocate from this class,
    // abandons. Thread 0 adopts it.
    let mut producer: Vec<_> = (0..5).map(|mailbox| put(mailbox, 64)).collect();
    producer.extend((0..4).map(|register| allocate(register, 64)));
    let consumer = (0..3).map(take).collect();
    let turns = [(0, 5), (1, 3), (0, 9)];
    insta::assert_snapshot!("remote_free_reopens", story(vec![producer, consumer], &turns));
}

#[test]
fn a_remote_free_of_an_owned_slab_waits_on_the_remote_list() {
    // Thread 1 caches two freed blocks; the third one makes room for itself.
    let producer = (0..3).map(|mailbox| put(mailbox, 64)).collect();
    let consumer = (0..3).map(take).collect();
    insta::assert_snapshot!("remote_list", story(vec![producer, consumer], &[(0, 3), (1, 3)]));
}

#[test]
fn a_slab_of_an_ended_thread_is_abandoned() {
    let first = vec![allocate(0, 32), Operation::Exit, Operation::Collect];
    insta::assert_snapshot!("abandoned", story(vec![first, vec![allocate(0, 32)]], &[(0, 2)]));
}

#[test]
fn an_abandoned_slab_is_adopted() {
    let first = vec![allocate(0, 32), Operation::Exit, Operation::Collect];
    let turns = [(0, 2), (1, 1)];
    insta::assert_snapshot!("adopted", story(vec![first, vec![allocate(0, 32)]], &turns));
}

#[test]
fn an_abandoned_slab_goes_back_with_its_last_block() {
    let first = vec![put(0, 64), Operation::Exit];
    let other = vec![take(0), Operation::Exit];
    insta::assert_snapshot!("emptied_by_another", story(vec![first, other], &[(0, 2), (1, 2)]));
}

#[test]
fn what_a_thread_has_not_used_for_two_intervals_is_given_up() {
    // A block of 64 bytes waits in the thread cache. The thread goes on with runs, each of which is
    // a slow path, and every third slow path it looks at the clock. After one interval the class
    // was used in it; after two it was not.
    let mut operations = vec![allocate(0, 64), free(0)];
    for _ in 0..3 {
        operations.push(Operation::Wait);
        operations.extend((0..4).flat_map(|_| [allocate(1, 200), free(1)]));
    }
    let last = operations.len() as u32;
    let threads = vec![operations, vec![take(0)]];
    for (name, end) in [("unused_once", 11), ("unused_given_up", last)] {
        insta::assert_snapshot!(name, story(threads.clone(), &[(0, end)]));
    }
}

#[test]
fn an_ended_thread_comes_back_under_a_new_identity() {
    let operations = vec![allocate(0, 32), Operation::Exit, allocate(1, 32)];
    insta::assert_snapshot!("new_identity", story(vec![operations, vec![take(0)]], &[(0, 3)]));
}

#[test]
fn an_empty_superslab_is_retired_and_its_unit_used_again() {
    let operations =
        vec![allocate(0, 32), free(0), Operation::Exit, allocate(0, 32), allocate(1, 1000)];
    insta::assert_snapshot!("retired", story(vec![operations, vec![take(0)]], &[(0, 3), (0, 5)]));
}
