//! What a row of `status` says of a gateway's process and of its last end.

use crate::commands::json::{Hermes, LastEnd, Owner, Profile, State};
use crate::deploy::desired::links;
use crate::gateway::command_line::shown;
use crate::gateway::installation::Installation;
use crate::gateway::owner::{Owners, unexamined};
use crate::gateway::version::Version;
use crate::host::Host;
use crate::host::account::account_name;
use crate::host::cgroup::UnitRef;
use crate::host::manager::is_lingering;
use crate::host::process::Process;
use crate::host::rootfs::Actual;
use crate::host::service_state::{Exit, ServiceState};
use crate::layout::Scope;
use crate::output::printable;
use crate::profile::ProfileName;
use crate::units::paused::{Paused, stopped_by_update};
use crate::units::unit::Unit;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn found_owner(
    host: &Host,
    owners: &Owners,
    home: &Path,
) -> (Option<crate::gateway::owner::Owner>, Option<String>) {
    if host.live().is_none() {
        return (None, None);
    }
    match owners.of(home) {
        Ok(owner) => (owner, None),
        Err(e) => (None, Some(unexamined(home, &e))),
    }
}

/// The version of a gateway that tells none and is older than what is on disk.
pub(super) const UNKNOWN: &str = "unknown";

pub(super) fn hermes(
    on_disk: &Installation,
    is_newer: bool,
    running: Option<String>,
) -> Option<Hermes> {
    let written = on_disk.version?;
    // The gateway may tell more than a number: `0.22.2.post1`, `0.22.2+5.gabc1234`; or none: `git.abc1234`.
    let told = running.as_deref().and_then(Version::parse);
    let is_other = told.is_some_and(|version| version != written);
    let written = written.to_string();
    let (version, on_disk) = match running {
        Some(version) => (printable(&version), is_other.then_some(written)),
        None if is_newer => (UNKNOWN.to_owned(), Some(written)),
        None => (written, None),
    };
    Some(Hermes {
        needs_restart: is_newer || is_other,
        on_disk,
        version,
    })
}

/// How the main process ended, or why none was started; `None` while it runs, and before its first start.
pub(super) fn last_end(service: &ServiceState) -> Option<LastEnd> {
    let is_unprepared = service.result == "resources" || service.is_refused;
    // What systemd cannot start reaches the limit; a gateway that ends is slowed down before.
    let has_given_up = service.result == "start-limit-hit";
    let exit = service.exit.filter(|_| !is_unprepared);
    if service.main_pid.is_some() || (exit.is_none() && !is_unprepared && !has_given_up) {
        return None;
    }
    let missing = (is_unprepared || has_given_up)
        .then(|| missing_file(service))
        .flatten();
    Some(LastEnd {
        at: service.exit_time,
        why: missing.unwrap_or_else(|| ending(service)),
        exit_status: match exit {
            Some(Exit::Status(status)) => Some(status),
            Some(Exit::Signal(_)) | None => None,
        },
    })
}

/// The way to what is said of its last end, and on from there where nothing starts it again.
pub(super) fn see_end(row: &Profile) -> String {
    let (scope, profile) = (row.scope.flag(), &row.profile);
    let see = format!("to see how it ended: `hermes-install why{scope} {profile}`");
    let start = format!("`hermes-install start{scope} {profile}`");
    let status = row.last_end.as_ref().and_then(|end| end.exit_status);
    match status.filter(|_| row.state == State::Failed) {
        // It declined beside another one, which has gone since.
        Some(69) => format!("nobody has the profile now; to start it: {start}"),
        Some(78) => format!("{see}; once that is mended: {start}"),
        _ => see,
    }
}

/// The file for want of which systemd could not prepare a start. Its own words, `Failed to load environment files: No such
/// file or directory`, name none (257).
fn missing_file(service: &ServiceState) -> Option<String> {
    let is_gone = |file: &&PathBuf| matches!(file.try_exists(), Ok(false));
    let file = service.needed_files.iter().find(is_gone)?;
    Some(format!(
        "its environment file `{}` is not there",
        file.display()
    ))
}

fn ending(service: &ServiceState) -> String {
    let ending = service.ending();
    match service.result.as_str() {
        "oom-kill" => "killed by the OOM killer".to_owned(),
        "watchdog" => "killed by its watchdog".to_owned(),
        "timeout" => format!("{ending}, after a timeout"),
        "start-limit-hit" => format!("{ending}, started too often"),
        _ => ending,
    }
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}

pub(super) fn owner_of(process: &Process) -> Owner {
    Owner {
        pid: process.pid,
        unit: process.unit().filter(UnitRef::is_service).map(|u| u.name),
        terminal: process.terminal(),
        user: account_name(process.uid),
        command: shown(&process.argv),
        age_seconds: process.age().as_secs(),
        started_at: seconds(process.started()),
    }
}

/// Enabled means linked into some target; systemctl says `enabled` for that, and knows nothing of an image.
pub(super) fn is_enabled(host: &Host, profile: &ProfileName) -> bool {
    let mut links = links(host, profile).into_iter();
    links.any(|link| matches!(host.files.look(&link), Ok(Actual::Present(..))))
}

/// That `hermes update` stopped the unit of hermes' own, among those of a home, that runs it.
pub(super) fn left_by_update(units: &[&Unit], row: &Profile) -> Option<Paused> {
    if row.state != State::Stopped {
        return None;
    }
    let mut units = units.iter();
    units.find_map(|unit| stopped_by_update(&unit.manager, unit.loaded.as_ref()?, &row.home))
}

