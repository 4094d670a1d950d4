//! What install, adopt and plan share: from the command line to a transaction, owners that leave included. Changes
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};

use super::confirm::confirm_program;
use super::guard::is_wanted;
use super::layers::Layers;
use super::tenants::{refuse_move, told_of_older};
use super::typed::{Verb, typed};
use crate::cli::InstallArgs;
use crate::config::Config;
use crate::deploy::creation::Creation;
use crate::deploy::handover::{Handover, Old};
use crate::deploy::pipeline::{Policy, plan_for};
use crate::deploy::receipt::{Contents, Receipt, read_receipt};
use crate::deploy::serving::Served;
use crate::deploy::transaction::Transaction;
use crate::error::{refuse, trouble};
use crate::gateway::stop::Force;
use crate::host::Host;
use crate::host::manager::systemd_level;
use crate::host::process_text::as_account;
use crate::host::rootfs::Actual;
use crate::layout::Scope;
use crate::output::Output;
use crate::preflight::{self, Checked, Preflight, tenant};
use crate::profile::{ProfileName, discover};
use crate::takeover::detect::{Inherited, inherit};
use crate::takeover::migrate::{Allow, migrate};
use crate::takeover::namesake::ask_which;
use crate::takeover::server::refuse_served;
use crate::takeover::template::refuse_siblings;
use crate::units::inventory::Inventory;
use crate::units::starters::told_of;

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

/// Look at everything and decide; nothing is changed.
pub(super) fn prepare<'a>(
    host: &'a Host,
    args: &InstallArgs,
    verb: Verb,
    output: &'a Output,
) -> Result<Prepared<'a>> {
    let config = Config::load(args.settings.config.as_deref(), host)?;
    let profiles = wanted(host, args, &config)?;
    let receipt = read_receipt(host)?;
    let guard = is_wanted(&config, &receipt);
    systemd_level(host)?;
    let inventory = Inventory::read(host);
    let typed = typed(verb, args);
    let allow = Allow {
        by_hand: verb == Verb::Adopt,
        units: args.migrate,
        kill: args.force,
    };
    let mut checked = Vec::new();
    let mut creations = Vec::new();
    let mut served = Vec::new();
    let mut settings_of_served = Vec::new();
    let mut leaving = Vec::new();
    let mut migrations = Vec::new();
    let mut chosen = BTreeMap::new();
    let mut inherited = BTreeMap::new();
    let mut notes = Vec::new();
    let layers = Layers::new(host, args, config, &receipt)?;
    let preflight = Preflight::new(host, output);
    let installed: BTreeSet<_> = receipt.instances.iter().map(|i| &i.profile).collect();
    for profile in &profiles {
        let place = |key: &str| layers.place(profile, key);
        let settings = layers.settings(profile)?;
        let mut settings = tenant::settle(host, profile, settings, &place)?;
        let mut choices = layers.choices(profile);
        if allow.by_hand || allow.units {
            let before = settings.clone();
            let theirs = inherit(host, &inventory, profile, settings, allow, output)?;
            let who = theirs.who.as_ref();
            let from = who.map_or_else(String::new, |who| format!("inherited from {who}"));
            let all = theirs.settings.clone();
            choices.record_new(&before, &all, &from);
            inherited.insert(profile.clone(), theirs);
            let is_found = before.hermes.is_none() && verb == Verb::Adopt;
            if let Some(hermes) = all.hermes.as_deref().filter(|_| is_found) {
                confirm_program(hermes, profile, args.yes)?;
            }
            settings = all;
        }
        if !installed.contains(profile) {
            ask_which(host, &inventory, profile, &settings, &typed, output)?;
        }
        chosen.insert(profile.clone(), choices);
        let profile = preflight.check(profile, &settings, &place, args.create)?;
        refuse_move(host, &receipt, &profile)?;
        notes.extend(told_of_older(host, &receipt, &profile));
        if allow.by_hand || allow.units {
            refuse_second_owner(host, &receipt, &profile)?;
        }
        migrations.extend(migrate(host, &inventory, &profile, allow, &typed)?);
        if profile.creates {
            creations.push(Creation::new(&profile, args.standalone));
        }
        if !args.standalone && profile.is_served(host) {
            leaving.extend(own_unit(host, &receipt, &profile, allow)?);
            chosen.remove(&profile.instance.profile);
            served.push(Served::new(host, &profile)?);
            settings_of_served.push(settings);
        } else {
            if !args.standalone {
                refuse_served(host, &inventory, &profile)?;
            }
            checked.push(profile);
        }
    }
    // Somebody has to serve them.
    let mut by_default = None;
    for (profile, settings) in served.iter().zip(settings_of_served) {
        let is_known = |c: &Checked| c.instance.profile.is_default() && c.root == profile.root;
        if profile.server(host)?.is_some() || checked.iter().any(is_known) {
            continue;
        }
        let name: ProfileName = DEFAULT.parse()?;
        let mut own = layers.settings(&name)?;
        // It serves others, and a tenant serves nobody.
        own.tenant = None;
        own.home = own.home.or(settings.home);
        own.run_as = own.run_as.or(settings.run_as);
        let place = |key: &str| layers.place(&name, key);
        let default = preflight.check(&name, &own, &place, false)?;
        let is_installed = receipt
            .instances
            .iter()
            .any(|i| i.profile == default.instance.profile);
        if is_installed {
            by_default = Some((default.instance.profile.unit(), default.home));
        } else {
            migrations.extend(migrate(host, &inventory, &default, allow, &typed)?);
            chosen.insert(name.clone(), layers.choices(&name));
            checked.push(default);
        }
    }

    refuse_siblings(host, &inventory, &migrations, &typed)?;
    let homes: Vec<&Path> = checked.iter().map(|c| c.home.as_path()).collect();
    notes.extend(told_of(host, &homes));
    notes.extend(migrations.iter().flat_map(|m| m.notes.clone()));
    let mut contents = with_instances(&receipt, &checked);
    let is_served = |profile: &ProfileName| served.iter().any(|s| s.profile == *profile);
    contents.instances.retain(|i| !is_served(&i.profile));
    contents.settings.retain(|profile, _| !is_served(profile));
    contents.settings.extend(chosen);
    contents.settings.retain(|_, chosen| !chosen.is_empty());
    for migration in &migrations {
        contents.masks.extend(migration.masks.iter().cloned());
        let leaves = |unit: &String| {
            let mut units = migration.handover.units.iter();
            units.any(|old| old.name == *unit && old.manager == host.manager())
        };
        contents.shields.retain(|shield| !leaves(&shield.unit));
    }
    contents.guard = Some(guard);
    let enable = checked.iter();
    let policy = Policy {
        force: args.force,
        enable: enable
            .map(|c| (c.instance.profile.clone(), c.enable))
            .collect(),
        ..Policy::default()
    };
    let mut transaction = plan_for(host, output, receipt, contents, &policy)?;
    for path in migrations.iter().flat_map(|m| &m.files) {
        if let Actual::Present(entry, _) = host.files.look(path)? {
            transaction.plan.retire(path.clone(), entry);
        }
    }
    if host.live().is_some() {
        let others = migrations.into_iter().map(|m| m.handover);
        transaction.creations = creations;
        transaction.handovers = leaving.into_iter().chain(others).collect();
        let up = checked.iter().filter(|c| c.start);
        transaction.up = up
            .map(|c| (c.instance.profile.unit(), c.home.clone()))
            .chain(by_default)
            .collect();
    }
    Ok(Prepared {
        checked,
        served,
        inherited,
        notes,
        transaction,
    })
}

