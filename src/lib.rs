//! Hermes gateways under systemd, safely.
//!
//! ```text
//! config.toml + flags ─┐
//!                      ├─ Model (validated) ── render (pure) ──→ Tree (desired) ─┐
//! layout (data) ───────┘                                                         │
//! receipt (recorded) ────────────────────────────────────────────────────────────┼→ Plan (pure) → change → receipt'
//! files, systemd, /proc ── observe, census, preflight (read only) → (actual) ────┘
//! ```
//!
//! Pure: [`escape`], [`profile`], [`layout`], [`model`], [`render`], [`tree`], [`receipt`], [`plan`], [`unitfile`],
//! [`runner`], [`lint`]. Reading: [`access`], [`account`], [`host`], [`config`], [`observe`], [`process`],
//! [`gateway`], [`realm`], [`unit`], [`census`], [`claim`], [`facts`], [`remedy`], [`inherit`], [`migrate`],
//! [`preflight`], [`desired`], [`watch`]. With effects: [`apply`] writes files, [`systemctl`] spawns programs,
//! [`report`] prints; [`change`], [`removal`] and [`mend`] put them in order, the first after a [`handover`] where a
//! profile has an old owner. [`launch`] and [`stop`] are what a unit runs, and stand apart from all that; a handover
//! and a mend borrow the stop.

pub mod cli;
pub mod commands;
pub mod config;
pub mod deploy;
pub mod doctor;
pub mod gateway;
pub mod host;
pub mod launcher;
pub mod layout;
pub mod output;
pub mod preflight;
pub mod profile;
pub mod render;
pub mod takeover;
pub mod units;

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
        Some(Command::Adopt(args)) => commands::adopt::adopt(&args),
        Some(Command::Shield(args)) => commands::shield::shield(&args),
        Some(Command::Plan(args)) => commands::install::show(&args),
        Some(Command::Status(args)) => commands::status::status(&args),
        Some(Command::Doctor(args)) => commands::doctor::doctor(&args),
        Some(Command::Upgrade(args)) => commands::upgrade::upgrade(&args),
        Some(Command::Uninstall(args)) => commands::uninstall::uninstall(&args),
        Some(Command::Render(args)) => commands::render::render(&args),
        Some(Command::Exec(args)) => Ok(commands::unit_hooks::exec(args)),
        Some(Command::PlannedStop(args)) => commands::unit_hooks::planned_stop(&args),
        Some(Command::PlannedRestart) => commands::unit_hooks::planned_restart(),
        Some(Command::PostStop(args)) => commands::unit_hooks::post_stop(&args),
        Some(Command::Generate(args)) => commands::generate::generate(&args.what),
    };
    result.unwrap_or_else(|e| {
        output::error(format_args!("{e:#}"));
        if e.is::<preflight::Refused>() {
            DIFFERS
        } else {
            TROUBLE
        }
    })
}
