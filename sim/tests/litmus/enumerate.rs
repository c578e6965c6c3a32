//! Every run of a litmus test: a chooser that walks the tree of all choices, depth first.
//!
//! The path to the present run is a list of (choice, number of possibilities). A run follows the
//! path and takes the first possibility wherever the path ends; afterwards the last choice that has
//! another possibility takes it. Threads that have not begun begin first, one after the other: a
//! first step changes nothing that others could see.

use std::collections::BTreeSet;

use hak_sim::runtime::{
    Access, Body, Choice, ChoicePoint, Chooser, End, Kind, MemoryModel, Plan, Start, ThreadId,
    World, WorldConfig,
};

use crate::Registers;

/// More runs than any test here has.
const RUNS_MAX: usize = 4_000_000;

/// Walks the tree.
#[derive(Default)]
struct Walk {
    path: Vec<(usize, usize)>,
    depth: usize,
    /// Whether weak compare-exchanges may fail spuriously.
    spurious: bool,
}

impl Walk {
    fn pick(&mut self, possibilities: usize) -> usize {
        if self.depth == self.path.len() {
            self.path.push((0, possibilities));
        }
        let (picked, recorded) = self.path[self.depth];
        assert_eq!(recorded, possibilities, "the same choices lead to the same place");
        self.depth += 1;
        picked
    }

    /// Goes on to the next path; `false` if there is none.
    fn advance(&mut self) -> bool {
        self.path.truncate(self.depth);
        while let Some((picked, possibilities)) = self.path.pop() {
            if picked + 1 < possibilities {
                self.path.push((picked + 1, possibilities));
                return true;
            }
        }
        false
    }
}

impl Chooser for Walk {
    fn begin(&mut self, _threads: usize) {
        self.depth = 0;
    }

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        let mut threads = point.runnable.iter();
        if let Some(fresh) = threads.find(|&thread| point.pending[thread].kind == Kind::Start) {
            return Choice::Run(fresh);
        }
        let place = self.pick(point.runnable.len());
        Choice::Run(point.runnable.nth(place))
    }

    fn read_from(&mut self, _: ThreadId, _: &Access, candidates: usize) -> usize {
        self.pick(candidates)
    }

    fn spurious_failure(&mut self, _: ThreadId, _: &Access) -> bool {
        self.spurious && self.pick(2) == 1
    }
}

/// The outcomes of all runs: what the registers hold when every thread has ended.
pub(crate) fn outcomes(
    memory: MemoryModel,
    spurious: bool,
    threads: &[&dyn Fn(&Registers)],
    registers_used: usize,
) -> BTreeSet<String> {
    let registers = Registers::default();
    let closures: Vec<_> = threads.iter().map(|body| || body(&registers)).collect();
    let last = closures.len() - 1;
    let bodies: Vec<Body<'_>> = closures
        .iter()
        .enumerate()
        .map(|(thread, run)| {
            // The last body looks at what is left.
            let start = if thread == last { Start::AfterAll } else { Start::AtOnce };
            Body { start, run }
        })
        .collect();
    let mut world = World::new(&WorldConfig::TINY).expect("a small world fits");
    let plan = Plan { steps_max: 1_000, memory, ..Plan::default() };
    let mut walk = Walk { spurious, ..Walk::default() };
    let mut found = BTreeSet::new();
    for _ in 0..RUNS_MAX {
        registers.clear();
        let run = world.run(&plan, &bodies, &mut walk, &mut ());
        found.insert(match &run.end {
            End::Finished => registers.show(registers_used),
            End::Violation(violation) => violation.oracle.to_owned(),
            End::Stopped => unreachable!("nobody stops a run"),
        });
        if !walk.advance() {
            return found;
        }
    }
    panic!("more than {RUNS_MAX} runs");
}
