//! What is wrong with a command line, in one sentence that says what to do.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, Error};

use super::arguments::Arguments;
use crate::run::events;
use crate::scenario;

/// What is wrong with the command line of this process.
pub(super) fn sentence(error: &Error) -> String {
    let word = std::env::args().nth(1).unwrap_or_default();
    let all = Arguments::command();
    let here = all.find_subcommand(&word).unwrap_or(&all);
    let help = match here.get_name() == all.get_name() {
        true => "hak-sim --help".to_owned(),
        false => format!("hak-sim {} --help", here.get_name()),
    };
    let said = alone(error)
        .or_else(|| of_another_command(error, &all, here))
        .unwrap_or_else(|| rendered(error));
    format!("{said}; see `{help}`")
}

/// What the error is about, as it was given.
fn about(error: &Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

/// A value that stands alone, without its option or its equals sign.
fn alone(error: &Error) -> Option<String> {
    let value = about(error, ContextKind::InvalidSubcommand)
        .or_else(|| about(error, ContextKind::InvalidArg))?;
    let option = if value == "each" || events::place_of(value).is_ok() {
        "--kill="
    } else if scenario::find(value).is_some() {
        "--scenario "
    } else {
        return None;
    };
    Some(format!("'{value}' stands alone: write {option}{value}"))
}

/// An option of another command.
fn of_another_command(error: &Error, all: &Command, here: &Command) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let name = about(error, ContextKind::InvalidArg)?.split('=').next().unwrap_or_default();
    let long = name.strip_prefix("--")?;
    let has = |command: &Command| command.get_arguments().any(|one| one.get_long() == Some(long));
    let one_run =
        has(all).then(|| "`hak-sim` without a command, which runs one schedule".to_owned());
    let others = all.get_subcommands().filter(|command| has(command));
    let others = others.map(|command| format!("`hak-sim {}`", command.get_name()));
    let owners: Vec<String> = one_run.into_iter().chain(others).collect();
    if owners.is_empty() {
        return None;
    }
    let place = match here.get_name() == all.get_name() {
        true => "without a command".to_owned(),
        false => format!("for `hak-sim {}`", here.get_name()),
    };
    Some(format!("there is no {name} {place}: it is for {}", owners.join(" and ")))
}

/// The sentence of the parser, in one line.
fn rendered(error: &Error) -> String {
    let text = error.render().to_string();
    let paragraphs = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|paragraph| {
            let skipped = ["Usage:", "For more information"];
            !paragraph.is_empty() && !skipped.iter().any(|begin| paragraph.starts_with(begin))
        })
        .collect::<Vec<_>>()
        .join("; ");
    paragraphs
        .trim_start_matches("error: ")
        .replace("invalid digit found in string", "give a whole number, in digits only")
}
