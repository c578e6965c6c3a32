//! Why a mutant may survive: it does the same, or what it does is not wrong.
//!
//! `arguments.txt` has paragraphs: lines that name mutants by what [`Mutant::key`] says, each after
//! a `- `, and then an indented reason. An entry has to name a mutant that there is, and that
//! survives: if the source changes, so that it names none, or the simulator notices it after all,
//! the argument is wrong or old.

use crate::places::Mutant;

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Which mutant.
    pub key: String,
    /// The line of the file.
    pub line: usize,
    /// Why it may survive.
    pub reason: String,
}

/// Reads the entries of a text.
///
/// # Errors
/// One sentence on the first line that is neither a comment, an entry nor a reason, or on an entry
/// without a reason.
pub fn parse(text: &str) -> Result<Vec<Argument>, String> {
    let mut arguments: Vec<Argument> = Vec::new();
    // The first entry of this paragraph.
    let mut first = 0;
    let mut has_reason = true;
    for (number, line) in text.lines().enumerate() {
        let line_number = number + 1;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(key) = line.strip_prefix("- ") {
            if has_reason {
                first = arguments.len();
                has_reason = false;
            }
            arguments.push(Argument {
                key: key.to_owned(),
                line: line_number,
                reason: String::new(),
            });
        } else if line.starts_with("    ") && first < arguments.len() {
            has_reason = true;
            for argument in &mut arguments[first..] {
                if !argument.reason.is_empty() {
                    argument.reason.push(' ');
                }
                argument.reason.push_str(line.trim());
            }
        } else {
            return Err(format!("line {line_number} is neither an entry nor a reason"));
        }
    }
    match arguments.iter().find(|argument| argument.reason.is_empty()) {
        Some(argument) => Err(format!("the entry of line {} has no reason", argument.line)),
        None => Ok(arguments),
    }
}

/// The entries that hak has.
///
/// # Errors
/// As [`parse`].
pub fn ours() -> Result<Vec<Argument>, String> {
    parse(include_str!("../arguments.txt"))
}

/// Whether an entry names this mutant.
pub fn find<'a>(arguments: &'a [Argument], mutant: &Mutant) -> Option<&'a Argument> {
    let key = mutant.key();
    arguments.iter().find(|argument| argument.key == key)
}

/// The entries that name no mutant.
pub fn stale<'a>(arguments: &'a [Argument], mutants: &[Mutant]) -> Vec<&'a Argument> {
    let keys: std::collections::HashSet<String> = mutants.iter().map(Mutant::key).collect();
    arguments.iter().filter(|argument| !keys.contains(&argument.key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_that_of_all_entries_above_it() {
        let text = "# words\n\n- a | b | c | true\n- a | b | c | false\n    because\n    so\n\n\
            - d\n    why\n";
        let arguments = parse(text).expect("good entries");
        let reasons: Vec<_> = arguments.iter().map(|one| (&*one.key, &*one.reason)).collect();
        let first = [("a | b | c | true", "because so"), ("a | b | c | false", "because so")];
        assert_eq!(reasons, [first[0], first[1], ("d", "why")]);
    }

    #[test]
    fn an_entry_without_a_reason_and_a_line_out_of_place_are_refused() {
        assert!(parse("- a\n").is_err());
        assert!(parse("- a\n    why\n- b\n").is_err());
        assert!(parse("why\n").is_err());
        assert!(parse("    why\n").is_err());
    }
}
