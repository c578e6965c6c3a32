//! Who runs when, and how runs end.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};

use hak_core::Misuse;

use super::super::strategy::{Pct, Pos, RoundRobin, Surw};
use super::super::{
    Access, Answers, Choice, ChoicePoint, Chooser, Finding, Kind, Observer, Stage, StepEnd, Terms,
    ThreadId, Verdict, Wants, WorldView,
};
use super::*;

#[test]
fn a_lost_update_is_found_by_every_strategy() {
    let add = || {
        let seen = atomic_word(0).load(Relaxed);
        atomic_word(0).store(seen + 1, Relaxed);
    };
    let last = || assert_eq!(atomic_word(0).load(Relaxed), 2, "an update was lost");
    let epilogue = Body { start: Start::AfterAll, run: &last };
    let bodies = [at_once(&add), at_once(&add), epilogue];
    let mut world = world();
    let mut strategies: [Box<dyn Strategy>; 5] = [
        Box::new(Random::new(1)),
        Box::new(Pct::new(1, 2, 7)),
        Box::new(RoundRobin::new(1)),
        Box::new(Pos::new(1)),
        Box::new(Surw::new(1, 3)),
    ];
    for strategy in &mut strategies {
        let found = (0..100).any(|schedule| {
            strategy.aim(schedule);
            let run = world.run(&Plan::default(), &bodies, &mut **strategy, &mut ());
            run.violation().is_some_and(|violation| {
                assert_eq!(violation.oracle, oracle::ASSERTION);
                assert!(violation.message.contains("an update was lost"), "{violation}");
                violation.thread == 2
            })
        });
        assert!(found);
    }
}

#[test]
fn a_run_that_does_not_end_makes_no_progress() {
    let forever = || {
        loop {
            atomic_word(0).fetch_add(1, Relaxed);
        }
    };
    let violation = finds(oracle::PROGRESS, &[at_once(&forever)]);
    assert_eq!(violation.step, 10_000);
}

#[test]
fn a_circle_over_plain_memory_makes_no_progress() {
    let circle = || {
        loop {
            plain_word(0).get();
        }
    };
    finds(oracle::PROGRESS, &[at_once(&circle)]);
    // As many accesses are no circle if there are steps between them.
    let walk = || {
        for _ in 0..200 {
            for _ in 0..1_000 {
                plain_word(0).get();
            }
            atomic_word(1).fetch_add(1, Relaxed);
        }
    };
    finds_nothing(&[at_once(&walk)]);
}

#[test]
fn threads_that_only_spin_make_no_progress() {
    let wait = || {
        while atomic_word(0).load(Acquire) == 0 {
            Platform64::spin_hint();
        }
    };
    let violation = finds(oracle::PROGRESS, &[at_once(&wait), at_once(&wait)]);
    assert!(violation.message.contains("only spins"), "{violation}");
    let set = || atomic_word(0).store(1, Release);
    let body = |then: &dyn Fn()| finds_nothing(&[at_once(&wait), at_once(&wait), at_once(then)]);
    body(&set);
    let mut world = world();
    let mut pct = Pct::new(1, 3, 10);
    for schedule in 0..100 {
        pct.aim(schedule);
        let bodies = [at_once(&wait), at_once(&set)];
        let run = world.run(&Plan::default(), &bodies, &mut pct, &mut ());
        assert!(matches!(run.end, End::Finished));
        assert!(run.spins <= 2);
    }
}

#[test]
fn threads_that_wait_for_each_other_make_no_progress() {
    let nothing = || {};
    let waiting = |other| Body { start: Start::After(other), run: &nothing };
    let violation = finds(oracle::PROGRESS, &[waiting(1), waiting(0)]);
    assert!(violation.message.contains("waits"), "{violation}");
}

#[test]
fn a_thread_begins_after_another_without_order_or_with_it() {
    let write = || plain_word(0).set(1);
    let read = || assert_eq!(plain_word(0).get(), 1);
    let after = |start| [at_once(&write), Body { start, run: &read }];
    finds_nothing(&after(Start::Joining(0)));
    finds_nothing(&after(Start::AfterAll));
    finds(oracle::DATA_RACE, &after(Start::After(0)));
}

#[test]
fn misuse_is_a_violation() {
    let body = || Platform64::misuse(Misuse::DoubleFree, 0x40);
    finds(oracle::MISUSE, &[at_once(&|| body())]);
}

