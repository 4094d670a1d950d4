//! What install, adopt and plan share: from the command line to a transaction, owners that leave included. Changes
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::guard::{ClosedUnits, is_wanted};
use super::layers::Layers;
use super::survey::{Found, Survey};
use super::typed::{Verb, typed};
use crate::cli::InstallArgs;
use crate::config::Config;
use crate::deploy::cut_short::refuse_undecided;
use crate::deploy::pipeline::{Policy, plan_for};
use crate::deploy::receipt::{Contents, Receipt, read_receipt};
use crate::deploy::serving::Served;
use crate::deploy::transaction::Transaction;
use crate::error::trouble;
use crate::host::Host;
use crate::host::declared::refuse_declared;
use crate::host::manager::systemd_level;
use crate::host::mounts::{mounts, network_of};
use crate::host::rootfs::Actual;
use crate::output::Output;
use crate::preflight::{Checked, Preflight};
use crate::profile::{ProfileName, discover};
use crate::takeover::detect::Inherited;
use crate::takeover::migrate::Allow;
use crate::takeover::template::refuse_siblings;
use crate::takeover::typed::Typed;
use crate::units::inventory::Inventory;
use crate::units::starters::told_of;
use crate::units::unit::Unit;

/// Everything known before anything is changed.
pub(super) struct Prepared<'a> {
    pub(super) checked: Vec<Checked>,
    /// Profiles that the default profile's gateway is to serve.
    pub(super) served: Vec<Served>,
    /// What profiles take over from old owners, and what they do not.
    pub(super) inherited: BTreeMap<ProfileName, Inherited>,
    /// What will start gateways of these profiles beside their units, each as a sentence.
    pub(super) notes: Vec<String>,
    pub(super) transaction: Transaction<'a>,
}

impl Prepared<'_> {
    /// The units of old owners that leave.
    pub(super) fn stops(&self) -> impl Iterator<Item = &str> {
        let leaving = self.transaction.handovers.iter().flat_map(|h| &h.units);
        leaving.map(|unit| unit.name.as_str())
    }
}

/// Look at everything and decide; nothing is changed.
pub(super) fn prepare<'a>(
    host: &'a Host,
    args: &InstallArgs,
    verb: Verb,
    output: &'a Output,
) -> Result<Prepared<'a>> {
    refuse_declared(host)?;
    let config = Config::load(args.settings.config.as_deref(), host)?;
    let typed = typed(verb, args);
    let profiles = wanted(host, args, &config, &typed)?;
    let receipt = read_receipt(host)?;
    refuse_undecided(&receipt, |profile| {
        verb == Verb::Split && profiles.contains(profile)
    })?;
    let configured = config.guard;
    systemd_level(host)?;
    let inventory = Inventory::read(host);
    let mut survey = Survey {
        host,
        args,
        verb,
        output,
        inventory: &inventory,
        typed: &typed,
        layers: Layers::new(host, args, config, &receipt)?,
        preflight: Preflight::new(host, output),
        installed: receipt.instances.iter().map(|i| (&i.profile, i)).collect(),
        allow: allowed(args, verb),
        settings_of_served: Vec::new(),
        found: Found::default(),
    };
    for profile in &profiles {
        survey.profile(profile)?;
    }
    survey.servers()?;
    let mut found = survey.found;
    refuse_siblings(host, &inventory, &receipt, &found.migrations, &typed)?;
    let leaves = |unit: &Unit| found.migrations.iter().any(|m| m.ends(unit));
    let closed = ClosedUnits::find(host, &inventory, leaves);
    let (guard, warning) = is_wanted(host, configured, &receipt, closed);
    let mut notes = notes(host, &mut found);
    notes.extend(warning);
    let contents = Contents {
        guard,
        ..contents(host, &receipt, &mut found)
    };
    let policy = policy(args, &found.checked);
    let mut transaction = plan_for(host, output, receipt, contents, &policy)?;
    for path in found.migrations.iter().flat_map(|m| &m.files) {
        if let Actual::Present(entry, _) = host.files.look(path)? {
            transaction.plan.retire(path.clone(), entry);
        }
    }
    if host.live().is_some() {
        let others = found.migrations.into_iter().map(|m| m.handover);
        transaction.creations = found.creations;
        transaction.handovers = found.leaving.into_iter().chain(others).collect();
        transaction.up = started(&found.checked).chain(found.by_default).collect();
    }
    Ok(Prepared {
        checked: found.checked,
        served: found.served,
        inherited: found.inherited,
        notes,
        transaction,
    })
}

