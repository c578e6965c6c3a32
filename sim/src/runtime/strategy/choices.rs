//! Seeded choices: ChaCha8, keyed by a seed and the number of a schedule.
//!
//! The stream is the same on every machine. It is consumed 16 bits at a time, so that a choice
//! among a few threads costs a shift and a multiplication.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A stream of choices.
#[derive(Clone, Debug)]
pub struct Choices {
    random: ChaCha8Rng,
    bits: u64,
    left: u32,
}

impl Choices {
    /// The stream of a schedule.
    pub fn new(seed: u64, schedule: u64) -> Choices {
        let mut key = *b"hak: seeded choices of schedules";
        for (place, byte) in key.iter_mut().zip(seed.to_le_bytes()) {
            *place ^= byte;
        }
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream(schedule);
        Choices { random, bits: 0, left: 0 }
    }

    /// A number below `count`, which is at most 256. Each is as likely as the others, but for one
    /// part in 256.
    #[inline]
    pub fn below(&mut self, count: usize) -> usize {
        debug_assert!(0 < count && count <= 256);
        if self.left == 0 {
            self.bits = self.random.next_u64();
            self.left = 4;
        }
        let few = self.bits as usize & 0xffff;
        self.bits >>= 16;
        self.left -= 1;
        (few * count) >> 16
    }

    /// Which of so many stores is read under the weak memory model: the newest half of the time,
    /// else any.
    #[inline]
    pub fn store(&mut self, candidates: usize) -> usize {
        let picked = self.below(2 * candidates);
        picked.saturating_sub(candidates)
    }

    /// 64 bits.
    pub fn word(&mut self) -> u64 {
        self.random.next_u64()
    }
}
