//! The one writer of files, each whole or not at all. What was there is remembered with the descriptor of its directory until the run ends, so that it is put back
//! where it was, and not where a path leads by then.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use nix::sys::stat::FileStat;

use crate::deploy::backup::Backup;
use crate::deploy::place::{place, temporary, unlink};
use crate::deploy::plan::{Action, Change};
use crate::host::account::account_name;
use crate::host::directory::Directory;
use crate::host::file::look_in;
use crate::host::read::is_missing;
use crate::host::rootfs::{Actual, RootFs};
use crate::render::tree::Entry;

/// Writes below one root and remembers how it was.
pub(crate) struct Writer {
    files: RootFs,
    before: Vec<Before>,
    /// Path to its place in `before`.
    known: BTreeMap<String, usize>,
    made: Vec<Made>,
}

/// How a path was.
struct Before {
    path: String,
    directory: Directory,
    name: OsString,
    actual: Actual,
    /// The file itself, and the user and group ID that it belonged to.
    stat: Option<FileStat>,
    state: State,
}

/// What this writer did at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Seen,
    Changed,
    /// It wrote a copy of something else there.
    Kept,
}

/// A directory that did not exist.
struct Made {
    above: Directory,
    name: OsString,
}

impl Writer {
    /// A writer that has written nothing.
    pub(crate) fn new(files: &RootFs) -> Self {
        Self {
            files: files.clone(),
            before: Vec::new(),
            known: BTreeMap::new(),
            made: Vec::new(),
        }
    }

