//! One run that takes things away: stop, remove, reload, and the receipt last. Unlike a change it goes on after errors and
//! undoes nothing: what is gone was not wanted.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::deploy::interrupt::Hold;
use crate::deploy::plan::Action;
use crate::deploy::plan::past;
use crate::deploy::receipt::Receipt;
use crate::deploy::receipt::file;
use crate::deploy::service::job;
use crate::deploy::transaction::Transaction;
use crate::deploy::writer::Writer;
use crate::error::failed;
use crate::host::Host;
use crate::host::read::is_missing;
use crate::host::rootfs::RootFs;
use crate::host::service_state::ServiceState;

/// Remove what is no longer wanted, go on after errors, and report them all.
/// `stop` are units that go.
pub(crate) fn take_down(change: Transaction, stop: &[String]) -> Result<usize> {
    let host = change.host;
    let mut errors: Vec<anyhow::Error> = Vec::new();
    let _hold = Hold::begin(false);
    if let Some(live) = host.live() {
        let manager = live.manager();
        let states = manager.show(stop).unwrap_or_default().into_iter();
        let at_rest = states
            .filter(ServiceState::is_at_rest)
            .map(|state| state.id);
        let at_rest: BTreeSet<String> = at_rest.collect();
        for unit in stop {
            // There may be a job for it all the same.
            if !at_rest.contains(unit) {
                change.output.step(format!("stopping `{unit}`"));
            }
            let unit = std::slice::from_ref(unit);
            errors.extend(job(&manager, change.output, "stop", unit).err());
        }
    }
    let mut writer = Writer::new(&host.files);
    errors.extend(writer.sweep(change.old.pending.keys()).err());
    errors.extend(writer.sweep([&host.receipt()]).err());
    let mut receipt = change.final_receipt();
    let (removed, failed) = remove_files(&change, &mut writer, &mut receipt);
    errors.extend(failed);
    for left in change
        .plan
        .changes
        .iter()
        .filter(|c| c.action == Action::Leave)
    {
        change.output.warn(format!(
            "`/{}` was changed after it was installed and stays; remove it by hand if nobody needs it",
            left.path
        ));
    }
    if let Some(live) = host.live() {
        let manager = live.manager();
        errors.extend(change.reload(live).err());
        for unit in stop {
            // Not loaded any more is as good as reset.
            let _ = manager.verb("reset-failed", std::slice::from_ref(unit));
        }
    }
    if receipt.is_empty() && change.old.linger {
        if let Some(live) = host.live() {
            errors.extend(live.set_linger(&host.own.name, false).err());
        }
        change.output.step("lingering is off again");
    }
    errors.extend(settle(host, &mut writer, receipt, &change.old));
    if errors.is_empty() {
        return Ok(removed);
    }
    let list: Vec<String> = errors.iter().map(|e| format!("  {e:#}")).collect();
    failed!("not everything could be removed:\n{}", list.join("\n"); "mend this, then run it again")
}

/// Remove the files that nobody wants any more: how many, and what kept others from it, which stay recorded.
fn remove_files(
    change: &Transaction,
    writer: &mut Writer,
    receipt: &mut Receipt,
) -> (usize, Vec<anyhow::Error>) {
    let (mut removed, mut errors) = (0, Vec::new());
    for file in change.plan.changed() {
        let result = match &file.after {
            Some(entry) => writer.put(&file.path, entry),
            None => writer.remove(&file.path),
        };
        match result {
            Ok(()) => {
                removed += 1;
                let what = format!("{} /{}", past(&file.action), file.path);
                change.output.step(what);
            }
            Err(e) => {
                // The next run tries again.
                if let Some(entry) = &file.before {
                    receipt.files.insert(file.path.clone(), entry.stamp());
                }
                errors.push(e);
            }
        }
    }
    (removed, errors)
}

/// Remove the directories, and the receipt last: as long as something is left, it says what.
fn settle(
    host: &Host,
    writer: &mut Writer,
    mut receipt: Receipt,
    old: &Receipt,
) -> Vec<anyhow::Error> {
    let mut errors = Vec::new();
    let place = host.receipt();
    let holds_receipt = |directory: &&String| Path::new(&place).starts_with(directory);
    let (last, first): (BTreeSet<_>, BTreeSet<_>) = old
        .directories
        .iter()
        .cloned()
        .partition(|d| holds_receipt(&d));
    let is_empty = receipt.is_empty();
    receipt.directories.clone_from(&old.directories);
    errors.extend(remove_empty(&host.files, &first).err());
    if is_empty && errors.is_empty() {
        errors.extend(writer.remove(&place).err());
        errors.extend(remove_empty(&host.files, &last).err());
    }
    if !is_empty || !errors.is_empty() {
        errors.extend(writer.put(&place, &file(&receipt)).err());
    }
    errors
}

/// Remove these directories where they are empty, the deepest first.
pub(crate) fn remove_empty(files: &RootFs, directories: &BTreeSet<String>) -> Result<()> {
    for path in directories.iter().rev() {
        // A link or a file by that name is not a directory that this program made.
        let removed = match files.find_parent(Path::new(path)) {
            Ok((above, name)) => above.remove_empty(name).map(drop),
            Err(e) if is_missing(&e) => Ok(()),
            Err(e) => Err(e),
        };
        removed.with_context(|| format!("`/{path}` cannot be removed"))?;
    }
    Ok(())
}
