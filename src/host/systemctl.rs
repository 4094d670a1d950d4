//! The one spawner of programs: systemctl, loginctl, journalctl, systemd-sysusers, systemd-tmpfiles, and commands as
//! another account. Everything else here asks through these functions.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};

use serde::{Serialize, Serializer};

use crate::host::account::Account;
use crate::host::process::shell_quote;
use crate::host::service_state::{PROPERTIES, ServiceState};
use crate::layout::Scope;

/// Which systemd manager: the system's, the running account's, or another user's. A name only: whoever wants to ask
/// one needs [`Live::systemctl`](crate::host::Live::systemctl).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manager {
    /// PID 1's.
    System,
    /// That of the account that runs this program.
    User,
    /// Another user's, by name; needs root.
    UserOf(String),
}

/// A manager that can be asked. Made by [`Live`](crate::host::Live) alone, so that an image never reaches the managers of
/// the host that it lies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Systemctl {
    manager: Manager,
}

/// `system`, `user`, or `user:NAME` for another user's.
impl Serialize for Manager {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::System => to.serialize_str("system"),
            Self::User => to.serialize_str("user"),
            Self::UserOf(name) => to.collect_str(&format_args!("user:{name}")),
        }
    }
}

impl Manager {
    /// The manager of a scope, for the account that runs this program.
    pub(crate) fn of(scope: Scope) -> Self {
        match scope {
            Scope::System => Self::System,
            Scope::User => Self::User,
        }
    }

    /// systemctl with the options that reach this manager, as a person types it.
    pub(crate) fn command_prefix(&self) -> String {
        match self {
            Self::System => "systemctl".to_owned(),
            Self::User => "systemctl --user".to_owned(),
            Self::UserOf(name) => format!("systemctl --user -M {name}@"),
        }
    }

    /// The arguments with which journalctl shows what a unit and its manager said. `--user` would show root its own
    /// journal where another user's is meant (add_matches_for_user_unit in systemd 252 takes the caller's ID).
    pub(crate) fn journal_arguments(&self, unit: &str) -> Vec<String> {
        match self {
            Self::System => vec!["-u".into(), unit.into()],
            Self::User => vec!["--user".into(), "-u".into(), unit.into()],
            Self::UserOf(name) => {
                let user = nix::unistd::User::from_name(name).ok().flatten();
                let own = user.map(|user| format!("_UID={}", user.uid));
                let of = |field: &str| own.clone().into_iter().chain([format!("{field}={unit}")]);
                of("_SYSTEMD_USER_UNIT")
                    .chain(["+".to_owned()])
                    .chain(of("USER_UNIT"))
                    .collect()
            }
        }
    }

    /// The journal of a unit, as a person types it.
    pub(crate) fn journal_command(&self, unit: &str) -> String {
        let mut words = vec!["journalctl".to_owned()];
        words.extend(self.journal_arguments(unit));
        shell_quote(&words)
    }
}

impl Systemctl {
    /// For [`Live`](crate::host::Live).
    pub(super) fn new(manager: Manager) -> Self {
        Self { manager }
    }

    fn command(&self) -> Command {
        let mut command = plain("systemctl");
        match &self.manager {
            Manager::System => command.arg("--system"),
            Manager::User => user_session(&mut command).arg("--user"),
            Manager::UserOf(name) => command.args(["--user", "-M", &format!("{name}@")]),
        };
        command
    }

    fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String> {
        let mut command = self.command();
        command.args(args);
        output(&mut command)
    }

    /// What the manager says of itself; fails when it cannot be reached.
    pub(crate) fn reach(&self) -> Result<String> {
        self.run(&["show", "--property=Version", "--value"])
    }

    /// The states of services, one call for all.
    pub(crate) fn show(&self, units: &[String]) -> Result<Vec<ServiceState>> {
        if units.is_empty() {
            return Ok(Vec::new());
        }
        let mut args = vec![
            "show".to_owned(),
            "--timestamp=unix".to_owned(),
            format!("--property={PROPERTIES}"),
            "--".to_owned(),
        ];
        args.extend_from_slice(units);
        Ok(ServiceState::parse_all(&self.run(&args)?))
    }

    /// The state of one service; one that is not loaded has a state, too.
    pub(crate) fn show_one(&self, unit: &str) -> Result<ServiceState> {
        let mut all = self.show(&[unit.to_owned()])?;
        all.pop()
            .with_context(|| format!("systemctl says nothing about `{unit}`"))
    }

    /// Read unit files again.
    pub(crate) fn daemon_reload(&self) -> Result<()> {
        self.run(&["daemon-reload"]).map(drop)
    }

    /// Start, stop, restart, reset-failed: a verb on units, waiting for its end.
    pub(crate) fn verb(&self, verb: &str, units: &[String]) -> Result<()> {
        let mut args = vec![verb.to_owned(), "--".to_owned()];
        args.extend_from_slice(units);
        self.run(&args).map(drop)
    }

