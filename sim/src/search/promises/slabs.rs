//! Promises about the slabs that a heap owns: how they are tidied, and that none gets lost.

use std::cell::{Cell, RefCell};

use hak_core::range::Range;
use hak_core::{Atomic, Ordering, inspect};

use super::{Does, HeldBlock, InOrder};
use crate::runtime::{
    Body, Choice, ChoicePoint, Chooser, Plan, Sim, Start, ThreadId, World, WorldGeometry, user,
};

/// The thread goes on whose turn it is, or the second one, to its end, once the first one has done
/// so many steps.
struct Relay<'a> {
    turn: &'a Cell<ThreadId>,
    behind: u32,
    waited: bool,
}

impl Chooser for Relay<'_> {
    fn begin(&mut self, _threads: usize) {}

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        let waits = point.steps[0] >= self.behind;
        self.waited |= waits && point.runnable.contains(0);
        let next = if waits { 1 } else { self.turn.get() };
        Choice::Run(if point.runnable.contains(next) { next } else { point.runnable.first() })
    }
}

/// What was done before this by the threads that were here comes before what follows.
fn meet() {
    user::atomic_word(0).fetch_add(1, Ordering::AcqRel);
}

pub(super) fn broken<G: WorldGeometry>(world: &mut World) -> Option<String> {
    tidied_too_late::<G>(world)
        .or_else(|| taken_back_too_late::<G>(world))
        .or_else(|| lost_when_reopened::<G>(world, false))
        .or_else(|| lost_when_reopened::<G>(world, true))
        .or_else(|| miscounted_in_a_free::<G>(world))
        .or_else(|| owner_for_ever::<G>(world))
}

/// Slabs that go back in one call, at most: as in the core.
const SLABS: usize = 16;

/// The heap owns many slabs, each with a block or more that is held, and others that are free.
fn many_slabs<G: WorldGeometry>() -> Vec<HeldBlock> {
    let held = Does::<G>::fill(20, G::GEOMETRY.small_max);
    let (stay, go): (Vec<_>, Vec<_>) =
        held.into_iter().enumerate().partition(|(number, _)| number % 2 == 0);
    go.into_iter().for_each(|(_, held)| Does::<G>::free(held));
    let owned = Does::<G>::owned();
    assert!(owned > 2 * SLABS, "{owned} slabs are not many");
    stay.into_iter().map(|(_, held)| held).collect()
}

/// A slow path, which does not touch the class of the many slabs. How many slabs went.
fn slow_path<G: WorldGeometry>() -> usize {
    let before = Does::<G>::owned();
    let run = Does::<G>::ask(G::GEOMETRY.small_max + 1, 16);
    let gone = before - Does::<G>::owned();
    assert!(gone <= SLABS, "{gone} slabs went in one call");
    Does::<G>::free(run);
    gone
}

/// Intervals pass until slabs go, and then none: the others have to go at the next slow paths, down
/// to `left`.
fn tidy<G: WorldGeometry>(left: usize) {
    let mut intervals = 0;
    while (0..6).all(|_| slow_path::<G>() == 0) {
        Sim::<G>::pass_time(G::GEOMETRY.decay_interval + 1);
        intervals += 1;
        assert!(intervals < 5, "nothing was tidied in {intervals} intervals");
    }
    for _ in 0..Does::<G>::owned().div_ceil(SLABS) + 2 {
        slow_path::<G>();
    }
    let owned = Does::<G>::owned();
    assert!(owned <= left, "{owned} slabs are owned, and no interval will pass");
}

fn run_two(
    world: &mut World,
    first: &dyn Fn(),
    second: &dyn Fn(),
    last: &dyn Fn(),
    chooser: &mut Relay<'_>,
) -> Option<String> {
    let bodies = [
        Body { start: Start::AtOnce, run: first },
        Body { start: Start::AtOnce, run: second },
        Body { start: Start::AfterAll, run: last },
    ];
    let plan = Plan { steps_max: 2_000_000, ..Plan::default() };
    let run = world.run(&plan, &bodies, chooser, &mut ());
    run.violation().map(ToString::to_string)
}

/// A class that is not used: all its slabs go, at one slow path after the other.
fn tidied_too_late<G: WorldGeometry>(world: &mut World) -> Option<String> {
    let first = || {
        let held = many_slabs::<G>();
        tidy::<G>(0);
        held.into_iter().for_each(Does::<G>::free);
        Does::<G>::end();
    };
    let turn = Cell::new(0);
    let mut chooser = Relay { turn: &turn, behind: u32::MAX, waited: false };
    run_two(world, &first, &|| {}, &Does::<G>::finish, &mut chooser)
        .map(|said| format!("slabs of a class that is not used: {said}"))
}

