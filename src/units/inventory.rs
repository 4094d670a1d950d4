//! Who runs, or would run, the gateway of any profile home: units by any name in every manager, and processes. Reads
//! only.
//!
//! A unit's text is read from the files that its manager names when the manager answers, so drop-ins and links count as
//! they are loaded; from the files on its load path otherwise and in an image. One call per manager, not per unit.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use crate::gateway::command_line::Home;
use crate::gateway::running::Running;
use crate::host::access::Access;
use crate::host::account::Account;
use crate::host::cgroup::UnitRef;
use crate::host::process::Process;
use crate::host::service_state::ServiceState;
use crate::host::systemctl::Manager;
use crate::host::{DirectoryId, Host, Live};
use crate::profile::ProfileName;
use crate::units::concern::may_concern;
use crate::units::load_path::{LoadPath, load_path, load_paths};
use crate::units::origin::Origin;
use crate::units::unit::Unit;

/// Everything that runs gateways, or would.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// Units that run a gateway, and those that are named as if they did.
    pub(crate) units: Vec<Unit>,
    /// Gateways that run now.
    pub(crate) gateways: Vec<Gateway>,
    /// Managers that could not be asked.
    pub(crate) silent: Vec<Silent>,
    /// Files of units that could not be read.
    pub(crate) unread: Vec<UnreadFile>,
    /// Of each profile home, the units that run its gateway, by their place in `units`.
    by_home: HashMap<DirectoryId, Vec<usize>>,
    /// Units that run a gateway and do not say of which home.
    of_any_home: Vec<usize>,
}

/// A manager that could not be asked: what it runs now is not known.
#[derive(Debug, Clone)]
pub(crate) struct Silent {
    /// The account that it runs as.
    pub(crate) account: Account,
    /// Why, as a sentence.
    pub(crate) why: String,
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

/// Managers that are asked at the same time.
const AT_ONCE: usize = 64;

impl Inventory {
    /// Look at everything.
    pub(crate) fn read(host: &Host) -> Self {
        Self::of(host, load_paths(host))
    }

    /// Look at the units of the manager of a host's scope: no account's own manager keeps root waiting.
    pub(crate) fn of_own_manager(host: &Host) -> Self {
        Self::of(host, vec![load_path(host)])
    }

    fn of(host: &Host, mut load_paths: Vec<LoadPath>) -> Self {
        let mut inventory = Self {
            gateways: host.live().map(gateways).unwrap_or_default(),
            ..Self::default()
        };
        // At the same time: none has to wait for one that does not answer.
        while !load_paths.is_empty() {
            let rest = load_paths.split_off(load_paths.len().min(AT_ONCE));
            let some = std::mem::replace(&mut load_paths, rest);
            let gateways = &inventory.gateways;
            let look = |load_path| look(host, &load_path, gateways);
            let looked: Vec<Self> = match host.live() {
                // Nobody is asked.
                None => some.into_iter().map(look).collect(),
                Some(_) => std::thread::scope(|scope| {
                    let look = |load_path| scope.spawn(move || look(load_path));
                    let threads: Vec<_> = some.into_iter().map(look).collect();
                    let looked = threads.into_iter().filter_map(|thread| thread.join().ok());
                    looked.collect()
                }),
            };
            for one in looked {
                inventory.units.extend(one.units);
                inventory.silent.extend(one.silent);
                inventory.unread.extend(one.unread);
            }
        }
        inventory.join_instances();
        inventory.index(host);
        inventory
    }

