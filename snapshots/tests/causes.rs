//! The causes of the corpus: of how many planted faults do the named steps include a line of the
//! function in which the fault is planted?
//!
//! Where a fault is planted is read off the source. A function that touches no shared word and no
//! page itself, or whose accesses stand at the lines of its callers (`#[track_caller]`), has no
//! step in any run: there its callers count.

use std::path::PathBuf;

use hak_core::Fault;
use hak_sim::report::calls;
use hak_sim::report::source::{self, SourceFunction};
use hak_sim::run::simulation::Simulator;
use hak_sim::search::cause::{self, Cause};
use hak_traces::Trace;

/// Of so many faults in a hundred. The aim is 90: those that fall short are printed.
const PERCENT_MIN: usize = 75;

fn corpus(fault: Fault) -> Trace {
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = format!("traces/corpus/{}.hak", fault.name());
    Trace::read(repository.join(file)).expect("a trace of the corpus")
}

fn text(function: &SourceFunction) -> String {
    let lines = source::lines(function.file);
    lines[function.begin as usize - 1..function.end as usize].join("\n")
}

/// Whether an access can stand in a line of the function.
fn has_steps(function: &SourceFunction) -> bool {
    let words = [".load(", ".store(", ".swap(", ".fetch_", ".compare_exchange", ".get()", ".set("];
    let pages = ["commit(", "reset(", "extend(", "ensure(", "relocate(", "reserve(", "P::now("];
    let text = text(function);
    let lines = source::lines(function.file);
    let above = lines[..function.begin as usize - 1].iter().rev();
    let tracks = above
        .take_while(|line| line.trim_start().starts_with(['#', '/']))
        .any(|line| line.trim() == "#[track_caller]");
    !tracks && words.iter().chain(&pages).any(|word| text.contains(word))
}

/// The functions in which a fault is planted, or those that call them.
fn planted(fault: Fault) -> Vec<&'static SourceFunction> {
    let name = format!("Fault::{fault:?}");
    let is_planted = |one: &&SourceFunction| {
        let text = text(one);
        let mut behind = text.match_indices(&name).map(|(at, _)| &text[at + name.len()..]);
        behind.any(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()))
    };
    let mut places: Vec<_> = source::functions().iter().filter(is_planted).collect();
    let mut at = 0;
    while at < places.len() {
        if !has_steps(places[at]) {
            for call in calls::calls_of(places[at]) {
                if !places.contains(&call.caller) {
                    places.push(call.caller);
                }
            }
        }
        at += 1;
    }
    places
}

/// The lines that a cause names: those of its accesses, and of the calls that led to them.
fn lines(cause: &Cause) -> Vec<(&'static str, u32)> {
    let mut lines = Vec::new();
    for access in &cause.named {
        lines.push((access.site.file(), access.site.line()));
        let calls = calls::calls_to(&cause.accesses, access);
        lines.extend(calls.iter().map(|call| (call.caller.file, call.line)));
    }
    lines
}

#[test]
fn the_named_steps_include_a_line_of_the_function_in_which_the_fault_is_planted() {
    let mut simulator = Simulator::new();
    let mut short = Vec::new();
    for &fault in Fault::ALL {
        let trace = corpus(fault);
        let cause = cause::find(&mut simulator, &trace).expect("memory for a world");
        let cause = cause.expect("a run of the corpus fails");
        let places = planted(fault);
        assert!(!places.is_empty(), "{} is planted nowhere", fault.name());
        let is_inside = |(file, line): &(&'static str, u32)| {
            let inside = |one: &&SourceFunction| {
                file.ends_with(one.file) && (one.begin..=one.end).contains(line)
            };
            places.iter().any(inside)
        };
        let lines = lines(&cause);
        let hit = lines.iter().any(is_inside);
        if !hit {
            let functions: Vec<String> =
                places.iter().map(|one| format!("{} in {}", one.name, one.file)).collect();
            short.push(format!("{}: {}", fault.name(), functions.join(", ")));
        }
    }
    let hits = Fault::ALL.len() - short.len();
    println!("{hits} of {} causes name the function", Fault::ALL.len());
    println!("those that fall short:\n  {}", short.join("\n  "));
    assert!(hits * 100 >= Fault::ALL.len() * PERCENT_MIN, "only {hits}: {short:#?}");
}
