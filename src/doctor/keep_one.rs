//! One owner of a profile stays: the others are stopped as planned and disabled, and put back when the one that was to
//! stay does not run.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::deploy::readiness::{Started, watch};
use crate::deploy::writer::remove_empty;
use crate::doctor::fix::Fixer;
use crate::gateway::config::stop_drain;
use crate::gateway::installation::Installation;
use crate::gateway::state::State;
use crate::gateway::stop::{Force, Stopped, planned_stop};
use crate::host::process::Process;
use crate::render::tree::Entry;
use crate::units::unit::{Unit, UnitId};

/// A drop-in in /run that keeps a unit from coming back while it is stopped; its name sorts behind all others.
const HOLD: &str = "zzz-hermes-install-doctor.conf";

/// A unit as it was before.
#[derive(Debug, Clone, Serialize)]
pub(super) struct UnitBefore {
    unit: UnitId,
    unit_file_state: String,
    active_state: String,
}

impl<'a> Fixer<'a> {
    /// Stop and disable `stop`, and see `keep` run if any of them ran.
    pub(super) fn keep_one(&mut self, keep: &UnitId, stop: &[UnitId]) -> Result<()> {
        let home = self.unit(keep)?.home().map(Path::to_owned);
        let home = home.context("the unit does not say of which profile it is")?;
        let mut stopped: Vec<UnitBefore> = Vec::new();
        for name in stop {
            let state = self.manager(name).show_one(&name.name)?;
            let get = |key: &str| state.get(key).cloned().unwrap_or_default();
            let before = UnitBefore {
                unit: name.clone(),
                unit_file_state: get("UnitFileState"),
                active_state: get("ActiveState"),
            };
            self.before.units.push(before.clone());
            stopped.push(before);
        }
        self.save()?;
        let end = self
            .stop_all(stop, &home)
            .and_then(|()| self.see_up(keep, &home, &stopped));
        if end.is_err() {
            self.output.step("putting the units back as they were");
            for before in &stopped {
                let names = [before.unit.name.clone()];
                if before.unit_file_state.starts_with("enabled") {
                    let _ = self.manager(&before.unit).verb("enable", &names);
                }
                if before.active_state == "active" {
                    let _ = self.manager(&before.unit).verb("start", &names);
                }
            }
        }
        end
    }

    /// All are held first: two that come back by themselves would take the profile from each other meanwhile.
    fn stop_all(&mut self, stop: &[UnitId], home: &Path) -> Result<()> {
        let mut held = Vec::new();
        let mut hold = || -> Result<()> {
            for name in stop {
                let unit = self.unit(name)?;
                for file in unit.files.fragment.iter().chain(&unit.files.drop_ins) {
                    self.copy(file)?;
                }
                let path = hold_path(unit);
                self.writer
                    .put(&path, &Entry::text("[Service]\nRestart=no\n".to_owned()))?;
                held.push(path);
                self.manager(name).daemon_reload()?;
            }
            Ok(())
        };
        let mut end = hold();
        for name in stop {
            end = end.and_then(|()| self.stop(name, home));
        }
        // Disabled and stopped, a unit needs no hold, and otherwise must not keep one.
        let directories = held
            .iter()
            .filter_map(|p| Some(Path::new(p).parent()?.to_str()?.to_owned()));
        let directories = directories.collect();
        for path in &held {
            end = end.and(self.writer.remove(path));
        }
        end = end.and(remove_empty(&self.host.root, &directories));
        for name in stop {
            let _ = self.manager(name).daemon_reload();
            let _ = self
                .manager(name)
                .verb("reset-failed", std::slice::from_ref(&name.name));
        }
        end
    }

    fn stop(&self, name: &UnitId, home: &Path) -> Result<()> {
        let names = [name.name.clone()];
        self.output.step(format!(
            "stopping `{}` as planned, after its running turns",
            name.name
        ));
        let state = self.manager(name).show_one(&name.name)?;
        let pid: i32 = state
            .get("MainPID")
            .and_then(|p| p.parse().ok())
            .unwrap_or_default();
        if let Some(process) = Process::read(pid).filter(|_| pid > 0) {
            let found = Installation::of_process(&process);
            let drain = stop_drain(home, found.and_then(|i| i.version), None);
            match planned_stop(&process, home, drain, Force::Deaf, |_| ()) {
                Stopped::Exited => {}
                Stopped::Ended(why) => {
                    self.output
                        .step(format!("ended pid {pid} by signal: {why}"));
                }
                Stopped::Remains(why) => {
                    bail!("pid {pid} was asked to stop and is still there: {why}")
                }
            }
        }
        self.manager(name).verb("stop", &names)?;
        self.manager(name).verb("disable", &names)
    }

    /// The owner that stays runs, if any of them ran before.
    fn see_up(&self, keep: &UnitId, home: &Path, stopped: &[UnitBefore]) -> Result<()> {
        let ran = |state: &str| matches!(state, "active" | "activating" | "reloading");
        let activity = self
            .manager(keep)
            .show_one(&keep.name)?
            .get("ActiveState")
            .cloned();
        if !activity.is_some_and(|s| ran(&s)) && !stopped.iter().any(|b| ran(&b.active_state)) {
            return Ok(());
        }
        // The last fight may still end a gateway that looked well; then the second start is undisturbed.
        let first = self.bring_up(keep, home)?;
        let end = match first {
            Started::Failed { .. } => self.bring_up(keep, home)?,
            Started::Up { .. } => first,
        };
        match end {
            Started::Up { pid, .. } => {
                self.output.done(format!("`{}` runs: pid {pid}", keep.name));
                Ok(())
            }
            Started::Failed { why, invocation } => {
                let lines = self.manager(keep).journal(&keep.name, &invocation, 15);
                let journal: String = lines.iter().map(|l| format!("\n  | {l}")).collect();
                bail!("`{}` {why}; its last journal lines:{journal}", keep.name)
            }
        }
    }

    fn bring_up(&self, keep: &UnitId, home: &Path) -> Result<Started> {
        let names = std::slice::from_ref(&keep.name);
        let state = self.manager(keep).show_one(&keep.name)?;
        let pid = state.get("MainPID").and_then(|p| p.parse::<i32>().ok());
        let is_up = State::read(home).is_some_and(|s| Some(s.pid) == pid && s.is_up());
        // Else its restarts of before would count.
        let _ = self.manager(keep).verb("reset-failed", names);
        if !is_up {
            self.output.step(format!("starting `{}`", keep.name));
            // A start would wait for an automatic restart that is pending; a restart does not (systemd.service(5)).
            self.manager(keep).verb("restart", names)?;
        }
        watch(&self.manager(keep), &keep.name, home, |_| ())
    }

    fn unit(&self, name: &UnitId) -> Result<&'a Unit> {
        let units = &self.facts.inventory.units;
        let found = units.iter().find(|u| u.id() == *name);
        found.with_context(|| format!("`{}` is not there any more", name.name))
    }
}

/// Where a unit's drop-in is that no boot outlives, relative to the root.
fn hold_path(unit: &Unit) -> String {
    let directory = match unit.is_user() {
        false => "run/systemd/system".to_owned(),
        true => format!("run/user/{}/systemd/user", unit.manager_account.uid),
    };
    format!("{directory}/{}.d/{HOLD}", unit.name)
}
