//! Weakening: one ordering of the code under test, made weaker for a run.
//!
//! For mutation scores: the site keeps its operation and loses a part of its ordering. The code is
//! not touched.

use std::panic::Location;

use super::access::Ordering;

/// The operation at this line and column has this ordering instead of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weakening {
    /// The source file.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// The weaker ordering.
    pub order: Ordering,
}

impl Weakening {
    /// Whether it is about this site.
    pub(crate) fn applies(&self, site: &Location<'_>) -> bool {
        self.line == site.line() && self.column == site.column() && self.file == site.file()
    }
}
