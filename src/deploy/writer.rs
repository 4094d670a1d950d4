//! The one writer of files. A file appears whole or not at all: temporary file in the same directory, mode, fsync,
//! rename. Everything done is remembered until the run ends, so that it can be undone.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{
    MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown, lchown, symlink,
};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::libc;
use nix::sys::stat::Mode;

use crate::deploy::plan::{Action, Plan};
use crate::host::rootfs::{Actual, directory, look, missing_directories, resolve};
use crate::render::tree::Entry;

/// Holds the lock on a directory that exists in any case, so that locking leaves no file behind.
pub(crate) struct Lock {
    _held: Flock<File>,
}

impl Lock {
    /// Take it, or say who might have it.
    pub(crate) fn take(directory: &Path) -> Result<Self> {
        let file = File::open(directory)
            .with_context(|| format!("`{}` cannot be opened", directory.display()))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(held) => Ok(Self { _held: held }),
            Err((_, Errno::EWOULDBLOCK)) => bail!(
                "another hermes-install is at work (it holds a lock on `{}`); wait for it and run this again",
                directory.display()
            ),
            Err((_, errno)) => bail!("`{}` cannot be locked: {errno}", directory.display()),
        }
    }
}

/// Writes under one root and remembers how it was.
pub(crate) struct Writer {
    root: PathBuf,
    before: Vec<Before>,
    made: Vec<String>,
}

/// How a path was.
struct Before {
    path: String,
    actual: Actual,
    /// User and group ID of what was there.
    owner: Option<(u32, u32)>,
}

impl Writer {
    /// A writer that has written nothing.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            before: Vec::new(),
            made: Vec::new(),
        }
    }

    /// Carry out the file changes of a plan. Backups go under `backup`, relative to the root.
    pub(crate) fn apply(&mut self, plan: &Plan, backup: &str) -> Result<()> {
        for change in plan.changed() {
            if matches!(change.action, Action::Overwrite | Action::Retire) {
                if let Some(entry) = &change.before {
                    // A link's backup is a link: nothing is lost of it either.
                    self.put(&format!("{backup}/{}", change.path), entry)?;
                }
            }
            match &change.after {
                Some(entry) => self.put(&change.path, entry)?,
                None => self.remove(&change.path)?,
            }
        }
        Ok(())
    }

    /// Write one file or link.
    pub(crate) fn put(&mut self, path: &str, entry: &Entry) -> Result<()> {
        self.remember(path)?;
        for missing in missing_directories(&self.root, [&path.to_owned()])? {
            let full = directory(&self.root, &missing)?;
            fs::create_dir(&full)
                .with_context(|| format!("`{}` cannot be created", full.display()))?;
            fs::set_permissions(&full, fs::Permissions::from_mode(0o755))?;
            self.made.push(missing);
        }
        let full = resolve(&self.root, path)?;
        place(&full, entry, None).with_context(|| format!("`{}` cannot be written", full.display()))
    }

    /// Remove one file or link.
    pub(crate) fn remove(&mut self, path: &str) -> Result<()> {
        self.remember(path)?;
        let full = resolve(&self.root, path)?;
        unlink(&full).with_context(|| format!("`{}` cannot be removed", full.display()))
    }

    /// Set the permission bits of a file; a link is not followed.
    pub(crate) fn set_mode(&self, path: &Path, mode: u32) -> Result<()> {
        let name = || format!("`{}` cannot be changed", path.display());
        let file = File::options()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)
            .with_context(name)?;
        file.set_permissions(fs::Permissions::from_mode(mode))
            .with_context(name)
    }

    /// Give files in a directory to the account that the directory belongs to.
    ///
    /// That account may write the directory: whatever it puts there meanwhile, only what is a file or directory of one
    /// name, in a directory of its own, is given to it.
    pub(crate) fn give<'a>(
        &self,
        directory: &Path,
        names: impl Iterator<Item = &'a std::ffi::OsStr>,
        uid: u32,
        gid: u32,
    ) -> Result<()> {
        let top = File::options()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_DIRECTORY)
            .open(directory)
            .with_context(|| format!("`{}` cannot be opened", directory.display()))?;
        if top.metadata()?.uid() != uid {
            bail!("`{}` has another owner by now", directory.display());
        }
        for name in names {
            let shown = directory.join(name);
            let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
            let file = openat(&top, name, flags, Mode::empty())
                .map(File::from)
                .with_context(|| format!("`{}` cannot be opened", shown.display()))?;
            let meta = file.metadata()?;
            let is_single = meta.is_dir() || (meta.is_file() && meta.nlink() == 1);
            if !is_single {
                bail!(
                    "`{}` is no plain file of one name; look at it yourself",
                    shown.display()
                );
            }
            fchown(&file, Some(uid), Some(gid))
                .with_context(|| format!("`{}` cannot be given away", shown.display()))?;
        }
        Ok(())
    }

    /// Remove what a killed run may have left beside these paths.
    pub(crate) fn sweep<'a>(&self, paths: impl IntoIterator<Item = &'a String>) -> Result<()> {
        for path in paths {
            let full = resolve(&self.root, path)?;
            let temporary = temporary(&full);
            unlink(&temporary)
                .with_context(|| format!("`{}` cannot be removed", temporary.display()))?;
        }
        Ok(())
    }

    /// Put everything back, last change first; report what would not go back and go on.
    pub(crate) fn undo(self) -> Vec<anyhow::Error> {
        let mut errors = Vec::new();
        for before in self.before.iter().rev() {
            let path = &before.path;
            let back = resolve(&self.root, path).and_then(|full| match &before.actual {
                Actual::Present(entry, _) => Ok(place(&full, entry, before.owner)?),
                Actual::Missing => Ok(unlink(&full)?),
                Actual::Other(_) => Ok(()),
            });
            if let Err(e) = back {
                errors.push(e.context(format!("`/{path}` could not be put back")));
            }
        }
        let made = self.made.iter().cloned().collect();
        errors.extend(remove_empty(&self.root, &made).err());
        errors
    }

    fn remember(&mut self, path: &str) -> Result<()> {
        if !self.before.iter().any(|known| known.path == path) {
            let owner = fs::symlink_metadata(resolve(&self.root, path)?).ok();
            self.before.push(Before {
                path: path.to_owned(),
                actual: look(&self.root, path)?,
                owner: owner.map(|meta| (meta.uid(), meta.gid())),
            });
        }
        Ok(())
    }
}