    /// Instances of one template know of each other.
    fn join_instances(&mut self) {
        let mut profiles: Vec<(Manager, ProfileName)> = Vec::new();
        let is_meant = |unit: &&mut Unit| unit.is_of_foreign_template() && unit.how().is_some();
        for unit in self.units.iter_mut().filter(|u| is_meant(u)) {
            let home = unit.home().and_then(ProfileName::from_home);
            profiles.extend(home.map(|(profile, _)| (unit.manager.clone(), profile)));
        }
        for unit in self.units.iter_mut().filter(|u| is_meant(u)) {
            let own = profiles
                .iter()
                .filter(|(manager, _)| *manager == unit.manager);
            let own: BTreeSet<ProfileName> = own.map(|(_, profile)| profile.clone()).collect();
            unit.together = own.into_iter().collect();
        }
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

    /// A manager that could not be asked and might run a gateway of this profile home.
    pub(crate) fn silent_about(&self, host: &Host, home: &Path) -> Option<&Silent> {
        let may_have = |silent: &&Silent| Access::new(host, &silent.account).may_work_in(home);
        self.silent.iter().find(may_have)
    }

    /// The unit whose gateway a process is, where that unit stays when the gateway ends. One in the control group of cron
    /// or sshd is not that service's gateway; its main process would be.
    pub(crate) fn unit_of(&self, host: &Host, home: &Path, process: &Process) -> Option<&Unit> {
        let is_its = |unit: &&Unit| self.is_gateway_of(host, home, process, unit);
        self.listed(process).filter(is_its)
    }

    fn is_gateway_of(&self, host: &Host, home: &Path, process: &Process, unit: &Unit) -> bool {
        let is_main = unit.loaded.as_ref().and_then(|s| s.main_pid) == Some(process.pid);
        let mut others = self
            .units_of(host, home)
            .filter(|u| u.origin != Origin::Ours);
        let is_theirs = is_main || others.any(|other| std::ptr::eq(other, unit));
        is_theirs && unit.stays().is_some()
    }

    /// Whether somebody started a gateway by hand: in no service, beside the work of one, or by `systemd-run`.
    pub(crate) fn is_by_hand(&self, host: &Host, home: &Path, process: &Process) -> bool {
        let is_started = match self.listed(process) {
            Some(unit) => self.is_gateway_of(host, home, process, unit),
            None => process.unit().is_some_and(|unit| unit.is_service()),
        };
        !is_started && process.container().is_none()
    }

    fn listed(&self, process: &Process) -> Option<&Unit> {
        let of = process.unit()?;
        self.units.iter().find(|unit| unit.is_that(&of))
    }

    /// Units that run the gateway of a profile home, or may and do not say of which. A user's unit counts only where its
    /// account could open the gateway's lock: anybody can name any home.
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
        let may_have = |unit: &&Unit| {
            !unit.is_user() || Access::new(host, &unit.manager_account).may_work_in(home)
        };
        let units = found.into_iter().map(|at| &self.units[at]);
        units.filter(may_have).collect::<Vec<_>>().into_iter()
    }
}

/// What it costs to look at a unit of another account, and to read one that may run a gateway, in words of command lines.
const LOOK: usize = 20;
const READ: usize = 500;

/// What one manager has.
fn look(host: &Host, load_path: &LoadPath, gateways: &[Gateway]) -> Inventory {
    let mut found = Inventory::default();
    let (reader, listing) = (&load_path.reader, load_path.list());
    let is_here = |unit: &UnitRef| match load_path.is_system {
        true => unit.is_service() && unit.user.is_none(),
        false => unit.is_service() && unit.user == Some(load_path.account.uid),
    };
    // A gateway's unit counts even when its file is gone or says nothing of hermes.
    let mut running: BTreeMap<String, Vec<&Gateway>> = BTreeMap::new();
    for gateway in gateways {
        if let Some(unit) = gateway.process.unit().filter(is_here) {
            running.entry(unit.name).or_default().push(gateway);
        }
    }
    let mut names: Vec<String> = running.keys().cloned().collect();
    for unit in listing.units() {
        let concerns = || {
            reader.spend(LOOK) && may_concern(host, load_path, &listing, unit) && reader.spend(READ)
        };
        if !running.contains_key(unit) && concerns() {
            names.push(unit.clone());
        }
    }
    // systemd has no others (systemd.unit(5)); a file by another name is nobody's unit.
    names.retain(|name| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c))
    });
    let answer = load_path.systemctl.as_ref().map(|s| s.show(&names));
    let states = answer.unwrap_or_else(|| Ok(Vec::new()));
    let states = states.unwrap_or_else(|e| {
        load_path.silence.replace(Some(format!("{e:#}")));
        Vec::new()
    });
    let states = ServiceState::by_name(&states);
    let known: BTreeSet<&String> = names.iter().collect();
    for name in &names {
        let state = states.get(name.as_str()).copied();
        let id = state.map_or(name, |s| &s.id);
        // An alias is its unit.
        if id != name && known.contains(id) {
            continue;
        }
        let mut unit = Unit::read(host, load_path, &listing, name, state);
        let own = running.get(name);
        unit.follow_gateway(host, own.into_iter().flatten().copied());
        if unit.concerns_gateways() || own.is_some() {
            found.units.push(unit);
        }
    }
    let silence = load_path.silence.take().into_iter();
    found.silent.extend(silence.map(|why| Silent {
        account: load_path.account.clone(),
        why,
    }));
    let unread = reader.unread().into_iter();
    found.unread.extend(unread.map(|why| UnreadFile {
        account: load_path.account.clone(),
        why,
    }));
    found
}

/// Every gateway that runs, but not the copies of itself that it forks.
fn gateways(_live: &Live) -> Vec<Gateway> {
    let found: Vec<Gateway> = Running::all()
        .map(|running| Gateway {
            home: running.home(),
            process: running.process,
        })
        .collect();
    let by_pid: HashMap<i32, &Gateway> = found.iter().map(|g| (g.process.pid, g)).collect();
    let is_fork = |gateway: &Gateway| {
        let parent = by_pid.get(&gateway.process.parent);
        parent.is_some_and(|parent| parent.process.argv == gateway.process.argv)
    };
    let forks: Vec<bool> = found.iter().map(is_fork).collect();
    let kept = found.into_iter().zip(forks);
    kept.filter_map(|(gateway, is_fork)| (!is_fork).then_some(gateway))
        .collect()
}
