//! CRC-64, in the variant that the xz format uses ("CRC-64/XZ").
//!
//! Polynomial `0x42F0E1EBA9EA3693` (here reflected), all bits set at the start, all bits flipped at
//! the end. It notices every damage that is confined to 64 neighbouring bits, so every changed
//! byte, and any other with a probability of all but one in 2^64. It is no protection against a
//! forger: the checks behind it assume nothing about the payload.

const POLYNOMIAL_REFLECTED: u64 = 0xC96C_5795_D787_0F42;

/// What each value of the low byte contributes to the remainder.
const TABLE: [u64; 256] = table();

const fn table() -> [u64; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut remainder = index as u64;
        let mut bit = 0;
        while bit < 8 {
            let carry = remainder & 1;
            remainder >>= 1;
            if carry == 1 {
                remainder ^= POLYNOMIAL_REFLECTED;
            }
            bit += 1;
        }
        table[index] = remainder;
        index += 1;
    }
    table
}

/// The checksum of these bytes.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let remainder = bytes.iter().fold(u64::MAX, |remainder, &byte| {
        (remainder >> 8) ^ TABLE[usize::from(remainder as u8 ^ byte)]
    });
    !remainder
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn the_catalogued_check_value_comes_out() {
        assert_eq!(checksum(b"123456789"), 0x995D_C9BB_DF19_39FA);
        assert_eq!(checksum(b""), 0);
    }
}
