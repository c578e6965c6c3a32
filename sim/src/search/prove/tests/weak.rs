//! The search under weak memory reaches the final states of a plain enumeration: on the shapes of
//! the literature, and on small random programs.

use std::collections::BTreeSet;

use hak_core::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};
use hak_core::{Atomic, Plain, Platform};

use super::enumeration::{agrees_under, at_once, compare, world};
use crate::runtime::strategy::Choices;
use crate::runtime::user::{atomic_word, plain_word};
use crate::runtime::{Allowance, Body, MemoryModel, Plan, Sim, Start, Tiny};
use crate::search::prove::{ProofOptions, ProofVerdict, search};

const X: usize = 0;
const Y: usize = 1;
const DATA: usize = 2;
/// The first of the words in which results are put down.
const RESULTS: usize = 16;

fn weak() -> Plan {
    Plan { memory: MemoryModel::Weak, ..Plan::default() }
}

/// Puts down what was read; the word is the thread's own.
fn result(number: usize, value: u64) {
    plain_word(RESULTS + number).set(value);
}

fn fence(order: Ordering) {
    Sim::<Tiny>::fence(order);
}

/// How many final states there are, by every mix of means.
#[track_caller]
fn finals(bodies: &[&dyn Fn()]) -> usize {
    let bodies: Vec<Body<'_>> = bodies.iter().map(|body| at_once(body)).collect();
    agrees_under(&weak(), Allowance::default(), &bodies)
}

#[test]
fn store_buffering() {
    let body = |mine, theirs, number, order, between: bool| {
        move || {
            atomic_word(mine).store(1, order);
            if between {
                fence(SeqCst);
            }
            result(number, atomic_word(theirs).load(order_of_load(order)));
        }
    };
    for (order, between, outcomes) in
        [(Relaxed, false, 4), (Release, false, 4), (SeqCst, false, 3), (Relaxed, true, 3)]
    {
        let first = body(X, Y, 0, order, between);
        let second = body(Y, X, 1, order, between);
        assert_eq!(finals(&[&first, &second]), outcomes, "{order:?} {between}");
    }
}

fn order_of_load(order: Ordering) -> Ordering {
    if order == Release { Acquire } else { order }
}

#[test]
fn message_passing() {
    for (release, acquire, outcomes) in
        [(Relaxed, Relaxed, 4), (Release, Relaxed, 4), (Release, Acquire, 3), (SeqCst, SeqCst, 3)]
    {
        let sender = || {
            atomic_word(X).store(1, Relaxed);
            atomic_word(Y).store(1, release);
        };
        let receiver = || {
            result(0, atomic_word(Y).load(acquire));
            result(1, atomic_word(X).load(Relaxed));
        };
        assert_eq!(finals(&[&sender, &receiver]), outcomes);
    }
}

#[test]
fn a_plain_message_races_if_a_stale_flag_is_no_excuse() {
    let sender = |order| {
        move || {
            plain_word(DATA).set(7);
            atomic_word(Y).store(1, order);
            atomic_word(Y).store(2, Relaxed);
        }
    };
    let receiver = || {
        if atomic_word(Y).load(Acquire) > 0 {
            result(0, plain_word(DATA).get());
        }
    };
    // The relaxed store does not continue the release sequence.
    finals(&[&sender(Release), &receiver]);
    finals(&[&sender(Relaxed), &receiver]);
}

#[test]
fn release_sequences() {
    let sender = || {
        atomic_word(X).store(1, Relaxed);
        atomic_word(Y).store(1, Release);
    };
    let adder = || {
        result(2, atomic_word(Y).fetch_add(1, Relaxed));
    };
    let receiver = || {
        result(0, atomic_word(Y).load(Acquire));
        result(1, atomic_word(X).load(Relaxed));
    };
    assert_eq!(finals(&[&sender, &adder, &receiver]), 8);
}

#[test]
fn two_stores_to_two_words() {
    let body = |first, second| {
        move || {
            atomic_word(first).store(1 + first as u64, Relaxed);
            atomic_word(second).store(3 + first as u64, Relaxed);
        }
    };
    assert_eq!(finals(&[&body(X, Y), &body(Y, X)]), 4);
}

