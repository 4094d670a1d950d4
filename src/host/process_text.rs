//! A process for people: how to recognise it, and the command that ends it.

use nix::unistd::geteuid;

use crate::host::account::account_name;
use crate::host::process::{Process, humanize, shell_quote};
use crate::host::systemctl::Manager;

/// A process as a person would look for it.
pub(crate) fn name(process: &Process) -> String {
    let mut out = format!("pid {} of `{}`", process.pid, account_name(process.uid));
    match process.unit() {
        Some(unit) if unit.is_service() && unit.user.is_some() => {
            out += &format!(" (user unit `{}`", unit.name);
        }
        Some(unit) if unit.is_service() => out += &format!(" (unit `{}`", unit.name),
        Some(unit) if unit.name.ends_with(".service") => {
            out += &format!(" (a job of `{}`", unit.name);
        }
        _ => match (process.container(), process.terminal()) {
            (Some(container), _) => out += &format!(" (in container `{container}`"),
            (None, Some(terminal)) => out += &format!(" (on {terminal}"),
            (None, None) => out += " (no terminal",
        },
    }
    out + &format!(", for {})", humanize(process.age()))
}

/// The command that ends a gateway for good: its unit's or container's stop, or a planned stop by signal.
pub(crate) fn stop_command(process: &Process) -> String {
    if let Some(container) = process.container() {
        for (prefix, verb) in [
            ("docker-", "docker stop"),
            ("libpod-", "podman stop"),
            ("machine-", "machinectl poweroff"),
        ] {
            if let Some(id) = container.strip_prefix(prefix) {
                return format!("{verb} {}", shell_quote(&[id]));
            }
        }
    }
    match process.unit().filter(|u| u.is_service()) {
        Some(unit) => {
            let manager = match unit.user {
                None => Manager::System,
                Some(uid) if uid == geteuid().as_raw() && !in_system_service() => Manager::User,
                Some(uid) => Manager::UserOf(account_name(uid)),
            };
            format!(
                "{} stop {}",
                manager.command_prefix(),
                shell_quote(&[&unit.name])
            )
        }
        None => format!("kill -INT {}", process.pid),
    }
}

/// The command that restarts a gateway after its running turns: its unit's reload, or hermes' own.
pub(crate) fn restart_command(process: &Process) -> String {
    match process.unit().filter(|u| u.is_service()) {
        Some(unit) if unit.user.is_none() => format!("systemctl reload {}", unit.name),
        Some(unit) if unit.user == Some(geteuid().as_raw()) => {
            format!("systemctl --user reload {}", unit.name)
        }
        Some(unit) => format!(
            "systemctl --user -M {}@ reload {}",
            unit.user.map(account_name).unwrap_or_default(),
            unit.name
        ),
        None => format!("kill -USR1 {}", process.pid),
    }
}

/// Whether this process is a system service: what it says is read by an admin in the system journal.
fn in_system_service() -> bool {
    let unit = Process::read(std::process::id() as i32).and_then(|me| me.unit());
    unit.is_some_and(|u| u.user.is_none() && u.is_service())
}
