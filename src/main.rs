//! Parse, run, exit status; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(hermes_install::run())
}
