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

pub mod access;
pub mod account;
pub mod apply;
pub mod census;
pub mod change;
pub mod claim;
pub mod cli;
pub mod commands;
pub mod config;
pub mod desired;
pub mod escape;
pub mod facts;
pub mod gateway;
pub mod handover;
pub mod host;
pub mod inherit;
pub mod launch;
pub mod layout;
pub mod lint;
pub mod mend;
pub mod migrate;
pub mod model;
pub mod observe;
pub mod plan;
pub mod preflight;
pub mod process;
pub mod profile;
pub mod realm;
pub mod receipt;
pub mod remedy;
pub mod removal;
pub mod render;
pub mod report;
pub mod runner;
pub mod stop;
pub mod systemctl;
pub mod tree;
pub mod unit;
pub mod unitfile;
pub mod watch;

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
        Some(Command::Exec(args)) => Ok(commands::unit::exec(args)),
        Some(Command::PlannedStop(args)) => commands::unit::planned_stop(&args),
        Some(Command::PlannedRestart) => commands::unit::planned_restart(),
        Some(Command::PostStop(args)) => commands::unit::post_stop(&args),
        Some(Command::Generate(args)) => commands::generate::generate(&args.what),
    };
    result.unwrap_or_else(|e| {
        report::error(format_args!("{e:#}"));
        if e.is::<preflight::Refused>() {
            DIFFERS
        } else {
            TROUBLE
        }
    })
}