    /// Carry out file changes of a plan.
    pub(crate) fn apply<'a>(
        &mut self,
        changes: impl IntoIterator<Item = &'a Change>,
        backup: &mut Backup,
    ) -> Result<()> {
        for change in changes {
            self.is_as_planned(change)?;
            if matches!(change.action, Action::Overwrite | Action::Retire) {
                backup.keep(self, &change.path)?;
                backup.save(self, &BTreeMap::<(), ()>::new())?;
            }
            match &change.after {
                Some(entry) => self.put(&change.path, entry)?,
                None => self.remove(&change.path)?,
            }
        }
        Ok(())
    }

    /// What is about to be changed is what was shown.
    fn is_as_planned(&mut self, change: &Change) -> Result<()> {
        let Some(before) = self.remember(&change.path)? else {
            return Ok(());
        };
        let seen = match &before.actual {
            Actual::Present(entry, _) => Some(entry),
            Actual::Missing | Actual::Other(_) => None,
        };
        if seen != change.before.as_ref() {
            bail!(
                "`/{}` was changed by somebody while this ran; run it again",
                change.path
            );
        }
        Ok(())
    }

    /// Write one file or link.
    pub(crate) fn put(&mut self, path: &str, entry: &Entry) -> Result<()> {
        self.put_below(path, entry, 0o755, State::Changed)
    }

    /// Write a copy for the owner of this host: nobody else can read it, or the directories above it that are new.
    pub(super) fn put_private(&mut self, path: &str, entry: &Entry) -> Result<()> {
        let private = match entry {
            Entry::File { bytes, .. } => Entry::File {
                bytes: Arc::clone(bytes),
                mode: 0o600,
            },
            // Of a link nothing is lost when it is kept as one.
            Entry::Link { .. } => entry.clone(),
        };
        self.put_below(path, &private, 0o700, State::Kept)
    }

    fn put_below(&mut self, path: &str, entry: &Entry, mode: u32, state: State) -> Result<()> {
        let failed = || format!("`/{path}` cannot be written");
        let above = Path::new(path).parent().unwrap_or(Path::new(""));
        self.make(above, mode).with_context(failed)?;
        let before = self.remember(path)?.with_context(failed)?;
        if let Some(owner) = before.directory.owner().filter(|uid| *uid != 0) {
            bail!(
                "`/{path}` cannot be written: `{}` can change its directory, so only `{0}` writes there",
                account_name(owner)
            );
        }
        before.touch(state)?;
        place(&before.directory, &before.name, entry, None).with_context(failed)
    }

    /// What is at a path, the first time that it is asked for; `None` unless it is a file or link.
    pub(super) fn seen(&mut self, path: &str) -> Result<Option<(Entry, FileStat)>> {
        let before = self.remember(path)?;
        Ok(before.and_then(|before| match &before.actual {
            Actual::Present(entry, _) => Some((entry.clone(), before.stat?)),
            Actual::Missing | Actual::Other(_) => None,
        }))
    }

    /// Have a directory.
    fn make(&mut self, path: &Path, mode: u32) -> io::Result<Directory> {
        match self.files.find(path) {
            Err(e) if is_missing(&e) => {}
            other => return other,
        }
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let above = self.make(above, mode)?;
        above.make(name, mode)?;
        self.made.push(Made {
            above,
            name: name.to_owned(),
        });
        let made = self.files.find(path)?;
        // Whatever the umask: this exact mode.
        made.set_mode(mode)?;
        Ok(made)
    }

    /// Remove one file or link; not one that somebody has changed since it was remembered.
    pub(crate) fn remove(&mut self, path: &str) -> Result<()> {
        let failed = || format!("`/{path}` cannot be removed");
        let Some(before) = self.remember(path).with_context(failed)? else {
            return Ok(());
        };
        before.touch(State::Changed)?;
        unlink(&before.directory, &before.name).with_context(failed)
    }

    /// Keep everybody else out of a directory.
    pub(super) fn close(&self, path: &str) -> Result<()> {
        let closed = self
            .files
            .find(Path::new(path))
            .and_then(|d| d.set_mode(0o700));
        closed.with_context(|| format!("`/{path}` cannot be closed to others"))
    }

    /// Remove what a killed run may have left beside these paths.
    pub(crate) fn sweep<'a>(&self, paths: impl IntoIterator<Item = &'a String>) -> Result<()> {
        for path in paths {
            let swept = match self.files.find_parent(Path::new(path)) {
                Ok((directory, name)) => unlink(&directory, &temporary(name)),
                Err(e) if is_missing(&e) => Ok(()),
                Err(e) => Err(e),
            };
            swept.with_context(|| format!("what was left beside `/{path}` cannot be removed"))?;
        }
        Ok(())
    }

    /// Put everything back, last change first; report what would not go back and go on.
    pub(crate) fn undo(self) -> Vec<anyhow::Error> {
        let mut errors = Vec::new();
        let changed = |state| move |before: &&Before| before.state == state;
        let originals = self.before.iter().rev().filter(changed(State::Changed));
        let copies = self.before.iter().rev().filter(changed(State::Kept));
        for before in originals.chain(copies) {
            // A copy may be the only one by now.
            if before.state == State::Kept && !errors.is_empty() {
                continue;
            }
            if let Err(e) = before.put_back() {
                let kept = self.copy_of(&before.path);
                let what = format!("`/{}` could not be put back{kept}", before.path);
                errors.push(anyhow::Error::from(e).context(what));
            }
        }
        for made in self.made.iter().rev() {
            if let Err(e) = made.above.remove_empty(&made.name) {
                let path = made.above.path().join(&made.name);
                let what = format!("`{}` could not be removed again", path.display());
                errors.push(anyhow::Error::from(e).context(what));
            }
        }
        errors
    }

    /// Where the copy of a path is, as the end of a sentence.
    fn copy_of(&self, path: &str) -> String {
        let is_copy = |b: &&Before| b.state == State::Kept && b.path.ends_with(&format!("/{path}"));
        let copy = self.before.iter().find(is_copy);
        copy.map_or_else(String::new, |b| format!(" and is kept in `/{}`", b.path))
    }

    /// How a path is, the first time that it is asked for; `None` when its directory does not exist.
    fn remember(&mut self, path: &str) -> Result<Option<&mut Before>> {
        if !self.known.contains_key(path) {
            let (directory, name) = match self.files.find_parent(Path::new(path)) {
                Ok(found) => found,
                Err(e) if is_missing(&e) => return Ok(None),
                Err(e) => return Err(e).with_context(|| format!("`/{path}` cannot be examined")),
            };
            let stat = match directory.stat(name) {
                Ok(stat) => Some(stat),
                Err(e) if is_missing(&e) => None,
                Err(e) => return Err(e).with_context(|| format!("`/{path}` cannot be examined")),
            };
            let actual = look_in(&directory, name)
                .with_context(|| format!("`/{path}` cannot be examined"))?;
            self.known.insert(path.to_owned(), self.before.len());
            self.before.push(Before {
                path: path.to_owned(),
                name: name.to_owned(),
                directory,
                actual,
                stat,
                state: State::Seen,
            });
        }
        Ok(self.known.get(path).and_then(|at| self.before.get_mut(*at)))
    }
}

impl Before {
    /// About to be changed: not if somebody has changed it since it was remembered.
    fn touch(&mut self, state: State) -> Result<()> {
        if self.state == State::Seen {
            let now = match self.directory.stat(&self.name) {
                Err(e) if is_missing(&e) => None,
                other => Some(other?),
            };
            if now.map(identity) != self.stat.map(identity) {
                bail!(
                    "`/{}` was changed by somebody while this ran; run it again",
                    self.path
                );
            }
            self.state = state;
        }
        Ok(())
    }

    fn put_back(&self) -> io::Result<()> {
        match &self.actual {
            Actual::Present(entry, _) => {
                place(&self.directory, &self.name, entry, self.stat.as_ref())
            }
            Actual::Missing => unlink(&self.directory, &self.name),
            Actual::Other(_) => Ok(()),
        }
    }
}

/// What makes a file this file, in this state.
fn identity(stat: FileStat) -> (u64, u64, i64, i64, i64) {
    let changed = (stat.st_ctime, stat.st_ctime_nsec);
    (stat.st_dev, stat.st_ino, stat.st_size, changed.0, changed.1)
}
