//! `shield`: somebody else's unit stays, under a drop-in of ours that makes it safe; `--remove` takes it back.

use anyhow::Result;

use super::DONE;
use crate::cli::ShieldArgs;
use crate::config::Settings;
use crate::deploy::desired::{desired, links};
use crate::deploy::plan::plan;
use crate::deploy::receipt::read_receipt;
use crate::deploy::receipt::{Contents, Receipt};
use crate::deploy::transaction::{Outcome, Transaction, active, commit};
use crate::deploy::writer::Lock;
use crate::error::refuse;
use crate::gateway::config::stop_drain;
use crate::host::Host;
use crate::host::rootfs::{Actual, look, observe};
use crate::output::{self, Output};
use crate::preflight::{self, systemd_level};
use crate::profile::ProfileName;
use crate::render::model::Shield;
use crate::takeover::detect;
use crate::units::inventory::Inventory;
use crate::units::unit::{Origin, Unit};

/// Put shields up, or take them away.
pub(crate) fn shield(args: &ShieldArgs) -> Result<u8> {
    let output = args.output.printer();
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    let _lock = Lock::take(&host.lock_directory())?;
    let receipt = read_receipt(&host)?;
    match args.remove {
        true => remove(args, &host, receipt, &output),
        false => put_up(args, &host, receipt, &output),
    }
}

fn put_up(args: &ShieldArgs, host: &Host, receipt: Receipt, output: &Output) -> Result<u8> {
    let inventory = Inventory::read(host);
    let units = chosen(args, host, &inventory)?;
    let mut contents = receipt.contents();
    let mut names = Vec::new();
    for unit in units {
        let shield = of_unit(host, unit, output)?;
        names.push(shield.unit.clone());
        contents.shields.retain(|s| s.unit != shield.unit);
        contents.shields.push(shield);
    }
    contents.shields.sort_by(|a, b| a.unit.cmp(&b.unit));
    let is_there = |path: &String| matches!(look(&host.root, path), Ok(Actual::Present(..)));
    let tree = desired(host, systemd_level(host)?, &contents, |profile| {
        links(host, profile).iter().any(is_there)
    })?;
    let observed = observe(&host.root, tree.keys().chain(receipt.paths()))?;
    let owner = nix::unistd::geteuid().as_raw();
    let plan = plan(&tree, &receipt, &observed, owner, args.force);
    let conflicts = plan.conflicts();
    if !conflicts.is_empty() {
        output::print(plan.to_diff());
        refuse!(
            "nothing was changed, because of files that are not as we would leave them:\n  {}",
            conflicts.join("\n  ")
        );
    }
    let running = match host.live().filter(|_| !plan.is_empty()) {
        Some(live) => active(live, only(&contents, host, &names))?,
        None => Vec::new(),
    };
    let restart = running.is_empty() || args.yes || {
        let units: Vec<&str> = running.iter().map(|(unit, _)| unit.as_str()).collect();
        output::ask(&format!(
            "restart {} now, as planned, so that its gateway runs under the shield?",
            units.join(", ")
        )) == Some(true)
    };
    let outcome = commit(Transaction {
        host,
        output,
        linger: receipt.linger,
        old: receipt,
        plan,
        contents,
        handovers: Vec::new(),
        up: match restart {
            true => running.clone(),
            false => Vec::new(),
        },
    })?;
    let later: Vec<String> = match restart {
        true => Vec::new(),
        false => running.into_iter().map(|(unit, _)| unit).collect(),
    };
    summary(host, &names, &later, &outcome, output);
    Ok(DONE)
}

/// The contents' units by these names, each with its profile home.
fn only(contents: &Contents, host: &Host, names: &[String]) -> Vec<(String, std::path::PathBuf)> {
    let mut units = contents.units(&host.default_root());
    units.retain(|(unit, _)| names.contains(unit));
    units
}

fn summary(host: &Host, names: &[String], later: &[String], outcome: &Outcome, output: &Output) {
    if output.json {
        output::json(&serde_json::json!({
            "files_changed": outcome.files,
            "units": names,
            "restarted": outcome.started,
            "to_restart": later,
        }));
        return;
    }
    if outcome.files == 0 {
        output.done(format!(
            "{} is shielded already; nothing was changed",
            names.join(", ")
        ));
        return;
    }
    output.done(format!("{} is shielded", names.join(", ")));
    for unit in later {
        output.warn(format!(
            "the gateway of `{unit}` was started without the shield, and runs under its rules for restarts only; the rest \
             begins with `{} restart {unit}`",
            host.manager().command_prefix()
        ));
    }
}

