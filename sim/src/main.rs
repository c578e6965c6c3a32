//! `hak-sim`: the simulator's command. It runs on hak itself, but where hak is stressed: see
//! `hak_sim::stress::own_memory`.

use std::process::ExitCode;

use hak_sim::stress::own_memory::CommandHeap;

#[global_allocator]
static GLOBAL: CommandHeap = CommandHeap;

fn main() -> ExitCode {
    ExitCode::from(hak_sim::cli::main())
}
