//! `hak-sim`: the simulator's command. It runs on hak itself.

use std::process::ExitCode;

#[global_allocator]
static GLOBAL: hak::Hak = hak::Hak;

fn main() -> ExitCode {
    ExitCode::from(hak_sim::cli::main())
}
