//! What rules are told of a host: its inventory, what each unit needs, and the files of each profile home. Texts that
//! need the host to be asked, such as names of accounts and processes, are made here, so that rules ask nobody. Reads
//! only.

mod drift;
mod home_gateway;
pub(crate) mod homes;
pub(crate) mod leftovers;
mod roots;
pub(crate) mod units;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use self::drift::{Drift, drift};
use self::homes::{HomeFacts, Homes, home_facts};
use self::roots::Roots;
use self::units::{UnitFacts, unit_facts};
use crate::gateway::command_line::Home;
use crate::gateway::installations::Installations;
use crate::host::cgroup::UnitRef;
use crate::host::keeper::keeper;
use crate::host::manager::systemd_version;
use crate::host::mounts::{Mount, mounts};
use crate::host::process_text::{keeper_text, name, stop_command};
use crate::host::read::UNIT;
use crate::host::span::seconds;
use crate::host::{DirectoryId, Host};
use crate::units::inventory::{Gateway, Inventory};
use crate::units::starters::starter::Starter;
use crate::units::starters::starters;
use crate::units::unit::Unit;
use crate::units::unit_file::Directives;

/// Everything that rules judge.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Units and gateways.
    pub(crate) inventory: Inventory,
    /// Of each unit of the inventory, in the same order.
    pub(crate) units: Vec<UnitFacts>,
    /// Gateways that run and say of which home.
    pub(crate) gateways: Vec<GatewayFacts>,
    /// Of each profile home that some unit or gateway names.
    pub(crate) homes: Homes,
    /// Other names under which units and gateways have a home, to the name that it has in `homes`.
    pub(crate) aliases: BTreeMap<PathBuf, PathBuf>,
    /// The systemd version that reads the units, where that can be told.
    pub(crate) systemd: Option<u32>,
    /// Whether SELinux decides what a system service may run.
    pub(crate) is_selinux_enforcing: bool,
    /// The managers' DefaultTimeoutStopSec=, where their configuration sets it.
    pub(crate) default_stop: DefaultStop,
    /// Accounts whose managers outlive their sessions.
    pub(crate) lingering: BTreeSet<String>,
    /// The time, in seconds since 1970.
    pub(crate) now: u64,
    /// What starts gateways outside of systemd's units.
    pub(crate) starters: Vec<Starter>,
    /// File systems of their own.
    pub(crate) mounts: Vec<Mount>,
    /// Files that hermes-install wrote and that are not as it wrote them.
    pub(crate) drift: Vec<Drift>,
}

/// DefaultTimeoutStopSec= in seconds (systemd-system.conf(5)).
#[derive(Debug, Default)]
pub(crate) struct DefaultStop {
    /// Of the system's manager.
    pub(crate) system: Option<f64>,
    /// Of every user manager.
    pub(crate) user: Option<f64>,
}

/// What the configuration of a manager sets: its file, then its drop-ins by file name, the strongest directory first.
fn default_stop(host: &Host, name: &str) -> Option<f64> {
    const PLACES: [&str; 4] = ["/etc", "/run", "/usr/local/lib", "/usr/lib"];
    let main = |top: &&str| {
        let path = Path::new(top).join("systemd").join(name);
        host.files
            .read_text(&path, UNIT)
            .ok()?
            .map(|text| (path, text))
    };
    let mut drop_ins: BTreeMap<String, PathBuf> = BTreeMap::new();
    for top in PLACES {
        let directory = Path::new(top).join("systemd").join(format!("{name}.d"));
        for file in host.files.names(&directory).unwrap_or_default() {
            let file = file.to_string_lossy().into_owned();
            let path = directory.join(&file);
            if file.ends_with(".conf") {
                drop_ins.entry(file).or_insert(path);
            }
        }
    }
    let mut directives = Directives::default();
    if let Some((path, text)) = PLACES.iter().find_map(main) {
        directives.extend(&Directives::of(&path, &text));
    }
    for path in drop_ins.into_values() {
        if let Ok(Some(text)) = host.files.read_text(&path, UNIT) {
            directives.extend(&Directives::of(&path, &text));
        }
    }
    seconds(directives.value("Manager", "DefaultTimeoutStopSec")?)
}

/// A gateway that runs.
#[derive(Debug)]
pub(crate) struct GatewayFacts {
    /// Which process it is, as the start of a sentence.
    pub(crate) title: String,
    /// The profile home that it works on.
    pub(crate) home: PathBuf,
    /// The service that it runs in.
    pub(crate) service: Option<UnitRef>,
    /// The command that ends it.
    pub(crate) stop_command: String,
    /// Whether somebody started it by hand, as `adopt` sees it.
    pub(crate) is_by_hand: bool,
    /// What starts it again when it ends, as a sentence, and the command that ends that.
    pub(crate) keeper: Option<(String, String)>,
}

