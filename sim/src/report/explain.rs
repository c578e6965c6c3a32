//! Explaining a failing run: columns for each thread, with what each step did to which word, and
//! the two accesses that do not go together marked.
//!
//! ```text
//!  step | thread 0                                   | thread 1
//!       | » allocate 64 B at 1 into register 3       |
//!    52 | store slab 1.0 slot                        |
//!       |   ACTIVE heap 0 → FULL     ownership.rs:68 |
//!    53 |                                            | ► weak cas slab 1.0 remote list
//!       |                                            |   0 → slab 1.0 + 0x40  remote_list.rs:35
//! ```
//!
//! Meant for shrunk runs. Steps that neither touch the slab that the violation is about nor lie
//! beside a context switch are counted and left out. Slabs are named by SuperSlab and number in it:
//! `slab 1.0`.

use std::fmt::Write;
use std::panic::Location;

use hak_core::inspect::{Place, RootField, SlabField, SuperSlabField};
use hak_core::numbers::slot::{OwnerId, SlabState, SlotWord};
use hak_core::tables::remote_list::ADDRESS_BITS;
use hak_core::tables::superslab::{SuperSlabWord, Use};

use crate::observe::event_log::Event;
use crate::observe::picture::owner_name;
use crate::program::Operation;
use crate::report;
use crate::run::simulation::Report;
use crate::runtime::{Kind, ThreadId};
use crate::search::cause::Cause;

/// The picture keeps to this width,
const WIDTH: usize = 100;
/// and to so many steps, the last ones.
const STEPS_MAX: usize = 48;

/// Draws the events of a failing run.
pub(crate) fn draw(report: &Report, cause: Option<&Cause>) -> String {
    let Some(violation) = report.violation() else { return String::new() };
    let threads = threads_in(report);
    let focus = focus(report);
    let marked: Vec<u64> = match cause {
        Some(cause) => cause.named.iter().map(|access| access.step).chain(at_end(report)).collect(),
        None => marked(report),
    };
    let mut picture = Picture::new(&threads);
    let shown = match cause {
        Some(_) => beside(&report.events, &marked),
        None => shown(&report.events, focus, &marked),
    };
    let mut left_out = 0;
    let mut operations = [0; crate::runtime::THREADS_MAX];
    for (event, shown) in report.events.iter().zip(shown) {
        if !shown {
            left_out += 1;
            continue;
        }
        picture.skip(&mut left_out);
        if operations[event.thread] != event.operation {
            operations[event.thread] = event.operation;
            picture.operation(event.thread, &operation_name(report, event));
        }
        picture.event(event, marked.contains(&event.step));
    }
    picture.skip(&mut left_out);
    // A step whose effect broke the rule is among the events.
    let told = report
        .events
        .last()
        .is_some_and(|event| event.step == violation.step && event.site == violation.access.site);
    if !told {
        let place = report.place.map_or_else(String::new, short);
        let cell = format!("► {} {place}", violation.access.kind.name());
        picture.row(&violation.step.to_string(), violation.thread, &cell);
        picture.row("", violation.thread, &format!("  at {}", short_site(violation.access.site)));
    }
    picture.finish()
}

/// The threads that have a column.
fn threads_in(report: &Report) -> Vec<ThreadId> {
    let mut threads: Vec<ThreadId> = report.events.iter().map(|event| event.thread).collect();
    threads.extend(report.violation().map(|violation| violation.thread));
    threads.sort_unstable();
    threads.dedup();
    threads
}

/// The slab that the violation is about: its SuperSlab and its number there.
fn focus(report: &Report) -> Option<(u32, u32)> {
    let of = |place: Option<Place>| match place? {
        Place::Slab(unit, slab, _) | Place::Memory(unit, slab, _) => Some((unit, slab)),
        _ => None,
    };
    let about = || report.violation()?.slab;
    of(report.place).or_else(|| of(report.other_place)).or_else(about)
}

