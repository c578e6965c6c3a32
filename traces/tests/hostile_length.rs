//! A payload that lies about its lengths is refused before it costs memory.
//!
//! The allocator of this test counts; it is alone in its file so that nothing else is counted.
//!
//! Invariant: every call is handed on, as it came, to the system's allocator, which keeps the
//! contract.

use hak_traces::{HEADER_LENGTH, Trace, TraceError};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

mod sample;
use sample::sample;

/// The largest single allocation so far.
static LARGEST: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: [hostile_length 1]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: [contract, hostile_length 1]
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: [contract, hostile_length 1]
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// CRC-64/XZ, bit by bit.
fn checksum(bytes: &[u8]) -> u64 {
    let mut remainder = u64::MAX;
    for &byte in bytes {
        remainder ^= u64::from(byte);
        for _ in 0..8 {
            let carry = remainder & 1;
            remainder = (remainder >> 1) ^ (carry * 0xC96C_5795_D787_0F42);
        }
    }
    !remainder
}

fn header(payload_length: u64, payload_checksum: u64) -> Vec<u8> {
    let mut bytes = b"HAKTRACE".to_vec();
    bytes.extend(hak_traces::FORMAT_VERSION.to_le_bytes());
    bytes.extend(payload_length.to_le_bytes());
    bytes.extend(payload_checksum.to_le_bytes());
    bytes.extend(checksum(&bytes).to_le_bytes());
    bytes
}

#[test]
fn a_lying_length_costs_at_most_a_megabyte() {
    const ALLOWED: usize = 1024 * 1024;

    // A header that promises everything it may, and then nothing.
    let error = Trace::from_bytes(&header(256 * 1024 * 1024, 0)).unwrap_err();
    assert!(matches!(error, TraceError::Truncated { .. }));
    let error = Trace::from_bytes(&header(1 << 60, 0)).unwrap_err();
    assert!(matches!(error, TraceError::TooLarge { .. }));

    // Each byte of a payload in turn becomes a length: 253 announces eight bytes.
    let payload = sample().to_bytes().unwrap()[HEADER_LENGTH..].to_vec();
    for length in [1u64 << 24, 1 << 30, 1 << 31, 1 << 40, 1 << 62, u64::MAX] {
        for at in 0..payload.len() {
            let mut lying = payload[..at].to_vec();
            lying.push(253);
            lying.extend(length.to_le_bytes());
            lying.extend(&payload[at..]);
            let mut bytes = header(lying.len() as u64, checksum(&lying));
            bytes.extend(lying);
            // Some of these are sound: the seed, for instance, may be any number.
            let _ = Trace::from_bytes(&bytes);
        }
    }
    let largest = LARGEST.load(Ordering::Relaxed);
    assert!(largest <= ALLOWED, "{largest} bytes at once");
}
