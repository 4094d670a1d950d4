//! `shield`: somebody else's unit stays, under a drop-in of ours that makes it safe; `--remove` takes it back.

use std::path::PathBuf;

use anyhow::Result;

use super::uninstall::{reduce, tell_nothing};
use crate::cli::ShieldArgs;
use crate::commands::json;
use crate::deploy::lock::Lock;
use crate::deploy::pipeline::{Policy, plan_for};
use crate::deploy::receipt::{Contents, Receipt, read_receipt};
use crate::deploy::transaction::{Outcome, running};
use crate::error::Exit;
use crate::host::Host;
use crate::host::declared::refuse_declared;
use crate::output::{self, Output};
use crate::render::model::Shield;
use crate::takeover::shield::{chosen, full, shield_for};
use crate::units::inventory::Inventory;

/// Put shields up, or take them away.
pub(crate) fn shield(args: &ShieldArgs) -> Result<Exit> {
    let output = args.output.printer();
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    let _lock = Lock::take(&host, args.wait.limit())?;
    let receipt = read_receipt(&host)?;
    if args.remove {
        remove(args, &host, receipt, &output)
    } else {
        put_up(args, &host, receipt, &output)
    }
}

fn put_up(args: &ShieldArgs, host: &Host, receipt: Receipt, output: &Output) -> Result<Exit> {
    refuse_declared(host)?;
    let inventory = Inventory::read(host);
    let units = chosen(&args.units, &args.profiles, host, &inventory)?;
    let mut contents = receipt.contents();
    let mut names = Vec::new();
    for unit in units {
        let shield = shield_for(host, &inventory, unit, output)?;
        names.push(shield.unit.clone());
        contents.shields.retain(|s| s.unit != shield.unit);
        contents.shields.push(shield);
    }
    contents.shields.sort_by(|a, b| a.unit.cmp(&b.unit));
    let mine = only(&contents, host, &names);
    let policy = Policy {
        force: args.force,
        ..Policy::default()
    };
    let mut transaction = plan_for(host, output, receipt, contents, &policy)?;
    if !transaction.plan.conflicts().is_empty() && !output.json {
        output::print(transaction.plan.to_diff());
    }
    transaction.refuse_conflicts()?;
    let running = match host.live().filter(|_| !transaction.plan.is_empty()) {
        Some(live) => running(live, mine)?,
        None => Vec::new(),
    };
    let restart = running.is_empty() || args.yes || {
        let units: Vec<&str> = running.iter().map(|(unit, _)| unit.as_str()).collect();
        output::ask(&format!(
            "restart {} now, as planned, so that its gateway runs under the shield?",
            units.join(", ")
        )) == Some(true)
    };
    let later: Vec<String> = if restart {
        Vec::new()
    } else {
        running.iter().map(|(unit, _)| unit.clone()).collect()
    };
    if restart {
        transaction.up = running;
    }
    let outcome = transaction.commit()?;
    summary(host, &names, &later, &outcome, output);
    Ok(Exit::Done)
}

/// The contents' units by these names, each with its profile home.
fn only(contents: &Contents, host: &Host, names: &[String]) -> Vec<(String, PathBuf)> {
    let mut units = contents.units(&host.default_root());
    units.retain(|(unit, _)| names.contains(unit));
    units
}

fn summary(host: &Host, names: &[String], later: &[String], outcome: &Outcome, output: &Output) {
    if output.json {
        output::json(&json::Shielded {
            files_changed: outcome.files,
            units: names,
            restarted: json::started(&outcome.started),
            to_restart: later,
        });
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

fn remove(args: &ShieldArgs, host: &Host, receipt: Receipt, output: &Output) -> Result<Exit> {
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
        let scope = host.scope.name();
        tell_nothing(
            output,
            &format!("no such unit is shielded in the {scope} scope"),
        );
        return Ok(Exit::Done);
    }
    contents.shields.retain(|s| !is_meant(s));
    let is_last = contents.is_empty();
    let programs = receipt
        .files
        .keys()
        .filter(|path| path.ends_with("bin/hermes-install"));
    let programs: Vec<String> = programs.filter(|_| is_last).cloned().collect();
    let removed = reduce(host, output, receipt, contents, &[])?;
    if output.json {
        output::json(&json::Removed {
            files_removed: removed,
            units: &going,
        });
    } else {
        output.done(format!(
            "the shield of {} is gone; gateways run on, under their units' own rules",
            going.join(", ")
        ));
        for program in programs {
            output.done(format!(
                "`/{program}`, which the shield needed, is gone as well: nothing is installed any more"
            ));
        }
    }
    Ok(Exit::Done)
}
