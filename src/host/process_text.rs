//! A process for people: how to recognise it, and the command that ends it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::unistd::geteuid;

use crate::host::account::account_name;
use crate::host::cgroup::UnitRef;
use crate::host::keeper::{Keeper, keeper};
use crate::host::process::{Process, shell_quote};
use crate::host::span;
use crate::host::systemctl::Manager;
use crate::output::printable;

/// What root types to have an account run a command, which is quoted already. On a terminal of its own: what the account
/// set up could type on root's (runuser(1), `--pty`).
pub(crate) fn as_account(account: &str, command: &str) -> String {
    format!("runuser --pty -u {} -- {command}", shell_quote(&[account]))
}

/// The same for a command that reads from a pipe, which a shell would take for a person behind such a terminal: it has none.
pub(crate) fn as_account_piped(account: &str, command: &str) -> String {
    let account = shell_quote(&[account]);
    format!("setsid --wait runuser -u {account} -- {command}")
}

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
    out + &format!(", for {})", span::written(process.age().as_secs()))
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
                let command = format!("{verb} {}", shell_quote(&[id]));
                // Root's container of that name may be another.
                let other = process.named_by().filter(|uid| *uid != geteuid().as_raw());
                return match other {
                    Some(uid) => as_account(&account_name(uid), &command),
                    None => command,
                };
            }
        }
    }
    let unit = process.unit().filter(|u| u.is_service());
    // A service that has started it beside its own work goes on.
    match unit.filter(|_| !matches!(keeper(process), Some(Keeper::Service(_)))) {
        Some(unit) => unit_command(&unit, "stop"),
        None => format!("kill -INT {}", process.pid),
    }
}

/// That a signal has stopped a process, and the command that lets it go on.
pub(crate) fn stopped(process: &Process) -> Option<(&'static str, String)> {
    let go_on = || ("stopped by a signal", format!("kill -CONT {}", process.pid));
    process.is_stopped().then(go_on)
}

/// What starts a process again when it ends, as a sentence, and the command that ends that.
pub(crate) fn keeper_text(process: &Process, keeper: &Keeper) -> (String, String) {
    let by = keeper.process();
    match (keeper, process.unit()) {
        (Keeper::Service(_), Some(unit)) => (
            format!(
                "the program of `{}`, pid {}, has started it and will again",
                unit.name, by.pid
            ),
            unit_command(&unit, "disable --now"),
        ),
        _ => (
            format!(
                "a loop or a process manager, pid {} (`{}`), starts it again",
                by.pid,
                command_of(by)
            ),
            format!("kill {}", by.pid),
        ),
    }
}

/// The beginning of a command line; it may be a whole script.
fn command_of(process: &Process) -> String {
    let words: Vec<&str> = process.argv.iter().map(String::as_str).collect();
    printable(&words.join(" ")).chars().take(60).collect()
}

/// The command that ends a process that is no gateway: its unit's stop, or a signal.
pub(crate) fn end_command(pid: i32) -> String {
    let unit = Process::read(pid).and_then(|process| process.unit());
    match unit.filter(UnitRef::is_service) {
        Some(unit) => unit_command(&unit, "stop"),
        None => format!("kill {pid}"),
    }
}

fn unit_command(unit: &UnitRef, verb: &str) -> String {
    let manager = match unit.user {
        None => Manager::System,
        Some(uid) if uid == geteuid().as_raw() && !in_system_service() => Manager::User,
        Some(uid) => Manager::UserOf(account_name(uid)),
    };
    let prefix = manager.command_prefix();
    format!("{prefix} {verb} {}", shell_quote(&[&unit.name]))
}

/// The command that restarts a gateway after its running turns: its unit's reload, or hermes' own.
pub(crate) fn restart_command(process: &Process) -> String {
    match process.unit().filter(|u| u.is_service()) {
        Some(unit) => unit_command(&unit, "reload"),
        None => format!("kill -USR1 {}", process.pid),
    }
}

/// How long ago a time since 1970 is, as the end of a clause; `None` for the future.
pub(crate) fn ago(at: u64) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let age = now.checked_sub(Duration::from_secs(at))?;
    Some(format!(", {} ago", span::written(age.as_secs())))
}

/// Whether this process is a system service: what it says is read by an admin in the system journal.
fn in_system_service() -> bool {
    let unit = Process::read(std::process::id() as i32).and_then(|me| me.unit());
    unit.is_some_and(|u| u.user.is_none() && u.is_service())
}
