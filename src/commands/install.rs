//! `install`, and `adopt`: install for profiles whose gateways somebody started by hand, which asks first.

use anyhow::Result;
use serde::Serialize;

use super::confirm::{confirm_moves, confirm_restarts, confirm_stops, tell_left};
use super::prepare::{Prepared, prepare};
use super::typed::Verb;
use super::{DIFFERS, DONE};
use crate::cli::{AdoptArgs, InstallArgs};
use crate::deploy::lock::Lock;
use crate::deploy::transaction::Outcome;
use crate::error::refuse;
use crate::host::Host;
use crate::host::manager::reach_manager;
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
    let mut left = Vec::new();
    if let Some(live) = host.live() {
        confirm_moves(&host, live, &checked, &transaction, args.yes)?;
        left = confirm_restarts(&mut transaction, live, args.yes)?;
        transaction.linger |= reach_manager(&host, live, &output)?;
    }
    let outcome = transaction.commit()?;
    summary(&host, &checked, &outcome, &left, &output);
    tell_left(&host, &left, &output);
    Ok(if left.is_empty() { DONE } else { DIFFERS })
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

fn summary(host: &Host, checked: &[Checked], outcome: &Outcome, left: &[String], output: &Output) {
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
        if !left.is_empty() {
            said["to_restart"] = left.into();
        }
        output::json(&said);
        return;
    }
    if output.quiet {
        return;
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
}
