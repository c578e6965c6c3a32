//! A small trace that has something in every field.

use hak_traces::{Config, DigestAt, Outcome, Site, Step, Trace};

/// Three threads, two sites, a violation.
pub(crate) fn sample() -> Trace {
    let site = |line, column| Site { file: "core/src/remote.rs".to_owned(), line, column };
    let steps = (0..70u32)
        .map(|index| Step {
            thread: (index / 4 % 3) as u8,
            event: match index {
                9 => 2,
                11 => 5,
                _ => 0,
            },
            kind: (index % 2) as u8 + 1,
            site: index % 2,
            operation: index / 12,
            place: 65536 + u64::from(index % 5) * 48,
        })
        .collect();
    Trace {
        config: Config {
            seed: 42,
            schedule: 1337,
            scenario: "remote-free".to_owned(),
            plant: Some("unowned-drain".to_owned()),
            strategy: "pct:3".to_owned(),
            memory: "sc".to_owned(),
            threads: 3,
            operations: 6,
            geometry: "tiny".to_owned(),
            program: Some("a0:64 f0 | t0".to_owned()),
        },
        sites: vec![site(88, 13), site(121, 9)],
        steps,
        digests: vec![
            DigestAt { step: 63, value: 0x0123_4567_89ab_cdef },
            DigestAt { step: 69, value: 7 },
        ],
        outcome: Outcome::Violation {
            oracle: "double-hand-out".to_owned(),
            message: "block 0x10030 belongs to two threads".to_owned(),
            thread: 1,
            step: 69,
            site: Some(1),
        },
    }
}