/// There is one instance of a name in a manager: a takeover for another home would leave the first one's bot without a unit.
fn refuse_second_owner(host: &Host, receipt: &Receipt, checked: &Checked) -> Result<()> {
    let profile = &checked.instance.profile;
    let Some(before) = receipt.instances.iter().find(|i| i.profile == *profile) else {
        return Ok(());
    };
    let home = profile.home(before.root.as_deref().unwrap_or(&host.default_root()));
    if host.directory(&home) == host.directory(&checked.home) {
        return Ok(());
    }
    let (unit, account) = (profile.unit(), &checked.account.name);
    let to_user = format!("hermes-install --user --profile {profile} --migrate");
    refuse!(
        "`{unit}` runs profile `{profile}` of `{}`, and there is one unit of that name; this would take it for `{}`",
        home.display(),
        checked.home.display();
        "`{}` leaves the profile to {account}'s own manager", as_account(account, &to_user);
        "`hermes-install uninstall --profile {profile}` makes the name free; then run this again"
    )
}

/// The profile whose gateway serves the others.
const DEFAULT: &str = "default";

/// The unit that a profile has of its own, on its way out: beside the gateway that serves all it would be a second one.
fn own_unit(
    host: &Host,
    receipt: &Receipt,
    checked: &Checked,
    allow: Allow,
) -> Result<Option<Handover>> {
    let profile = &checked.instance.profile;
    let Some(own) = receipt.instances.iter().find(|i| i.profile == *profile) else {
        return Ok(None);
    };
    let unit = profile.unit();
    if !allow.units {
        refuse!(
            "hermes {} has one gateway for all profiles, that of `default`, and `{unit}` would run a second one for \
             `{profile}`; keep it with `hermes-install --profile {profile} --standalone`, or have the profile served with \
             `hermes-install --profile {profile} --migrate`, which stops `{unit}` as planned and removes it",
            preflight::told(checked.version)
        );
    }
    let was_active = match host.live() {
        Some(live) => live.manager().show_one(&unit)?.runs(),
        None => false,
    };
    Ok(Some(Handover {
        home: checked.home.clone(),
        by_hand: None,
        units: vec![Old {
            manager: host.manager(),
            user: (host.scope == Scope::User).then_some(host.own.uid),
            name: unit,
            was_active,
        }],
        drain: own
            .drain_timeout
            .unwrap_or(own.gateway_drain)
            .max(checked.instance.gateway_drain),
        force: if allow.kill {
            Force::Kill
        } else {
            Force::Overdue
        },
    }))
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
fn wanted(host: &Host, args: &InstallArgs, config: &Config) -> Result<Vec<ProfileName>> {
    let mut profiles = args.settings.profiles.clone();
    if profiles.is_empty() {
        profiles.extend(config.profiles.keys().cloned());
    }
    if profiles.is_empty() {
        let found: Vec<String> = discover(&host.at(&host.default_root()))
            .iter()
            .map(ToString::to_string)
            .collect();
        let hint = match found.as_slice() {
            [] => format!(
                "there is none yet under `{}`",
                host.default_root().display()
            ),
            names => format!("there is {}", names.join(", ")),
        };
        trouble!(
            "no profile is named, and {hint}";
            "try `hermes-install --profile default`";
            "`hermes-install --help` has the rest"
        );
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = profiles.iter().find(|profile| !seen.insert(*profile)) {
        bail!(crate::render::model::Invalid::Twice(twice.clone()));
    }
    Ok(profiles)
}
