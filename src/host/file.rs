//! Files below a root as a look sees them: what has a path, what it holds, where a link leads. A small file is read once.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use nix::errno::Errno;

use crate::host::directory::Directory;
use crate::host::memory::{Seen, What};
use crate::host::paths::below_root;
use crate::host::read::{self, Step, Unread, is_missing, open_in, whole};
use crate::host::rootfs::{Actual, RootFs};
use crate::host::walk::{Links, MOST_LINKS};
use crate::render::tree::{Entry, Stamp, sha256_of};

impl RootFs {
    /// What has a path, the last link not followed.
    pub(super) fn see(
        &self,
        path: &Path,
        links: Links,
        limit: impl FnOnce(&Directory) -> u64,
    ) -> Result<Arc<Seen>, Unread> {
        let path = below_root(path);
        let known = self.memory.file(path);
        if let Some(known) = known.filter(|file| file.is_trusted || links == Links::All) {
            return Ok(known);
        }
        if links == Links::All && self.memory.lacks(path) {
            return Err(Errno::ENOENT.into());
        }
        let (above, name) = split(path)?;
        let (directory, is_trusted) = self.walk_seen(above, links)?;
        let seen = Arc::new(seen_in(&directory, name, limit(&directory), is_trusted)?);
        self.memory.remember_file(path, &seen);
        Ok(seen)
    }

    /// A file for information, at most `limit` bytes, all links followed; `None` when there is none.
    pub(crate) fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Unread> {
        let see = |path: &Path| match &self.see(path, Links::All, |_| limit)?.what {
            What::File { bytes, .. } if bytes.len() as u64 > limit => Err(Unread::TooLarge(limit)),
            What::File { bytes, .. } => Ok(Hop::End(bytes.to_vec())),
            What::Link { leads, .. } => Ok(Hop::Link(leads.clone())),
        };
        follow(path, see)
    }

    /// The same of a file that the kernel hands to an interpreter, as much of it as `limit`.
    pub(crate) fn read_script(&self, path: &Path, limit: u64) -> Result<Option<String>, Unread> {
        let begin = |file: &mut File| -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            file.by_ref().take(2).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let is_script = self.memory.try_once(
            |look| &mut look.scripts,
            path.as_os_str(),
            || match self.open(path)? {
                Some(mut file) => Ok::<_, Unread>(begin(&mut file)? == b"#!"),
                None => Ok(false),
            },
        )?;
        if !is_script {
            return Ok(None);
        }
        match self.read(path, limit) {
            Err(Unread::TooLarge(_)) => {}
            read => return Ok(read?.map(read::text)),
        }
        let Some(file) = self.open(path)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(Some(read::text(bytes)))
    }

    fn open(&self, path: &Path) -> Result<Option<File>, Unread> {
        follow(path, |path| {
            let (above, name) = split(path)?;
            let (directory, _) = self.walk_seen(above, Links::All)?;
            Ok(match open_in(&directory, name)? {
                Step::File(file, _) => Hop::End(file),
                Step::Link(target, _) => Hop::Link(directory.path().join(target)),
            })
        })
    }

    /// The same as text; bytes that are no UTF-8 are replaced.
    pub(crate) fn read_text(&self, path: &Path, limit: u64) -> Result<Option<String>, Unread> {
        Ok(self.read(path, limit)?.map(read::text))
    }
}

fn seen_in(
    directory: &Directory,
    name: &OsStr,
    limit: u64,
    is_trusted: bool,
) -> Result<Seen, Unread> {
    let (what, uid) = match open_in(directory, name)? {
        Step::File(file, stat) => {
            let what = What::File {
                bytes: whole(file, &stat, limit)?.into(),
                mode: stat.st_mode & 0o7777,
            };
            (what, stat.st_uid)
        }
        Step::Link(target, stat) => {
            let leads = directory.path().join(&target);
            (What::Link { leads, target }, stat.st_uid)
        }
    };
    Ok(Seen {
        what,
        uid,
        is_trusted,
    })
}

