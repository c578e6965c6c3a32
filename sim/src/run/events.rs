//! Events of the world: what may happen in a run beside its interleaving.
//!
//! | word | what happens |
//! |---|---|
//! | `failures` | one system call in eight is refused |
//! | `spurious` | one weak compare-exchange in eight fails for no reason |
//! | `exit` | one thread ends early, at the boundary of one of its operations |
//! | `kill` | one thread stops for ever, in front of one of its steps |
//! | `events` | each schedule draws which of the four it has |
//!
//! The chooser decides about the first two, at each system call and at each exchange that would
//! succeed. The others are drawn in front of the run; a `kill` may name its place.
//!
//! They are written behind a strategy's name, as in `random+failures+kill:1:17`: that is how they
//! stand on the command line, in reports and in traces. Refusals and failures are steps of a trace;
//! the other two follow from the settings.
//!
//! A new one is a field of [`Events`], its row of the flags, its line here, and what makes it
//! happen.

use std::fmt;

use hak_core::Fault;

use crate::faults;
use crate::program::Program;
use crate::run::settings::{Settings, StrategyName};
use crate::run::strategies::thread_steps;
use crate::runtime::ThreadId;
use crate::runtime::strategy::Choices;

/// What may happen in a run beside its interleaving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Each schedule draws which of the others it has, beside those that are named.
    pub drawn: bool,
    /// System calls are refused now and then.
    pub failures: bool,
    /// Weak compare-exchanges fail now and then for no reason.
    pub spurious: bool,
    /// One thread ends early.
    pub exit: bool,
    /// Whether one thread stops for ever.
    pub kill: Kill,
}

/// Whether one thread stops for ever, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kill {
    /// None does.
    #[default]
    Nobody,
    /// One of them, at one of its steps.
    Drawn,
    /// This one, once it has done so many of its steps; the first of them is its start.
    At(ThreadId, u32),
}

impl Events {
    /// What has to happen so that a planted fault shows.
    pub fn showing(plant: Option<Fault>) -> Events {
        let kill = if faults::needs_stop(plant) { Kill::Drawn } else { Kill::Nobody };
        Events { kill, ..Events::NONE }
    }

    /// None of them.
    pub const NONE: Events =
        Events { drawn: false, failures: false, spurious: false, exit: false, kill: Kill::Nobody };

    /// Those of a search that was not asked for any: each schedule draws its own.
    pub const DRAWN: Events = Events { drawn: true, ..Events::NONE };

    /// Those of both; of two threads that stop, the other one.
    #[must_use]
    pub fn with(self, others: Events) -> Events {
        Events {
            drawn: self.drawn || others.drawn,
            failures: self.failures || others.failures,
            spurious: self.spurious || others.spurious,
            exit: self.exit || others.exit,
            kill: if others.kill == Kill::Nobody { self.kill } else { others.kill },
        }
    }
}

/// How each is written, here and as an option of the command.
pub(crate) const FAILURES: &str = "failures";
pub(crate) const SPURIOUS: &str = "spurious";
pub(crate) const EXIT: &str = "exit";
/// May have a place behind it.
pub(crate) const KILL: &str = "kill";
/// Draws among the four.
const DRAWN: &str = "events";

/// An event that is there or not.
struct Flag {
    /// How it is written behind a strategy.
    word: &'static str,
    has: fn(Events) -> bool,
    set: fn(&mut Events),
}

/// All of them, in the order in which they are written.
const FLAGS: &[Flag] = &[
    Flag { word: DRAWN, has: |events| events.drawn, set: |events| events.drawn = true },
    Flag { word: FAILURES, has: |events| events.failures, set: |events| events.failures = true },
    Flag { word: SPURIOUS, has: |events| events.spurious, set: |events| events.spurious = true },
    Flag { word: EXIT, has: |events| events.exit, set: |events| events.exit = true },
];

impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in FLAGS {
            if (row.has)(*self) {
                write!(f, "+{}", row.word)?;
            }
        }
        match self.kill {
            Kill::Nobody => Ok(()),
            Kill::Drawn => write!(f, "+{KILL}"),
            Kill::At(thread, steps) => write!(f, "+{KILL}:{thread}:{steps}"),
        }
    }
}

/// A strategy with its events, as it is written: `pct:3`, `random+failures`, `kill`, which is
/// `random+kill`.
///
/// # Errors
/// One sentence on what is not understood.
pub fn parse(text: &str) -> Result<(StrategyName, Events), String> {
    let mut words = text.split('+');
    let first = words.next().unwrap_or_default();
    let mut events = Events::NONE;
    let strategy = if first == KILL {
        events.kill = Kill::Drawn;
        StrategyName::Random
    } else {
        first.parse()?
    };
    for word in words {
        if let Some(row) = FLAGS.iter().find(|row| row.word == word) {
            (row.set)(&mut events);
        } else if word == KILL {
            events.kill = Kill::Drawn;
        } else if let Some(place) = word.strip_prefix(KILL).and_then(|rest| rest.strip_prefix(':'))
        {
            events.kill = place_of(place)?;
        } else {
            let words: Vec<&str> = FLAGS.iter().map(|row| row.word).collect();
            return Err(format!(
                "'{word}' is no event; there are {}, {KILL}, {KILL}:THREAD:STEP",
                words.join(", ")
            ));
        }
    }
    Ok((strategy, events))
}

/// The place THREAD:STEP at which a thread is to stop.
///
/// # Errors
/// One sentence on how it is written.
pub fn place_of(text: &str) -> Result<Kill, String> {
    let parts = text.split_once(':');
    let numbers = parts.and_then(|(thread, step)| Some((thread.parse().ok()?, step.parse().ok()?)));
    match numbers {
        Some((thread, steps)) if steps >= 1 => Ok(Kill::At(thread, steps)),
        _ => {
            Err("a place to stop at is THREAD:STEP with a STEP of at least 1, as in 1:17"
                .to_owned())
        }
    }
}

/// One schedule in so many has the event, where they are drawn.
const SPURIOUS_IN: u64 = 2;
const FAILURES_IN: u64 = 8;
const EXIT_IN: u64 = 8;
const KILL_IN: u64 = 16;

/// Keys of the streams from which events are drawn: none draws what another does.
const WHICH_KEY: u64 = 0x6576_656e_7473;
const EXIT_KEY: u64 = 0x6578_6974;

/// The events of this schedule, with nothing left to draw but where.
pub(crate) fn resolved(settings: &Settings) -> Events {
    let named = settings.events;
    let failures = named.failures || settings.scenario.failing_system_calls;
    let named = Events { drawn: false, failures, ..named };
    if !settings.events.drawn {
        return named;
    }
    let word = Choices::new(settings.seed ^ WHICH_KEY, settings.schedule).word();
    let one_in = |count: u64, place: u32| (word >> place & 0xffff).is_multiple_of(count);
    named.with(Events {
        drawn: false,
        spurious: one_in(SPURIOUS_IN, 0),
        failures: one_in(FAILURES_IN, 16),
        exit: one_in(EXIT_IN, 32),
        kill: match named.kill {
            Kill::Nobody if one_in(KILL_IN, 48) => Kill::Drawn,
            named => named,
        },
    })
}

/// Which thread stops for ever, and after how many of its steps.
pub(crate) fn stop(settings: &Settings) -> Option<(ThreadId, u32)> {
    match resolved(settings).kill {
        Kill::Nobody => None,
        Kill::At(thread, steps) => Some((thread, steps)),
        Kill::Drawn => {
            let word = Choices::new(settings.seed.rotate_left(32), settings.schedule).word();
            let thread = word as usize % settings.threads;
            Some((thread, 1 + ((word >> 32) % thread_steps(settings)) as u32))
        }
    }
}

