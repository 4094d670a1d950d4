//! Fixes carried out: managers reloaded, files given back, permissions taken away; `keep_one` has those that stop units.
//! What was before is recorded in a dated directory first.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::deploy::writer::Writer;
use crate::doctor::facts::Facts;
use crate::doctor::finding::Fix;
use crate::doctor::fix_plan::describe;
use crate::doctor::keep_one::UnitBefore;
use crate::gateway::owner::owner;
use crate::host::rootfs::{Actual, look};
use crate::host::systemctl::Systemctl;
use crate::host::{Host, Live};
use crate::layout::Scope;
use crate::output::Output;
use crate::render::tree::Entry;
use crate::units::unit::UnitId;

/// What was before, for a person who wants it back.
#[derive(Debug, Default, Serialize)]
pub(super) struct Before {
    pub(super) units: Vec<UnitBefore>,
    files: Vec<FileBefore>,
    lingering_switched_on: Vec<String>,
}

#[derive(Debug, Serialize)]
struct FileBefore {
    path: PathBuf,
    uid: u32,
    mode: String,
}

/// A run of `doctor --fix`.
pub(crate) struct Fixer<'a> {
    pub(super) host: &'a Host,
    live: &'a Live,
    pub(super) facts: &'a Facts,
    pub(super) output: &'a Output,
    pub(super) writer: Writer,
    backup: String,
    pub(super) before: Before,
}

impl<'a> Fixer<'a> {
    /// One that has done nothing yet.
    pub(crate) fn new(
        host: &'a Host,
        live: &'a Live,
        facts: &'a Facts,
        output: &'a Output,
    ) -> Self {
        Self {
            host,
            live,
            facts,
            output,
            writer: Writer::new(&host.root),
            backup: host.state(&format!("backup/doctor-{}", now())),
            before: Before::default(),
        }
    }

    /// Carry out every fix and go on after one that fails; what failed, each as a sentence.
    pub(crate) fn run(mut self, fixes: &[Fix]) -> Vec<String> {
        let mut failed = Vec::new();
        for fix in fixes {
            match self.one(fix).and_then(|()| self.save()) {
                Ok(()) => self.output.done(describe(fix)),
                Err(e) => failed.push(format!("{}: {e:#}", describe(fix))),
            }
        }
        let place = Path::new("/").join(&self.backup);
        self.output.step(format!(
            "what was before is recorded in `{}`",
            place.display()
        ));
        failed
    }

    fn one(&mut self, fix: &Fix) -> Result<()> {
        match fix {
            Fix::KeepOne { keep, stop } => self.keep_one(keep, stop),
            Fix::Reload { unit } => self.manager(unit).daemon_reload(),
            Fix::Reset { unit } => self
                .manager(unit)
                .verb("reset-failed", std::slice::from_ref(&unit.name)),
            Fix::Linger { account } => {
                self.before.lingering_switched_on.push(account.clone());
                self.live.set_linger(account, true)
            }
            Fix::Mode { path, mode } => {
                self.note(path)?;
                self.save()?;
                self.writer.set_mode(path, *mode)
            }
            Fix::Owner {
                home, paths, uid, ..
            } => {
                for path in paths {
                    self.note(path)?;
                }
                self.save()?;
                let gid = std::os::unix::fs::MetadataExt::gid(&std::fs::metadata(home)?);
                let names = paths.iter().filter_map(|p| p.file_name());
                self.writer.give(home, names, *uid, gid)
            }
            Fix::Remove { home, paths } => self.remove(home, paths),
        }
    }

    /// The manager of a unit.
    pub(super) fn manager(&self, unit: &UnitId) -> Systemctl {
        self.live.systemctl(&unit.manager)
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

    /// Write down what was before, so far.
    pub(super) fn save(&mut self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.before)? + "\n";
        self.writer
            .put(&format!("{}/before.json", self.backup), &Entry::text(text))
    }

    /// Keep a copy of a file; a link is kept as a link.
    pub(super) fn copy(&mut self, path: &Path) -> Result<()> {
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
