//! `install`, `adopt` and `plan`: the same preparation; `plan` alone does not carry it out.

use anyhow::{Result, bail};
use serde::Serialize;

use super::{DIFFERS, DONE};
use crate::apply::Lock;
use crate::census::Census;
use crate::change::{Change, Outcome, carry_out, read_receipt};
use crate::cli::{AdoptArgs, InstallArgs, PlanArgs};
use crate::config::{Config, Settings};
use crate::desired::{desired, links};
use crate::gateway;
use crate::handover::Handover;
use crate::host::Host;
use crate::inherit::inherit;
use crate::launch::name;
use crate::layout::Scope;
use crate::migrate::{Allow, Typed, migrate};
use crate::observe::{Actual, look, observe};
use crate::plan::{Plan, plan};
use crate::preflight::{self, Checked, refuse};
use crate::profile::{ProfileName, discover};
use crate::receipt::{Contents, Receipt};
use crate::report::{self, Report};

/// Everything known before anything is changed.
struct Prepared {
    host: Host,
    receipt: Receipt,
    checked: Vec<Checked>,
    plan: Plan,
    contents: Contents,
    handovers: Vec<Handover>,
}

/// Install profiles.
pub fn install(args: &InstallArgs) -> Result<u8> {
    run(args, false)
}

/// Install profiles whose gateways somebody started by hand.
pub fn adopt(args: &AdoptArgs) -> Result<u8> {
    run(&args.install, true)
}

fn run(args: &InstallArgs, adopts: bool) -> Result<u8> {
    let report = Report {
        quiet: args.output.quiet,
        json: args.output.json,
    };
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    if adopts && !host.is_live() {
        refuse!("nothing runs in an image, so there is nothing to adopt; leave out `--root`");
    }
    let _lock = Lock::take(&host.lock_directory())?;
    let ready = prepare(host, args, adopts, &report)?;
    let conflicts = ready.plan.conflicts();
    if !conflicts.is_empty() {
        report::print(ready.plan.to_diff());
        refuse!(
            "nothing was changed, because of files that are not as we would leave them:\n  {}",
            conflicts.join("\n  ")
        );
    }
    if adopts && !confirm(&ready, args.yes, &report)? {
        return Ok(DONE);
    }
    let mut linger = ready.receipt.linger;
    if ready.host.is_live() {
        linger |= preflight::reach_manager(&ready.host, &report)?;
    }
    let up = ready
        .checked
        .iter()
        .filter(|c| c.start)
        .map(|c| (c.instance.profile.unit(), c.home.clone()))
        .collect();
    let outcome = carry_out(Change {
        host: &ready.host,
        report: &report,
        old: ready.receipt,
        plan: ready.plan,
        contents: ready.contents,
        linger,
        handovers: ready.handovers,
        up,
    })?;
    summary(&ready.host, &ready.checked, &outcome, &report)
}

/// Ask before gateways are stopped; `false` when there is none to stop, because their units run already.
fn confirm(ready: &Prepared, yes: bool, report: &Report) -> Result<bool> {
    let mut stops = Vec::new();
    for checked in &ready.checked {
        let profile = &checked.instance.profile;
        let handover = ready.handovers.iter().find(|h| h.home == checked.home);
        if let Some(by_hand) = handover.and_then(|h| h.by_hand.as_ref()) {
            stops.push(format!("{} of profile `{profile}`", name(&by_hand.process)));
        } else if gateway::owner(&checked.home)?.is_none() || handover.is_some() {
            refuse!(
                "no gateway that somebody started by hand runs on `{}`; `hermes-install --profile {profile}` installs its \
                 unit",
                checked.home.display()
            );
        }
    }
    if stops.is_empty() {
        report.done("the gateways run under their units already; nothing was changed");
        return Ok(false);
    }
    let what = stops.join(" and ");
    let question = format!("stop {what} as planned, and run it under systemd from now on?");
    match yes.then_some(true).or_else(|| report::ask(&question)) {
        Some(true) => Ok(true),
        Some(false) => refuse!("nothing was changed"),
        None => refuse!("this would stop {what}; say so with `--yes`"),
    }
}

