//! The life of runs, of kept mappings, and of memory that lies idle, as stories.
//!
//! In the tiny geometry a slab is 256 bytes, a SuperSlab 4 slabs and a run at most 2 of them. More
//! than two idle slots are purged at once; other idle memory goes back in the second round of decay
//! after it became idle.

use hak_sim::program::Operation;
use hak_snapshots::{allocate, free, put, reallocate, story, take};

/// The story of one thread, up to its operation number `last`; another thread does nothing of note
/// later.
fn alone(operations: Vec<Operation>, last: u32) -> String {
    story(vec![operations, vec![take(7)]], &[(0, last)])
}

#[test]
fn a_run_takes_the_highest_slots_and_its_memory_lies_idle_when_it_was_freed() {
    let operations = vec![allocate(0, 300), allocate(1, 200), allocate(2, 64), free(0)];
    insta::assert_snapshot!("run_held", alone(operations.clone(), 3));
    insta::assert_snapshot!("run_freed", alone(operations, 4));
}

#[test]
fn a_run_grows_into_the_free_slot_behind_it_and_shrinks_again_in_place() {
    // The first run takes slot 3, the second one slot 2; when slot 3 is free, the second run has
    // room.
    let grows = [allocate(0, 200), allocate(1, 200), free(0), reallocate(1, 500)];
    let operations: Vec<_> = grows.into_iter().chain([reallocate(1, 100)]).collect();
    insta::assert_snapshot!("run_grown", alone(operations.clone(), 4));
    insta::assert_snapshot!("run_shrunk", alone(operations, 5));
}

#[test]
fn a_run_is_freed_by_any_thread_with_one_exchange() {
    let turns = [(0, 2), (1, 1)];
    let freed = story(vec![vec![put(0, 300), put(1, 300)], vec![take(0), take(1)]], &turns);
    insta::assert_snapshot!("run_freed_by_another", freed);
}

#[test]
fn a_freed_mapping_is_kept_and_serves_the_next_block_or_goes_back() {
    let operations = vec![allocate(0, 700), free(0), allocate(1, 900), free(1), Operation::Collect];
    for (name, last) in [("mapping_kept", 2), ("mapping_reused", 3), ("mapping_released", 5)] {
        insta::assert_snapshot!(name, alone(operations.clone(), last));
    }
}

#[test]
fn a_mapping_that_cannot_grow_where_it_is_moves() {
    let operations = vec![allocate(0, 700), allocate(1, 700), reallocate(0, 1500)];
    insta::assert_snapshot!("mapping_moved", alone(operations, 3));
}

#[test]
fn the_third_idle_slot_is_too_much_and_the_superslab_is_purged() {
    let held = (0..4).map(|register| allocate(register, 200));
    let operations: Vec<_> = held.chain((0..3).map(free)).collect();
    insta::assert_snapshot!("purge_two_idle", alone(operations.clone(), 6));
    insta::assert_snapshot!("purge_done", alone(operations, 7));
}

#[test]
fn what_is_idle_is_marked_in_one_round_of_decay_and_goes_back_in_the_next() {
    // Every mapping that is freed looks whether a round is due. The run that stays keeps the
    // SuperSlab.
    let idle = [allocate(0, 200), allocate(1, 200), allocate(2, 700), allocate(3, 900), free(0)];
    let rounds = [Operation::Wait, free(2), Operation::Wait, free(3)];
    let operations: Vec<_> = idle.into_iter().chain(rounds).collect();
    insta::assert_snapshot!("decay_first_round", alone(operations.clone(), 7));
    insta::assert_snapshot!("decay_second_round", alone(operations, 9));
}
