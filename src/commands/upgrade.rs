//! `upgrade`: what the receipt lists, rendered by this version, shown and applied.

use anyhow::Result;

use super::DONE;
use crate::cli::UpgradeArgs;
use crate::deploy::pipeline::{Policy, plan_for};
use crate::deploy::receipt::read_receipt;
use crate::deploy::transaction::running;
use crate::deploy::writer::Lock;
use crate::error::refuse;
use crate::host::Host;
use crate::output;

/// Bring a host up to this version.
pub(crate) fn upgrade(args: &UpgradeArgs) -> Result<u8> {
    let output = args.output.printer();
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    let _lock = Lock::take(&host.lock_directory())?;
    let receipt = read_receipt(&host)?;
    if receipt.is_empty() {
        refuse!(
            "nothing is installed in the {} scope; install with `hermes-install --profile NAME`",
            host.scope.name()
        );
    }
    let contents = receipt.contents();
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
    // Only what runs is restarted: a stopped unit was stopped by somebody.
    if let Some(live) = host.live() {
        transaction.up = running(live, units)?;
    }
    if !transaction.plan.is_empty() && !transaction.up.is_empty() && !args.yes {
        let up = transaction.up.iter();
        let names: Vec<&str> = up.map(|(unit, _)| unit.as_str()).collect();
        if output::ask(&format!(
            "apply this and restart {} where its unit changed?",
            names.join(", ")
        )) == Some(false)
        {
            refuse!("nothing was changed");
        }
    }
    let outcome = transaction.commit()?;
    if output.json {
        output::json(
            &serde_json::json!({ "files_changed": outcome.files, "restarted": outcome.started }),
        );
    } else if outcome.files == 0 {
        output.done("everything is of this version already; nothing was changed");
    } else {
        output.done(format!(
            "{} files changed, {} gateways restarted",
            outcome.files,
            outcome.started.len()
        ));
    }
    Ok(DONE)
}
