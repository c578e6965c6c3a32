//! One workload in one process, over one allocator. Prints one line of JSON; the program
//! `hak-peers` starts it.
//!
//! ```text
//! hak-peers-workload WORKLOAD AMOUNT ALLOCATOR
//! ```
//!
//! AMOUNT is a number of pairs, or of what else the workload has (`memory`). ALLOCATOR is `crate
//! NAME` or the name of a shared library's file: if another one answers, nothing is measured.
//! `start` alone does not look, as looking needs more than all that it does.
//!
//! Invariant: the call of the system that asks for the time writes to the structure it is given,
//! and keeps nothing.

mod allocator;
mod memory;
mod workloads;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match measure(&arguments) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("hak-peers-workload: {message}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &[String]) -> Result<String, String> {
    let [workload, amount, expected] = arguments else {
        return Err("give a workload, an amount and the allocator that is expected".to_owned());
    };
    if workload == "start" {
        return Ok(figures(&memory::at_start()));
    }
    let amount: u64 = amount.parse().map_err(|_| format!("{amount} is no number"))?;
    let found = allocator::identify()?;
    if found != *expected {
        return Err(format!("expected {expected} and found {found}"));
    }
    if let Some(found) = memory::run(workload, amount) {
        return Ok(figures(&found));
    }
    let before = processor_seconds();
    let done = workloads::run(workload, amount)
        .ok_or_else(|| format!("there is no workload {workload}"))?;
    let seconds = processor_seconds() - before;
    let peak = peak_kib()?;
    Ok(format!(r#"{{"pairs":{done},"seconds":{seconds:.6},"peak_kib":{peak}}}"#))
}

/// Figures as one line of JSON.
fn figures(figures: &[(&str, f64)]) -> String {
    let members: Vec<String> =
        figures.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
    format!("{{{}}}", members.join(","))
}

/// Processor time of all threads of this process so far.
fn processor_seconds() -> f64 {
    // SAFETY: [main 1] a structure of this function, for which zero is a value.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time);
        time
    };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// The most resident memory that this process had, in KiB, as the kernel counts it (`VmHWM`).
fn peak_kib() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok())
        .ok_or_else(|| "the kernel does not say VmHWM".to_owned())
}