    /// The last journal lines of one start of a unit.
    pub(crate) fn journal(&self, unit: &str, invocation: &str, lines: usize) -> Vec<String> {
        let mut command = plain("journalctl");
        let field = match self.manager {
            Manager::System => "_SYSTEMD_UNIT",
            Manager::User | Manager::UserOf(_) => "_SYSTEMD_USER_UNIT",
        };
        command.args(["--no-pager", "--output=cat", &format!("--lines={lines}")]);
        if invocation.is_empty() {
            command.arg(format!("{field}={unit}"));
        } else {
            // What the service wrote, and what its manager wrote about this start of it.
            command.arg(format!("_SYSTEMD_INVOCATION_ID={invocation}"));
            command.arg("+").arg(match self.manager {
                Manager::System => format!("INVOCATION_ID={invocation}"),
                Manager::User | Manager::UserOf(_) => format!("USER_INVOCATION_ID={invocation}"),
            });
        }
        output(&mut command)
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

/// The version of systemd on this host.
pub(super) fn systemd_version() -> Result<u32> {
    let text = output(plain("systemctl").arg("--version"))?;
    text.split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .with_context(|| format!("`systemctl --version` printed {text:?}, which names no version"))
}

/// Have logind start this user's manager at boot and keep it after logout, or not.
pub(super) fn set_linger(user: &str, on: bool) -> Result<()> {
    let verb = if on {
        "enable-linger"
    } else {
        "disable-linger"
    };
    let mut command = plain("loginctl");
    command.args(["--no-ask-password", verb, user]);
    output(&mut command).map(drop)
}

/// Create the accounts of one sysusers.d file.
pub(super) fn sysusers(file: &Path) -> Result<()> {
    output(plain("systemd-sysusers").arg(file)).map(drop)
}

/// Create the directories of one tmpfiles.d file.
pub(super) fn tmpfiles(file: &Path) -> Result<()> {
    output(plain("systemd-tmpfiles").arg("--create").arg(file)).map(drop)
}

/// Run a program as an account, with that account's environment and nothing else of ours; from root, or as ourselves.
pub(crate) fn run_as(
    account: &Account,
    env: &[(&str, &str)],
    argv: &[&OsStr],
) -> std::io::Result<Output> {
    let mut command = if nix::unistd::geteuid().as_raw() == account.uid {
        Command::new(argv[0])
    } else {
        let mut command = Command::new("setpriv");
        command.args([
            format!("--reuid={}", account.uid),
            format!("--regid={}", account.gid),
            if account.exists {
                "--init-groups"
            } else {
                "--clear-groups"
            }
            .to_owned(),
            "--".to_owned(),
        ]);
        command.arg(argv[0]);
        command
    };
    command
        .args(&argv[1..])
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", &account.home)
        .env("USER", &account.name)
        .env("LOGNAME", &account.name)
        .env("LC_ALL", "C.UTF-8")
        .envs(env.iter().copied())
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
}

fn plain(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        .env("SYSTEMD_PAGER", "")
        .stdin(Stdio::null());
    command
}

/// `su` and `sudo` leave out what a login would set; systemctl finds the user's bus by it.
fn user_session(command: &mut Command) -> &mut Command {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        command.env(
            "XDG_RUNTIME_DIR",
            format!("/run/user/{}", nix::unistd::geteuid()),
        );
    }
    command
}

/// Its standard output, or an error with what it said.
fn output(command: &mut Command) -> Result<String> {
    let shown = || {
        let mut words = vec![command_name(command)];
        words.extend(command.get_args().map(|a| a.to_string_lossy().into_owned()));
        words.join(" ")
    };
    let shown = shown();
    let out = command
        .output()
        .with_context(|| format!("`{shown}` could not be run"))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        let said: Vec<&str> = said
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .collect();
        bail!("`{shown}` failed ({}): {}", out.status, said.join("; "));
    }
    Ok(String::from_utf8_lossy(&out.stdout).trim_end().to_owned())
}

fn command_name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_s_journal_is_that_of_its_own_manager() {
        let unit = "hermes-gateway@x.service";
        let of = |manager: Manager| manager.journal_command(unit);
        assert_eq!(of(Manager::System), format!("journalctl -u {unit}"));
        assert_eq!(of(Manager::User), format!("journalctl --user -u {unit}"));
        // `--user` would mean the journal of whoever types it. Everybody has an account called root.
        let of_another = of(Manager::UserOf("root".into()));
        assert_eq!(
            of_another,
            format!("journalctl _UID=0 _SYSTEMD_USER_UNIT={unit} + _UID=0 USER_UNIT={unit}")
        );
    }
}