/// Whether a file or a link is as a receipt has it. Its bytes are not kept.
pub(super) fn has_stamp(
    directory: &Directory,
    name: &OsStr,
    stamp: &Stamp,
) -> Result<bool, Unread> {
    match stamp {
        Stamp::Link { link } => Ok(directory.link_target(name)? == OsStr::new(link)),
        Stamp::File { sha256, mode } => match open_in(directory, name)? {
            Step::File(file, stat) if stat.st_mode & 0o7777 == *mode => {
                let length = u64::try_from(stat.st_size).unwrap_or_default();
                Ok(sha256_of(file, length.min(largest_in(directory)))? == *sha256)
            }
            _ => Ok(false),
        },
    }
}

/// Who owns a file, if it has this mode and these bytes. Its own are not kept.
pub(super) fn owner_of_same(
    directory: &Directory,
    name: &OsStr,
    bytes: &[u8],
    mode: u32,
) -> Result<Option<u32>, Unread> {
    let Step::File(file, stat) = open_in(directory, name)? else {
        return Ok(None);
    };
    let is_as_long = u64::try_from(stat.st_size) == Ok(bytes.len() as u64);
    let is_same = is_as_long && stat.st_mode & 0o7777 == mode && begins_with(file, bytes)?;
    Ok(is_same.then_some(stat.st_uid))
}

fn begins_with(mut file: File, bytes: &[u8]) -> io::Result<bool> {
    const PIECE: usize = 1 << 16;
    let mut buffer = vec![0; bytes.len().min(PIECE)];
    for piece in bytes.chunks(PIECE) {
        let read = &mut buffer[..piece.len()];
        file.read_exact(read)?;
        if read != piece {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Only a launcher is large, and it lies in directories of root or of this account.
pub(super) fn largest_in(directory: &Directory) -> u64 {
    match directory.owner() {
        Some(_) => read::UNIT,
        None => read::PROGRAM,
    }
}

/// Look at a name in a directory.
pub(crate) fn look_in(directory: &Directory, name: &OsStr) -> Result<Actual> {
    actual(seen_in(directory, name, largest_in(directory), true).map(Arc::new))
}

pub(super) fn actual(seen: Result<Arc<Seen>, Unread>) -> Result<Actual> {
    match seen {
        Ok(seen) => {
            let entry = match &seen.what {
                What::File { bytes, mode } => Entry::File {
                    bytes: Arc::clone(bytes),
                    mode: *mode,
                },
                What::Link { target, .. } => Entry::Link {
                    target: target.to_string_lossy().into_owned(),
                },
            };
            Ok(Actual::Present(entry, seen.uid))
        }
        Err(Unread::NotRegular(what)) => Ok(Actual::Other(what)),
        Err(Unread::Failed(e)) if is_missing(&e) => Ok(Actual::Missing),
        Err(e) => Err(io::Error::from(e).into()),
    }
}

/// What one path is on the way to a file.
enum Hop<T> {
    End(T),
    Link(PathBuf),
}

/// Follow links to their end; `None` where there is none. systemd gives up on a circle of links as well.
fn follow<T>(
    path: &Path,
    see: impl Fn(&Path) -> Result<Hop<T>, Unread>,
) -> Result<Option<T>, Unread> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match see(&path) {
            Ok(Hop::End(end)) => return Ok(Some(end)),
            Ok(Hop::Link(next)) => path = next,
            Err(Unread::Failed(e)) if is_missing(&e) || is_circle(&e) => return Ok(None),
            Err(e) => return Err(e),
        }
    }
    Ok(None)
}

pub(super) fn is_circle(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ELOOP as i32)
}

/// The directory of a path and the name in it.
pub(super) fn split(path: &Path) -> io::Result<(&Path, &OsStr)> {
    let name = path.file_name().ok_or(Errno::EISDIR)?;
    Ok((path.parent().unwrap_or(Path::new("")), name))
}
