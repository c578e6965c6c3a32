//! What a search adds up.

use crate::observe::lifecycle::LifecycleCounts;
use crate::run::simulation::{Incidents, Report};
use crate::runtime::OPERATION_KINDS_MAX;

/// Sums over schedules. Those of the parts of a search add up to those of the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExploreTotals {
    /// Schedules.
    pub schedules: u64,
    /// Steps at scheduling points: the shared accesses, fences, spin hints, system calls and starts
    /// of threads.
    pub steps: u64,
    /// Steps at which more than one thread could go.
    pub choices: u64,
    /// Context switches.
    pub switches: u64,
    /// Checked accesses to plain words, which are no scheduling points.
    pub plain_accesses: u64,
    /// Operations.
    pub operations: u64,
    /// The steps of the longest run.
    pub longest: u64,
    /// The most steps of an operation, by kind.
    pub longest_operations: [u32; OPERATION_KINDS_MAX],
    /// The lifecycle's steps.
    pub counts: LifecycleCounts,
    /// What happened beside the interleaving.
    pub incidents: Incidents,
    /// Schedules in which no thread was preempted: they proved little.
    pub without_switches: u64,
    /// Schedules that broke a rule.
    pub violating: u64,
    /// Places, each a schedule, a thread and one of its steps, at which the thread was stopped for
    /// ever.
    pub places: u64,
    /// The digests of all runs, added up.
    pub digest: u64,
}

impl ExploreTotals {
    /// Those of one run.
    pub(super) fn of(report: &Report) -> ExploreTotals {
        ExploreTotals {
            schedules: 1,
            steps: report.steps,
            choices: report.choices,
            switches: report.switches,
            plain_accesses: report.plain_accesses,
            operations: report.operations,
            longest: report.steps,
            longest_operations: report.longest_operations,
            counts: report.counts,
            incidents: report.incidents,
            without_switches: u64::from(report.switches < report.settings.threads as u64),
            violating: u64::from(report.violation().is_some()),
            places: 0,
            digest: report.digest,
        }
    }

    pub(super) fn add(&mut self, other: &ExploreTotals) {
        self.schedules += other.schedules;
        self.steps += other.steps;
        self.choices += other.choices;
        self.switches += other.switches;
        self.plain_accesses += other.plain_accesses;
        self.operations += other.operations;
        self.longest = self.longest.max(other.longest);
        for (longest, other) in self.longest_operations.iter_mut().zip(other.longest_operations) {
            *longest = (*longest).max(other);
        }
        self.counts.add(&other.counts);
        self.incidents.refused += other.incidents.refused;
        self.incidents.spurious += other.incidents.spurious;
        self.incidents.ended_early += other.incidents.ended_early;
        self.incidents.stopped += other.incidents.stopped;
        self.without_switches += other.without_switches;
        self.violating += other.violating;
        self.places += other.places;
        // A sum, so that neither order nor parts matter.
        self.digest = self.digest.wrapping_add(other.digest);
    }

    /// Adds a further run of the same schedule, in which a thread was stopped.
    pub(super) fn add_place(&mut self, report: &Report) {
        let stopped = report.incidents.stopped;
        let run = ExploreTotals::of(report);
        self.add(&ExploreTotals {
            schedules: 0,
            without_switches: 0,
            violating: 0,
            places: stopped,
            ..run
        });
    }
}