/// What old owners may be asked for.
fn allowed(args: &InstallArgs, verb: Verb) -> Allow {
    Allow {
        by_hand: verb == Verb::Adopt,
        units: args.migrate,
        kill: args.force,
    }
}

fn policy(args: &InstallArgs, checked: &[Checked]) -> Policy {
    let enable = checked.iter();
    Policy {
        force: args.force,
        enable: enable
            .map(|c| (c.instance.profile.clone(), c.enable))
            .collect(),
        ..Policy::default()
    }
}

/// The units to start, each with its home.
fn started(checked: &[Checked]) -> impl Iterator<Item = (String, PathBuf)> {
    let up = checked.iter().filter(|c| c.start);
    up.map(|c| (c.instance.profile.unit(), c.home.clone()))
}

/// What a person should know of these profiles, whatever is done.
fn notes(host: &Host, found: &mut Found) -> Vec<String> {
    let homes: Vec<&Path> = found.checked.iter().map(|c| c.home.as_path()).collect();
    let mut notes = std::mem::take(&mut found.notes);
    notes.extend(on_network(host, &homes));
    notes.extend(told_of(host, &homes));
    notes.extend(found.migrations.iter().flat_map(|m| m.notes.clone()));
    notes
}

/// Homes that other hosts may have, too.
fn on_network(host: &Host, homes: &[&Path]) -> Vec<String> {
    let mounts = mounts(host);
    let told = homes.iter().filter_map(|home| {
        let remark = network_of(&mounts, home)?;
        let home = home.display();
        Some(format!(
            "`{home}` is {remark}: let no other host run this profile; to see why: `hermes-install doctor \
             --explain home-on-the-network`"
        ))
    });
    told.collect()
}

/// What is recorded after this, the guard aside.
fn contents(host: &Host, receipt: &Receipt, found: &mut Found) -> Contents {
    let mut contents = with_instances(receipt, &found.checked);
    let is_served = |profile: &ProfileName| found.served.iter().any(|s| s.profile == *profile);
    contents.instances.retain(|i| !is_served(&i.profile));
    contents.settings.retain(|profile, _| !is_served(profile));
    contents.settings.extend(std::mem::take(&mut found.chosen));
    contents.settings.retain(|_, chosen| !chosen.is_empty());
    for migration in &found.migrations {
        contents.masks.extend(migration.masks.iter().cloned());
        let leaves = |unit: &String| {
            let mut units = migration.handover.units.iter();
            units.any(|old| old.name == *unit && old.manager == host.manager())
        };
        contents.shields.retain(|shield| !leaves(&shield.unit));
    }
    contents
}

/// What is recorded, with these profiles in the place of those of the same name.
fn with_instances(receipt: &Receipt, checked: &[Checked]) -> Contents {
    let new: BTreeSet<&ProfileName> = checked.iter().map(|c| &c.instance.profile).collect();
    let mut contents = receipt.contents();
    contents.instances.retain(|i| !new.contains(&i.profile));
    contents
        .instances
        .extend(checked.iter().map(|c| c.instance.clone()));
    contents
}

/// The profiles to install: as named, or all that the configuration names.
fn wanted(
    host: &Host,
    args: &InstallArgs,
    config: &Config,
    typed: &Typed,
) -> Result<Vec<ProfileName>> {
    let mut profiles = args.settings.profiles.clone();
    if profiles.is_empty() {
        profiles.extend(config.profiles.keys().cloned());
    }
    if profiles.is_empty() {
        let root = host.default_root();
        let found = discover(&root, |path| host.real(path));
        let names: Vec<String> = found.iter().map(|name| format!("`{name}`")).collect();
        let has = match names.as_slice() {
            [] => "no profile yet".to_owned(),
            names => names.join(", "),
        };
        trouble!(
            "no profile is named, and `{}` has {has}", root.display();
            "to name one: `{}`", typed.with(&["--profile", "default"]);
            "to see what else there is: `hermes-install --help`"
        );
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = profiles.iter().find(|profile| !seen.insert(*profile)) {
        bail!(crate::render::invalid::Invalid::Twice(twice.clone()));
    }
    Ok(profiles)
}
