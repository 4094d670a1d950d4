//! `upgrade`: what the receipt lists, rendered by this version, shown and applied.

use anyhow::Result;

use super::DONE;
use crate::cli::UpgradeArgs;
use crate::deploy::desired::{desired, links};
use crate::deploy::plan::plan;
use crate::deploy::receipt::read_receipt;
use crate::deploy::transaction::{Transaction, active, commit};
use crate::deploy::writer::Lock;
use crate::error::refuse;
use crate::host::Host;
use crate::host::rootfs::{Actual, look, observe};
use crate::output;
use crate::preflight::systemd_level;

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
    let is_there = |path: &String| matches!(look(&host.root, path), Ok(Actual::Present(..)));
    let tree = desired(
        &host,
        systemd_level(&host)?,
        &receipt.contents(),
        |profile| links(&host, profile).iter().any(is_there),
    )?;
    let observed = observe(&host.root, tree.keys().chain(receipt.paths()))?;
    let plan = plan(
        &tree,
        &receipt,
        &observed,
        nix::unistd::geteuid().as_raw(),
        args.force,
    );
    let conflicts = plan.conflicts();
    if !args.output.quiet && !args.output.json {
        output::print(plan.to_diff());
    }
    if !conflicts.is_empty() {
        refuse!(
            "nothing was changed, because of files that are not as we left them:\n  {}",
            conflicts.join("\n  ")
        );
    }
    // Only what runs is restarted: a stopped unit was stopped by somebody.
    let up = match host.live() {
        Some(live) => active(live, receipt.contents().units(&host.default_root()))?,
        None => Vec::new(),
    };
    if !plan.is_empty() && !up.is_empty() && !args.yes {
        let names: Vec<&str> = up.iter().map(|(unit, _)| unit.as_str()).collect();
        if output::ask(&format!(
            "apply this and restart {} where its unit changed?",
            names.join(", ")
        )) == Some(false)
        {
            refuse!("nothing was changed");
        }
    }
    let outcome = commit(Transaction {
        host: &host,
        output: &output,
        linger: receipt.linger,
        contents: receipt.contents(),
        old: receipt,
        plan,
        handovers: Vec::new(),
        up,
    })?;
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
