//! Remedies carried out: units stopped as planned and disabled, files given back, permissions taken away. Everything
//! is recorded in a dated directory first, and duplicates are put back when the owner that was to stay does not run.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::deploy::readiness::{Started, watch};
use crate::deploy::writer::{Writer, remove_empty};
use crate::doctor::facts::Facts;
use crate::doctor::fix_plan::describe;
use crate::doctor::rules::{Remedy, UnitName};
use crate::gateway::config::drain_setting;
use crate::gateway::owner::owner;
use crate::gateway::state::State;
use crate::gateway::stop::{Force, Stopped, planned_stop};
use crate::gateway::version::default_drain;
use crate::host::Host;
use crate::host::process::Process;
use crate::host::rootfs::{Actual, look};
use crate::host::systemctl;
use crate::layout::Scope;
use crate::output::Output;
use crate::render::tree::Entry;
use crate::units::unit::Unit;

/// A drop-in in /run that keeps a unit from coming back while it is stopped; its name sorts behind all others.
const HOLD: &str = "zzz-hermes-install-doctor.conf";

/// What was before, for a person who wants it back.
#[derive(Debug, Default, Serialize)]
struct Before {
    units: Vec<UnitBefore>,
    files: Vec<FileBefore>,
    lingering_switched_on: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct UnitBefore {
    unit: UnitName,
    unit_file_state: String,
    active_state: String,
}

#[derive(Debug, Serialize)]
struct FileBefore {
    path: PathBuf,
    uid: u32,
    mode: String,
}

/// A run that mends.
pub(crate) struct Mender<'a> {
    host: &'a Host,
    facts: &'a Facts,
    output: &'a Output,
    writer: Writer,
    backup: String,
    before: Before,
}

impl<'a> Mender<'a> {
    /// One that has done nothing yet.
    pub(crate) fn new(host: &'a Host, facts: &'a Facts, output: &'a Output) -> Self {
        Self {
            host,
            facts,
            output,
            writer: Writer::new(&host.root),
            backup: host.state(&format!("backup/doctor-{}", now())),
            before: Before::default(),
        }
    }

    /// Carry out every remedy and go on after one that fails; what failed, each as a sentence.
    pub(crate) fn mend(mut self, remedies: &[Remedy]) -> Vec<String> {
        let mut failed = Vec::new();
        for remedy in remedies {
            match self.one(remedy).and_then(|()| self.save()) {
                Ok(()) => self.output.done(describe(remedy)),
                Err(e) => failed.push(format!("{}: {e:#}", describe(remedy))),
            }
        }
        let place = Path::new("/").join(&self.backup);
        self.output.step(format!(
            "what was before is recorded in `{}`",
            place.display()
        ));
        failed
    }

    fn one(&mut self, remedy: &Remedy) -> Result<()> {
        match remedy {
            Remedy::KeepOne { keep, stop } => self.keep_one(keep, stop),
            Remedy::Reload { unit } => unit.manager.daemon_reload(),
            Remedy::Reset { unit } => unit
                .manager
                .verb("reset-failed", std::slice::from_ref(&unit.name)),
            Remedy::Linger { account } => {
                self.before.lingering_switched_on.push(account.clone());
                systemctl::set_linger(account, true)
            }
            Remedy::Mode { path, mode } => {
                self.note(path)?;
                self.save()?;
                self.writer.set_mode(path, *mode)
            }
            Remedy::Owner { home, paths, uid } => {
                for path in paths {
                    self.note(path)?;
                }
                self.save()?;
                let gid = std::os::unix::fs::MetadataExt::gid(&std::fs::metadata(home)?);
                let names = paths.iter().filter_map(|p| p.file_name());
                self.writer.give(home, names, *uid, gid)
            }
            Remedy::Remove { home, paths } => self.remove(home, paths),
        }
    }

