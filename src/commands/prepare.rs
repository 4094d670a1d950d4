//! What install, adopt and plan share: from the command line to a plan and the owners that leave. Changes nothing.

use anyhow::{Result, bail};

use crate::cli::InstallArgs;
use crate::config::{Config, Settings};
use crate::deploy::desired::{desired, links};
use crate::deploy::plan::{Plan, plan};
use crate::deploy::receipt::read_receipt;
use crate::deploy::receipt::{Contents, Receipt};
use crate::host::Host;
use crate::host::rootfs::{Actual, look, observe};
use crate::output::Output;
use crate::preflight::{self, Checked};
use crate::profile::{ProfileName, discover};
use crate::takeover::detect::inherit;
use crate::takeover::handover::Handover;
use crate::takeover::migrate::{Allow, Typed, migrate};
use crate::units::inventory::Inventory;

/// Everything known before anything is changed.
pub(super) struct Prepared {
    pub(crate) host: Host,
    pub(crate) receipt: Receipt,
    pub(crate) checked: Vec<Checked>,
    pub(crate) plan: Plan,
    pub(crate) contents: Contents,
    pub(crate) handovers: Vec<Handover>,
}

/// Look at everything and decide; nothing is changed.
pub(super) fn prepare(
    host: Host,
    args: &InstallArgs,
    adopts: bool,
    output: &Output,
) -> Result<Prepared> {
    let config = Config::load(args.settings.config.as_deref(), &host)?;
    let flags = Settings {
        enable: args.no_enable.then_some(false),
        start: args.no_start.then_some(false),
        ..Settings::from_args(&args.settings)?
    };
    let profiles = wanted(&host, args, &config)?;
    let receipt = read_receipt(&host)?;
    let systemd = preflight::systemd_level(&host)?;
    let inventory = Inventory::read(&host);
    let allow = Allow {
        by_hand: adopts,
        units: args.migrate,
        kill: args.force,
    };
    let mut checked = Vec::new();
    let mut migrations = Vec::new();
    for profile in &profiles {
        let mut settings = config.settings(profile, &flags);
        if allow.by_hand || allow.units {
            settings = inherit(&host, &inventory, profile, settings, allow, output)?;
        }
        let profile = preflight::check(&host, profile, &settings, output)?;
        migrations.extend(migrate(&host, &inventory, &profile, allow, &typed())?);
        checked.push(profile);
    }

    let mut instances: Vec<_> = checked.iter().map(|c| c.instance.clone()).collect();
    let others = receipt
        .instances
        .iter()
        .filter(|i| !profiles.contains(&i.profile));
    instances.extend(others.cloned());
    // Another profile stays enabled if it still is: an admin may have disabled it since.
    let is_linked = |profile: &ProfileName| {
        let linked = observe(&host.root, &links(&host, profile));
        linked.is_ok_and(|seen| seen.values().any(|a| !matches!(a, Actual::Missing)))
    };
    let mut contents = Contents {
        instances,
        ..receipt.contents()
    };
    for migration in &migrations {
        contents.masks.extend(migration.masks.iter().cloned());
        let leaves = |unit: &String| {
            let mut units = migration.handover.units.iter();
            units.any(|old| old.name == *unit && old.manager == host.manager())
        };
        contents.shields.retain(|shield| !leaves(&shield.unit));
    }
    let tree = desired(&host, systemd, &contents, |profile| {
        match checked.iter().find(|c| c.instance.profile == *profile) {
            Some(checked) => checked.enable,
            None => is_linked(profile),
        }
    })?;
    let observed = observe(&host.root, tree.keys().chain(receipt.paths()))?;
    let owner = nix::unistd::geteuid().as_raw();
    let mut plan = plan(&tree, &receipt, &observed, owner, args.force);
    for path in migrations.iter().flat_map(|m| &m.files) {
        if let Actual::Present(entry, _) = look(&host.root, path)? {
            plan.retire(path.clone(), entry);
        }
    }
    let handovers = match host.live() {
        Some(_) => migrations.into_iter().map(|m| m.handover).collect(),
        None => Vec::new(),
    };
    Ok(Prepared {
        host,
        receipt,
        checked,
        plan,
        contents,
        handovers,
    })
}

/// The command line of this run.
fn typed() -> Typed {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let verb = words
        .first()
        .filter(|w| matches!(w.as_str(), "plan" | "adopt"));
    let verb = verb.cloned();
    if verb.is_some() {
        words.remove(0);
    }
    words.retain(|word| word != "--diff");
    Typed { verb, words }
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
            names => format!("there is: {}", names.join(", ")),
        };
        bail!(
            "no profile is named; try `hermes-install --profile default` ({hint}), or see `hermes-install --help`"
        );
    }
    for (at, profile) in profiles.iter().enumerate() {
        if profiles[..at].contains(profile) {
            bail!(crate::render::model::Invalid::Twice(profile.clone()));
        }
    }
    Ok(profiles)
}
