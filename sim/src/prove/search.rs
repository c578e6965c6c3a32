//! The search: one pass after another, each a depth-first walk.
//!
//! ```text
//! arrive at a state ── finished ──► a final state
//!        │         └── broken rule ──► the end
//!        ├── visited ──► back, unless threads are awake that slept then
//!        ├── a private step ──► do it, arrive
//!        ├── one step to follow ──► do it, arrive
//!        └── several ──► mark, and for each: rewind, do it, arrive
//! ```

use std::collections::BTreeSet;
use std::rc::Rc;

use super::reach::Reach;
use super::visited::{Visit, Visited};
use super::{Options, Proof, Verdict};
use crate::runtime::{
    Body, Observer, Plan, Stage, StepEnd, ThreadId, ThreadSet, Touched, Violation, World,
};

/// Searches all schedules of these bodies. `progress` is told now and then how many states were visited, and how many steps
/// done.
///
/// # Panics
/// The observer stops a run, or panics.
pub fn search(
    world: &mut World,
    plan: &Plan,
    bodies: &[Body<'_>],
    observer: &mut dyn Observer,
    options: &Options,
    progress: &mut dyn FnMut(u64, u64),
) -> Proof {
    let mut reach = Reach::default();
    let (mut passes, mut before) = (0, 0);
    loop {
        passes += 1;
        let pass = world.stage(plan, bodies, observer, options.clocks_matter, |stage| {
            let mut pass = Pass::new(stage, &mut reach, options, progress, before);
            let result = pass.run();
            (result, pass.counts())
        });
        let (result, counts) = pass;
        before += counts.transitions;
        let verdict = match result {
            Ok(()) if options.needs_reach() && reach.take_grown() => continue,
            Ok(()) => Verdict::Complete,
            Err(verdict) => verdict,
        };
        return Proof { verdict, passes, transitions_all: before, ..counts };
    }
}

/// A step that need not be followed behind an independent one.
#[derive(Clone)]
struct Sleeper {
    thread: ThreadId,
    touched: Rc<Touched>,
}

/// A marked state, of which several steps are followed.
struct Node {
    todo: ThreadSet,
    sleepers: Vec<Sleeper>,
    depth: usize,
}

struct Pass<'a, 'b> {
    stage: &'a mut Stage,
    reach: &'a mut Reach,
    options: &'a Options,
    progress: &'a mut (dyn FnMut(u64, u64) + 'b),
    visited: Visited,
    nodes: Vec<Node>,
    path: Vec<ThreadId>,
    finals: BTreeSet<u128>,
    states: u64,
    transitions: u64,
    transitions_before: u64,
    depth: u64,
}

const PROGRESS_INTERVAL: u64 = 1 << 14;

