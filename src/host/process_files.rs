//! Files as a process has them: the one that it runs, those that it has open, all of them through its own root.
//!
//! Any of them may be on a file system that an account has mounted in a namespace of its own (user_namespaces(7)) and never
//! answers from. So no file system is asked about them: the kernel says what it remembers (AT_STATX_DONT_SYNC, statx(2)),
//! and in another user namespace a path counts when the kernel remembers all of it (RESOLVE_CACHED, openat2(2)). Reads
//! only.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, ResolveFlags, Statx, StatxFlags, makedev, openat, openat2,
    readlinkat, statx,
};

use crate::host::insight::look;
use crate::host::paths::below_root;
use crate::host::process::{Process, dir, pids};

/// The file that a process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Executable {
    /// Its name, without directory; also of one that was removed since.
    pub(crate) name: String,
    /// Whether it is setuid or setgid: then its arguments and environment are another account's words.
    pub(crate) gives_rights: bool,
}

/// The files of this host as a process sees them.
pub(crate) enum View {
    /// Below its root.
    Root(OwnedFd),
    /// Its root is in another user namespace; files there are not opened.
    Foreign(OwnedFd),
    /// We may not look.
    Hidden,
}

impl View {
    /// Where a path of that process is for us; the same path where its root is not ours to enter.
    pub(crate) fn at(&self, path: &Path) -> PathBuf {
        match self {
            Self::Root(root) => {
                PathBuf::from(format!("/proc/self/fd/{}", root.as_raw_fd())).join(below_root(path))
            }
            Self::Foreign(_) | Self::Hidden => path.to_owned(),
        }
    }

    fn identity(&self, path: &Path) -> Option<(u64, u64)> {
        if let Self::Foreign(root) = self {
            let how = ResolveFlags::CACHED | ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            let found = openat2(root, below_root(path), flags, Mode::empty(), how);
            if let Some(file) = found
                .ok()
                .and_then(|file| remembered(file, Path::new("")).ok())
            {
                return Some(identity_of(&file));
            }
        }
        let meta = fs::metadata(self.at(path)).ok()?;
        Some((meta.dev(), meta.ino()))
    }
}

impl Process {
    /// The executable file that it runs; `Err` when we may not look.
    pub(crate) fn executable(&self) -> io::Result<Executable> {
        look(|| {
            let file = remembered(CWD, &dir(self.pid).join("exe"))?;
            Ok(Executable {
                name: program(self.pid)?,
                gives_rights: file.stx_mode & 0o6000 != 0,
            })
        })
    }

    /// Whether it holds the lock of flock(2) on this file: one of its descriptors is that file, and says so
    /// (proc_pid_fdinfo(5)). `Err` when we may not look.
    pub(crate) fn holds_flock(&self, file: &fs::Metadata) -> io::Result<bool> {
        holds_flock(self.pid, file)
    }

    /// The process that holds such a lock, in whatever container it runs; `None` when nobody does, or we may not look. Its
    /// children may have the lock from it: the oldest took it.
    pub(crate) fn holding_flock(file: &fs::Metadata) -> Option<Self> {
        let holders = pids().filter(|pid| matches!(holds_flock(*pid, file), Ok(true)));
        holders.filter_map(Self::read).min_by_key(|p| p.start)
    }

    /// Whether it knows processes by other IDs than we do (pid_namespaces(7)), as in a container.
    pub(crate) fn has_other_ids(&self) -> bool {
        let of = |process: &str| fs::read_link(format!("/proc/{process}/ns/pid")).ok();
        look(|| of(&self.pid.to_string()).is_some_and(|theirs| Some(theirs) != of("self")))
    }

