//! The process in which the allocator is stressed.
//!
//! What it says goes to standard output, a line each: `round N` when a round begins, and last one
//! JSON object: the totals, a broken rule, or why it could not go on. If there is no such object,
//! the process was ended in the middle of something, and the last round is where.
//!
//! Invariant: the calls of the system here take numbers, or a structure of the caller's that they
//! read and do not keep; no other code of the process depends on what they set.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::stand_in::StandIn;
use super::subject::Shipped;
use super::{StressFinding, StressPlan, rounds};

/// Stresses, and says how it went. Comes back only if nothing was wrong.
pub(crate) fn main(plan: &StressPlan) {
    be_bounded(plan.time);
    let result = match plan.stand_in {
        None => rounds::run(plan, &Shipped),
        Some(flaw) => rounds::run(plan, &StandIn::new(flaw)),
    };
    match result {
        Ok(totals) => say(&format!("{}\n", totals.value())),
        Err(finding) => end_with(&finding),
    }
}

/// A round begins.
pub(super) fn tell_round(round: u64) {
    say(&format!("round {round}\n"));
}

/// Ends the process with a broken rule. To be called by any thread, while others run.
pub(super) fn end_with(finding: &StressFinding) -> ! {
    end(&json!({ "oracle": finding.oracle, "message": finding.message }), 1)
}

/// Ends the process since the system refuses what is needed. `why` is one sentence that says what
/// to do.
pub(super) fn refuse(why: &str) -> ! {
    end(&json!({ "refused": why }), 2)
}

fn end(last: &Value, code: i32) -> ! {
    say(&format!("{last}\n"));
    // SAFETY: [stress_process 1] a number. Not `exit`: what that runs at the end might need the
    // allocator, which cannot be relied on.
    unsafe { libc::_exit(code) }
}

fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    // Nobody is left to tell if this fails.
    let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
}

/// The process ends with whoever started it and leaves no core file.
fn be_bounded(time: Duration) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // A process whose starter is gone ends at once; one that hangs, by an alarm.
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX).saturating_add(60);
    // SAFETY: [stress_process 1] numbers, and a limit of this function.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &none);
        libc::alarm(seconds);
        #[cfg(target_os = "linux")]
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
}

/// The most resident bytes that this process has had.
pub(super) fn peak_resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    kilobytes(status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?)
}

/// Resident bytes of the mappings that begin in this range.
pub(super) fn resident_in(start: usize, bytes: usize) -> Option<u64> {
    Some(resident_of(&std::fs::read_to_string("/proc/self/smaps").ok()?, start, bytes))
}

fn resident_of(mappings: &str, start: usize, bytes: usize) -> u64 {
    let mut inside = false;
    let mut sum = 0;
    for line in mappings.lines() {
        let begin =
            line.split_once('-').and_then(|(begin, _)| usize::from_str_radix(begin, 16).ok());
        if let Some(begin) = begin {
            inside = begin.wrapping_sub(start) < bytes;
        } else if inside && let Some(rest) = line.strip_prefix("Rss:") {
            sum += kilobytes(rest).unwrap_or(0);
        }
    }
    sum
}

/// `123 kB` in bytes.
fn kilobytes(text: &str) -> Option<u64> {
    text.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|number| number * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_summed_where_blocks_lie() {
        let mappings = "1000-2000 rw-p 00000000 00:00 0\nSize: 4 kB\nRss:       4 kB\n\
                        5000-9000 rw-p 00000000 00:00 0 \nRss:    12 kB\nPss: 12 kB\n\
                        9000-a000 ---p 00000000 00:00 0 \nRss:     8 kB\n";
        assert_eq!(resident_of(mappings, 0x5000, 0x4000), 12 * 1024);
        assert_eq!(resident_of(mappings, 0x1000, 0x9000), 24 * 1024);
        assert_eq!(resident_of(mappings, 0xa000, 0x1000), 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_that_was_touched_is_resident() {
        let block = vec![1_u8; 64 << 20];
        assert!(peak_resident().expect("the system says") > 64 << 20);
        let (start, bytes) = (block.as_ptr().addr(), block.len());
        let found = resident_in(start & !0xffff, bytes).expect("the system says");
        assert!(found >= 60 << 20, "{found}");
    }
}
