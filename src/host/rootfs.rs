//! Files below `/` or the top of an image, reached through descriptors of directories: one component is opened after the
//! other, relative to the one before and without following it, and a link is followed by hand as if the top were `/`.
//!
//! Whoever owns a directory can put another one, or a link, in its place at any moment. So from the first directory on
//! that somebody else than root and the running account can write, [`RootFs::find`] follows no link, and every further
//! directory has to belong to the same account: what is then done relative to the descriptor is done to files of that
//! account, whatever it renames meanwhile. Reading for information ([`RootFs::read`], [`RootFs::names`]) follows all
//! links, inside of the root, as the owner of a unit may well use one.
//!
//! Not cap-std: its `Dir` takes a link to an absolute path for an escape, and images are full of them; cap-std-ext's
//! `RootDir`, as in bootc, reads only. Not openat2(2), which both use: RESOLVE_IN_ROOT does not ask whose the directories
//! on the way are, below `/` everything is "in root", RESOLVE_NO_SYMLINKS does not know that /home or /var/lib may be an
//! admin's link, and containers whose seccomp filter is older than Linux 5.6 answer EPERM.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::sys::stat::SFlag;

use crate::host::directory::{Directory, kind};
use crate::host::read::{self, Step, Unread, is_missing, name_of, open_in, whole};
use crate::host::walk::{Links, MOST_LINKS, Memory};
use crate::render::tree::{Entry, Stamp};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Actual {
    /// Nothing.
    Missing,
    /// A file or link, and the user ID that owns it.
    Present(Entry, u32),
    /// Something that is neither, such as a directory.
    Other(&'static str),
}

/// Relative path to what is there.
pub(crate) type Observed = BTreeMap<String, Actual>;

/// The files below one root.
#[derive(Debug, Clone)]
pub(crate) struct RootFs {
    pub(super) top: Directory,
    pub(super) memory: Memory,
    root: PathBuf,
}

impl RootFs {
    /// The files below a directory.
    pub(crate) fn new(root: &Path) -> Result<Self> {
        let top = Directory::top(root)
            .with_context(|| format!("`{}` cannot be opened", root.display()))?;
        Ok(Self {
            top,
            memory: Memory::new(),
            root: root.to_owned(),
        })
    }

    /// A directory to work in. An error of a kind that [`is_missing`] knows when there is none. From now on every look
    /// begins at the top, as what was seen may be changed.
    pub(crate) fn find(&self, path: &Path) -> io::Result<Directory> {
        self.memory.end();
        self.walk(path, Links::Trusted)
    }

    /// The directory of a path to work in, and the name in it.
    pub(crate) fn find_parent<'p>(&self, path: &'p Path) -> io::Result<(Directory, &'p OsStr)> {
        let (above, name) = split(path)?;
        Ok((self.find(above)?, name))
    }

    /// Look at one path.
    pub(crate) fn look(&self, path: &str) -> Result<Actual> {
        let found = split(Path::new(path))
            .and_then(|(above, name)| Ok((self.walk_seen(above, Links::Trusted)?, name)));
        let looked = match found {
            Ok((directory, name)) => look_in(&directory, name),
            Err(e) if is_missing(&e) => return Ok(Actual::Missing),
            Err(e) => Err(e.into()),
        };
        looked.with_context(|| format!("`{}` cannot be examined", self.shown(path).display()))
    }

    /// Look at these paths.
    pub(crate) fn observe<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a String>,
    ) -> Result<Observed> {
        paths
            .into_iter()
            .map(|path| Ok((path.clone(), self.look(path)?)))
            .collect()
    }

    /// How a file differs from what was recorded, as a sentence.
    pub(crate) fn difference(&self, path: &str, stamp: &Stamp) -> Option<String> {
        match self.look(path) {
            Ok(Actual::Present(entry, _)) if entry.stamp() == *stamp => None,
            Ok(Actual::Present(..)) => Some(format!("`/{path}` was edited")),
            Ok(Actual::Missing) => Some(format!("`/{path}` is gone")),
            Ok(Actual::Other(what)) => Some(format!("`/{path}` is {what}")),
            Err(e) => Some(format!("{e:#}")),
        }
    }

    /// The directories above these paths that do not exist, relative to the root.
    pub(crate) fn missing_directories<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a String>,
    ) -> Result<BTreeSet<String>> {
        let mut missing = BTreeSet::new();
        for path in paths {
            for above in Path::new(path).ancestors().skip(1) {
                let Some(text) = above.to_str().filter(|a| !a.is_empty()) else {
                    break;
                };
                match self.walk_seen(above, Links::Trusted) {
                    Ok(_) => break,
                    Err(e) if is_missing(&e) => missing.insert(text.to_owned()),
                    Err(e) => return Err(e).with_context(|| format!("`/{text}` cannot be used")),
                };
            }
        }
        Ok(missing)
    }

    /// A file for information, at most `limit` bytes, all links followed; `None` when there is none.
    pub(crate) fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Unread> {
        let file = self.open(path)?;
        file.map(|file| whole(file, limit)).transpose()
    }

    /// The same of a file that the kernel hands to an interpreter, as much of it as `limit`.
    pub(crate) fn read_script(&self, path: &Path, limit: u64) -> Result<Option<String>, Unread> {
        let Some(mut file) = self.open(path)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.by_ref().take(2).read_to_end(&mut bytes)?;
        if bytes != b"#!" {
            return Ok(None);
        }
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(Some(read::text(bytes)))
    }

    fn open(&self, path: &Path) -> Result<Option<File>, Unread> {
        match self.open_through(path) {
            // systemd gives up on a circle of links as well.
            Err(Unread::Failed(e)) if is_missing(&e) || is_circle(&e) => Ok(None),
            other => other.map(Some),
        }
    }

    fn open_through(&self, path: &Path) -> Result<File, Unread> {
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            let (above, name) = split(&path)?;
            let directory = self.walk_seen(above, Links::All)?;
            match open_in(&directory, name)? {
                Step::File(file, _) => return Ok(file),
                Step::Link(target) => path = directory.path().join(target),
            }
        }
        Err(Errno::ELOOP.into())
    }

    /// The same as text; bytes that are no UTF-8 are replaced.
    pub(crate) fn read_text(&self, path: &Path, limit: u64) -> Result<Option<String>, Unread> {
        Ok(self.read(path, limit)?.map(read::text))
    }

    /// The names in a directory for information, all links followed; none when there is no such directory.
    pub(crate) fn names(&self, path: &Path) -> io::Result<Vec<OsString>> {
        match self.walk_seen(path, Links::All).and_then(|dir| dir.names()) {
            Err(e) if is_missing(&e) || is_circle(&e) => Ok(Vec::new()),
            other => other,
        }
    }

    /// Where a link leads, for information.
    pub(crate) fn link_target(&self, path: &Path) -> Option<PathBuf> {
        let (above, name) = split(path).ok()?;
        let directory = self.walk_seen(above, Links::All).ok()?;
        directory.link_target(name).ok().map(PathBuf::from)
    }

    /// Where a path leads when all its links are followed, relative to the root's top; as far as that can be told.
    pub(crate) fn real(&self, path: &Path) -> PathBuf {
        let mut path = Path::new("/").join(path);
        for _ in 0..MOST_LINKS {
            let Ok((above, name)) = split(&path) else {
                break;
            };
            let Ok(directory) = self.walk_seen(above, Links::All) else {
                break;
            };
            let here = directory.path().join(name);
            match directory.link_target(name) {
                Ok(target) => path = directory.path().join(target),
                Err(_) => return here,
            }
        }
        path
    }

    /// Where a path is found by name from outside of the root, for programs and for people.
    pub(crate) fn shown(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// Look at a name in a directory.
pub(crate) fn look_in(directory: &Directory, name: &OsStr) -> Result<Actual> {
    let stat = match directory.stat(name) {
        Ok(stat) => stat,
        Err(e) if is_missing(&e) => return Ok(Actual::Missing),
        Err(e) => return Err(e.into()),
    };
    match kind(&stat) {
        SFlag::S_IFLNK => {
            let target = directory.link_target(name)?.to_string_lossy().into_owned();
            Ok(Actual::Present(Entry::Link { target }, stat.st_uid))
        }
        SFlag::S_IFREG => {
            // Only a launcher is large, and it lies in directories of root or of this account.
            let limit = match directory.owner() {
                Some(_) => read::UNIT,
                None => read::PROGRAM,
            };
            match open_in(directory, name)? {
                Step::File(file, stat) => {
                    let (bytes, mode) = (whole(file, limit)?, stat.st_mode & 0o7777);
                    Ok(Actual::Present(Entry::File { bytes, mode }, stat.st_uid))
                }
                // A link by now.
                Step::Link(_) => Err(Errno::EAGAIN.into()),
            }
        }
        other => Ok(Actual::Other(name_of(other))),
    }
}

fn is_circle(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ELOOP as i32)
}

/// The directory of a path and the name in it.
fn split(path: &Path) -> io::Result<(&Path, &OsStr)> {
    let name = path.file_name().ok_or(Errno::EISDIR)?;
    Ok((path.parent().unwrap_or(Path::new("")), name))
}
