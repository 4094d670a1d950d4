//! `plan`: what install would do, from the same preparation.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;

use super::confirm::{keep_command, tell_inherited};
use super::page::entry;
use super::prepare::{Prepared, prepare};
use super::tenants::told;
use super::typed::Verb;
use crate::cli::PlanArgs;
use crate::commands::json;
use crate::deploy::transaction::{Transaction, running};
use crate::error::{Exit, refuse};
use crate::gateway::config::Configuration;
use crate::gateway::owner::version_at;
use crate::host::Host;
use crate::host::span;
use crate::output::{self, Output};
use crate::profile::ProfileName;
use crate::render::instance::Instance;
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
    let transaction = &ready.transaction;
    let plan = &transaction.plan;
    let conflicts = plan.conflicts();
    let activity = Activity::of(&host, transaction)?;
    if install.output.json {
        output::json(&object(&ready, &activity));
        // What stands in the way is in the object; an error would be a second one.
        if !conflicts.is_empty() {
            return Ok(Exit::Undecided);
        }
    } else if args.diff {
        output::print(plan.to_diff());
        tell_inherited(&host, &ready.inherited, &install.output.printer());
    } else if !install.output.quiet {
        output::print(text(&host, &ready, &activity));
    }
    if !conflicts.is_empty() {
        refuse!("install would refuse:\n  {}", conflicts.join("\n  "));
    }
    let is_nothing = plan.is_empty()
        && transaction.creations.is_empty()
        && transaction.handovers.is_empty()
        && activity.is_empty();
    Ok(if is_nothing {
        Exit::Done
    } else {
        Exit::Differs
    })
}

fn object<'a>(ready: &'a Prepared, activity: &'a Activity) -> json::Planned<'a> {
    let transaction = &ready.transaction;
    let instances = ready.checked.iter().map(|c| &c.instance);
    let tenants = instances.filter(|i| i.is_tenant());
    json::Planned {
        changes: (transaction.plan.changes.iter())
            .map(json::PlannedChange::new)
            .collect(),
        conflicts: transaction.plan.conflicts(),
        stopped: ready.stops().collect(),
        started: transaction.up.iter().map(|(unit, _)| &**unit).collect(),
        starts: activity.starts.iter().map(String::as_str).collect(),
        restarts: activity.restarts(),
        served: ready.served.iter().map(|s| &s.profile).collect(),
        tenants: tenants.map(|i| &i.profile).collect(),
        carried: (ready.inherited.values().flat_map(|i| &i.carried)).collect(),
        notes: &ready.notes,
        left: ready.inherited.values().flat_map(|i| &i.left).collect(),
    }
}

fn text(host: &Host, ready: &Prepared, activity: &Activity) -> String {
    let plan = &ready.transaction.plan;
    let mut out = plan.to_text();
    for (profile, theirs) in &ready.inherited {
        out += &inherited_text(host, profile, theirs);
    }
    for c in &ready.checked {
        if let Some((kind, told)) = told(host, c) {
            let profile = &c.instance.profile;
            out += &entry(&format!("{kind:10}"), &format!("{profile}: {told}"));
        }
    }
    for note in &ready.notes {
        out += &entry("note      ", note);
    }
    for unit in ready.stops() {
        let _ = writeln!(out, "then stop  {unit}, as planned");
    }
    if plan.is_empty() {
        out += "no file would change\n";
    }
    for creation in &ready.transaction.creations {
        let (profile, maker) = (creation.profile(), creation.maker());
        let _ = writeln!(out, "then have profile {profile} created by {maker}");
    }
    out += &activity.text();
    for served in &ready.served {
        let profile = &served.profile;
        let _ = writeln!(
            out,
            "then have profile {profile} served by the gateway of default"
        );
    }
    out
}

/// Seconds that the running turns of a profile's gateway have when it is stopped.
fn turns(host: &Host, instance: &Instance) -> u32 {
    let root = instance.root.clone().unwrap_or_else(|| host.default_root());
    let home = instance.profile.home(&root);
    let hermes = || Configuration::read(&home).turns(version_at(&home));
    instance.drain_timeout.unwrap_or_else(hermes)
}

/// What would happen to units once the files are there.
struct Activity {
    starts: Vec<String>,
    /// Each with the seconds that its running turns have.
    restarts: Vec<(String, u32)>,
}

impl Activity {
    fn of(host: &Host, transaction: &Transaction) -> Result<Self> {
        let Some(live) = host.live() else {
            return Ok(Self {
                starts: Vec::new(),
                restarts: Vec::new(),
            });
        };
        let runs = running(live, transaction.up.clone())?;
        let rests = |(unit, _): &&(String, PathBuf)| !runs.iter().any(|(other, _)| other == unit);
        let drain = |unit: &String| {
            let mut instances = transaction.contents.instances.iter();
            let found = instances.find(|i| i.profile.unit() == *unit);
            found.map_or(0, |i| turns(host, i))
        };
        let starts = transaction.up.iter().filter(rests);
        Ok(Self {
            starts: starts.map(|(unit, _)| unit.clone()).collect(),
            restarts: (transaction.restarts(live)?.into_iter())
                .map(|unit| (unit.clone(), drain(&unit)))
                .collect(),
        })
    }

    fn is_empty(&self) -> bool {
        self.starts.is_empty() && self.restarts.is_empty()
    }

    fn restarts(&self) -> Vec<json::Restart<'_>> {
        let restarts = self.restarts.iter();
        restarts
            .map(|(unit, drain)| json::Restart {
                unit,
                drain_seconds: *drain,
            })
            .collect()
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for (unit, drain) in &self.restarts {
            let drain = match drain {
                0 => "which ends running turns at once".to_owned(),
                seconds => format!(
                    "after its running turns, {} at most",
                    span::written(u64::from(*seconds))
                ),
            };
            let _ = writeln!(out, "then restart {unit}, {drain}");
        }
        for unit in &self.starts {
            let _ = writeln!(out, "then start {unit}");
        }
        out
    }
}

fn inherited_text(host: &Host, profile: &ProfileName, theirs: &Inherited) -> String {
    let mut out = String::new();
    for line in &theirs.carried {
        out += &entry("carry     ", line);
    }
    for line in &theirs.left {
        out += &entry("leave     ", line);
    }
    if !theirs.left.is_empty() {
        out += &entry("          ", &keep_command(host, profile));
    }
    out
}