#[test]
fn independent_reads_of_independent_writes() {
    for (order, outcomes) in [(Relaxed, 16), (SeqCst, 15)] {
        let store = |word| move || atomic_word(word).store(1, order);
        let load = |first, second, number| {
            move || {
                result(number, atomic_word(first).load(order));
                result(number + 1, atomic_word(second).load(order));
            }
        };
        assert_eq!(
            finals_reduced(&[&store(X), &store(Y), &load(X, Y, 0), &load(Y, X, 2)]),
            outcomes
        );
    }
}

/// As [`finals`], where to walk every path takes too long: with and without the reductions, states
/// merged.
#[track_caller]
fn finals_reduced(bodies: &[&dyn Fn()]) -> usize {
    let bodies: Vec<Body<'_>> = bodies.iter().map(|body| at_once(body)).collect();
    let mut world = world();
    let found = [0, 1, 2, 3].map(|means| {
        let options = ProofOptions {
            private_steps: means & 1 != 0,
            sleep_sets: means & 2 != 0,
            ..ProofOptions::default()
        };
        // SAFETY: [prove/tests 1] bodies that own nothing.
        let proof =
            unsafe { search(&mut world, &weak(), &bodies, &mut (), &options, &mut |_, _| {}) };
        assert!(matches!(proof.verdict, ProofVerdict::Complete), "{:?}", proof.verdict);
        proof.finals
    });
    assert!(found.iter().all(|finals| *finals == found[0]));
    found[0].len()
}

/// Two stores of one value: whoever reads either remembers the same, but what it passes on is not
/// the same.
#[test]
fn which_of_two_equal_stores_was_read_is_a_difference() {
    let writer = || {
        atomic_word(X).store(1, Relaxed);
        atomic_word(DATA).store(1, Relaxed);
        atomic_word(X).store(1, Release);
    };
    let between = || {
        if atomic_word(X).load(Relaxed) == 1 {
            atomic_word(Y).store(1, Release);
        }
    };
    let reader = || {
        if atomic_word(Y).load(Acquire) == 1 && atomic_word(X).load(Acquire) == 1 {
            result(0, 1 + atomic_word(DATA).load(Relaxed));
        }
    };
    // One after the other, and not ordered: only the stores that are read are a choice.
    let bodies = [
        at_once(&writer),
        Body { start: Start::After(0), run: &between },
        Body { start: Start::After(1), run: &reader },
    ];
    // Nothing was passed on, or it was and the reader did not see it; or the reader saw 0, or 1.
    assert_eq!(agrees_under(&weak(), Allowance::default(), &bodies), 4);
}

#[test]
fn fences_publish_and_acquire() {
    let sender = || {
        atomic_word(X).store(1, Relaxed);
        fence(Release);
        atomic_word(Y).store(1, Relaxed);
    };
    let receiver = || {
        result(0, atomic_word(Y).load(Relaxed));
        fence(Acquire);
        result(1, atomic_word(X).load(Relaxed));
    };
    assert_eq!(finals(&[&sender, &receiver]), 3);
}

#[test]
fn spinning_on_a_word_ends() {
    let waiter = || {
        while atomic_word(X).load(Acquire) == 0 {
            Sim::<Tiny>::spin_hint();
        }
        result(0, atomic_word(Y).load(Relaxed));
    };
    let writer = || {
        atomic_word(Y).store(1, Relaxed);
        atomic_word(X).store(1, Release);
    };
    let bodies = [at_once(&waiter), at_once(&writer)];
    let options = ProofOptions::default();
    // SAFETY: [prove/tests 1] bodies that own nothing.
    let proof =
        unsafe { search(&mut world(), &weak(), &bodies, &mut (), &options, &mut |_, _| {}) };
    assert!(matches!(proof.verdict, ProofVerdict::Complete), "{:?}", proof.verdict);
    assert_eq!(proof.finals.len(), 1);
}

/// What a thread of a random program does.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Load(usize, Ordering),
    Store(usize, u64, Ordering),
    Swap(usize, u64, Ordering),
    Exchange(usize, u64, u64, Ordering, Ordering),
    Fence(Ordering),
    Write(u64),
    ReadIf(usize, Ordering),
}