/// Which thread ends early, and after how many of its operations.
pub(crate) fn early_exit(settings: &Settings) -> Option<(ThreadId, usize)> {
    if !resolved(settings).exit {
        return None;
    }
    let word = Choices::new(settings.seed ^ EXIT_KEY, settings.schedule).word();
    let thread = word as usize % settings.threads;
    Some((thread, (word >> 32) as usize % settings.operations))
}

/// The same settings with nothing left to draw, for runs of a program that is given: a thread that
/// ends early does so in the program.
pub(crate) fn settled(settings: &Settings) -> Settings {
    if settings.events == Events::NONE {
        return *settings;
    }
    let kill = stop(settings).map_or(Kill::Nobody, |(thread, steps)| Kill::At(thread, steps));
    Settings { events: Events { exit: false, kill, ..resolved(settings) }, ..*settings }
}

/// Lets the thread that ends early do so.
pub(crate) fn cut(program: &mut Program, settings: &Settings) {
    if let Some((thread, operations)) = early_exit(settings)
        && let Some(list) = program.threads.get_mut(thread)
    {
        list.truncate(operations);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::SCENARIOS;

    #[test]
    fn strategies_with_events_survive_being_written() {
        for text in [
            "random",
            "pct:5+failures",
            "portfolio+events",
            "pos+failures+spurious+exit+kill",
            "surw+kill:1:17",
        ] {
            let (strategy, events) = parse(text).expect("it is understood");
            assert_eq!(format!("{strategy}{events}"), text);
        }
        assert_eq!(parse("kill"), parse("random+kill"));
        for text in ["", "random+", "random+tea", "random+kill:", "random+kill:1", "pos+kill:0:0"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_stands_in_the_help_of_strategies() {
        let words = [FAILURES, SPURIOUS, EXIT, KILL].map(|word| format!("+{word}"));
        let line = format!(
            "    /// {} behind it are the flags; +{DRAWN} draws among them.",
            words.join(", ")
        );
        let help = include_str!("../cli/arguments.rs");
        assert_eq!(help.matches(&line).count(), 2, "the help of two commands says: {line}");
    }

    #[test]
    fn drawn_events_come_about_as_often_as_they_should() {
        let mut counts = [0_u64; 4];
        for schedule in 0..16_000 {
            let settings =
                Settings { schedule, events: Events::DRAWN, ..Settings::new(&SCENARIOS[0], 42) };
            let events = resolved(&settings);
            assert!(!events.drawn);
            let has = [events.spurious, events.failures, events.exit, events.kill != Kill::Nobody];
            for (count, has) in counts.iter_mut().zip(has) {
                *count += u64::from(has);
            }
        }
        let meant = [SPURIOUS_IN, FAILURES_IN, EXIT_IN, KILL_IN].map(|one_in| 16_000 / one_in);
        for (count, meant) in counts.iter().zip(meant) {
            assert!(count.abs_diff(meant) < meant / 8, "{counts:?} and not {meant}");
        }
    }

    #[test]
    fn a_thread_that_ends_early_does_the_beginning_of_its_program() {
        let whole = Settings::new(&SCENARIOS[0], 42);
        let mut boundaries = std::collections::BTreeSet::new();
        for schedule in 0..500 {
            let whole = Settings { schedule, ..whole };
            let settings = Settings { events: Events { exit: true, ..Events::NONE }, ..whole };
            let (thread, operations) = early_exit(&settings).expect("one does");
            let (all, cut) = (whole.program(), settings.program());
            for (index, (all, cut)) in all.threads.iter().zip(&cut.threads).enumerate() {
                let length = if index == thread { operations } else { all.len() };
                assert_eq!(cut[..], all[..length]);
            }
            boundaries.insert((thread, operations));
        }
        assert!(boundaries.len() > 90, "every boundary of 3 threads: {boundaries:?}");
    }
}
