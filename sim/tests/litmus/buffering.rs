//! SB, LB, 2+2W, R and S: two threads that each write one word and touch the other.

use super::*;

/// SB: each thread stores to its word and loads the other's.
fn store_buffering(store: Ordering, between: Option<Ordering>, load: Ordering, weak: &str) {
    let body = |mine: UserWord<SimAtomic<u64>>, theirs: UserWord<SimAtomic<u64>>, register| {
        move |registers: &Registers| {
            mine.store(1, store);
            if let Some(order) = between {
                fence(order);
            }
            registers.put(register, theirs.load(load));
        }
    };
    Litmus::new(2, &[&body(X, Y, 0), &body(Y, X, 1)]).expect("01 10 11", weak);
}

#[test]
fn sb_relaxed() {
    store_buffering(Relaxed, None, Relaxed, "00 01 10 11");
}

#[test]
fn sb_release_acquire() {
    store_buffering(Release, None, Acquire, "00 01 10 11");
}

#[test]
fn sb_sequentially_consistent() {
    store_buffering(SeqCst, None, SeqCst, "01 10 11");
}

#[test]
fn sb_with_one_half_sequentially_consistent() {
    store_buffering(SeqCst, None, Acquire, "00 01 10 11");
    store_buffering(Release, None, SeqCst, "00 01 10 11");
}

#[test]
fn sb_with_sequentially_consistent_fences() {
    store_buffering(Relaxed, Some(SeqCst), Relaxed, "01 10 11");
}

#[test]
fn sb_with_release_acquire_fences() {
    store_buffering(Relaxed, Some(AcqRel), Relaxed, "00 01 10 11");
}

#[test]
fn sb_with_a_fence_on_one_side_only() {
    let first = |registers: &Registers| {
        X.store(1, Relaxed);
        fence(SeqCst);
        registers.put(0, Y.load(Relaxed));
    };
    let second = |registers: &Registers| {
        Y.store(1, Relaxed);
        registers.put(1, X.load(Relaxed));
    };
    Litmus::new(2, &[&first, &second]).expect("01 10 11", "00 01 10 11");
}

#[test]
fn sb_with_a_fence_on_one_side_and_sequentially_consistent_accesses_on_the_other() {
    let first = |registers: &Registers| {
        X.store(1, Relaxed);
        fence(SeqCst);
        registers.put(0, Y.load(Relaxed));
    };
    let second = |registers: &Registers| {
        Y.store(1, SeqCst);
        registers.put(1, X.load(SeqCst));
    };
    Litmus::new(2, &[&first, &second]).expect_both("01 10 11");
}

#[test]
fn sb_with_exchanges_as_stores() {
    // A locked exchange orders nothing by itself in the language: only SC operations or fences do.
    let body =
        |mine: UserWord<SimAtomic<u64>>, theirs: UserWord<SimAtomic<u64>>, register, order| {
            move |registers: &Registers| {
                mine.swap(1, order);
                registers.put(register, theirs.load(Acquire));
            }
        };
    Litmus::new(2, &[&body(X, Y, 0, AcqRel), &body(Y, X, 1, AcqRel)])
        .expect("01 10 11", "00 01 10 11");
    Litmus::new(2, &[&body(X, Y, 0, SeqCst), &body(Y, X, 1, SeqCst)])
        .expect("01 10 11", "00 01 10 11");
}

#[test]
fn sb_with_read_modify_writes_as_loads() {
    // Dekker's flags, each looked at by a read-modify-write: it reads the newest store.
    let body = |mine: UserWord<SimAtomic<u64>>, theirs: UserWord<SimAtomic<u64>>, register| {
        move |registers: &Registers| {
            mine.store(1, Relaxed);
            registers.put(register, theirs.fetch_add(0, AcqRel));
        }
    };
    Litmus::new(2, &[&body(X, Y, 0), &body(Y, X, 1)]).expect("01 10 11", "00 01 10 11");
}