    /// Its files. `Err` when it is gone.
    pub(crate) fn view(&self) -> io::Result<View> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        look(|| {
            // One directory for both: a process cannot come back from another user namespace, and its ID may pass on.
            let directory = openat(CWD, dir(self.pid), flags, Mode::empty())?;
            let users = |of: &str| readlinkat(&directory, of, Vec::new()).ok();
            match openat(&directory, "root", flags, Mode::empty()) {
                Ok(root) if users("ns/user") == users("/proc/self/ns/user") => Ok(View::Root(root)),
                Ok(root) => Ok(View::Foreign(root)),
                Err(e) if e.kind() == ErrorKind::PermissionDenied => Ok(View::Hidden),
                Err(e) => Err(e.into()),
            }
        })
    }

    /// What makes a directory the same wherever it is mounted, of a path as this process sees it. `None` when nothing is
    /// there. Where its files cannot be seen, the host's file of that path counts.
    pub(crate) fn identity(&self, path: &Path) -> Option<(u64, u64)> {
        self.view().ok()?.identity(path)
    }

    /// Where it works; nothing of that directory is looked at.
    pub(crate) fn working_directory(&self) -> io::Result<PathBuf> {
        look(|| fs::read_link(dir(self.pid).join("cwd")))
    }
}

/// See [`Process::holds_flock`].
fn holds_flock(pid: i32, file: &fs::Metadata) -> io::Result<bool> {
    let is_it = |entry: fs::DirEntry| {
        let open = remembered(CWD, &entry.path()).ok()?;
        let info = dir(pid).join("fdinfo").join(entry.file_name());
        let is_same = identity_of(&open) == (file.dev(), file.ino());
        let is_locked = || Some(fs::read_to_string(info).ok()?.contains("FLOCK"));
        is_same.then(is_locked).flatten()
    };
    look(|| {
        let mut entries = fs::read_dir(dir(pid).join("fd"))?.flatten();
        Ok(entries.any(|entry| is_it(entry) == Some(true)))
    })
}

/// The name of the file that a process runs; `Err` when we may not look.
pub(crate) fn program(pid: i32) -> io::Result<String> {
    let path = look(|| fs::read_link(dir(pid).join("exe")))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(name.trim_end_matches(" (deleted)").to_owned())
}

/// A file as the kernel remembers it.
fn remembered(directory: impl AsFd, path: &Path) -> io::Result<Statx> {
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT;
    Ok(statx(
        directory,
        path,
        flags,
        StatxFlags::MODE | StatxFlags::INO,
    )?)
}

fn identity_of(file: &Statx) -> (u64, u64) {
    (
        makedev(file.stx_dev_major, file.stx_dev_minor),
        file.stx_ino,
    )
}

#[cfg(test)]
mod tests {
    use nix::fcntl::{Flock, FlockArg};

    use super::*;

    #[test]
    fn files_of_our_own_process_are_the_ones_that_we_have() {
        let me = Process::read(std::process::id() as i32).expect("we run");
        let program = std::env::current_exe().expect("we have one");
        let seen = me.executable().expect("ours");
        assert_eq!(Path::new(&seen.name), program.file_name().expect("a name"));
        assert!(!seen.gives_rights);

        let top = tempfile::tempdir().expect("a directory");
        let meta = fs::metadata(top.path()).expect("there");
        let identity = Some((meta.dev(), meta.ino()));
        assert_eq!(me.identity(top.path()), identity);
        let root = openat(CWD, "/", OFlags::PATH, Mode::empty()).expect("opened");
        let foreign = View::Foreign(root);
        assert_eq!(foreign.identity(top.path()), identity, "it was just used");
        assert_eq!(foreign.at(top.path()), top.path());
        assert_eq!(me.identity(&top.path().join("none")), None);
    }

    #[test]
    fn a_lock_is_held_by_whoever_took_it() {
        let me = Process::read(std::process::id() as i32).expect("we run");
        let file = tempfile::tempfile().expect("made");
        let meta = file.metadata().expect("there");
        assert!(!me.holds_flock(&meta).expect("ours"));
        let lock = Flock::lock(file, FlockArg::LockExclusive).expect("free");
        assert!(me.holds_flock(&meta).expect("ours"));
        let holder = Process::holding_flock(&meta).expect("it is held");
        assert_eq!(holder.pid, me.pid);
        assert!(!holder.has_other_ids());
        drop(lock);
        assert!(Process::holding_flock(&meta).is_none());
    }
}
