//! From what a subject reports to a trace.
//!
//! ```text
//!  &'static Location ──its address──▶ recent: one entry per slot ──hit──▶ index of the site
//!                                          │ miss
//!                                          └──file, line, column──▶ known ──▶ index of the site
//! ```
//!
//! Invariants:
//!
//! 1. The address of a location only finds what its content has decided before: addresses never
//!    reach the trace, and indices are given out in the order of first use.
//! 2. No two sites are equal, however often the compiler has duplicated a location.
//! 3. A digest is kept of every [`DIGEST_INTERVAL`]th step, and of the last one.

use std::collections::BTreeMap;
use std::panic::Location;

use hak_traces::{Config, DigestAt, Outcome, Site, Step, Trace};

use crate::seen::{OutcomeSeen, StepSeen};

/// One in how many steps keeps its digest. A divergence that only a digest notices began at most
/// this many steps earlier.
pub const DIGEST_INTERVAL: u64 = 64;

/// How many locations are found by their address alone, at best.
const RECENT_COUNT: usize = 1024;

/// Collects the steps of one run.
#[derive(Debug)]
pub struct Recorder {
    trace: Trace,
    /// The digest that came with the last step.
    last_digest: u64,
    sites: SiteTable,
}

impl Recorder {
    /// A recorder for a run of this configuration.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let trace = Trace { config, ..Trace::default() };
        Recorder { trace, last_digest: 0, sites: SiteTable::new() }
    }

    /// Adds the step that has just been made. `digest` is the state right after it.
    pub fn step(&mut self, seen: &StepSeen, digest: u64) {
        let StepSeen { thread, event, kind, operation, place, site } = *seen;
        let site = self.sites.index(site);
        let index = self.step_count();
        self.trace.steps.push(Step { thread, event, kind, site, operation, place });
        self.last_digest = digest;
        if (index + 1).is_multiple_of(DIGEST_INTERVAL) {
            self.trace.digests.push(DigestAt { step: index, value: digest });
        }
    }

    /// How many steps have been added: the index of the next one.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.trace.steps.len() as u64
    }

    /// The trace of the run, which has ended like this.
    ///
    /// The trace is sound if the reports were: threads below `config.threads`, known events, and a
    /// violation no later than the number of steps. Writing it checks that.
    #[must_use]
    pub fn finish(mut self, outcome: OutcomeSeen) -> Trace {
        if let Some(step) = self.step_count().checked_sub(1)
            && self.trace.digests.last().is_none_or(|last| last.step < step)
        {
            self.trace.digests.push(DigestAt { step, value: self.last_digest });
        }
        self.trace.outcome = match outcome {
            OutcomeSeen::Passed => Outcome::Passed,
            OutcomeSeen::Violation { oracle, message, thread, step, site } => Outcome::Violation {
                oracle,
                message,
                thread,
                step,
                site: site.map(|site| self.sites.index(site)),
            },
        };
        self.trace.sites = self.sites.sites;
        self.trace
    }
}

/// Source places by index, and the ways to find an index again.
#[derive(Debug)]
struct SiteTable {
    sites: Vec<Site>,
    known: BTreeMap<Site, u32>,
    /// By a few bits of the address: the last location with these bits, and its index.
    recent: Vec<Option<(&'static Location<'static>, u32)>>,
}

impl SiteTable {
    fn new() -> Self {
        SiteTable { sites: Vec::new(), known: BTreeMap::new(), recent: vec![None; RECENT_COUNT] }
    }

    fn index(&mut self, location: &'static Location<'static>) -> u32 {
        let address = std::ptr::from_ref(location).addr();
        let slot = address / align_of::<Location<'static>>() % RECENT_COUNT;
        if let Some((recent, index)) = self.recent[slot]
            && std::ptr::eq(recent, location)
        {
            return index;
        }
        let index = self.index_by_content(location);
        self.recent[slot] = Some((location, index));
        index
    }

    fn index_by_content(&mut self, location: &Location<'_>) -> u32 {
        let site = site_of(location);
        if let Some(&index) = self.known.get(&site) {
            return index;
        }
        let index = u32::try_from(self.sites.len()).expect("a program has fewer than 2^32 places");
        self.sites.push(site.clone());
        self.known.insert(site, index);
        index
    }
}

/// A location as a trace writes it: the same on every machine.
pub(crate) fn site_of(location: &Location<'_>) -> Site {
    Site {
        file: location.file().replace('\\', "/"),
        line: location.line(),
        column: location.column(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn here() -> &'static Location<'static> {
        Location::caller()
    }

    fn seen(site: &'static Location<'static>) -> StepSeen {
        StepSeen { thread: 0, event: 0, kind: 0, operation: 0, place: 0, site }
    }

    #[test]
    fn sites_are_numbered_by_first_use_and_listed_once() {
        let (first, second) = (here(), here());
        // The same content at another address, as two compilation units would have it.
        let twin: &'static Location<'static> = Box::leak(Box::new(*first));
        let mut recorder = Recorder::new(Config { threads: 1, ..Config::default() });
        for site in [second, first, second, twin, first] {
            recorder.step(&seen(site), 0);
        }
        let trace = recorder.finish(OutcomeSeen::Passed);
        assert_eq!(trace.sites, [site_of(second), site_of(first)]);
        let indices: Vec<u32> = trace.steps.iter().map(|step| step.site).collect();
        assert_eq!(indices, [0, 1, 0, 1, 1]);
    }

    #[test]
    fn every_64th_step_and_the_last_one_keep_their_digest() {
        for (steps, expected) in
            [(0, &[][..]), (1, &[0]), (64, &[63]), (65, &[63, 64]), (130, &[63, 127, 129])]
        {
            let mut recorder = Recorder::new(Config { threads: 1, ..Config::default() });
            let site = here();
            for step in 0..steps {
                recorder.step(&seen(site), step * 10);
            }
            let trace = recorder.finish(OutcomeSeen::Passed);
            let kept: Vec<u64> = trace.digests.iter().map(|digest| digest.step).collect();
            assert_eq!(kept, expected);
            assert!(trace.digests.iter().all(|digest| digest.value == digest.step * 10));
            assert!(trace.to_bytes().is_ok());
        }
    }
}
