//! What lint rules are told of a host, beside the inventory: whether paths can be used by the account that needs them,
//! and the files of each profile home. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Result;

use crate::deploy::receipt::read_receipt;
use crate::gateway::command_line::Home;
use crate::gateway::config::{drain_setting, is_multiplexed};
use crate::gateway::owner::{PID, owner};
use crate::gateway::version::Version;
use crate::host::Host;
use crate::host::access::{Access, Reach, is_exposed};
use crate::host::rootfs::difference;
use crate::host::search::hermes_search;
use crate::layout::Scope;
use crate::profile::root_for;
use crate::units::inventory::Inventory;
use crate::units::unit::Unit;
use crate::units::unit_file::{Directive, command, words};

/// Everything that rules judge.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Units and gateways.
    pub(crate) inventory: Inventory,
    /// Of each unit of the inventory, in the same order.
    pub(crate) units: Vec<UnitFacts>,
    /// Of each profile home that some unit or gateway names.
    pub(crate) homes: Vec<HomeFacts>,
    /// Other names under which units and gateways have a home, to the name that it has in `homes`.
    pub(crate) aliases: BTreeMap<PathBuf, PathBuf>,
    /// The systemd version that reads the units, where that can be told.
    pub(crate) systemd: Option<u32>,
    /// Whether SELinux decides what a system service may run.
    pub(crate) is_selinux_enforcing: bool,
    /// Accounts whose managers outlive their sessions.
    pub(crate) lingering: BTreeSet<String>,
    /// Files of ours that are not as we wrote them, each as a sentence, and the command that mends it.
    pub(crate) drift: Vec<(PathBuf, String, String)>,
}

/// What a unit needs of its host.
#[derive(Debug, Default)]
pub(crate) struct UnitFacts {
    /// Programs that it starts, their interpreters, and the hermes of a launcher.
    pub(crate) programs: Vec<Reach>,
    /// Where it works.
    pub(crate) directory: Option<Reach>,
    /// Words with a `%`: the directive, the word, whether it exists as written and as systemd reads it.
    pub(crate) percent: Vec<(Directive, String, bool, bool)>,
    /// The version of the hermes that it runs, where its environment shows it.
    pub(crate) version: Option<Version>,
    /// Files with its environment that everybody may read.
    pub(crate) exposed: Vec<PathBuf>,
}

/// A profile home and its files; all but its name is empty when it does not exist.
#[derive(Debug, Default)]
pub(crate) struct HomeFacts {
    /// The home as units name it.
    pub(crate) home: PathBuf,
    /// The account that it belongs to.
    pub(crate) uid: u32,
    /// Whether a gateway has it now; `None` when that cannot be told, as in an image.
    pub(crate) is_owned: Option<bool>,
    /// Files that only a live gateway has: name, and age in seconds.
    pub(crate) stale: Vec<(PathBuf, u64)>,
    /// Files of another account than the home's, and whether the home's can write them.
    pub(crate) foreign: Vec<(PathBuf, u32, bool)>,
    /// Files with secrets that everybody may read, with their mode.
    pub(crate) exposed: Vec<(PathBuf, u32)>,
    /// The gateway's drain in seconds, where its configuration sets it.
    pub(crate) drain: Option<u32>,
    /// Whether the root's gateway serves all profiles.
    pub(crate) is_multiplexed: bool,
    /// The active profile of its root.
    pub(crate) active: Option<String>,
}

/// How long upstream's markers are meant for the gateway that they name (`_TAKEOVER_MARKER_TTL_S`, gateway/status.py).
pub(crate) const MARKER_LIFE: u64 = 60;

/// Markers of a takeover and of a planned stop.
pub(crate) const MARKERS: [&str; 2] = [".gateway-takeover.json", ".gateway-planned-stop.json"];

