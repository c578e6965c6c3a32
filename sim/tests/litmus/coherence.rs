//! Coherence: accesses to one word, whatever their ordering, agree on the order of its stores.

use super::*;

#[test]
fn corr_two_reads_of_one_thread_do_not_go_back() {
    let writer = |_: &Registers| X.store(1, Relaxed);
    let reader = |registers: &Registers| {
        registers.put(0, X.load(Relaxed));
        registers.put(1, X.load(Relaxed));
    };
    Litmus::new(2, &[&writer, &reader]).expect_both("00 01 11");
}

#[test]
fn corr_two_readers_agree_on_the_order_of_two_writes() {
    let write = |value| move |_: &Registers| X.store(value, Relaxed);
    let read = |register| {
        move |registers: &Registers| {
            registers.put(register, X.load(Relaxed));
            registers.put(register + 1, X.load(Relaxed));
        }
    };
    let all = all_outcomes("012", 4, |outcome| {
        let pair = |at: usize| &outcome[at..at + 2];
        let back = |pair: &str| matches!(pair, "10" | "20");
        !(back(pair(0))
            || back(pair(2))
            || matches!((pair(0), pair(2)), ("12", "21") | ("21", "12")))
    });
    Litmus::new(4, &[&write(1), &write(2), &read(0), &read(2)]).expect_both(&all);
}

#[test]
fn corr_through_another_word() {
    // The second reader learns of the first one's read, and must not go behind it.
    let writer = |_: &Registers| X.store(1, Relaxed);
    let first = |registers: &Registers| {
        registers.put(0, X.load(Relaxed));
        Y.store(1, Release);
    };
    let second = |registers: &Registers| {
        registers.put(1, Y.load(Acquire));
        registers.put(2, X.load(Relaxed));
    };
    Litmus::new(3, &[&writer, &first, &second]).expect_both("000 001 010 011 100 101 111");
}

#[test]
fn corw_a_thread_does_not_read_what_it_writes_later() {
    let body = |registers: &Registers| {
        registers.put(0, X.load(Relaxed));
        X.store(1, Relaxed);
    };
    let other = |_: &Registers| X.store(2, Relaxed);
    let finally = |registers: &Registers| registers.put(1, X.load(Relaxed));
    // If 2 was read, 1 comes after it and is left.
    Litmus::new(2, &[&body, &other]).finally(&finally).expect_both("01 02 21");
}

#[test]
fn cowr_a_thread_reads_its_own_write_or_a_later_one() {
    let body = |registers: &Registers| {
        X.store(1, Relaxed);
        registers.put(0, X.load(Relaxed));
    };
    let other = |_: &Registers| X.store(2, Relaxed);
    let finally = |registers: &Registers| registers.put(1, X.load(Relaxed));
    Litmus::new(2, &[&body, &other]).finally(&finally).expect_both("11 12 22");
}

#[test]
fn coww_writes_of_one_thread_keep_their_order() {
    let body = |_: &Registers| {
        X.store(1, Relaxed);
        X.store(2, Relaxed);
    };
    let finally = |registers: &Registers| registers.put(0, X.load(Relaxed));
    Litmus::new(1, &[&body]).finally(&finally).expect_both("2");
    let reader = |registers: &Registers| {
        registers.put(0, X.load(Relaxed));
        registers.put(1, X.load(Relaxed));
    };
    Litmus::new(2, &[&body, &reader]).expect_both("00 01 02 11 12 22");
}

#[test]
fn coww_through_another_word() {
    let first = |_: &Registers| {
        X.store(1, Relaxed);
        Y.store(1, Release);
    };
    let second = |registers: &Registers| {
        registers.put(0, Y.load(Acquire));
        X.store(2, Relaxed);
    };
    let finally = |registers: &Registers| registers.put(1, X.load(Relaxed));
    Litmus::new(2, &[&first, &second]).finally(&finally).expect_both("01 02 12");
}

#[test]
fn a_joined_thread_leaves_nothing_old_to_read() {
    let writer = |_: &Registers| {
        for value in 1..=5 {
            X.store(value, Relaxed);
        }
    };
    let finally = |registers: &Registers| registers.put(0, X.load(Relaxed));
    Litmus::new(1, &[&writer]).finally(&finally).expect_both("5");
}

#[test]
fn a_history_of_eight_stores_forgets_the_older_ones() {
    let writer = |_: &Registers| {
        for value in 1..=10 {
            X.store(value, Relaxed);
        }
        Y.store(1, Relaxed);
    };
    let reader = |registers: &Registers| {
        if Y.load(Relaxed) == 1 {
            registers.put(0, X.load(Relaxed));
        }
    };
    // Zero stands for the runs that did not see the flag too; 1 and 2 are allowed and left out.
    Litmus::new(1, &[&writer, &reader]).expect("0 a", "0 3 4 5 6 7 8 9 a");
}

/// All words of these digits of which the predicate holds.
pub(crate) fn all_outcomes(digits: &str, length: usize, allowed: impl Fn(&str) -> bool) -> String {
    let mut words = vec![String::new()];
    for _ in 0..length {
        words = words
            .iter()
            .flat_map(|word| digits.chars().map(move |digit| format!("{word}{digit}")))
            .collect();
    }
    words.retain(|word| allowed(word));
    words.join(" ")
}
