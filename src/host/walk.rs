//! One component of a path after the other, as [`rootfs`](crate::host::rootfs) says.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{OFlag, readlinkat};
use nix::sys::stat::{FileStat, SFlag, fstat};
use nix::unistd::geteuid;

use crate::host::account::account_name;
use crate::host::directory::{Directory, kind};
use crate::host::rootfs::RootFs;

/// How many links one path may lead through, as the kernel has it (path_resolution(7)).
pub(super) const MOST_LINKS: usize = 40;

/// Which links on the way are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Links {
    /// Those that root, the running account or the image's owner made where nobody else could.
    Trusted,
    /// All.
    All,
}

/// One component of a path.
enum Part {
    Directory(Directory),
    Link(OsString),
}

/// Directories that a look has been through, each with those above it: a host with a thousand profiles has few of them,
/// and looks into them thousands of times.
#[derive(Debug, Default)]
struct Seen {
    chains: BTreeMap<(Links, PathBuf), Vec<Directory>>,
    open: usize,
}

/// So many are kept open, those above them included; a process may have 1,024 files, and some paths are an account's.
const MOST_SEEN: usize = 256;
/// A directory below more than so many is not remembered.
const DEEPEST: usize = 16;

/// What a look remembers, until somebody writes: a directory may be another one afterwards.
#[derive(Debug, Clone)]
pub(super) struct Memory(Arc<Mutex<Option<Seen>>>);

impl Memory {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(Seen::default()))))
    }

    /// Remember nothing any more.
    pub(super) fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The nearest directory on a path that was seen, with those above it, and what is left of the path.
    fn recall<'p>(&self, path: &'p Path, links: Links) -> Option<(Vec<Directory>, &'p Path)> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.as_ref()?;
        path.ancestors().find_map(|above| {
            let chain = seen.chains.get(&(links, above.to_owned()))?;
            Some((chain.clone(), path.strip_prefix(above).ok()?))
        })
    }

    fn remember(&self, path: &Path, links: Links, chain: &[Directory]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = seen.as_mut().filter(|_| chain.len() <= DEEPEST) else {
            return;
        };
        if seen.open + chain.len() > MOST_SEEN {
            *seen = Seen::default();
        }
        seen.open += chain.len();
        seen.chains.insert((links, path.to_owned()), chain.to_vec());
    }
}

impl RootFs {
    /// A directory for a look: one that was seen on the way is not opened again.
    pub(super) fn walk_seen(&self, path: &Path, links: Links) -> io::Result<Directory> {
        let (above, rest) = self
            .memory
            .recall(path, links)
            .unwrap_or((Vec::new(), path));
        let chain = self.walk_from(above, rest, links)?;
        if !rest.as_os_str().is_empty() {
            self.memory.remember(path, links, &chain);
        }
        Ok(chain.last().unwrap_or(&self.top).clone())
    }

    /// A directory, opened anew from the top on.
    pub(super) fn walk(&self, path: &Path, links: Links) -> io::Result<Directory> {
        let mut chain = self.walk_from(Vec::new(), path, links)?;
        Ok(chain.pop().unwrap_or_else(|| self.top.clone()))
    }

    /// The directory, with those above it, from one with those above it.
    fn walk_from(
        &self,
        mut above: Vec<Directory>,
        path: &Path,
        links: Links,
    ) -> io::Result<Vec<Directory>> {
        let mut todo = parts(path);
        let mut followed = 0;
        while let Some(part) = todo.pop() {
            if part == ".." {
                above.pop();
                continue;
            }
            let here = above.last().unwrap_or(&self.top);
            match self.step(here, &part, links)? {
                Part::Directory(directory) => above.push(directory),
                Part::Link(target) => {
                    followed += 1;
                    if followed > MOST_LINKS {
                        return Err(Errno::ELOOP.into());
                    }
                    let target = Path::new(&target);
                    if target.is_absolute() {
                        above.clear();
                    }
                    todo.extend(parts(target));
                }
            }
        }
        Ok(above)
    }

    fn step(&self, here: &Directory, name: &OsStr, links: Links) -> io::Result<Part> {
        let fd = here.open(name, OFlag::O_PATH)?;
        let stat = fstat(&fd)?;
        let refused = |why: &dyn Display| {
            let path = here.path().join(name);
            let why = format!("`{}` {why}", self.shown(path).display());
            io::Error::new(ErrorKind::PermissionDenied, why)
        };
        match kind(&stat) {
            SFlag::S_IFDIR => {}
            SFlag::S_IFLNK => {
                let is_trusted = here.owner().is_none() && self.trusts(stat.st_uid);
                if links == Links::Trusted && !is_trusted {
                    let by = account_name(here.owner().unwrap_or(stat.st_uid));
                    return Err(refused(&format_args!(
                        "is a link that `{by}` can turn elsewhere, and is not followed; run this as `{by}`"
                    )));
                }
                return Ok(Part::Link(readlinkat(&fd, "")?));
            }
            _ => return Err(Errno::ENOTDIR.into()),
        }
        match here.owner() {
            Some(owner) if links == Links::Trusted && owner != stat.st_uid => {
                Err(refused(&format_args!(
                    "belongs to `{}`, in a directory that `{}` can change",
                    account_name(stat.st_uid),
                    account_name(owner)
                )))
            }
            _ => Ok(Part::Directory(self.enter(here, name, fd, &stat))),
        }
    }

