//! Hermes gateways under systemd, safely.
//!
//! ```text
//! config.toml + flags ─┐
//!                      ├─ Model (validated) ── render (pure) ──→ Tree (desired) ─┐
//! layout (data) ───────┘                                                         │
//! receipt (recorded) ────────────────────────────────────────────────────────────┼→ Plan (pure) → transaction → receipt'
//! files, systemd, /proc ── host, units, preflight (read only) ───→ (actual) ────────┘
//! ```
//!
//! Pure: `profile`, `layout`, `render`, `deploy::plan`, `deploy::receipt`, `units::unit_file`,
//! `units::exec_line`, `doctor::rules`. Reading: `config`, `host`, `gateway`, `units`, `doctor::facts`,
//! `preflight`, `takeover`. With effects: `deploy::writer` writes files, `host::systemctl`, `host::run_as` and
//! `host::transfer` start programs,
//! `output` prints; `deploy::transaction`, `deploy::removal` and `doctor::fix` put them in order, the first after a
//! `deploy::handover` where a profile has an old owner. `launcher` and `gateway::stop` are what a unit runs, and
//! stand apart from all that; a handover and a fix borrow the stop.

mod cli;
mod commands;
mod config;
mod deploy;
mod doctor;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gateway;
mod host;
mod launcher;
mod layout;
mod output;
mod preflight;
mod profile;
mod render;
mod settings;
mod takeover;
mod units;

use std::ffi::OsString;
use std::path::Path;

use clap::Parser as _;

use cli::{Cli, Command};
use error::{Error, Exit, Kind};

/// Parse the command line, run it, and return the exit status.
pub fn run() -> u8 {
    host::insight::give_up();
    if commands::complete::answered() {
        return Exit::Done as u8;
    }
    let exit = match Cli::try_parse() {
        Ok(cli) => done(cli),
        Err(help) => usage(help),
    };
    match output::stdout::unwritten() {
        None => exit as u8,
        Some(why) => {
            let what =
                format!("not all that was to be said could be written to standard output: {why}");
            output::error(&Error::new(Kind::Trouble, what, Vec::new()), false);
            Exit::Trouble as u8
        }
    }
}

/// Do what the command line asks for.
fn done(cli: Cli) -> Exit {
    let json = cli.output().is_some_and(|o| o.json);
    let result = check(&cli).and_then(|()| dispatch(cli));
    result.unwrap_or_else(|e| {
        let error = Error::of(&e);
        output::error(&error, json);
        error.kind.exit()
    })
}

/// Whether this host, and who typed the command, can have it done.
fn check(cli: &Cli) -> anyhow::Result<()> {
    if cli.needs_systemd() {
        host::boot::check(Path::new("/"), cli.needs_hermes())?;
        commands::within::check(cli.changes())?;
    }
    Ok(())
}

/// Help that was asked for, or an error in the command line; as an object where JSON was asked for.
fn usage(help: clap::Error) -> Exit {
    if !help.use_stderr() {
        output::styled(help.render().ansi());
        return Exit::Done;
    }
    let words = std::env::args_os().skip(1).map(OsString::into_string);
    let words: Option<Vec<String>> = words.collect::<Result<_, _>>().ok();
    let meant = words.and_then(|words| cli::meant(words, &help));
    if std::env::args_os().any(|word| word == "--json") {
        let text = help.render().to_string();
        let mut parts = text.trim().split("\n\n");
        let message = parts.next().unwrap_or_default();
        let message = message.trim_start_matches("error: ").to_owned();
        let hints = meant.into_iter().chain(parts.map(str::to_owned));
        output::error(&Error::new(Kind::Usage, message, hints.collect()), true);
    } else {
        let _ = cli::with_tip(help, meant.as_deref()).print();
    }
    Exit::Trouble
}

fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        None => commands::install::install(&cli.install),
        Some(Command::Install(args)) => commands::install::install(&args),
        Some(Command::Adopt(args)) => commands::install::adopt(&args),
        Some(Command::Shield(args)) => commands::shield::shield(&args),
        Some(Command::Guard(args)) => commands::guard::guard(&args),
        Some(Command::Plan(args)) => commands::plan::plan(&args),
        Some(Command::Show(args)) => commands::show::show(&args),
        Some(Command::Status(args)) => commands::status::status(&args),
        Some(Command::Start(args)) => commands::control::start(&args),
        Some(Command::Stop(args)) => commands::control::stop(&args),
        Some(Command::Restart(args)) => commands::restart::restart(&args),
        Some(Command::Logs(args)) => commands::logs::logs(&args),
        Some(Command::Why(args)) => commands::why::why(&args),
        Some(Command::Run(args)) => commands::run::run(&args),
        Some(Command::Doctor(args)) => commands::doctor::doctor(&args),
        Some(Command::Split(args)) => commands::split::split(&args),
        Some(Command::Upgrade(args)) => commands::upgrade::upgrade(&args),
        Some(Command::Uninstall(args)) => commands::uninstall::uninstall(&args),
        Some(Command::Render(args)) => commands::render::render(&args),
        Some(Command::Exec(args)) => Ok(commands::unit_hooks::exec(args)),
        Some(Command::BeforeStart) => commands::unit_hooks::before_start(),
        Some(Command::PlannedStop(args)) => commands::unit_hooks::planned_stop(&args),
        Some(Command::PlannedRestart(args)) => commands::unit_hooks::planned_restart(&args),
        Some(Command::PostStop(args)) => commands::unit_hooks::post_stop(&args),
        Some(Command::Generate(args)) => commands::generate::generate(&args.what),
        Some(Command::Restartable) => commands::restartable::restartable(),
        Some(Command::RunAs(args)) => commands::unit_hooks::run_as(&args),
    }
}
