//! What a manager says of a service: `systemctl show`, parsed once. Pure.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use nix::sys::signal::Signal;

/// The properties that [`ServiceState`] is made of.
pub(crate) const PROPERTIES: &str = "Id,Names,LoadState,ActiveState,SubState,Result,MainPID,ExecMainPID,NRestarts,\
     ExecMainCode,ExecMainStatus,ExecMainExitTimestamp,ActiveEnterTimestamp,InactiveEnterTimestamp,UnitFileState,InvocationID,NeedDaemonReload,AssertResult,AssertTimestamp,FragmentPath,DropInPaths,Environment,EnvironmentFiles,ExecStart";

/// See the module. Words are systemd's own (org.freedesktop.systemd1(5)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServiceState {
    /// The unit's name.
    pub(crate) id: String,
    /// Its name and its aliases.
    pub(crate) names: Vec<String>,
    /// `loaded`, `not-found`, `masked`, …
    pub(crate) load_state: String,
    /// `active`, `activating`, `failed`, …
    pub(crate) active_state: String,
    /// `running`, `auto-restart`, `dead`, …
    pub(crate) sub_state: String,
    /// `success`, or how it failed: `exit-code`, `start-limit-hit`, …
    pub(crate) result: String,
    /// Its main process, while there is one.
    pub(crate) main_pid: Option<i32>,
    /// The last one that it had, also after that has ended.
    pub(crate) last_pid: Option<i32>,
    /// Automatic restarts since it was last started by somebody.
    pub(crate) restarts: u32,
    /// How its main process ended last, if it ever did.
    pub(crate) exit: Option<Exit>,
    /// When it did, in seconds since 1970.
    pub(crate) exit_time: Option<u64>,
    /// When it was last active, or began to be so, in seconds since 1970.
    pub(crate) active_since: Option<u64>,
    /// When it last came to rest, in seconds since 1970.
    pub(crate) inactive_since: Option<u64>,
    /// `enabled`, `disabled`, `linked`, …
    pub(crate) unit_file_state: String,
    /// Whether systemd refused its last start, as an `Assert…=` of it does not hold; it does not try again.
    pub(crate) is_refused: bool,
    /// The ID of its last start; empty when it was never started.
    pub(crate) invocation: String,
    /// Whether its files have changed since they were loaded.
    pub(crate) needs_reload: bool,
    /// The unit file that was loaded.
    pub(crate) fragment: Option<PathBuf>,
    /// The drop-ins that were loaded, quoted as in a unit file.
    pub(crate) drop_ins: String,
    /// `Environment=` as loaded, quoted as in a unit file.
    pub(crate) environment: String,
    /// `EnvironmentFile=` as loaded, those without `-`: no process is started where one of them is not there.
    pub(crate) needed_files: Vec<PathBuf>,
    /// `ExecStart=` as loaded: `{ path=… ; argv[]=… ; … }`.
    pub(crate) exec_start: String,
}

/// One start of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Start {
    /// systemd's ID of it; empty where there was none.
    pub(crate) invocation: String,
    /// Its main process, where it is known; in this boot.
    pub(crate) pid: Option<i32>,
}

/// How a main process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// With this exit status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = match *self {
            Self::Status(status) => status,
            Self::Signal(number) => {
                return match Signal::try_from(number) {
                    Ok(signal) => write!(f, "{signal}"),
                    Err(_) => write!(f, "signal {number}"),
                };
            }
        };
        write!(f, "exit status {status}")?;
        f.write_str(match status {
            66 => ", its home was not there or read-only, which is tried again",
            69 => ", another gateway owns the profile",
            75 => ", a restart that was asked for",
            78 => ", hermes, the profile or its configuration cannot be used",
            // EXIT_GROUP, EXIT_USER and EXIT_CREDENTIALS of systemd.exec(5).
            216 => ", systemd could not give it its group: most often there is none of that name",
            217 => ", systemd could not give it its account: most often there is none of that name",
            243 => {
                ", systemd could not hand it a credential: its file is not there or cannot be read"
            }
            _ => "",
        })
    }
}

impl ServiceState {
    /// Its last start.
    pub(crate) fn start(&self) -> Start {
        Start {
            invocation: self.invocation.clone(),
            pid: self.last_pid,
        }
    }

    /// Every unit of the output of `systemctl show`.
    pub(crate) fn parse_all(text: &str) -> Vec<Self> {
        let blocks = text.split("\n\n").filter(|b| !b.trim().is_empty());
        blocks.map(Self::parse).collect()
    }

