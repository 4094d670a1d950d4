//! A file or link appears whole or not at all: temporary file in the same directory, owner, mode, fsync, rename.

use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt as _, fchown};

use nix::sys::stat::FileStat;

use crate::host::directory::Directory;
use crate::render::tree::Entry;

/// The name that a file has until it is whole. systemd reads no file with this suffix.
pub(super) fn temporary(name: &OsStr) -> OsString {
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(".hermes-install-tmp");
    temporary
}

/// Write a file or link whole, for the running account or as it was owned.
pub(super) fn place(
    directory: &Directory,
    name: &OsStr,
    entry: &Entry,
    before: Option<&FileStat>,
) -> io::Result<()> {
    let temporary = temporary(name);
    directory.unlink(&temporary)?;
    let placed = fill(directory, &temporary, entry, before)
        .and_then(|()| directory.rename(&temporary, name));
    if placed.is_err() {
        // The first error is the one to tell.
        let _ = directory.unlink(&temporary);
    }
    placed?;
    directory.sync()
}

fn fill(
    directory: &Directory,
    name: &OsStr,
    entry: &Entry,
    before: Option<&FileStat>,
) -> io::Result<()> {
    match entry {
        Entry::File { bytes, mode } => {
            let mut file = directory.create(name)?;
            file.write_all(bytes)?;
            if let Some(stat) = before {
                fchown(&file, Some(stat.st_uid), Some(stat.st_gid))?;
            }
            // After writing and after the owner, which would take bits away, and whatever the umask: this exact mode.
            file.set_permissions(Permissions::from_mode(*mode))?;
            file.sync_all()
        }
        Entry::Link { target } => {
            directory.link(target, name)?;
            match before {
                Some(stat) => directory.give(name, stat.st_uid, stat.st_gid),
                None => Ok(()),
            }
        }
    }
}

/// Remove a file or link, for good; nothing where there is none.
pub(super) fn unlink(directory: &Directory, name: &OsStr) -> io::Result<()> {
    if directory.unlink(name)? {
        directory.sync()
    } else {
        Ok(())
    }
}
