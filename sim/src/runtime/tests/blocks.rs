//! What the program holds.

use super::super::{SimPlain, Written};
use super::*;

/// A committed page of the tiny world, of 64 bytes, and one behind it.
fn pages() -> *mut u8 {
    let start = Platform64::reserve(4096, 4096, 0);
    assert!(Platform64::commit(start, 4096));
    start
}

fn word(address: *mut u8) -> &'static SimPlain<u64> {
    // SAFETY: [runtime/tests 1] a plain word.
    unsafe { &*address.cast() }
}

fn finds_in(expected: &str, body: &dyn Fn(*mut u8)) -> Violation {
    finds(expected, &[at_once(&|| body(pages()))])
}

#[test]
fn blocks_side_by_side_are_received_and_returned() {
    let body = || {
        let start = pages();
        for bytes in [0, 1, 8, 24, 64, 100, 2048] {
            user::received(start, bytes, 8);
            let second = start.wrapping_add(bytes.max(1).next_multiple_of(8));
            user::received(second, 16, 8);
            assert_eq!(user::live_blocks(), 2);
            user::returning(start);
            word(start).set(0);
            user::received(start, bytes, 8);
            user::returning(second);
            user::returning(start);
        }
        assert_eq!(user::live_blocks(), 0);
    };
    finds_nothing(&[at_once(&body)]);
}

#[test]
fn overlapping_hand_outs_are_found() {
    for (first, second) in [((0, 16), (8, 16)), ((8, 16), (0, 16)), ((0, 256), (128, 8))] {
        finds_in(oracle::OVERLAP, &|start| {
            user::received(start.wrapping_add(first.0), first.1, 8);
            user::received(start.wrapping_add(second.0), second.1, 8);
        });
    }
    finds_in(oracle::OVERLAP, &|start| {
        user::received(start.wrapping_add(128), 8, 8);
        user::received(start, 1024, 8);
    });
    let violation = finds_in(oracle::DOUBLE_HAND_OUT, &|start| {
        user::operation();
        user::received(start, 16, 8);
        user::operation();
        user::received(start, 16, 8);
    });
    assert_eq!(violation.operation, 2);
}

/// While a block is lent it has no marks: who hands it out again is not noticed at once.
#[test]
fn blocks_that_came_to_overlap_are_not_swapped() {
    finds_in(oracle::OVERLAP, &|start| {
        let one = start.wrapping_add(8);
        user::received_and_wrote(one, 16, 8, false, Written::Nothing);
        user::lending(one);
        user::received_and_wrote(start, 16, 8, false, Written::Nothing);
        user::measured(one, 16);
        user::swaps(one, start);
    });
}

#[test]
fn misaligned_and_uncommitted_hand_outs_are_found() {
    finds_in(oracle::ALIGNMENT, &|start| user::received(start.wrapping_add(8), 16, 16));
    finds_in(oracle::RELEASED_MEMORY, &|start| user::received(start.wrapping_add(4096), 16, 8));
    finds_in(oracle::FOREIGN_ACCESS, &|_| user::received(std::ptr::null_mut(), 16, 8));
}

#[test]
fn touching_a_live_block_is_found() {
    for bytes in [16, 512] {
        let touches: [&dyn Fn(*mut u8); 5] = [
            &|start| word(start.wrapping_add(8)).set(0),
            &|start| _ = word(start.wrapping_add(8)).get(),
            // SAFETY: [runtime/tests 2] that it is the program's is the test.
            &|start| unsafe { Platform64::zero(start, 8) },
            // SAFETY: [as above]
            &|start| unsafe { Platform64::copy(start, start.wrapping_add(1024), 8) },
            &|start| _ = Platform64::decommit(start, 64),
        ];
        for touch in touches {
            finds_in(oracle::LIVE_BLOCK, &|start| {
                user::received(start, bytes, 8);
                touch(start);
            });
        }
    }
}

#[test]
fn what_is_returned_must_be_held() {
    finds_in(oracle::INVALID_FREE, &|start| _ = user::returning(start));
    finds_in(oracle::INVALID_FREE, &|start| {
        user::received(start, 16, 8);
        user::returning(start.wrapping_add(8));
    });
    finds_in(oracle::INVALID_FREE, &|start| {
        user::received(start, 16, 8);
        user::returning(start);
        user::returning(start);
    });
}

#[test]
fn contents_are_checked() {
    finds_in(oracle::CONTENT, &|start| {
        user::received(start, 16, 8);
        // SAFETY: [runtime/tests 2] written behind the simulator's back.
        unsafe { start.add(9).write(0) };
        user::returning(start);
    });
    finds_in(oracle::CONTENT, &|start| {
        word(start).set(1);
        user::received_zeroed(start, 16, 8);
    });
    let reallocated = |kept: usize| {
        move |start: *mut u8| {
            user::received(start, 32, 8);
            let old = user::returning(start);
            let to = start.wrapping_add(64);
            // SAFETY: [runtime/tests 2] both are committed, and nobody else's.
            unsafe { Platform64::copy(start, to, kept) };
            user::received_with_prefix(to, 64, 8, &old, 32);
        }
    };
    finds_in(oracle::CONTENT, &reallocated(31));
    finds_nothing(&[at_once(&|| reallocated(32)(pages()))]);
}

#[test]
fn a_block_handed_to_another_thread_without_order_is_a_race() {
    let give = |order| {
        move || {
            let start = pages();
            user::received(start, 16, 8);
            atomic_word(0).store(start.expose_provenance() as u64, order);
        }
    };
    let take = || {
        let start = atomic_word(0).load(Acquire);
        if start != 0 {
            user::returning(std::ptr::with_exposed_provenance_mut(start as usize));
        }
    };
    finds_nothing(&[at_once(&give(Release)), at_once(&take)]);
    finds(oracle::DATA_RACE, &[at_once(&give(Relaxed)), at_once(&take)]);
}
