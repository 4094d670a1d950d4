//! Owners and permission bits of files that stay where they are, changed on descriptors.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use nix::fcntl::OFlag;

use crate::host::directory::Directory;
use crate::host::rootfs::RootFs;

/// Set the permission bits of a file that belongs to the owner of its directory.
pub(crate) fn set_mode(files: &RootFs, path: &Path, mode: u32) -> Result<()> {
    let failed = || format!("`{}` cannot be changed", path.display());
    let (directory, name) = files.find_parent(path).with_context(failed)?;
    let file = open_plain(&directory, name).with_context(failed)?;
    if file.metadata()?.uid() != directory.uid() {
        bail!(
            "`{}` does not belong to the owner of its directory; look at it yourself",
            path.display()
        );
    }
    file.set_permissions(Permissions::from_mode(mode))
        .with_context(failed)
}

/// Give files in a directory to the account that the directory belongs to.
///
/// That account may write the directory: whatever it puts there meanwhile, only what is a file or directory of one
/// name, in a directory of its own, is given to it.
pub(crate) fn give<'a>(
    files: &RootFs,
    directory: &Path,
    names: impl Iterator<Item = &'a OsStr>,
    uid: u32,
    gid: u32,
) -> Result<()> {
    let top = files
        .find(directory)
        .with_context(|| format!("`{}` cannot be opened", directory.display()))?;
    if top.uid() != uid {
        bail!("`{}` has another owner by now", directory.display());
    }
    for name in names {
        let shown = directory.join(name);
        let file = open_plain(&top, name)
            .with_context(|| format!("`{}` cannot be given away", shown.display()))?;
        fchown(&file, Some(uid), Some(gid))
            .with_context(|| format!("`{}` cannot be given away", shown.display()))?;
    }
    Ok(())
}

/// A file or directory of one name, whose owner may be its directory's.
fn open_plain(directory: &Directory, name: &OsStr) -> Result<File> {
    let file = File::from(directory.open(name, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?);
    let meta = file.metadata()?;
    if !(meta.is_dir() || (meta.is_file() && meta.nlink() == 1)) {
        bail!("it is no plain file of one name; look at it yourself");
    }
    Ok(file)
}