/// Show what install would do.
pub fn show(args: &PlanArgs) -> Result<u8> {
    let install = &args.install;
    let host = Host::new(install.scope.scope(), install.scope.root.as_deref())?;
    let quiet = Report {
        quiet: true,
        json: install.output.json,
    };
    let ready = prepare(host, install, false, &quiet)?;
    let stops: Vec<&str> = ready
        .handovers
        .iter()
        .flat_map(|h| h.units.iter().map(|u| u.name.as_str()))
        .collect();
    if install.output.json {
        report::json(&serde_json::json!({ "changes": ready.plan.changes, "stops": stops }));
    } else if args.diff {
        report::print(ready.plan.to_diff());
    } else {
        report::print(ready.plan.to_text());
        for unit in stops.iter().filter(|_| ready.host.is_live()) {
            report::print(format_args!("then stop  {unit}, as planned\n"));
        }
        let units: Vec<String> = ready
            .checked
            .iter()
            .filter(|c| c.start && ready.host.is_live())
            .map(|c| c.instance.profile.unit())
            .collect();
        match (ready.plan.is_empty(), units.is_empty()) {
            (true, _) => report::print("no file would change\n"),
            (false, true) => {}
            (false, false) => report::print(format_args!("then run   {}\n", units.join(" "))),
        }
    }
    let conflicts = ready.plan.conflicts();
    if !conflicts.is_empty() {
        refuse!("install would refuse:\n  {}", conflicts.join("\n  "));
    }
    Ok(if ready.plan.is_empty() { DONE } else { DIFFERS })
}

fn prepare(host: Host, args: &InstallArgs, adopts: bool, report: &Report) -> Result<Prepared> {
    let config = Config::load(args.settings.config.as_deref(), &host)?;
    let flags = Settings {
        enable: args.no_enable.then_some(false),
        start: args.no_start.then_some(false),
        ..Settings::from_args(&args.settings)?
    };
    let profiles = wanted(&host, args, &config)?;
    let receipt = read_receipt(&host)?;
    let systemd = preflight::systemd_level(&host)?;
    let census = Census::take(&host);
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
            settings = inherit(&host, &census, profile, settings, allow, report)?;
        }
        let profile = preflight::check(&host, profile, &settings, report)?;
        migrations.extend(migrate(&host, &census, &profile, allow, &typed())?);
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
    let handovers = match host.is_live() {
        true => migrations.into_iter().map(|m| m.handover).collect(),
        false => Vec::new(),
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
            bail!(crate::model::Invalid::Twice(profile.clone()));
        }
    }
    Ok(profiles)
}

#[derive(Serialize)]
struct Installed<'a> {
    profile: &'a ProfileName,
    unit: String,
    home: &'a std::path::Path,
    /// Main process of a unit that was started now.
    started: Option<i32>,
    enabled: bool,
    /// Seconds that the stop of an old owner took.
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_seconds: Option<f64>,
    /// Seconds from its end until the new gateway was up.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_without_gateway: Option<f64>,
}

fn summary(host: &Host, checked: &[Checked], outcome: &Outcome, report: &Report) -> Result<u8> {
    if report.json {
        let installed = |c| -> Installed {
            let c: &Checked = c;
            let seconds = outcome.handed_over.get(&c.instance.profile.unit());
            Installed {
                stop_seconds: seconds.map(|(stop, _)| *stop),
                seconds_without_gateway: seconds.map(|(_, without)| *without),
                unit: c.instance.profile.unit(),
                home: &c.home,
                started: outcome.started.get(&c.instance.profile.unit()).copied(),
                enabled: c.enable,
                profile: &c.instance.profile,
            }
        };
        let all: Vec<Installed> = checked.iter().map(installed).collect();
        let mut said = serde_json::json!({ "files_changed": outcome.files, "profiles": all });
        if let Some(backup) = &outcome.backup {
            said["backup"] = format!("/{backup}").into();
        }
        report::json(&said);
        return Ok(DONE);
    }
    if report.quiet {
        return Ok(DONE);
    }
    if let Some(backup) = &outcome.backup {
        report.done(format!("what was there before is in `/{backup}`"));
    }
    if outcome.files == 0 && outcome.started.is_empty() {
        report.done("everything is as it should be already; nothing was changed");
    }
    let user = match host.scope {
        Scope::System => "",
        Scope::User => " --user",
    };
    for c in checked {
        let unit = c.instance.profile.unit();
        let profile = &c.instance.profile;
        let at_boot = if c.enable {
            "starts at boot"
        } else {
            "does not start at boot"
        };
        if !host.is_live() {
            report::print(format_args!(
                "profile `{profile}` is in the image and {at_boot}\n"
            ));
            continue;
        }
        let now = if c.start { "runs" } else { "is installed" };
        report::print(format_args!(
            "profile `{profile}` {now} as `{unit}` and {at_boot}\n  \
             state  hermes-install status{user}\n  \
             log    journalctl{user} -u {unit} -f\n  \
             undo   hermes-install uninstall{user} --profile {profile}\n"
        ));
    }
    Ok(DONE)
}
