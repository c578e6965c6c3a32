//! What happens beside the interleaving: the search lets it happen at each place, and not more
//! often than it may.

use hak_core::Ordering::{AcqRel, Acquire, Relaxed, Release};
use hak_core::{Atomic, Platform};

use super::enumeration::{agrees_under, at_once, world};
use crate::run::script::{Script, Way};
use crate::runtime::user::{atomic_word, plain_word};
use crate::runtime::{Allowance, Body, End, MemoryModel, Plan, Sim, ThreadId, Tiny, oracle};
use crate::search::prove::{Proof, ProofOptions, ProofVerdict, search};
use hak_core::Plain;

const NONE: Allowance = Allowance { failures: 0, spurious: 0, stops: 0 };

fn weak() -> Plan {
    Plan { memory: MemoryModel::Weak, ..Plan::default() }
}

/// One try to count up, which may fail; puts down how it went.
fn try_once(result: usize) {
    let seen = atomic_word(0).load(Relaxed);
    let done = atomic_word(0).compare_exchange_weak(seen, seen + 1, AcqRel, Acquire);
    plain_word(result).set(1 + u64::from(done.is_ok()));
}

#[test]
fn exchanges_fail_for_no_reason_as_often_as_they_may() {
    let (first, second) = (|| try_once(8), || try_once(9));
    let bodies = [at_once(&first), at_once(&second)];
    // Both succeed, or one of them fails; with one more failure, both.
    for (spurious, outcomes) in [(0, 3), (1, 3), (2, 4)] {
        for plan in [Plan::default(), weak()] {
            let events = Allowance { spurious, ..NONE };
            assert_eq!(agrees_under(&plan, events, &bodies), outcomes, "{spurious}");
        }
    }
}

#[test]
fn system_calls_fail_as_often_as_they_may() {
    let body = |word: usize| {
        move || {
            let start = Sim::<Tiny>::reserve(64, 64, 0);
            let got = !start.is_null() && Sim::<Tiny>::commit(start, 64);
            plain_word(word).set(1 + u64::from(got));
        }
    };
    let (first, second) = (body(8), body(9));
    let bodies = [at_once(&first), at_once(&second)];
    let count = |failures| agrees_under(&Plan::default(), Allowance { failures, ..NONE }, &bodies);
    // Who reserves first gets the first page, and each may be left with its range and no memory, or
    // with nothing: which differ in the page that is committed only.
    assert!(count(0) < count(1) && count(1) < count(2));
}

#[test]
fn threads_stop_in_front_of_each_of_their_steps() {
    let body = |mine: usize| {
        move || {
            atomic_word(mine).store(1, Release);
            atomic_word(0).fetch_add(1, AcqRel);
            plain_word(8 + mine).set(atomic_word(3 - mine).load(Acquire) + 1);
        }
    };
    let (first, second) = (body(1), body(2));
    for plan in [Plan::default(), weak()] {
        let bodies = [at_once(&first), at_once(&second)];
        let all = agrees_under(&plan, Allowance { stops: 1, ..NONE }, &bodies);
        assert!(all > agrees_under(&plan, NONE, &bodies));
    }
}

/// Takes the lock, counts, gives it back.
fn locked() {
    while atomic_word(0).swap(1, Acquire) == 1 {
        Sim::<Tiny>::spin_hint();
    }
    plain_word(8).set(plain_word(8).get() + 1);
    atomic_word(0).store(0, Release);
}

fn prove(plan: &Plan, bodies: &[Body<'_>], stops: u32) -> Proof {
    let options = ProofOptions { events: Allowance { stops, ..NONE }, ..ProofOptions::default() };
    // SAFETY: [prove/tests 1] bodies that own nothing.
    unsafe { search(&mut world(), plan, bodies, &mut (), &options, &mut |_, _| {}) }
}

#[test]
fn who_stops_with_a_lock_stops_the_others_and_the_schedule_runs_again() {
    for plan in [Plan::default(), weak()] {
        let bodies = [at_once(&locked), at_once(&locked)];
        assert!(matches!(prove(&plan, &bodies, 0).verdict, ProofVerdict::Complete));
        let ProofVerdict::Violation(violation, schedule) = prove(&plan, &bodies, 1).verdict else {
            panic!("the other one waits for ever");
        };
        assert_eq!(violation.oracle, oracle::PROGRESS);
        let at = schedule.iter().position(|step| step.way == Way::Stop).expect("one stops");
        let thread: ThreadId = schedule[at].thread;
        let steps = schedule[..at].iter().filter(|step| step.thread == thread).count() as u32;
        let plan = Plan { stops: Some((thread, steps)), ..plan };
        let run = world().run(&plan, &bodies, &mut Script::new(&schedule), &mut ());
        match run.end {
            End::Violation(again) => assert_eq!(again.oracle, violation.oracle),
            other => panic!("{other:?}"),
        }
    }
}
