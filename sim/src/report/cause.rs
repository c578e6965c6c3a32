//! The cause of a failure as text: what decided it, which would have saved it, and the rule of the
//! core that stands there.
//!
//! ```text
//! CAUSE: thread 0's weak compare-exchange at remote_list.rs:70 came before thread 1's store at ...
//!   ► step 88, thread 0: weak compare-exchange at core/src/tables/remote_list.rs:70
//!       in push, called from free_remote (slabs/ownership.rs:215)
//!       match self.head.compare_exchange_weak(
//!   [block 1] ...
//!   likelihood of failure ▁▁▁▁▂▃█████ over 105 steps; behind step 88 nothing saves it
//! ```

use std::fmt::Write;

use serde_json::{Value, json};

use crate::observe::access_log::LoggedAccess;
use crate::report::calls::calls_to;
use crate::report::{counted, folded, operation, source};
use crate::run::simulation::Report;
use crate::search::cause::{Cause, SavingChange};

/// So many calls are told of each access.
const CALLS: usize = 3;

/// The cause for people.
pub(crate) fn text(cause: &Cause, report: &Report) -> String {
    let mut text = folded(&format!("CAUSE: {}", sentence(cause, report)), 0, 2) + "\n";
    for access in &cause.named {
        let what = format!(
            "► step {}, thread {}: {} at {}",
            access.step,
            access.thread,
            access.kind.name(),
            place(access)
        );
        let _ = writeln!(text, "  {}", folded(&what, 2, 6));
        if let Some(within) = within(cause, access) {
            let _ = writeln!(text, "      {}", folded(&within, 6, 8));
        }
        let line = source::line(access.site.file(), access.site.line());
        if !line.is_empty() {
            let _ = writeln!(text, "      {line}");
        }
    }
    if let Some((name, rule)) = rule(cause) {
        let _ = writeln!(text, "  {}", folded(&format!("the rule there is {name}: {rule}"), 2, 4));
    }
    if let Some(likelihood) = likelihood(cause) {
        let _ = writeln!(text, "  {}", folded(&likelihood, 2, 4));
    }
    text
}

/// What happened, and what would have saved the run.
fn sentence(cause: &Cause, report: &Report) -> String {
    let did = |access: &LoggedAccess| {
        format!("thread {}'s {} at {}", access.thread, access.kind.name(), place(access))
    };
    let (passed, runs) = cause.passed;
    let tried = format!("({passed} of {})", counted(runs.into(), "run", "runs"));
    match &cause.change {
        SavingChange::NotRefused(access) => {
            format!("the system refused {}; if it does not, the run passes {tried}", did(access))
        }
        SavingChange::NotSpurious(access) => {
            format!("{} failed for no reason; if it does not, the run passes {tried}", did(access))
        }
        SavingChange::NotStopped(thread) => {
            format!("thread {thread} stopped for ever; if it goes on, the run passes {tried}")
        }
        SavingChange::NewestRead { load, store } => {
            let newer =
                store.as_ref().map_or(String::new(), |store| format!(" than {} wrote", did(store)));
            format!(
                "{} read an older store{newer}; if it reads the newest, the run passes {tried}",
                did(load)
            )
        }
        SavingChange::Reversed { first, second } => format!(
            "{} came before {}; the other way round the run passes {tried}",
            did(first),
            did(second)
        ),
        SavingChange::WithoutOperation(thread, number) => {
            let what = operation(report, *thread, *number)
                .map_or(String::new(), |operation| format!(" ({operation})"));
            format!(
                "no order of two accesses that was tried saves it: without operation {number} of \
                thread {thread}{what} the run passes {tried}"
            )
        }
        SavingChange::Nothing => "no change that was tried makes the run pass".to_owned(),
    }
}

/// The line, as the compiler names it, without its column.
fn place(access: &LoggedAccess) -> String {
    format!("{}:{}", access.site.file().replace('\\', "/"), access.site.line())
}

/// The function around an access, and who called it, as far as that can be told.
fn within(cause: &Cause, access: &LoggedAccess) -> Option<String> {
    let function = source::function_at(access.site.file(), access.site.line())?;
    let calls = calls_to(&cause.accesses, access);
    let row: Vec<String> = calls
        .iter()
        .take(CALLS)
        .map(|call| {
            let file = call.caller.file.trim_start_matches("core/src/");
            format!("{} ({file}:{})", call.caller.name, call.line)
        })
        .collect();
    let called = if row.is_empty() { "" } else { ", called from " };
    Some(format!("in {}{called}{}", function.name, row.join(", ")))
}

/// The rule of the core next to the accesses of the change: what the function of an access cites,
/// or the one that called it. Farther away, a citation is about something else.
fn rule(cause: &Cause) -> Option<(String, String)> {
    let of_change: Vec<&LoggedAccess> = match &cause.change {
        SavingChange::Reversed { first, second } => vec![second, first],
        SavingChange::NewestRead { load, store } => {
            std::iter::once(load).chain(store.as_ref()).collect()
        }
        SavingChange::NotRefused(access) | SavingChange::NotSpurious(access) => vec![access],
        _ => Vec::new(),
    };
    of_change.iter().find_map(|one| {
        source::rule_at(one.site.file(), one.site.line()).or_else(|| {
            let calls = calls_to(&cause.accesses, one);
            calls.first().and_then(|call| source::rule_at(call.caller.file, call.line))
        })
    })
}

/// The curve in one line.
fn likelihood(cause: &Cause) -> Option<String> {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let last = cause.curve.last()?.step;
    let curve: String = cause
        .curve
        .iter()
        .map(|point| BLOCKS[(point.failing * 7 / point.continuations) as usize])
        .collect();
    let behind = match cause.no_return {
        Some(0) => "from the beginning on no continuation passes".to_owned(),
        Some(step) => format!("behind step {step} no continuation passes any more"),
        None => "some continuation passes everywhere".to_owned(),
    };
    Some(format!("likelihood of failure {curve} over {last} steps; {behind}"))
}

/// The same for programs.
pub(crate) fn value(cause: &Cause, report: &Report) -> Value {
    json!({
        "sentence": sentence(cause, report),
        "passed": cause.passed.0,
        "of": cause.passed.1,
        "named": cause.named.iter().map(|access| json!({
            "step": access.step,
            "thread": access.thread,
            "operation": access.operation,
            "access": access.kind.name(),
            "site": access.site.to_string(),
            "calls": calls_to(&cause.accesses, access).iter().map(|call| {
                format!("{} {}:{}", call.caller.name, call.caller.file, call.line)
            }).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "rule": rule(cause).map(|(name, rule)| format!("{name} {rule}")),
        "point_of_no_return": cause.no_return,
        "likelihood": cause.curve.iter().map(|point| json!({
            "step": point.step,
            "failing": point.failing,
            "continuations": point.continuations,
        })).collect::<Vec<_>>(),
        "runs": cause.runs,
    })
}
