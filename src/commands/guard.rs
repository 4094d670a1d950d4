//! `guard`: drop-ins that wait for units which hermes itself writes, and make them safe from their first start;
//! `--remove` takes them away, a package's too.

use anyhow::Result;

use super::uninstall::reduce;
use crate::cli::GuardArgs;
use crate::commands::json;
use crate::config::Config;
use crate::deploy::desired::guards_of_others;
use crate::deploy::lock::Lock;
use crate::deploy::pipeline::{Policy, plan_for};
use crate::deploy::receipt::{Receipt, read_receipt};
use crate::error::Exit;
use crate::host::Host;
use crate::host::declared::refuse_declared;
use crate::output::{self, Output};

/// Whether a host has a guard: as the configuration says, as an earlier run was told, or because everybody has.
pub(super) fn is_wanted(config: &Config, receipt: &Receipt) -> bool {
    config.guard.or(receipt.guard).unwrap_or(true)
}

/// Put the guard up, or take it away.
pub(crate) fn guard(args: &GuardArgs) -> Result<Exit> {
    let output = args.output.printer();
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    refuse_declared(&host)?;
    let _lock = Lock::take(&host, args.wait.limit())?;
    let receipt = read_receipt(&host)?;
    let mut contents = receipt.contents();
    // Nothing is to be recorded where it is so already: no guard, or that of a package.
    let is_of_others = !guards_of_others(&host).is_empty();
    let is_so = contents.has_no_units() && args.remove != is_of_others;
    contents.guard = (!is_so).then_some(!args.remove);
    if contents.is_empty() {
        let removed = reduce(&host, &output, receipt, contents, &[])?;
        return Ok(tell(args, &host, removed, &output));
    }
    let policy = Policy {
        force: args.force,
        ..Policy::default()
    };
    let transaction = plan_for(&host, &output, receipt, contents, &policy)?;
    if !transaction.plan.conflicts().is_empty() && !output.json {
        output::print(transaction.plan.to_diff());
    }
    transaction.refuse_conflicts()?;
    let outcome = transaction.commit()?;
    Ok(tell(args, &host, outcome.files, &output))
}

fn tell(args: &GuardArgs, host: &Host, files: usize, output: &Output) -> Exit {
    if output.json {
        output::json(&json::Guarding {
            files_changed: files,
            guard: !args.remove,
        });
        return Exit::Done;
    }
    let scope = host.scope.name();
    output.done(match (args.remove, files) {
        (false, 0) => format!("the {scope} scope is guarded already; nothing was changed"),
        (true, 0) => format!("the {scope} scope is not guarded; nothing was changed"),
        (false, _) => format!(
            "units that `hermes gateway install` writes in the {scope} scope are guarded from their next start on"
        ),
        (true, _) => format!(
            "the {scope} scope is not guarded any more; gateways run on, under their units' own rules"
        ),
    });
    Exit::Done
}