impl Facts {
    /// Look at everything.
    pub(crate) fn read(host: &Host) -> Self {
        host.files.begin();
        let inventory = Inventory::read(host);
        let installations = Installations::new(host);
        let units = inventory.units.iter();
        let units = units.map(|unit| unit_facts(host, &installations, unit));
        let units = units.collect();
        let mut roots = Roots::new(host);
        let mut homes = Vec::new();
        let mut aliases = BTreeMap::new();
        let mut by_directory: HashMap<DirectoryId, PathBuf> = HashMap::new();
        for (home, is_named) in named_homes(host, &inventory) {
            match by_directory.entry(host.directory(&home)) {
                Entry::Occupied(known) => drop(aliases.insert(home, known.get().clone())),
                Entry::Vacant(place) => {
                    homes.push(home_facts(host, &mut roots, &home, is_named));
                    place.insert(home);
                }
            }
        }
        let lingering = host.files.names(Path::new("/var/lib/systemd/linger"));
        let enforce = fs::read_to_string("/sys/fs/selinux/enforce");
        let gateways = inventory.gateways.iter();
        let gateways = gateways.filter_map(|gateway| gateway_facts(host, &inventory, gateway));
        Self {
            gateways: gateways.collect(),
            inventory,
            units,
            homes: Homes::new(homes),
            aliases,
            systemd: systemd_version(host),
            default_stop: DefaultStop {
                system: default_stop(host, "system.conf"),
                user: default_stop(host, "user.conf"),
            },
            is_selinux_enforcing: host.live().is_some() && enforce.is_ok_and(|t| t.trim() == "1"),
            lingering: (lingering.unwrap_or_default().into_iter())
                .filter_map(|name| name.into_string().ok())
                .collect(),
            now: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |now| now.as_secs()),
            starters: starters(host),
            mounts: mounts(host),
            drift: drift(host),
        }
    }

    /// The name under which `homes` has a home.
    pub(crate) fn known_as<'a>(&'a self, home: &'a Path) -> &'a Path {
        self.aliases.get(home).map_or(home, PathBuf::as_path)
    }

    /// The home of a unit's first gateway, if it says which.
    pub(crate) fn home_of(&self, unit: &Unit) -> Option<&HomeFacts> {
        self.homes.get(self.known_as(unit.home()?))
    }
}

/// Every home that somebody names, and whether that is its owner, or root in a system unit or in person. Those come first:
/// a home is called what they call it.
fn named_homes(host: &Host, inventory: &Inventory) -> Vec<(PathBuf, bool)> {
    let owner = |home: &Path| host.metadata(home).ok().map(|meta| meta.uid());
    let mut named: Vec<(bool, &PathBuf)> = Vec::new();
    for unit in &inventory.units {
        // An image may have been unpacked with other owners.
        let is_owners =
            |home: &Path| host.live().is_none() || owner(home) == Some(unit.manager_account.uid);
        let homes = unit.calls.iter().filter_map(|call| call.home.as_ref());
        named.extend(homes.map(|home| (unit.is_user() && !is_owners(home), home)));
    }
    for gateway in &inventory.gateways {
        let process = &gateway.process;
        let Home::Known(home) = &gateway.home else {
            continue;
        };
        let uid = owner(home);
        let is_here = process.identity(home) == identity(&host.real(home));
        let is_owners = is_here && [uid, Some(0)].contains(&Some(process.uid));
        if process.container().is_none() {
            named.push((!is_owners, home));
        }
    }
    named.sort();
    named.dedup();
    let by_strangers = |home: &PathBuf| named.binary_search(&(false, home)).is_err();
    named
        .iter()
        .filter(|(is_strangers, home)| !is_strangers || by_strangers(home))
        .map(|(is_strangers, home)| ((*home).clone(), !is_strangers))
        .collect()
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// A gateway that could have the home that it names.
fn gateway_facts(host: &Host, inventory: &Inventory, gateway: &Gateway) -> Option<GatewayFacts> {
    let Home::Known(home) = &gateway.home else {
        return None;
    };
    let meta = host.metadata(home);
    if meta.is_ok_and(|meta| !gateway.process.credentials.may_work_in(&meta)) {
        return None;
    }
    Some(GatewayFacts {
        title: name(&gateway.process),
        home: home.clone(),
        service: gateway.process.unit().filter(UnitRef::is_service),
        stop_command: stop_command(&gateway.process),
        is_by_hand: inventory.is_by_hand(host, home, &gateway.process),
        keeper: keeper(&gateway.process).map(|by| keeper_text(&gateway.process, &by)),
    })
}
