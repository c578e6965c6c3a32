//! What is a data race, and what is none.

use hak_core::Ordering::{AcqRel, SeqCst};

use super::*;

fn pass_a_message(store: hak_core::Ordering, load: hak_core::Ordering) -> Option<Violation> {
    let sender = || {
        plain_word(0).set(7);
        atomic_word(1).store(1, store);
    };
    let receiver = || {
        if atomic_word(1).load(load) == 1 {
            assert_eq!(plain_word(0).get(), 7);
        }
    };
    search(&[at_once(&sender), at_once(&receiver)], 1_000)
}

#[test]
fn a_message_is_passed_by_release_and_acquire_only() {
    assert!(pass_a_message(Release, Acquire).is_none());
    assert!(pass_a_message(SeqCst, SeqCst).is_none());
    for (store, load) in [(Relaxed, Acquire), (Release, Relaxed), (Relaxed, Relaxed)] {
        let violation = pass_a_message(store, load).expect("a race");
        assert_eq!(violation.oracle, oracle::DATA_RACE);
        let other = violation.other.expect("the write is named");
        assert_eq!((violation.thread, other.thread), (1, 0));
        assert!(violation.access.site.file().ends_with("races.rs"));
        assert!(other.site.file().ends_with("races.rs"));
        assert!(other.site.line() < violation.access.site.line());
    }
}

#[test]
fn fences_pass_a_message_over_relaxed_words() {
    let sender = || {
        plain_word(0).set(7);
        Platform64::fence(Release);
        atomic_word(1).store(1, Relaxed);
    };
    let receiver = || {
        if atomic_word(1).load(Relaxed) == 1 {
            Platform64::fence(Acquire);
            assert_eq!(plain_word(0).get(), 7);
        }
    };
    finds_nothing(&[at_once(&sender), at_once(&receiver)]);
    let fenceless = || {
        if atomic_word(1).load(Relaxed) == 1 {
            plain_word(0).get();
        }
    };
    finds(oracle::DATA_RACE, &[at_once(&sender), at_once(&fenceless)]);
}

#[test]
fn a_relaxed_read_modify_write_continues_a_release_sequence_and_a_store_ends_it() {
    let sender = || {
        plain_word(0).set(7);
        atomic_word(1).store(1, Release);
    };
    let adder = || {
        atomic_word(1).fetch_add(1, Relaxed);
    };
    let receiver = || {
        if atomic_word(1).load(Acquire) == 2 {
            plain_word(0).get();
        }
    };
    finds_nothing(&[at_once(&sender), at_once(&adder), at_once(&receiver)]);
    let storer = || {
        if atomic_word(1).load(Relaxed) == 1 {
            atomic_word(1).store(2, Relaxed);
        }
    };
    finds(oracle::DATA_RACE, &[at_once(&sender), at_once(&storer), at_once(&receiver)]);
}

#[test]
fn sequentially_consistent_fences_alone_order_nothing() {
    let body = |mine: usize, theirs: usize| {
        move || {
            plain_word(mine).set(1);
            atomic_word(mine + 2).store(1, Relaxed);
            Platform64::fence(SeqCst);
            if atomic_word(theirs + 2).load(Relaxed) == 1 {
                plain_word(theirs).get();
            }
        }
    };
    finds(oracle::DATA_RACE, &[at_once(&body(0, 1)), at_once(&body(1, 0))]);
}

#[test]
fn a_plain_counter_races_whatever_the_interleaving() {
    let body = || {
        atomic_word(1).load(Relaxed);
        plain_word(0).set(plain_word(0).get() + 1);
    };
    let mut world = world();
    for schedule in 0..100 {
        let run = run(&mut world, &[at_once(&body), at_once(&body)], schedule);
        assert_eq!(run.violation().expect("always").oracle, oracle::DATA_RACE);
    }
}

#[test]
fn a_counter_under_a_lock_does_not_race() {
    let body = || {
        for _ in 0..3 {
            while atomic_word(1).swap(1, Acquire) == 1 {
                Platform64::spin_hint();
            }
            plain_word(0).set(plain_word(0).get() + 1);
            atomic_word(1).store(0, Release);
        }
    };
    let last = || assert_eq!(plain_word(0).get(), 9);
    let epilogue = Body { start: Start::AfterAll, run: &last };
    finds_nothing(&[at_once(&body), at_once(&body), at_once(&body), epilogue]);
}

#[test]
fn plain_and_atomic_accesses_to_one_word_race() {
    let plain_write = || plain_word(0).set(1);
    let plain_read = || {
        plain_word(0).get();
    };
    let load = || {
        atomic_word(0).load(SeqCst);
    };
    let add = || {
        atomic_word(0).fetch_add(1, AcqRel);
    };
    finds(oracle::DATA_RACE, &[at_once(&plain_write), at_once(&load)]);
    finds(oracle::DATA_RACE, &[at_once(&plain_write), at_once(&add)]);
    finds(oracle::DATA_RACE, &[at_once(&plain_read), at_once(&add)]);
    finds_nothing(&[at_once(&plain_read), at_once(&load), at_once(&plain_read)]);
}

