//! One measurement: one process, one workload, one allocator.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::contestants::Contestant;
use crate::results::{Figures, Measured};
use crate::rows::{MemoryRow, WHOLE};

/// A process that runs longer is ended: something is wrong with it.
const LIMIT: Duration = Duration::from_secs(120);

/// What a process says at its end.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Sample {
    /// Pairs of an allocation and a free.
    pub(crate) pairs: u64,
    /// Processor time of all threads.
    pub(crate) seconds: f64,
    /// The most resident memory, in KiB.
    pub(crate) peak_kib: u64,
    /// How the process ended, if it crashed after all that was measured.
    #[serde(skip)]
    pub(crate) crash: Option<String>,
}

/// How to start the program for a contestant.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The program, with C malloc or with a crate built in.
    pub(crate) program: PathBuf,
    /// The shared library that comes in before the C library.
    pub(crate) preload: Option<PathBuf>,
    /// Settings of the allocator.
    pub(crate) variables: &'static [(&'static str, &'static str)],
    /// What the program must find when it looks which allocator answers.
    pub(crate) identity: String,
}

impl Launch {
    /// A command that runs this workload: on its own, or under `wrapper`, a program and its
    /// arguments.
    pub(crate) fn command(&self, workload: &str, amount: u64, wrapper: &[&str]) -> Command {
        let mut command = match wrapper {
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&self.program);
                command
            }
            [] => Command::new(&self.program),
        };
        command.arg(workload).arg(amount.to_string()).arg(&self.identity);
        // No settings of the caller's for any of the allocators.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let prefixes = [
                "MALLOC_",
                "MIMALLOC_",
                "TCMALLOC_",
                "RPMALLOC_",
                "HAK_",
                "GLIBC_TUNABLES",
                "LD_PRELOAD",
            ];
            if prefixes.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command.envs(self.variables.iter().copied());
        if let Some(library) = &self.preload {
            command.env("LD_PRELOAD", library);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Runs one workload in a process of its own.
pub(crate) fn run(contestant: &Contestant, workload: &str, pairs: u64) -> Result<Sample, String> {
    let output = ended(contestant, workload, pairs)?;
    let answer = serde_json::from_slice::<Sample>(&output.stdout);
    if output.status.success() {
        return answer.map_err(|error| format!("its answer is not understood: {error}"));
    }
    // The answer is written when the work is done: what was measured stands, and the crash is told
    // too.
    answer
        .map(|sample| Sample { crash: Some(output.status.to_string()), ..sample })
        .map_err(|_| last_words(&output))
}

/// Runs a workload with figures in a process of its own, and returns them in their order.
pub(crate) fn run_figures(contestant: &Contestant, row: &MemoryRow) -> Figures {
    let is_whole = row.figures.iter().any(|figure| figure.name == WHOLE);
    let (output, whole) = if is_whole {
        whole(contestant, row)?
    } else {
        (ended(contestant, row.name, row.amount)?, Duration::ZERO)
    };
    let crashes = usize::from(!output.status.success());
    let answer = serde_json::from_slice::<BTreeMap<String, f64>>(&output.stdout);
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(_) if crashes > 0 => return Err(last_words(&output)),
        Err(error) => return Err(format!("its answer is not understood: {error}")),
    };
    answer.insert(WHOLE.to_owned(), whole.as_secs_f64() * 1e3);
    let figures = row.figures.iter().map(|figure| answer.get(figure.name).copied());
    let values = figures.collect::<Option<Vec<f64>>>().ok_or("a figure is not in its answer")?;
    Ok(Measured { values, crashes })
}

/// Runs a program that does nothing, and how long that takes.
fn whole(contestant: &Contestant, row: &MemoryRow) -> Result<(Output, Duration), String> {
    let launch = contestant.launch.as_ref().map_err(Clone::clone)?;
    let mut command = launch.command(row.name, row.amount, &[]);
    let start = Instant::now();
    // Nothing else is done meanwhile: no look whether it has ended comes late.
    let output = command.output().map_err(|error| format!("it does not start: {error}"))?;
    Ok((output, start.elapsed()))
}

/// Runs the program until its end, but not for longer than [`LIMIT`].
fn ended(contestant: &Contestant, workload: &str, amount: u64) -> Result<Output, String> {
    let launch = contestant.launch.as_ref().map_err(Clone::clone)?;
    let mut command = launch.command(workload, amount, &[]);
    let mut child = command.spawn().map_err(|error| format!("it does not start: {error}"))?;
    let start = Instant::now();
    // Output is a line: it fits into the pipe, and nobody has to read it meanwhile.
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if start.elapsed() > LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("it did not end within {} seconds", LIMIT.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().map_err(|error| error.to_string())
}

/// How a process ended that failed.
fn last_words(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.trim().lines().last().unwrap_or("it said nothing").to_owned();
    format!("{}: {last}", output.status)
}
