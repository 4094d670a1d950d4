//! A directory held by its descriptor, and what is done in it: nothing here takes a path, a name is one component, and no
//! link is followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, SFlag, fchmodat, fstat, fstatat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchownat, symlinkat, unlinkat};
use rustix::fs::{FileType, RawDir};

/// A directory below a root, with those above it. Clones share the descriptor.
#[derive(Debug, Clone)]
pub(crate) struct Directory(Arc<Held>);

#[derive(Debug)]
struct Held {
    fd: OwnedFd,
    path: PathBuf,
    uid: u32,
    gid: u32,
    device: u64,
    owner: Option<u32>,
    above: Option<Directory>,
}

impl Directory {
    /// Open the top of a root. Its path may have links: whoever names the root decides where it is.
    pub(super) fn top(root: &Path) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let fd = nix::fcntl::open(root, flags, Mode::empty())?;
        let stat = fstat(&fd)?;
        Ok(Self(Arc::new(Held {
            uid: stat.st_uid,
            gid: stat.st_gid,
            device: stat.st_dev,
            fd,
            path: PathBuf::from("/"),
            owner: None,
            above: None,
        })))
    }

    /// A directory in this one, from its descriptor; `owner` as in [`Directory::owner`].
    pub(super) fn child(
        &self,
        name: &OsStr,
        fd: OwnedFd,
        stat: &FileStat,
        owner: Option<u32>,
    ) -> Self {
        Self(Arc::new(Held {
            fd,
            path: self.0.path.join(name),
            uid: stat.st_uid,
            gid: stat.st_gid,
            device: stat.st_dev,
            owner,
            above: Some(self.clone()),
        }))
    }

    /// The directory that it was opened in; `None` for the top.
    pub(super) fn above(&self) -> Option<&Self> {
        self.0.above.as_ref()
    }

    /// Whether it is the top of another file system than the directory above it.
    pub(super) fn is_mounted(&self) -> bool {
        self.above()
            .is_some_and(|above| above.0.device != self.0.device)
    }

    /// Where it was when it was opened, relative to the root's top, links resolved. To be shown.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// The user ID that it belongs to.
    pub(crate) fn uid(&self) -> u32 {
        self.0.uid
    }

    /// The group ID that it belongs to.
    pub(crate) fn gid(&self) -> u32 {
        self.0.gid
    }

    /// Who can change what lies here, where that is not root or the account that runs this program alone: the owner of
    /// this directory and of those above up to one that only root changes.
    pub(crate) fn owner(&self) -> Option<u32> {
        self.0.owner
    }

    /// For the reader.
    pub(super) fn descriptor(&self) -> &OwnedFd {
        &self.0.fd
    }

    /// Open what has a name, without following it.
    pub(crate) fn open(&self, name: &OsStr, flags: OFlag) -> io::Result<OwnedFd> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(openat(&self.0.fd, name, flags, Mode::empty())?)
    }

    /// What has a name.
    pub(crate) fn stat(&self, name: &OsStr) -> io::Result<FileStat> {
        Ok(fstatat(&self.0.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW)?)
    }

    /// Where a link leads.
    pub(crate) fn link_target(&self, name: &OsStr) -> io::Result<OsString> {
        Ok(readlinkat(&self.0.fd, name)?)
    }

    /// All names, in no order, and whether each may be a link.
    pub(crate) fn names(&self) -> io::Result<Vec<(OsString, bool)>> {
        let fd = self.open(OsStr::new("."), OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        let mut names = Vec::new();
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut entries = RawDir::new(fd, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes()).to_owned();
            if name != "." && name != ".." {
                // Some file systems do not say (readdir(3), d_type).
                let may_be_link =
                    matches!(entry.file_type(), FileType::Symlink | FileType::Unknown);
                names.push((name, may_be_link));
            }
        }
        Ok(names)
    }

    /// Make a directory of exactly these permission bits.
    pub(crate) fn make(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        Ok(mkdirat(&self.0.fd, name, Mode::from_bits_truncate(mode))?)
    }

    /// Set this directory's own permission bits.
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        let mode = Mode::from_bits_truncate(mode);
        Ok(fchmodat(
            &self.0.fd,
            ".",
            mode,
            FchmodatFlags::FollowSymlink,
        )?)
    }

    /// A new file, which nobody else can read yet.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        Ok(File::from(openat(&self.0.fd, name, flags, mode)?))
    }

    /// A new link.
    pub(crate) fn link(&self, target: &str, name: &OsStr) -> io::Result<()> {
        Ok(symlinkat(target, &self.0.fd, name)?)
    }

    /// Give a name's file or link to an account.
    pub(crate) fn give(&self, name: &OsStr, uid: u32, gid: u32) -> io::Result<()> {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
        Ok(fchownat(&self.0.fd, name, uid, gid, flags)?)
    }

    /// Rename within this directory, in the place of what is there.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.0.fd, from, &self.0.fd, to)?)
    }

    /// Remove a file or link; whether it was there.
    pub(crate) fn unlink(&self, name: &OsStr) -> io::Result<bool> {
        match unlinkat(&self.0.fd, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Remove a directory, if it is one and empty; whether it is gone.
    pub(crate) fn remove_empty(&self, name: &OsStr) -> io::Result<bool> {
        match unlinkat(&self.0.fd, name, UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(true),
            Err(Errno::ENOTEMPTY | Errno::EEXIST | Errno::ENOTDIR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Have what was done here survive a power failure.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let fd = self.open(OsStr::new("."), OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        File::from(fd).sync_all()
    }
}

/// The type bits of a file's mode.
pub(super) fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}