#[test]
fn heaps_belong_to_threads() {
    let body = || {
        assert!(Platform64::thread_heap() == hak_core::Heap::nobody());
        assert_eq!(atomic_word(0).fetch_add(1, Relaxed) / 2, 0);
        assert!(Platform64::thread_heap() == hak_core::Heap::nobody());
        assert!(user::thread() < 2);
    };
    finds_nothing(&[at_once(&body), at_once(&body)]);
}

/// Keeps what it sees; ends the run at a step.
#[derive(Default)]
struct Recorder {
    seen: RefCell<Vec<(ThreadId, Kind, u64, u64)>>,
    stop_at: u64,
    accuse: bool,
}

impl Observer for Recorder {
    fn wants(&self) -> Wants {
        Wants::EVERYTHING
    }

    fn before(&mut self, _: ThreadId, access: &Access, view: &WorldView<'_>) -> Verdict {
        if view.step() == self.stop_at {
            return if self.accuse {
                Verdict::Violation(Finding::new("mine", "it is wrong"))
            } else {
                Verdict::Stop
            };
        }
        assert!(access.kind == Kind::Start || view.is_committed(access.offset));
        Verdict::Go
    }

    fn after(
        &mut self,
        thread: ThreadId,
        access: &Access,
        old: u64,
        new: u64,
        view: &WorldView<'_>,
    ) -> Verdict {
        if access.kind != Kind::Start {
            assert_eq!(view.read(access.offset, access.bytes), new);
            assert_eq!(atomic_word(0).load(Relaxed), view.read(access.offset, 8), "a raw read");
        }
        self.seen.borrow_mut().push((thread, access.kind, old, new));
        Verdict::Go
    }
}

#[test]
fn an_observer_sees_every_access_and_can_end_the_run() {
    let body = || {
        atomic_word(0).store(3, Relaxed);
        assert!(atomic_word(0).compare_exchange(4, 5, Relaxed, Relaxed).is_err());
        atomic_word(0).fetch_sub(1, Relaxed);
    };
    let mut world = world();
    let mut run = |observer: &mut Recorder| {
        world.run(&Plan::default(), &[at_once(&body)], &mut Random::new(0), observer)
    };
    let mut recorder = Recorder { stop_at: u64::MAX, ..Recorder::default() };
    assert!(matches!(run(&mut recorder).end, End::Finished));
    let expected = [
        (0, Kind::Start, 0, 0),
        (0, Kind::Store, 0, 3),
        (0, Kind::CompareExchange, 3, 3),
        (0, Kind::FetchSub, 3, 2),
    ];
    assert_eq!(*recorder.seen.borrow(), expected);
    let mut recorder = Recorder { stop_at: 3, ..Recorder::default() };
    assert!(matches!(run(&mut recorder).end, End::Stopped));
    assert_eq!(recorder.seen.borrow().len(), 2);
    let mut recorder = Recorder { stop_at: 2, accuse: true, ..Recorder::default() };
    assert_eq!(run(&mut recorder).violation().expect("accused").oracle, "mine");
}

#[test]
fn an_access_that_breaks_a_rule_has_no_effect() {
    let body = || atomic_word(0).store(3, Relaxed);
    let mut world = world();
    let mut recorder = Recorder { stop_at: 2, accuse: true, ..Recorder::default() };
    world.run(&Plan::default(), &[at_once(&body)], &mut Random::new(0), &mut recorder);
    assert_eq!(world.inspect(|| atomic_word(0).load(Relaxed)), 0);
    world.run(&Plan::default(), &[at_once(&body)], &mut Random::new(0), &mut ());
    assert_eq!(world.inspect(|| atomic_word(0).load(Relaxed)), 3);
    assert_eq!(world.read(world.user_offset(), 8), 3);
}

#[test]
#[should_panic(expected = "the observer's own panic")]
fn a_panic_of_an_observer_is_not_taken_for_one_of_the_program() {
    struct Panics;
    impl Observer for Panics {
        fn wants(&self) -> Wants {
            Wants::BEFORE_STEPS
        }

        fn before(&mut self, _: ThreadId, _: &Access, _: &WorldView<'_>) -> Verdict {
            panic!("the observer's own panic");
        }
    }
    let body = || {};
    world().run(&Plan::default(), &[at_once(&body)], &mut Random::new(0), &mut Panics);
}

