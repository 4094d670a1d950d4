//! A transaction that failed: files, units, lingering and old owners go back to what they were.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::deploy::receipt::{Receipt, file};
use crate::deploy::transaction::Transaction;
use crate::deploy::writer::Writer;
use crate::error::{Error, Kind};
use crate::host::Live;

/// Which units were started before, and which of them were touched.
#[derive(Default)]
pub(super) struct Activity {
    pub(super) was_started: BTreeMap<String, bool>,
    pub(super) is_reloaded: bool,
    pub(super) touched: Vec<String>,
    /// How many handovers were begun.
    pub(super) handovers: usize,
    /// How many profiles were copied, or some of it.
    pub(super) relocations: usize,
    /// What was recorded before anything was written.
    pub(super) recorded: Option<Receipt>,
}

impl Activity {
    /// A unit is stopped from here on; whether it was started.
    pub(super) fn begin(&mut self, unit: &str, was_started: bool) {
        self.was_started.insert(unit.to_owned(), was_started);
        self.touched.push(unit.to_owned());
    }
}

impl Transaction<'_> {
    /// Put everything back; what happened and what is left, as a failure, or as the refusal that began it.
    pub(super) fn roll_back(
        &self,
        cause: &anyhow::Error,
        mut writer: Writer,
        activity: &Activity,
    ) -> anyhow::Error {
        self.output.step("putting everything back as it was");
        let mut errors = Vec::new();
        if let Some(live) = self.host.live() {
            errors.extend(self.stop_touched(live, activity));
        }
        // Where the data are again is recorded before a file says so.
        if let (false, Some(receipt)) = (self.relocations.is_empty(), &activity.recorded) {
            errors.extend(writer.put(&self.host.receipt(), &file(receipt)).err());
        }
        errors.extend(writer.undo());
        let mut notes = Vec::new();
        if let Some(live) = self.host.live() {
            errors.extend(self.restore(live, activity));
            for handover in &self.handovers[..activity.handovers] {
                let (failed, told) = handover.back(live, self.output);
                errors.extend(failed);
                notes.extend(told);
            }
        }
        let left: Vec<String> = errors.iter().map(|e| format!("{e:#}")).collect();
        let end = match (left.as_slice(), notes.is_empty()) {
            ([], true) => "everything is as it was before".to_owned(),
            ([], false) => "every file is as it was before".to_owned(),
            (list, _) => format!("not everything could be put back: {}", list.join("; ")),
        };
        notes.insert(0, format!("{cause:#}\n{end}"));
        let cause = Error::of(cause);
        let kind = match cause.kind {
            Kind::Refused => Kind::Refused,
            _ => Kind::Failed,
        };
        Error::new(kind, notes.join("\n"), cause.hints).into()
    }

    /// While the files are there that they were started by, the launcher among them: it knows how a gateway is stopped.
    fn stop_touched(&self, live: &Live, activity: &Activity) -> Vec<anyhow::Error> {
        let moved = self.relocations[..activity.relocations].iter();
        let rested = |unit: &&String| activity.was_started.get(*unit) == Some(&false);
        let mut units: Vec<String> = activity.touched.iter().filter(rested).cloned().collect();
        units.extend(moved.map(|relocation| relocation.profile.unit()));
        units.sort();
        units.dedup();
        if units.is_empty() {
            return Vec::new();
        }
        let manager = live.manager();
        let stopped = manager.verb("stop", &units);
        // A failure would be shown of a unit that is gone.
        let _ = manager.verb("reset-failed", &units);
        stopped.err().into_iter().collect()
    }

    /// After the files are back: the manager reads them, and every touched unit runs or rests as before.
    fn restore(&self, live: &Live, activity: &Activity) -> Vec<anyhow::Error> {
        let mut errors = Vec::new();
        if self.linger && !self.old.linger {
            errors.extend(live.set_linger(&self.host.own.name, false).err());
        }
        if !activity.is_reloaded && activity.touched.is_empty() {
            return errors;
        }
        let manager = live.manager();
        let ran = |unit: &&String| activity.was_started.get(*unit) == Some(&true);
        let restart: Vec<String> = activity.touched.iter().filter(ran).cloned().collect();
        let mut attempt = |result: Result<()>| errors.extend(result.err());
        for relocation in &self.relocations[..activity.relocations] {
            attempt(relocation.back(self.host));
        }
        attempt(manager.daemon_reload());
        if !restart.is_empty() {
            let _ = manager.verb("reset-failed", &restart);
            attempt(manager.verb("restart", &restart));
        }
        errors
    }
}
