//! Read-modify-writes: atomicity, release sequences, and compare-exchanges that fail.

use hak_core::Plain;

use super::*;

#[test]
fn increments_are_not_lost() {
    let add =
        |register| move |registers: &Registers| registers.put(register, X.fetch_add(1, Relaxed));
    let finally = |registers: &Registers| registers.put(3, X.load(Relaxed));
    Litmus::new(4, &[&add(0), &add(1), &add(2)])
        .finally(&finally)
        .expect_both("0123 0213 1023 1203 2013 2103");
}

#[test]
fn no_store_comes_between_a_read_modify_write_and_what_it_read() {
    let add = |registers: &Registers| registers.put(0, X.fetch_add(1, Relaxed));
    let store = |_: &Registers| X.store(5, Relaxed);
    let finally = |registers: &Registers| registers.put(1, X.load(Relaxed));
    Litmus::new(2, &[&add, &store]).finally(&finally).expect_both("05 56");
}

#[test]
fn of_two_compare_exchanges_from_one_value_one_succeeds() {
    let claim = |register| {
        move |registers: &Registers| {
            registers.put(register, u64::from(exchanged(X, 0, 1, Relaxed, Relaxed)));
        }
    };
    Litmus::new(2, &[&claim(0), &claim(1)]).expect_both("01 10");
}

#[test]
fn a_lock_of_acquire_and_release_keeps_a_plain_counter() {
    let body = |registers: &Registers| {
        if exchanged(X, 0, 1, Acquire, Relaxed) {
            DATA.set(DATA.get() + 1);
            registers.put(0, registers.get(0) + 1);
            X.store(0, Release);
        }
    };
    let finally = |registers: &Registers| registers.put(1, DATA.get());
    Litmus::new(2, &[&body, &body]).finally(&finally).expect_both("11 22");
}

#[test]
fn a_lock_that_is_taken_or_given_back_relaxed_races() {
    for (take, give) in [(Relaxed, Release), (Acquire, Relaxed)] {
        let body = |registers: &Registers| {
            if exchanged(X, 0, 1, take, Relaxed) {
                DATA.set(DATA.get() + 1);
                registers.put(0, registers.get(0) + 1);
                X.store(0, give);
            }
        };
        Litmus::new(1, &[&body, &body]).expect_both("1 data-race");
    }
}

/// The flag goes through a third thread, which changes it from 1 to 2.
fn release_sequence(middle: &dyn Fn(&Registers), sequential: &str, weak: &str) {
    let sender = |_: &Registers| {
        X.store(1, Relaxed);
        Y.store(1, Release);
    };
    let receiver = |registers: &Registers| {
        if Y.load(Acquire) == 2 {
            registers.put(0, X.load(Relaxed) + 1);
        }
    };
    // 0: the flag was not seen; 1: seen without the message; 2: with it.
    Litmus::new(1, &[&sender, middle, &receiver]).expect(sequential, weak);
}

#[test]
fn a_relaxed_read_modify_write_continues_a_release_sequence() {
    let middle = |_: &Registers| {
        exchanged(Y, 1, 2, Relaxed, Relaxed);
    };
    release_sequence(&middle, "0 2", "0 2");
}

#[test]
fn a_chain_of_read_modify_writes_continues_a_release_sequence() {
    let sender = |_: &Registers| {
        X.store(1, Relaxed);
        Y.store(1, Release);
    };
    let middle = |from| {
        move |_: &Registers| {
            exchanged(Y, from, from + 1, Relaxed, Relaxed);
        }
    };
    let receiver = |registers: &Registers| {
        if Y.load(Acquire) == 3 {
            registers.put(0, X.load(Relaxed) + 1);
        }
    };
    Litmus::new(1, &[&sender, &middle(1), &middle(2), &receiver]).expect_both("0 2");
}

#[test]
fn a_relaxed_store_of_another_thread_breaks_a_release_sequence() {
    let middle = |_: &Registers| {
        if Y.load(Relaxed) == 1 {
            Y.store(2, Relaxed);
        }
    };
    release_sequence(&middle, "0 2", "0 1 2");
}