/// That a user's manager, and all that it runs, ends with the last session; hermes-install had switched lingering on.
pub(super) fn ends_at_logout(host: &Host) -> Option<String> {
    if host.scope == Scope::System || is_lingering(host) {
        return None;
    }
    let name = &host.own.name;
    Some(format!(
        "lingering is off: the gateway ends when `{name}` logs out, and does not start at boot; loginctl enable-linger {name}"
    ))
}

/// Whether a unit is down that its manager should have started when that began: it was enabled before, and there was no
/// start. A home that is mounted later has its units seen too late.
pub(super) fn never_started(
    host: &Host,
    state: State,
    profile: &ProfileName,
    service: &ServiceState,
    began: impl FnOnce() -> Option<u64>,
) -> bool {
    let is_down = state == State::Stopped && service.active_state == "inactive";
    let is_untouched = is_down && service.load_state == "loaded" && service.was_never_started();
    if !is_untouched {
        return false;
    }
    let enabled = enabled_since(host, profile);
    enabled.is_some_and(|enabled| began().is_some_and(|began| enabled < began))
}

/// When the first link was made that starts the unit of a profile at boot, in seconds since 1970.
fn enabled_since(host: &Host, profile: &ProfileName) -> Option<u64> {
    let made = |link: &String| {
        fs::symlink_metadata(host.at(Path::new(link)))
            .ok()?
            .modified()
            .ok()
    };
    let made = links(host, profile).iter().filter_map(made).min()?;
    Some(seconds(made))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::account::Account;

    #[test]
    fn a_user_s_gateway_without_lingering_is_not_as_it_was_installed() {
        let top = tempfile::tempdir().expect("a directory");
        let mut host = Host::observer(Scope::User, Some(top.path())).expect("an image");
        host.own = Account {
            name: "alice".to_owned(),
            ..Account::root()
        };
        let told = ends_at_logout(&host).expect("a difference");
        assert!(
            told.contains("ends when `alice` logs out") && told.ends_with("enable-linger alice")
        );
        let linger = top.path().join("var/lib/systemd/linger");
        std::fs::create_dir_all(&linger).expect("made");
        std::fs::write(linger.join("alice"), "").expect("written");
        assert_eq!(ends_at_logout(&host), None);
        std::fs::remove_file(linger.join("alice")).expect("removed");
        assert_eq!(ends_at_logout(&host.in_scope(Scope::System)), None);
    }
    use crate::gateway::version::Version;
    use crate::host::service_state::Exit;
    use std::path::PathBuf;

    #[test]
    fn a_hermes_that_changed_on_disk_needs_a_restart() {
        let on_disk = Installation {
            library: PathBuf::new(),
            version: Some(Version(0, 23, 0)),
            changed: None,
            interpreter: None,
        };
        let newer = hermes(&on_disk, true, None).expect("a version");
        assert_eq!(
            (newer.needs_restart, &*newer.version),
            (true, "unknown"),
            "{newer:?}"
        );
        assert!(
            !hermes(&on_disk, false, None)
                .expect("a version")
                .needs_restart
        );
        let same = hermes(&on_disk, false, Some("0.23.0.post1".into())).expect("a version");
        assert_eq!((same.needs_restart, same.on_disk), (false, None));
        let untold = hermes(&on_disk, false, Some("git.abc1234".into()));
        assert!(!untold.expect("a version").needs_restart);
        let told = hermes(&on_disk, false, Some("0.22.2".into()));
        assert_eq!(
            told,
            Some(Hermes {
                version: "0.22.2".into(),
                on_disk: Some("0.23.0".into()),
                needs_restart: true
            })
        );
    }

    #[test]
    fn an_end_is_told_in_words_and_only_when_it_ended() {
        let killed = ServiceState {
            exit: Some(Exit::Signal(9)),
            exit_time: Some(1_764_067_500),
            result: "oom-kill".into(),
            ..ServiceState::default()
        };
        assert_eq!(
            last_end(&killed),
            Some(LastEnd {
                at: Some(1_764_067_500),
                why: "killed by the OOM killer".into(),
                exit_status: None
            })
        );
        let up_again = ServiceState {
            main_pid: Some(7),
            ..killed
        };
        assert_eq!(last_end(&up_again), None);
        let mut unprepared = ServiceState {
            result: "resources".to_owned(),
            needed_files: vec![PathBuf::from("/"), PathBuf::from("/nowhere/a.env")],
            ..ServiceState::default()
        };
        let why =
            |service: &ServiceState| last_end(service).map_or_else(String::new, |end| end.why);
        assert!(why(&unprepared).ends_with("its environment file `/nowhere/a.env` is not there"));
        unprepared.needed_files.pop();
        assert!(why(&unprepared).contains("a credential"));
        let refused = ServiceState {
            active_state: "inactive".to_owned(),
            result: "success".to_owned(),
            is_refused: true,
            ..unprepared
        };
        assert_eq!(
            why(&refused),
            "systemd refused its start: a file that it needs is not there"
        );
        let mut given_up = ServiceState {
            result: "start-limit-hit".to_owned(),
            exit: Some(Exit::Status(243)),
            ..ServiceState::default()
        };
        let end = last_end(&given_up).expect("an end");
        assert_eq!(end.exit_status, Some(243), "the limit does not hide it");
        assert!(end.why.ends_with("started too often"), "{}", end.why);
        given_up.needed_files = vec![PathBuf::from("/nowhere/a.env")];
        assert!(why(&given_up).ends_with("`/nowhere/a.env` is not there"));
        assert_eq!(last_end(&ServiceState::default()), None);
    }
}
