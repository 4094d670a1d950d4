//! `upgrade`: what the receipt lists, rendered by this version, shown and applied.

use anyhow::Result;

use super::confirm::{confirm_restarts, tell_left};
use super::guard::{ClosedUnits, is_wanted};
use super::page::several;
use super::restartable::why_not;
use crate::cli::UpgradeArgs;
use crate::commands::json;
use crate::config::Config;
use crate::deploy::lock::Lock;
use crate::deploy::orphans::refuse_orphans;
use crate::deploy::pipeline::{Policy, plan_for};
use crate::deploy::plan::Action;
use crate::deploy::receipt::read_receipt;
use crate::deploy::transaction::running;
use crate::error::{Exit, refuse};
use crate::host::Host;
use crate::host::declared::refuse_declared;
use crate::output::{self, Output};
use crate::profile::ProfileName;
use crate::units::inventory::Inventory;

/// Bring a host up to this version.
pub(crate) fn upgrade(args: &UpgradeArgs) -> Result<Exit> {
    let output = args.output.printer();
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    refuse_declared(&host)?;
    let _lock = Lock::take(&host, args.wait.limit())?;
    let receipt = read_receipt(&host)?;
    if receipt.is_empty() {
        refuse_orphans(&host, &receipt)?;
        refuse!(
            "nothing is installed in the {} scope", host.scope.name();
            "`hermes-install --profile NAME` installs"
        );
    }
    let mut contents = receipt.contents();
    if !contents.instances.is_empty() {
        let configured = Config::load(None, &host)?.guard;
        let closed = ClosedUnits::of_host(&host);
        let (guard, warning) = is_wanted(&host, configured, &receipt, closed);
        contents.guard = guard;
        warning.iter().for_each(|text| output.warn(text));
    }
    let units = contents.units(&host.default_root());
    let policy = Policy {
        force: args.force,
        ..Policy::default()
    };
    let mut transaction = plan_for(&host, &output, receipt, contents, &policy)?;
    if !args.output.quiet && !args.output.json {
        output::print(transaction.plan.to_diff());
    }
    transaction.refuse_conflicts()?;
    let mut left = Vec::new();
    if let Some(live) = host.live() {
        // Only what runs is restarted: a stopped unit was stopped by somebody.
        transaction.up = running(live, units)?;
        let restarts = transaction.restarts(live)?;
        refuse_ends(&host, &restarts)?;
        left = confirm_restarts(&mut transaction, restarts, args.yes)?;
    }
    let is_restored = (transaction.plan.changed())
        .any(|file| file.path == host.launcher() && file.action == Action::Create);
    let profiles: Vec<ProfileName> = (transaction.contents.instances.iter())
        .map(|instance| instance.profile.clone())
        .collect();
    let outcome = transaction.commit()?;
    if output.json {
        output::json(&json::Upgraded {
            files_changed: outcome.files,
            restarted: json::started(&outcome.started),
            to_restart: &left,
        });
    } else if outcome.files == 0 {
        output.done("everything is of this version already; nothing was changed");
    } else {
        output.done(format!(
            "{} changed, {} restarted",
            several(outcome.files, "file"),
            several(outcome.started.len(), "gateway"),
        ));
    }
    if is_restored {
        tell_failed(&host, &profiles, &output)?;
    }
    tell_left(&host, &left, &output);
    Ok(if left.is_empty() {
        Exit::Done
    } else {
        Exit::Undecided
    })
}

/// Units failed while their launcher was not there; that it is there again starts none.
fn tell_failed(host: &Host, profiles: &[ProfileName], output: &Output) -> Result<()> {
    let Some(live) = host.live() else {
        return Ok(());
    };
    let units: Vec<String> = profiles.iter().map(ProfileName::unit).collect();
    for state in live.manager().show(&units)? {
        let profile = profiles.iter().find(|profile| profile.unit() == state.id);
        if let Some(profile) = profile.filter(|_| state.has_failed()) {
            let (unit, scope) = (&state.id, host.scope.flag());
            output.warn(format!(
                "`{unit}` has failed, and stays down; to start it: `hermes-install start{scope} {profile}`"
            ));
        }
    }
    Ok(())
}

/// Refuse to end gateways that could not start again.
fn refuse_ends(host: &Host, restarts: &[String]) -> Result<()> {
    if restarts.is_empty() {
        return Ok(());
    }
    let inventory = Inventory::of_own_manager(host);
    let due = (inventory.units.iter()).filter(|unit| restarts.contains(&unit.name));
    let mut why = Vec::new();
    for unit in due {
        why.extend(why_not(host, unit)?);
    }
    if !why.is_empty() {
        refuse!("nothing was changed: {}", why.join("\n"));
    }
    Ok(())
}
