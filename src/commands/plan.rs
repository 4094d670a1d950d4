//! `plan`: what install would do, from the same preparation.

use anyhow::Result;

use super::prepare::prepare;
use super::typed::Verb;
use super::{DIFFERS, DONE};
use crate::cli::PlanArgs;
use crate::error::refuse;
use crate::host::Host;
use crate::output::{self, Output};

/// Show what install would do.
pub(crate) fn plan(args: &PlanArgs) -> Result<u8> {
    let install = &args.install;
    let host = Host::new(install.scope.scope(), install.scope.root.as_deref())?;
    let quiet = Output {
        quiet: true,
        json: install.output.json,
    };
    let transaction = prepare(&host, install, Verb::Plan, &quiet)?.transaction;
    let plan = &transaction.plan;
    let leaving = transaction.handovers.iter().flat_map(|h| &h.units);
    let stops: Vec<&str> = leaving.map(|u| u.name.as_str()).collect();
    if install.output.json {
        output::json(&serde_json::json!({ "changes": plan.changes, "stops": stops }));
    } else if args.diff {
        output::print(plan.to_diff());
    } else {
        output::print(plan.to_text());
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
    }
    let conflicts = plan.conflicts();
    if !conflicts.is_empty() {
        refuse!("install would refuse:\n  {}", conflicts.join("\n  "));
    }
    Ok(if plan.is_empty() { DONE } else { DIFFERS })
}
