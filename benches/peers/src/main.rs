//! hak beside other allocators: the same workloads, each in its own process, in the same run.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml
//! ```
//!
//! The rules under which everybody is measured:
//!
//! * One process per allocator, workload and repetition. Repetitions are interleaved: every
//!   allocator has its turn before anybody has a second one, and who begins changes. Speed drifts
//!   by a quarter on shared machines; the drift hits all.
//! * Speed is pairs of an allocation and a free per second of processor time, of all threads. It is
//!   given as a ratio to glibc in the same repetition: the median of the repetitions, and half
//!   their spread.
//! * Peak memory is what the kernel says about the process (`VmHWM`).
//! * Who takes more than 0.2 s for a tenth of a row's pairs, and more than three times as long as
//!   hak, runs no more than that tenth in each repetition: all of them would take most of the time
//!   of the whole run.
//! * Memory rows have figures of their own, the medians of their repetitions.
//! * Shared libraries come in by `LD_PRELOAD` under a program that calls C `malloc`; crates are the
//!   global allocator of the same program, built with the same profile. Each process looks which
//!   allocator really answers and refuses to report about another one.
//! * A peer that cannot be obtained is listed with the reason.

mod contestants;
mod instructions;
mod plot;
mod process;
mod results;
mod rows;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::results::Length;

/// Measures hak and other allocators on the same workloads, side by side.
#[derive(Parser, Debug)]
#[command(version)]
struct Arguments {
    /// How often each allocator runs each workload.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    repetitions: u32,
    /// A look: 3 repetitions, each of a third of the length; and one of each memory row.
    #[arg(long)]
    quick: bool,
    /// Only workloads whose name contains this.
    #[arg(long, value_name = "PART")]
    workload: Option<String>,
    /// Only allocators whose name contains this; glibc and hak always run.
    #[arg(long, value_name = "PART")]
    allocator: Option<String>,
    /// Counts instructions per pair of 64 bytes under valgrind's callgrind instead of measuring
    /// time.
    #[arg(long)]
    instructions: bool,
    /// Prints the tables as markdown.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Prints one JSON object instead of tables.
    #[arg(long)]
    json: bool,
    /// Where the plot of speed goes; that of memory goes beside it, as NAME-memory.svg.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Measures this libhak.so instead of building the one of this source.
    #[arg(long, value_name = "FILE")]
    libhak: Option<PathBuf>,
    /// Installs Debian packages that are missing, with apt-get.
    #[arg(long)]
    install: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("hak-peers: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let (rows, memory_rows) = rows::matching(arguments.workload.as_deref())?;
    contestants::check_packages(arguments.install)?;
    let mut found = contestants::all(arguments.libhak.as_deref())?;
    if let Some(part) = &arguments.allocator {
        found.retain(|one| one.is_reference() || one.is_hak() || one.name.contains(part.as_str()));
    }
    if arguments.instructions {
        found.retain(contestants::Contestant::is_general);
        let counts = instructions::count(&found);
        if arguments.json {
            return print_json(&counts);
        }
        println!("{}", table::instructions(&counts, &found, arguments.markdown));
        return Ok(());
    }
    let length = if arguments.quick {
        Length { repetitions: 3, divisor: 3, memory_repetitions: 1 }
    } else {
        let repetitions = arguments.repetitions;
        Length { repetitions, divisor: 1, memory_repetitions: repetitions }
    };
    let results = results::measure(found, rows, memory_rows, length);
    if let Some(file) = &arguments.plot {
        let write = |file: &Path, text: String| {
            std::fs::write(file, text).map_err(|error| {
                format!("the plot cannot be written to {}: {error}", file.display())
            })
        };
        if !results.rows.is_empty() {
            write(file, plot::speed(&results)?)?;
        }
        if !results.memory_rows.is_empty() {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            write(&file.with_file_name(format!("{stem}-memory.svg")), plot::memory(&results)?)?;
        }
    }
    if arguments.json {
        return print_json(&results);
    }
    println!("{}", table::all(&results, arguments.markdown));
    Ok(())
}

fn print_json(value: &impl serde::Serialize) -> Result<(), String> {
    println!("{}", serde_json::to_string_pretty(value).map_err(|error| error.to_string())?);
    Ok(())
}
