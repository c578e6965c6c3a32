//! Strategies: choosers that search.
//!
//! Each is keyed by a seed and, with [`Strategy::aim`], by the number of a schedule: any schedule
//! of a search can be run alone.

mod choices;
mod pct;
mod pos;
mod random;
mod round_robin;
mod surw;

pub use choices::Choices;
pub use pct::Pct;
pub use pos::Pos;
pub use random::Random;
pub use round_robin::RoundRobin;
pub use surw::Surw;

use super::chooser::Chooser;

/// A chooser that makes a different schedule for each number.
pub trait Strategy: Chooser {
    /// The next run is the schedule with this number.
    fn aim(&mut self, schedule: u64);
}
