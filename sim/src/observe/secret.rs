//! The secret stays secret: no memory that the program gets shows the seal of a free block.
//!
//! A seal is made of addresses and the secret (see `hak_core::tables::block`). Whoever finds one in
//! memory that was handed out knows the secret, and a program that copies what it did not write
//! could copy one.

use hak_core::inspect;
use hak_core::range::Range;

use crate::runtime::{Sim, WorldGeometry};

/// Of long blocks, so many bytes are looked at, at the beginning and at the end.
const LOOKED_AT: usize = 4096;

/// Looks for a seal in a block that is about to be the program's.
///
/// # Errors
/// Where one is.
pub(crate) fn check<G: WorldGeometry>(block: usize, bytes: usize) -> Result<(), String> {
    // Blocks that lie elsewhere are for other oracles.
    let inside = Range::<Sim<G>>::get().is_some_and(|range| {
        range.slab_index_of(block).is_some() && range.slab_index_of(block + bytes - 1).is_some()
    });
    if !inside || !block.is_multiple_of(STEP) {
        return Ok(());
    }
    let ends = [0..bytes.min(LOOKED_AT), bytes.saturating_sub(LOOKED_AT) / STEP * STEP..bytes];
    for offset in ends.into_iter().flat_map(|part| part.step_by(STEP)) {
        // SAFETY: [platform 2, arena 4] plain words, that are in the arena or refused; no other
        // simulated thread goes on before this returns.
        if offset + STEP <= bytes && unsafe { inspect::is_sealed::<Sim<G>>(block + offset) } {
            let place = inspect::place::<Sim<G>>(block + offset);
            return Err(format!("a block that is handed out shows a seal: {place}"));
        }
    }
    Ok(())
}

/// Blocks begin at multiples of this.
const STEP: usize = 16;