#[test]
fn lb_is_left_out() {
    // C++20 allows 11 for relaxed operations; here operations take effect in program order.
    let body = |mine: UserWord<SimAtomic<u64>>, theirs: UserWord<SimAtomic<u64>>, register| {
        move |registers: &Registers| {
            registers.put(register, theirs.load(Relaxed));
            mine.store(1, Relaxed);
        }
    };
    Litmus::new(2, &[&body(X, Y, 0), &body(Y, X, 1)]).expect_both("00 01 10");
}

#[test]
fn lb_release_acquire_is_forbidden() {
    let body = |mine: UserWord<SimAtomic<u64>>, theirs: UserWord<SimAtomic<u64>>, register| {
        move |registers: &Registers| {
            registers.put(register, theirs.load(Acquire));
            mine.store(1, Release);
        }
    };
    Litmus::new(2, &[&body(X, Y, 0), &body(Y, X, 1)]).expect_both("00 01 10");
}

/// 2+2W: both threads write both words, in opposite orders; the registers show what is left.
fn two_plus_two_writes(first: Ordering, between: Option<Ordering>, second: Ordering, weak: &str) {
    let body = |one: UserWord<SimAtomic<u64>>, other: UserWord<SimAtomic<u64>>| {
        move |_: &Registers| {
            one.store(1, first);
            if let Some(order) = between {
                fence(order);
            }
            other.store(2, second);
        }
    };
    let finally = |registers: &Registers| {
        registers.put(0, X.load(Relaxed));
        registers.put(1, Y.load(Relaxed));
    };
    Litmus::new(2, &[&body(X, Y), &body(Y, X)]).finally(&finally).expect("12 21 22", weak);
}

#[test]
fn two_plus_two_writes_relaxed() {
    two_plus_two_writes(Relaxed, None, Relaxed, "11 12 21 22");
}

#[test]
fn two_plus_two_writes_release() {
    two_plus_two_writes(Release, None, Release, "11 12 21 22");
}

#[test]
fn two_plus_two_writes_sequentially_consistent() {
    two_plus_two_writes(SeqCst, None, SeqCst, "12 21 22");
}

#[test]
fn two_plus_two_writes_with_sequentially_consistent_fences() {
    two_plus_two_writes(Relaxed, Some(SeqCst), Relaxed, "12 21 22");
}

/// R: one thread writes both words, the other writes the second and reads the first.
fn shape_r(order: Ordering, between: Option<Ordering>, weak: &str) {
    let load = if order == Release { Acquire } else { order };
    let separate = move || {
        if let Some(order) = between {
            fence(order);
        }
    };
    let first = move |_: &Registers| {
        X.store(1, order);
        separate();
        Y.store(1, order);
    };
    let second = move |registers: &Registers| {
        Y.store(2, order);
        separate();
        registers.put(0, X.load(load));
    };
    let finally = |registers: &Registers| registers.put(1, Y.load(Relaxed));
    // The first register is what was read of x, the second what is left in y.
    Litmus::new(2, &[&first, &second]).finally(&finally).expect("01 11 12", weak);
}

#[test]
fn r_relaxed_and_release_acquire() {
    shape_r(Relaxed, None, "01 02 11 12");
    shape_r(Release, None, "01 02 11 12");
}

#[test]
fn r_sequentially_consistent() {
    shape_r(SeqCst, None, "01 11 12");
    shape_r(Relaxed, Some(SeqCst), "01 11 12");
}

/// S: one thread writes both words, the other reads the second and writes the first.
fn shape_s(store: Ordering, load: Ordering, weak: &str) {
    let first = move |_: &Registers| {
        X.store(2, Relaxed);
        Y.store(1, store);
    };
    let second = move |registers: &Registers| {
        registers.put(0, Y.load(load));
        X.store(1, Relaxed);
    };
    let finally = |registers: &Registers| registers.put(1, X.load(Relaxed));
    Litmus::new(2, &[&first, &second]).finally(&finally).expect("01 02 11", weak);
}

#[test]
fn s_relaxed() {
    shape_s(Relaxed, Relaxed, "01 02 11 12");
    shape_s(Release, Relaxed, "01 02 11 12");
}

#[test]
fn s_release_acquire() {
    shape_s(Release, Acquire, "01 02 11");
}
