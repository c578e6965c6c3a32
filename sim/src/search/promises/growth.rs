//! What is promised of a range that grows: no unit is lost, whatever the system refuses and
//! whoever else grows it meanwhile, and a request gets what there is.
//!
//! - *Refusals.* Each call of the system for addresses or tables is refused in turn, once, or from
//!   then on: requests end, and when nothing is refused any more all planned units are had. If only
//!   long pieces are refused, all are had at once.
//! - *Others.* A thread that grows the range waits in front of each of its steps in turn while
//!   another one grows it, to its end.
//!
//! A unit that was never obtained is not missed by any other rule: there are enough of them.

use std::cell::Cell;

use hak_core::inspect;
use hak_core::range::Range;

use super::{Does, HeldBlock, MEANWHILE, TICKS};
use crate::runtime::{
    Access, Body, Choice, ChoicePoint, Chooser, Kind, Plan, Sim, Start, ThreadId, World,
    WorldGeometry,
};

/// What is refused. Never what is refused for ever: addresses that somebody else has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Nothing.
    Nothing,
    /// To the first thread, this call, counted from 0.
    Once(u32),
    /// To the first thread, this call and all behind it.
    From(u32),
    /// Addresses of more than one unit at once.
    LongPieces,
    /// To the thread that waits: another piece, after it was told once that one is taken.
    AnotherPiece,
    /// To the thread that waits and to the other one: the last call for a piece, the memory of its
    /// part of the slab table, and all behind it.
    LastCall,
    /// To the first thread, of the growth that begins with this call, the memory of its part of the
    /// slab table, which makes the piece one that is noted; to the thread that waits, everything.
    NotedPiece(u32),
}

/// Lets the thread that waits go on as far as `behind` of its steps, then the other one to its end.
struct Grows {
    rule: Rule,
    behind: u32,
    waited: bool,
    /// It was refused something behind that.
    refused_since: bool,
    /// Bytes of a unit.
    unit: usize,
    calls: u32,
    threads: [Calls; 4],
}

/// What a thread has called.
#[derive(Clone, Copy, Default)]
struct Calls {
    /// Calls for addresses, since the last other one.
    extends: u32,
    /// All is refused from now on.
    refused: bool,
}

impl Grows {
    fn new(rule: Rule, behind: u32, unit: usize) -> Grows {
        let threads = [Calls::default(); 4];
        Grows { rule, behind, waited: false, refused_since: false, unit, calls: 0, threads }
    }
}

impl Chooser for Grows {
    fn begin(&mut self, threads: usize) {
        assert!(threads <= self.threads.len());
    }

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        let waits = point.runnable.contains(TICKS) && point.steps[TICKS] >= self.behind;
        self.waited |= waits;
        let next = if waits { MEANWHILE } else { TICKS };
        let next = if point.runnable.contains(next) { next } else { point.runnable.first() };
        Choice::Run(next)
    }

    fn system_call_fails(&mut self, thread: ThreadId, access: &Access) -> bool {
        let is_extend = access.kind == Kind::Extend;
        // The simulated system has two ways to say no: these addresses are taken then, for ever.
        let is_taken = is_extend && !(access.offset / access.bytes).is_multiple_of(2);
        if !matches!(access.kind, Kind::Ensure | Kind::Extend) || is_taken {
            self.threads[thread].extends += u32::from(is_extend);
            return false;
        }
        let calls = &mut self.threads[thread];
        let extends = calls.extends;
        calls.extends = if is_extend { extends + 1 } else { 0 };
        self.calls += u32::from(thread == 0);
        let number = self.calls.wrapping_sub(1);
        calls.refused |= match self.rule {
            Rule::AnotherPiece => thread == TICKS && !is_extend && extends == 1,
            Rule::LastCall => matches!(thread, TICKS | MEANWHILE) && !is_extend && extends == 2,
            Rule::NotedPiece(first) => {
                thread == TICKS || thread == 0 && number >= first && extends >= 1
            }
            _ => false,
        };
        self.refused_since |= calls.refused && thread == TICKS && self.waited;
        calls.refused
            || match self.rule {
                Rule::Once(call) => thread == 0 && number == call,
                Rule::From(call) => thread == 0 && number >= call,
                Rule::LongPieces => is_extend && extends == 0 && access.bytes > self.unit,
                _ => false,
            }
    }
}

/// A mapping of so many units.
fn mapping<G: WorldGeometry>(units: usize) -> HeldBlock {
    let unit = G::GEOMETRY.unit_size();
    Does::<G>::ask((G::GEOMETRY.run_max() + 1).max((units - 1) * unit + 1), 16)
}

/// Asks for single units until null is said; the last one that was had.
fn fill_up<G: WorldGeometry>() -> Option<HeldBlock> {
    std::iter::repeat_with(|| mapping::<G>(1)).take_while(|held| held.0 != 0).last()
}

/// All units that were planned are obtained, and in use, behind this.
fn fill_up_to_the_end<G: WorldGeometry>() {
    let last = fill_up::<G>();
    let range = Range::<Sim<G>>::get().expect("a range");
    let (mut obtained, mut free) = (0, 0);
    inspect::units(range, |unit| {
        obtained += usize::from(unit.obtained);
        free += usize::from(unit.obtained && !unit.claimed);
    });
    assert!(obtained == range.units(), "{} units are lost", range.units() - obtained);
    assert!(free == 0, "null was said, and {free} units are free");
    // The last unit is one of those that only single units get.
    let Some(last) = last else { return };
    let grown = Does::<G>::grow(last, G::GEOMETRY.unit_size());
    assert!(grown == (last.0, G::GEOMETRY.unit_size()), "a block may grow to the end of its unit");
}

