//! State hash: when are two states of a run the same?
//!
//! When nothing that can still happen tells them apart. Hashed, each in the form in which the
//! future depends on it:
//!
//! | what | form |
//! |---|---|
//! | memory | each word of committed pages that is not zero, by place |
//! | address space | which pages are committed, which ranges reserved |
//! | threads | runnable, waiting, ended or spinning; pending access, heap, `history` |
//! | events | how many may still happen |
//! | live blocks | place and size; their content is memory |
//! | happens-before; under weak memory, which stores can still be read | see `order_hash` |
//!
//! Not hashed, because nothing depends on it: counters of steps and switches, the digest, who ran
//! last, source lines and kinds kept for messages, serial numbers and table places of blocks, the
//! numbers of commits and of shadow records. Memory of pages that are not committed: a commit
//! clears it.
//!
//! 128 bits: among 10^9 states, two differ and have the same hash with a probability below 10^-20.

use std::rc::Rc;

use super::order_hash::{self, OrderMoment, OrderWord, See, Uses};
use super::scripted_answers::Allowance;
use crate::runtime::access::Access;
use crate::runtime::engine::Engine;

/// Two words to 128 bits.
#[inline]
pub(crate) fn mix(first: u64, second: u64) -> u128 {
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let low = fold(first ^ 0x9e37_79b9_7f4a_7c15, second ^ 0xd6e8_feb8_6659_fd93);
    let high = fold(first ^ 0xc2b2_ae3d_27d4_eb4f, second ^ 0x1656_67b1_9e37_79f9);
    let low = fold(low ^ 0xa076_1d64_78bd_642f, first.rotate_left(32) ^ 0xe703_7ed1_a0b4_28db);
    let high = fold(high ^ 0x8ebc_6af0_9c88_c6e3, second.rotate_left(32) ^ 0x5899_65cc_7537_4cc3);
    u128::from(high) << 64 | u128::from(low)
}

#[inline]
fn tagged(tag: u64, first: u64, second: u64) -> u128 {
    let inner = mix(first, second);
    mix(inner as u64 ^ tag.rotate_left(56), (inner >> 64) as u64)
}

/// A page as the hash sees it.
#[derive(Clone, Default)]
pub(crate) struct PageDigest {
    pub(crate) data: u128,
    pub(crate) moments: Option<Rc<[OrderMoment]>>,
    /// Words of which the weak memory model may remember something of use.
    pub(crate) words: Option<Rc<[OrderWord]>>,
}

impl PageDigest {
    /// Whether memory is all there is to it.
    pub(crate) fn is_plain(&self) -> bool {
        self.moments.is_none() && self.words.is_none()
    }

    /// Its size.
    pub(crate) fn bytes(&self) -> usize {
        self.moments.as_ref().map_or(0, |moments| size_of_val(&**moments))
            + self.words.as_ref().map_or(0, |words| size_of_val(&**words))
    }
}

/// Looks at one page again.
pub(crate) fn digest_page(engine: &Engine, index: usize, see: &See) -> PageDigest {
    let pages = &engine.pages;
    let start = index << pages.shift;
    let mut data = 0;
    if pages.is_committed(start) {
        // A page that was not written since it was last clear is zero.
        let words = if pages.is_dirty(index) { start..start + (1 << pages.shift) } else { 0..0 };
        for word in words.step_by(8) {
            let value = engine.arena.read(word, 8);
            if value != 0 {
                data ^= mix(word as u64, value);
            }
        }
        if !pages.is_fixed(index) {
            data ^= tagged(1, index as u64, 0);
        }
    }
    let (mut moments, mut words) = (Vec::new(), Vec::new());
    if pages.is_set_up(pages.raw(index)) {
        if see.races {
            order_hash::moments(engine, index, see, &mut moments);
        }
        if see.stores {
            order_hash::words(engine, index, see, &mut words);
        }
    }
    PageDigest {
        data,
        moments: (!moments.is_empty()).then(|| moments.into()),
        words: (!words.is_empty()).then(|| words.into()),
    }
}

/// The hash of the state, of which `data` is the sum over the pages, and `digests` are the pages
/// with more in them than memory, if that is to count.
pub(crate) fn state<'a>(
    engine: &Engine,
    data: u128,
    digests: Option<impl Iterator<Item = &'a PageDigest> + Clone>,
    uses: &dyn Uses,
) -> u128 {
    let mut hash = data ^ threads(engine) ^ blocks(engine);
    for (start, end) in engine.pages.ranges() {
        hash ^= tagged(2, start as u64, end as u64);
    }
    for (start, end) in engine.pages.foreign() {
        hash ^= tagged(10, start as u64, end as u64);
    }
    if let Some(digests) = digests {
        hash ^= order_hash::order(engine, digests, uses);
    }
    hash
}

fn threads(engine: &Engine) -> u128 {
    let control = &engine.control;
    let (spinning, rounds) = control.spinners();
    let sets = u64::from(control.runnable.0)
        | u64::from(control.waiting.0) << 8
        | u64::from(control.ended.0) << 16
        | u64::from(spinning.0) << 24
        | u64::from(rounds) << 32;
    let Allowance { failures, spurious, stops } = control.events;
    let mut hash = tagged(3, sets, u64::from(stops));
    hash ^= tagged(9, u64::from(failures), u64::from(spurious));
    for thread in 0..control.threads {
        if control.ended.contains(thread) {
            continue;
        }
        let who = thread as u64;
        hash ^= tagged(4, who, engine.histories.hash(thread));
        hash ^= tagged(
            5,
            who << 32 | u64::from(control.operations[thread]),
            engine.histories.position(thread).into(),
        );
        hash ^= tagged(6, who, control.heaps[thread] as u64);
        let Access { offset, bytes, kind, order, .. } = control.pending[thread];
        let what = (bytes as u64) << 16 | (kind as u64) << 8 | order as u64;
        hash ^= tagged(7 + (who << 8), offset as u64, what);
    }
    hash
}

fn blocks(engine: &Engine) -> u128 {
    engine.blocks.live().fold(0, |hash, block| {
        hash ^ tagged(8, block.offset as u64, block.bytes as u64 ^ block.sum.rotate_left(32))
    })
}