#[test]
fn a_relaxed_store_of_the_same_thread_breaks_a_release_sequence_since_cxx20() {
    let sender = |_: &Registers| {
        X.store(1, Relaxed);
        Y.store(1, Release);
        Y.store(2, Relaxed);
    };
    let receiver = |registers: &Registers| {
        if Y.load(Acquire) == 2 {
            registers.put(0, X.load(Relaxed) + 1);
        }
    };
    Litmus::new(1, &[&sender, &receiver]).expect("0 2", "0 1 2");
}

#[test]
fn a_read_modify_write_of_the_sender_itself_continues_its_release_sequence() {
    let sender = |_: &Registers| {
        X.store(1, Relaxed);
        Y.store(1, Release);
        Y.fetch_add(1, Relaxed);
    };
    let receiver = |registers: &Registers| {
        if Y.load(Acquire) == 2 {
            registers.put(0, X.load(Relaxed) + 1);
        }
    };
    Litmus::new(1, &[&sender, &receiver]).expect_both("0 2");
}

/// A compare-exchange that must fail, and what it then knows of the message.
fn failing_compare_exchange(failure: Ordering, weak: &str) {
    let sender = |_: &Registers| {
        X.store(1, Relaxed);
        Y.store(1, Release);
    };
    let receiver = |registers: &Registers| {
        if let Err(1) = Y.compare_exchange(7, 8, AcqRel, failure) {
            registers.put(0, X.load(Relaxed) + 1);
        }
    };
    Litmus::new(1, &[&sender, &receiver]).expect("0 2", weak);
}

#[test]
fn a_failing_compare_exchange_has_its_failure_ordering() {
    failing_compare_exchange(Acquire, "0 2");
    failing_compare_exchange(SeqCst, "0 2");
    failing_compare_exchange(Relaxed, "0 1 2");
}

#[test]
fn a_failing_compare_exchange_may_read_an_old_store() {
    let writer = |_: &Registers| {
        Y.store(5, Relaxed);
        X.store(1, Release);
    };
    let reader = |registers: &Registers| {
        if X.load(Acquire) == 1 {
            // The write to y happened before: it is the least that is read.
            registers
                .put(0, Y.compare_exchange(9, 8, Relaxed, Relaxed).unwrap_or_else(|seen| seen));
            registers
                .put(1, Z.compare_exchange(9, 8, Relaxed, Relaxed).unwrap_or_else(|seen| seen) + 1);
        }
    };
    let other = |_: &Registers| Z.store(3, Relaxed);
    Litmus::new(2, &[&writer, &reader, &other]).expect_both("00 51 54");
    let late = |registers: &Registers| {
        if Z.load(Relaxed) == 3 {
            registers.put(0, Z.load(Relaxed));
            registers
                .put(1, X.compare_exchange(9, 8, Relaxed, Relaxed).unwrap_or_else(|seen| seen));
        }
    };
    let early = |_: &Registers| {
        X.store(1, Relaxed);
        Z.store(3, Relaxed);
    };
    Litmus::new(2, &[&early, &late]).expect("00 31", "00 30 31");
}

#[test]
fn a_failing_sequentially_consistent_compare_exchange_is_a_sequentially_consistent_load() {
    // SB whose loads are compare-exchanges that fail.
    let body =
        |mine: UserWord<SimAtomic<u64>>, theirs: UserWord<SimAtomic<u64>>, register, failure| {
            move |registers: &Registers| {
                mine.store(1, SeqCst);
                let seen = theirs.compare_exchange(7, 8, SeqCst, failure);
                registers.put(register, seen.unwrap_or_else(|seen| seen));
            }
        };
    Litmus::new(2, &[&body(X, Y, 0, SeqCst), &body(Y, X, 1, SeqCst)]).expect_both("01 10 11");
    Litmus::new(2, &[&body(X, Y, 0, Relaxed), &body(Y, X, 1, Relaxed)])
        .expect("01 10 11", "00 01 10 11");
}

#[test]
fn a_weak_compare_exchange_may_fail_for_no_reason() {
    let body = |registers: &Registers| {
        registers.put(0, u64::from(X.compare_exchange_weak(0, 1, Relaxed, Relaxed).is_ok()));
        registers.put(1, X.load(Relaxed));
    };
    Litmus::new(2, &[&body]).expect_both("11");
    Litmus::new(2, &[&body]).spurious().expect_both("00 11");
}
