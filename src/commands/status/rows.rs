//! From what a host has to what is said of each profile. Everything that several profiles share is read or sorted once.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::drift::Drift;
use super::hint::{hint, is_left_failed};
use super::platforms::{last_words, platforms};
use super::shut_out::{hermes_gone, matters_in, shut_out};
use crate::commands::json::{Hermes, Profile};
use crate::commands::status::details::{
    found_owner, hermes, is_enabled, last_end, left_by_update, never_started, owner_of,
};
use crate::commands::status::state::Seen;
use crate::deploy::receipt::{Drifted, Receipt};
use crate::gateway::gone::is_gone;
use crate::gateway::installation::Installation;
use crate::gateway::installations::Installations;
use crate::gateway::owner::{Owners, holder};
use crate::gateway::served::{Server, Servers, Service, is_parked};
use crate::gateway::state::State as Record;
use crate::gateway::tokenless::silence;
use crate::gateway::update::{Left, left};
use crate::host::Host;
use crate::host::account::account_name;
use crate::host::process::Process;
use crate::host::search::hermes_search;
use crate::host::service_state::ServiceState;
use crate::launcher::backoff::Waiting;
use crate::layout::{ACCOUNT, Scope};
use crate::profile::ProfileName;
use crate::render::instance::Instance;
use crate::takeover::other_owner::owning_units;
use crate::units::inventory::Inventory;
use crate::units::unit::Unit;

/// A host, sorted by what a profile is asked for.
pub(super) struct Sight<'a> {
    host: &'a Host,
    receipt: &'a Receipt,
    inventory: &'a Inventory,
    installed: BTreeMap<&'a ProfileName, &'a Instance>,
    states: HashMap<String, ServiceState>,
    drift: Drift<'a>,
    installations: Installations<'a>,
    /// What is found for the profiles of a root that set no hermes.
    shared: RefCell<HashMap<PathBuf, Option<Installation>>>,
    owners: Owners,
    /// When the manager began, in seconds since 1970, once that was asked.
    began: OnceCell<Option<u64>>,
    /// By root.
    servers: RefCell<HashMap<PathBuf, Servers>>,
}

impl<'a> Sight<'a> {
    /// Read what all profiles share.
    pub(super) fn new(
        host: &'a Host,
        receipt: &'a Receipt,
        inventory: &'a Inventory,
        drift: Vec<Drifted<'a>>,
        profiles: &[(ProfileName, PathBuf)],
    ) -> Result<Self> {
        let names: Vec<String> = profiles.iter().map(|(p, _)| p.unit()).collect();
        let shown = host.live().map(|live| live.manager().show(&names));
        let shown = shown.transpose()?.unwrap_or_default().into_iter();
        let states = shown.map(|state| (state.id.clone(), state)).collect();
        Ok(Self {
            host,
            receipt,
            inventory,
            installed: receipt.instances.iter().map(|i| (&i.profile, i)).collect(),
            states,
            drift: Drift::new(host, receipt, drift),
            installations: Installations::new(host),
            shared: RefCell::default(),
            owners: Owners::default(),
            began: OnceCell::new(),
            servers: RefCell::default(),
        })
    }

