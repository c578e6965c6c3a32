//! Visited states: hashes, each with the threads that were asleep when it was explored.
//!
//! Open addressing with linear probing: 17 bytes for a state and its share of free places. The hash
//! is its own place.

use crate::runtime::ThreadSet;

/// What a visit finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visit {
    /// The state is new.
    First,
    /// It was explored, but with these threads asleep, that are awake now.
    Again(ThreadSet),
    /// There is nothing to do.
    Done,
}

/// The set of visited states.
pub(super) struct Visited {
    hashes: Vec<u128>,
    asleep: Vec<u8>,
    count: u64,
}

const PLACES_MIN: usize = 1 << 12;

impl Visited {
    pub(super) fn new() -> Visited {
        Visited { hashes: vec![0; PLACES_MIN], asleep: vec![0; PLACES_MIN], count: 0 }
    }

    /// How many states.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The memory of the set.
    pub(super) fn bytes(&self) -> usize {
        self.hashes.len() * (size_of::<u128>() + 1)
    }

    /// The memory that the next visit needs at most: twice as much beside what there is, if the set
    /// has to grow for it.
    pub(super) fn bytes_next(&self) -> usize {
        if self.is_full() { 3 * self.bytes() } else { self.bytes() }
    }

    fn is_full(&self) -> bool {
        (self.count as usize + 1) * 4 > self.hashes.len() * 3
    }

    /// A state is visited, with these threads asleep.
    pub(super) fn visit(&mut self, hash: u128, asleep: ThreadSet) -> Visit {
        if self.is_full() {
            self.grow();
        }
        // Zero stands for a free place.
        let hash = hash.max(1);
        let place = self.place(hash);
        if self.hashes[place] == 0 {
            self.hashes[place] = hash;
            self.asleep[place] = asleep.0;
            self.count += 1;
            return Visit::First;
        }
        let awake_now = self.asleep[place] & !asleep.0;
        self.asleep[place] &= asleep.0;
        if awake_now == 0 { Visit::Done } else { Visit::Again(ThreadSet(awake_now)) }
    }

    fn place(&self, hash: u128) -> usize {
        let mask = self.hashes.len() - 1;
        let mut place = hash as usize & mask;
        while self.hashes[place] != 0 && self.hashes[place] != hash {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        let places = self.hashes.len() * 2;
        let hashes = std::mem::replace(&mut self.hashes, vec![0; places]);
        let asleep = std::mem::replace(&mut self.asleep, vec![0; places]);
        for (hash, asleep) in hashes.into_iter().zip(asleep).filter(|(hash, _)| *hash != 0) {
            let place = self.place(hash);
            self.hashes[place] = hash;
            self.asleep[place] = asleep;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_new_once_and_again_only_for_threads_that_slept() {
        let mut visited = Visited::new();
        assert_eq!(visited.visit(7, ThreadSet(0b110)), Visit::First);
        assert_eq!(visited.visit(7, ThreadSet(0b111)), Visit::Done);
        assert_eq!(visited.visit(7, ThreadSet(0b010)), Visit::Again(ThreadSet(0b100)));
        assert_eq!(visited.visit(7, ThreadSet(0b010)), Visit::Done);
        assert_eq!(visited.visit(7, ThreadSet(0)), Visit::Again(ThreadSet(0b010)));
        assert_eq!(visited.count(), 1);
    }

    #[test]
    fn many_states_are_kept_apart() {
        let mut visited = Visited::new();
        let hash = |number: u64| u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_0c95);
        for number in 1..20_000 {
            let (next, before) = (visited.bytes_next(), visited.bytes());
            assert_eq!(visited.visit(hash(number), ThreadSet::EMPTY), Visit::First);
            let used = if visited.bytes() == before { before } else { before + visited.bytes() };
            assert_eq!(used, next);
        }
        for number in 1..20_000 {
            assert_eq!(visited.visit(hash(number), ThreadSet::EMPTY), Visit::Done);
        }
        assert_eq!(visited.count(), 19_999);
    }
}