/// The first of these promises that is not kept.
pub(super) fn broken<G: WorldGeometry>(world: &mut World) -> Option<String> {
    // The geometry in which a whole range is a few units.
    if G::GEOMETRY.units_max > 64 {
        return None;
    }
    lost_by_a_refusal::<G>(world).or_else(|| lost_to_another_thread::<G>(world))
}

fn lost_by_a_refusal<G: WorldGeometry>(world: &mut World) -> Option<String> {
    let fills = || {
        // So that the usual pieces do not end where the range ends.
        mapping::<G>(3);
        while mapping::<G>(1).0 != 0 {}
        Does::<G>::end();
    };
    let ends = || {
        fill_up_to_the_end::<G>();
        Does::<G>::end();
    };
    let single = || fill_up_to_the_end::<G>();
    let mut run = |rule: Rule| {
        let first: &dyn Fn() = if rule == Rule::LongPieces { &single } else { &fills };
        let bodies = [
            Body { start: Start::AtOnce, run: first },
            Body { start: Start::Joining(0), run: &ends },
        ];
        let plan = Plan { steps_max: 200_000, ..Plan::default() };
        let mut chooser = Grows::new(rule, u32::MAX, G::GEOMETRY.unit_size());
        let run = world.run(&plan, &bodies, &mut chooser, &mut ());
        let broken = run.violation();
        (broken.map(|broken| format!("a range grows, refused: {rule:?}: {broken}")), chooser.calls)
    };
    let (broken, calls) = run(Rule::Nothing);
    let rules = (0..calls).flat_map(|call| [Rule::Once(call), Rule::From(call)]);
    broken.or_else(|| rules.chain([Rule::LongPieces]).find_map(|rule| run(rule).0))
}

/// How many calls the first thread makes until it has so many units.
fn calls_for<G: WorldGeometry>(world: &mut World, units: usize) -> u32 {
    let holds = || {
        (0..units).for_each(|_| assert!(mapping::<G>(1).0 != 0, "there is room"));
        Does::<G>::end();
    };
    let bodies = [Body { start: Start::AtOnce, run: &holds }];
    let mut chooser = Grows::new(Rule::Nothing, u32::MAX, G::GEOMETRY.unit_size());
    let plan = Plan { steps_max: 200_000, ..Plan::default() };
    world.run(&plan, &bodies, &mut chooser, &mut ());
    chooser.calls
}

fn lost_to_another_thread<G: WorldGeometry>(world: &mut World) -> Option<String> {
    let units = G::GEOMETRY.units_max;
    let most = (units / G::GEOMETRY.growth_part).clamp(1, G::GEOMETRY.growth_max);
    let noted = Rule::NotedPiece(calls_for::<G>(world, most));
    // Units that are held, how many the other thread wants, and what is refused. Then the next
    // piece is one of the usual length, or the last one.
    let variants = [
        (most, 1, Rule::Nothing),
        (most, 2 * most + 2, Rule::Nothing),
        (units - most, 1, Rule::Nothing),
        (most, 1, Rule::AnotherPiece),
        (most, 1, Rule::LastCall),
        (most, 1, noted),
    ];
    for (held, wanted, rule) in variants {
        let holds = || {
            (0..held).for_each(|_| assert!(mapping::<G>(1).0 != 0, "there is room"));
            if rule == noted {
                assert!(mapping::<G>(1).0 == 0, "the growth for it is refused");
            }
            Does::<G>::end();
        };
        let is_had = Cell::new(false);
        let waits = || {
            is_had.set(mapping::<G>(1).0 != 0);
            Does::<G>::end();
        };
        let meanwhile = || {
            mapping::<G>(wanted);
            Does::<G>::end();
        };
        let ends = fill_up_to_the_end::<G>;
        let bodies = [
            Body { start: Start::AtOnce, run: &holds },
            Body { start: Start::Joining(0), run: &waits },
            Body { start: Start::Joining(0), run: &meanwhile },
            Body { start: Start::AfterAll, run: &ends },
        ];
        for behind in 0.. {
            let plan = Plan { steps_max: 200_000, ..Plan::default() };
            let mut chooser = Grows::new(rule, behind, G::GEOMETRY.unit_size());
            let run = world.run(&plan, &bodies, &mut chooser, &mut ());
            let broken = run.violation().map(ToString::to_string);
            // Who was refused something before others grew the range has nothing to look for.
            let may_be_null = match rule {
                Rule::LastCall => true,
                Rule::NotedPiece(_) => !chooser.refused_since,
                _ => false,
            };
            let is_wrong = !is_had.get() && !may_be_null;
            let broken = broken.or(is_wrong.then(|| "null was said, and there are units".into()));
            if let Some(broken) = broken {
                return Some(format!(
                    "a thread that grows the range waits behind step {behind}, another one wants \
                     {wanted} units, {held} are held, refused: {rule:?}: {broken}"
                ));
            }
            if !chooser.waited {
                // It has fewer steps.
                break;
            }
        }
    }
    None
}