/// The steps that the violation is about, beside its own: the earlier access of the pair, and if
/// there is none the last ones that changed the slab's words.
fn marked(report: &Report) -> Vec<u64> {
    let Some(violation) = report.violation() else { return Vec::new() };
    let last = report.events.iter().rev().find(|event| match &violation.other {
        Some(other) => event.thread == other.thread && event.site == other.site,
        None => event.old != event.new && touches(&event.place, focus(report)),
    });
    last.map(|event| event.step).into_iter().chain([violation.step]).collect()
}

fn touches(place: &Place, focus: Option<(u32, u32)>) -> bool {
    match *place {
        Place::Slab(unit, slab, ..) | Place::Memory(unit, slab, _) => Some((unit, slab)) == focus,
        _ => false,
    }
}

/// The step at which the rule is broken.
fn at_end(report: &Report) -> Option<u64> {
    report.violation().map(|violation| violation.step)
}

/// Which events are shown where it is known which decided the run: those, one beside each, and the
/// last ones.
fn beside(events: &[Event], marked: &[u64]) -> Vec<bool> {
    let is_near = |event: &Event| marked.iter().any(|&step| event.step.abs_diff(step) <= 1);
    (0..events.len()).map(|at| is_near(&events[at]) || at + 2 >= events.len()).collect()
}

/// Which events are shown.
fn shown(events: &[Event], focus: Option<(u32, u32)>, marked: &[u64]) -> Vec<bool> {
    let beside_switch = |place: usize| {
        let other = |beside: Option<&Event>| {
            beside.is_some_and(|beside| beside.thread != events[place].thread)
        };
        other(place.checked_sub(1).and_then(|before| events.get(before)))
            || other(events.get(place + 1))
    };
    let mut shown: Vec<bool> = (0..events.len())
        .map(|place| {
            let event = &events[place];
            let about = match focus {
                Some(_) => touches(&event.place, focus),
                None => event.old != event.new,
            };
            about || beside_switch(place) || place + 3 >= events.len()
        })
        .collect();
    let mut left = STEPS_MAX;
    for (place, shown) in shown.iter_mut().enumerate().rev() {
        *shown = *shown && (left > 0 || marked.contains(&events[place].step));
        left -= usize::from(*shown && left > 0);
    }
    shown
}

fn operation_name(report: &Report, event: &Event) -> String {
    match report::operation(report, event.thread, event.operation) {
        Some(Operation::Replace { mailbox, size }) => {
            format!("» {size} B into mailbox {mailbox}, free its old")
        }
        Some(operation) => format!("» {operation}"),
        None if event.operation == 0 => "» begins".to_owned(),
        None if event.thread < report.program.threads.len() => "» ends".to_owned(),
        None => "» tidies up".to_owned(),
    }
}

/// A place in few words.
fn short(place: Place) -> String {
    match place {
        Place::Slab(unit, slab, SlabField::Slot) => format!("slab {unit}.{slab} slot"),
        Place::Slab(unit, slab, word) => format!("slab {unit}.{slab} {word}"),
        Place::Memory(unit, slab, byte) => format!("slab {unit}.{slab} + {byte:#x}"),
        Place::SuperSlab(unit, SuperSlabField::Word) => format!("superslab {unit} mask"),
        Place::Elsewhere => String::new(),
        Place::Root(word) => word.to_string(),
        Place::Abandoned(class, word) => format!("{word} of class {class}"),
        other => other.to_string(),
    }
}

fn short_site(site: &Location<'_>) -> String {
    let file = site.file().rsplit('/').next().unwrap_or_default();
    format!("{file}:{}", site.line())
}