    /// What a manager says of units, by every name that it has for them.
    pub(crate) fn by_name(states: &[Self]) -> HashMap<&str, &Self> {
        let mut found = HashMap::new();
        for state in states {
            for name in std::iter::once(&state.id).chain(&state.names) {
                found.entry(name.as_str()).or_insert(state);
            }
        }
        found
    }

    fn parse(block: &str) -> Self {
        let all: HashMap<&str, &str> = block.lines().filter_map(|l| l.split_once('=')).collect();
        let get = |key: &str| all.get(key).copied().unwrap_or_default();
        // As `--timestamp=unix` prints it.
        let time = |key: &str| {
            let seconds = get(key).strip_prefix('@')?.parse().ok();
            seconds.filter(|seconds: &u64| *seconds > 0)
        };
        let pid = |key: &str| get(key).parse().ok().filter(|pid| *pid > 0);
        let status = get("ExecMainStatus").parse().unwrap_or_default();
        Self {
            id: get("Id").to_owned(),
            names: get("Names").split(' ').map(str::to_owned).collect(),
            load_state: get("LoadState").to_owned(),
            active_state: get("ActiveState").to_owned(),
            sub_state: get("SubState").to_owned(),
            result: get("Result").to_owned(),
            main_pid: pid("MainPID"),
            last_pid: pid("ExecMainPID"),
            restarts: get("NRestarts").parse().unwrap_or_default(),
            exit: match get("ExecMainCode") {
                // CLD_EXITED, CLD_KILLED, CLD_DUMPED of waitid(2).
                "1" => Some(Exit::Status(status)),
                "2" | "3" => Some(Exit::Signal(status)),
                _ => None,
            },
            exit_time: time("ExecMainExitTimestamp"),
            active_since: time("ActiveEnterTimestamp"),
            inactive_since: time("InactiveEnterTimestamp"),
            unit_file_state: get("UnitFileState").to_owned(),
            invocation: get("InvocationID").to_owned(),
            // Without a time nothing was asserted yet.
            is_refused: get("AssertResult") == "no" && get("AssertTimestamp").starts_with('@'),
            needs_reload: get("NeedDaemonReload") == "yes",
            fragment: Some(get("FragmentPath"))
                .filter(|p| !p.is_empty())
                .map(PathBuf::from),
            drop_ins: get("DropInPaths").to_owned(),
            environment: get("Environment").to_owned(),
            // A line for each.
            needed_files: (block.lines())
                .filter_map(|line| line.strip_prefix("EnvironmentFiles="))
                .filter_map(|file| file.strip_suffix(" (ignore_errors=no)"))
                .map(PathBuf::from)
                .collect(),
            exec_start: get("ExecStart").to_owned(),
        }
    }

    /// Whether it runs or is just being started.
    pub(crate) fn runs(&self) -> bool {
        self.is_started() && !self.waits_to_restart()
    }

    /// Whether it was started and not stopped since: it runs, or waits for its next automatic restart.
    pub(crate) fn is_started(&self) -> bool {
        // `refreshing`: since systemd 257.
        matches!(
            self.active_state.as_str(),
            "active" | "activating" | "reloading" | "refreshing"
        )
    }

    /// Whether it is between two automatic restarts; it starts again by itself, with the files that are loaded then.
    pub(crate) fn waits_to_restart(&self) -> bool {
        // `auto-restart-queued`: since systemd 254.
        matches!(
            self.sub_state.as_str(),
            "auto-restart" | "auto-restart-queued"
        )
    }

    /// Whether it is on its way down.
    pub(crate) fn is_stopping(&self) -> bool {
        self.active_state == "deactivating"
    }

    /// Whether it is neither started nor on its way down. A unit that is not loaded is at rest.
    pub(crate) fn is_at_rest(&self) -> bool {
        !self.is_started() && !self.is_stopping()
    }

    /// Whether it is down because something went wrong.
    pub(crate) fn has_failed(&self) -> bool {
        self.active_state == "failed" || (self.is_at_rest() && self.is_refused)
    }

    /// Whether its manager knows of no start of it.
    pub(crate) fn was_never_started(&self) -> bool {
        self.invocation.is_empty() && self.active_since.is_none() && self.inactive_since.is_none()
    }

