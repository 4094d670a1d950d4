//! `install` and `plan`: the same preparation; one carries it out.

use anyhow::Result;
use serde::Serialize;

use super::prepare::prepare;
use super::{DIFFERS, DONE};
use crate::cli::{InstallArgs, PlanArgs};
use crate::deploy::transaction::{Outcome, Transaction, commit};
use crate::deploy::writer::Lock;
use crate::error::refuse;
use crate::host::Host;
use crate::layout::Scope;
use crate::output::{self, Output};
use crate::preflight::{self, Checked};
use crate::profile::ProfileName;

/// Install profiles.
pub(crate) fn install(args: &InstallArgs) -> Result<u8> {
    run(args, false)
}

/// Install, or adopt, which may stop gateways that were started by hand.
pub(super) fn run(args: &InstallArgs, adopts: bool) -> Result<u8> {
    let output = args.output.printer();
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    if adopts && host.live().is_none() {
        refuse!("nothing runs in an image, so there is nothing to adopt; leave out `--root`");
    }
    let _lock = Lock::take(&host.lock_directory())?;
    let ready = prepare(host, args, adopts, &output)?;
    let conflicts = ready.plan.conflicts();
    if !conflicts.is_empty() {
        output::print(ready.plan.to_diff());
        refuse!(
            "nothing was changed, because of files that are not as we would leave them:\n  {}",
            conflicts.join("\n  ")
        );
    }
    if adopts && !super::adopt::confirm(&ready, args.yes, &output)? {
        return Ok(DONE);
    }
    let mut linger = ready.receipt.linger;
    if let Some(live) = ready.host.live() {
        linger |= preflight::reach_manager(&ready.host, live, &output)?;
    }
    let up = ready
        .checked
        .iter()
        .filter(|c| c.start)
        .map(|c| (c.instance.profile.unit(), c.home.clone()))
        .collect();
    let outcome = commit(Transaction {
        host: &ready.host,
        output: &output,
        old: ready.receipt,
        plan: ready.plan,
        contents: ready.contents,
        linger,
        handovers: ready.handovers,
        up,
    })?;
    summary(&ready.host, &ready.checked, &outcome, &output)
}

/// Show what install would do.
pub(crate) fn show(args: &PlanArgs) -> Result<u8> {
    let install = &args.install;
    let host = Host::new(install.scope.scope(), install.scope.root.as_deref())?;
    let quiet = Output {
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
        output::json(&serde_json::json!({ "changes": ready.plan.changes, "stops": stops }));
    } else if args.diff {
        output::print(ready.plan.to_diff());
    } else {
        output::print(ready.plan.to_text());
        for unit in stops.iter().filter(|_| ready.host.live().is_some()) {
            output::print(format_args!("then stop  {unit}, as planned\n"));
        }
        let units: Vec<String> = ready
            .checked
            .iter()
            .filter(|c| c.start && ready.host.live().is_some())
            .map(|c| c.instance.profile.unit())
            .collect();
        match (ready.plan.is_empty(), units.is_empty()) {
            (true, _) => output::print("no file would change\n"),
            (false, true) => {}
            (false, false) => output::print(format_args!("then run   {}\n", units.join(" "))),
        }
    }
    let conflicts = ready.plan.conflicts();
    if !conflicts.is_empty() {
        refuse!("install would refuse:\n  {}", conflicts.join("\n  "));
    }
    Ok(if ready.plan.is_empty() { DONE } else { DIFFERS })
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

fn summary(host: &Host, checked: &[Checked], outcome: &Outcome, output: &Output) -> Result<u8> {
    if output.json {
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
        output::json(&said);
        return Ok(DONE);
    }
    if output.quiet {
        return Ok(DONE);
    }
    if let Some(backup) = &outcome.backup {
        output.done(format!("what was there before is in `/{backup}`"));
    }
    if outcome.files == 0 && outcome.started.is_empty() {
        output.done("everything is as it should be already; nothing was changed");
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
        if host.live().is_none() {
            output::print(format_args!(
                "profile `{profile}` is in the image and {at_boot}\n"
            ));
            continue;
        }
        let now = if c.start { "runs" } else { "is installed" };
        output::print(format_args!(
            "profile `{profile}` {now} as `{unit}` and {at_boot}\n  \
             state  hermes-install status{user}\n  \
             log    journalctl{user} -u {unit} -f\n  \
             undo   hermes-install uninstall{user} --profile {profile}\n"
        ));
    }
    Ok(DONE)
}
