//! Kinds of violations: which oracle complains, and at which line of the source.

use std::collections::BTreeMap;

use crate::run::settings::Settings;
use crate::run::simulation::Report;

/// A violation as far as a search keeps it.
#[derive(Clone)]
pub(super) struct Broken {
    kind: (&'static str, String),
    settings: Settings,
}

impl Broken {
    pub(super) fn of(report: &Report) -> Option<Broken> {
        let violation = report.violation()?;
        let kind = (violation.oracle, violation.access.site.to_string());
        Some(Broken { kind, settings: report.settings })
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// The violations of one kind.
#[derive(Clone)]
pub struct ViolationKind {
    /// The oracle that complains.
    pub oracle: &'static str,
    /// The line of the access that broke the rule.
    pub site: String,
    /// In how many runs.
    pub count: u64,
    /// The first of them by number.
    pub first: Settings,
}

/// Kinds of violations, each with how often it was met.
#[derive(Default)]
pub(super) struct Kinds(BTreeMap<(&'static str, String), (u64, Settings)>);

impl Kinds {
    /// Adds one; they come in the order of their schedules.
    pub(super) fn add(&mut self, broken: &Broken) {
        match self.0.get_mut(&broken.kind) {
            Some((count, _)) => *count += 1,
            None => {
                self.0.insert(broken.kind.clone(), (1, broken.settings));
            }
        }
    }

    /// The most frequent first; where that is the same, by oracle and line.
    pub(super) fn into_list(self) -> Vec<ViolationKind> {
        let mut list: Vec<ViolationKind> = self
            .0
            .into_iter()
            .map(|((oracle, site), (count, first))| ViolationKind { oracle, site, count, first })
            .collect();
        list.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        list
    }
}