/// Remove these directories where they are empty, the deepest first.
pub(crate) fn remove_empty(root: &Path, directories: &BTreeSet<String>) -> Result<()> {
    for directory in directories.iter().rev() {
        let full = resolve(root, directory)?;
        match fs::remove_dir(&full) {
            Ok(()) => {}
            // A link or a file by that name is not a directory that we made.
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory
                ) => {}
            Err(e) => {
                return Err(e).with_context(|| format!("`{}` cannot be removed", full.display()));
            }
        }
    }
    Ok(())
}

/// The name that a file has until it is whole. systemd reads no file with this suffix.
fn temporary(full: &Path) -> PathBuf {
    let name = full.file_name().unwrap_or_default().to_string_lossy();
    full.with_file_name(format!(".{name}.hermes-install-tmp"))
}

/// Write a file or link whole, for ourselves or as it was owned.
fn place(full: &Path, entry: &Entry, owner: Option<(u32, u32)>) -> std::io::Result<()> {
    let temporary = temporary(full);
    unlink(&temporary)?;
    match entry {
        Entry::File { bytes, mode } => {
            let mut file = File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(bytes)?;
            // After writing, and whatever the umask: this exact mode.
            file.set_permissions(fs::Permissions::from_mode(*mode))?;
            file.sync_all()?;
        }
        Entry::Link { target } => symlink(target, &temporary)?,
    }
    if let Some((uid, gid)) = owner {
        lchown(&temporary, Some(uid), Some(gid))?;
    }
    fs::rename(&temporary, full)?;
    sync_parent(full)
}

fn unlink(full: &Path) -> std::io::Result<()> {
    match fs::remove_file(full) {
        Ok(()) => sync_parent(full),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
        Err(e) => Err(e),
    }
}

fn sync_parent(full: &Path) -> std::io::Result<()> {
    match full.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
