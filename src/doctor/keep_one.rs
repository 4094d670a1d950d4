//! One owner of a profile stays: the others are stopped as planned and disabled, and put back when the one that was to
//! stay does not run.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use nix::unistd::geteuid;
use serde::Serialize;

use crate::deploy::removal::remove_empty;
use crate::deploy::service::{Ready, Service, stop_as_planned};
use crate::doctor::fix::Fixer;
use crate::gateway::config::stop_drain;
use crate::gateway::installation::Installation;
use crate::gateway::running::Running;
use crate::gateway::state::State;
use crate::gateway::stop::Force;
use crate::host::process::Process;
use crate::render::tree::Entry;
use crate::units::unit::Unit;
use crate::units::unit_id::UnitId;

/// A drop-in in /run that keeps a unit from coming back while it is stopped; its name sorts behind all others.
const HOLD: &str = "zzz-hermes-install-doctor.conf";

/// The longest drain of a gateway that another account's manager runs, in seconds: its home says how long it is.
const MOST_DRAIN: u32 = 60;

/// A unit as it was before.
#[derive(Debug, Clone, Serialize)]
pub(super) struct UnitBefore {
    unit: UnitId,
    unit_file_state: String,
    active_state: String,
    #[serde(skip)]
    is_started: bool,
}

impl<'a> Fixer<'a> {
    /// Stop and disable `stop`, and see `keep` run if any of them ran.
    pub(super) fn keep_one(&mut self, keep: &UnitId, stop: &[UnitId]) -> Result<()> {
        let home = self.unit(keep)?.home().map(Path::to_owned);
        let home = home.context("the unit does not say of which profile it is")?;
        let mut stopped: Vec<UnitBefore> = Vec::new();
        for name in stop {
            let state = self.manager(name).show_one(&name.name)?;
            let before = UnitBefore {
                unit: name.clone(),
                is_started: state.is_started(),
                unit_file_state: state.unit_file_state,
                active_state: state.active_state,
            };
            self.before.units.push(before.clone());
            stopped.push(before);
        }
        self.save()?;
        // A user can turn a link of theirs to another home meanwhile.
        let place = identity(&home)?;
        let end = self.stop_all(stop, &home).and_then(|()| {
            if identity(&home)? == place {
                self.see_up(keep, &home, &stopped)
            } else {
                bail!("`{}` is another directory by now", home.display())
            }
        });
        if end.is_err() {
            self.output.step("putting the units back as they were");
            for before in &stopped {
                let names = [before.unit.name.clone()];
                if before.unit_file_state.starts_with("enabled") {
                    let _ = self.manager(&before.unit).verb("enable", &names);
                }
                if before.is_started {
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
                let path = self.hold_path(unit);
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
        end = end.and(remove_empty(&self.host.files, &directories));
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
        let pid = self.manager(name).show_one(&name.name)?.main_pid;
        if let Some(process) = self.main_process(name, pid)? {
            let found = Installation::of_process(&process);
            let drain = stop_drain(home, found.and_then(|i| i.version), None);
            let unit = self.unit(name)?;
            let is_anothers = unit.is_user() && unit.manager_account.uid != geteuid().as_raw();
            let drain = if is_anothers {
                drain.min(MOST_DRAIN)
            } else {
                drain
            };
            stop_as_planned(&process, home, drain, Force::Deaf, self.output)?;
        }
        self.manager(name).verb("stop", &names)?;
        self.manager(name).verb("disable", &names)
    }

    /// The main process of a unit, if the kernel says that it is one: a gateway in the unit's own control group, and of the
    /// account whose manager it is. What a user's manager says is the user's word.
    fn main_process(&self, name: &UnitId, pid: Option<i32>) -> Result<Option<Process>> {
        let unit = self.unit(name)?;
        let is_its = |process: &Process| process.unit().is_some_and(|by| unit.is(&by));
        let running = pid.and_then(Running::read).map(|running| running.process);
        Ok(running.filter(is_its))
    }

    /// The owner that stays runs, if any of them ran before.
    fn see_up(&self, keep: &UnitId, home: &Path, stopped: &[UnitBefore]) -> Result<()> {
        let is_started = self.manager(keep).show_one(&keep.name)?.is_started();
        if !is_started && !stopped.iter().any(|b| b.is_started) {
            return Ok(());
        }
        // The last fight may still end a gateway that looked well; then the second start is undisturbed.
        self.bring_up(keep, home)
            .or_else(|_| self.bring_up(keep, home))
            .map(drop)
    }

    fn bring_up(&self, keep: &UnitId, home: &Path) -> Result<Ready> {
        let pid = self.manager(keep).show_one(&keep.name)?.main_pid;
        let is_up = State::read(home).is_some_and(|s| Some(s.pid) == pid && s.is_up());
        let service = Service {
            manager: &self.manager(keep),
            unit: &keep.name,
            home,
            output: self.output,
        };
        if is_up {
            service.wait_until_ready()
        } else {
            service.start_until_ready()
        }
    }

    /// Let go of units that a killed run still holds.
    pub(super) fn release(&mut self) -> Result<()> {
        for unit in &self.facts.inventory.units {
            let held = self.hold_path(unit);
            if unit.files.drop_ins.contains(&Path::new("/").join(&held)) {
                self.writer.remove(&held)?;
                self.live.systemctl(&unit.manager).daemon_reload()?;
            }
        }
        Ok(())
    }

    /// Where a unit's drop-in is that no boot outlives, relative to the root.
    ///
    /// Root holds a user's unit in /run/systemd/user, which every user manager reads and root alone writes, and never
    /// goes through a directory of that user. A unit of the same name in another manager is held as well if that one
    /// happens to be reloaded before this ends.
    fn hold_path(&self, unit: &Unit) -> String {
        let directory = match (unit.is_user(), self.host.own.uid) {
            (false, _) => "run/systemd/system".to_owned(),
            (true, 0) => "run/systemd/user".to_owned(),
            (true, uid) => format!("run/user/{uid}/systemd/user"),
        };
        format!("{directory}/{}.d/{HOLD}", unit.name)
    }

    fn unit(&self, name: &UnitId) -> Result<&'a Unit> {
        let units = &self.facts.inventory.units;
        let found = units.iter().find(|u| u.id() == *name);
        found.with_context(|| format!("`{}` is not there any more", name.name))
    }
}

/// What makes a directory the same, whatever it is called.
fn identity(home: &Path) -> Result<(u64, u64)> {
    let meta = std::fs::metadata(home)
        .with_context(|| format!("`{}` cannot be examined", home.display()))?;
    Ok((meta.dev(), meta.ino()))
}
