//! One component of a path after the other, as [`rootfs`](crate::host::rootfs) says.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{OFlag, readlinkat};
use nix::sys::stat::{FileStat, SFlag, fstat};
use nix::unistd::geteuid;

use crate::host::account::account_name;
use crate::host::directory::{Directory, kind};
use crate::host::memory::{DEEPEST, Way};
use crate::host::paths::below_root;
use crate::host::read::is_missing;
use crate::host::rootfs::RootFs;

/// How many links one path may lead through, as the kernel has it (path_resolution(7)).
pub(super) const MOST_LINKS: usize = 40;

/// The kernel opens no path of this length (PATH_MAX): for everybody who has only the path, nothing is there.
pub(super) const LONGEST: usize = 4096;

/// Which links on the way are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// Why a component is not gone through to work.
enum Distrust {
    /// A link that somebody else can turn elsewhere.
    Link { by: u32 },
    /// A directory of one account, in one that another can change.
    Directory { of: u32, by: u32 },
}

impl Distrust {
    fn refusal(&self, path: &Path) -> io::Error {
        let path = path.display();
        let why = match *self {
            Self::Link { by } => {
                let by = account_name(by);
                format!(
                    "`{path}` is a link that `{by}` can turn elsewhere, and is not followed; run this as `{by}`"
                )
            }
            Self::Directory { of, by } => {
                let (of, by) = (account_name(of), account_name(by));
                format!("`{path}` belongs to `{of}`, in a directory that `{by}` can change")
            }
        };
        io::Error::new(ErrorKind::PermissionDenied, why)
    }
}

impl RootFs {
    /// A directory for a look, and whether nobody else can turn the way there elsewhere. One that was seen on the way is
    /// not opened again.
    pub(super) fn walk_seen(&self, path: &Path, links: Links) -> io::Result<(Directory, bool)> {
        let path = below_root(path);
        if path.as_os_str().len() >= LONGEST {
            return Err(Errno::ENOENT.into());
        }
        let way = match self.memory.way(path) {
            Some(known) => known,
            None => {
                if links == Links::All && self.memory.lacks(path) {
                    return Err(Errno::ENOENT.into());
                }
                // No host has such a path, and whoever makes one up has it opened each time.
                let slashes = path.as_os_str().as_bytes().iter();
                if slashes.filter(|byte| **byte == b'/').count() >= DEEPEST {
                    return Ok((self.walk(path, links)?, links == Links::Trusted));
                }
                self.way(path)?
            }
        };
        match links {
            // What is in the way is found on the way.
            Links::Trusted if !way.is_trusted => Ok((self.walk(path, links)?, true)),
            _ => Ok((way.end?, way.is_trusted)),
        }
    }

    /// The way to a directory, and with it the ways to those above.
    fn way(&self, path: &Path) -> io::Result<Way> {
        if let Some(known) = self.memory.way(path) {
            return Ok(known);
        }
        let Some(above) = path.parent() else {
            return Ok(Way {
                end: Ok(self.top.clone()),
                is_trusted: true,
            });
        };
        let mut way = self.way(above)?;
        let mut opened = 0;
        if let Ok(here) = &way.end {
            let rest = path.strip_prefix(above).unwrap_or(path);
            let found = self.go(here.clone(), rest, |seen| {
                match seen {
                    Ok(()) => opened += 1,
                    Err(_) => way.is_trusted = false,
                }
                Ok(())
            });
            way.end = match found {
                Err(e) if is_missing(&e) => {
                    Err(Errno::from_raw(e.raw_os_error().unwrap_or_default()))
                }
                found => Ok(found?),
            };
        }
        self.memory.remember_way(path, &way, opened);
        Ok(way)
    }

    /// A directory, opened anew from the top on.
    pub(super) fn walk(&self, path: &Path, links: Links) -> io::Result<Directory> {
        self.go(self.top.clone(), path, |seen| match seen {
            Err(refusal) if links == Links::Trusted => Err(refusal()),
            _ => Ok(()),
        })
    }

    /// Go from a directory. `judge` is told of each directory that is opened, and what speaks against one or a link.
    fn go(
        &self,
        mut here: Directory,
        path: &Path,
        mut judge: impl FnMut(Result<(), &dyn Fn() -> io::Error>) -> io::Result<()>,
    ) -> io::Result<Directory> {
        let mut todo = parts(path);
        let mut followed = 0;
        while let Some(part) = todo.pop() {
            if part == ".." {
                here = here.above().unwrap_or(&self.top).clone();
                continue;
            }
            let (found, distrust) = self.step(&here, &part)?;
            if let Some(distrust) = distrust {
                judge(Err(&|| {
                    distrust.refusal(&self.shown(here.path().join(&part)))
                }))?;
            }
            match found {
                Part::Directory(directory) => {
                    judge(Ok(()))?;
                    here = directory;
                }
                Part::Link(target) => {
                    followed += 1;
                    if followed > MOST_LINKS {
                        return Err(Errno::ELOOP.into());
                    }
                    let target = Path::new(&target);
                    if target.is_absolute() {
                        here = self.top.clone();
                    }
                    todo.extend(parts(target));
                }
            }
        }
        Ok(here)
    }

