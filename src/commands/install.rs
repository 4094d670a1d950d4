//! `install` and `plan`: the same preparation; one carries it out.

use anyhow::{Result, bail};
use serde::Serialize;

use super::{DIFFERS, DONE};
use crate::apply::Lock;
use crate::census::Census;
use crate::change::{Change, Outcome, carry_out, read_receipt};
use crate::cli::{InstallArgs, PlanArgs};
use crate::config::{Config, Settings};
use crate::desired::{desired, links};
use crate::host::Host;
use crate::layout::Scope;
use crate::observe::observe;
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
}

/// Install profiles.
pub fn install(args: &InstallArgs) -> Result<u8> {
    let report = Report {
        quiet: args.output.quiet,
        json: args.output.json,
    };
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    let _lock = Lock::take(&host.lock_directory())?;
    let ready = prepare(host, args, &report)?;
    let conflicts = ready.plan.conflicts();
    if !conflicts.is_empty() {
        report::print(ready.plan.to_diff());
        refuse!(
            "nothing was changed, because of files that are not as we would leave them:\n  {}",
            conflicts.join("\n  ")
        );
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
        handovers: Vec::new(),
        up,
    })?;
    summary(&ready.host, &ready.checked, &outcome, &report)
}

/// Show what install would do.
pub fn show(args: &PlanArgs) -> Result<u8> {
    let install = &args.install;
    let host = Host::new(install.scope.scope(), install.scope.root.as_deref())?;
    let quiet = Report {
        quiet: true,
        json: install.output.json,
    };
    let ready = prepare(host, install, &quiet)?;
    if install.output.json {
        report::json(&ready.plan);
    } else if args.diff {
        report::print(ready.plan.to_diff());
    } else {
        report::print(ready.plan.to_text());
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

fn prepare(host: Host, args: &InstallArgs, report: &Report) -> Result<Prepared> {
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
    let checked: Vec<Checked> = profiles
        .iter()
        .map(|profile| {
            let settings = config.settings(profile, &flags);
            preflight::check(&host, profile, &settings, &census, report)
        })
        .collect::<Result<_>>()?;

    let mut instances: Vec<_> = checked.iter().map(|c| c.instance.clone()).collect();
    let others = receipt
        .instances
        .iter()
        .filter(|i| !profiles.contains(&i.profile));
    instances.extend(others.cloned());
    // Another profile stays enabled if it still is: an admin may have disabled it since.
    let is_linked = |profile: &ProfileName| {
        let linked = observe(&host.root, &links(&host, profile));
        linked.is_ok_and(|seen| {
            seen.values()
                .any(|a| !matches!(a, crate::observe::Actual::Missing))
        })
    };
    let contents = Contents {
        instances,
        ..receipt.contents()
    };
    let tree = desired(&host, systemd, &contents, |profile| {
        match checked.iter().find(|c| c.instance.profile == *profile) {
            Some(checked) => checked.enable,
            None => is_linked(profile),
        }
    })?;
    let observed = observe(&host.root, tree.keys().chain(receipt.paths()))?;
    let owner = nix::unistd::geteuid().as_raw();
    let plan = plan(&tree, &receipt, &observed, owner, args.force);
    Ok(Prepared {
        host,
        receipt,
        checked,
        plan,
        contents,
    })
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
}

fn summary(host: &Host, checked: &[Checked], outcome: &Outcome, report: &Report) -> Result<u8> {
    if report.json {
        let installed = |c| -> Installed {
            let c: &Checked = c;
            Installed {
                unit: c.instance.profile.unit(),
                home: &c.home,
                started: outcome.started.get(&c.instance.profile.unit()).copied(),
                enabled: c.enable,
                profile: &c.instance.profile,
            }
        };
        let all: Vec<Installed> = checked.iter().map(installed).collect();
        report::json(&serde_json::json!({ "files_changed": outcome.files, "profiles": all }));
        return Ok(DONE);
    }
    if report.quiet {
        return Ok(DONE);
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
