//! A schedule step by step: whose each step is, and how the questions in it are answered.

use crate::runtime::{Access, Answers, Choice, ChoicePoint, Chooser, ThreadId};

/// One step of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptStep {
    /// Who does it.
    pub thread: ThreadId,
    /// How it went.
    pub way: Way,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It was done, with these answers to the questions that came up.
    Answers(Answers),
    /// It was not: the thread stops in front of it, for ever.
    Stop,
}

/// Chooses as it was told: one thread for each step, and the answers of all steps in order. The
/// same questions come up in the same order as when the script was written.
pub(crate) struct Script {
    threads: Vec<ThreadId>,
    answers: std::vec::IntoIter<usize>,
}

impl Script {
    pub(crate) fn new(steps: &[ScriptStep]) -> Script {
        let (mut threads, mut answers) = (Vec::new(), Vec::new());
        for step in steps {
            if let Way::Answers(given) = step.way {
                threads.push(step.thread);
                answers.extend(given.iter());
            }
        }
        Script { threads, answers: answers.into_iter() }
    }
}

impl Chooser for Script {
    fn begin(&mut self, _threads: usize) {}

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        let told = self.threads.get(point.step as usize).copied();
        let thread = told.filter(|&thread| point.runnable.contains(thread));
        Choice::Run(thread.unwrap_or(point.runnable.first()))
    }

    fn system_call_fails(&mut self, _thread: ThreadId, _access: &Access) -> bool {
        self.answers.next() == Some(1)
    }

    fn read_from(&mut self, _thread: ThreadId, _access: &Access, candidates: usize) -> usize {
        self.answers.next().unwrap_or(0).min(candidates - 1)
    }

    fn spurious_failure(&mut self, _thread: ThreadId, _access: &Access) -> bool {
        self.answers.next() == Some(1)
    }
}