    /// How its main process ended, in words, or why none was started.
    pub(crate) fn ending(&self) -> String {
        match self.exit {
            _ if self.is_at_rest() && self.is_refused => {
                "systemd refused its start: a file that it needs is not there".to_owned()
            }
            // systemd.exec(5), EnvironmentFile= and LoadCredential=: nothing was executed, so there is no exit status.
            None if self.result == "resources" => {
                "result `resources`, systemd could not prepare its start: most often a file of variables or a credential \
                 is not there"
                    .to_owned()
            }
            Some(exit) => exit.to_string(),
            // While a unit starts again, systemd has forgotten how it ended.
            None if self.result == "success" && self.is_started() => {
                "how is not known any more, as systemd starts it again".to_owned()
            }
            None => self.result.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_is_told_by_what_its_number_means() {
        let told = |exit: Exit| exit.to_string();
        assert_eq!(told(Exit::Signal(9)), "SIGKILL");
        assert_eq!(told(Exit::Signal(35)), "signal 35");
        assert_eq!(told(Exit::Status(1)), "exit status 1");
        assert!(told(Exit::Status(66)).ends_with("tried again"));
        assert!(told(Exit::Status(69)).ends_with("another gateway owns the profile"));
    }

    #[test]
    fn the_answer_is_one_state_for_each_unit() {
        let text = "Id=a.service\nNames=a.service b.service\nActiveState=activating\nSubState=auto-restart\nMainPID=0\n\
                    NRestarts=3\nExecMainExitTimestamp=@1764067500\nExecMainCode=1\nExecMainStatus=78\nNeedDaemonReload=no\nFragmentPath=\n\n\
                    Id=c.service\nNames=c.service\nActiveState=active\nSubState=running\nMainPID=41\nNRestarts=0\n\
                    ExecMainCode=0\nExecMainStatus=0\nResult=success\nNeedDaemonReload=yes\n\
                    FragmentPath=/etc/systemd/system/c.service\nExecStart={ path=/a ; argv[]=/a --b=c ; }\n";
        let [waiting, running] = &ServiceState::parse_all(text)[..] else {
            panic!("two units");
        };
        assert_eq!(waiting.names, ["a.service", "b.service"]);
        assert!(waiting.is_started() && waiting.waits_to_restart() && !waiting.runs());
        assert_eq!((waiting.main_pid, waiting.restarts), (None, 3));
        let meant = "exit status 78, hermes, the profile or its configuration cannot be used";
        assert_eq!(waiting.ending(), meant);
        assert_eq!(waiting.exit_time, Some(1_764_067_500));
        assert_eq!(running.exit_time, None);
        assert_eq!(waiting.fragment, None);
        assert!(running.runs() && !running.waits_to_restart() && running.needs_reload);
        let at_rest = |asserted: &str| {
            ServiceState::parse(&format!("ActiveState=inactive\nResult=success\n{asserted}"))
        };
        let refused = at_rest("AssertResult=no\nAssertTimestamp=@1764067500");
        assert!(refused.has_failed() && refused.ending().contains("refused its start"));
        for fine in [
            "AssertResult=no\nAssertTimestamp=",
            "AssertResult=yes\nAssertTimestamp=@1764067500",
        ] {
            assert!(!at_rest(fine).has_failed(), "{fine}");
        }
        assert!(at_rest("ActiveEnterTimestamp=\nInvocationID=").was_never_started());
        assert!(!at_rest("InactiveEnterTimestamp=@1764067500").was_never_started());
        assert!(!at_rest("InvocationID=0123").was_never_started());
        assert_eq!((running.main_pid, running.exit), (Some(41), None));
        assert!(running.ending().ends_with("starts it again"));
        let unprepared =
            &ServiceState::parse_all("Id=d.service\nResult=resources\nExecMainCode=0\n")[0];
        assert!(unprepared.ending().contains("a file of variables"));
        let without = ServiceState::parse("Result=exit-code\nExecMainCode=1\nExecMainStatus=243");
        assert!(without.ending().contains("a credential"));
        assert_eq!(running.exec_start, "{ path=/a ; argv[]=/a --b=c ; }");
    }

    #[test]
    fn every_state_of_systemd_either_runs_stops_or_rests() {
        let is = |state: &str| {
            let state = ServiceState {
                active_state: state.to_owned(),
                ..ServiceState::default()
            };
            (state.runs(), state.is_stopping(), state.is_at_rest())
        };
        for state in ["active", "activating", "reloading", "refreshing"] {
            assert_eq!(is(state), (true, false, false), "{state}");
        }
        assert_eq!(is("deactivating"), (false, true, false));
        for state in ["inactive", "failed", "maintenance", ""] {
            assert_eq!(is(state), (false, false, true), "{state}");
        }
    }
}
