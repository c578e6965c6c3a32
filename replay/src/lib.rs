//! Record a run, run it again from its trace, compare two traces.
//!
//! Nothing here knows what is being run. A [`Subject`] is anything that runs under a schedule: it
//! has threads, it stops before each of their steps, and who goes on is a choice. In the recording
//! the subject makes that choice; in the replay the trace does.
//!
//! ```text
//!  recording     Subject ──choose──▶ "your own"        ┐
//!                        ──step seen, digest──▶ Recorder ──finish──▶ Trace
//!
//!  replaying     Subject ──choose──▶ Follower ◀── Trace
//!                        ──step seen, digest──▶ Follower ──▶ go on, or Divergence
//! ```
//!
//! Two steps are the same if thread, operation, kind, place and event are. Their source places are
//! told but not compared: a trace survives an edit that only moves lines. Digests of the state, one
//! in [`DIGEST_INTERVAL`] steps and one at the end, notice what the steps do not show. Two outcomes
//! are the same if oracle, thread and step are; the message is free to improve.
//!
//! | Module       | What it knows                                                   |
//! |--------------|-----------------------------------------------------------------|
//! | `seen`       | what a subject reports: a step, an outcome                      |
//! | `subject`    | the contract of a subject and its guide; `record` and `replay`  |
//! | `recorder`   | from reports to a trace                                         |
//! | `follower`   | from a trace to choices and checks                              |
//! | `side`       | one side of a comparison, in words                              |
//! | `divergence` | where a replay left its trace, and in what                      |
//! | `difference` | where two traces differ                                         |

#![forbid(unsafe_code)]

mod difference;
mod divergence;
mod follower;
mod recorder;
mod seen;
mod side;
mod subject;

pub use difference::{ConfigDifference, Difference, OutcomeDifference, StepDifference, compare};
pub use divergence::{Divergence, Reason};
pub use follower::Follower;
pub use recorder::{DIGEST_INTERVAL, Recorder};
pub use seen::{OutcomeSeen, StepSeen};
pub use side::{KindName, OutcomeSide, Side, StepSide};
pub use subject::{Guide, GuideChoice, ReplayError, Subject, record, replay};
