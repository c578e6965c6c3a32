//! The shape of a trace as bincode sees it.
//!
//! bincode 2, standard configuration: little endian, integers of variable length, a length in front
//! of every string and list, the index of the variant in front of an enum, fields in the order of
//! their declaration. The fields below, in that order, *are* the format: any change of them raises
//! the format version.
//!
//! ```text
//! config │ count, sites │ length, steps (see `steps`) │ count, digests │ outcome
//! ```
//!
//! Every string and the steps are borrowed from the bytes that are read, so that a length is
//! compared with what is there before anything is allocated; lists reserve a megabyte at most
//! before their elements arrive. [`MEMORY_LIMIT`] is the fence behind that.

use serde::{Deserialize, Serialize};

use crate::error::TraceError;
use crate::header::PAYLOAD_LENGTH_MAX;
use crate::steps;
use crate::trace::{Config, DigestAt, Outcome, Site, Trace};

/// What bincode may claim in all. An integer of one byte claims up to eight, so no payload of a
/// legal length can reach it.
const MEMORY_LIMIT: usize = 8 * PAYLOAD_LENGTH_MAX as usize;

const _: () = assert!(MEMORY_LIMIT as u64 == 8 * PAYLOAD_LENGTH_MAX);

#[derive(Serialize, Deserialize)]
struct PayloadPart<'bytes> {
    #[serde(borrow)]
    config: ConfigPart<'bytes>,
    sites: Vec<SitePart<'bytes>>,
    steps: &'bytes [u8],
    digests: Vec<DigestPart>,
    outcome: OutcomePart<'bytes>,
}

#[derive(Serialize, Deserialize)]
struct ConfigPart<'bytes> {
    seed: u64,
    schedule: u64,
    scenario: &'bytes str,
    plant: Option<&'bytes str>,
    strategy: &'bytes str,
    memory: &'bytes str,
    threads: u32,
    operations: u32,
    geometry: &'bytes str,
    program: Option<&'bytes str>,
}

#[derive(Serialize, Deserialize)]
struct SitePart<'bytes> {
    file: &'bytes str,
    line: u32,
    column: u32,
}

#[derive(Serialize, Deserialize)]
struct DigestPart {
    step: u64,
    value: u64,
}

#[derive(Serialize, Deserialize)]
enum OutcomePart<'bytes> {
    Passed,
    Violation {
        oracle: &'bytes str,
        message: &'bytes str,
        thread: u8,
        step: u64,
        site: Option<u32>,
    },
}

/// The payload of a trace that has been validated.
pub(crate) fn encode(trace: &Trace) -> Result<Vec<u8>, TraceError> {
    let steps = steps::encode(&trace.steps, trace.sites.len());
    let part = PayloadPart {
        config: ConfigPart::of(&trace.config),
        sites: trace.sites.iter().map(SitePart::of).collect(),
        steps: &steps,
        digests: trace.digests.iter().map(DigestPart::of).collect(),
        outcome: OutcomePart::of(&trace.outcome),
    };
    bincode::serde::encode_to_vec(&part, bincode::config::standard())
        .map_err(|error| TraceError::malformed(format!("it cannot be encoded ({error})")))
}

/// The trace of a payload; it remains to be validated. All bytes must be used.
pub(crate) fn decode(payload: &[u8]) -> Result<Trace, TraceError> {
    let limited = bincode::config::standard().with_limit::<MEMORY_LIMIT>();
    let (part, used): (PayloadPart<'_>, usize) =
        bincode::serde::borrow_decode_from_slice(payload, limited)
            .map_err(|error| TraceError::malformed(format!("it cannot be decoded ({error})")))?;
    if used != payload.len() {
        let unused = payload.len() - used;
        return Err(TraceError::malformed(format!("its payload has {unused} bytes too many")));
    }
    Ok(Trace {
        steps: steps::decode(part.steps, part.sites.len())?,
        config: part.config.into_config(),
        sites: part.sites.into_iter().map(SitePart::into_site).collect(),
        digests: part.digests.into_iter().map(DigestPart::into_digest).collect(),
        outcome: part.outcome.into_outcome(),
    })
}

impl<'bytes> ConfigPart<'bytes> {
    fn of(config: &'bytes Config) -> Self {
        ConfigPart {
            seed: config.seed,
            schedule: config.schedule,
            scenario: &config.scenario,
            plant: config.plant.as_deref(),
            strategy: &config.strategy,
            memory: &config.memory,
            threads: config.threads,
            operations: config.operations,
            geometry: &config.geometry,
            program: config.program.as_deref(),
        }
    }

    fn into_config(self) -> Config {
        Config {
            seed: self.seed,
            schedule: self.schedule,
            scenario: self.scenario.to_owned(),
            plant: self.plant.map(str::to_owned),
            strategy: self.strategy.to_owned(),
            memory: self.memory.to_owned(),
            threads: self.threads,
            operations: self.operations,
            geometry: self.geometry.to_owned(),
            program: self.program.map(str::to_owned),
        }
    }
}

impl<'bytes> SitePart<'bytes> {
    fn of(site: &'bytes Site) -> Self {
        SitePart { file: &site.file, line: site.line, column: site.column }
    }

    fn into_site(self) -> Site {
        Site { file: self.file.to_owned(), line: self.line, column: self.column }
    }
}

impl DigestPart {
    fn of(digest: &DigestAt) -> Self {
        DigestPart { step: digest.step, value: digest.value }
    }

    fn into_digest(self) -> DigestAt {
        DigestAt { step: self.step, value: self.value }
    }
}

impl<'bytes> OutcomePart<'bytes> {
    fn of(outcome: &'bytes Outcome) -> Self {
        match outcome {
            Outcome::Passed => OutcomePart::Passed,
            Outcome::Violation { oracle, message, thread, step, site } => OutcomePart::Violation {
                oracle,
                message,
                thread: *thread,
                step: *step,
                site: *site,
            },
        }
    }

    fn into_outcome(self) -> Outcome {
        match self {
            OutcomePart::Passed => Outcome::Passed,
            OutcomePart::Violation { oracle, message, thread, step, site } => Outcome::Violation {
                oracle: oracle.to_owned(),
                message: message.to_owned(),
                thread,
                step,
                site,
            },
        }
    }
}
