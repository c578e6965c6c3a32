//! Memory model: what an operation on a shared word reads and writes.
//!
//! Sequentially consistent: each word has one value, that in the arena, and every operation works
//! on it. The weaker model (see `weak`) differs in which earlier write a load may read; what an
//! operation makes of what it reads is the same.

use super::access::{Kind, Ordering};

/// An operation on a shared word, with its operands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WordOperation {
    pub(crate) kind: Kind,
    /// Whether the word's type may hold an address.
    pub(crate) may_be_address: bool,
    pub(crate) order: Ordering,
    /// The ordering of a compare-exchange that does not write.
    pub(crate) failure: Ordering,
    /// The operand; the expected value of a compare-exchange.
    pub(crate) first: u64,
    /// The new value of a compare-exchange.
    pub(crate) second: u64,
}

/// What an operation did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WordOutcome {
    /// What the word held.
    pub(crate) old: u64,
    /// Whether it was written.
    pub(crate) written: bool,
}

impl WordOperation {
    /// What the operation writes to a word of `bytes` bytes that holds `old`, if it writes.
    #[inline]
    pub(crate) fn result(&self, old: u64, bytes: usize) -> Option<u64> {
        let mask = if bytes == 4 { u64::from(u32::MAX) } else { u64::MAX };
        let new = match self.kind {
            Kind::Load => return None,
            Kind::CompareExchange | Kind::CompareExchangeWeak => {
                return (old == self.first).then_some(self.second);
            }
            Kind::Store | Kind::Swap => self.first,
            Kind::FetchAdd => old.wrapping_add(self.first),
            Kind::FetchSub => old.wrapping_sub(self.first),
            Kind::FetchAnd => old & self.first,
            Kind::FetchOr => old | self.first,
            other => unreachable!("{} is no operation on a shared word", other.name()),
        };
        Some(new & mask)
    }
}
