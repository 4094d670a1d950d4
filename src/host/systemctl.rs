//! systemctl, and how systemd's own programs are run. Everything else here asks through these functions; programs of
//! accounts are run by `run_as`.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use serde::{Serialize, Serializer};

use crate::host::jobs::awaited;
use crate::host::process::shell_quote;
use crate::host::service_state::{PROPERTIES, ServiceState};
use crate::host::session::user_session;
use crate::host::spawn::{self, Limits};
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
    pub(super) manager: Manager,
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
            Self::UserOf(name) => shell_quote(&["systemctl", "--user", "-M", &format!("{name}@")]),
        }
    }

    /// The arguments with which journalctl shows what a unit and its manager said. `--user` would show root its own
    /// journal where another user's is meant (add_matches_for_user_unit in systemd 252 takes the caller's ID).
    pub(crate) fn journal_arguments(&self, unit: &str) -> Vec<String> {
        match self {
            Self::System => vec!["-u".into(), unit.into()],
            Self::User => vec!["--user".into(), "-u".into(), unit.into()],
            Self::UserOf(_) => {
                let own = self.uid_match();
                let of = |field: &str| own.clone().into_iter().chain([format!("{field}={unit}")]);
                of("_SYSTEMD_USER_UNIT")
                    .chain(["+".to_owned()])
                    .chain(of("USER_UNIT"))
                    .collect()
            }
        }
    }

    /// What journalctl matches entries of a user's own processes by; journald writes it (systemd.journal-fields(7)).
    pub(super) fn uid_match(&self) -> Option<String> {
        let uid = match self {
            Self::System => return None,
            Self::User => nix::unistd::geteuid(),
            Self::UserOf(name) => nix::unistd::User::from_name(name).ok()??.uid,
        };
        Some(format!("_UID={uid}"))
    }

    /// The journal of a unit, as a person types it.
    pub(crate) fn journal_command(&self, unit: &str) -> String {
        let mut words = vec!["journalctl".to_owned()];
        words.extend(self.journal_arguments(unit));
        shell_quote(&words)
    }
}

/// A word of a command line as systemd-run takes it literally: systemd replaces variables there (systemd.service(5)).
pub(crate) fn literal(word: &str) -> String {
    word.replace('$', "$$")
}

/// For an answer.
const ANSWER: Limits = Limits {
    time: Duration::from_secs(5),
    bytes: 16 << 20,
};
/// For a reload, which takes a manager a moment for each of its units.
const RELOAD: Limits = Limits {
    time: Duration::from_secs(60),
    bytes: 1 << 20,
};
/// For a stop or a start, whose timeouts are the units' own.
const DEED: Limits = Limits {
    time: Duration::from_secs(900),
    bytes: 1 << 20,
};

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

    /// Have it do something, and wait for the end of that.
    fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String> {
        self.run_within(DEED, args)
    }

    /// Ask it something.
    pub(super) fn ask<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String> {
        self.run_within(ANSWER, args)
    }

    /// Another user's manager is whoever listens on that user's bus, and may never answer: it has limits.
    fn run_within<S: AsRef<OsStr>>(&self, limits: Limits, args: &[S]) -> Result<String> {
        let mut command = self.command();
        command.args(args);
        match self.manager {
            Manager::System | Manager::User => output(&mut command),
            Manager::UserOf(_) => {
                // systemctl's own helper, systemd-run, has to end with it.
                let done = spawn::run(command.process_group(0), limits);
                success(&command, done)
            }
        }
    }

    /// How a person types a command for it: [`Manager::command_prefix`].
    pub(crate) fn command_prefix(&self) -> String {
        self.manager.command_prefix()
    }

    /// What the manager says of itself; fails when it cannot be reached.
    pub(crate) fn reach(&self) -> Result<String> {
        self.ask(&["show", "--property=Version", "--value"])
    }

    /// When the manager began, in seconds since 1970.
    pub(crate) fn began(&self) -> Option<u64> {
        let property = "--property=UserspaceTimestamp";
        let told = self.ask(&["show", "--timestamp=unix", property, "--value"]);
        told.ok()?.strip_prefix('@')?.parse().ok()
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
        Ok(ServiceState::parse_all(&self.ask(&args)?))
    }

    /// The state of one service; one that is not loaded has a state, too.
    pub(crate) fn show_one(&self, unit: &str) -> Result<ServiceState> {
        let mut all = self.show(&[unit.to_owned()])?;
        all.pop()
            .with_context(|| format!("systemctl says nothing about `{unit}`"))
    }

    /// Read unit files again.
    pub(crate) fn daemon_reload(&self) -> Result<()> {
        self.run_within(RELOAD, &["daemon-reload"]).map(drop)
    }

    /// Have every user's manager reload its configuration (systemd(1), SIGHUP); asked of the system's.
    pub(crate) fn reload_users(&self) -> Result<()> {
        let signal = ["kill", "--kill-whom=main", "--signal=HUP", "user@*.service"];
        self.run(&signal).map(drop)
    }

    /// The units that jobs for these units wait for in the end; none when that cannot be told.
    pub(crate) fn awaited_by(&self, units: &[String]) -> Vec<String> {
        let list = self.ask(&["list-jobs", "--after", "--full", "--no-legend"]);
        list.map_or_else(|_| Vec::new(), |list| awaited(&list, units))
    }

    /// The units that cannot run without this one, or end with it (systemd.unit(5): Requires=, Requisite=, BindsTo=); none
    /// when that cannot be told.
    pub(crate) fn needing(&self, unit: &str) -> Vec<String> {
        let properties = "--property=RequiredBy,RequisiteOf,BoundBy";
        let told = self.ask(&["show", properties, "--value", "--", unit]);
        let told = told.unwrap_or_default();
        let names: BTreeSet<&str> = told.split_whitespace().collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// Start, stop, restart, reset-failed: a verb on units, waiting for its end.
    pub(crate) fn verb(&self, verb: &str, units: &[String]) -> Result<()> {
        let mut args = vec![verb.to_owned(), "--".to_owned()];
        args.extend_from_slice(units);
        self.run(&args).map(drop)
    }
}

pub(super) fn plain(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        .env("SYSTEMD_PAGER", "")
        .stdin(Stdio::null());
    command
}

/// Its standard output, or an error with what it said. Ctrl-C is for this program, which may have a run to bring to its end.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let done = command.process_group(0).output();
    success(command, done)
}

fn success(command: &Command, done: io::Result<Output>) -> Result<String> {
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    // Some calls name every unit.
    let words: Vec<_> = words.take(6).map(OsStr::to_string_lossy).collect();
    let shown = shell_quote(&words);
    let out = done.with_context(|| format!("`{shown}` failed"))?;
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
