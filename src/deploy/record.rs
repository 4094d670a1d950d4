//! What a transaction records: before it writes anything, and when all is done.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::deploy::receipt::{Contents, Receipt, file};
use crate::deploy::transaction::Transaction;
use crate::deploy::writer::Writer;

impl Transaction<'_> {
    /// Record what is about to be written, so that a run killed half-way leaves nothing that is nobody's.
    pub(super) fn record_pending(&self, writer: &mut Writer) -> Result<BTreeSet<String>> {
        let mut receipt = self.old.clone();
        for change in self.plan.changed() {
            if let Some(after) = &change.after {
                receipt.pending.insert(change.path.clone(), after.stamp());
            }
        }
        let mut paths: Vec<String> = self.plan.changed().map(|c| c.path.clone()).collect();
        paths.push(self.host.receipt());
        receipt
            .directories
            .extend(self.host.files.missing_directories(&paths)?);
        receipt.linger = self.linger;
        // What was inherited from an owner that leaves cannot be found out again.
        receipt.settings.clone_from(&self.contents.settings);
        let directories = receipt.directories.clone();
        writer.put(&self.host.receipt(), &file(&receipt))?;
        Ok(directories)
    }

    /// The receipt once everything is done.
    pub(crate) fn final_receipt(&self) -> Receipt {
        let mut receipt = Receipt::empty(nix::unistd::geteuid().as_raw());
        let Contents {
            instances,
            shields,
            masks,
            guard,
            settings,
        } = self.contents.clone();
        receipt.instances = instances;
        receipt.instances.sort_by(|a, b| a.profile.cmp(&b.profile));
        receipt.shields = shields;
        receipt.masks = masks;
        receipt.guard = guard;
        receipt.settings = settings;
        receipt.linger = self.linger;
        receipt.files = self
            .plan
            .changes
            .iter()
            .filter_map(|c| Some((c.path.clone(), c.after.as_ref()?.stamp())))
            .collect();
        receipt
    }
}
