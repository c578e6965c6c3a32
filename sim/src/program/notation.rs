//! The notation of programs: one line of text for each program, in traces and reports.
//!
//! ```text
//! a3:64     allocate 64 bytes into register 3       f3      free register 3
//! a3:64@6   the same, aligned to 2^6                r3:20   reallocate register 3 to 20 bytes
//! a3:64n    the same, nothing of it is written      a3:64h  the same, every other word is written
//! a3:64z    the same, zeroed                        s1:2    swap the contents of registers 1 and 2
//! m1+2:3+4*5   copy 5 words of register 1 from word 2 on to word 4 of register 3 (*0: all)
//! p1:32     allocate 32 bytes into mailbox 1, and free what was there
//! t1        free what is in mailbox 1               c       collect
//! x         end, and begin anew                     w       time passes
//! k         tick                                    u3      usable size of the block in register 3
//! e         end, for good                           l4096   limit to 4096 bytes (l0: none)
//! |         the next thread
//! ```

use std::fmt::Write;

use crate::program::{MAILBOXES, Operation, Program, REGISTERS};
use crate::runtime::Written;

/// The largest size that a program may ask for; any allocator may refuse it.
const SIZE_MAX: u32 = 1 << 28;

/// The largest alignment, as a power of two.
const ALIGN_SHIFT_MAX: u8 = 23;

impl Program {
    /// The program in notation.
    pub fn to_notation(&self) -> String {
        let threads: Vec<String> = self
            .threads
            .iter()
            .map(|operations| operations.iter().map(word).collect::<Vec<_>>().join(" "))
            .collect();
        threads.join(" | ")
    }

    /// The program of a notation, for so many threads.
    ///
    /// # Errors
    /// One sentence on the first word that is none, or on the number of threads.
    pub fn from_notation(text: &str, threads: usize) -> Result<Program, String> {
        let program = Program {
            threads: text
                .split('|')
                .map(|thread| thread.split_whitespace().map(parsed).collect())
                .collect::<Result<_, _>>()?,
        };
        match program.threads.len() {
            found if found == threads => Ok(program),
            found => Err(format!("its program is for {found} threads, but it names {threads}")),
        }
    }
}

fn word(operation: &Operation) -> String {
    match *operation {
        Operation::Allocate { register, size, align_shift, zeroed, written } => {
            let mut text = format!("a{register}:{size}");
            if align_shift != 0 {
                let _ = write!(text, "@{align_shift}");
            }
            if zeroed {
                text.push('z');
            }
            match written {
                Written::All => {}
                Written::Half => text.push('h'),
                Written::Nothing => text.push('n'),
            }
            text
        }
        Operation::Free { register } => format!("f{register}"),
        Operation::Reallocate { register, size } => format!("r{register}:{size}"),
        Operation::Replace { mailbox, size } => format!("p{mailbox}:{size}"),
        Operation::Take { mailbox } => format!("t{mailbox}"),
        Operation::Copy { from, from_word, to, to_word, words } => {
            format!("m{from}+{from_word}:{to}+{to_word}*{words}")
        }
        Operation::Swap { one, other } => format!("s{one}:{other}"),
        Operation::Wait => "w".to_owned(),
        Operation::Collect => "c".to_owned(),
        Operation::Exit => "x".to_owned(),
        Operation::End => "e".to_owned(),
        Operation::Tick => "k".to_owned(),
        Operation::Limit { bytes } => format!("l{bytes}"),
        Operation::Measure { register } => format!("u{register}"),
    }
}

fn parsed(word: &str) -> Result<Operation, String> {
    operation(word)
        .ok_or_else(|| format!("its program has the word '{word}', which is no operation"))
}

fn operation(word: &str) -> Option<Operation> {
    let (kind, rest) = word.split_at_checked(1)?;
    let below = |text: &str, bound: usize| {
        text.parse::<u8>().ok().filter(|&number| usize::from(number) < bound)
    };
    let sized = |text: &str, bound: usize| {
        let (place, size) = text.split_once(':')?;
        let size = size.parse().ok().filter(|&size: &u32| size <= SIZE_MAX)?;
        Some((below(place, bound)?, size))
    };
    match kind {
        "a" => {
            let ends = |end| rest.strip_suffix(end);
            let (rest, written) = match (ends('n'), ends('h')) {
                (Some(rest), _) => (rest, Written::Nothing),
                (None, Some(rest)) => (rest, Written::Half),
                (None, None) => (rest, Written::All),
            };
            let (rest, zeroed) = rest.strip_suffix('z').map_or((rest, false), |rest| (rest, true));
            let (rest, shift) = rest.split_once('@').unwrap_or((rest, "0"));
            let align_shift = below(shift, usize::from(ALIGN_SHIFT_MAX) + 1)?;
            let (register, size) = sized(rest, REGISTERS)?;
            Some(Operation::Allocate { register, size, align_shift, zeroed, written })
        }
        "f" => Some(Operation::Free { register: below(rest, REGISTERS)? }),
        "r" => {
            sized(rest, REGISTERS).map(|(register, size)| Operation::Reallocate { register, size })
        }
        "p" => sized(rest, MAILBOXES).map(|(mailbox, size)| Operation::Replace { mailbox, size }),
        "t" => Some(Operation::Take { mailbox: below(rest, MAILBOXES)? }),
        "m" => {
            let (from, rest) = rest.split_once(':')?;
            let (to, words) = rest.split_once('*')?;
            let place = |text: &str| {
                let (register, word) = text.split_once('+')?;
                Some((below(register, REGISTERS)?, word.parse().ok()?))
            };
            let ((from, from_word), (to, to_word)) = (place(from)?, place(to)?);
            Some(Operation::Copy { from, from_word, to, to_word, words: words.parse().ok()? })
        }
        "s" => {
            let (one, other) = rest.split_once(':')?;
            let (one, other) = (below(one, REGISTERS)?, below(other, REGISTERS)?);
            Some(Operation::Swap { one, other })
        }
        "w" if rest.is_empty() => Some(Operation::Wait),
        "c" if rest.is_empty() => Some(Operation::Collect),
        "x" if rest.is_empty() => Some(Operation::Exit),
        "e" if rest.is_empty() => Some(Operation::End),
        "k" if rest.is_empty() => Some(Operation::Tick),
        "l" => Some(Operation::Limit { bytes: rest.parse().ok()? }),
        "u" => Some(Operation::Measure { register: below(rest, REGISTERS)? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{SCENARIOS, Sizes};

    #[test]
    fn every_program_survives_its_notation() {
        for scenario in SCENARIOS {
            for seed in 0..20 {
                let program = scenario.program(seed, 0, 3, 50, Sizes::around(16 << 10));
                let text = program.to_notation();
                assert_eq!(Program::from_notation(&text, 3), Ok(program), "{text}");
            }
        }
    }

    #[test]
    fn a_thread_may_have_nothing_to_do() {
        let program = Program { threads: vec![vec![], vec![Operation::Exit], vec![]] };
        assert_eq!(Program::from_notation(&program.to_notation(), 3), Ok(program));
    }

    #[test]
    fn what_is_no_operation_is_named() {
        for bad in ["a", "a1", "a99:8", "a1:8@60", "f-1", "p9:8", "é", "q", "cc", "r1:99999999999"]
        {
            let error = Program::from_notation(bad, 1).expect_err("no operation");
            assert!(error.contains(bad), "{error}");
        }
        assert!(Program::from_notation("c | c", 3).is_err());
    }
}
