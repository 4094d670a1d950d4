//! Who runs, or would run, the gateway of any profile home: units by any name in every manager, and processes. Reads
//! only.
//!
//! A unit's text is read from the files that its manager names when the manager answers, so drop-ins and links count as
//! they are loaded; from the files on its load path otherwise and in an image. One call per manager, not per unit.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use crate::gateway::command_line::{Command, Home, home_of};
use crate::host::account::Account;
use crate::host::process::{self, Process, UnitRef};
use crate::host::service_state::ServiceState;
use crate::host::{DirectoryId, Host, Live};
use crate::units::load_path::{LoadPath, UnitFiles, load_paths};
use crate::units::unit::Unit;
use crate::units::unit_file::command;

/// Everything that runs gateways, or would.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// Units that run a gateway, and those that are named as if they did.
    pub(crate) units: Vec<Unit>,
    /// Gateways that run now.
    pub(crate) gateways: Vec<Gateway>,
    /// Managers that could not be asked, each as a sentence.
    pub(crate) silent: Vec<String>,
    /// Files of units that could not be read.
    pub(crate) unread: Vec<UnreadFile>,
    /// Of each profile home, the units that run its gateway, by their place in `units`.
    by_home: HashMap<DirectoryId, Vec<usize>>,
    /// Units that run a gateway and do not say of which home.
    of_any_home: Vec<usize>,
}

/// A file that may make a unit run a gateway.
#[derive(Debug, Clone)]
pub(crate) struct UnreadFile {
    /// The account whose manager would read it.
    pub(crate) account: Account,
    /// What is wrong, as a sentence.
    pub(crate) why: String,
}

/// A gateway process.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    /// The process.
    pub(crate) process: Process,
    /// The profile home that it works on, as it names it.
    pub(crate) home: Home,
}

impl Inventory {
    /// Look at everything.
    pub(crate) fn read(host: &Host) -> Self {
        let mut inventory = Self {
            gateways: host.live().map(gateways).unwrap_or_default(),
            ..Self::default()
        };
        for load_path in load_paths(host) {
            inventory.add(&load_path, host);
        }
        inventory.index(host);
        inventory
    }

    fn index(&mut self, host: &Host) {
        for (at, unit) in self.units.iter().enumerate() {
            let homes: BTreeSet<Option<&Path>> =
                unit.calls.iter().map(|call| call.home.as_deref()).collect();
            for home in homes {
                match home {
                    Some(home) => self
                        .by_home
                        .entry(host.directory(home))
                        .or_default()
                        .push(at),
                    None => self.of_any_home.push(at),
                }
            }
        }
    }

    fn add(&mut self, load_path: &LoadPath, host: &Host) {
        let listing = load_path.list();
        let is_here = |unit: &UnitRef| match load_path.is_system {
            true => unit.user.is_none(),
            false => unit.user == Some(load_path.account.uid),
        };
        // A gateway's unit counts even when its file is gone or says nothing of hermes.
        let running: BTreeSet<String> = self
            .gateways
            .iter()
            .filter_map(|g| g.process.unit())
            .filter(|unit| is_here(unit) && unit.is_service())
            .map(|unit| unit.name)
            .collect();
        let mut names: Vec<String> = running.iter().cloned().collect();
        for unit in listing.units() {
            if !running.contains(unit) && may_concern(load_path, &listing, unit) {
                names.push(unit.clone());
            }
        }
        let states = load_path.systemctl.as_ref().map(|systemctl| {
            systemctl.show(&names).unwrap_or_else(|e| {
                // The same without the names of all units, where it can be had.
                let why = systemctl.reach().err().unwrap_or(e);
                self.silent.push(format!("{why:#}"));
                Vec::new()
            })
        });
        let states = states.unwrap_or_default();
        let states = by_name(&states);
        let known: BTreeSet<&String> = names.iter().collect();
        for name in &names {
            let state = states.get(name.as_str()).copied();
            let id = state.map_or(name, |s| &s.id);
            // An alias is its unit.
            if id != name && known.contains(id) {
                continue;
            }
            let unit = Unit::read(host, load_path, &listing, name, state);
            if unit.concerns_gateways() || running.contains(name) {
                self.units.push(unit);
            }
        }
        let unread = load_path.reader.unread().into_iter();
        self.unread.extend(unread.map(|why| UnreadFile {
            account: load_path.account.clone(),
            why,
        }));
    }

    /// Units that run the gateway of a profile home, or may and do not say of which.
    pub(crate) fn units_of<'a>(
        &'a self,
        host: &Host,
        home: &Path,
    ) -> impl Iterator<Item = &'a Unit> {
        let named = self.by_home.get(&host.directory(home));
        let found: BTreeSet<usize> = named
            .into_iter()
            .flatten()
            .chain(&self.of_any_home)
            .copied()
            .collect();
        found.into_iter().map(|at| &self.units[at])
    }
}

/// A gateway names itself somewhere: in the unit, in a drop-in, or in the script that the unit starts.
fn may_concern(load_path: &LoadPath, listing: &UnitFiles, unit: &str) -> bool {
    if unit.contains("hermes") {
        return true;
    }
    let files = listing.files(unit);
    let texts = files.fragment.iter().chain(&files.drop_ins);
    let texts = texts.filter_map(|path| listing.text(load_path, path));
    texts.into_iter().any(|text| {
        text.contains("hermes")
            || text
                .lines()
                .filter_map(|line| line.trim_start().strip_prefix("ExecStart="))
                .filter_map(|line| load_path.reader.script(Path::new(command(line).first()?)))
                .any(|script| script.contains("hermes"))
    })
}

/// What a manager says of units, by every name that it has for them.
fn by_name(states: &[ServiceState]) -> HashMap<&str, &ServiceState> {
    let mut found = HashMap::new();
    for state in states {
        for name in std::iter::once(&state.id).chain(&state.names) {
            found.entry(name.as_str()).or_insert(state);
        }
    }
    found
}

/// Every gateway that runs, but not the copies of itself that it forks.
fn gateways(_live: &Live) -> Vec<Gateway> {
    let me = std::process::id() as i32;
    let found: Vec<Gateway> = process::pids()
        .filter(|pid| *pid != me)
        .filter_map(|pid| {
            let command = process::argv(pid).and_then(|argv| Command::parse(&argv))?;
            let process = Process::read(pid)?;
            let home = home_of(&process, &command);
            Some(Gateway { process, home })
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
