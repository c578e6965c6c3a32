//! The search reaches exactly the final states, and gives exactly the verdict, of an enumeration of
//! all interleavings that merges nothing and leaves nothing out.

use std::collections::BTreeSet;

use hak_core::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use hak_core::{Atomic, Plain};

use crate::runtime::user::{self, atomic_word, plain_word};
use crate::runtime::{
    Allowance, Answers, Body, Plan, Stage, Start, StepEnd, Terms, ThreadId, World, WorldConfig,
};
use crate::search::prove::{Proof, ProofOptions, ProofVerdict, search};

/// All final states, and the names of all oracles that any interleaving runs into.
type Ends = (BTreeSet<u128>, BTreeSet<&'static str>);

pub(super) fn at_once(run: &dyn Fn()) -> Body<'_> {
    Body { start: Start::AtOnce, run }
}

pub(super) fn world() -> World {
    World::new(&WorldConfig::TINY).expect("a small world fits")
}

/// A place of a walk: what is done there, of which thread, and whose turn it is next.
struct Place {
    threads: Vec<ThreadId>,
    stops: Vec<ThreadId>,
    way: Answers,
    next: Option<Answers>,
}

impl Place {
    /// Turns to what was not done yet; `false` if there is nothing.
    fn advance(&mut self) -> bool {
        if let Some(way) = self.next.take() {
            self.way = way;
            return true;
        }
        self.way = Answers::FIRST;
        if self.threads.is_empty() {
            self.stops.pop();
        } else {
            self.threads.remove(0);
        }
        !(self.threads.is_empty() && self.stops.is_empty())
    }
}