impl<'a, 'b> Pass<'a, 'b> {
    fn new(
        stage: &'a mut Stage,
        reach: &'a mut Reach,
        options: &'a Options,
        progress: &'a mut (dyn FnMut(u64, u64) + 'b),
        transitions_before: u64,
    ) -> Self {
        Pass {
            stage,
            reach,
            options,
            progress,
            visited: Visited::new(),
            nodes: Vec::new(),
            path: Vec::new(),
            finals: BTreeSet::new(),
            states: 0,
            transitions: 0,
            transitions_before,
            depth: 0,
        }
    }

    fn counts(self) -> Proof {
        Proof {
            verdict: Verdict::Complete,
            states: self.states,
            transitions: self.transitions,
            transitions_all: 0,
            depth: self.depth,
            finals: self.finals.into_iter().collect(),
            passes: 0,
            bytes: self.visited.bytes() + self.stage.bytes_max(),
        }
    }

    fn run(&mut self) -> Result<(), Verdict> {
        self.arrive(Vec::new())?;
        while let Some(node) = self.nodes.last_mut() {
            let Some(thread) = node.todo.iter().next() else {
                self.nodes.pop();
                self.stage.unmark();
                continue;
            };
            node.todo = node.todo.without(thread);
            let (last, depth) = (node.todo.is_empty(), node.depth);
            self.stage.rewind();
            self.path.truncate(depth);
            let touched = Rc::new(self.step(thread));
            let node = self.nodes.last_mut().expect("the node is still there");
            let sleepers = behind(&node.sleepers, &touched);
            if last {
                self.nodes.pop();
                self.stage.unmark();
            } else if self.options.sleep_sets {
                node.sleepers.push(Sleeper { thread, touched });
            }
            self.arrive(sleepers)?;
        }
        Ok(())
    }

    fn step(&mut self, thread: ThreadId) -> Touched {
        let position = self.stage.position(thread);
        let touched = self.stage.step(thread);
        self.path.push(thread);
        self.transitions += 1;
        self.depth = self.depth.max(self.path.len() as u64);
        if self.transitions.is_multiple_of(PROGRESS_INTERVAL) {
            (self.progress)(self.states, self.transitions_before + self.transitions);
        }
        if self.options.needs_reach() {
            self.reach.learn(thread, position, &touched);
        }
        touched
    }

    /// Goes on from the present state until there are several steps to follow, or none.
    fn arrive(&mut self, mut sleepers: Vec<Sleeper>) -> Result<(), Verdict> {
        let mut forced = false;
        loop {
            let open = match self.stage.open() {
                StepEnd::Open(open) => open,
                StepEnd::Finished => {
                    let state = self.stage.memory();
                    self.finals.insert(state);
                    return Ok(());
                }
                StepEnd::Violation(violation) => return Err(self.broken(violation)),
            };
            let asleep = sleepers.iter().fold(ThreadSet::EMPTY, |set, one| set.with(one.thread));
            let mut todo = ThreadSet(open.0 & !asleep.0);
            let alone = open.len() == 1;
            if !(alone && forced) {
                match self.visit(asleep)? {
                    Visit::Done => return Ok(()),
                    Visit::First => {}
                    Visit::Again(awake) => todo = ThreadSet(todo.0 & awake.0),
                }
            }
            forced = alone;
            if todo.is_empty() {
                return Ok(());
            }
            if !alone && self.options.private_steps {
                match self.private_step(open, todo, &sleepers) {
                    Private::None => {}
                    Private::Asleep => return Ok(()),
                    Private::Done(touched) => {
                        sleepers = behind(&sleepers, &touched);
                        continue;
                    }
                    Private::Broken => continue,
                }
            }
            if todo.len() > 1 {
                self.stage.mark();
                self.nodes.push(Node { todo, sleepers, depth: self.path.len() });
                return Ok(());
            }
            let touched = self.step(todo.first());
            sleepers = behind(&sleepers, &touched);
        }
    }

    fn visit(&mut self, asleep: ThreadSet) -> Result<Visit, Verdict> {
        if !self.options.merge {
            self.states += 1;
            return Ok(Visit::First);
        }
        if self.visited.count() >= self.options.states_max {
            return Err(self.cut("states"));
        }
        if self.visited.bytes() + self.stage.bytes_max() > self.options.bytes_max {
            return Err(self.cut("memory"));
        }
        let threads = self.stage.unordered();
        let positions: [u32; crate::runtime::THREADS_MAX] =
            std::array::from_fn(|thread| self.stage.position(thread));
        let reach = &*self.reach;
        let state =
            self.stage.state(&|moment| reach.matters(moment, threads, |thread| positions[thread]));
        let visit = self.visited.visit(state, asleep);
        self.states = self.visited.count();
        Ok(visit)
    }

    /// Does a private step, if a thread has one. The choice depends on the state only, not on who is asleep, so that every
    /// visit of the state makes the same.
    fn private_step(&mut self, open: ThreadSet, todo: ThreadSet, sleepers: &[Sleeper]) -> Private {
        let mut marked = false;
        let mut result = Private::None;
        for thread in open.iter() {
            let others = self.stage.rivals(thread);
            let stage = &*self.stage;
            let position = |other| stage.position(other);
            if !self.reach.may_be_private(stage.pending(thread), others, position) {
                continue;
            }
            if let Some(sleeper) = sleepers.iter().find(|one| one.thread == thread) {
                if self.reach.is_private(&sleeper.touched, others, position) {
                    result = Private::Asleep;
                    break;
                }
                continue;
            }
            let positions: [u32; crate::runtime::THREADS_MAX] = std::array::from_fn(position);
            if !marked {
                self.stage.mark();
                marked = true;
            }
            let touched = self.step(thread);
            if matches!(self.stage.open(), StepEnd::Violation(_)) {
                result = Private::Broken;
                break;
            }
            if self.reach.is_private(&touched, others, |other| positions[other]) {
                result =
                    if todo.contains(thread) { Private::Done(touched) } else { Private::Asleep };
                break;
            }
            self.stage.rewind();
            self.path.pop();
        }
        if marked {
            self.stage.unmark();
        }
        result
    }

    fn broken(&self, violation: Box<Violation>) -> Verdict {
        Verdict::Violation(violation, self.path.clone())
    }

    fn cut(&self, limit: &'static str) -> Verdict {
        let frontier: usize = self.nodes.iter().map(|node| node.todo.len()).sum();
        Verdict::Cut { limit, frontier: frontier as u64 + 1, depth: self.path.len() as u64 }
    }
}

/// What came of looking for a private step.
enum Private {
    /// There is none; the state is as it was.
    None,
    /// There is one, and it need not be followed.
    Asleep,
    /// It was done.
    Done(Touched),
    /// A rule broke on the way.
    Broken,
}

/// Those that still sleep behind a step.
fn behind(sleepers: &[Sleeper], touched: &Touched) -> Vec<Sleeper> {
    sleepers.iter().filter(|one| one.touched.is_independent_of(touched)).cloned().collect()
}