/// Counts pages in front of plain accesses.
struct LooksAtPages;

impl Observer for LooksAtPages {
    fn wants(&self) -> Wants {
        Wants::BEFORE_PLAIN
    }

    fn before(&mut self, _: ThreadId, _: &Access, view: &WorldView<'_>) -> Verdict {
        user::committed_bytes(view.base(), 64);
        Verdict::Go
    }
}

#[test]
#[should_panic(expected = "no simulated world is looked at")]
fn pages_are_counted_while_nobody_has_the_engine_borrowed() {
    let body = || {
        assert_eq!(user::look(|_| user::committed_bytes(Platform64::root().addr().get(), 64)), 64);
        plain_word(0).get();
    };
    world().run(&Plan::default(), &[at_once(&body)], &mut Random::new(0), &mut LooksAtPages);
}

/// What a body may panic with: it unwinds once more when it is dropped.
struct PanicsAgain;

impl Drop for PanicsAgain {
    fn drop(&mut self) {
        resume_unwind(Box::new("again"));
    }
}

#[test]
fn who_catches_a_panic_on_a_stage_is_no_simulated_code() {
    let body = || panic_any(PanicsAgain);
    let lead = |stage: &mut Stage| {
        assert!(matches!(stage.open(), StepEnd::Open(_)));
        let step = AssertUnwindSafe(|| stage.step(0, Answers::FIRST));
        assert!(catch_unwind(step).is_err());
        assert!(catch_unwind(user::thread).is_err(), "no fiber runs");
    };
    let bodies = [at_once(&body)];
    // SAFETY: [runtime/tests 3]
    unsafe { world().stage(&Plan::default(), &bodies, &mut (), &Terms::default(), lead) };
}

/// Lets the last thread begin, and the first one run to its end; panics then.
struct PanicsAtAnEnd(usize);

impl Chooser for PanicsAtAnEnd {
    fn begin(&mut self, _: usize) {}

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        self.0 += 1;
        match self.0 {
            1 => Choice::Run(2),
            2 => Choice::Run(0),
            _ => {
                assert!(point.runnable.contains(0), "the chooser's own panic");
                Choice::Run(0)
            }
        }
    }
}

#[test]
fn nobody_is_unwound_when_a_chooser_panics_between_two_threads() {
    struct Tells<'a>(&'a Cell<bool>);
    impl Drop for Tells<'_> {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let dropped = Cell::new(false);
    let body = || {
        let _tells = Tells(&dropped);
        atomic_word(0).load(Relaxed);
    };
    let short = || {};
    let bodies = [at_once(&short), at_once(&short), at_once(&body)];
    let mut world = world();
    let mut chooser = PanicsAtAnEnd(0);
    let plan = Plan::default();
    let run = AssertUnwindSafe(|| world.run(&plan, &bodies, &mut chooser, &mut ()));
    assert!(catch_unwind(run).is_err());
    assert_eq!((chooser.0, dropped.get()), (3, false));
    assert!(catch_unwind(user::thread).is_err(), "no fiber runs");
    assert!(matches!(self::run(&mut world, &bodies, 0).end, End::Finished));
}

#[test]
fn steps_choices_and_operations_are_counted() {
    let body = || {
        user::operation();
        atomic_word(0).load(Relaxed);
        user::operation();
        plain_word(1).get();
    };
    let mut world = world();
    let alone = run(&mut world, &[at_once(&body)], 0);
    assert_eq!((alone.steps, alone.choices, alone.switches), (2, 0, 0));
    assert_eq!((alone.plain_accesses, alone.operations[0]), (1, 2));
    let both = run(&mut world, &[at_once(&body), at_once(&body)], 0);
    assert_eq!(both.steps, 4);
    assert!(both.choices >= 2 && both.switches >= 1);
}

#[test]
fn a_body_may_panic_in_one_run_and_not_in_the_next() {
    let panics = Cell::new(true);
    let body = || assert!(!panics.get(), "this time");
    let mut world = world();
    let first = run(&mut world, &[at_once(&body)], 0);
    assert!(first.violation().expect("it panicked").message.contains("this time"));
    panics.set(false);
    assert!(matches!(run(&mut world, &[at_once(&body)], 0).end, End::Finished));
}
