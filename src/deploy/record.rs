//! What a transaction records: before it writes anything, and when all is done.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::deploy::receipt::{Contents, Receipt, file};
use crate::deploy::rollback::Activity;
use crate::deploy::transaction::Transaction;
use crate::deploy::writer::Writer;

impl Transaction<'_> {
    /// Record what is about to be written, so that a run killed half-way leaves nothing that is nobody's.
    pub(super) fn record_pending(
        &self,
        writer: &mut Writer,
        activity: &mut Activity,
    ) -> Result<BTreeSet<String>> {
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
        // Where a profile is that moves holds until it has moved.
        for profile in self.relocations.iter().map(|r| &r.profile) {
            receipt.settings.remove(profile);
            let before = self.old.settings.get_key_value(profile);
            receipt
                .settings
                .extend(before.map(|(name, chosen)| (name.clone(), chosen.clone())));
        }
        let directories = receipt.directories.clone();
        writer.put(&self.host.receipt(), &file(&receipt))?;
        activity.recorded = Some(receipt);
        Ok(directories)
    }

    /// Record where profiles are that have moved: their units are on disk, and run there from the next boot on.
    pub(super) fn record_moved(&self, writer: &mut Writer, activity: &Activity) -> Result<()> {
        let Some(mut receipt) = activity.recorded.clone() else {
            return Ok(());
        };
        let last = self.final_receipt();
        (receipt.instances, receipt.settings) = (last.instances, last.settings);
        writer.put(&self.host.receipt(), &file(&receipt))
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
