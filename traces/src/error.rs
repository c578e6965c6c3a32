//! Every way in which a trace can be refused.
//!
//! Each variant displays as one sentence: what is wrong, then what to do. The sentences do not name
//! the file unless the operating system refused it; whoever prints them knows which file was meant.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::header::PAYLOAD_LENGTH_MAX;

/// Why a trace cannot be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum TraceError {
    /// The bytes do not begin like a trace.
    Foreign,
    /// A sound header, of a format version that this build does not read.
    OtherVersion {
        /// The version in the file.
        found: u32,
        /// The only version that is read.
        supported: u32,
    },
    /// The bytes end too early.
    Truncated {
        /// How many bytes there should be at least.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// A checksum does not match.
    Corrupted {
        /// Which part: `header` or `payload`.
        part: &'static str,
    },
    /// There is something behind the end.
    TrailingBytes {
        /// How many bytes the whole trace has.
        expected: u64,
    },
    /// The payload is longer than a trace may be.
    TooLarge {
        /// How long it is, or claims to be.
        length: u64,
    },
    /// The bytes are undamaged, and yet no sound trace.
    Malformed {
        /// What does not fit, as a clause.
        reason: String,
    },
    /// The operating system did not let the file be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The operating system did not let the file be written; nothing was left behind.
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
}

impl TraceError {
    /// A malformed payload, for this reason.
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        TraceError::Malformed { reason: reason.into() }
    }

    /// A file that cannot be read.
    pub(crate) fn unreadable(path: &Path, error: io::Error) -> Self {
        TraceError::Unreadable { path: path.to_path_buf(), error }
    }

    /// A file that cannot be written.
    pub(crate) fn unwritable(path: &Path, error: io::Error) -> Self {
        TraceError::Unwritable { path: path.to_path_buf(), error }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TraceError::Foreign => write!(
                formatter,
                "this is not a trace of hak: give a .hak file that `hak-sim --trace FILE` has \
                written"
            ),
            TraceError::OtherVersion { found, supported } => write!(
                formatter,
                "the trace has format version {found} and this build reads version {supported}: \
                 use the build that recorded it, or record it again from its seed"
            ),
            TraceError::Truncated { expected, found } => write!(
                formatter,
                "the trace is truncated, it has {found} of at least {expected} bytes: \
                 copy it again, or record it again from its seed"
            ),
            TraceError::Corrupted { part } => write!(
                formatter,
                "the trace is corrupted, the checksum of its {part} does not match: \
                 copy it again, or record it again from its seed"
            ),
            TraceError::TrailingBytes { expected } => write!(
                formatter,
                "the trace ends after {expected} bytes and something follows: \
                 cut the file to that length, or copy it again"
            ),
            TraceError::TooLarge { length } => write!(
                formatter,
                "the payload of the trace has {length} bytes and may have {PAYLOAD_LENGTH_MAX}: \
                 record a run with fewer operations"
            ),
            TraceError::Malformed { reason } => write!(
                formatter,
                "the trace is undamaged but makes no sense, {reason}: \
                 record it again, and report this as a fault of the recorder"
            ),
            TraceError::Unreadable { path, error } => write!(
                formatter,
                "the trace {} cannot be read ({error}): check the path and its permissions",
                path.display()
            ),
            TraceError::Unwritable { path, error } => write!(
                formatter,
                "the trace {} cannot be written ({error}): \
                 check that its folder exists, may be written to and has room",
                path.display()
            ),
        }
    }
}

impl std::error::Error for TraceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TraceError::Unreadable { error, .. } | TraceError::Unwritable { error, .. } => {
                Some(error)
            }
            _ => None,
        }
    }
}
