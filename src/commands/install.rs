//! `install`, and `adopt`: install for profiles whose gateways somebody started by hand, which asks first.

use anyhow::Result;
use serde::Serialize;

use super::DONE;
use super::prepare::{Prepared, prepare};
use super::typed::Verb;
use crate::cli::{AdoptArgs, InstallArgs};
use crate::deploy::transaction::Outcome;
use crate::deploy::writer::Lock;
use crate::error::refuse;
use crate::gateway::owner::owner;
use crate::host::Host;
use crate::host::manager::reach_manager;
use crate::host::process_text::name;
use crate::layout::Scope;
use crate::output::{self, Output};
use crate::preflight::Checked;
use crate::profile::ProfileName;

/// Install profiles.
pub(crate) fn install(args: &InstallArgs) -> Result<u8> {
    run(args, Verb::Install)
}

/// Bring gateways that were started by hand under their profiles' units.
pub(crate) fn adopt(args: &AdoptArgs) -> Result<u8> {
    run(&args.install, Verb::Adopt)
}

fn run(args: &InstallArgs, verb: Verb) -> Result<u8> {
    let output = args.output.printer();
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    if verb == Verb::Adopt && host.live().is_none() {
        refuse!("nothing runs in an image, so there is nothing to adopt; leave out `--root`");
    }
    let _lock = Lock::take(&host.lock_directory())?;
    let ready = prepare(&host, args, verb, &output)?;
    let plan = &ready.transaction.plan;
    if !plan.conflicts().is_empty() {
        output::print(plan.to_diff());
    }
    ready.transaction.refuse_conflicts()?;
    if verb == Verb::Adopt && !confirm_stops(&ready, args.yes, &output)? {
        return Ok(DONE);
    }
    let Prepared {
        checked,
        mut transaction,
    } = ready;
    if let Some(live) = host.live() {
        transaction.linger |= reach_manager(&host, live, &output)?;
    }
    let outcome = transaction.commit()?;
    summary(&host, &checked, &outcome, &output)
}

/// Ask before gateways are stopped; `false` when there is none to stop, because their units run already.
fn confirm_stops(ready: &Prepared, yes: bool, output: &Output) -> Result<bool> {
    let mut stops = Vec::new();
    for checked in &ready.checked {
        let profile = &checked.instance.profile;
        let mut handovers = ready.transaction.handovers.iter();
        let handover = handovers.find(|h| h.home == checked.home);
        if let Some(by_hand) = handover.and_then(|h| h.by_hand.as_ref()) {
            stops.push(format!("{} of profile `{profile}`", name(&by_hand.process)));
        } else if owner(&checked.home)?.is_none() || handover.is_some() {
            refuse!(
                "no gateway that somebody started by hand runs on `{}`; `hermes-install --profile {profile}` installs its \
                 unit",
                checked.home.display()
            );
        }
    }
    if stops.is_empty() {
        output.done("the gateways run under their units already; nothing was changed");
        return Ok(false);
    }
    let what = stops.join(" and ");
    let question = format!("stop {what} as planned, and run it under systemd from now on?");
    match yes.then_some(true).or_else(|| output::ask(&question)) {
        Some(true) => Ok(true),
        Some(false) => refuse!("nothing was changed"),
        None => refuse!("this would stop {what}; say so with `--yes`"),
    }
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