    fn step(&self, here: &Directory, name: &OsStr) -> io::Result<(Part, Option<Distrust>)> {
        let fd = here.open(name, OFlag::O_PATH)?;
        let stat = fstat(&fd)?;
        match kind(&stat) {
            SFlag::S_IFDIR => {
                let others = here.owner().filter(|by| *by != stat.st_uid);
                let distrust = others.map(|by| Distrust::Directory {
                    of: stat.st_uid,
                    by,
                });
                Ok((Part::Directory(self.enter(here, name, fd, &stat)), distrust))
            }
            SFlag::S_IFLNK => {
                let is_trusted = here.owner().is_none() && self.trusts(stat.st_uid);
                let by = here.owner().unwrap_or(stat.st_uid);
                let distrust = (!is_trusted).then_some(Distrust::Link { by });
                Ok((Part::Link(readlinkat(&fd, "")?), distrust))
            }
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    fn enter(&self, here: &Directory, name: &OsStr, fd: OwnedFd, stat: &FileStat) -> Directory {
        let owner = here.owner();
        let owner = owner.or_else(|| self.is_others(stat).then_some(stat.st_uid));
        here.child(name, fd, stat, owner)
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
    use crate::host::memory::MOST_OPEN;

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
            let at = fs::read_dir("/proc/self/fd").expect("listed").flatten();
            let targets = at.filter_map(|fd| fs::read_link(fd.path()).ok());
            targets.filter(|t| t.starts_with(root.path())).count()
        };
        let deep = "d/".repeat(2 * DEEPEST);
        fs::create_dir_all(root.path().join("etc").join(&deep)).expect("made");
        files.names(&Path::new("/etc").join(&deep)).expect("names");
        assert!(
            open() <= DEEPEST + 2,
            "one that is so deep is not kept: {}",
            open()
        );
        for n in 0..2 * MOST_OPEN {
            let path = format!("shared/many/{n}");
            fs::create_dir_all(root.path().join(&path)).expect("made");
            files.names(&Path::new("/").join(&path)).expect("names");
            assert!(open() <= MOST_OPEN + DEEPEST, "{}", open());
        }
        assert!(open() > 3);
    }

    #[test]
    fn what_a_look_found_missing_stays_so_however_much_is_opened_after_it() {
        let (root, files) = root();
        let missing = Path::new("/shared/missing");
        assert!(files.names(missing).expect("names").is_empty());
        for n in 0..2 * MOST_OPEN {
            let path = format!("shared/many/{n}");
            fs::create_dir_all(root.path().join(&path)).expect("made");
            files.names(&Path::new("/").join(&path)).expect("names");
        }
        fs::create_dir_all(root.path().join("shared/missing/new")).expect("made");
        assert!(files.names(missing).expect("names").is_empty());
        files.begin();
        assert_eq!(files.names(missing).expect("names").len(), 1);
    }

    #[test]
    fn a_path_that_no_host_has_costs_no_stack() {
        let (_root, files) = root();
        let long = Path::new("/shared").join("d/".repeat(1 << 18));
        assert!(files.names(&long).expect("looked").is_empty());
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

    #[test]
    fn what_a_listing_has_not_is_not_looked_for_and_a_step_to_a_change_ends_that() {
        let (root, files) = root();
        let text = |path: &str| files.read_text(Path::new(path), 99).expect("read");
        symlink("/etc/d", root.path().join("shared/link")).expect("made");
        for directory in ["/etc/d", "/shared/link"] {
            assert_eq!(files.names(Path::new(directory)).expect("names").len(), 0);
        }
        fs::create_dir(root.path().join("etc/d/new")).expect("made");
        fs::write(root.path().join("etc/d/new/file"), "text").expect("written");
        for path in ["/etc/d/new/file", "/shared/link/new/file"] {
            assert_eq!(text(path), None, "{path}");
            assert!(files.lacks(Path::new(path)), "{path}");
        }
        assert_eq!(
            files.real(Path::new("/shared/link/new")),
            Path::new("/etc/d/new")
        );
        // What was not listed is looked for, and what works does not ask what was seen.
        assert_eq!(text("/etc/d/../d/new/file").as_deref(), Some("text"));
        files.find(Path::new("/etc/d/new")).expect("found");
        assert_eq!(text("/etc/d/new/file").as_deref(), Some("text"));
        assert!(!files.lacks(Path::new("/etc/d/new")));
    }
}