impl Facts {
    /// Look at everything.
    pub(crate) fn read(host: &Host) -> Result<Self> {
        let inventory = Inventory::read(host);
        let units = inventory
            .units
            .iter()
            .map(|u| unit_facts(host, u))
            .collect();
        let mut homes: Vec<HomeFacts> = Vec::new();
        let named = inventory.units.iter().flat_map(|u| &u.calls);
        let named = named.filter_map(|r| r.home.clone());
        let running = inventory.gateways.iter().filter_map(|g| match &g.home {
            Home::Known(home) if g.process.container().is_none() => Some(home.clone()),
            _ => None,
        });
        let mut aliases = BTreeMap::new();
        let mut by_identity: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        let all: BTreeSet<PathBuf> = named.chain(running).collect();
        for home in all {
            let identity = fs::canonicalize(host.real(&home)).unwrap_or_else(|_| home.clone());
            match by_identity.get(&identity) {
                Some(known) => drop(aliases.insert(home, known.clone())),
                None => {
                    homes.push(home_facts(host, &home));
                    by_identity.insert(identity, home);
                }
            }
        }
        let linger = host.at(Path::new("/var/lib/systemd/linger"));
        let lingering = fs::read_dir(linger).into_iter().flatten().flatten();
        let enforce = fs::read_to_string("/sys/fs/selinux/enforce");
        Ok(Self {
            inventory,
            units,
            homes,
            aliases,
            systemd: systemd(host),
            is_selinux_enforcing: host.is_live() && enforce.is_ok_and(|t| t.trim() == "1"),
            lingering: lingering
                .filter_map(|e| e.file_name().into_string().ok())
                .collect(),
            drift: drift(host)?,
        })
    }

    /// The name under which `homes` has a home.
    pub(crate) fn known_as<'a>(&'a self, home: &'a Path) -> &'a Path {
        self.aliases.get(home).map_or(home, PathBuf::as_path)
    }

    /// The home of a unit's first gateway, if it says which.
    pub(crate) fn home_of(&self, unit: &Unit) -> Option<&HomeFacts> {
        let home = self.known_as(unit.home()?);
        self.homes.iter().find(|h| h.home == home)
    }
}

/// The version that runs, or the one whose library an image has.
fn systemd(host: &Host) -> Option<u32> {
    if host.is_live() {
        return crate::host::systemctl::systemd_version().ok();
    }
    let libraries = [
        "/usr/lib/systemd",
        "/usr/lib64/systemd",
        "/usr/lib/x86_64-linux-gnu/systemd",
        "/usr/lib/aarch64-linux-gnu/systemd",
    ];
    let entries = libraries
        .iter()
        .flat_map(|dir| fs::read_dir(host.real(Path::new(dir))))
        .flatten()
        .flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .find_map(|name| {
            let version = name.strip_prefix("libsystemd-shared-")?;
            let end = version.find(|c: char| !c.is_ascii_digit())?;
            version[..end].parse().ok()
        })
}

fn drift(host: &Host) -> Result<Vec<(PathBuf, String, String)>> {
    let mut found = Vec::new();
    let scopes: &[Scope] = match host.own.uid {
        0 => &[Scope::System, Scope::User],
        _ => &[Scope::User],
    };
    for scope in scopes {
        let host = Host {
            scope: *scope,
            ..host.clone()
        };
        let receipt = read_receipt(&host)?;
        let again = format!("hermes-install upgrade --{} --force", scope.name());
        for (path, stamp) in &receipt.files {
            if let Some(what) = difference(&host.root, path, stamp) {
                found.push((Path::new("/").join(path), what, again.clone()));
            }
        }
    }
    Ok(found)
}

fn unit_facts(host: &Host, unit: &Unit) -> UnitFacts {
    let mut facts = UnitFacts::default();
    let Some(account) = &unit.account else {
        return facts;
    };
    let account = Access::new(host, account);
    for line in unit.directives.list("Service", "ExecStart") {
        let Some(program) = command(&line.value).first().map(|w| unit.expand(w)) else {
            continue;
        };
        facts.add_program(&account, line, Path::new(&program));
    }
    let environment = unit.directives.environment(|v| unit.expand(v));
    if unit.calls.iter().any(|r| r.is_launcher) {
        match environment.get(crate::launcher::exec::HERMES_VARIABLE) {
            Some((hermes, line)) => facts.add_program(&account, line, Path::new(hermes)),
            None => {
                // What the launcher finds by itself; when there is nothing, the launcher says so best.
                let told = environment.get("HERMES_HOME").map(|(v, _)| Path::new(v));
                let root = root_for(told, &account.account.home);
                let places = hermes_search(&root, &account.account.home);
                let found = places.iter().find(|p| host.real(p).is_file());
                let line = unit.directives.last("Service", "ExecStart");
                if let (Some(found), Some(line)) = (found, line) {
                    facts.add_program(&account, line, found);
                }
            }
        }
    }
    if let Some(line) = unit.directives.last("Service", "WorkingDirectory") {
        let path = unit.expand(line.value.trim_matches('"'));
        if path.starts_with('/') {
            facts.directory = Some(account.reach(Path::new(&path), line));
        }
    }
    for line in unit.directives.iter().filter(|d| d.value.contains('%')) {
        for word in words(&line.value) {
            let path = word.split_once('=').map_or(word.as_str(), |(_, v)| v);
            let expanded = unit.expand(path);
            if path.contains('%') && line.section == "Service" {
                let exists =
                    |text: &str| text.starts_with('/') && host.real(Path::new(text)).exists();
                let pair = (exists(path), exists(&expanded));
                facts
                    .percent
                    .push((line.clone(), path.to_owned(), pair.0, pair.1));
            }
        }
    }
    for line in unit.directives.list("Service", "EnvironmentFile") {
        let path = PathBuf::from(unit.expand(line.value.trim_start_matches('-')));
        if is_exposed(host, &path) {
            facts.exposed.push(path);
        }
    }
    facts
}