/// Another thread frees all blocks of slabs that this one owns: they go back, but for one.
fn taken_back_too_late<G: WorldGeometry>(world: &mut World) -> Option<String> {
    let turn = Cell::new(0);
    let blocks = RefCell::new(Vec::new());
    let first = || {
        blocks.replace(many_slabs::<G>());
        meet();
        turn.set(1);
        meet();
        tidy::<G>(1);
        Does::<G>::end();
    };
    let second = || {
        meet();
        blocks.take().into_iter().for_each(Does::<G>::free);
        Does::<G>::end();
        meet();
    };
    let mut chooser = Relay { turn: &turn, behind: u32::MAX, waited: false };
    run_two(world, &first, &second, &Does::<G>::finish, &mut chooser)
        .map(|said| format!("slabs whose blocks another thread has freed: {said}"))
}

/// A thread asks for a block while the first slab of its list has none, and another one behind it
/// has; meanwhile a second thread frees a block of the first slab, at each of the steps in turn. No
/// slab gets lost, whether the one behind is emptied or `keeps` a block.
fn lost_when_reopened<G: WorldGeometry>(world: &mut World, keeps: bool) -> Option<String> {
    let fits = G::GEOMETRY.slab_size() / G::GEOMETRY.small_max;
    for behind in 0.. {
        let turn = Cell::new(0);
        let one = Cell::new((0, 0));
        let first = || {
            let ask = |count: usize| -> Vec<HeldBlock> {
                (0..count).map(|_| Does::<G>::ask(G::GEOMETRY.small_max, 16)).collect()
            };
            let (mut older, mut newer) = (ask(fits), ask(fits));
            let given = newer.pop().expect("a slab has blocks");
            meet();
            one.set(given);
            // The older slab is full, and nobody's: it comes behind the newer one.
            older.drain(1..).for_each(Does::<G>::free);
            // The last of these is the one that does not come out of the thread cache.
            let again = ask(fits - 1);
            let kept = if keeps { older.pop() } else { None };
            // Unless a block is kept, the older slab is emptied, and its slot is another class's,
            // while the newer one is not.
            older.into_iter().chain(again).chain(newer.pop()).for_each(Does::<G>::free);
            let other = Does::<G>::ask(16, 16);
            let more = ask(fits + 1);
            more.into_iter().chain([other]).for_each(Does::<G>::free);
            Does::<G>::end();
            let owned = Does::<G>::owned();
            assert!(owned == 0, "{owned} slabs are a heap's that was given up");
            meet();
            newer.into_iter().chain([one.take()]).chain(kept).for_each(Does::<G>::free);
            Does::<G>::end();
        };
        let second = || {
            let held = one.take();
            meet();
            Does::<G>::free(held);
            Does::<G>::end();
            meet();
        };
        let mut chooser = Relay { turn: &turn, behind, waited: false };
        let said = run_two(world, &first, &second, &Does::<G>::finish, &mut chooser);
        if let Some(said) = said {
            return Some(format!(
                "a block is freed by another thread behind step {behind}: {said}"
            ));
        }
        if !chooser.waited {
            break;
        }
    }
    None
}

/// A thread stops for ever while it frees blocks, behind each of its steps in turn: its thread
/// cache is as long as it says all the same.
fn miscounted_in_a_free<G: WorldGeometry>(world: &mut World) -> Option<String> {
    let frees = || {
        let held: Vec<HeldBlock> =
            (0..8).map(|_| Does::<G>::ask(G::GEOMETRY.small_max, 16)).collect();
        held.into_iter().for_each(Does::<G>::free);
        Does::<G>::end();
    };
    let counts = || {
        let broken = user::look(|_| {
            let range = Range::<Sim<G>>::get()?;
            inspect::caches(range, &mut |_, _| {}).err()
        });
        assert!(broken.is_none(), "a thread cache is longer or shorter than it says");
    };
    let bodies =
        [Body { start: Start::AtOnce, run: &frees }, Body { start: Start::AfterAll, run: &counts }];
    for steps in 1.. {
        let plan = Plan { stops: Some((0, steps)), steps_max: 2_000_000, ..Plan::default() };
        let run = world.run(&plan, &bodies, &mut InOrder::new(None), &mut ());
        if let Some(violation) = run.violation() {
            return Some(format!("a thread stops behind step {steps} of frees: {violation}"));
        }
        if !run.stopped {
            break;
        }
    }
    None
}

/// A heap that was given up is no thread's.
fn owner_for_ever<G: WorldGeometry>(world: &mut World) -> Option<String> {
    let body = || {
        let held = Does::<G>::ask(16, 16);
        let range = Range::<Sim<G>>::get().expect("a range");
        let slab = range.slab_index_of(held.0).expect("a block of the range");
        let owner = inspect::slot(range, slab).owner();
        assert!(inspect::is_owner(range, owner), "the slab is this thread's");
        Does::<G>::free(held);
        Does::<G>::end();
        assert!(!inspect::is_owner(range, owner), "a heap that was given up has a thread");
    };
    let bodies = [Body { start: Start::AtOnce, run: &body }];
    let run = world.run(&Plan::default(), &bodies, &mut InOrder::new(None), &mut ());
    run.violation().map(ToString::to_string)
}
