//! `plan`: what install would do, from the same preparation.

use std::fmt::Write as _;

use anyhow::Result;

use super::confirm::{keep_command, tell_inherited};
use super::prepare::prepare;
use super::typed::Verb;
use crate::cli::PlanArgs;
use crate::commands::json;
use crate::error::{Exit, refuse};
use crate::host::Host;
use crate::output::{self, Output};
use crate::profile::ProfileName;
use crate::takeover::detect::Inherited;

/// Show what install would do.
pub(crate) fn plan(args: &PlanArgs) -> Result<Exit> {
    let install = &args.install;
    let host = Host::new(install.scope.scope(), install.scope.root.as_deref())?;
    let quiet = Output {
        quiet: true,
        json: install.output.json,
    };
    let ready = prepare(&host, install, Verb::Plan, &quiet)?;
    let (transaction, served, inherited) = (ready.transaction, ready.served, ready.inherited);
    let notes = ready.notes;
    let plan = &transaction.plan;
    let leaving = transaction.handovers.iter().flat_map(|h| &h.units);
    let stops: Vec<&str> = leaving.map(|u| u.name.as_str()).collect();
    if install.output.json {
        let conflicts = plan.conflicts();
        let is_refused = !conflicts.is_empty();
        let up = transaction.up.iter();
        output::json(&json::Planned {
            changes: &plan.changes,
            conflicts,
            stopped: stops,
            started: up.map(|(unit, _)| unit.clone()).collect(),
            served: served.iter().map(|s| &s.profile).collect(),
            carried: inherited.values().flat_map(|i| &i.carried).collect(),
            notes: &notes,
            left: inherited.values().flat_map(|i| &i.left).collect(),
        });
        // What stands in the way is in the object; an error would be a second one.
        if is_refused {
            return Ok(Exit::Differs);
        }
    } else if args.diff {
        output::print(plan.to_diff());
        tell_inherited(&host, &inherited, &install.output.printer());
    } else if !install.output.quiet {
        output::print(plan.to_text());
        for (profile, theirs) in &inherited {
            output::print(inherited_text(&host, profile, theirs));
        }
        for note in &notes {
            output::print(format_args!("note      {note}\n"));
        }
        for unit in stops {
            output::print(format_args!("then stop  {unit}, as planned\n"));
        }
        let up = transaction.up.iter();
        let units: Vec<&str> = up.map(|(unit, _)| unit.as_str()).collect();
        match (plan.is_empty(), units.is_empty()) {
            (true, _) => output::print("no file would change\n"),
            (false, true) => {}
            (false, false) => output::print(format_args!("then run   {}\n", units.join(" "))),
        }
        for profile in &served {
            let profile = &profile.profile;
            output::print(format_args!(
                "then have  profile {profile} served by the gateway of default\n"
            ));
        }
    }
    let conflicts = plan.conflicts();
    if !conflicts.is_empty() {
        refuse!("install would refuse:\n  {}", conflicts.join("\n  "));
    }
    Ok(if plan.is_empty() {
        Exit::Done
    } else {
        Exit::Differs
    })
}

fn inherited_text(host: &Host, profile: &ProfileName, theirs: &Inherited) -> String {
    let mut out = String::new();
    for line in &theirs.carried {
        let _ = writeln!(out, "carry     {line}");
    }
    for line in &theirs.left {
        let _ = writeln!(out, "leave     {line}");
    }
    if !theirs.left.is_empty() {
        let _ = writeln!(out, "          {}", keep_command(host, profile));
    }
    out
}