    fn note(&mut self, path: &Path) -> Result<()> {
        use std::os::unix::fs::MetadataExt as _;
        let meta = std::fs::symlink_metadata(path)
            .with_context(|| format!("`{}` cannot be examined", path.display()))?;
        self.before.files.push(FileBefore {
            path: path.to_owned(),
            uid: meta.uid(),
            mode: format!("{:04o}", meta.mode() & 0o7777),
        });
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.before)? + "\n";
        self.writer
            .put(&format!("{}/before.json", self.backup), &Entry::text(text))
    }

    /// Keep a copy of a file; a link is kept as a link.
    fn copy(&mut self, path: &Path) -> Result<()> {
        let relative = path.strip_prefix("/").unwrap_or(path).display().to_string();
        if let Actual::Present(entry, _) = look(&self.host.root, &relative)? {
            self.writer
                .put(&format!("{}/{relative}", self.backup), &entry)?;
        }
        Ok(())
    }

    fn remove(&mut self, home: &Path, paths: &[PathBuf]) -> Result<()> {
        for path in paths {
            self.copy(path)?;
            // Asked again for each: a gateway may have started since.
            if let Some(owner) = owner(home)? {
                bail!("somebody {} by now", owner.how);
            }
            let relative = path.strip_prefix("/").unwrap_or(path);
            self.writer.remove(&relative.display().to_string())?;
        }
        Ok(())
    }

    fn unit(&self, name: &UnitName) -> Result<&'a Unit> {
        let units = &self.facts.inventory.units;
        let found = units.iter().find(|u| UnitName::of(u) == *name);
        found.with_context(|| format!("`{}` is not there any more", name.name))
    }

    fn keep_one(&mut self, keep: &UnitName, stop: &[UnitName]) -> Result<()> {
        let home = self.unit(keep)?.home().map(Path::to_owned);
        let home = home.context("the unit does not say of which profile it is")?;
        let mut stopped: Vec<UnitBefore> = Vec::new();
        for name in stop {
            let state = name.manager.show_one(&name.name)?;
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
                    let _ = before.unit.manager.verb("enable", &names);
                }
                if before.active_state == "active" {
                    let _ = before.unit.manager.verb("start", &names);
                }
            }
        }
        end
    }

    /// All are held first: two that come back by themselves would take the profile from each other meanwhile.
    fn stop_all(&mut self, stop: &[UnitName], home: &Path) -> Result<()> {
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
                name.manager.daemon_reload()?;
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
            let _ = name.manager.daemon_reload();
            let _ = name
                .manager
                .verb("reset-failed", std::slice::from_ref(&name.name));
        }
        end
    }

    fn stop(&self, name: &UnitName, home: &Path) -> Result<()> {
        let names = [name.name.clone()];
        self.output.step(format!(
            "stopping `{}` as planned, after its running turns",
            name.name
        ));
        let state = name.manager.show_one(&name.name)?;
        let pid: i32 = state
            .get("MainPID")
            .and_then(|p| p.parse().ok())
            .unwrap_or_default();
        if let Some(process) = Process::read(pid).filter(|_| pid > 0) {
            let drain = drain_setting(home).unwrap_or_else(|| default_drain(None));
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
        name.manager.verb("stop", &names)?;
        name.manager.verb("disable", &names)
    }

    /// The owner that stays runs, if any of them ran before.
    fn see_up(&self, keep: &UnitName, home: &Path, stopped: &[UnitBefore]) -> Result<()> {
        let ran = |state: &str| matches!(state, "active" | "activating" | "reloading");
        let activity = keep
            .manager
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
                let lines = keep.manager.journal(&keep.name, &invocation, 15);
                let journal: String = lines.iter().map(|l| format!("\n  | {l}")).collect();
                bail!("`{}` {why}; its last journal lines:{journal}", keep.name)
            }
        }
    }

    fn bring_up(&self, keep: &UnitName, home: &Path) -> Result<Started> {
        let names = std::slice::from_ref(&keep.name);
        let state = keep.manager.show_one(&keep.name)?;
        let pid = state.get("MainPID").and_then(|p| p.parse::<i32>().ok());
        let is_up = State::read(home).is_some_and(|s| Some(s.pid) == pid && s.is_up());
        // Else its restarts of before would count.
        let _ = keep.manager.verb("reset-failed", names);
        if !is_up {
            self.output.step(format!("starting `{}`", keep.name));
            // A start would wait for an automatic restart that is pending; a restart does not (systemd.service(5)).
            keep.manager.verb("restart", names)?;
        }
        watch(&keep.manager, &keep.name, home, |_| ())
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

/// The time as `20261125T104500Z`.
fn now() -> String {
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    dated(seconds)
}

/// Seconds since 1970 as date and time in UTC; the calendar is Howard Hinnant's `civil_from_days`.
fn dated(seconds: u64) -> String {
    let (days, rest) = (seconds / 86400 + 719_468, seconds % 86400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Which scope's state directory a run of this account writes to.
pub(crate) fn scope() -> Scope {
    match nix::unistd::geteuid().is_root() {
        true => Scope::System,
        false => Scope::User,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_a_date() {
        assert_eq!(dated(0), "19700101T000000Z");
        assert_eq!(dated(1_709_210_096), "20240229T123456Z");
        assert_eq!(dated(1_764_067_500), "20251125T104500Z");
    }
}
