//! Who runs, or would run, the gateway of any profile home: units by any name in every manager, and processes. Reads
//! only.
//!
//! A unit's text is read from the files that its manager names when the manager answers, so drop-ins and links count as
//! they are loaded; from the files on its load path otherwise and in an image. One call per manager, not per unit.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::gateway::{self, Command, Home};
use crate::host::Host;
use crate::host::process::{self, Process, UnitRef};
use crate::host::systemctl::Properties;
use crate::units::load_path::{Listing, Realm, realms, script};
use crate::units::unit::Unit;
use crate::units::unit_file::command;

/// Everything that runs gateways, or would.
#[derive(Debug, Default)]
pub struct Census {
    /// Units that run a gateway, and those that are named as if they did.
    pub units: Vec<Unit>,
    /// Gateways that run now.
    pub gateways: Vec<Gateway>,
    /// Managers that could not be asked, each as a sentence.
    pub silent: Vec<String>,
}

/// A gateway process.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The process.
    pub process: Process,
    /// Its command line.
    pub command: Command,
    /// The profile home that it works on, as it names it.
    pub home: Home,
    /// The same directory as we reach it, through its own mount namespace.
    pub reached: Option<PathBuf>,
}

impl Census {
    /// Look at everything.
    pub fn take(host: &Host) -> Self {
        let gateways = match host.is_live() {
            true => gateways(),
            false => Vec::new(),
        };
        let mut census = Self {
            gateways,
            ..Self::default()
        };
        for realm in realms(host) {
            census.read(&realm, host);
        }
        census
    }

    fn read(&mut self, realm: &Realm, host: &Host) {
        let listing = realm.list();
        let in_realm = |unit: &UnitRef| match realm.is_system {
            true => unit.user.is_none(),
            false => unit.user == Some(realm.account.uid),
        };
        // A gateway's unit counts even when its file is gone or says nothing of hermes.
        let running: BTreeSet<String> = self
            .gateways
            .iter()
            .filter_map(|g| g.process.unit())
            .filter(|unit| in_realm(unit) && unit.is_service())
            .map(|unit| unit.name)
            .collect();
        let mut names: Vec<String> = running.iter().cloned().collect();
        for unit in listing.units() {
            if !running.contains(unit) && may_concern(realm, &listing, unit) {
                names.push(unit.clone());
            }
        }
        let states = match realm.is_up.then(|| realm.manager.show(&names)) {
            Some(Ok(states)) => states,
            Some(Err(e)) => {
                // The same without the names of all units, where it can be had.
                let why = realm.manager.reach().err().unwrap_or(e);
                self.silent.push(format!("{why:#}"));
                Vec::new()
            }
            None => Vec::new(),
        };
        for name in &names {
            let state = states.iter().find(|s| answers_for(s, name));
            let id = state.and_then(|s| s.get("Id")).unwrap_or(name);
            // An alias is its unit.
            if id != name && names.contains(id) {
                continue;
            }
            let unit = Unit::read(host, realm, &listing, name, state);
            if !unit.runners.is_empty() || running.contains(name) || unit.is_named_so() {
                self.units.push(unit);
            }
        }
    }

    /// Units that run the gateway of a profile home, or may and do not say of which.
    pub fn units_of<'a>(
        &'a self,
        host: &'a Host,
        home: &'a Path,
    ) -> impl Iterator<Item = &'a Unit> {
        self.units.iter().filter(move |unit| {
            let mut homes = unit.runners.iter().map(|r| r.home.as_deref());
            homes.any(|theirs| theirs.is_none_or(|t| host.same(t, home)))
        })
    }

    /// Processes that run the gateway of a profile home, in containers too.
    pub fn gateways_of<'a>(&'a self, home: &'a Path) -> impl Iterator<Item = &'a Gateway> {
        self.gateways.iter().filter(move |gateway| {
            let reached = gateway.reached.as_deref();
            reached.is_some_and(|reached| same(reached, home))
        })
    }
}

/// A gateway names itself somewhere: in the unit, in a drop-in, or in the script that the unit starts.
fn may_concern(realm: &Realm, listing: &Listing, unit: &str) -> bool {
    if unit.contains("hermes") {
        return true;
    }
    let files = listing.files(unit);
    let texts = files.fragment.iter().chain(&files.drop_ins);
    texts.filter_map(|path| realm.text(path)).any(|text| {
        text.contains("hermes")
            || text
                .lines()
                .filter_map(|line| line.trim_start().strip_prefix("ExecStart="))
                .filter_map(|line| script(&realm.root, Path::new(command(line).first()?)))
                .any(|script| script.contains("hermes"))
    })
}

fn answers_for(state: &Properties, name: &str) -> bool {
    let names = state.get("Names").map_or("", String::as_str);
    state.get("Id").is_some_and(|id| id == name) || names.split(' ').any(|n| n == name)
}

/// Every gateway that runs, but not the copies of itself that it forks.
fn gateways() -> Vec<Gateway> {
    let me = std::process::id() as i32;
    let found: Vec<Gateway> = process::pids()
        .filter(|pid| *pid != me)
        .filter_map(|pid| {
            let command = process::argv(pid).and_then(|argv| Command::parse(&argv))?;
            let process = Process::read(pid)?;
            let home = gateway::home_of(&process, &command);
            let reached = match &home {
                Home::Known(path) => Some(process.sees(path))
                    .filter(|p| p.exists())
                    .or(Some(path.clone())),
                Home::Hidden => None,
            };
            Some(Gateway {
                process,
                command,
                home,
                reached,
            })
        })
        .collect();
    let is_fork = |gateway: &Gateway| {
        let parent = found
            .iter()
            .find(|g| g.process.pid == gateway.process.parent);
        parent.is_some_and(|parent| parent.process.argv == gateway.process.argv)
    };
    found.iter().filter(|g| !is_fork(g)).cloned().collect()
}

/// Whether two paths are one directory, links followed where they lead somewhere.
pub fn same(a: &Path, b: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
    match (identity(a), identity(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}
