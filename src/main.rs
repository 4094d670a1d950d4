//! Parse, run, exit status; everything else is in the library.

use std::process::ExitCode;

#[cfg(target_env = "gnu")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(hermes_install::run())
}