    fn enter(&self, here: &Directory, name: &OsStr, fd: OwnedFd, stat: &FileStat) -> Directory {
        let owner = here.owner();
        let owner = owner.or_else(|| self.is_others(stat).then_some(stat.st_uid));
        here.child(name, fd, stat.st_uid, owner)
    }

    /// Root, the account that runs this program, and whoever made the image.
    fn trusts(&self, uid: u32) -> bool {
        uid == 0 || uid == geteuid().as_raw() || uid == self.top.uid()
    }

    /// Whether others can rename what is in a directory. In one with the sticky bit they cannot, but for what they own.
    fn is_others(&self, stat: &FileStat) -> bool {
        let has = |bits: u32| stat.st_mode & bits != 0;
        let is_own_group = stat.st_gid == 0 || stat.st_uid != 0;
        let is_shared = has(0o002) || (has(0o020) && !is_own_group);
        !self.trusts(stat.st_uid) || (is_shared && !has(0o1000))
    }
}

/// The parts of a path, last first.
fn parts(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter_map(|c| match c {
            Component::Normal(part) => Some(part.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::host::read::is_missing;

    /// A root with `shared`, which everybody can write, and `etc`, which nobody else can.
    fn root() -> (tempfile::TempDir, RootFs) {
        let root = tempfile::tempdir().expect("a directory");
        for name in ["shared/inner", "etc/d"] {
            fs::create_dir_all(root.path().join(name)).expect("made");
        }
        let open = Permissions::from_mode(0o777);
        fs::set_permissions(root.path().join("shared"), open).expect("set");
        let files = RootFs::new(root.path()).expect("opened");
        (root, files)
    }

    #[test]
    fn a_link_that_somebody_else_can_turn_is_not_followed_but_for_reading() {
        let (root, files) = root();
        symlink("/etc", root.path().join("shared/turned")).expect("made");
        fs::write(root.path().join("etc/file"), "text").expect("written");
        let path = Path::new("/shared/turned/d");
        let error = files.find(path).expect_err("followed");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(!is_missing(&error));
        let text = files.read_text(Path::new("/shared/turned/file"), 99);
        assert_eq!(text.expect("read").as_deref(), Some("text"));
    }

    #[test]
    fn what_is_kept_open_is_bounded() {
        let (root, files) = root();
        let open = || {
            let seen = files.memory.0.lock().expect("no panic");
            let chains = &seen.as_ref().expect("remembered").chains;
            chains.values().map(Vec::len).sum::<usize>()
        };
        let deep = "d/".repeat(DEEPEST + 1);
        fs::create_dir_all(root.path().join("etc").join(&deep)).expect("made");
        files.names(&Path::new("/etc").join(&deep)).expect("names");
        assert_eq!(open(), 0, "one that is so deep is not kept");
        for n in 0..MOST_SEEN {
            let path = format!("shared/many/{n}");
            fs::create_dir_all(root.path().join(&path)).expect("made");
            files.names(&Path::new("/").join(&path)).expect("names");
            assert!(open() <= MOST_SEEN, "{}", open());
        }
        assert!(open() > 0);
    }

    #[test]
    fn a_look_is_remembered_until_somebody_works() {
        let (root, files) = root();
        let names = || files.names(Path::new("/etc/d")).expect("names");
        assert_eq!(names().len(), 0);
        let at = root.path().join("etc/d");
        fs::rename(&at, root.path().join("etc/old")).expect("renamed");
        fs::create_dir(&at).expect("made");
        fs::write(at.join("new"), "").expect("written");
        assert_eq!(names().len(), 0, "the directory that was seen");
        files.find(Path::new("/etc")).expect("found");
        assert_eq!(names().len(), 1, "the one that is there");
    }

    #[test]
    fn links_of_the_root_lead_inside_it_however_they_are_written() {
        let (root, files) = root();
        symlink("/etc", root.path().join("absolute")).expect("made");
        symlink("../../../../etc", root.path().join("etc/d/above")).expect("made");
        for path in ["/absolute/d", "/etc/d/above/d", "/../etc/d"] {
            let found = files.find(Path::new(path)).expect(path);
            assert_eq!(found.path(), Path::new("/etc/d"), "{path}");
        }
    }

    #[test]
    fn a_directory_keeps_its_descriptor_whatever_takes_its_name() {
        let (root, files) = root();
        let held = files.find(Path::new("/shared/inner")).expect("found");
        let (at, aside) = (root.path().join("shared/inner"), root.path().join("aside"));
        fs::rename(&at, &aside).expect("renamed");
        symlink("/etc", &at).expect("made");
        held.create(OsStr::new("new")).expect("created");
        assert!(aside.join("new").exists());
        assert!(!root.path().join("etc/new").exists());
    }
}
