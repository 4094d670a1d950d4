//! Owners and permission bits of files that stay where they are, changed on descriptors.

use std::ffi::OsStr;
use std::fs::{File, Metadata, Permissions};
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

/// Whether a file in a directory of this group holds nothing that the owner of the directory could not read: it may have been
/// moved there from anywhere.
pub(crate) fn is_no_secret(file: &Metadata, group: u32) -> bool {
    let mode = file.permissions().mode();
    mode & 0o004 != 0 || (mode & 0o040 != 0 && file.gid() == group)
}

/// Give files in a directory to the account and group that the directory belongs to.
///
/// That account may write the directory: whatever it puts there meanwhile, only what is a file or directory of one
/// name, in a directory of its own, and no secret of somebody else's, is given to it.
pub(crate) fn give<'a>(
    files: &RootFs,
    directory: &Path,
    names: impl Iterator<Item = &'a OsStr>,
    uid: u32,
) -> Result<()> {
    let top = files
        .find(directory)
        .with_context(|| format!("`{}` cannot be opened", directory.display()))?;
    if top.uid() != uid {
        bail!("`{}` has another owner by now", directory.display());
    }
    for name in names {
        let shown = directory.join(name);
        give_one(&top, name)
            .with_context(|| format!("`{}` cannot be given away", shown.display()))?;
    }
    Ok(())
}

fn give_one(directory: &Directory, name: &OsStr) -> Result<()> {
    let file = open_plain(directory, name)?;
    if !is_no_secret(&file.metadata()?, directory.gid()) {
        bail!("it is another file by now, which only its owner may read; look at it yourself");
    }
    fchown(&file, Some(directory.uid()), Some(directory.gid()))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_its_owner_may_read_is_not_given_away() {
        let top = tempfile::tempdir().expect("done");
        let files = RootFs::new(top.path()).expect("done");
        let home = top.path().join("home");
        std::fs::create_dir(&home).expect("done");
        let uid = std::fs::metadata(&home).expect("done").uid();
        let file = home.join("state.db");
        std::fs::write(&file, "").expect("done");
        let give_it = || {
            let names = [OsStr::new("state.db")].into_iter();
            give(&files, Path::new("/home"), names, uid)
        };
        let mode =
            |mode| std::fs::set_permissions(&file, Permissions::from_mode(mode)).expect("done");
        mode(0o644);
        give_it().expect("done");
        // As when the file was put in the place of the one that was looked at.
        mode(0o600);
        let error = format!("{:#}", give_it().expect_err("refused"));
        assert!(error.contains("another file by now"), "{error}");
    }

    #[test]
    fn a_group_s_file_is_no_secret_to_that_group_alone() {
        let top = tempfile::tempdir().expect("done");
        let file = top.path().join("state.db");
        std::fs::write(&file, "").expect("done");
        let with = |mode| {
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).expect("done");
            std::fs::metadata(&file).expect("done")
        };
        let group = with(0o640).gid();
        assert!(is_no_secret(&with(0o640), group) && is_no_secret(&with(0o604), group + 1));
        assert!(!is_no_secret(&with(0o640), group + 1) && !is_no_secret(&with(0o600), group));
    }
}
