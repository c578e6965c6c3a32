//! hak-mutants: does the simulator notice when a guard, a count, a bound or a rollback of the core
//! is changed?
//!
//! The core's source is read, and every place that a rule of [`places`] knows gets a number for
//! each change that can be made to it: a mutant. A copy of the core is written in which all of them
//! are, and one at a time is active (*mutant schemata*: Untch, Offutt, Harrold 1993), so that it is
//! compiled once. The simulator, built on that copy, then searches for a violation with each mutant
//! in turn. The core that ships is not touched, and knows nothing of this.
//!
//! A mutant that survives is a hole in the simulated world, or it is not wrong: then an argument
//! stands in `arguments.txt`. The list of mutants is written nowhere: a guard that is new in the
//! core is asked about without anybody naming it.
//!
//! | module | what it knows |
//! |---|---|
//! | [`places`] | where the core can be changed, and how; what is left out |
//! | [`text`] | a source file with all its changes in it |
//! | [`copy`] | the workspace that is built: the core with its changes, and the simulator on it |
//! | [`score`] | which mutants are found: processes that try one after the other |
//! | [`arguments`] | why a mutant may survive |

pub mod arguments;
pub mod copy;
pub mod places;
pub mod score;
pub mod text;

use std::path::{Path, PathBuf};

/// The folder of hak's source.
pub fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
