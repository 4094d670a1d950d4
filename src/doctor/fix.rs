//! Fixes carried out: managers reloaded, files given back, permissions taken away; `keep_one` has those that stop units.
//! What was before is recorded in a dated directory first.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::deploy::backup::Backup;
use crate::deploy::rights;
use crate::deploy::writer::Writer;
use crate::doctor::facts::Facts;
use crate::doctor::finding::Fix;
use crate::doctor::fix_plan::describe;
use crate::doctor::keep_one::UnitBefore;
use crate::gateway::owner::owner;
use crate::host::paths::below_root;
use crate::host::systemctl::Systemctl;
use crate::host::{Host, Live};
use crate::output::Output;
use crate::units::unit_id::UnitId;

/// What was before, for a person who wants it back.
#[derive(Debug, Default, Serialize)]
pub(super) struct Before {
    pub(super) units: Vec<UnitBefore>,
    lingering_switched_on: Vec<String>,
}

/// A run of `doctor --fix`.
pub(crate) struct Fixer<'a> {
    pub(super) host: &'a Host,
    pub(super) live: &'a Live,
    pub(super) facts: &'a Facts,
    pub(super) output: &'a Output,
    pub(super) writer: Writer,
    backup: Backup,
    pub(super) before: Before,
    is_recorded: bool,
}

impl<'a> Fixer<'a> {
    /// One that has done nothing yet.
    pub(crate) fn new(
        host: &'a Host,
        live: &'a Live,
        facts: &'a Facts,
        output: &'a Output,
    ) -> Result<Self> {
        Ok(Self {
            host,
            live,
            facts,
            output,
            writer: Writer::new(&host.files),
            backup: Backup::new(host)?,
            before: Before::default(),
            is_recorded: false,
        })
    }

    /// Carry out every fix and go on after one that fails; what failed, each as a sentence.
    pub(crate) fn run(mut self, fixes: &[Fix]) -> Vec<String> {
        let mut failed = Vec::new();
        failed.extend(self.release().err().map(|e| format!("{e:#}")));
        for fix in fixes {
            match self.one(fix).and_then(|()| self.save()) {
                Ok(()) => self.output.done(describe(fix)),
                Err(e) => failed.push(format!("{}: {e:#}", describe(fix))),
            }
        }
        if self.is_recorded {
            self.output.step(format!(
                "what was before is recorded in `{}`",
                self.backup.place().display()
            ));
        }
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
                rights::set_mode(&self.host.files, path, *mode)
            }
            Fix::Owner {
                home, paths, uid, ..
            } => {
                for path in paths {
                    self.note(path)?;
                }
                self.save()?;
                let names = paths.iter().filter_map(|p| p.file_name());
                rights::give(&self.host.files, home, names, *uid)
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
        self.backup.note(path, meta.uid(), meta.gid(), meta.mode());
        Ok(())
    }

    /// Write down what was before, so far.
    pub(super) fn save(&mut self) -> Result<()> {
        self.backup.save(&mut self.writer, &self.before)?;
        self.is_recorded = true;
        Ok(())
    }

    /// Keep a copy of a file; a link is kept as a link.
    pub(super) fn copy(&mut self, path: &Path) -> Result<()> {
        let relative = below_root(path).display().to_string();
        self.backup.keep(&mut self.writer, &relative)
    }

    fn remove(&mut self, home: &Path, paths: &[PathBuf]) -> Result<()> {
        for path in paths {
            self.copy(path)?;
            self.save()?;
            // Asked again for each: a gateway may have started since.
            if let Some(owner) = owner(home)? {
                bail!("somebody {} by now", owner.how);
            }
            let relative = below_root(path).display().to_string();
            self.writer.remove(&relative)?;
        }
        Ok(())
    }
}
