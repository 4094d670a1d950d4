//! From what a host has to what is said of each profile. Everything that several profiles share is read or sorted once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::platforms::platforms;
use super::text::hint;
use crate::commands::json::{Elsewhere, Hermes, LastEnd, Owner, Profile, State};
use crate::deploy::desired::links;
use crate::deploy::receipt::Receipt;
use crate::gateway::command_line::shown;
use crate::gateway::gone::is_gone;
use crate::gateway::installation::Installation;
use crate::gateway::owner::owner;
use crate::gateway::platforms::without_adapter;
use crate::gateway::served::{Service, is_parked, service as service_of};
use crate::gateway::state::State as Record;
use crate::gateway::version::Version;
use crate::host::account::account_name;
use crate::host::cgroup::UnitRef;
use crate::host::process::Process;
use crate::host::rootfs::Actual;
use crate::host::search::hermes_search;
use crate::host::service_state::{Exit, ServiceState};
use crate::host::{DirectoryId, Host};
use crate::launcher::backoff::Waiting;
use crate::layout::{ACCOUNT, Scope};
use crate::output::printable;
use crate::profile::ProfileName;
use crate::render::model::Instance;
use crate::render::tree::Stamp;
use crate::takeover::other_owner::owning_units;
use crate::units::inventory::Inventory;

/// A host, sorted by what a profile is asked for.
pub(super) struct Sight<'a> {
    host: &'a Host,
    receipt: &'a Receipt,
    inventory: &'a Inventory,
    installed: BTreeMap<&'a ProfileName, &'a Instance>,
    states: HashMap<String, ServiceState>,
    /// Recorded files by the unit that they are for.
    files: BTreeMap<Option<&'a str>, Vec<(&'a String, &'a Stamp)>>,
    /// What differs in files that are for no single unit.
    shared_drift: Vec<String>,
}

impl<'a> Sight<'a> {
    /// Read what all profiles share.
    pub(super) fn new(
        host: &'a Host,
        receipt: &'a Receipt,
        inventory: &'a Inventory,
        profiles: &[(ProfileName, PathBuf)],
    ) -> Result<Self> {
        let names: Vec<String> = profiles.iter().map(|(p, _)| p.unit()).collect();
        let shown = if let Some(live) = host.live() {
            live.manager().show(&names)?
        } else {
            Vec::new()
        };
        let states = shown
            .into_iter()
            .map(|state| (state.id.clone(), state))
            .collect();
        let mut sight = Self {
            host,
            receipt,
            inventory,
            installed: receipt.instances.iter().map(|i| (&i.profile, i)).collect(),
            states,
            files: receipt.files_by_unit(),
            shared_drift: Vec::new(),
        };
        sight.shared_drift = sight.in_shared_files();
        Ok(sight)
    }

    /// What differs in files that are for no unit of a profile or shield.
    fn in_shared_files(&self) -> Vec<String> {
        let own = self.receipt.instances.iter().map(|i| i.profile.unit());
        let shielded = self.receipt.shields.iter().map(|s| s.unit.clone());
        let known: BTreeSet<String> = own.chain(shielded).collect();
        let is_shared = |unit: &Option<&str>| unit.is_none_or(|unit| !known.contains(unit));
        let shared = self.files.iter().filter(|(unit, _)| is_shared(unit));
        shared
            .flat_map(|(_, files)| self.differences(files))
            .collect()
    }

    fn differences(&self, files: &[(&String, &Stamp)]) -> Vec<String> {
        let differ = |(path, stamp): &(&String, &Stamp)| self.host.files.difference(path, stamp);
        files.iter().filter_map(differ).collect()
    }

