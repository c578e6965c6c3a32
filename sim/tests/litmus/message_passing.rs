//! MP: one thread writes a message and raises a flag, another sees the flag and reads the message.

use super::*;

/// The message is atomic too: 10 is the flag without the message.
fn atomic_message(
    store: Ordering,
    load: Ordering,
    fences: (Option<Ordering>, Option<Ordering>),
    weak: &str,
) {
    let sender = |_: &Registers| {
        X.store(1, Relaxed);
        if let Some(order) = fences.0 {
            fence(order);
        }
        Y.store(1, store);
    };
    let receiver = |registers: &Registers| {
        registers.put(0, Y.load(load));
        if let Some(order) = fences.1 {
            fence(order);
        }
        registers.put(1, X.load(Relaxed));
    };
    Litmus::new(2, &[&sender, &receiver]).expect("00 01 11", weak);
}

#[test]
fn mp_relaxed() {
    atomic_message(Relaxed, Relaxed, (None, None), "00 01 10 11");
}

#[test]
fn mp_release_acquire() {
    atomic_message(Release, Acquire, (None, None), "00 01 11");
}

#[test]
fn mp_with_one_half_only() {
    atomic_message(Release, Relaxed, (None, None), "00 01 10 11");
    atomic_message(Relaxed, Acquire, (None, None), "00 01 10 11");
}

#[test]
fn mp_sequentially_consistent_flag() {
    atomic_message(SeqCst, SeqCst, (None, None), "00 01 11");
}

#[test]
fn mp_release_fence_and_acquiring_load() {
    atomic_message(Relaxed, Acquire, (Some(Release), None), "00 01 11");
}

#[test]
fn mp_releasing_store_and_acquire_fence() {
    atomic_message(Release, Relaxed, (None, Some(Acquire)), "00 01 11");
}

#[test]
fn mp_with_fences_on_both_sides() {
    atomic_message(Relaxed, Relaxed, (Some(Release), Some(Acquire)), "00 01 11");
    atomic_message(Relaxed, Relaxed, (Some(SeqCst), Some(SeqCst)), "00 01 11");
}

#[test]
fn mp_with_fences_of_the_wrong_kind() {
    atomic_message(Relaxed, Relaxed, (Some(Acquire), Some(Acquire)), "00 01 10 11");
    atomic_message(Relaxed, Relaxed, (Some(Release), Some(Release)), "00 01 10 11");
}

#[test]
fn mp_with_a_fence_behind_the_flag_orders_nothing() {
    let sender = |_: &Registers| {
        X.store(1, Relaxed);
        Y.store(1, Relaxed);
        fence(Release);
    };
    let receiver = |registers: &Registers| {
        registers.put(0, Y.load(Acquire));
        registers.put(1, X.load(Relaxed));
    };
    Litmus::new(2, &[&sender, &receiver]).expect("00 01 11", "00 01 10 11");
}

/// The message is a plain word, read only when the flag was seen.
fn plain_message(store: Ordering, load: Ordering) -> [impl Fn(&Registers); 2] {
    let body = move |receives: bool| {
        move |registers: &Registers| {
            if !receives {
                use hak_core::Plain;
                DATA.set(7);
                X.store(1, store);
            } else if X.load(load) == 1 {
                use hak_core::Plain;
                registers.put(0, DATA.get());
            }
        }
    };
    [body(false), body(true)]
}

#[test]
fn mp_of_a_plain_message() {
    let [sender, receiver] = plain_message(Release, Acquire);
    Litmus::new(1, &[&sender, &receiver]).expect_both("0 7");
    for (store, load) in [(Relaxed, Acquire), (Release, Relaxed), (Relaxed, Relaxed)] {
        let [sender, receiver] = plain_message(store, load);
        Litmus::new(1, &[&sender, &receiver]).expect_both("0 data-race");
    }
}

#[test]
fn mp_of_two_messages_reads_each_at_least_as_new_as_its_flag() {
    let sender = |_: &Registers| {
        X.store(1, Relaxed);
        Y.store(1, Release);
        X.store(2, Relaxed);
        Y.store(2, Release);
    };
    let receiver = |registers: &Registers| {
        registers.put(0, Y.load(Acquire));
        registers.put(1, X.load(Relaxed));
    };
    Litmus::new(2, &[&sender, &receiver]).expect("00 01 02 11 12 22", "00 01 02 11 12 22");
}
