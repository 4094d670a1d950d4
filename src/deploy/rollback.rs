//! A transaction that failed: files, units, lingering and old owners go back to what they were.

use std::collections::BTreeMap;

use anyhow::Result;

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
        writer: Writer,
        activity: &Activity,
    ) -> anyhow::Error {
        self.output.step("putting everything back as it was");
        let mut errors = writer.undo();
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
        let touched = |started: bool| -> Vec<String> {
            let was = |unit: &&String| activity.was_started.get(*unit) == Some(&started);
            activity.touched.iter().filter(was).cloned().collect()
        };
        let (restart, stop) = (touched(true), touched(false));
        let mut attempt = |result: Result<()>| errors.extend(result.err());
        if !stop.is_empty() {
            // Stopped by the definition that started it, then forgotten.
            attempt(manager.verb("stop", &stop));
            let _ = manager.verb("reset-failed", &stop);
        }
        for relocation in &self.relocations[..activity.relocations] {
            // Its gateway by the definition that started it, before the copies under it.
            let unit = relocation.profile.unit();
            attempt(manager.verb("stop", std::slice::from_ref(&unit)));
            let _ = manager.verb("reset-failed", std::slice::from_ref(&unit));
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
