//! The units and processes whose settings a profile could take over: what they run, as whom, and where.

use crate::gateway::command_line::{Home, executable};
use crate::host::Host;
use crate::host::account::Account;
use crate::host::account::account_name;
use crate::host::process_text::name;
use crate::launcher::exec::HERMES_VARIABLE;
use crate::layout::Scope;
use crate::profile::ProfileName;
use crate::takeover::lost::is_setting;
use crate::takeover::migrate::Allow;
use crate::units::inventory::Inventory;
use crate::units::unit::Unit;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Somebody who has a profile of this name.
pub(super) struct Candidate<'a> {
    pub(super) who: String,
    pub(super) account: String,
    pub(super) root: PathBuf,
    pub(super) hermes: Option<PathBuf>,
    /// Names of the variables that a process was given beside those of every login.
    pub(super) variables: BTreeSet<String>,
    /// Where a process looks for programs.
    pub(super) path: Option<String>,
    /// The unit, where it is one.
    pub(super) unit: Option<&'a Unit>,
}

pub(super) fn candidates<'a>(
    host: &Host,
    inventory: &'a Inventory,
    profile: &ProfileName,
    allow: Allow,
) -> Vec<Candidate<'a>> {
    let is_ours = |account: &Account| host.scope == Scope::System || account.uid == host.own.uid;
    let units = inventory
        .units
        .iter()
        .filter(|unit| {
            allow.units && unit.stays().is_some() && !unit.is_installed_for(host, profile)
        })
        .filter_map(|unit| {
            let account = unit.account.as_ref();
            let home = unit.calls.iter().find_map(|r| r.home.as_deref())?;
            // root's own units may say what they like.
            if unit.is_user() && owner_of(host, home) != account.map(|a| a.uid) {
                return None;
            }
            let is_dynamic = unit.is_dynamic() && host.scope == Scope::System;
            if !is_dynamic && !account.is_some_and(is_ours) {
                return None;
            }
            Some(Candidate {
                who: unit.title(),
                account: account.map_or_else(|| unit.user(), |account| account.name.clone()),
                root: root_of(profile, home)?,
                hermes: executable_of(host, inventory, unit),
                variables: BTreeSet::new(),
                path: None,
                unit: Some(unit),
            })
        });
    let gateways = inventory.gateways.iter().filter_map(|gateway| {
        let process = &gateway.process;
        let unit = process.unit();
        let is_own = unit.is_some_and(|unit| unit.name == profile.unit());
        let is_meant = allow.by_hand && !is_own && process.container().is_none();
        let is_reachable = host.scope == Scope::System || process.uid == host.own.uid;
        let Home::Known(home) = &gateway.home else {
            return None;
        };
        if !is_meant || !is_reachable {
            return None;
        }
        // Only the owner of a home, and root, can tell which account it is for.
        let owner = owner_of(host, home).filter(|uid| [*uid, 0].contains(&process.uid))?;
        let environ = process.environ().ok()?;
        Some(Candidate {
            who: name(process),
            account: account_name(owner),
            root: root_of(profile, home)?,
            hermes: executable(&process.argv, |path| host.exists(path)),
            variables: environ.names().filter(|n| is_setting(n)).collect(),
            path: environ.get("PATH").map(str::to_owned),
            unit: None,
        })
    });
    units.chain(gateways).collect()
}

/// The account that a profile home belongs to.
pub(super) fn owner_of(host: &Host, home: &Path) -> Option<u32> {
    fs::metadata(host.real(home)).ok().map(|meta| meta.uid())
}

/// The hermes executable of what a unit starts, or has the launcher start; else that of the gateway which it runs now.
pub(crate) fn executable_of(host: &Host, inventory: &Inventory, unit: &Unit) -> Option<PathBuf> {
    let of_line = |argv: &Vec<String>| executable(argv, |path| host.exists(path));
    let told = || {
        let environment = unit.directives.environment(|v| unit.expand(v));
        let (path, _) = environment.get(HERMES_VARIABLE)?;
        Some(PathBuf::from(path))
    };
    let running = || of_line(&unit.gateway(inventory.gateways.iter())?.process.argv);
    let started = unit.lines.iter().find_map(of_line);
    started.or_else(told).or_else(running)
}

/// The hermes root of a profile home, if it is one of that profile.
pub(super) fn root_of(profile: &ProfileName, home: &Path) -> Option<PathBuf> {
    let (of, root) = ProfileName::from_home(home)?;
    (of == *profile).then(|| root.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_belongs_to_the_profile_that_it_is_named_for() {
        let root = |profile: &str, home: &str| {
            root_of(&profile.parse().expect("a name"), Path::new(home))
                .map(|root| root.display().to_string())
        };
        assert_eq!(root("default", "/srv/h").as_deref(), Some("/srv/h"));
        assert_eq!(
            root("coder", "/srv/h/profiles/coder").as_deref(),
            Some("/srv/h")
        );
        assert_eq!(root("coder", "/srv/h"), None);
        assert_eq!(root("default", "/srv/h/profiles/coder"), None);
    }
}
