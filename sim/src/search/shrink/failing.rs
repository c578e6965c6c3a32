//! A failing run as turns, and the smaller candidates that are made of it.

use hak_traces::EVENT_PLAIN;

use crate::program::Program;

/// A step of a thread: the number of its operation, counted from one, and of the step in it.
/// Ordered as they happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::search) struct FailingMoment {
    pub(in crate::search) operation: u32,
    pub(in crate::search) step: u32,
}

impl FailingMoment {
    /// The step that the thread does next, if it belongs to `operation`.
    pub(in crate::search) fn next(self, operation: u32) -> FailingMoment {
        let step = if operation == self.operation { self.step + 1 } else { 1 };
        FailingMoment { operation, step }
    }
}

/// A thread goes until it has done this step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::search) struct FailingTurn {
    pub(in crate::search) thread: u8,
    pub(in crate::search) until: FailingMoment,
}

/// Something that happened to a step: a refused system call, a spurious failure, an older store
/// that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::search) struct Incident {
    pub(in crate::search) thread: u8,
    pub(in crate::search) moment: FailingMoment,
    pub(in crate::search) event: u8,
}

impl Incident {
    /// Which step it happened to.
    pub(in crate::search) fn at(&self) -> (u8, FailingMoment) {
        (self.thread, self.moment)
    }
}

/// A run that fails.
#[derive(Clone)]
pub(in crate::search) struct Failing {
    pub(in crate::search) program: Program,
    pub(in crate::search) turns: Vec<FailingTurn>,
    pub(in crate::search) incidents: Vec<Incident>,
    pub(in crate::search) steps: u64,
}

impl Failing {
    pub(in crate::search) fn measure(&self) -> (usize, usize, usize, usize, u64) {
        let operations = self.program.operations();
        let (turns, incidents) = (self.turns.len(), self.incidents.len());
        (self.program.threads.len(), operations, turns, incidents, self.steps)
    }
}

/// A step that was done: its thread, its operation, and what happened to it.
pub(in crate::search) type Done = (u8, u32, u8);

/// The turns of a row of steps, and what happened to them.
pub(in crate::search) fn turns_of(steps: &[Done]) -> (Vec<FailingTurn>, Vec<Incident>) {
    let mut turns: Vec<FailingTurn> = Vec::new();
    let mut incidents = Vec::new();
    let mut moments = [FailingMoment::default(); 256];
    for &(thread, operation, event) in steps {
        let moment = moments[usize::from(thread)].next(operation);
        moments[usize::from(thread)] = moment;
        match turns.last_mut() {
            Some(turn) if turn.thread == thread => turn.until = moment,
            _ => turns.push(FailingTurn { thread, until: moment }),
        }
        if event != EVENT_PLAIN {
            incidents.push(Incident { thread, moment, event });
        }
    }
    (turns, incidents)
}

pub(in crate::search) fn without_thread(failing: &Failing, thread: usize) -> Failing {
    let mut candidate = failing.clone();
    candidate.program.threads.remove(thread);
    candidate.turns.retain(|turn| usize::from(turn.thread) != thread);
    for turn in &mut candidate.turns {
        turn.thread -= u8::from(usize::from(turn.thread) > thread);
    }
    candidate.incidents.retain(|incident| usize::from(incident.thread) != thread);
    for incident in &mut candidate.incidents {
        incident.thread -= u8::from(usize::from(incident.thread) > thread);
    }
    candidate
}

pub(in crate::search) fn without_operations(
    failing: &Failing,
    thread: usize,
    start: usize,
    end: usize,
) -> Failing {
    let mut candidate = failing.clone();
    candidate.program.threads[thread].drain(start..end);
    for turn in candidate.turns.iter_mut().filter(|turn| usize::from(turn.thread) == thread) {
        let operation = turn.until.operation as usize;
        if operation > end {
            turn.until.operation -= (end - start) as u32;
        } else if operation > start {
            // To the end of the operation before.
            turn.until = FailingMoment { operation: start as u32, step: u32::MAX };
        }
    }
    let is_taken = |incident: &Incident| {
        let operation = incident.moment.operation as usize;
        usize::from(incident.thread) == thread && operation > start && operation <= end
    };
    candidate.incidents.retain(|incident| !is_taken(incident));
    for incident in &mut candidate.incidents {
        if usize::from(incident.thread) == thread && incident.moment.operation as usize > end {
            incident.moment.operation -= (end - start) as u32;
        }
    }
    candidate
}

/// Without one operation, counted over all threads.
pub(in crate::search) fn without_operation(failing: &Failing, mut number: usize) -> Failing {
    for (thread, operations) in failing.program.threads.iter().enumerate() {
        match number.checked_sub(operations.len()) {
            Some(rest) => number = rest,
            None => return without_operations(failing, thread, number, number + 1),
        }
    }
    unreachable!("the number is below that of all operations")
}

/// Takes one operation away, counted over all threads.
pub(in crate::search) fn without(program: &mut Program, mut number: usize) {
    for operations in &mut program.threads {
        match number.checked_sub(operations.len()) {
            Some(rest) => number = rest,
            None => {
                operations.remove(number);
                return;
            }
        }
    }
}

pub(in crate::search) fn joined_later(
    turns: &[FailingTurn],
    place: usize,
) -> Option<Vec<FailingTurn>> {
    let mut turns = turns.to_vec();
    turns.remove(place);
    Some(turns)
}

pub(in crate::search) fn joined_earlier(
    turns: &[FailingTurn],
    place: usize,
) -> Option<Vec<FailingTurn>> {
    let turn = turns[place];
    let earlier = (0..place).rev().find(|&earlier| turns[earlier].thread == turn.thread)?;
    let mut turns = turns.to_vec();
    turns[earlier].until = turn.until;
    turns.remove(place);
    Some(turns)
}
