//! `gateway_state.json`: what a gateway says of itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;

use crate::host::process::Process;
use crate::host::read::{self, read_own};
use crate::profile::ProfileName;

/// The gateway's account of itself.
pub(crate) const STATE: &str = "gateway_state.json";

/// `gateway_state.json`, as far as it is needed.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct State {
    /// The gateway that wrote it.
    pub(crate) pid: i32,
    /// Its start, as hermes reads it.
    pub(crate) start_time: Option<u64>,
    /// `starting`, `running`, `degraded`, `draining`, `stopped` or `startup_failed`.
    pub(crate) gateway_state: String,
    /// Whether it ends because a restart was asked for.
    #[serde(default)]
    pub(crate) restart_requested: bool,
    /// The profiles that it serves, its own included; empty for its own alone, `None` where it does not say.
    #[serde(default)]
    pub(crate) served_profiles: Option<Vec<String>>,
    /// Why it serves its own profile only, on a host where it would serve all (since 0.21.4).
    #[serde(default)]
    pub(crate) multiplex_standalone_reason: Option<String>,
    /// The version of hermes that it runs; since 0.22.
    #[serde(default)]
    pub(crate) code_version: Option<String>,
    /// The messaging platforms that it is configured for, by name.
    #[serde(default)]
    pub(crate) platforms: BTreeMap<String, PlatformRecord>,
}

/// What a gateway records of one platform (`write_runtime_status`, gateway/status.py of 0.19.0 and 0.22.2).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PlatformRecord {
    /// `connected`, `connecting`, `retrying`, `paused`, `fatal`, …
    pub(crate) state: String,
    /// hermes' own word for what went wrong.
    pub(crate) error_code: Option<String>,
    /// What went wrong last.
    pub(crate) error_message: Option<String>,
    /// When this was written.
    pub(crate) updated_at: Option<String>,
    /// Since when it retries; newer gateways.
    pub(crate) retrying_since: Option<String>,
    /// The gateway that wrote it; newer gateways.
    pub(crate) writer_pid: Option<i32>,
}

/// A time as hermes writes it, always in UTC: `2026-11-26T00:27:40.5+00:00`.
pub(crate) fn time(text: &str) -> Option<SystemTime> {
    let begin = text.strip_suffix("+00:00").or(text.strip_suffix('Z'))?;
    humantime::parse_rfc3339(&format!("{begin}Z")).ok()
}

impl PlatformRecord {
    /// Whether it does not work. `disconnected` is what is left of one that hermes 0.19 has given up while the gateway goes on.
    pub(crate) fn fails(&self) -> bool {
        matches!(
            &*self.state,
            "retrying" | "paused" | "fatal" | "disconnected"
        )
    }
}

impl State {
    /// The state file of a profile home; `None` when there is none that can be read.
    pub(crate) fn read(home: &Path) -> Option<Self> {
        let text = read_own(&home.join(STATE), read::JSON).ok()??;
        let mut state: Self = serde_json::from_slice(&text).ok()?;
        if state.platforms.values().any(|p| p.writer_pid.is_none()) {
            if let Some(process) = Process::read(state.pid) {
                state.forget_before(process.started());
            }
        }
        Some(state)
    }

    /// Leave out what an earlier gateway wrote of platforms that failed: hermes 0.19 keeps it, and says not whose it is.
    fn forget_before(&mut self, start: SystemTime) {
        self.platforms.retain(|_, p| {
            let written = p.updated_at.as_deref().and_then(time);
            p.writer_pid.is_some() || !p.fails() || written.is_none_or(|at| at >= start)
        });
    }

    /// Whether the gateway says that it is up. `degraded` (since 0.14) is up with a platform that it keeps retrying.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.gateway_state.as_str(), "running" | "degraded")
    }

    /// Whether it is up, and it or one of its platforms says that something does not work.
    pub(crate) fn is_degraded(&self) -> bool {
        self.gateway_state == "degraded"
            || (self.is_up() && self.own_platforms().any(|(_, p)| p.fails()))
    }

    /// The platforms that this gateway wrote of: an entry of an earlier one stays in the file.
    pub(crate) fn own_platforms(&self) -> impl Iterator<Item = (&String, &PlatformRecord)> {
        let is_own = |p: &PlatformRecord| p.writer_pid.is_none_or(|pid| pid == self.pid);
        self.platforms.iter().filter(move |(_, p)| is_own(p))
    }

    /// Whether the gateway lists this profile as one that it serves.
    pub(crate) fn serves(&self, profile: &ProfileName) -> bool {
        let mut served = self.served_profiles.iter().flatten();
        served.any(|name| name.eq_ignore_ascii_case(profile.as_str()))
    }

    /// Whether the gateway got as far as its work: past `starting`, and not because the start failed.
    pub(crate) fn was_up(&self) -> bool {
        !matches!(self.gateway_state.as_str(), "starting" | "startup_failed")
    }

    /// Whether the gateway says that it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.gateway_state.as_str(), "stopped" | "startup_failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_gateway_failed_at_is_forgotten() {
        let text = r#"{"pid": 7, "gateway_state": "running", "platforms": {
            "a": {"state": "retrying", "updated_at": "2026-11-26T00:27:40.512345+00:00"},
            "b": {"state": "retrying", "updated_at": "2026-11-26T00:27:42+00:00"},
            "c": {"state": "connected", "updated_at": "2026-11-26T00:27:40+00:00"},
            "d": {"state": "fatal", "updated_at": "2026-11-26T00:27:40+00:00", "writer_pid": 7},
            "e": {"state": "retrying"}}}"#;
        let mut state: State = serde_json::from_str(text).expect("a record");
        state.forget_before(time("2026-11-26T00:27:41+00:00").expect("a time"));
        let left: Vec<&str> = state.platforms.keys().map(String::as_str).collect();
        assert_eq!(left, ["b", "c", "d", "e"]);
    }
}
