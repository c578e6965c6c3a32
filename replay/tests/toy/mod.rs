//! The smallest subject with a race: threads that count together, without care.
//!
//! Each operation is a load of the shared counter and a store of the value plus one. Two threads
//! between load and store lose an update, and the oracle at the end says so.

use std::convert::Infallible;
use std::panic::Location;

use hak_replay::{Guide, GuideChoice, OutcomeSeen, StepSeen, Subject};
use hak_traces::{Config, EVENT_PLAIN, EVENT_SPURIOUS_FAILURE};

/// A load of the counter.
pub(crate) const LOAD: u8 = 0;
/// A store to the counter.
pub(crate) const STORE: u8 = 1;

/// What the kinds are called.
pub(crate) fn kind_name(kind: u8) -> &'static str {
    match kind {
        LOAD => "load",
        STORE => "store",
        _ => "nothing known",
    }
}

/// Two threads, `operations` increments each, scheduled by `seed`.
pub(crate) fn config(seed: u64, operations: u32) -> Config {
    Config {
        seed,
        scenario: "count".to_owned(),
        strategy: "random".to_owned(),
        memory: "sc".to_owned(),
        threads: 2,
        operations,
        geometry: "tiny".to_owned(),
        program: None,
        ..Config::default()
    }
}

/// The subject; each field is an edit of its program.
#[derive(Default)]
pub(crate) struct Toy {
    /// The program stands in other lines.
    pub(crate) moved: bool,
    /// The counter lies elsewhere from this operation on.
    pub(crate) displaced_from: Option<u32>,
    /// The counter starts at this value.
    pub(crate) start: u64,
    /// Thread 1 makes so many operations less.
    pub(crate) lazy: u32,
    /// Each thread makes so many operations more.
    pub(crate) eager: u32,
    /// The run ends after so many steps.
    pub(crate) cut: Option<u64>,
    /// The oracle is not asked.
    pub(crate) blind: bool,
    /// The oracle finds other words.
    pub(crate) eloquent: bool,
}

#[derive(Default)]
struct Thread {
    operation: u32,
    loaded: Option<u64>,
}

impl Subject for Toy {
    type Error = Infallible;

    fn run(
        &mut self,
        config: &Config,
        guide: &mut dyn Guide,
    ) -> Result<Option<OutcomeSeen>, Infallible> {
        let operations = config.operations + self.eager;
        let limits = [operations, operations - self.lazy];
        let mut threads = [Thread::default(), Thread::default()];
        let mut counter = self.start;
        let mut random = config.seed;
        let mut step = 0;
        while self.cut.is_none_or(|cut| step < cut) {
            let runnable: Vec<u8> = (0..2u8)
                .filter(|&thread| {
                    threads[usize::from(thread)].operation < limits[usize::from(thread)]
                })
                .collect();
            if runnable.is_empty() {
                break;
            }
            let (thread, event) = match guide.choose(step, &runnable) {
                GuideChoice::Stop => return Ok(None),
                GuideChoice::Thread { thread, event } => (thread, event),
                GuideChoice::Own => own_choice(&mut random, &runnable),
            };
            assert!(runnable.contains(&thread));
            let seen = self.make_step(thread, event, &mut threads, &mut counter);
            if guide.executed(step, &seen, digest(&threads, counter)).is_break() {
                return Ok(None);
            }
            step += 1;
        }
        Ok(Some(self.judge(step, counter - self.start, limits)))
    }
}

impl Toy {
    /// A step loads or stores; a spurious failure makes the thread start its operation again.
    fn make_step(
        &self,
        thread: u8,
        event: u8,
        threads: &mut [Thread; 2],
        counter: &mut u64,
    ) -> StepSeen {
        let state = &mut threads[usize::from(thread)];
        let operation = state.operation;
        let kind = match state.loaded.take() {
            None => {
                state.loaded = Some(*counter);
                LOAD
            }
            Some(loaded) => {
                if event != EVENT_SPURIOUS_FAILURE {
                    *counter = loaded + 1;
                    state.operation += 1;
                }
                STORE
            }
        };
        let displaced = self.displaced_from.is_some_and(|from| operation >= from);
        let place = if displaced { 0x80 } else { 0x40 };
        StepSeen { thread, event, kind, operation, place, site: self.site(kind) }
    }

    /// The line in which the program stands. A caller's location is data that a compiler may share
    /// between calls that are the same otherwise; these are four places in a table, each with its
    /// own.
    fn site(&self, kind: u8) -> &'static Location<'static> {
        let lines = [
            here(), // a load
            here(), // a store
            here(), // a load, moved
            here(), // a store, moved
        ];
        lines[2 * usize::from(self.moved) + usize::from(kind != LOAD)]
    }

    fn judge(&self, step: u64, counted: u64, limits: [u32; 2]) -> OutcomeSeen {
        let expected = u64::from(limits[0] + limits[1]);
        if self.blind || self.cut.is_some() || counted == expected {
            return OutcomeSeen::Passed;
        }
        let message = if self.eloquent {
            format!("alas, {counted} where {expected} were hoped for")
        } else {
            format!("counted {counted} of {expected}")
        };
        let oracle = "lost-update".to_owned();
        OutcomeSeen::Violation { oracle, message, thread: 0, step, site: Some(here()) }
    }
}

#[track_caller]
fn here() -> &'static Location<'static> {
    Location::caller()
}

/// One of the threads, and now and then a spurious failure.
fn own_choice(random: &mut u64, runnable: &[u8]) -> (u8, u8) {
    *random =
        random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let thread = runnable[(*random >> 33) as usize % runnable.len()];
    let event =
        if (*random >> 40).is_multiple_of(16) { EVENT_SPURIOUS_FAILURE } else { EVENT_PLAIN };
    (thread, event)
}

fn digest(threads: &[Thread; 2], counter: u64) -> u64 {
    threads.iter().fold(counter, |digest, thread| {
        let word = u64::from(thread.operation) << 32 | thread.loaded.map_or(0, |loaded| loaded + 1);
        (digest ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31)
    })
}
