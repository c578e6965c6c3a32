//! What is not a sound trace is refused, with the right sentence and without a panic.

use hak_traces::{Config, DigestAt, HEADER_LENGTH, Outcome, Site, Step, Trace, TraceError};
use proptest::prelude::*;

mod sample;
use sample::sample;

/// CRC-64/XZ once more, bit by bit: a second opinion on the one in the crate.
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

/// This payload behind a header that vouches for it.
fn vouched(payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"HAKTRACE".to_vec();
    bytes.extend(hak_traces::FORMAT_VERSION.to_le_bytes());
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(checksum(payload).to_le_bytes());
    bytes.extend(checksum(&bytes).to_le_bytes());
    bytes.extend(payload);
    bytes
}

fn reason(result: Result<impl Sized, TraceError>) -> String {
    match result {
        Err(TraceError::Malformed { reason }) => reason,
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn every_truncation_is_refused_as_truncated() {
    let bytes = sample().to_bytes().unwrap();
    for length in 0..bytes.len() {
        let error = Trace::from_bytes(&bytes[..length]).unwrap_err();
        let found_length = length as u64;
        assert!(
            matches!(error, TraceError::Truncated { found, .. } if found == found_length),
            "{length} bytes: {error}"
        );
    }
}

#[test]
fn every_changed_byte_is_refused() {
    let bytes = sample().to_bytes().unwrap();
    let mut damaged = bytes.clone();
    for index in 0..bytes.len() {
        for change in 1..=u8::MAX {
            damaged[index] ^= change;
            let error = Trace::from_bytes(&damaged).unwrap_err();
            let expected = match index {
                0..8 => matches!(error, TraceError::Foreign),
                8..HEADER_LENGTH => matches!(error, TraceError::Corrupted { part: "header" }),
                _ => matches!(error, TraceError::Corrupted { part: "payload" }),
            };
            assert!(expected, "byte {index} changed by {change:#04x}: {error}");
            damaged[index] ^= change;
        }
    }
}

#[test]
fn a_changed_byte_of_the_payload_with_a_matching_checksum_never_panics() {
    let bytes = sample().to_bytes().unwrap();
    let mut payload = bytes[HEADER_LENGTH..].to_vec();
    for index in 0..payload.len() {
        for change in 1..=u8::MAX {
            payload[index] ^= change;
            let forged = vouched(&payload);
            if let Ok(trace) = Trace::from_bytes(&forged) {
                assert_eq!(trace.to_bytes().unwrap(), forged);
            }
            payload[index] ^= change;
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Trace::from_bytes(&bytes).is_err());
    }

    #[test]
    fn arbitrary_payloads_never_panic(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = vouched(&payload);
        if let Ok(trace) = Trace::from_bytes(&bytes) {
            prop_assert_eq!(trace.to_bytes().unwrap(), bytes);
        }
    }
}

#[test]
fn other_files_are_foreign() {
    for bytes in [&b"\x7fELF\x02\x01\x01"[..], b"HAKTRACK and so on", b"{}", &[0; 100]] {
        assert!(matches!(Trace::from_bytes(bytes), Err(TraceError::Foreign)));
    }
}

#[test]
fn something_behind_the_end_is_refused() {
    let mut bytes = sample().to_bytes().unwrap();
    let length = bytes.len() as u64;
    bytes.push(0);
    let error = Trace::from_bytes(&bytes).unwrap_err();
    assert!(matches!(error, TraceError::TrailingBytes { expected } if expected == length));
}

#[test]
fn something_behind_the_end_of_the_payload_is_refused() {
    let mut payload = sample().to_bytes().unwrap()[HEADER_LENGTH..].to_vec();
    payload.push(0);
    assert!(reason(Trace::from_bytes(&vouched(&payload))).contains("1 bytes too many"));
}

#[test]
fn a_second_spelling_of_the_same_trace_is_refused() {
    let payload = sample().to_bytes().unwrap()[HEADER_LENGTH..].to_vec();
    assert_eq!(payload[0], 42, "the seed stands first, in one byte");
    // 251 announces two bytes: the same number, in three bytes rather than one.
    let longer = [&[251, 42, 0], &payload[1..]].concat();
    assert!(reason(Trace::from_bytes(&vouched(&longer))).contains("spells"));
}

/// A trace to which one thing is done that makes it unsound, and a word of the reason.
#[test]
fn each_broken_invariant_is_refused_when_writing() {
    type Change = fn(&mut Trace);
    let changes: [(Change, &str); 13] = [
        (|trace| trace.config.threads = 257, "257 threads"),
        (|trace| trace.config.threads = 2, "names thread 2 of 2"),
        (|trace| trace.sites[1] = trace.sites[0].clone(), "twice"),
        (|trace| trace.steps[5].site = 2, "step 5 names site 2 of 2"),
        (|trace| trace.steps[6].thread = 3, "step 6 names thread 3 of 3"),
        (|trace| trace.steps[7].event = 11, "unknown event 11"),
        (|trace| trace.digests[1].step = 63, "follows that of step 63"),
        (|trace| trace.digests[1].step = 70, "digest of step 70 and only 70"),
        (|trace| trace.digests.push(DigestAt { step: 1, value: 0 }), "step 1 follows"),
        (|trace| trace.sites.clear(), "site 0 of 0"),
        (|trace| trace.outcome = violation(3, 0, None), "violation names thread 3 of 3"),
        (|trace| trace.outcome = violation(0, 71, None), "step 71 of 70"),
        (|trace| trace.outcome = violation(0, 0, Some(2)), "names site 2 of 2"),
    ];
    for (change, word) in changes {
        let mut trace = sample();
        change(&mut trace);
        let reason = reason(trace.to_bytes());
        assert!(reason.contains(word), "{reason}");
    }
}

fn violation(thread: u8, step: u64, site: Option<u32>) -> Outcome {
    Outcome::Violation { oracle: String::new(), message: String::new(), thread, step, site }
}

#[test]
fn a_broken_invariant_is_refused_when_reading() {
    let mut trace = Trace {
        config: Config { threads: 2, ..Config::default() },
        sites: vec![Site::default()],
        steps: vec![Step { thread: 1, ..Step::default() }],
        ..Trace::default()
    };
    let sound = trace.to_bytes().unwrap();
    trace.config.threads = 3;
    let other = trace.to_bytes().unwrap();
    // The one byte in which the two payloads differ is the number of threads.
    let at = (HEADER_LENGTH..sound.len()).find(|&index| sound[index] != other[index]).unwrap();
    let mut payload = sound[HEADER_LENGTH..].to_vec();
    payload[at - HEADER_LENGTH] = 1;
    assert_eq!(reason(Trace::from_bytes(&vouched(&payload))), "step 0 names thread 1 of 1");
}

#[test]
fn every_sentence_says_what_to_do() {
    let errors = [
        TraceError::Foreign,
        TraceError::OtherVersion { found: 2, supported: 1 },
        TraceError::Truncated { expected: 36, found: 3 },
        TraceError::Corrupted { part: "payload" },
        TraceError::TrailingBytes { expected: 36 },
        TraceError::TooLarge { length: 1 << 40 },
        TraceError::Malformed { reason: "it has steps and no sites".to_owned() },
        TraceError::Unreadable { path: "a.hak".into(), error: std::io::ErrorKind::NotFound.into() },
        TraceError::Unwritable { path: "a.hak".into(), error: std::io::ErrorKind::NotFound.into() },
    ];
    for error in errors {
        let sentence = error.to_string();
        let (what, advice) = sentence.split_once(": ").expect("what is wrong: what to do");
        assert!(!what.is_empty() && !advice.is_empty() && !sentence.contains('\n'), "{sentence}");
    }
}
