//! `hak-sim`: the simulator's command. It runs on hak itself, but where hak is stressed: see `hak_sim::heap`.

use std::process::ExitCode;

use hak_sim::heap::CommandHeap;

#[global_allocator]
static GLOBAL: CommandHeap = CommandHeap;

fn main() -> ExitCode {
    ExitCode::from(hak_sim::cli::main())
}
