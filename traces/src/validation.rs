//! Which traces make sense.
//!
//! The invariants of [`Trace`] stand in the description of its module; here is one function for
//! each group. They are asked on both sides, before writing and after reading, so that whoever
//! holds a trace from a file may index with everything in it.

use std::collections::BTreeSet;

use crate::error::TraceError;
use crate::trace::{EVENT_READ_FROM_LAST, Outcome, Trace};

/// How many threads the `u8` in a step can name.
const THREADS_MAX: u32 = 256;

/// Whether all invariants hold; if not, the first that does not.
pub(crate) fn validate(trace: &Trace) -> Result<(), TraceError> {
    let found = threads(trace)
        .or_else(|| sites(trace))
        .or_else(|| steps(trace))
        .or_else(|| digests(trace))
        .or_else(|| outcome(trace));
    match found {
        Some(reason) => Err(TraceError::Malformed { reason }),
        None => Ok(()),
    }
}

fn threads(trace: &Trace) -> Option<String> {
    let count = trace.config.threads;
    (count > THREADS_MAX).then(|| format!("it has {count} threads and may have {THREADS_MAX}"))
}

fn sites(trace: &Trace) -> Option<String> {
    if u32::try_from(trace.sites.len()).is_err() {
        return Some(format!("it has {} sites, more than can be named", trace.sites.len()));
    }
    let mut known = BTreeSet::new();
    let twice = trace.sites.iter().find(|&site| !known.insert(site))?;
    Some(format!("it lists site {}:{}:{} twice", twice.file, twice.line, twice.column))
}

fn steps(trace: &Trace) -> Option<String> {
    let thread_count = trace.config.threads;
    let site_count = trace.sites.len();
    trace.steps.iter().enumerate().find_map(|(index, step)| {
        if u32::from(step.thread) >= thread_count {
            Some(format!("step {index} names thread {} of {thread_count}", step.thread))
        } else if step.site as usize >= site_count {
            Some(format!("step {index} names site {} of {site_count}", step.site))
        } else if step.event > EVENT_READ_FROM_LAST {
            Some(format!("step {index} has the unknown event {}", step.event))
        } else {
            None
        }
    })
}

fn digests(trace: &Trace) -> Option<String> {
    if let Some(pair) = trace.digests.windows(2).find(|pair| pair[0].step >= pair[1].step) {
        let (before, after) = (pair[0].step, pair[1].step);
        return Some(format!("the digest of step {after} follows that of step {before}"));
    }
    let last = trace.digests.last()?;
    let count = trace.steps.len();
    (last.step >= count as u64)
        .then(|| format!("it has a digest of step {} and only {count} steps", last.step))
}

fn outcome(trace: &Trace) -> Option<String> {
    let Outcome::Violation { thread, step, site, .. } = &trace.outcome else { return None };
    let thread_count = trace.config.threads;
    let step_count = trace.steps.len();
    let site_count = trace.sites.len();
    if u32::from(*thread) >= thread_count {
        Some(format!("its violation names thread {thread} of {thread_count}"))
    } else if *step > step_count as u64 {
        Some(format!("its violation lies at step {step} of {step_count}"))
    } else {
        let beyond = (*site)?;
        (beyond as usize >= site_count)
            .then(|| format!("its violation names site {beyond} of {site_count}"))
    }
}