fn value(event: &Event, bits: u64, named: Place) -> String {
    match (named, event.place) {
        (Place::Elsewhere, _) => {}
        (block, Place::Slab(_, _, SlabField::Remote)) => {
            return format!("{}: {}", bits >> ADDRESS_BITS, short(block));
        }
        (named, _) => return short(named),
    }
    match event.place {
        Place::Slab(_, _, SlabField::Slot) => {
            let word = SlotWord(bits);
            let state = word.state().map_or("?", SlabState::name);
            match word.owner() {
                OwnerId::NOBODY => state.to_owned(),
                owner => format!("{state} {}", owner_name(owner)),
            }
        }
        Place::SuperSlab(_, SuperSlabField::Word) => {
            let word = SuperSlabWord(bits);
            match word.usage() {
                Use::Shared => format!("SHARED {:#x}", word.free_slots()),
                other => other.name().to_owned(),
            }
        }
        Place::Root(RootField::FreeHeaps | RootField::Available) => {
            (bits as u32).checked_sub(1).map_or("empty".to_owned(), |node| format!("top {node}"))
        }
        _ if bits < 1 << 16 => bits.to_string(),
        _ => format!("{bits:#x}"),
    }
}

fn values(event: &Event) -> String {
    let new = value(event, event.new, event.named.1);
    if matches!(event.kind, Kind::Start | Kind::Fence | Kind::Spin) {
        String::new()
    } else if event.old == event.new {
        format!("= {new}")
    } else {
        format!("{} → {new}", value(event, event.old, event.named.0))
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::CompareExchange => "cas",
        Kind::CompareExchangeWeak => "weak cas",
        other => other.name(),
    }
}

struct Picture {
    text: String,
    columns: Vec<ThreadId>,
    width: usize,
}

impl Picture {
    fn new(threads: &[ThreadId]) -> Picture {
        let count = threads.len().max(1);
        let width = (WIDTH - 6) / count - 3;
        let mut picture = Picture { text: String::new(), columns: threads.to_vec(), width };
        let mut line = " step ".to_owned();
        for thread in threads {
            let _ = write!(line, "| {:width$} ", format!("thread {thread}"));
        }
        picture.push(&line);
        picture.rule();
        picture
    }

    fn push(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn rule(&mut self) {
        let line = format!(
            "------{}",
            format!("+{}", "-".repeat(self.width + 2)).repeat(self.columns.len())
        );
        self.push(&line);
    }

    fn row(&mut self, number: &str, thread: ThreadId, cell: &str) {
        let mut line = format!("{number:>5} ");
        for column in &self.columns {
            let text: String = if *column == thread {
                cell.chars().take(self.width).collect()
            } else {
                String::new()
            };
            let _ = write!(line, "| {text}{} ", " ".repeat(self.width - text.chars().count()));
        }
        self.push(&line);
    }

    fn operation(&mut self, thread: ThreadId, name: &str) {
        for line in report::folded_to(name, self.width).lines() {
            self.row("", thread, line);
        }
    }

    fn event(&mut self, event: &Event, marked: bool) {
        let mark = if marked { "► " } else { "" };
        let what = format!("{mark}{} {}", kind_name(event.kind), short(event.place));
        self.row(&event.step.to_string(), event.thread, &what);
        if event.kind == Kind::Start {
            return;
        }
        let (values, site) = (values(event), short_site(event.site));
        let needed = 2 + values.chars().count() + 1 + site.chars().count();
        if needed <= self.width {
            let gap = " ".repeat(self.width - needed);
            self.row("", event.thread, &format!("  {values}{gap} {site}"));
        } else {
            self.row("", event.thread, &format!("  {values}"));
            let gap = " ".repeat(self.width.saturating_sub(site.chars().count()));
            self.row("", event.thread, &format!("{gap}{site}"));
        }
    }

    fn skip(&mut self, left_out: &mut usize) {
        if *left_out > 0 {
            let line = format!("      | … {left_out} steps elsewhere");
            self.push(&line);
            *left_out = 0;
        }
    }

    fn finish(mut self) -> String {
        self.rule();
        self.text
    }
}
