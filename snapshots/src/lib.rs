//! Stories: small directed runs of the core, written down as text, which the tests pin with insta.
//!
//! A story says what each thread does, in which turns, which steps of the lifecycle were seen, and
//! what the state was in the end. Whoever changes the core sees in the difference of a snapshot
//! what the change does to it.

use std::fmt::Write;

use hak_core::Geometry;
use hak_sim::program::{Operation, Program, Written};
use hak_sim::report;
use hak_sim::run::settings::Settings;
use hak_sim::run::simulation::{Extras, Report, Simulator};
use hak_sim::run::turns::{Turn, Turns};
use hak_sim::scenario;

/// Allocates a block of `size` bytes into a register.
pub fn allocate(register: u8, size: u32) -> Operation {
    Operation::Allocate { register, size, align_shift: 0, zeroed: false, written: Written::All }
}

/// Frees the block in a register.
pub fn free(register: u8) -> Operation {
    Operation::Free { register }
}

/// Changes the size of the block in a register.
pub fn reallocate(register: u8, size: u32) -> Operation {
    Operation::Reallocate { register, size }
}

/// Allocates a block into a mailbox.
pub fn put(mailbox: u8, size: u32) -> Operation {
    Operation::Replace { mailbox, size }
}

/// Frees the block in a mailbox.
pub fn take(mailbox: u8) -> Operation {
    Operation::Take { mailbox }
}

/// Runs the threads in these turns (thread, operations finished at the turn's end), stops, and
/// writes it down.
///
/// # Panics
/// The run breaks a rule, or two runs of it differ.
pub fn story(threads: Vec<Vec<Operation>>, turns: &[(usize, u32)]) -> String {
    let first = tell(threads.clone(), turns);
    assert_eq!(first, tell(threads, turns), "the same story is told the same way twice");
    first
}

fn tell(threads: Vec<Vec<Operation>>, turns: &[(usize, u32)]) -> String {
    let mut settings = Settings::new(&scenario::SCENARIOS[0], 0);
    settings.threads = threads.len();
    let turns: Vec<Turn> =
        turns.iter().map(|&(thread, operations)| Turn { thread, operations }).collect();
    let mut chooser = Turns::then_stop(turns.clone());
    let extras = Extras { transitions: true, picture: true, events: false, accesses: false };
    let report = Simulator::new()
        .run_chosen(&settings, Program { threads }, extras, &mut chooser)
        .expect("memory for a world");
    assert!(report.violation().is_none(), "{}", report::text(&report));
    write_down(&report, &turns)
}

fn write_down(report: &Report, turns: &[Turn]) -> String {
    let mut text = String::new();
    for (thread, operations) in report.program.threads.iter().enumerate() {
        let _ = writeln!(text, "thread {thread}");
        for (number, operation) in operations.iter().enumerate() {
            let _ = writeln!(text, "  {:>2}  {operation}", number + 1);
        }
    }
    text.push_str("turns\n");
    for turn in turns {
        let _ =
            writeln!(text, "  thread {} to the end of operation {}", turn.thread, turn.operations);
    }
    text.push_str("steps of the lifecycle\n");
    for transition in &report.transitions {
        let line = report::transition_text(transition, Geometry::TINY.slabs_per_superslab);
        let _ = writeln!(text, "  {line}");
    }
    text.push_str("state\n");
    for line in report.picture.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}
