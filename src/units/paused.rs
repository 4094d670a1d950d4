//! Units that `hermes update` stopped and has not started again.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::Deserialize;

use crate::gateway::update::updater;
use crate::host::read::{self, read_small};
use crate::host::service_state::ServiceState;
use crate::host::systemctl::Manager;
use crate::profile::root_of;

/// What `hermes update` of 0.22 writes to the hermes root before it stops the gateways of hermes' own units, one for each
/// checkout: `STEM.KEY.json`, and `STEM.KEY.json.PID.NONCE.claim` once a later hermes sees to it. It goes when all of them
/// were started again (hermes_cli/update_pause_record.py and update_cmd_posix_pause.py of 0.22.2).
const STEM: &str = ".hermes-update-paused-gateways.";

/// As far as it matters here.
#[derive(Deserialize)]
struct Record {
    token: Token,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    posix_units: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    /// `user` or `system`.
    #[serde(default)]
    scope: String,
    /// Without `.service`.
    #[serde(default)]
    unit: String,
    /// The main process that was stopped.
    #[serde(default)]
    pid: i32,
}

/// A unit that `hermes update` stopped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Paused {
    /// That it did, and what starts the unit.
    pub(crate) what: String,
    /// No update works any more that would start it.
    pub(crate) is_left: bool,
}

/// That `hermes update` stopped this unit, which runs the gateway of this home, and what starts it; `None` where it did not,
/// or the unit was started since.
pub(crate) fn stopped_by_update(
    manager: &Manager,
    state: &ServiceState,
    home: &Path,
) -> Option<Paused> {
    let unit = &state.id;
    let root = root_of(home);
    if !state.is_at_rest() || !is_recorded(&root, manager, state) {
        return None;
    }
    let updater = updater(home);
    let what = match updater {
        Some(pid) => {
            format!("an update of hermes (pid {pid}) stopped `{unit}`, and starts it at its end")
        }
        None => format!(
            "an update of hermes stopped `{unit}` and did not start it again; to start it: `{} start {unit}`",
            manager.command_prefix()
        ),
    };
    Some(Paused {
        what,
        is_left: updater.is_none(),
    })
}

fn is_recorded(root: &Path, manager: &Manager, state: &ServiceState) -> bool {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let mut files = entries.filter(|entry| {
        let name = entry.file_name().into_string().unwrap_or_default();
        let rest = name.strip_prefix(STEM);
        rest.is_some_and(|rest| rest.ends_with(".json") || rest.ends_with(".claim"))
    });
    files.any(|file| holds(&file.path(), manager, state).is_some_and(|holds| holds))
}

/// Whether a record has the last end of this unit: that of the same process, or an earlier one than its last line. Somebody
/// may have started and stopped the unit since.
fn holds(path: &Path, manager: &Manager, state: &ServiceState) -> Option<bool> {
    let record: Record = serde_json::from_slice(&read_small(path, read::TEXT).ok()??).ok()?;
    let written = u64::try_from(path.metadata().ok()?.mtime()).ok()?;
    let scope = match manager {
        Manager::System => "system",
        Manager::User | Manager::UserOf(_) => "user",
    };
    let name = state.id.strip_suffix(".service")?;
    let mut units = record.token.posix_units.iter();
    let entry = units.find(|entry| entry.unit == name && entry.scope == scope)?;
    let is_before = state.exit_time.is_some_and(|ended| ended <= written);
    Some(is_before || state.last_pid == Some(entry.pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As hermes 0.22.2 writes it; what no line here asks for is left out.
    const RECORD: &str = r#"{"install_root": "/home/a/.hermes/hermes-agent", "owner": {"ct": "ct:1.000", "pid": 41}, "schema": 1,
        "token": {"pause_id": "5e", "platform": "posix", "posix_stopped": true, "resume_needed": true, "unmapped": [],
            "posix_units": [{"cgroup": "/", "ct": 7, "home": "/home/a/.hermes", "kind": "systemd", "pid": 40,
                "scope": "user", "unit": "hermes-gateway"}]}}"#;

    fn ended(id: &str, last_pid: i32, exit_time: u64) -> ServiceState {
        ServiceState {
            id: id.to_owned(),
            active_state: "inactive".to_owned(),
            last_pid: Some(last_pid),
            exit_time: Some(exit_time),
            ..ServiceState::default()
        }
    }

    #[test]
    fn a_unit_that_an_update_stopped_is_told_until_somebody_starts_it() {
        let root = tempfile::tempdir().expect("a directory");
        let coder = root.path().join("profiles/coder");
        let tell = |state: &ServiceState| stopped_by_update(&Manager::User, state, &coder);
        let unit = ended("hermes-gateway.service", 40, u64::MAX);
        assert_eq!(tell(&unit), None, "no record");

        for name in ["0123456789ab.json", "0123456789ab.json.50.ab.claim"] {
            let file = root.path().join(format!("{STEM}{name}"));
            fs::write(&file, RECORD).expect("written");
            let told = tell(&unit).expect("told");
            assert!(
                told.is_left
                    && told
                        .what
                        .contains("`systemctl --user start hermes-gateway.service`"),
                "{told:?}"
            );
            // The next process of the unit, which ended before hermes wrote its last line.
            assert!(tell(&ended("hermes-gateway.service", 44, 1)).is_some());
            let later = ended("hermes-gateway.service", 44, u64::MAX);
            assert_eq!(tell(&later), None, "somebody else stopped it");
            let other = ended("hermes-gateway-coder.service", 40, 1);
            assert_eq!(tell(&other), None, "another unit");
            let system = stopped_by_update(&Manager::System, &unit, &coder);
            assert_eq!(system, None, "another manager");
            let up = ServiceState {
                active_state: "active".to_owned(),
                ..unit.clone()
            };
            assert_eq!(tell(&up), None, "it runs");
            fs::write(&file, "{\"token\": []").expect("written");
            assert_eq!(tell(&unit), None, "garbage");
            fs::remove_file(&file).expect("removed");
        }
        let by_name = root.path().join(format!("{STEM}lock"));
        fs::write(by_name, RECORD).expect("written");
        assert_eq!(tell(&unit), None, "no record by its name");
    }

    #[test]
    fn an_update_that_works_is_told_with_its_process() {
        let root = tempfile::tempdir().expect("a directory");
        let file = |name: &str, text: &str| fs::write(root.path().join(name), text);
        file(&format!("{STEM}0123456789ab.json"), RECORD).expect("written");
        let me = std::process::id();
        file(".hermes-update-in-progress", &format!("{me}\n")).expect("written");
        let unit = ended("hermes-gateway.service", 40, 1);
        let told = stopped_by_update(&Manager::User, &unit, root.path()).expect("told");
        assert!(
            told.what.contains(&format!("(pid {me})")) && told.what.ends_with("at its end"),
            "{told:?}"
        );
        assert!(!told.is_left);
    }
}