impl UnitFacts {
    fn add_program(&mut self, account: &Access, line: &Directive, program: &Path) {
        if !program.is_absolute() {
            return;
        }
        let reach = account.reach(program, line);
        let interpreter = account.interpreter(program);
        if self.version.is_none() {
            let prefix = interpreter.as_deref().unwrap_or(program);
            self.version = version_beside(account.host, prefix)
                .or_else(|| version_beside(account.host, &reach.real));
        }
        let is_fine = reach.obstacle.is_none();
        self.programs.push(reach);
        if let Some(interpreter) = interpreter.filter(|_| is_fine) {
            self.programs.push(account.reach(&interpreter, line));
        }
    }
}

/// The version of the hermes-agent in the virtual environment of a program, as pip recorded it.
fn version_beside(host: &Host, program: &Path) -> Option<Version> {
    let library = host.real(&program.parent()?.parent()?.join("lib"));
    let pythons = fs::read_dir(library).ok()?.flatten();
    let sites = pythons.map(|p| p.path().join("site-packages"));
    sites
        .filter_map(|site| fs::read_dir(site).ok())
        .flat_map(|entries| entries.flatten())
        .find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name
                .strip_prefix("hermes_agent-")?
                .strip_suffix(".dist-info")?;
            Version::from_output(version)
        })
}

fn home_facts(host: &Host, home: &Path) -> HomeFacts {
    let real = host.real(home);
    let mut facts = HomeFacts {
        home: home.to_owned(),
        ..HomeFacts::default()
    };
    let Some(meta) = fs::metadata(&real).ok().filter(fs::Metadata::is_dir) else {
        return facts;
    };
    facts.is_owned = match host.is_live() {
        true => owner(&real).ok().map(|owner| owner.is_some()),
        false => None,
    };
    let age = |meta: &fs::Metadata| {
        let changed = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        changed.elapsed().map_or(0, |d| d.as_secs())
    };
    let mut names: Vec<&str> = vec![PID];
    names.extend(MARKERS);
    let there = |name: &&str| {
        let path = home.join(name);
        fs::symlink_metadata(host.real(&path))
            .ok()
            .map(|m| (path, age(&m)))
    };
    facts.uid = meta.uid();
    facts.stale = names.iter().filter_map(there).collect();
    facts.foreign = fs::read_dir(&real)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let of = entry.metadata().ok()?;
            let mode = of.permissions().mode();
            (of.uid() != meta.uid() && !of.is_symlink()).then(|| {
                (
                    home.join(entry.file_name()),
                    of.uid(),
                    mode & 0o006 == 0o006,
                )
            })
        })
        .collect();
    facts.foreign.sort();
    let secrets = [".env", "auth.json"].map(|name| home.join(name));
    let exposed = secrets
        .iter()
        .filter(|path| is_exposed(host, path))
        .filter_map(|path| {
            let mode = fs::metadata(host.real(path)).ok()?.permissions().mode() & 0o7777;
            Some((path.clone(), mode))
        });
    facts.exposed = exposed.collect();
    let root = root_for(Some(home), Path::new("/nonexistent"));
    facts.active = crate::gateway::config::active_profile(&host.root, &root);
    facts.drain = drain_setting(&real);
    facts.is_multiplexed = is_multiplexed(&host.real(&root));
    facts
}
