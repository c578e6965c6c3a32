//! The file format of a recorded run: `.hak`.
//!
//! A trace holds what is needed to run one schedule again and to notice when the second run is not
//! the first: the configuration, every step at a scheduling point, a digest of the state now and
//! then, and how it ended.
//!
//! ```text
//!  Trace ──validate──▶ Payload ──bincode──▶ bytes ──┐
//!    ▲                    ▲                          ├──▶ header │ payload      one `.hak` file
//!    │                    │           checksums ─────┘
//!    └──validate── canonical? ◀── bincode ◀── checksums ◀── header, length
//! ```
//!
//! What holds, and what the tests pin:
//!
//! 1. **Reproducible.** Equal traces give equal bytes, on every machine.
//! 2. **Canonical.** A file that is accepted is the only file of its trace: reading and writing it
//!    again gives the same bytes.
//! 3. **Guarded.** A file that is cut, lengthened or has any byte changed is refused with one
//!    sentence and never a panic; what it claims about its lengths reserves a megabyte at most, and
//!    all it unfolds to stays below a hundred times its own length.
//! 4. **Sound.** Every index in an accepted trace (thread, site, step) exists.
//!
//! | Module       | What it knows                                                    |
//! |--------------|------------------------------------------------------------------|
//! | `trace`      | the types, and the way from them to bytes and back               |
//! | `header`     | the 36 bytes in front                                            |
//! | `checksum`   | CRC-64                                                           |
//! | `payload`    | the shape that bincode sees                                      |
//! | `steps`      | how a step becomes about three bytes                             |
//! | `validation` | which traces make sense                                          |
//! | `file`       | reading and writing whole files, nothing half written            |
//! | `error`      | every refusal, as a sentence                                     |
//!
//! ```
//! use hak_traces::{Trace, TraceError};
//!
//! let bytes = Trace::default().to_bytes()?;
//! assert_eq!(Trace::from_bytes(&bytes)?, Trace::default());
//!
//! let error = Trace::from_bytes(&bytes[..20]).unwrap_err();
//! let sentence = "the trace is truncated, it has 20 of at least 36 bytes";
//! assert!(error.to_string().starts_with(sentence));
//! # Ok::<(), TraceError>(())
//! ```

#![forbid(unsafe_code)]

mod checksum;
mod error;
mod file;
mod header;
mod payload;
mod steps;
mod trace;
mod validation;

pub use error::TraceError;
pub use header::{FORMAT_VERSION, HEADER_LENGTH, MAGIC, PAYLOAD_LENGTH_MAX};
pub use trace::{
    Config, DigestAt, EVENT_PLAIN, EVENT_READ_FROM, EVENT_READ_FROM_LAST, EVENT_SPURIOUS_FAILURE,
    EVENT_SYSTEM_CALL_FAILURE, Outcome, Site, Step, Trace,
};
