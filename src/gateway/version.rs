//! Versions of hermes, and what differs between their gateways: one row a range of versions, and nobody else asks for a
//! number. docs/hermes-versions.md says what each answer is for.

use std::fmt;

/// A hermes version, `X.Y.Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32, pub(crate) u32);

/// What `hermes gateway restart` does to a gateway of a unit that hermes did not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RestartCommand {
    /// It ends the gateway and runs the next one in its own process.
    TakesOver,
    /// It sends SIGUSR1 and waits for the manager's next start: it owns nothing.
    Asks,
}

/// How the default profile is named on the gateway's command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DefaultProfile {
    /// `--profile default`: else the gateway follows `<root>/active_profile`.
    Named,
    /// Named only while another profile is active: beside `--profile default`, `gateway run --replace` refuses to take
    /// the gateway over (`_looks_like_profile_conflict_from_cmdline`, gateway/run.py).
    NamedUnlessActive,
    /// Not named, as that refusal is still there: under a service manager nothing follows `active_profile`
    /// (`_under_gateway_supervisor`, hermes_cli/main.py).
    Unnamed,
}

/// How the library of a platform is installed at its first use, where hermes' own environment is not the account's to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Libraries {
    /// Not at all.
    Never,
    /// By pip or uv, into a directory of the hermes root (tools/lazy_deps.py).
    Root,
    /// By hermes' package manager, which leaves an environment of pip alone (pm/client.py, `sync_venv`).
    Manager,
}

/// What a range of versions needs from its service manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The first version of the range.
    since: Version,
    /// See [`RestartCommand`].
    pub(crate) restart_command: RestartCommand,
    /// See [`DefaultProfile`].
    pub(crate) default_profile: DefaultProfile,
    /// Seconds that a stop waits for running turns, where no file sets them (`agent.restart_drain_timeout`).
    pub(crate) drain: u32,
    /// Seconds that a stop waits for jobs of cron and of the API, and for what follows them
    /// (`agent.cron_drain_timeout` and `CRON_DRAIN_CLEANUP_RESERVE_S`).
    pub(crate) job_drain: u32,
    /// Seconds that a planned restart waits for running turns before it begins (`agent.restart_after_turn_timeout`).
    pub(crate) restart_wait: u32,
    /// Seconds that upstream's own unit gives a stop at least.
    pub(crate) least_stop_timeout: u32,
    /// Exit status of a planned restart under systemd.
    pub(crate) planned_restart: i32,
    /// See [`Libraries`].
    pub(crate) libraries: Libraries,
    /// Whether one gateway serves all profiles of its root, and a named profile's own ends at once.
    pub(crate) is_shared: bool,
    /// Whether `hermes update` restarts units called `hermes-gateway@…` by itself.
    pub(crate) update_restarts: bool,
    /// Whether tasks of Kanban leave a unit for a scope in the user manager of its account, and do not begin without one
    /// (`restart_safe_gateway_child_argv`, tools/process_registry.py; from 0.21.3 on).
    pub(crate) needs_user_manager: bool,
    /// Whether a start takes the gateway before it for a live one until its parent has asked how it ended, and ends with 75
    /// (`_pid_alive_matches` of hermes_cli/process_identity.py).
    pub(crate) counts_zombies: bool,
}

const FIRST: Rules = Rules {
    since: Version(0, 13, 0),
    restart_command: RestartCommand::TakesOver,
    default_profile: DefaultProfile::Named,
    drain: 180,
    job_drain: 0,
    restart_wait: 180,
    least_stop_timeout: 210,
    planned_restart: 75,
    libraries: Libraries::Never,
    is_shared: false,
    update_restarts: true,
    needs_user_manager: false,
    counts_zombies: false,
};
const EXITS_ZERO: Rules = Rules {
    since: Version(0, 16, 0),
    planned_restart: 0,
    ..FIRST
};
const NO_DRAIN: Rules = Rules {
    since: Version(0, 18, 0),
    drain: 0,
    restart_wait: 0,
    least_stop_timeout: 60,
    libraries: Libraries::Root,
    ..FIRST
};
const RESTART_WAITS: Rules = Rules {
    since: Version(0, 20, 0),
    restart_wait: 21_600,
    ..NO_DRAIN
};
const JOBS_DRAIN: Rules = Rules {
    since: Version(0, 20, 4),
    job_drain: 40,
    restart_wait: 1800,
    least_stop_timeout: 70,
    update_restarts: false,
    ..RESTART_WAITS
};
const NO_NAME: Rules = Rules {
    since: Version(0, 20, 6),
    default_profile: DefaultProfile::NamedUnlessActive,
    ..JOBS_DRAIN
};
const SUPERVISED: Rules = Rules {
    since: Version(0, 21, 0),
    default_profile: DefaultProfile::Unnamed,
    needs_user_manager: true,
    ..NO_NAME
};
const SHARED: Rules = Rules {
    since: Version(0, 21, 4),
    restart_command: RestartCommand::Asks,
    is_shared: true,
    update_restarts: true,
    counts_zombies: true,
    ..SUPERVISED
};
const PACKAGE_MANAGER: Rules = Rules {
    since: Version(0, 22, 0),
    libraries: Libraries::Manager,
    counts_zombies: false,
    ..SHARED
};