/// By making each run from its beginning. Nothing of the search is used, and no snapshot.
fn enumerated(world: &mut World, plan: &Plan, events: Allowance, bodies: &[Body<'_>]) -> Ends {
    let (mut finals, mut broken) = (BTreeSet::new(), BTreeSet::new());
    let mut path: Vec<Place> = Vec::new();
    let terms = Terms { events, ..Terms::default() };
    loop {
        let lead = |stage: &mut Stage| {
            let mut depth = 0;
            loop {
                match stage.open() {
                    StepEnd::Finished => {
                        finals.insert(stage.memory());
                        break;
                    }
                    StepEnd::Violation(violation) => {
                        broken.insert(violation.oracle);
                        break;
                    }
                    StepEnd::Open(open) => {
                        if depth == path.len() {
                            path.push(Place {
                                threads: open.iter().collect(),
                                stops: stage.stoppable(open).iter().collect(),
                                way: Answers::FIRST,
                                next: None,
                            });
                        }
                        let place = &mut path[depth];
                        match place.threads.first() {
                            Some(&thread) => place.next = stage.step(thread, place.way).next,
                            None => stage.stop(place.stops[place.stops.len() - 1]),
                        }
                        depth += 1;
                    }
                }
            }
        };
        // SAFETY: [prove/tests 1] bodies that own nothing.
        unsafe { world.stage(plan, bodies, &mut (), &terms, lead) };
        while let Some(last) = path.last_mut() {
            if last.advance() {
                break;
            }
            path.pop();
        }
        if path.is_empty() {
            return (finals, broken);
        }
    }
}

/// Compares the search, with any mix of its means, with the enumeration. Returns the number of
/// final states.
#[track_caller]
fn agrees(bodies: &[Body<'_>]) -> usize {
    agrees_under(&Plan::default(), Allowance::default(), bodies)
}

/// The same under this plan, and with these events.
#[track_caller]
pub(super) fn agrees_under(plan: &Plan, events: Allowance, bodies: &[Body<'_>]) -> usize {
    let mut world = world();
    let (finals, broken) = enumerated(&mut world, plan, events, bodies);
    let mut states = Vec::new();
    for means in 0..16 {
        let options = ProofOptions {
            private_steps: means & 1 != 0,
            sleep_sets: means & 2 != 0,
            merge: means & 4 == 0,
            clocks_matter: means & 8 == 0,
            events,
            ..ProofOptions::default()
        };
        // SAFETY: [prove/tests 1] bodies that own nothing.
        let proof = unsafe { search(&mut world, plan, bodies, &mut (), &options, &mut |_, _| {}) };
        compare(&proof, &options, &finals, &broken);
        states.push(proof.states);
    }
    if broken.is_empty() {
        assert!(states[3] <= states[0] && states[0] <= states[4], "{states:?}");
    }
    finals.len()
}

/// Whether a search has found what there is.
#[track_caller]
pub(super) fn compare(
    proof: &Proof,
    options: &ProofOptions,
    finals: &BTreeSet<u128>,
    broken: &BTreeSet<&'static str>,
) {
    match &proof.verdict {
        ProofVerdict::Complete => {
            assert!(broken.is_empty() || !options.clocks_matter, "{broken:?} was missed");
            let found: BTreeSet<u128> = proof.finals.iter().copied().collect();
            if options.events.stops > 0 && (options.private_steps || options.sleep_sets) {
                // Where nobody else sees whether a thread stopped in front of a step or behind it,
                // one is enough.
                assert!(found.is_subset(finals), "{options:?}");
            } else {
                assert_eq!(&found, finals, "{options:?}");
            }
        }
        ProofVerdict::Violation(violation, _) => {
            assert!(broken.contains(violation.oracle), "{violation}, but only {broken:?}");
        }
        ProofVerdict::Cut { limit, .. } => panic!("cut by {limit}"),
    }
}

/// An increment that is not atomic.
fn increment(word: usize) {
    let value = atomic_word(word).load(Relaxed);
    atomic_word(word).store(value + 1, Relaxed);
}

#[test]
fn lost_updates_of_two_threads() {
    let twice = || {
        increment(0);
        increment(0);
    };
    assert_eq!(agrees(&[at_once(&twice), at_once(&twice)]), 3);
}

#[test]
fn lost_updates_of_three_threads() {
    let once = || increment(0);
    assert_eq!(agrees(&[at_once(&once), at_once(&once), at_once(&once)]), 3);
}

#[test]
fn words_of_ones_own_and_words_of_all() {
    let body = |mine: usize| {
        move || {
            increment(mine);
            let seen = atomic_word(0).fetch_add(1, SeqCst);
            atomic_word(mine).store(seen, Relaxed);
            increment(mine);
        }
    };
    let (first, second) = (body(1), body(2));
    assert_eq!(agrees(&[at_once(&first), at_once(&second)]), 2);
}

#[test]
fn three_threads_compare_and_exchange_until_they_succeed() {
    let body = || {
        let mut seen = atomic_word(0).load(Acquire);
        while let Err(now) = atomic_word(0).compare_exchange(seen, seen + 1, AcqRel, Acquire) {
            seen = now;
        }
        atomic_word(1).store(seen, Relaxed);
    };
    assert_eq!(agrees(&[at_once(&body), at_once(&body), at_once(&body)]), 3);
}

#[test]
fn a_message_is_passed_in_order() {
    let sender = || {
        plain_word(0).set(7);
        atomic_word(1).store(1, Release);
    };
    let receiver = || {
        if atomic_word(1).load(Acquire) == 1 {
            atomic_word(2).store(plain_word(0).get(), Relaxed);
        }
        increment(3);
    };
    assert_eq!(agrees(&[at_once(&sender), at_once(&receiver)]), 2);
}

#[test]
fn a_message_without_order_is_a_race_that_is_found() {
    let sender = || {
        plain_word(0).set(7);
        atomic_word(1).store(1, Relaxed);
    };
    let receiver = || {
        increment(3);
        if atomic_word(1).load(Acquire) == 1 {
            atomic_word(2).store(plain_word(0).get(), Relaxed);
        }
    };
    agrees(&[at_once(&sender), at_once(&receiver)]);
}

/// Memory and locals are the same whether the reader acquired from the writer or not: only
/// happens-before differs.
#[test]
fn a_race_that_only_one_of_two_equal_states_leads_to_is_found() {
    let writer = || {
        plain_word(0).set(7);
        atomic_word(1).store(0, Release);
        atomic_word(2).store(1, Relaxed);
    };
    let reader = || {
        let _ = atomic_word(1).load(Acquire);
        if atomic_word(2).load(Relaxed) == 1 {
            plain_word(0).get();
        }
    };
    agrees(&[at_once(&writer), at_once(&reader)]);
    let mut world = world();
    let bodies = [at_once(&writer), at_once(&reader)];
    // SAFETY: [prove/tests 1] bodies that own nothing.
    let proof = unsafe {
        search(
            &mut world,
            &Plan::default(),
            &bodies,
            &mut (),
            &ProofOptions::default(),
            &mut |_, _| {},
        )
    };
    assert!(matches!(proof.verdict, ProofVerdict::Violation(..)));
}

/// Treiber's stack over indices: the head is word 0, the link of node n is word n.
fn push(node: u64) {
    let mut head = atomic_word(0).load(Relaxed);
    loop {
        atomic_word(node as usize).store(head, Relaxed);
        match atomic_word(0).compare_exchange(head, node, Release, Relaxed) {
            Ok(_) => return,
            Err(seen) => head = seen,
        }
    }
}

fn pop() -> u64 {
    let mut head = atomic_word(0).load(Acquire);
    while head != 0 {
        let next = atomic_word(head as usize).load(Relaxed);
        match atomic_word(0).compare_exchange(head, next, AcqRel, Acquire) {
            Ok(_) => return head,
            Err(seen) => head = seen,
        }
    }
    0
}

#[test]
fn a_stack_of_indices() {
    let first = || {
        push(1);
        let popped = pop();
        atomic_word(4).store(popped, Relaxed);
    };
    let second = || push(2);
    let third = || {
        let popped = pop();
        atomic_word(5).store(popped, Relaxed);
    };
    assert!(agrees(&[at_once(&first), at_once(&second)]) >= 2);
    assert!(agrees(&[at_once(&first), at_once(&third)]) >= 2);
}

#[test]
fn an_assertion_that_one_order_breaks() {
    let first = || {
        atomic_word(0).store(1, SeqCst);
        increment(2);
        let seen = atomic_word(1).load(SeqCst);
        atomic_word(3).store(seen, Relaxed);
    };
    let second = || {
        atomic_word(1).store(1, SeqCst);
        assert!(atomic_word(0).load(SeqCst) == 1, "the other one is first");
    };
    agrees(&[at_once(&first), at_once(&second)]);
}

#[test]
fn spinning_until_somebody_writes() {
    use crate::runtime::{Sim, Tiny};
    use hak_core::Platform;
    let waiter = || {
        while atomic_word(0).load(Acquire) == 0 {
            Sim::<Tiny>::spin_hint();
        }
        increment(1);
    };
    let writer = || {
        increment(1);
        atomic_word(0).store(1, Release);
    };
    assert_eq!(agrees(&[at_once(&waiter), at_once(&writer)]), 1);
}

#[test]
fn threads_that_begin_behind_others() {
    let once = || increment(0);
    let last = || {
        user::operation();
        user::at_rest();
        increment(0);
    };
    let bodies = [
        Body { start: Start::AtOnce, run: &once },
        Body { start: Start::Joining(0), run: &once },
        Body { start: Start::After(0), run: &once },
        Body { start: Start::AfterAll, run: &last },
    ];
    assert_eq!(agrees(&bodies), 2);
}
