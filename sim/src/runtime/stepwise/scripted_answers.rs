//! Scripted answers: the chooser of a search. It answers as it is told, and tells what else could
//! have been answered.
//!
//! Who goes next is decided outside of the fibers. What is left are the questions inside of a step:
//! which store is read, whether a system call fails, whether a weak compare-exchange fails for no
//! reason. A step that is asked something can go several *ways*; a way is the list of its answers.
//! Where a list is too short, the first answer is taken: the newest store, and no failure. So the
//! empty list is the first way, and each way leads to the next one, in the order of an odometer,
//! until there is none.
//!
//! A compare-exchange that fails for no reason has read the newest store that it may: a trace has
//! one event for a step, and an older store is one already.

use crate::runtime::access::{Access, THREADS_MAX, ThreadId};
use crate::runtime::chooser::{Choice, ChoicePoint, Chooser};

/// Questions of one step, at most: which store is read, and whether the exchange fails all the
/// same.
const QUESTIONS_MAX: usize = 2;

/// The answers to the questions of one step, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    given: [u8; QUESTIONS_MAX],
    count: u8,
}

impl Answers {
    /// None: the first way.
    pub const FIRST: Answers = Answers { given: [0; QUESTIONS_MAX], count: 0 };

    /// The answers, in the order of the questions.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.given[..usize::from(self.count)].iter().map(|&answer| usize::from(answer))
    }

    fn push(&mut self, answer: usize) {
        assert!(usize::from(self.count) < QUESTIONS_MAX, "a step is asked two questions at most");
        self.given[usize::from(self.count)] = answer as u8;
        self.count += 1;
    }
}

/// How many things beside the interleaving a search lets happen in one run, or how many are still
/// to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// System calls that fail.
    pub failures: u32,
    /// Weak compare-exchanges that fail for no reason.
    pub spurious: u32,
    /// Threads that stop for ever.
    pub stops: u32,
}

/// Answers the questions of a step as it was told, and keeps what could be answered else.
#[derive(Default)]
pub(crate) struct ScriptedAnswers {
    told: Answers,
    given: Answers,
    possible: [u8; QUESTIONS_MAX],
    left: Allowance,
    /// A thread that only spins reads the newest store: it does see it some day.
    newest: bool,
    /// Threads to which nothing happens: those that tidy up behind all others.
    spared: [bool; THREADS_MAX],
    /// Whether a weak compare-exchange might have failed for no reason, and whether it did.
    pub(crate) spurious: Option<bool>,
}

impl ScriptedAnswers {
    pub(crate) fn new(spared: [bool; THREADS_MAX]) -> ScriptedAnswers {
        ScriptedAnswers { spared, ..ScriptedAnswers::default() }
    }

    /// A step begins.
    pub(crate) fn tell(&mut self, told: Answers, left: Allowance, newest: bool) {
        let spared = self.spared;
        *self = ScriptedAnswers { told, left, newest, spared, ..ScriptedAnswers::default() };
    }

    /// The step has ended: the answers that it took, the next way, and what may still happen.
    pub(crate) fn told(&self) -> (Answers, Option<Answers>, Allowance) {
        (self.given, self.next(), self.left)
    }

    fn next(&self) -> Option<Answers> {
        let count = usize::from(self.given.count);
        let last = (0..count).rfind(|&at| self.given.given[at] + 1 < self.possible[at])?;
        let mut next = Answers { count: last as u8 + 1, ..self.given };
        next.given[last] += 1;
        next.given[last + 1..].fill(0);
        Some(next)
    }

    fn answer(&mut self, possible: usize) -> usize {
        let at = usize::from(self.given.count);
        let answer = self.told.iter().nth(at).unwrap_or(0);
        assert!(answer < possible, "a way of a step is possible again");
        self.given.push(answer);
        self.possible[at] = possible as u8;
        answer
    }
}

impl Chooser for ScriptedAnswers {
    fn begin(&mut self, _threads: usize) {}

    fn choose(&mut self, _point: &ChoicePoint<'_>) -> Choice {
        unreachable!("a search chooses itself")
    }

    fn system_call_fails(&mut self, thread: ThreadId, _access: &Access) -> bool {
        let possible = self.left.failures > 0 && !self.spared[thread];
        let fails = self.answer(1 + usize::from(possible)) == 1;
        self.left.failures -= u32::from(fails);
        fails
    }

    fn read_from(&mut self, _thread: ThreadId, _access: &Access, candidates: usize) -> usize {
        self.answer(if self.newest { 1 } else { candidates })
    }

    fn spurious_failure(&mut self, thread: ThreadId, _access: &Access) -> bool {
        let newest = self.given.iter().all(|answer| answer == 0);
        let possible = newest && self.left.spurious > 0 && !self.spared[thread];
        let fails = self.answer(1 + usize::from(possible)) == 1;
        self.left.spurious -= u32::from(fails);
        self.spurious = possible.then_some(fails);
        fails
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_taken_once() {
        let mut scripted = ScriptedAnswers::default();
        let (mut way, mut ways) = (Some(Answers::FIRST), Vec::new());
        while let Some(told) = way {
            scripted.tell(told, Allowance { spurious: 1, ..Allowance::default() }, false);
            let read = scripted.read_from(0, &Access::start(), 3);
            let fails = scripted.spurious_failure(0, &Access::start());
            ways.push((read, fails));
            way = scripted.told().1;
        }
        assert_eq!(ways, [(0, false), (0, true), (1, false), (2, false)]);
    }
}
