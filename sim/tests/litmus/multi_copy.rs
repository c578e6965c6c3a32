//! IRIW, WRC, ISA2 and RWC: three threads and more, where a write may reach some before others.

use super::coherence::all_outcomes;
use super::*;

/// IRIW: two writers, two readers that look in opposite orders. 1010 is: they disagree on which
/// write came first.
fn independent_reads(store: Ordering, load: Ordering, between: Option<Ordering>, weak: bool) {
    let write = |word: UserWord<SimAtomic<u64>>| move |_: &Registers| word.store(1, store);
    let read = |one: UserWord<SimAtomic<u64>>, other: UserWord<SimAtomic<u64>>, register| {
        move |registers: &Registers| {
            registers.put(register, one.load(load));
            if let Some(order) = between {
                fence(order);
            }
            registers.put(register + 1, other.load(load));
        }
    };
    let sequential = all_outcomes("01", 4, |outcome| outcome != "1010");
    let expected = all_outcomes("01", 4, |outcome| weak || outcome != "1010");
    Litmus::new(4, &[&write(X), &write(Y), &read(X, Y, 0), &read(Y, X, 2)])
        .expect(&sequential, &expected);
}

#[test]
fn iriw_relaxed() {
    independent_reads(Relaxed, Relaxed, None, true);
}

#[test]
fn iriw_release_acquire() {
    independent_reads(Release, Acquire, None, true);
}

#[test]
fn iriw_sequentially_consistent() {
    independent_reads(SeqCst, SeqCst, None, false);
}

#[test]
fn iriw_with_acquire_fences() {
    independent_reads(Relaxed, Relaxed, Some(Acquire), true);
}

#[test]
fn iriw_with_sequentially_consistent_fences_between_the_reads() {
    independent_reads(Relaxed, Relaxed, Some(SeqCst), false);
}

#[test]
fn iriw_with_sequentially_consistent_reads_of_released_writes() {
    // The writes are not in the total order, but the reads pin them: C++20 forbids the
    // disagreement.
    independent_reads(Release, SeqCst, None, false);
}

/// WRC: the message goes through a second thread. 110 is: the third thread misses the first one's
/// write.
fn write_to_read_causality(store: Ordering, load: Ordering, weak: bool) {
    let first = |_: &Registers| X.store(1, Relaxed);
    let second = |registers: &Registers| {
        registers.put(0, X.load(load));
        Y.store(1, store);
    };
    let third = |registers: &Registers| {
        registers.put(1, Y.load(load));
        registers.put(2, X.load(Relaxed));
    };
    let sequential = all_outcomes("01", 3, |outcome| outcome != "110");
    let expected = all_outcomes("01", 3, |outcome| weak || outcome != "110");
    Litmus::new(3, &[&first, &second, &third]).expect(&sequential, &expected);
}

#[test]
fn wrc_relaxed() {
    write_to_read_causality(Relaxed, Relaxed, true);
}

#[test]
fn wrc_release_acquire() {
    write_to_read_causality(Release, Acquire, false);
}

/// ISA2: a message through two flags and three threads.
fn message_through_two_flags(first_flag: Ordering, second_flag: Ordering, weak: bool) {
    let first = |_: &Registers| {
        X.store(1, Relaxed);
        Y.store(1, first_flag);
    };
    let second = |registers: &Registers| {
        registers.put(0, Y.load(Acquire));
        Z.store(1, second_flag);
    };
    let third = |registers: &Registers| {
        registers.put(1, Z.load(Acquire));
        registers.put(2, X.load(Relaxed));
    };
    let sequential = all_outcomes("01", 3, |outcome| outcome != "110");
    let expected = all_outcomes("01", 3, |outcome| weak || outcome != "110");
    Litmus::new(3, &[&first, &second, &third]).expect(&sequential, &expected);
}

#[test]
fn isa2_release_acquire() {
    message_through_two_flags(Release, Release, false);
}

#[test]
fn isa2_with_a_relaxed_link() {
    message_through_two_flags(Relaxed, Release, true);
    message_through_two_flags(Release, Relaxed, true);
}

/// RWC: the second thread reads x and then y, the third writes y and reads x. 100 contradicts a
/// single order.
fn read_to_write_causality(between: Option<Ordering>, weak: bool) {
    let first = |_: &Registers| X.store(1, Relaxed);
    let second = |registers: &Registers| {
        registers.put(0, X.load(Relaxed));
        if let Some(order) = between {
            fence(order);
        }
        registers.put(1, Y.load(Relaxed));
    };
    let third = |registers: &Registers| {
        Y.store(1, Relaxed);
        if let Some(order) = between {
            fence(order);
        }
        registers.put(2, X.load(Relaxed));
    };
    let sequential = all_outcomes("01", 3, |outcome| outcome != "100");
    let expected = all_outcomes("01", 3, |outcome| weak || outcome != "100");
    Litmus::new(3, &[&first, &second, &third]).expect(&sequential, &expected);
}

#[test]
fn rwc_relaxed() {
    read_to_write_causality(None, true);
}

#[test]
fn rwc_with_sequentially_consistent_fences() {
    read_to_write_causality(Some(SeqCst), false);
}

#[test]
fn fences_order_through_happens_before_and_not_through_their_own_thread_only() {
    // SB whose fences lie in other threads, joined by release and acquire: C++20 orders an
    // operation after every SC fence that happened before it.
    let relay = |word: UserWord<SimAtomic<u64>>, flag: UserWord<SimAtomic<u64>>| {
        move |_: &Registers| {
            word.store(1, Relaxed);
            fence(SeqCst);
            flag.store(1, Release);
        }
    };
    let flag_of_x = atomic_word(4);
    let flag_of_y = atomic_word(5);
    let look = |flag: UserWord<SimAtomic<u64>>, word: UserWord<SimAtomic<u64>>, register| {
        move |registers: &Registers| {
            if flag.load(Acquire) == 1 {
                registers.put(register, word.load(Relaxed) + 1);
            }
        }
    };
    // A register holds 0 if the flag was not seen, else what was read plus one: 11 would be both
    // words missed.
    let expected = "00 01 02 10 12 20 21 22";
    Litmus::new(
        2,
        &[
            &relay(X, flag_of_x),
            &relay(Y, flag_of_y),
            &look(flag_of_x, Y, 0),
            &look(flag_of_y, X, 1),
        ],
    )
    .expect_both(expected);
}