fn draw(choices: &mut Choices, plain: bool) -> Operation {
    let mut of = |orders: &[Ordering]| orders[choices.below(orders.len())];
    let load = of(&[Relaxed, Acquire, SeqCst]);
    let store = of(&[Relaxed, Release, SeqCst]);
    let both = of(&[Relaxed, Acquire, Release, AcqRel, SeqCst]);
    let barrier = of(&[Acquire, Release, SeqCst, SeqCst]);
    let (word, value) = (choices.below(2), 1 + choices.below(2) as u64);
    match choices.below(if plain { 14 } else { 11 }) {
        0..3 => Operation::Load(word, load),
        3..6 => Operation::Store(word, value, store),
        6 => Operation::Swap(word, value, both),
        7..9 => Operation::Exchange(word, choices.below(2) as u64, value, both, load),
        9..11 => Operation::Fence(barrier),
        11 => Operation::Write(value),
        _ => Operation::ReadIf(word, load),
    }
}

fn run(operations: &[Operation], first: usize) {
    for (number, operation) in operations.iter().enumerate() {
        let number = first + number;
        match *operation {
            Operation::Load(word, order) => result(number, 1 + atomic_word(word).load(order)),
            Operation::Store(word, value, order) => atomic_word(word).store(value, order),
            Operation::Swap(word, value, order) => {
                result(number, 1 + atomic_word(word).swap(value, order));
            }
            Operation::Exchange(word, from, to, success, failure) => {
                let seen = atomic_word(word).compare_exchange_weak(from, to, success, failure);
                result(number, seen.map_or_else(|seen| 1 + seen, |seen| 8 + seen));
            }
            Operation::Fence(order) => fence(order),
            Operation::Write(value) => plain_word(DATA).set(value),
            Operation::ReadIf(word, order) => {
                if atomic_word(word).load(order) == 1 {
                    result(number, 1 + plain_word(DATA).get());
                }
            }
        }
    }
}

/// Compares every mix of means with a walk along every path, on random programs.
#[track_caller]
fn agree(programs: u64, threads: usize, operations: usize, plain: bool, events: Allowance) {
    let mut world = world();
    let (mut outcomes, mut races) = (0, 0);
    for number in 0..programs {
        let mut choices = Choices::new((threads * 10 + operations) as u64, number);
        let program: Vec<Vec<Operation>> = (0..threads)
            .map(|_| (0..operations).map(|_| draw(&mut choices, plain)).collect())
            .collect();
        let closures: Vec<_> = program
            .iter()
            .enumerate()
            .map(|(thread, list)| move || run(list, thread * operations))
            .collect();
        let bodies: Vec<Body<'_>> =
            closures.iter().map(|body| at_once(body as &dyn Fn())).collect();
        let mut found = |means: u8| {
            let options = ProofOptions {
                private_steps: means & 1 != 0,
                sleep_sets: means & 2 != 0,
                merge: means & 4 == 0,
                events,
                ..ProofOptions::default()
            };
            // SAFETY: [prove/tests 1] bodies that own nothing.
            let proof =
                unsafe { search(&mut world, &weak(), &bodies, &mut (), &options, &mut |_, _| {}) };
            (proof, options)
        };
        let (all, _) = found(4);
        let broken: BTreeSet<&'static str> = match &all.verdict {
            ProofVerdict::Violation(violation, _) => [violation.oracle].into(),
            _ => BTreeSet::new(),
        };
        let finals: BTreeSet<u128> = all.finals.iter().copied().collect();
        for means in [0, 1, 2, 3, 7] {
            let (proof, options) = found(means);
            compare(&proof, &options, &finals, &broken);
            assert_eq!(
                matches!(proof.verdict, ProofVerdict::Complete),
                broken.is_empty(),
                "{program:#?}"
            );
        }
        outcomes += finals.len() as u64;
        races += u64::from(!broken.is_empty());
    }
    assert!(outcomes > programs, "programs have several outcomes");
    assert!(!plain || (races > 0 && races < programs), "{races} of {programs} race");
}

#[test]
fn random_programs_of_two_threads() {
    agree(60, 2, 3, false, Allowance::default());
    agree(30, 2, 4, false, Allowance::default());
}

#[test]
fn random_programs_of_three_threads() {
    agree(40, 3, 2, false, Allowance::default());
}

#[test]
fn random_programs_that_may_race() {
    agree(100, 2, 4, true, Allowance::default());
    agree(40, 3, 2, true, Allowance::default());
}

#[test]
fn random_programs_with_exchanges_that_fail_for_no_reason() {
    agree(40, 2, 3, true, Allowance { spurious: 1, ..Allowance::default() });
}