    /// Everything about one profile.
    pub(super) fn profile(&self, profile: &ProfileName, root: &Path) -> Profile {
        let host = self.host;
        let (unit, home) = (profile.unit(), profile.home(root));
        let service = self.states.get(&unit);
        let get =
            |word: fn(&ServiceState) -> &String| service.map(word).cloned().unwrap_or_default();
        let main_pid = service.and_then(|s| s.main_pid).unwrap_or_default();
        let (owner, unknown) = found_owner(host, &self.owners, &home);
        let record = owner.as_ref().and_then(|_| Record::read(&home));
        let server = if host.live().is_some() && owner.is_none() {
            self.server(profile, root)
        } else {
            None
        };
        let process = owner.as_ref().and_then(|o| o.process.as_ref());
        let is_nameless = owner.is_some() && process.is_none();
        let holder = is_nameless.then(|| holder(&host.real(&home))).flatten();
        let known = process.or(holder.as_ref());
        let own = process.zip(record.as_ref()).filter(|(p, r)| p.pid == r.pid);
        let (mute, tokenless) = own
            .map(|(process, record)| silence(process, &home, record))
            .unwrap_or_default();
        let account = self.account(profile, process);
        let shut_out = shut_out(host, &account, &home);
        let seen = Seen {
            is_served: server.is_some(),
            is_parked: is_parked(&host.real(&home)),
            is_live: host.live().is_some(),
            is_owned: owner.is_some(),
            // A home that its account cannot use any more names nobody; its lock has a holder.
            is_own: known.is_some_and(|p| p.pid == main_pid),
            is_unknown: unknown.is_some(),
            is_gone: self.installed.contains_key(profile) && is_gone(host, &home),
            is_mute: !mute.is_empty() || !tokenless.is_empty() || shut_out.is_some(),
            is_halted: process.is_some_and(Process::is_stopped),
            has_failed: service.is_some_and(ServiceState::has_failed),
            record: record.as_ref().filter(|r| r.pid == main_pid),
        };
        let state = seen.state(&get(|s| &s.active_state));
        let shield = self.shield(profile, &home);
        let units: Vec<&Unit> = self.inventory.units_of(host, &home).collect();
        let mut row = Profile {
            state,
            account,
            installed: self.installed.contains_key(profile),
            enabled: is_enabled(host, profile),
            active_state: get(|s| &s.active_state),
            sub_state: get(|s| &s.sub_state),
            result: get(|s| &s.result),
            restarts: service.map_or(0, |s| s.restarts),
            hermes: self.hermes(profile, root, process, record.as_ref()),
            platforms: (record.as_ref())
                .or(last_words(&home, state, service).as_ref())
                .map(|r| platforms(r, &mute, &tokenless))
                .unwrap_or_default(),
            last_end: service.and_then(last_end),
            owner: known.or(server.as_ref().map(|s| &s.process)).map(owner_of),
            served_by: server.as_ref().map(|s| s.profile.clone()),
            unknown,
            hint: None,
            other_owners: owning_units(host, units.iter().copied(), profile, &home),
            drift: self.drift.told(
                profile,
                self.installed.contains_key(profile),
                &unit,
                shield.as_deref(),
                service.is_some_and(|s| s.needs_reload),
            ),
            scope: host.scope,
            profile: profile.clone(),
            next_start: service.and_then(|s| self.next_start(s)),
            guarded: self.guarded(&units),
            left_stopped: false,
            never_started: false,
            shield,
            main_pid,
            unit,
            home,
        };
        let is_loaded = service.is_some_and(|s| s.load_state == "loaded");
        let paused = left_by_update(&units, &row);
        row.left_stopped = paused.as_ref().is_some_and(|paused| paused.is_left)
            || is_left_failed(host, self.inventory, &row);
        let named = (self.installed.get(profile)).and_then(|i| i.hermes.as_deref());
        let is_untouched = |s| never_started(host, row.state, profile, s, || self.began());
        row.never_started = row.installed && service.is_some_and(is_untouched);
        let usual = || {
            hint(
                host,
                self.inventory,
                &row,
                known,
                &mute,
                &tokenless,
                is_loaded,
            )
        };
        row.hint = paused
            .map(|paused| paused.what)
            .or(shut_out.filter(|_| matters_in(row.state)))
            .or_else(|| hermes_gone(host, &row, &units, named))
            .or_else(usual);
        row
    }

    /// When the manager began; one that runs answers that for all profiles at once.
    fn began(&self) -> Option<u64> {
        let ask = || self.host.live()?.manager().began();
        *self.began.get_or_init(ask)
    }

    /// The other gateway that serves a profile.
    fn server(&self, profile: &ProfileName, root: &Path) -> Option<Box<Server>> {
        let mut known = self.servers.borrow_mut();
        let servers = known.entry(root.to_owned());
        let servers = servers.or_insert_with_key(|root| Servers::read(root));
        match servers.service(profile) {
            Ok(Service::By(server)) => Some(server),
            _ => None,
        }
    }

    /// The account that the gateway runs as, or would.
    fn account(&self, profile: &ProfileName, process: Option<&Process>) -> String {
        let set = self.installed.get(profile).and_then(|i| i.account.as_ref());
        match (process, set) {
            (Some(process), _) => account_name(process.uid),
            (None, Some(account)) => account.user.clone(),
            (None, None) if self.host.scope == Scope::System => ACCOUNT.to_owned(),
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

    /// The unit of hermes' own, among those of a home, that runs it under the guard: that of the manager which is asked, or
    /// else another's.
    fn guarded(&self, units: &[&Unit]) -> Option<String> {
        let guarded = units.iter().filter(|unit| unit.is_guarded);
        let found = guarded.max_by_key(|unit| unit.manager == self.host.manager())?;
        Some(found.name.clone())
    }

    /// The first installation at the places of a root and a home directory.
    fn found(&self, root: &Path, own: &Path) -> Option<Installation> {
        let places = hermes_search(root, own);
        places.iter().find_map(|p| self.installations.find(p))
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
        let on_disk = match process {
            Some(process) => Installation::of_process(process)?,
            None => match set {
                Some(hermes) => self.installations.find(&hermes)?,
                None if profile.is_tenant(root) => self.found(root, &profile.tenant_home())?,
                None => {
                    let mut shared = self.shared.borrow_mut();
                    let find = |root: &PathBuf| self.found(root, &self.host.own.home);
                    let found = shared.entry(root.to_owned()).or_insert_with_key(find);
                    found.clone()?
                }
            },
        };
        let running = record.and_then(|r| r.code_version.clone());
        let left = process.and_then(|process| left(process, &on_disk));
        let is_newer = process.is_some_and(|process| on_disk.changed_after(process.started()));
        let is_newer = is_newer || left.is_some();
        let running = running.or_else(|| match left? {
            Left::There(installation) => Some(installation.version?.to_string()),
            Left::Gone => None,
        });
        hermes(&on_disk, is_newer, running)
    }
}
