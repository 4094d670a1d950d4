//! Hermes gateways under systemd, safely.
//!
//! ```text
//! config.toml + flags ─┐
//!                      ├─ Model (validated) ── render (pure) ──→ Tree (desired) ─┐
//! layout (data) ───────┘                                                         │
//! receipt (recorded) ────────────────────────────────────────────────────────────┼→ Plan (pure) → transaction → receipt'
//! files, systemd, /proc ── observe, inventory, preflight (read only) → (actual) ────┘
//! ```
//!
//! Pure: `profile`, `layout`, `render`, `deploy::plan`, `deploy::receipt`, `units::unit_file`,
//! `units::exec_line`, `doctor::rules`. Reading: `config`, `host`, `gateway`, `units`, `doctor::facts`,
//! `preflight`, `takeover`. With effects: `deploy::writer` writes files, `host::systemctl` spawns programs,
//! `output` prints; `deploy::transaction`, `deploy::removal` and `doctor::fix` put them in order, the first after a
//! `takeover::handover` where a profile has an old owner. `launcher` and `gateway::stop` are what a unit runs, and
//! stand apart from all that; a handover and a fix borrow the stop.

mod cli;
mod commands;
mod config;
mod deploy;
mod doctor;
mod error;
mod gateway;
mod host;
mod launcher;
mod layout;
mod output;
mod preflight;
mod profile;
mod render;
mod takeover;
mod units;

use clap::Parser as _;

use cli::{Cli, Command};
use commands::{DIFFERS, DONE, TROUBLE};

/// Parse the command line, run it, and return the exit status.
pub fn run() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help) => {
            let _ = help.print();
            return if help.use_stderr() { TROUBLE } else { DONE };
        }
    };
    let result = match cli.command {
        None => commands::install::install(&cli.install),
        Some(Command::Adopt(args)) => commands::install::adopt(&args),
        Some(Command::Shield(args)) => commands::shield::shield(&args),
        Some(Command::Plan(args)) => commands::plan::plan(&args),
        Some(Command::Show(args)) => commands::show::show(&args),
        Some(Command::Status(args)) => commands::status::status(&args),
        Some(Command::Doctor(args)) => commands::doctor::doctor(&args),
        Some(Command::Upgrade(args)) => commands::upgrade::upgrade(&args),
        Some(Command::Uninstall(args)) => commands::uninstall::uninstall(&args),
        Some(Command::Render(args)) => commands::render::render(&args),
        Some(Command::Exec(args)) => Ok(commands::unit_hooks::exec(args)),
        Some(Command::BeforeStart) => commands::unit_hooks::before_start(),
        Some(Command::PlannedStop(args)) => commands::unit_hooks::planned_stop(&args),
        Some(Command::PlannedRestart) => commands::unit_hooks::planned_restart(),
        Some(Command::PostStop(args)) => commands::unit_hooks::post_stop(&args),
        Some(Command::Generate(args)) => commands::generate::generate(&args.what),
    };
    result.unwrap_or_else(|e| {
        output::error(format_args!("{e:#}"));
        if e.is::<error::Refused>() {
            DIFFERS
        } else {
            TROUBLE
        }
    })
}