    /// Everything about one profile.
    pub(super) fn profile(&self, profile: &ProfileName, root: &Path) -> Profile {
        let host = self.host;
        let (unit, home) = (profile.unit(), profile.home(root));
        let service = self.states.get(&unit);
        let get =
            |word: fn(&ServiceState) -> &String| service.map(word).cloned().unwrap_or_default();
        let main_pid = service.and_then(|s| s.main_pid).unwrap_or_default();
        let (owner, unknown) = found_owner(host, &home);
        let record = owner.as_ref().and_then(|_| Record::read(&home));
        let server = match host.live().map(|_| service_of(root, profile)) {
            Some(Ok(Service::By(server))) if owner.is_none() => Some(server),
            _ => None,
        };
        let process = owner.as_ref().and_then(|o| o.process.as_ref());
        let own = process.zip(record.as_ref()).filter(|(p, r)| p.pid == r.pid);
        let mute = own.map_or_else(Vec::new, |(process, record)| {
            without_adapter(process, record)
        });
        let seen = Seen {
            is_served: server.is_some(),
            is_parked: is_parked(&home),
            is_live: host.live().is_some(),
            is_owned: owner.is_some(),
            is_own: process.is_some_and(|p| p.pid == main_pid),
            is_unknown: unknown.is_some(),
            is_gone: self.installed.contains_key(profile) && is_gone(host, &home),
            is_mute: !mute.is_empty(),
            record: record.as_ref().filter(|r| r.pid == main_pid),
        };
        let state = seen.state(&get(|s| &s.active_state));
        let shield = self.shield(profile, &home);
        let claims = self.inventory.units_of(host, &home);
        let mut row = Profile {
            state,
            account: self.account(profile, process),
            installed: self.installed.contains_key(profile),
            enabled: is_enabled(host, profile),
            active_state: get(|s| &s.active_state),
            sub_state: get(|s| &s.sub_state),
            result: get(|s| &s.result),
            restarts: service.map_or(0, |s| s.restarts),
            hermes: self.hermes(profile, root, process, record.as_ref()),
            platforms: record
                .as_ref()
                .map(|r| platforms(r, &mute))
                .unwrap_or_default(),
            last_end: service.and_then(last_end),
            owner: process
                .or(server.as_ref().map(|s| &s.process))
                .map(owner_of),
            served_by: server.as_ref().map(|s| s.profile.clone()),
            unknown,
            hint: None,
            other_owners: owning_units(host, claims, profile, &home),
            drift: self.drift(
                profile,
                &unit,
                shield.as_deref(),
                service.is_some_and(|s| s.needs_reload),
            ),
            scope: host.scope,
            profile: profile.clone(),
            next_start: service.and_then(|s| self.next_start(s)),
            guarded: self.guarded(&home),
            shield,
            main_pid,
            unit,
            home,
        };
        let is_loaded = service.is_some_and(|s| s.load_state == "loaded");
        row.hint = hint(host, &row, process, &mute, is_loaded);
        row
    }

    /// The account that the gateway runs as, or would.
    fn account(&self, profile: &ProfileName, process: Option<&Process>) -> String {
        let set = self.installed.get(profile).and_then(|i| i.account.as_ref());
        match (process, set) {
            (Some(process), _) => account_name(process.uid),
            (None, Some(account)) => account.user.clone(),
            (None, None) if self.host.scope == crate::layout::Scope::System => ACCOUNT.to_owned(),
            (None, None) => self.host.own.name.clone(),
        }
    }

    /// The unit of another owner that runs this home under a shield.
    fn shield(&self, profile: &ProfileName, home: &Path) -> Option<String> {
        let mut shields = self.receipt.shields.iter();
        let shield = shields.find(|s| s.profile == *profile && s.profile.home(&s.root) == home)?;
        Some(shield.unit.clone())
    }

    /// How long the start of a unit waits, where its manager says that it does.
    fn next_start(&self, service: &ServiceState) -> Option<Waiting> {
        let runtime = match self.host.scope {
            Scope::System => PathBuf::from("/run"),
            Scope::User => PathBuf::from(format!("/run/user/{}", self.host.own.uid)),
        };
        let waits = self.host.live().is_some() && service.sub_state == "start-pre";
        waits.then(|| Waiting::of_unit(&runtime, &service.id))?
    }

    /// The unit of hermes' own that runs this home under the guard.
    fn guarded(&self, home: &Path) -> Option<String> {
        let mut units = self.inventory.units_of(self.host, home);
        let unit = units.find(|unit| unit.is_guarded && unit.manager == self.host.manager())?;
        Some(unit.name.clone())
    }

    fn drift(
        &self,
        profile: &ProfileName,
        unit: &str,
        shield: Option<&str>,
        needs_reload: bool,
    ) -> Vec<String> {
        let is_installed = self.installed.contains_key(profile);
        let mut drift = Vec::new();
        if is_installed {
            drift.extend(self.shared_drift.iter().cloned());
        }
        let files = [Some(unit), shield].into_iter().flatten();
        for files in files.filter_map(|unit| self.files.get(&Some(unit))) {
            drift.extend(self.differences(files));
        }
        if needs_reload {
            let typed = self.host.manager().command_prefix();
            drift.push(format!("`{unit}` changed on disk; {typed} daemon-reload"));
        }
        if !self.receipt.pending.is_empty() && is_installed {
            let again = "an earlier run was cut short; run `hermes-install` for this profile again";
            drift.push(again.to_owned());
        }
        drift
    }