#[test]
fn of_many_unordered_readers_each_races_with_a_later_write() {
    let read = || {
        plain_word(0).get();
    };
    let write = || plain_word(0).set(1);
    for ordered_after in [0, 1] {
        let writer = Body { start: Start::Joining(ordered_after), run: &write };
        let violation = finds(oracle::DATA_RACE, &[at_once(&read), at_once(&read), writer]);
        let other = violation.other.expect("the access is named");
        assert!(violation.thread == 2 || other.thread == 2);
    }
    finds_nothing(&[at_once(&read), at_once(&read), Body { start: Start::AfterAll, run: &write }]);
}

#[test]
fn neighbouring_bytes_and_halves_do_not_race() {
    fn part<T>(place: usize) -> &'static crate::runtime::SimPlain<T> {
        let word = std::ptr::from_ref(&*plain_word(0)).cast::<u8>();
        // SAFETY: [runtime/tests 1] an aligned part of a word of 8 bytes.
        unsafe { &*word.add(place).cast() }
    }
    let first = || {
        part::<u32>(0).set(1);
        part::<u8>(4).set(1);
        part::<u8>(4).get();
    };
    let second = || {
        part::<u16>(6).set(1);
        part::<u16>(6).get();
    };
    finds_nothing(&[at_once(&first), at_once(&second)]);
    let overlapping = || part::<u16>(4).set(2);
    finds(oracle::DATA_RACE, &[at_once(&first), at_once(&overlapping)]);
}

/// What a thread may do with the first page of the user area.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Use {
    Clear,
    CopyOut,
    Set,
    Get,
    Add,
}

impl Use {
    const ALL: [Use; 5] = [Use::Clear, Use::CopyOut, Use::Set, Use::Get, Use::Add];

    /// The page is words 0 to 7; who copies it out writes to a page of its own.
    fn apply(self, thread: usize) {
        let page = |index| std::ptr::from_ref(&*plain_word(index)).cast_mut().cast::<u8>();
        // SAFETY: [runtime/tests 2] pages of the user area, of 64 bytes.
        unsafe {
            match self {
                Use::Clear => Platform64::zero(page(0), 64),
                Use::CopyOut => Platform64::copy(page(0), page(16 + 8 * thread), 64),
                Use::Set => plain_word(3).set(7),
                Use::Get => _ = plain_word(3).get(),
                Use::Add => _ = atomic_word(3).fetch_add(1, Relaxed),
            }
        }
    }

    fn races(self, other: Use) -> bool {
        let reads = |which| matches!(which, Use::CopyOut | Use::Get);
        !(reads(self) && reads(other) || self == Use::Add && other == Use::Add)
    }
}

#[test]
fn uses_of_a_whole_page_race_as_uses_of_its_words_do() {
    for (before, first, second) in every_three() {
        let one = || {
            before.apply(0);
            first.apply(0);
            atomic_word(8).store(1, Relaxed);
        };
        let other = || {
            if atomic_word(8).load(Relaxed) == 1 {
                second.apply(1);
            }
        };
        let found = search(&[at_once(&one), at_once(&other)], 100);
        let expected = first.races(second) || before.races(second);
        assert_eq!(found.is_some(), expected, "{before:?} {first:?} | {second:?}: {found:?}");
        if let Some(violation) = found {
            assert_eq!(violation.oracle, oracle::DATA_RACE);
            assert_eq!(violation.other.map(|other| other.thread), Some(0));
        }
    }
}

#[test]
fn uses_of_a_whole_page_that_a_message_orders_do_not_race() {
    for (before, first, second) in every_three() {
        let one = || {
            before.apply(0);
            first.apply(0);
            atomic_word(8).store(1, Release);
        };
        let other = || {
            if atomic_word(8).load(Acquire) == 1 {
                second.apply(1);
            }
        };
        let found = search(&[at_once(&one), at_once(&other)], 100);
        assert!(found.is_none(), "{before:?} {first:?} | {second:?}: {found:?}");
    }
}

#[test]
fn a_whole_page_that_two_threads_read_remembers_both() {
    for writer in [Use::Clear, Use::Set] {
        let reader = |thread| {
            move || {
                Use::CopyOut.apply(thread);
                atomic_word(8).fetch_add(1, if thread == 0 { Relaxed } else { Release });
            }
        };
        let (relaxed, released) = (reader(0), reader(1));
        let last = || {
            if atomic_word(8).load(Acquire) == 2 {
                writer.apply(2);
            }
        };
        let violation =
            finds(oracle::DATA_RACE, &[at_once(&relaxed), at_once(&released), at_once(&last)]);
        assert_eq!(violation.other.map(|other| other.thread), Some(0), "{violation}");
    }
}

fn every_three() -> impl Iterator<Item = (Use, Use, Use)> {
    let pairs = Use::ALL.into_iter().flat_map(|one| Use::ALL.map(|two| (one, two)));
    pairs.flat_map(|(one, two)| Use::ALL.map(|three| (one, two, three)))
}
