//! The search: one pass after another, each a depth-first walk.
//!
//! ```text
//! arrive at a state ── finished ──► a final state
//!        │         └── broken rule ──► the end
//!        ├── visited ──► back, unless threads are awake that slept then
//!        ├── a private step that goes one way ──► do it, arrive
//!        ├── one step to follow, that goes one way ──► do it, arrive
//!        └── several ways ──► mark, and for each: rewind, do it, arrive
//! ```

use std::collections::BTreeSet;
use std::rc::Rc;

use super::reach::{InUse, Reach};
use super::visited::{Visit, Visited};
use super::{Proof, ProofOptions, ProofVerdict};
use crate::run::script::{ScriptStep, Way};
use crate::runtime::{
    Answers, Body, MemoryModel, Observer, Plan, Stage, StepEnd, Stepped, THREADS_MAX, Terms,
    ThreadId, ThreadSet, Touched, Violation, World,
};

/// Searches all schedules of these bodies. `progress` is told now and then how many states were
/// visited, and how many steps done.
///
/// # Panics
/// The observer stops a run, or panics.
///
/// # Safety
/// The bodies keep their state on their stacks and in the arena and nowhere else, and own nothing
/// that must be dropped while they call into the simulation: what they do is taken back and done
/// again.
pub unsafe fn search(
    world: &mut World,
    plan: &Plan,
    bodies: &[Body<'_>],
    observer: &mut dyn Observer,
    options: &ProofOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Proof {
    let terms = Terms { clocks_matter: options.clocks_matter, events: options.events };
    let needs_reach =
        options.private_steps || options.clocks_matter || plan.memory == MemoryModel::Weak;
    let mut reach = Reach::default();
    let (mut passes, mut before) = (0, 0);
    loop {
        passes += 1;
        let lead = |stage: &mut Stage| {
            let mut pass = Pass::new(stage, &mut reach, options, progress, before);
            let result = pass.run();
            (result, pass.counts())
        };
        // SAFETY: [contract] and a pass leaves the stage where it is.
        let (result, counts) = unsafe { world.stage(plan, bodies, observer, &terms, lead) };
        before += counts.transitions;
        let verdict = match result {
            Ok(()) if needs_reach && reach.take_grown() => continue,
            Ok(()) => ProofVerdict::Complete,
            Err(verdict) => verdict,
        };
        return Proof { verdict, passes, transitions_all: before, ..counts };
    }
}

/// A step that need not be followed behind an independent one.
#[derive(Clone)]
struct Sleeper {
    thread: ThreadId,
    /// What all its ways together touch.
    touched: Rc<Touched>,
}

/// A marked state, from which several ways lead.
struct Node {
    /// Threads whose steps are still to be followed.
    todo: ThreadSet,
    /// Threads that are still to stop for ever here.
    stops: ThreadSet,
    /// The thread of which some ways were followed, the next one, and what those so far touched.
    begun: Option<(ThreadId, Answers, Touched)>,
    sleepers: Vec<Sleeper>,
    depth: usize,
}

impl Node {
    /// What to follow next.
    fn next(&mut self) -> Option<ScriptStep> {
        if let Some((thread, way, _)) = self.begun {
            return Some(ScriptStep { thread, way: Way::Answers(way) });
        }
        if let Some(thread) = self.todo.iter().next() {
            self.todo = self.todo.without(thread);
            return Some(ScriptStep { thread, way: Way::Answers(Answers::FIRST) });
        }
        let thread = self.stops.iter().next()?;
        self.stops = self.stops.without(thread);
        Some(ScriptStep { thread, way: Way::Stop })
    }

    fn is_done(&self) -> bool {
        self.begun.is_none() && self.todo.is_empty() && self.stops.is_empty()
    }

    /// A way was followed. Behind the last one the thread may sleep.
    fn followed(&mut self, thread: ThreadId, stepped: &Stepped, sleep_sets: bool) {
        let mut touched = match self.begun.take() {
            Some((_, _, touched)) => touched,
            None => Touched::default(),
        };
        touched.join(&stepped.touched);
        match stepped.next {
            Some(way) => self.begun = Some((thread, way, touched)),
            None if sleep_sets => {
                self.sleepers.push(Sleeper { thread, touched: Rc::new(touched) });
            }
            None => {}
        }
    }
}

struct Pass<'a, 'b> {
    stage: &'a mut Stage,
    reach: &'a mut Reach,
    options: &'a ProofOptions,
    progress: &'a mut (dyn FnMut(u64, u64) + 'b),
    visited: Visited,
    nodes: Vec<Node>,
    path: Vec<ScriptStep>,
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
        options: &'a ProofOptions,
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
            verdict: ProofVerdict::Complete,
            states: self.states,
            transitions: self.transitions,
            transitions_all: 0,
            depth: self.depth,
            finals: self.finals.into_iter().collect(),
            passes: 0,
            bytes: self.visited.bytes() + self.stage.bytes_max(),
        }
    }

    fn run(&mut self) -> Result<(), ProofVerdict> {
        self.arrive(Vec::new())?;
        while let Some(node) = self.nodes.last_mut() {
            let Some(step) = node.next() else {
                self.nodes.pop();
                self.stage.unmark();
                continue;
            };
            let depth = node.depth;
            self.stage.rewind();
            self.path.truncate(depth);
            let thread = step.thread;
            let sleepers = match step.way {
                Way::Answers(way) => {
                    let stepped = self.step(thread, way);
                    let sleep_sets = self.options.sleep_sets;
                    let node = self.nodes.last_mut().expect("the node is still there");
                    let sleepers = behind(&node.sleepers, &stepped.touched);
                    node.followed(thread, &stepped, sleep_sets);
                    sleepers
                }
                Way::Stop => {
                    self.stage.stop(thread);
                    self.transitions += 1;
                    self.path.push(step);
                    let node = self.nodes.last_mut().expect("the node is still there");
                    let others = node.sleepers.iter().filter(|one| one.thread != thread);
                    others.cloned().collect()
                }
            };
            if self.nodes.last().is_some_and(Node::is_done) {
                self.nodes.pop();
                self.stage.unmark();
            }
            self.arrive(sleepers)?;
        }
        Ok(())
    }

    fn step(&mut self, thread: ThreadId, way: Answers) -> Stepped {
        let position = self.stage.position(thread);
        let stepped = self.stage.step(thread, way);
        self.path.push(ScriptStep { thread, way: Way::Answers(stepped.answers) });
        self.transitions += 1;
        self.depth = self.depth.max(self.path.len() as u64);
        if self.transitions.is_multiple_of(PROGRESS_INTERVAL) {
            (self.progress)(self.states, self.transitions_before + self.transitions);
        }
        self.reach.learn(thread, position, &stepped.touched);
        stepped
    }

    /// Goes on from the present state until there are several steps to follow, or none.
    fn arrive(&mut self, mut sleepers: Vec<Sleeper>) -> Result<(), ProofVerdict> {
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
            let stops = self.stage.stoppable(open);
            if todo.is_empty() && stops.is_empty() {
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
                    Private::Ways(thread) => {
                        self.branch(ThreadSet::EMPTY.with(thread), ThreadSet::EMPTY, sleepers);
                        return Ok(());
                    }
                    Private::Broken => continue,
                }
            }
            if todo.len() > 1 || !stops.is_empty() || self.stage.has_ways(todo.first()) {
                self.branch(todo, stops, sleepers);
                return Ok(());
            }
            let stepped = self.step(todo.first(), Answers::FIRST);
            sleepers = behind(&sleepers, &stepped.touched);
        }
    }

    /// Several ways lead on from the present state.
    fn branch(&mut self, todo: ThreadSet, stops: ThreadSet, sleepers: Vec<Sleeper>) {
        self.stage.mark();
        self.nodes.push(Node { todo, stops, begun: None, sleepers, depth: self.path.len() });
    }

    fn visit(&mut self, asleep: ThreadSet) -> Result<Visit, ProofVerdict> {
        if !self.options.merge {
            self.states += 1;
            return Ok(Visit::First);
        }
        if self.visited.count() >= self.options.states_max {
            return Err(self.cut("states"));
        }
        if self.visited.bytes_next() + self.stage.bytes_max() > self.options.bytes_max {
            return Err(self.cut("memory"));
        }
        let uses = InUse {
            reach: self.reach,
            threads: self.stage.unordered(),
            positions: std::array::from_fn(|thread| self.stage.position(thread)),
        };
        let state = self.stage.state(&uses);
        let visit = self.visited.visit(state, asleep);
        self.states = self.visited.count();
        Ok(visit)
    }

    /// Does a private step, if a thread has one that goes one way. The choice depends on the state
    /// only, not on who is asleep, so that every visit of the state makes the same.
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
            let positions: [u32; THREADS_MAX] = std::array::from_fn(position);
            if !marked {
                self.stage.mark();
                marked = true;
            }
            let tried = self.try_ways(thread, others, &positions);
            match tried {
                Private::None => {}
                Private::Broken => {
                    result = Private::Broken;
                    break;
                }
                private => {
                    result = if todo.contains(thread) { private } else { Private::Asleep };
                    break;
                }
            }
        }
        if marked {
            self.stage.unmark();
        }
        result
    }

    /// Does a step in all its ways, as long as they are private. If it has one, and that is, it is
    /// done. Else the state is as it was.
    fn try_ways(
        &mut self,
        thread: ThreadId,
        others: ThreadSet,
        positions: &[u32; THREADS_MAX],
    ) -> Private {
        let mut way = Answers::FIRST;
        loop {
            let first = way == Answers::FIRST;
            let Stepped { touched, next, .. } = self.step(thread, way);
            if matches!(self.stage.open(), StepEnd::Violation(_)) {
                return Private::Broken;
            }
            // Where threads may stop for ever, the end of one is not private: others may wait for
            // it.
            let private = self.reach.is_private(&touched, others, |other| positions[other])
                && !(self.options.events.stops > 0 && self.stage.has_ended(thread));
            if private && first && next.is_none() {
                return Private::Done(touched);
            }
            self.stage.rewind();
            self.path.pop();
            match next {
                Some(next) if private => way = next,
                None if private => return Private::Ways(thread),
                _ => return Private::None,
            }
        }
    }

    fn broken(&self, violation: Box<Violation>) -> ProofVerdict {
        ProofVerdict::Violation(violation, self.path.clone())
    }

    fn cut(&self, limit: &'static str) -> ProofVerdict {
        let frontier: usize = self.nodes.iter().map(|node| node.todo.len()).sum();
        ProofVerdict::Cut { limit, frontier: frontier as u64 + 1, depth: self.path.len() as u64 }
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
    /// This thread has one that goes several ways; the state is as it was.
    Ways(ThreadId),
    /// A rule broke on the way.
    Broken,
}

/// Those that still sleep behind a step.
fn behind(sleepers: &[Sleeper], touched: &Touched) -> Vec<Sleeper> {
    sleepers.iter().filter(|one| one.touched.is_independent_of(touched)).cloned().collect()
}
