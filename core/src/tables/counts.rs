//! Numbers of slots: how many are in use, and how many lie idle. What a heap has counted for
//! itself, and both in one word.

use crate::boundary::platform::{Gauge, Plain, Platform};

/// What a heap has counted and not yet added to the root's word: a signed number each. Zeroed
/// memory is nothing.
#[repr(C)]
pub(crate) struct Counts<P: Platform> {
    used: P::Gauge,
    idle: P::Gauge,
}

/// A number of slots in use, and one of idle ones; or by how much they change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// Taken out of the slot mask.
    pub used: i32,
    /// Free, with pages that were touched.
    pub idle: i32,
}

impl Slots {
    /// From the root's word: idle ones in the lower half, in the upper one those in use. One more
    /// is borrowed from there while the lower half is negative.
    pub(crate) fn from_word(word: u64) -> Slots {
        let idle = word as u32 as i32;
        let used = (word.wrapping_sub(idle as u64) >> 32) as i32;
        Slots { used, idle }
    }

    /// As the root's word holds it.
    pub(crate) fn word(self) -> u64 {
        let word = ((self.used as u64) << 32).wrapping_add(self.idle as u64);
        debug_assert!(Slots::from_word(word) == self);
        word
    }
}

impl core::ops::Add for Slots {
    type Output = Slots;

    fn add(self, other: Slots) -> Slots {
        let used = self.used.wrapping_add(other.used);
        Slots { used, idle: self.idle.wrapping_add(other.idle) }
    }
}

impl<P: Platform> Counts<P> {
    /// As its thread knows it.
    pub(crate) fn get(&self) -> Slots {
        Slots { used: self.used.get() as i32, idle: self.idle.get() as i32 }
    }

    pub(crate) fn set(&self, slots: Slots) {
        self.used.set(slots.used as u32);
        self.idle.set(slots.idle as u32);
    }

    /// As far as it is known to others.
    pub(crate) fn peek(&self) -> Slots {
        Slots { used: self.used.peek() as i32, idle: self.idle.peek() as i32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_holds_two_signed_numbers_and_is_added_to_as_a_whole() {
        let numbers = [i32::MIN / 2, -70_000, -1, 0, 1, 5, 70_000, i32::MAX / 2];
        for used in numbers {
            for idle in numbers {
                let slots = Slots { used, idle };
                assert_eq!(Slots::from_word(slots.word()), slots);
                for change in [Slots { used: -3, idle: 3 }, Slots { used: 1, idle: -1 }] {
                    let word = slots.word().wrapping_add(change.word());
                    assert_eq!(Slots::from_word(word), slots + change);
                }
            }
        }
    }
}
