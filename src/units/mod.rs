//! Units as their managers load them: load paths, unit files, what an `ExecStart=` runs, all units of a host.

pub(crate) mod claim;
mod concern;
mod environment_d;
pub(crate) mod exec_line;
pub(crate) mod inventory;
pub(crate) mod load_path;
pub(crate) mod load_problem;
pub(crate) mod origin;
pub(crate) mod paused;
pub(crate) mod readable;
pub(crate) mod reader;
pub(crate) mod said;
pub(crate) mod secret;
pub(crate) mod shell;
pub(crate) mod specifiers;
pub(crate) mod starters;
mod token;
pub(crate) mod unit;
mod unit_command;
mod unit_effects;
pub(crate) mod unit_file;
pub(crate) mod unit_files;
mod unit_gateway;
pub(crate) mod unit_id;

/// Processor time of this thread, which other work of the machine does not shorten.
#[cfg(test)]
fn spent() -> std::time::Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    nix::time::clock_gettime(clock).expect("a clock").into()
}