/// Oldest first.
const TABLE: [Rules; 9] = [
    FIRST,
    EXITS_ZERO,
    NO_DRAIN,
    RESTART_WAITS,
    JOBS_DRAIN,
    NO_NAME,
    SUPERVISED,
    SHARED,
    PACKAGE_MANAGER,
];

impl Rules {
    /// The longest drain for running turns that any version has where no file sets one.
    pub(crate) const LONGEST_DRAIN: u32 = FIRST.drain;

    /// The rules of a version. One that is newer than the newest known, or that nobody can tell, is taken for the newest.
    pub(crate) fn of(version: Option<Version>) -> Self {
        let version = version.unwrap_or(Version::NEWEST);
        let known = TABLE.iter().rev().find(|rules| rules.since <= version);
        *known.unwrap_or(&FIRST)
    }

    /// Seconds that a stop may take before the gateway closes down, with this setting for running turns.
    pub(crate) fn stop_drain(&self, turns: Option<u32>) -> u32 {
        turns.unwrap_or(self.drain).max(self.job_drain)
    }

    /// The least `TimeoutStopSec=` for this setting for running turns.
    pub(crate) fn stop_timeout(&self, turns: Option<u32>) -> u32 {
        let closing = turns.unwrap_or(self.drain).saturating_add(30);
        closing.max(self.job_drain.saturating_add(30))
    }
}

impl Version {
    /// The oldest whose gateway is known.
    pub(crate) const OLDEST: Self = TABLE[0].since;
    /// The newest whose gateway is known.
    pub(crate) const NEWEST: Self = Self(0, 22, u32::MAX);

    /// From the first line of `hermes --version`: `Hermes Agent v0.19.0 (2026.7.20)`, or `v0.22.2+5.gabc1234` from a
    /// checkout that is past its tag.
    pub(crate) fn from_output(text: &str) -> Option<Self> {
        text.lines()
            .next()?
            .split_whitespace()
            .find_map(Self::parse)
    }

    /// From one word: `0.22.2`, `v0.22.2+5.gabc1234.dirty`, `0.21.4.post1`. A release date such as 2026.7.20 is none.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let word = word.trim_start_matches('v');
        let mut parts = word.split(['+', '-']).next()?.split('.');
        let mut next = || parts.next()?.parse().ok();
        let version = Self(next()?, next()?, next()?);
        (version.0 < 1000).then_some(version)
    }
}

/// Whether this is the answer of a hermes to `--version`, whatever its version is: a checkout without tags says
/// `Hermes Agent vgit.abc1234`.
pub(crate) fn is_hermes(text: &str) -> bool {
    text.starts_with("Hermes Agent v")
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_releases_and_as_git_prints_them() {
        for (text, version) in [
            (
                "Hermes Agent v0.19.0 (2026.7.20)\nPython: 3.11.7",
                Some(Version(0, 19, 0)),
            ),
            (
                "Hermes Agent v0.22.2+5.gabc1234.dirty (2026.9.24)",
                Some(Version(0, 22, 2)),
            ),
            (
                "Hermes Agent v0.22.2+? (2026.9.24)",
                Some(Version(0, 22, 2)),
            ),
            (
                "Hermes Agent v0.21.4.post1 (2026.9.3)",
                Some(Version(0, 21, 4)),
            ),
            ("Hermes Agent vgit.abc1234 (2026.9.24)", None),
            ("command not found", None),
            ("", None),
        ] {
            assert_eq!(Version::from_output(text), version, "{text}");
        }
        assert!(is_hermes("Hermes Agent vgit.abc1234 (2026.9.24)"));
        assert!(!is_hermes("hermes: command not found"));
        assert!(Version(0, 22, 9) < Version::NEWEST);
    }

    #[test]
    fn each_version_has_the_rules_of_its_range() {
        let of = |a, b, c| Rules::of(Some(Version(a, b, c)));
        assert!(TABLE.windows(2).all(|pair| pair[0].since < pair[1].since));
        assert_eq!(of(0, 12, 0), FIRST);
        assert_eq!(of(0, 15, 2), FIRST);
        assert_eq!(of(0, 17, 9), EXITS_ZERO);
        assert_eq!(of(0, 19, 0).drain, 0);
        assert_eq!(of(0, 20, 5), JOBS_DRAIN);
        assert_eq!(of(0, 21, 3), SUPERVISED);
        assert_eq!(of(0, 21, 5), SHARED);
        assert_eq!(of(0, 23, 0), PACKAGE_MANAGER);
        assert_eq!(Rules::of(None), PACKAGE_MANAGER);
    }

    #[test]
    fn a_stop_is_given_the_time_that_its_version_drains() {
        let stop = |v, turns| Rules::of(Some(v)).stop_timeout(turns);
        assert_eq!(stop(Version(0, 15, 2), None), 210);
        assert_eq!(stop(Version(0, 19, 0), None), 30);
        assert_eq!(stop(Version(0, 22, 2), None), 70);
        assert_eq!(stop(Version(0, 22, 2), Some(300)), 330);
        assert_eq!(Rules::of(None).stop_drain(Some(5)), 40);
    }
}
