//! Where two traces differ.
//!
//! The configuration, the steps and the outcome are compared each for itself: two runs under other
//! seeds differ in the configuration, and still it is good to know where they part. Steps and
//! outcomes are compared as in a replay; that lines have moved is counted, and no difference.

use std::fmt;

use hak_traces::{Config, Outcome, Trace};

use crate::divergence::Reason;
use crate::seen::Identity;
use crate::side::{KindName, OutcomeSide, Side};

/// In what two traces differ, the first and the second.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The fields of the configuration that differ, in their order.
    pub config: Vec<ConfigDifference>,
    /// The first step that differs.
    pub step: Option<StepDifference>,
    /// The outcomes, if they differ.
    pub outcome: Option<OutcomeDifference>,
    /// How many of the steps that agree stand in other source places: no difference by itself.
    pub moved_count: u64,
    kind_name: KindName,
}

/// A field of the configuration that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigDifference {
    /// Name of the field.
    pub name: &'static str,
    /// Its value in the first trace.
    pub first: String,
    /// Its value in the second trace.
    pub second: String,
}

/// A step that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepDifference {
    /// Index of the step.
    pub step: u64,
    /// In what it differs.
    pub reason: Reason,
    /// What the first trace has there.
    pub first: Side,
    /// What the second trace has there.
    pub second: Side,
}

/// Two outcomes that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeDifference {
    /// How the first trace ends.
    pub first: OutcomeSide,
    /// How the second trace ends.
    pub second: OutcomeSide,
}

/// Compares two traces. `kind_name` is for the text.
#[must_use]
pub fn compare(first: &Trace, second: &Trace, kind_name: KindName) -> Difference {
    let step = step_difference(first, second);
    let agreeing = step.as_ref().map_or(first.steps.len(), |difference| difference.step as usize);
    Difference {
        config: config_differences(&first.config, &second.config),
        moved_count: moved_count(first, second, agreeing),
        step,
        outcome: outcome_difference(first, second),
        kind_name,
    }
}

impl Difference {
    /// Whether nothing differs; lines may have moved.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.config.is_empty() && self.step.is_none() && self.outcome.is_none()
    }
}

fn config_differences(first: &Config, second: &Config) -> Vec<ConfigDifference> {
    let fields = fields(first).into_iter().zip(fields(second));
    fields
        .filter(|((_, first), (_, second))| first != second)
        .map(|((name, first), (_, second))| ConfigDifference { name, first, second })
        .collect()
}

fn fields(config: &Config) -> [(&'static str, String); 10] {
    // Taken apart without `..`: a field that is added must be compared too.
    let Config {
        seed,
        schedule,
        scenario,
        plant,
        strategy,
        memory,
        threads,
        operations,
        geometry,
        program,
    } = config;
    [
        ("seed", seed.to_string()),
        ("schedule", schedule.to_string()),
        ("scenario", scenario.clone()),
        ("plant", plant.as_ref().map_or("none".to_owned(), |plant| format!("`{plant}`"))),
        ("strategy", strategy.clone()),
        ("memory", memory.clone()),
        ("threads", threads.to_string()),
        ("operations", operations.to_string()),
        ("geometry", geometry.clone()),
        ("program", program.as_ref().map_or("the scenario's".to_owned(), String::clone)),
    ]
}

fn step_difference(first: &Trace, second: &Trace) -> Option<StepDifference> {
    let (step, reason) = match (unequal_step(first, second), unequal_digest(first, second)) {
        // A digest is taken after its step: at the same index, the step differs first.
        (Some(step), Some(digest)) => {
            if digest.0 < step.0 {
                digest
            } else {
                step
            }
        }
        (one, other) => one.or(other)?,
    };
    let (first, second) = (Side::recorded(first, step), Side::recorded(second, step));
    Some(StepDifference { step, reason, first, second })
}

fn unequal_step(first: &Trace, second: &Trace) -> Option<(u64, Reason)> {
    let pairs = first.steps.iter().zip(&second.steps);
    let unequal = pairs.enumerate().find_map(|(index, (first, second))| {
        let reason = Reason::between(Identity::from(first), Identity::from(second))?;
        Some((index as u64, reason))
    });
    unequal.or_else(|| {
        let (first_count, second_count) = (first.steps.len() as u64, second.steps.len() as u64);
        match first_count.cmp(&second_count) {
            std::cmp::Ordering::Less => Some((first_count, Reason::Continues)),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some((second_count, Reason::Ended)),
        }
    })
}

/// The first step for which both traces have a digest, and not the same.
fn unequal_digest(first: &Trace, second: &Trace) -> Option<(u64, Reason)> {
    let mut agreed = None;
    let mut others = second.digests.iter().peekable();
    for digest in &first.digests {
        while others.next_if(|other| other.step < digest.step).is_some() {}
        let Some(other) = others.next_if(|other| other.step == digest.step) else { continue };
        if other.value != digest.value {
            let reason = Reason::Digest { recorded: digest.value, actual: other.value, agreed };
            return Some((digest.step, reason));
        }
        agreed = Some(digest.step);
    }
    None
}

fn outcome_difference(first: &Trace, second: &Trace) -> Option<OutcomeDifference> {
    let same = match (&first.outcome, &second.outcome) {
        (Outcome::Passed, Outcome::Passed) => true,
        (
            Outcome::Violation { oracle, thread, step, .. },
            Outcome::Violation {
                oracle: other_oracle, thread: other_thread, step: other_step, ..
            },
        ) => (oracle, thread, step) == (other_oracle, other_thread, other_step),
        _ => false,
    };
    (!same).then(|| OutcomeDifference {
        first: OutcomeSide::recorded(first, &first.outcome),
        second: OutcomeSide::recorded(second, &second.outcome),
    })
}

fn moved_count(first: &Trace, second: &Trace, agreeing: usize) -> u64 {
    let pairs = first.steps.iter().zip(&second.steps).take(agreeing);
    let moved = pairs.filter(|(one, other)| {
        first.sites.get(one.site as usize) != second.sites.get(other.site as usize)
    });
    moved.count() as u64
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_identical() {
            write!(formatter, "the traces are the same run")?;
        } else {
            self.write_differences(formatter)?;
        }
        match self.moved_count {
            0 => Ok(()),
            1 => write!(formatter, "\n1 step that agrees stands in another source line"),
            count => write!(formatter, "\n{count} steps that agree stand in other source lines"),
        }
    }
}

impl Difference {
    fn write_differences(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if !self.config.is_empty() {
            write!(formatter, "the configurations differ")?;
            for ConfigDifference { name, first, second } in &self.config {
                write!(formatter, "\n  {name}: {first}, then {second}")?;
            }
            separator = "\n";
        }
        if let Some(StepDifference { step, reason, first, second }) = &self.step {
            write!(formatter, "{separator}the runs differ from step {step}: ")?;
            match reason {
                Reason::Ended => write!(formatter, "the second ends first")?,
                Reason::Continues => write!(formatter, "the first ends first")?,
                reason => write!(formatter, "{reason}")?,
            }
            write!(formatter, "\n  first:  {}", first.display(self.kind_name))?;
            write!(formatter, "\n  second: {}", second.display(self.kind_name))?;
            separator = "\n";
        }
        if let Some(OutcomeDifference { first, second }) = &self.outcome {
            write!(formatter, "{separator}the outcomes differ")?;
            write!(formatter, "\n  first:  {first}\n  second: {second}")?;
        }
        Ok(())
    }
}
