//! Sketch: about how many different things were seen, in four kilobytes.
//!
//! HyperLogLog (Flajolet, Fusy, Gandouet and Meunier 2007): the first bits of a thing's hash pick a
//! register, and the register keeps the longest row of leading zeros that the other bits had. The
//! same thing changes nothing the second time, and the sketch of two sets together is the greater
//! of each pair of registers: neither order nor parts matter, so that any number of jobs, and
//! shards merged afterwards, give the same. The estimate is that of Ertl (2017), which needs no
//! corrections by table. Its standard error is 1.04 / √4096, 1.6 %.

/// Bits of a hash that pick its register.
const INDEX_BITS: u32 = 12;

/// How many registers.
const REGISTERS: usize = 1 << INDEX_BITS;

/// Bits of a hash in which zeros are counted.
const COUNTED_BITS: usize = 64 - INDEX_BITS as usize;

/// The standard error of an estimate, in percent.
pub const ERROR_PERCENT: f64 = 1.6;

/// About how many different hashes were put into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sketch(Box<[u8; REGISTERS]>);

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch(Box::new([0; REGISTERS]))
    }
}

impl Sketch {
    /// Puts a hash in. All of its bits are to be as good as random.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64) {
        let register = &mut self.0[(hash >> (64 - INDEX_BITS)) as usize];
        // The bit behind the counted ones ends the row.
        let row = ((hash << INDEX_BITS) | (1 << (INDEX_BITS - 1))).leading_zeros() as u8 + 1;
        if row > *register {
            *register = row;
        }
    }

    /// Puts in what another sketch holds.
    pub(crate) fn merge(&mut self, other: &Sketch) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0.iter()) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// Takes everything out.
    pub(crate) fn clear(&mut self) {
        self.0.fill(0);
    }

    /// About how many different hashes were put in. Only additions, multiplications, divisions and
    /// square roots: the same number on every machine.
    pub(crate) fn estimate(&self) -> u64 {
        let mut counts = [0_u32; COUNTED_BITS + 2];
        for &register in self.0.iter() {
            counts[usize::from(register)] += 1;
        }
        let registers = REGISTERS as f64;
        let mut sum = registers * tau(1.0 - f64::from(counts[COUNTED_BITS + 1]) / registers);
        for &count in counts[1..=COUNTED_BITS].iter().rev() {
            sum = 0.5 * (sum + f64::from(count));
        }
        sum += registers * sigma(f64::from(counts[0]) / registers);
        (registers * registers / (2.0 * std::f64::consts::LN_2) / sum).round() as u64
    }

    /// The registers as text, one character each from `0` on: of several, the greatest at each
    /// place is the sketch of all.
    pub(crate) fn to_text(&self) -> String {
        self.0.iter().map(|&register| char::from(b'0' + register)).collect()
    }
}

/// What the registers that nothing touched add.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// What the registers that are full add.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::strategy::Choices;

    #[test]
    fn estimates_are_within_four_standard_errors() {
        let mut hashes = Choices::new(1, 1);
        let mut sketch = Sketch::default();
        assert_eq!(sketch.estimate(), 0);
        let mut count = 0_u64;
        for target in [1, 10, 100, 1_000, 5_000, 12_000, 100_000, 1_000_000] {
            while count < target {
                let hash = hashes.word();
                sketch.insert(hash);
                sketch.insert(hash);
                count += 1;
            }
            let estimate = sketch.estimate();
            let off = estimate.abs_diff(target) as f64 / target as f64;
            assert!(off <= 4.0 * ERROR_PERCENT / 100.0, "{estimate} for {target}");
        }
    }

    #[test]
    fn parts_make_up_the_whole_in_any_order() {
        let mut hashes = Choices::new(2, 1);
        let (mut whole, mut parts) = (Sketch::default(), [(); 3].map(|()| Sketch::default()));
        for number in 0..10_000 {
            let hash = hashes.word();
            whole.insert(hash);
            parts[number % 3].insert(hash);
        }
        let [first, second, mut third] = parts;
        third.merge(&first);
        third.merge(&second);
        assert_eq!(third, whole);
        assert_eq!(third.to_text(), whole.to_text());
        assert!(whole.to_text().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte > b'0'));
    }

    #[test]
    fn the_last_hash_of_all_fits() {
        let mut sketch = Sketch::default();
        sketch.insert(0);
        sketch.insert(u64::MAX);
        assert_eq!(usize::from(sketch.0[0]), COUNTED_BITS + 1);
        assert_eq!(sketch.0[REGISTERS - 1], 1);
    }
}
