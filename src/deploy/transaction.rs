//! One run that changes a host: write, reload, stop, start, verify, and the receipt last; or everything back as it was.
//! install, upgrade and shield differ only in the tree they want and the units they touch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::deploy::backup::Backup;
use crate::deploy::creation::Creation;
use crate::deploy::desired::is_drop_in_of;
use crate::deploy::handover::Handover;
use crate::deploy::interrupt::{self, Hold};
use crate::deploy::plan::{Change, Plan, past};
use crate::deploy::receipt::file;
use crate::deploy::receipt::{Contents, Receipt};
use crate::deploy::relocation::Relocation;
use crate::deploy::removal::remove_empty;
use crate::deploy::rollback::Activity;
use crate::deploy::service::{Ready, Service, start_all};
use crate::deploy::writer::Writer;
use crate::error::refuse;
use crate::host::span;
use crate::host::{Host, Live};
use crate::layout::{ROOTS_USER_UNITS, Scope, TEMPLATE};
use crate::output::Output;

/// A change about to be carried out.
pub(crate) struct Transaction<'a> {
    /// Where.
    pub(crate) host: &'a Host,
    /// How to talk.
    pub(crate) output: &'a Output,
    /// What was recorded before.
    pub(crate) old: Receipt,
    /// The files.
    pub(crate) plan: Plan,
    /// What remains recorded.
    pub(crate) contents: Contents,
    /// Whether hermes-install enabled lingering, now or before.
    pub(crate) linger: bool,
    /// Profiles that hermes is to create; they stay when the rest is taken back.
    pub(crate) creations: Vec<Creation>,
    /// Old owners that leave before the units start.
    pub(crate) handovers: Vec<Handover>,
    /// Profiles that move to a tenant of their own.
    pub(crate) relocations: Vec<Relocation>,
    /// Units that shall run at the end, each with its profile home; restarted if what they are made of changes.
    pub(crate) up: Vec<(String, PathBuf)>,
}

/// What a change did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Paths written or removed.
    pub(crate) files: usize,
    /// Units that were started or restarted, with the main process of each.
    pub(crate) started: BTreeMap<String, i32>,
    /// For units that took a profile over: seconds that the old owner's stop took, and seconds without a gateway.
    pub(crate) handed_over: BTreeMap<String, (f64, f64)>,
    /// Whether an account or its directory was made.
    pub(crate) has_made_accounts: bool,
    /// Where replaced files were moved to, relative to the root.
    pub(crate) backup: Option<String>,
}

/// Those of these units that run.
pub(crate) fn running(
    live: &Live,
    units: Vec<(String, PathBuf)>,
) -> Result<Vec<(String, PathBuf)>> {
    let names: Vec<String> = units.iter().map(|(unit, _)| unit.clone()).collect();
    let manager = live.manager();
    // A user's manager that is not there yet runs nothing.
    if names.is_empty() || manager.reach().is_err() {
        return Ok(Vec::new());
    }
    let states = manager.show(&names)?;
    let runs = |unit: &String| states.iter().any(|s| s.id == *unit && s.runs());
    Ok(units.into_iter().filter(|(unit, _)| runs(unit)).collect())
}

