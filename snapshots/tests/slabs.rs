//! The life of slabs and SuperSlabs, as stories.

use hak_sim::program::Operation;
use hak_snapshots::{allocate, free, put, story, take};

#[test]
fn a_slab_lives_from_unused_to_full_to_empty_and_serves_another_class() {
    // Four blocks of 64 bytes fill a slab; the fifth needs a second one. When all are free, the second slab goes back to
    // the pool; then the thread ends, the first goes back too, and a new thread uses a slot for 16 bytes.
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
    // Thread 1 caches two freed blocks; the third flushes one of them to the remote list of the FULL slab, and thread 1,
    // which does not allocate from this class, abandons it. Thread 0 adopts it again.
    let mut producer: Vec<_> = (0..5).map(|mailbox| put(mailbox, 64)).collect();
    producer.extend((0..4).map(|register| allocate(register, 64)));
    let consumer = (0..3).map(take).collect();
    let turns = [(0, 5), (1, 3), (0, 9)];
    insta::assert_snapshot!("remote_free_reopens", story(vec![producer, consumer], &turns));
}

#[test]
fn a_remote_free_of_an_owned_slab_waits_on_the_remote_list() {
    let producer = (0..4).map(|mailbox| put(mailbox, 32)).collect();
    let consumer = (0..3).map(take).collect();
    insta::assert_snapshot!("remote_list", story(vec![producer, consumer], &[(0, 4), (1, 3)]));
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