    /// The hermes that runs, and the one on disk.
    fn hermes(
        &self,
        profile: &ProfileName,
        root: &Path,
        process: Option<&Process>,
        record: Option<&Record>,
    ) -> Option<Hermes> {
        let set = self.installed.get(profile).and_then(|i| i.hermes.clone());
        let real = |path: &Path| self.host.real(path);
        let on_disk = match process {
            Some(process) => Installation::of_process(process)?,
            None => {
                let programs = match set {
                    Some(hermes) => vec![hermes],
                    None => hermes_search(root, &self.host.own.home),
                };
                programs.iter().find_map(|p| Installation::find(p, &real))?
            }
        };
        let started = process.map(|p| std::time::SystemTime::now() - p.age());
        let running = record.and_then(|r| r.code_version.clone());
        hermes(&on_disk, started, running)
    }

    /// Units that run gateways of homes outside these rows.
    pub(super) fn elsewhere(&self, rows: &[Profile]) -> Vec<Elsewhere> {
        let host = self.host;
        let shown: HashSet<DirectoryId> = rows.iter().map(|r| host.directory(&r.home)).collect();
        let mut found = Vec::new();
        for unit in &self.inventory.units {
            let Some(how) = unit.how() else { continue };
            for call in &unit.calls {
                // A home that is not told is a claim on every row.
                let is_shown = match &call.home {
                    Some(home) => shown.contains(&host.directory(home)),
                    None => !rows.is_empty(),
                };
                if !is_shown {
                    found.push(Elsewhere {
                        unit: unit.name.clone(),
                        manager: if unit.is_user() { "user" } else { "system" },
                        account: unit.is_user().then(|| unit.manager_account.name.clone()),
                        how: how.to_owned(),
                        guarded: unit.is_guarded,
                        home: call.home.clone(),
                    });
                }
            }
        }
        found
    }
}

/// What the state of a profile follows from.
struct Seen<'a> {
    is_live: bool,
    /// Another profile's gateway serves it.
    is_served: bool,
    /// hermes keeps it from being served.
    is_parked: bool,
    is_owned: bool,
    /// The owner is the unit's main process.
    is_own: bool,
    is_unknown: bool,
    /// It is installed, and its home is gone.
    is_gone: bool,
    /// hermes has no adapter for some platform.
    is_mute: bool,
    /// What the unit's main process says of itself.
    record: Option<&'a Record>,
}

impl Seen<'_> {
    fn state(&self, active_state: &str) -> State {
        match (self.is_owned, active_state) {
            (true, _) if !self.is_own => State::OwnedElsewhere,
            (true, _) => match self.record {
                Some(record) if record.is_degraded() || (record.is_up() && self.is_mute) => {
                    State::Degraded
                }
                Some(record) if record.is_up() => State::Running,
                Some(record) if record.gateway_state == "draining" => State::Draining,
                _ => State::Starting,
            },
            (false, _) if self.is_gone => State::Gone,
            (false, _) if self.is_unknown => State::Unknown,
            (false, _) if self.is_served => State::Served,
            (false, "inactive" | "") if self.is_parked => State::Parked,
            (false, "failed") => State::Failed,
            (false, "activating") => State::Restarting,
            (false, "active" | "reloading") => State::Starting,
            (false, _) if self.is_live => State::Stopped,
            (false, _) => State::Unknown,
        }
    }
}

fn found_owner(host: &Host, home: &Path) -> (Option<crate::gateway::owner::Owner>, Option<String>) {
    if host.live().is_none() {
        return (None, None);
    }
    match owner(home) {
        Ok(owner) => (owner, None),
        Err(e) => {
            let why = format!("`{}` cannot be examined: {e}", home.display());
            (None, Some(why))
        }
    }
}

fn hermes(
    on_disk: &Installation,
    started: Option<std::time::SystemTime>,
    running: Option<String>,
) -> Option<Hermes> {
    let written = on_disk.version?;
    let is_newer = started.is_some_and(|start| on_disk.changed_after(start));
    // The gateway may tell more than a number: `0.22.2.post1`, `0.22.2+5.gabc1234`; or none: `git.abc1234`.
    let told = running.as_deref().and_then(Version::parse);
    let is_other = told.is_some_and(|version| version != written);
    let written = written.to_string();
    let (version, on_disk) = match running {
        Some(version) => (printable(&version), is_other.then_some(written)),
        None if is_newer => ("of an unknown version".to_owned(), Some(written)),
        None => (written, None),
    };
    Some(Hermes {
        needs_restart: is_newer || is_other,
        on_disk,
        version,
    })
}

