//! What `status --json` prints, and a word for each state of a gateway.

use std::path::PathBuf;

use serde::Serialize;

use crate::launcher::backoff::Waiting;
use crate::layout::Scope;
use crate::profile::ProfileName;
use crate::takeover::other_owner::OtherOwner;

/// `status`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Status {
    /// Every profile that is installed or has a home below the usual hermes root.
    pub(crate) profiles: Vec<Profile>,
    /// Units that run gateways of other homes.
    pub(crate) elsewhere: Vec<Elsewhere>,
    /// That an earlier run was cut short, as a sentence with the way out, where no profile's `drift` says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unfinished: Option<String>,
}

/// What a profile's gateway does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Its unit runs it, and it says that all is well.
    Running,
    /// Its unit runs it, and some platform does not work, or a signal has stopped it.
    Degraded,
    /// Its unit runs it, and it finishes its turns before it stops or restarts.
    Draining,
    /// Another profile's gateway serves it.
    Served,
    /// hermes keeps it from being served.
    Parked,
    /// Its unit runs it, and it does not say yet that it is up.
    Starting,
    /// It ended, and systemd waits to start it again.
    Restarting,
    /// Nobody runs it, and nothing failed.
    Stopped,
    /// Its unit failed.
    Failed,
    /// It is installed, and hermes has no such profile any more.
    Gone,
    /// It runs, but not under its unit.
    OwnedElsewhere,
    /// That cannot be told.
    Unknown,
}

impl State {
    /// All of them, in the order above.
    pub(crate) const ALL: [Self; 12] = [
        Self::Running,
        Self::Degraded,
        Self::Draining,
        Self::Served,
        Self::Parked,
        Self::Starting,
        Self::Restarting,
        Self::Stopped,
        Self::Failed,
        Self::Gone,
        Self::OwnedElsewhere,
        Self::Unknown,
    ];

    /// As it is printed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Draining => "draining",
            Self::Served => "served",
            Self::Parked => "parked",
            Self::Starting => "starting",
            Self::Restarting => "restarting",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Gone => "gone",
            Self::OwnedElsewhere => "owned-elsewhere",
            Self::Unknown => "unknown",
        }
    }
}

/// One profile of [`Status`].
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Profile {
    /// The profile.
    pub(crate) profile: ProfileName,
    /// The profile whose gateway serves this one.
    pub(crate) served_by: Option<ProfileName>,
    /// `system` or `user`.
    pub(crate) scope: Scope,
    /// The unit that runs it, or would.
    pub(crate) unit: String,
    /// Its home.
    pub(crate) home: PathBuf,
    /// The account that it runs as.
    pub(crate) account: String,
    /// Whether hermes-install has installed it in this scope.
    pub(crate) installed: bool,
    /// Whether its unit starts at boot.
    pub(crate) enabled: bool,
    /// What it does.
    pub(crate) state: State,
    /// systemd's word for its unit.
    pub(crate) active_state: String,
    /// The same, in more detail.
    pub(crate) sub_state: String,
    /// systemd's word for how the unit ended last.
    pub(crate) result: String,
    /// The unit's main process, 0 for none.
    pub(crate) main_pid: i32,
    /// How often systemd has restarted the unit by itself since somebody started it.
    pub(crate) restarts: u32,
    /// The hermes that runs, or would.
    pub(crate) hermes: Option<Hermes>,
    /// The platforms that it is configured for, as the gateway records them.
    pub(crate) platforms: Vec<Platform>,
    /// How the unit's main process ended, when it does not run.
    pub(crate) last_end: Option<LastEnd>,
    /// Who has the profile now.
    pub(crate) owner: Option<Owner>,
    /// Why the owner is not known, if it is not.
    pub(crate) unknown: Option<String>,
    /// What to do next, if anything.
    pub(crate) hint: Option<String>,
    /// Other units that run this profile, or would.
    pub(crate) other_owners: Vec<OtherOwner>,
    /// The unit of another owner that a drop-in keeps safe.
    pub(crate) shield: Option<String>,
    /// The unit's next start, where it waits because there were many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_start: Option<Waiting>,
    /// The unit of hermes' own that runs or would run this profile under the guard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) guarded: Option<String>,
    /// Whether an update of hermes stopped that unit and did not start it again, or it is enabled and failed.
    pub(crate) left_stopped: bool,
    /// Whether its manager began after the unit was enabled, and knows of no start since.
    pub(crate) never_started: bool,
    /// What differs from what was installed, each as a sentence.
    pub(crate) drift: Vec<String>,
}

/// A hermes installation.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Hermes {
    /// The version that runs, or that the next start will run.
    pub(crate) version: String,
    /// The version on disk, when another one runs.
    pub(crate) on_disk: Option<String>,
    /// Whether the files on disk are newer than the process.
    pub(crate) needs_restart: bool,
}

/// A messaging platform of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Platform {
    /// `telegram`, `discord`, …
    pub(crate) name: String,
    /// `connected`, `connecting`, `retrying`, `paused`, `fatal`, … as hermes calls it.
    pub(crate) state: String,
    /// What does not work.
    pub(crate) error: Option<String>,
    /// Since when, as hermes writes it.
    pub(crate) since: Option<String>,
}

/// How a unit's main process ended.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LastEnd {
    /// When.
    pub(crate) at: Option<u64>,
    /// How, in words.
    pub(crate) why: String,
    /// Its exit status, when it exited.
    pub(crate) exit_status: Option<i32>,
}

/// A process that has a profile.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Owner {
    /// Its process ID.
    pub(crate) pid: i32,
    /// The service that it belongs to.
    pub(crate) unit: Option<String>,
    /// Its terminal.
    pub(crate) terminal: Option<String>,
    /// Its account.
    pub(crate) user: String,
    /// Its command line.
    pub(crate) command: String,
    /// How long it runs.
    pub(crate) age_seconds: u64,
    /// When it was started, in seconds since 1970.
    pub(crate) started_at: u64,
}

/// A unit that runs the gateway of a home which no profile of [`Status`] is about.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Elsewhere {
    /// Its name.
    pub(crate) unit: String,
    /// `system` or `user`.
    pub(crate) manager: &'static str,
    /// The account of a user's manager.
    pub(crate) account: Option<String>,
    /// `active`; `enabled, stopped` or `enabled, failed` where it is at rest; …
    pub(crate) how: String,
    /// Whether it runs now; otherwise it would.
    pub(crate) runs: bool,
    /// Whether it runs under the guard.
    pub(crate) guarded: bool,
    /// Null when it does not say.
    pub(crate) home: Option<PathBuf>,
    /// A file of the unit that this account cannot read, so that its home is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unread: Option<PathBuf>,
}