/// The units that are meant: as named, of these profiles, or all that hermes made.
fn chosen<'a>(args: &ShieldArgs, host: &Host, inventory: &'a Inventory) -> Result<Vec<&'a Unit>> {
    let own: Vec<&Unit> = inventory
        .units
        .iter()
        .filter(|u| u.manager == host.manager() && u.origin != Origin::Ours && !u.is_masked)
        .filter(|u| u.files.fragment.is_some())
        .collect();
    let mut chosen: Vec<&Unit> = Vec::new();
    for name in args.units.iter().map(|name| full(name)) {
        match own.iter().find(|u| u.name == name) {
            Some(unit) => chosen.push(unit),
            None => refuse!(
                "`{name}` is no unit of the {} scope that runs a gateway and could be shielded; see `{} cat {name}`",
                host.scope.name(),
                host.manager().command_prefix()
            ),
        }
    }
    for profile in &args.profiles {
        let found: Vec<&&Unit> = own
            .iter()
            .filter(|u| u.origin == Origin::Upstream && profile_of(u).as_ref() == Some(profile))
            .collect();
        match found.as_slice() {
            [unit] => chosen.push(unit),
            [] => refuse!(
                "hermes has made no unit for profile `{profile}` in the {} scope; name one with `--unit UNIT`, or install \
                 ours with `hermes-install --profile {profile}`",
                host.scope.name()
            ),
            more => {
                let names: Vec<&str> = more.iter().map(|u| u.name.as_str()).collect();
                refuse!(
                    "more than one unit runs profile `{profile}`: {}; name one with `--unit UNIT`",
                    names.join(", ")
                );
            }
        }
    }
    if args.units.is_empty() && args.profiles.is_empty() {
        chosen = own;
        chosen.retain(|u| u.origin == Origin::Upstream && !u.calls.is_empty());
        if chosen.is_empty() {
            refuse!(
                "hermes has made no unit in the {} scope; name another's with `--unit UNIT`",
                host.scope.name()
            );
        }
    }
    Ok(chosen)
}

/// A unit's name with its type.
fn full(name: &str) -> String {
    match name.contains('.') {
        true => name.to_owned(),
        false => format!("{name}.service"),
    }
}

/// The profile whose gateway a unit runs.
fn profile_of(unit: &Unit) -> Option<ProfileName> {
    let home = unit.calls.iter().find_map(|r| r.home.as_deref())?;
    let is_named = home.parent().is_some_and(|p| p.ends_with("profiles"));
    match is_named {
        true => home.file_name()?.to_str()?.parse().ok(),
        false => "default".parse().ok(),
    }
}

/// The shield that a unit needs.
fn of_unit(host: &Host, unit: &Unit, output: &Output) -> Result<Shield> {
    let title = unit.title();
    let homes: Vec<_> = unit.calls.iter().map(|r| r.home.as_deref()).collect();
    let [Some(home)] = homes.as_slice() else {
        refuse!(
            "{title} cannot be shielded: its `ExecStart=` does not say clearly which one profile it runs; \
             `hermes-install --profile NAME` installs a unit that does"
        );
    };
    let Some(profile) = profile_of(unit) else {
        refuse!(
            "{title} cannot be shielded: `{}` is no profile's home; see `hermes profile list`",
            home.display()
        );
    };
    let Some(root) = detect::root_of(&profile, home) else {
        refuse!(
            "{title} cannot be shielded: `{}` has no hermes root above it",
            home.display()
        );
    };
    let Some(account) = &unit.account else {
        refuse!("{title} cannot be shielded: the account of its `User=` does not exist");
    };
    let settings = Settings {
        hermes: detect::executable_of(host, unit),
        ..Settings::default()
    };
    let hermes = preflight::hermes(host, &settings, account, &root)?;
    let version = match host.live() {
        Some(_) => {
            let version = preflight::version(account, &hermes)?;
            output.step(format!(
                "{title} runs profile `{profile}` with hermes {} at `{}`",
                preflight::told(version),
                hermes.display()
            ));
            preflight::check_version(version, &hermes, output)?;
            version
        }
        None => None,
    };
    Ok(Shield {
        unit: unit.name.clone(),
        gateway_drain: stop_drain(&host.at(home), version, None),
        hermes_version: version.map(|v| v.to_string()),
        profile,
        root,
        hermes,
    })
}

fn remove(args: &ShieldArgs, host: &Host, receipt: Receipt, output: &Output) -> Result<u8> {
    let names: Vec<String> = args.units.iter().map(|name| full(name)).collect();
    let is_meant = |shield: &Shield| {
        let all = names.is_empty() && args.profiles.is_empty();
        all || names.contains(&shield.unit) || args.profiles.contains(&shield.profile)
    };
    let mut contents = receipt.contents();
    let going: Vec<String> = contents
        .shields
        .iter()
        .filter(|s| is_meant(s))
        .map(|s| s.unit.clone())
        .collect();
    if going.is_empty() {
        output.done(format!(
            "no such unit is shielded in the {} scope; nothing was changed",
            host.scope.name()
        ));
        return Ok(DONE);
    }
    contents.shields.retain(|s| !is_meant(s));
    let removed = super::uninstall::reduce(host, output, receipt, contents, &[])?;
    if output.json {
        output::json(&serde_json::json!({ "files_removed": removed, "units": going }));
    } else {
        output.done(format!(
            "the shield of {} is gone; gateways run on, under their units' own rules",
            going.join(", ")
        ));
    }
    Ok(DONE)
}