/// How the main process ended; `None` while it runs, and before its first start.
fn last_end(service: &ServiceState) -> Option<LastEnd> {
    let exit = service.exit.filter(|_| service.main_pid.is_none())?;
    let ending = service.ending();
    Some(LastEnd {
        at: service.exit_time,
        why: match service.result.as_str() {
            "oom-kill" => "killed by the OOM killer".to_owned(),
            "watchdog" => "killed by its watchdog".to_owned(),
            "timeout" => format!("{ending}, after a timeout"),
            "start-limit-hit" => format!("{ending}, started too often"),
            _ => ending,
        },
        exit_status: match exit {
            Exit::Status(status) => Some(status),
            Exit::Signal(_) => None,
        },
    })
}

fn owner_of(process: &Process) -> Owner {
    Owner {
        pid: process.pid,
        unit: process.unit().filter(UnitRef::is_service).map(|u| u.name),
        terminal: process.terminal(),
        user: account_name(process.uid),
        command: shown(&process.argv),
        age_seconds: process.age().as_secs(),
    }
}

/// Enabled means linked into some target; systemctl says `enabled` for that, and knows nothing of an image.
fn is_enabled(host: &Host, profile: &ProfileName) -> bool {
    let mut links = links(host, profile).into_iter();
    links.any(|link| matches!(host.files.look(&link), Ok(Actual::Present(..))))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn record(text: &str) -> Record {
        serde_json::from_str(text).expect("a record")
    }

    #[test]
    fn a_platform_that_does_not_work_is_not_green() {
        let record = record(
            r#"{"pid": 7, "start_time": 1, "gateway_state": "running", "platforms": {
                "slack": {"state": "connected", "writer_pid": 7},
                "discord": {"state": "connected", "writer_pid": 6},
                "telegram": {"state": "retrying", "error_message": "no\u001b[2J route",
                             "updated_at": "2026-11-25T20:20:00+00:00"}}}"#,
        );
        let seen = Seen {
            is_served: false,
            is_parked: false,
            is_live: true,
            is_owned: true,
            is_own: true,
            is_unknown: false,
            is_gone: false,
            is_mute: false,
            record: Some(&record),
        };
        assert_eq!(seen.state("active"), State::Degraded);
        let shown = platforms(&record, &["irc".to_owned()]);
        let names: Vec<&str> = shown.iter().map(|p| &*p.name).collect();
        // Discord's entry is an earlier gateway's.
        assert_eq!(names, ["slack", "telegram", "irc"]);
        assert_eq!(shown[1].error.as_deref(), Some("no\u{fffd}[2J route"));
        assert_eq!(shown[1].since.as_deref(), Some("2026-11-25T20:20:00+00:00"));
        assert_eq!(shown[2].state, "no-adapter");
    }

    #[test]
    fn a_record_without_trouble_is_green_and_another_owner_s_does_not_count() {
        let record = record(
            r#"{"pid": 7, "start_time": 1, "gateway_state": "running",
                "platforms": {"telegram": {"state": "connected"}}}"#,
        );
        let seen = |is_own, is_mute| Seen {
            is_served: false,
            is_parked: false,
            is_live: true,
            is_owned: true,
            is_own,
            is_unknown: false,
            is_gone: false,
            is_mute,
            record: Some(&record),
        };
        assert_eq!(seen(true, false).state("active"), State::Running);
        assert_eq!(seen(true, true).state("active"), State::Degraded);
        assert_eq!(seen(false, true).state("active"), State::OwnedElsewhere);
    }

    #[test]
    fn a_hermes_that_changed_on_disk_needs_a_restart() {
        let now = SystemTime::now();
        let on_disk = Installation {
            library: PathBuf::new(),
            version: Some(Version(0, 23, 0)),
            changed: Some(now),
        };
        let needs_restart = |started: Option<SystemTime>| {
            hermes(&on_disk, started, None)
                .expect("a version")
                .needs_restart
        };
        let after = Some(now + Duration::from_secs(60));
        assert!(needs_restart(Some(now - Duration::from_secs(60))));
        assert!(!needs_restart(after));
        assert!(!needs_restart(None));
        let same = hermes(&on_disk, after, Some("0.23.0.post1".into())).expect("a version");
        assert_eq!((same.needs_restart, same.on_disk), (false, None));
        let untold = hermes(&on_disk, after, Some("git.abc1234".into()));
        assert!(!untold.expect("a version").needs_restart);
        let told = hermes(&on_disk, after, Some("0.22.2".into()));
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
        assert_eq!(last_end(&ServiceState::default()), None);
    }
}
