//! The one reader of files that others may have made: a regular file, no more than so many bytes of it, and never a wait.
//! What is not there is told apart from what cannot be read.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};

use crate::host::directory::{Directory, kind};
use crate::host::walk::MOST_LINKS;

/// For records of a gateway.
pub(crate) const JSON: u64 = 64 << 10;
/// For configuration and lists.
pub(crate) const TEXT: u64 = 1 << 20;
/// For unit files and scripts. systemd takes no line beyond 1 MiB (`LONG_LINE_MAX`).
pub(crate) const UNIT: u64 = 4 << 20;
/// For executables.
pub(crate) const PROGRAM: u64 = 256 << 20;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// It is something else, such as a pipe, whose reader would wait.
    #[error("it is {0}, not a regular file")]
    NotRegular(&'static str),
    /// It has more bytes than such a file has.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// The kernel says so.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

impl From<Errno> for Unread {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno.into())
    }
}

impl From<Unread> for io::Error {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Failed(error) => error,
            other => Self::new(ErrorKind::InvalidInput, other),
        }
    }
}

/// Whether an error says that there is nothing.
pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// A file of this host by its path, links followed; `None` when there is none.
pub(crate) fn read_small(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Unread> {
    let found = open_seen(path)?;
    found
        .map(|Opened { file, stat, .. }| whole(file, &stat, limit))
        .transpose()
}

/// The same of a file that a program keeps of itself. An account's link counts where it leads to a file of that account: by
/// any other, root would read what the account may not.
pub(crate) fn read_own(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Unread> {
    let Some(Opened { file, stat, links }) = open_seen(path)? else {
        return Ok(None);
    };
    if links.iter().any(|by| ![0, stat.st_uid].contains(by)) {
        return Err(Unread::NotRegular("a link to another account's file"));
    }
    whole(file, &stat, limit).map(Some)
}

/// The same, open for reading.
pub(crate) fn open_regular(path: &Path) -> Result<Option<File>, Unread> {
    Ok(open_seen(path)?.map(|opened| opened.file))
}

/// A regular file, what the kernel says of it, and the user IDs that own the links which led there.
struct Opened {
    file: File,
    stat: FileStat,
    links: Vec<u32>,
}

fn open_seen(path: &Path) -> Result<Option<Opened>, Unread> {
    let mut path = path.to_owned();
    let mut links = Vec::new();
    for _ in 0..MOST_LINKS {
        match open_step(&path) {
            Ok(Step::File(file, stat)) => return Ok(Some(Opened { file, stat, links })),
            Ok(Step::Link(target, stat)) => {
                links.push(stat.st_uid);
                path = path.with_file_name("").join(target);
            }
            Err(Unread::Failed(e)) if is_missing(&e) => return Ok(None),
            Err(e) => return Err(e),
        }
    }
    Err(Errno::ELOOP.into())
}

/// The same as text; bytes that are no UTF-8 are replaced.
pub(crate) fn read_small_text(path: &Path, limit: u64) -> Result<Option<String>, Unread> {
    Ok(read_small(path, limit)?.map(text))
}

/// What somebody writes to this program, to its end; not more than so many bytes.
pub(crate) fn standard_input(limit: u64) -> io::Result<String> {
    let mut text = String::new();
    io::stdin().take(limit + 1).read_to_string(&mut text)?;
    if text.len() as u64 > limit {
        return Err(Unread::TooLarge(limit).into());
    }
    Ok(text)
}

/// A regular file, or where a link leads, and what the kernel says of it.
pub(super) enum Step {
    File(File, FileStat),
    Link(PathBuf, FileStat),
}

fn open_step(path: &Path) -> Result<Step, Unread> {
    let Some(name) = path.file_name() else {
        return Err(Unread::NotRegular("a directory"));
    };
    let above = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let directory = open(above, flags, Mode::empty())?;
    open_at(&directory, name)
}

/// A file in a directory.
pub(super) fn open_in(directory: &Directory, name: &OsStr) -> Result<Step, Unread> {
    open_at(directory.descriptor(), name)
}

/// Looked at first, then opened: a device would act on its opening, a pipe wait.
fn open_at(directory: &OwnedFd, name: &OsStr) -> Result<Step, Unread> {
    let seen = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    match kind(&seen) {
        SFlag::S_IFREG => {}
        SFlag::S_IFLNK => return Ok(Step::Link(readlinkat(directory, name)?.into(), seen)),
        other => return Err(Unread::NotRegular(name_of(other))),
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let opened = openat(directory, name, flags | OFlag::O_NOCTTY, Mode::empty())?;
    let stat = fstat(&opened)?;
    if kind(&stat) != SFlag::S_IFREG {
        return Err(Unread::NotRegular(name_of(kind(&stat))));
    }
    Ok(Step::File(File::from(opened), stat))
}

/// All bytes of a file.
pub(super) fn whole(file: File, stat: &FileStat, limit: u64) -> Result<Vec<u8>, Unread> {
    let length = u64::try_from(stat.st_size).unwrap_or_default();
    let length = length.min(limit + 1);
    // Files of /proc do not say how long they are; the end of all others is not looked for.
    let most = if length == 0 { limit + 1 } else { length };
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(most).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= limit => Ok(bytes),
        _ => Err(Unread::TooLarge(limit)),
    }
}

/// A kind of file as a person calls it.
pub(crate) fn name_of(kind: SFlag) -> &'static str {
    match kind {
        SFlag::S_IFDIR => "a directory",
        SFlag::S_IFIFO => "a pipe",
        SFlag::S_IFSOCK => "a socket",
        SFlag::S_IFCHR | SFlag::S_IFBLK => "a device",
        SFlag::S_IFLNK => "a link",
        _ => "a file",
    }
}

/// Bytes as text; those that are no UTF-8 are replaced.
pub(super) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_size_are_read_and_nothing_waits() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "12345").expect("written");
        nix::unistd::mkfifo(&at("pipe"), Mode::S_IRUSR).expect("made");
        std::os::unix::fs::symlink("pipe", at("to-pipe")).expect("made");
        std::os::unix::fs::symlink("/dev/zero", at("zero")).expect("made");
        std::os::unix::fs::symlink("circle", at("circle")).expect("made");
        std::os::unix::fs::symlink("file", at("to-file")).expect("made");
        let read = |name: &str, limit| read_small(&at(name), limit);
        assert_eq!(read("to-file", 5).expect("read"), Some(b"12345".to_vec()));
        assert_eq!(read("none", 5).expect("read"), None);
        assert_eq!(read("file/none", 5).expect("read"), None);
        assert!(matches!(read("file", 4), Err(Unread::TooLarge(4))));
        for name in ["pipe", "to-pipe", "zero", "."] {
            let error = read(name, 5).expect_err(name);
            assert!(matches!(error, Unread::NotRegular(_)), "{name}: {error}");
        }
        assert!(matches!(read("circle", 5), Err(Unread::Failed(_))));
        let unsized_file = read_small(Path::new("/proc/self/status"), TEXT).expect("read");
        assert!(unsized_file.is_some_and(|bytes| bytes.starts_with(b"Name:")));
    }
    #[test]
    fn an_accounts_link_counts_where_it_leads_to_a_file_of_that_account() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        let link = |target: &Path, name: &str, by: u32| {
            std::os::unix::fs::symlink(target, at(name)).expect("made");
            if nix::unistd::geteuid().is_root() {
                std::os::unix::fs::lchown(at(name), Some(by), None).expect("given");
            }
        };
        let read = |name: &str| read_own(&at(name), TEXT);
        std::fs::write(at("file"), "12345").expect("written");
        let own = nix::unistd::geteuid().as_raw();
        link(Path::new("file"), "own", own);
        link(Path::new("none"), "to-none", own);
        assert_eq!(read("file").expect("read"), Some(b"12345".to_vec()));
        assert_eq!(read("own").expect("read"), Some(b"12345".to_vec()));
        assert_eq!(read("to-none").expect("read"), None);
        link(Path::new("/etc/passwd"), "theirs", 65534);
        // A link of root's on the way makes it no better.
        link(&at("theirs"), "to-theirs", 0);
        for name in ["theirs", "to-theirs"] {
            let error = read(name).expect_err(name);
            assert!(error.to_string().contains("another account"), "{error}");
        }
    }
}
