//! What a violation is about: the accesses that it names, and where it is found at rest, the last
//! ones that changed what was found wrong.

use hak_core::inspect::Place;

use crate::observe::access_log::LoggedAccess;
use crate::observe::event_log::Event;
use crate::run::simulation::Report;
use crate::runtime::{Kind, ThreadId};

/// Of each kind of words so many accesses are named, the last ones.
const LAST: usize = 2;

/// The access that broke the rule and the one that it does not go with, if the allocator did them.
pub(super) fn broken(report: &Report) -> Vec<LoggedAccess> {
    let Some(violation) = report.violation() else { return Vec::new() };
    let last = |thread: ThreadId, site: &std::panic::Location<'_>| {
        let of = |one: &&LoggedAccess| one.thread == thread && one.site == site;
        report.accesses.iter().rev().find(of).copied().filter(is_of_core)
    };
    let other = violation.other.and_then(|other| last(other.thread, other.site));
    // What accuses a program is no access, and not among them.
    let own = last(violation.thread, violation.access.site).or_else(|| {
        let access = &violation.access;
        let own = LoggedAccess {
            step: violation.step,
            thread: violation.thread,
            operation: violation.operation,
            kind: access.kind,
            offset: access.offset,
            bytes: access.bytes,
            site: access.site,
        };
        Some(own).filter(is_of_core)
    });
    other.into_iter().chain(own).collect()
}

/// The last accesses that changed what was found wrong at rest: words of the slab that the
/// violation names, of the root and of units, and the system's pages.
pub(super) fn changed_last(report: &Report, threads: ThreadId) -> Vec<LoggedAccess> {
    let slab = report.violation().and_then(|violation| violation.slab);
    let is_of_slab = |event: &Event| match event.place {
        Place::Slab(unit, slot, ..) | Place::Memory(unit, slot, ..) => Some((unit, slot)) == slab,
        _ => false,
    };
    let is_system_call = |event: &Event| event.kind.is_choice() && !event.kind.is_atomic();
    let is_elsewhere = |event: &Event| {
        !matches!(event.place, Place::Slab(..) | Place::Memory(..)) && !is_system_call(event)
    };
    let kinds: [&dyn Fn(&Event) -> bool; 3] = [&is_of_slab, &is_elsewhere, &is_system_call];
    let mut found: Vec<LoggedAccess> = Vec::new();
    // The last of all, and what the program's threads left.
    for is_last in [true, false] {
        for kind in kinds {
            let events = report.events.iter().rev().filter(|event| {
                (is_last || event.thread < threads) && event.old != event.new && kind(event)
            });
            let mut left = LAST;
            for event in events {
                let access = report.accesses.iter().find(|one| one.step == event.step);
                let Some(access) = access.filter(|one| is_of_core(one)) else { continue };
                if left > 0 && found.iter().all(|known| known.site != access.site) {
                    found.push(*access);
                    left -= 1;
                }
            }
        }
    }
    found
}

/// What the thread that broke the rule did last, at different lines.
pub(super) fn done_last(report: &Report) -> Vec<LoggedAccess> {
    let Some(violation) = report.violation() else { return Vec::new() };
    let own = report.accesses.iter().rev().filter(|one| one.thread == violation.thread);
    let mut found: Vec<LoggedAccess> = Vec::new();
    for access in own.filter(|one| is_of_core(one) && one.kind.is_choice()) {
        if found.iter().all(|known| known.site.file() != access.site.file()) {
            found.push(*access);
        }
        if found.len() == LAST {
            break;
        }
    }
    found
}

/// Who wrote last what these accesses came upon.
pub(super) fn written_last(report: &Report, broken: &[LoggedAccess]) -> Vec<LoggedAccess> {
    let mut found: Vec<LoggedAccess> = Vec::new();
    for access in broken {
        let writers = report.accesses.iter().rev().filter(|one| {
            (one.kind.is_atomic() || one.kind == Kind::PlainSet)
                && one.kind.may_write()
                && one.conflicts(access)
                && one.step < access.step
        });
        found.extend(writers.filter(|one| is_of_core(one)).take(1));
    }
    found
}

/// Whether it stands in the allocator, and not in a program or an audit.
fn is_of_core(access: &LoggedAccess) -> bool {
    access.site.file().replace('\\', "/").contains("core/src/")
}
