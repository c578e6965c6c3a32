//! Digest: one running 64-bit number over every step of a run.
//!
//! Two runs with the same digest did the same things in the same order with the same values; the
//! numbers are the same in every build, folder and arena slot. It is a check, not a cryptographic
//! hash.

use super::access::{Kind, ThreadId};

/// The running hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(u64);

impl Digest {
    /// The digest of nothing.
    pub const EMPTY: Digest = Digest(0x6a09_e667_f3bc_c908);

    /// Adds a step; `value` is what the word holds after it, with addresses normalised.
    #[inline]
    pub fn add(&mut self, thread: ThreadId, kind: Kind, offset: usize, value: u64) {
        let what = (offset as u64) << 16 | u64::from(kind as u8) << 8 | thread as u64;
        let mixed = (self.0 ^ what).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = (mixed.rotate_left(29) ^ value).wrapping_mul(0xd6e8_feb8_6659_fd93);
    }

    /// The number.
    pub fn value(self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}