impl Transaction<'_> {
    /// Refuse to touch files that somebody else wrote or edited.
    pub(crate) fn refuse_conflicts(&self) -> Result<()> {
        let conflicts = self.plan.conflicts();
        if !conflicts.is_empty() {
            refuse!(
                "nothing was changed: these files were edited, or not written by hermes-install:\n  {}",
                conflicts.join("\n  ")
            );
        }
        Ok(())
    }

    /// Carry it out, or put everything back.
    pub(crate) fn commit(self) -> Result<Outcome> {
        let mut writer = Writer::new(&self.host.files);
        let mut activity = Activity::default();
        let _hold = Hold::begin(true);
        match self.run(&mut writer, &mut activity) {
            Ok(outcome) => Ok(outcome),
            Err(cause) => {
                interrupt::go_through();
                Err(self.roll_back(&cause, writer, &activity))
            }
        }
    }

    fn run(&self, writer: &mut Writer, activity: &mut Activity) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        writer.sweep(self.old.pending.keys().chain([&self.host.receipt()]))?;
        let mut receipt = self.final_receipt();
        let is_settled = self.plan.is_empty() && self.old.pending.is_empty();
        receipt.directories = if is_settled {
            self.old.directories.clone()
        } else {
            self.record_pending(writer, activity)?
        };
        if let Some(live) = self.host.live() {
            self.stop_relocated(live, activity)?;
        }
        let mut backup = Backup::new(self.host)?;
        // What has a unit run elsewhere comes when the data are there: at every moment its files name all of them.
        let (switches, others): (Vec<_>, Vec<_>) = self
            .plan
            .changed()
            .partition(|change| self.switches(change));
        self.apply(writer, &mut backup, &others)?;
        if let Some(live) = self.host.live() {
            outcome.has_made_accounts = self.make_accounts(live)?;
            self.make_homes(activity)?;
        }
        self.apply(writer, &mut backup, &switches)?;
        if !self.relocations.is_empty() {
            self.record_moved(writer, activity)?;
        }
        outcome.files = self.plan.changed().count();
        outcome.backup = backup.directory().map(str::to_owned);
        if let Some(live) = self.host.live() {
            if !is_settled {
                activity.is_reloaded = true;
                self.reload(live)?;
            }
            let mut gone = Vec::new();
            for handover in &self.handovers {
                interrupt::check()?;
                activity.handovers += 1;
                gone.push((&handover.home, handover.go(live, self.output)?));
                if handover.by_hand.is_some() {
                    // It cannot go back to its terminal: nobody would run the profile.
                    interrupt::go_through();
                }
            }
            interrupt::check()?;
            for (unit, home, ready) in self.bring_up(live, activity)? {
                outcome.started.insert(unit.clone(), ready.pid);
                if let Some((_, gone)) = gone.iter().find(|(other, _)| *other == home) {
                    let without = ready.at.duration_since(gone.at);
                    self.output.done(format!(
                        "`{unit}` has taken the profile over: {} to stop the old gateway, {} without one",
                        span::took(gone.took),
                        span::took(without)
                    ));
                    let rounded = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
                    let seconds = (
                        rounded(gone.took.as_secs_f64()),
                        rounded(without.as_secs_f64()),
                    );
                    outcome.handed_over.insert(unit.clone(), seconds);
                }
            }
        }
        if !is_settled || receipt != self.old {
            writer.put(&self.host.receipt(), &file(&receipt))?;
        }
        // Last, as nothing puts directories back.
        let emptied = if is_settled {
            Ok(())
        } else {
            remove_empty(&self.host.files, &receipt.directories)
        };
        if let Err(e) = emptied {
            self.output.warn(format!("{e:#}"));
        }
        Ok(outcome)
    }

    /// Whether it has the unit of a profile that moves run in its tenant.
    fn switches(&self, change: &Change) -> bool {
        let mut moving = self.relocations.iter();
        moving.any(|relocation| is_drop_in_of(&relocation.profile.unit(), &change.path))
    }

    fn apply(&self, writer: &mut Writer, backup: &mut Backup, changes: &[&Change]) -> Result<()> {
        writer.apply(changes.iter().copied(), backup)?;
        for change in changes {
            self.output
                .step(format!("{} /{}", past(&change.action), change.path));
        }
        Ok(())
    }

    /// Stop the gateways of profiles whose data move.
    fn stop_relocated(&self, live: &Live, activity: &mut Activity) -> Result<()> {
        for relocation in &self.relocations {
            let stopped = relocation.stop(live, self.output)?;
            activity.begin(&relocation.profile.unit(), stopped);
        }
        Ok(())
    }

    /// Have the homes of profiles that move, and of those that are not there yet.
    fn make_homes(&self, activity: &mut Activity) -> Result<()> {
        for relocation in &self.relocations {
            activity.relocations += 1;
            relocation.copy(self.host, self.output)?;
        }
        for creation in &self.creations {
            creation.go(self.host)?;
            self.output.done(format!(
                "{} has created profile `{}`",
                creation.maker(),
                creation.profile()
            ));
        }
        Ok(())
    }

    /// Have the managers read what was changed for them.
    pub(crate) fn reload(&self, live: &Live) -> Result<()> {
        live.manager().daemon_reload()?;
        let mut changed = self.plan.changed();
        if self.host.scope == Scope::System
            && changed.any(|file| file.path.starts_with(ROOTS_USER_UNITS))
        {
            live.manager().reload_users()?;
        }
        Ok(())
    }

    /// Whether what a unit is made of changes, or may have changed in a run that was cut short.
    fn changes_unit(&self, unit: &str) -> bool {
        let changed = self.plan.changed().map(|c| &c.path);
        let mut paths = changed.chain(self.old.pending.keys());
        let is_instance = unit.starts_with(TEMPLATE.trim_end_matches(".service"));
        paths.any(|path| {
            is_drop_in_of(unit, path) || (is_instance && Path::new(path).ends_with(TEMPLATE))
        })
    }

    /// The units that would be restarted: they run, and what they are made of changes.
    pub(crate) fn restarts(&self, live: &Live) -> Result<Vec<String>> {
        // One that is handed over is stopped on the way.
        let leaves = |unit: &String| {
            let mut old = self.handovers.iter().flat_map(|h| &h.units);
            old.any(|old| old.name == *unit && old.manager == self.host.manager())
        };
        let changed = self.up.iter();
        let changed = changed.filter(|(unit, _)| self.changes_unit(unit) && !leaves(unit));
        let running = running(live, changed.cloned().collect())?;
        Ok(running.into_iter().map(|(unit, _)| unit).collect())
    }

    /// Start the units that do not run, restart those that are made of something new, all at once, until their gateways are
    /// ready: these, each with its home.
    fn bring_up(
        &self,
        live: &Live,
        activity: &mut Activity,
    ) -> Result<Vec<(&String, &Path, Ready)>> {
        let manager = live.manager();
        let names: Vec<String> = self.up.iter().map(|(unit, _)| unit.clone()).collect();
        let states = manager.show(&names)?;
        for state in &states {
            let was_started = activity.was_started.entry(state.id.clone());
            was_started.or_insert(state.is_started());
        }
        let runs = |unit: &String| states.iter().any(|s| s.id == *unit && s.runs());
        let is_due = |unit: &String| !runs(unit) || self.changes_unit(unit);
        let due: Vec<_> = self.up.iter().filter(|(unit, _)| is_due(unit)).collect();
        activity
            .touched
            .extend(due.iter().map(|(unit, _)| unit.clone()));
        let services: Vec<Service> = due
            .iter()
            .map(|(unit, home)| Service {
                manager: &manager,
                unit,
                home,
                output: self.output,
            })
            .collect();
        let ended = start_all(&services)?;
        due.into_iter()
            .zip(ended)
            .map(|((unit, home), ready)| Ok((unit, home.as_path(), ready?)))
            .collect()
    }
}
