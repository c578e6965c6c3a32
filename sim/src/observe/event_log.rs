//! Each step of a run with what it did, for those who tell it.

use std::panic::Location;

use hak_core::inspect::Place;

use crate::runtime::{Kind, Ordering, ThreadId};

/// A step as it is told.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Its number, counted from one.
    pub step: u64,
    /// By whom.
    pub thread: ThreadId,
    /// In which operation, counted from one.
    pub operation: u32,
    /// What it did.
    pub kind: Kind,
    /// With which ordering.
    pub order: Ordering,
    /// To what.
    pub place: Place,
    /// At which line.
    pub site: &'static Location<'static>,
    /// What the word held before.
    pub old: u64,
    /// What it holds now.
    pub new: u64,
    /// What the values name, where they are addresses.
    pub named: (Place, Place),
}
