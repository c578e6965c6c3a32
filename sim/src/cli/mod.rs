//! The command line: `hak-sim`.
//!
//! Without a command it runs one schedule. Exit codes, the same for every command:
//!
//! | Code | Meaning                                   |
//! |------|-------------------------------------------|
//! | 0    | nothing wrong                             |
//! | 1    | a violation was found                     |
//! | 2    | bad usage or input                        |
//! | 3    | a replay diverged, or two traces differ   |
//! | 4    | a search was cut before it was complete   |
//!
//! `--json` prints one JSON object, last, on standard output. Progress goes to standard error, and
//! only to a terminal.

mod arguments;
mod contention;
mod continued;
mod corpus;
mod explore;
mod explored;
mod lists;
mod measure;
mod mutants;
mod prove;
mod replay;
mod run;
mod stress;
mod usage;

use std::io::{self, Write};

use clap::Parser;
use serde_json::Value;

use crate::report::plain;
use arguments::{Arguments, Command};

/// The commit that this program was built from, where that is known.
pub(crate) const COMMIT: &str = env!("HAK_COMMIT");

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Nothing wrong.
    Passed = 0,
    /// A violation was found.
    Violation = 1,
    /// Bad usage or input.
    Usage = 2,
    /// A replay diverged, or two traces differ.
    Diverged = 3,
    /// A search was cut before it was complete.
    Cut = 4,
}

/// Bad usage or input, or a system that refuses: one clear sentence. The exit code is
/// [`Exit::Usage`].
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) String);

impl<E: std::error::Error> From<E> for Refusal {
    fn from(error: E) -> Refusal {
        Refusal(error.to_string())
    }
}

/// Parses the command line and does what it says; the exit code.
pub fn main() -> u8 {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output and end well; everything else is bad usage.
            if !error.use_stderr() {
                let _ = error.print();
                return Exit::Passed as u8;
            }
            return refuse(&usage::sentence(&error));
        }
    };
    let result = match &arguments.command {
        None => run::main(&arguments.run),
        Some(Command::Explore(options)) => explore::main(options),
        Some(Command::Prove(options)) => prove::main(options),
        Some(Command::Replay(options)) => replay::replay(options),
        Some(Command::Shrink(options)) => replay::shrink(options),
        Some(Command::Show(options)) => replay::show(options),
        Some(Command::Diff(options)) => replay::diff(options),
        Some(Command::Corpus(options)) => corpus::main(options),
        Some(Command::Mutants(options)) => mutants::main(options),
        Some(Command::Stress(options)) => stress::main(options),
        Some(Command::Contention(options)) => contention::main(options),
        Some(Command::Scenarios(options)) => lists::scenarios(options),
        Some(Command::Faults(options)) => lists::faults(options),
    };
    match result {
        Ok(exit) => exit as u8,
        Err(Refusal(message)) => refuse(&message),
    }
}

/// Says in one line why nothing was done, whatever stands in the names that it quotes; the exit
/// code.
fn refuse(message: &str) -> u8 {
    // Nobody is left to tell if this fails.
    let _ = writeln!(io::stderr(), "hak-sim: {}", plain(message));
    Exit::Usage as u8
}

/// Prints the text, or the JSON object if that was asked for.
fn print(
    json: bool,
    text: impl FnOnce() -> String,
    value: impl FnOnce() -> Value,
) -> Result<(), Refusal> {
    let output = if json { format!("{}\n", value()) } else { text() };
    let mut stdout = io::stdout().lock();
    match stdout.write_all(output.as_bytes()).and_then(|()| stdout.flush()) {
        // A reader that closed the pipe has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Refusal(format!("standard output cannot be written ({error}): give it more room")))
        }
        _ => Ok(()),
    }
}
