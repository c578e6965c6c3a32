//! What a recorded run consists of.
//!
//! ```text
//! config    what was run: seed, schedule, scenario, fault, strategy, memory model, sizes
//! sites     source places, each once; steps name them by index
//! steps     0 ──── 1 ──── 2 ── … ── 63 ──── 64 ── … ── n-1
//! digests                            ▲ at step 63          ▲ at the last step
//! outcome   passed, or which oracle objected, in which step
//! ```
//!
//! Invariants of a sound trace (checked when reading **and** when writing):
//!
//! 1. `config.threads` counts every thread of the run, a main thread included; threads are numbered
//!    from 0, and no step and no outcome names one beyond.
//! 2. No two sites are equal, and every site that is named exists.
//! 3. Every event is one of the `EVENT_…` constants, or lies between the two of reading.
//! 4. Digests ascend strictly by step, and each belongs to an existing step.
//! 5. A violation lies at an existing step, or directly behind the last one (found at quiescence).

use serde::Serialize;

use crate::error::TraceError;
use crate::header::{HEADER_LENGTH, Header};
use crate::{payload, validation};

/// An ordinary step: the access ran as the program asked.
pub const EVENT_PLAIN: u8 = 0;
/// The step was a system call, and it was made to fail.
pub const EVENT_SYSTEM_CALL_FAILURE: u8 = 1;
/// The step was a weak compare-and-swap, and it failed for no reason.
pub const EVENT_SPURIOUS_FAILURE: u8 = 2;
/// The step could read one of several stores of a word, and read the newest; one more for each
/// store further back, up to [`EVENT_READ_FROM_LAST`]. A step that wrote put its store right behind
/// that one.
pub const EVENT_READ_FROM: u8 = 3;
/// The step read the oldest store that can be named.
pub const EVENT_READ_FROM_LAST: u8 = EVENT_READ_FROM + 7;

/// What was run. Everything that decides the run stands here, so that the same configuration and
/// the same choices give the same run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Key of all random choices.
    pub seed: u64,
    /// Which schedule of a search this is.
    pub schedule: u64,
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the planted fault, if one was planted.
    pub plant: Option<String>,
    /// Name of the strategy that chose the threads, with its parameters.
    pub strategy: String,
    /// Name of the memory model.
    pub memory: String,
    /// How many threads the run has, a main thread included; at most 256.
    pub threads: u32,
    /// How many operations each thread was asked for.
    pub operations: u32,
    /// Name of the geometry.
    pub geometry: String,
    /// What the threads do, if it is not what the scenario draws from seed and schedule: after
    /// shrinking.
    pub program: Option<String>,
}

/// A place in the source. Steps share them; see [`Trace::sites`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Site {
    /// Path of the file, relative to the workspace, with forward slashes.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// One step at a scheduling point: which thread did what, where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The thread that made the step.
    pub thread: u8,
    /// What was done to the step: one of the `EVENT_…` constants.
    pub event: u8,
    /// What kind of access it is; the numbers belong to whoever records.
    pub kind: u8,
    /// Index into [`Trace::sites`].
    pub site: u32,
    /// Which operation of its thread the step belongs to, counted from 0.
    pub operation: u32,
    /// What is accessed, as an offset in the arena: never an address of the machine.
    pub place: u64,
}

/// The digest of the whole state at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DigestAt {
    /// Index of the step that the digest belongs to: hak-sim takes it in front of the step.
    pub step: u64,
    /// The digest.
    pub value: u64,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// Nothing wrong was seen.
    #[default]
    Passed,
    /// An oracle objected.
    Violation {
        /// Name of the oracle.
        oracle: String,
        /// What it saw, in words.
        message: String,
        /// The thread that was running.
        thread: u8,
        /// The number of the step in which it happened, counted from 1: the last one recorded.
        step: u64,
        /// Index into [`Trace::sites`] of the source place, where there is one.
        site: Option<u32>,
    },
}

/// One recorded run. The invariants are listed in the module's description.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// What was run.
    pub config: Config,
    /// The source places that steps and outcome name by index, each once.
    pub sites: Vec<Site>,
    /// Every step at a scheduling point, in the order in which they ran.
    pub steps: Vec<Step>,
    /// Digests of the state, by ascending step.
    pub digests: Vec<DigestAt>,
    /// How it ended.
    pub outcome: Outcome,
}

impl Trace {
    /// The bytes of this trace: header and payload, the content of a `.hak` file.
    ///
    /// # Errors
    ///
    /// [`TraceError::Malformed`] if an invariant does not hold, [`TraceError::TooLarge`] if the
    /// payload exceeds [`PAYLOAD_LENGTH_MAX`](crate::PAYLOAD_LENGTH_MAX): what cannot be read
    /// cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TraceError> {
        validation::validate(self)?;
        let payload = payload::encode(self)?;
        let header = Header::of(&payload)?;
        let mut bytes = Vec::with_capacity(HEADER_LENGTH + payload.len());
        bytes.extend_from_slice(&header.to_bytes());
        bytes.extend_from_slice(&payload);
        Ok(bytes)
    }

    /// The trace whose bytes these are.
    ///
    /// # Errors
    ///
    /// One [`TraceError`] for each way in which the bytes are not those of a sound trace of this
    /// format version: foreign, of another version, truncated, corrupted, too large, with trailing
    /// bytes, or malformed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Trace, TraceError> {
        let header = Header::parse(bytes)?;
        let payload = header.payload_of(bytes)?;
        let trace = payload::decode(payload)?;
        validation::validate(&trace)?;
        if payload::encode(&trace)? != payload {
            return Err(TraceError::malformed(
                "it spells its content in an unusual way, and only one spelling is allowed",
            ));
        }
        Ok(trace)
    }
}
