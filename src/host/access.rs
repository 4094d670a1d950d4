//! What an account can do with a path: go there, execute it; and what everybody can read. Reads only.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::host::account::Account;
use crate::host::credentials::Credentials;
use crate::host::process::shell_quote;
use crate::host::read;
use crate::host::run_as::{LOOK, run_as};

/// Whether an account can use a path.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    /// The path as it was asked for.
    pub(crate) path: PathBuf,
    /// Where it leads.
    pub(crate) real: PathBuf,
    /// What is in the way.
    pub(crate) obstacle: Option<Obstacle>,
}

/// Why a path cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// It is not there, or a link to it leads nowhere.
    Missing,
    /// The account may not go through this directory, or not execute this file.
    Denied(PathBuf),
}

/// A file or directory that an account may not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Closed {
    /// Its path.
    pub(crate) path: PathBuf,
    is_directory: bool,
}

/// The command that opens these for everybody to read.
pub(crate) fn open_command<'a>(closed: impl Iterator<Item = &'a Closed> + Clone) -> String {
    let open = |is_directory: bool, mode: &str| {
        let meant = closed.clone().filter(|c| c.is_directory == is_directory);
        let paths: BTreeSet<String> = meant.map(|c| c.path.display().to_string()).collect();
        let paths: Vec<String> = paths.into_iter().collect();
        (!paths.is_empty()).then(|| format!("chmod {mode} {}", shell_quote(&paths)))
    };
    let commands = [open(true, "a+rx"), open(false, "a+r")];
    let commands: Vec<String> = commands.into_iter().flatten().collect();
    commands.join(" && ")
}

/// A right: its mode bit for others, and the option of test(1) that asks for it.
const READ: (u32, &str) = (0o4, "-r");
const SEARCH: (u32, &str) = (0o1, "-x");

/// What an account may do, by mode bits; where they deny and the host runs, the kernel has the last word.
pub(crate) struct Access<'a> {
    /// Where.
    pub(crate) host: &'a Host,
    /// Who.
    pub(crate) account: &'a Account,
    groups: Vec<u32>,
}

impl<'a> Access<'a> {
    /// Of an account, with all its groups.
    pub(crate) fn new(host: &'a Host, account: &'a Account) -> Self {
        let mut groups = vec![account.gid];
        if host.live().is_some() {
            groups.extend(more_groups(host, account));
        }
        Self {
            host,
            account,
            groups,
        }
    }

    /// The same account in more groups, as a service may be (SupplementaryGroups= of systemd.exec(5)).
    pub(crate) fn with_groups(mut self, more: impl IntoIterator<Item = u32>) -> Self {
        self.groups.extend(more);
        self
    }

    /// Whether it could make or open files in a directory, such as a gateway's lock in a profile home; also when that cannot
    /// be told, as in an image, which may have been unpacked with other owners.
    pub(crate) fn may_work_in(&self, directory: &Path) -> bool {
        if self.host.live().is_none() {
            return true;
        }
        let account = Credentials::of(self.account.uid, self.groups.clone());
        let meta = self.host.metadata(directory);
        meta.map_or(true, |meta| account.may_work_in(&meta))
    }

    /// Whether it can surely not work in a directory that is there. An access list may give a right that the mode does not show,
    /// but not to the owner (acl(5)).
    pub(crate) fn is_shut_out(&self, directory: &Path) -> bool {
        let Ok(meta) = self.host.metadata(directory) else {
            return false;
        };
        let is_owner = meta.uid() == self.account.uid;
        !self.may_work_in(directory) && (is_owner || !self.kernel_allows(READ.1, directory))
    }

    /// Whether it can run a program or work in a directory.
    pub(crate) fn reach(&self, path: &Path) -> Reach {
        let look = || {
            let place = self.host.real(path);
            let real = Path::new("/").join(place.strip_prefix(&self.host.root).unwrap_or(&place));
            Reach {
                obstacle: self.obstacle(path, &real),
                path: path.to_owned(),
                real,
            }
        };
        let who_and_where = (self.account.name.clone(), path.as_os_str().to_owned());
        let memory = &self.host.files.memory;
        memory.once(|look| &mut look.reaches, &who_and_where, look)
    }

    fn obstacle(&self, path: &Path, real: &Path) -> Option<Obstacle> {
        let above = path.ancestors().skip(1).chain(real.ancestors().skip(1));
        let mut ways: Vec<&Path> = above.chain([real]).collect();
        ways.sort_by_cached_key(|p| p.components().count());
        for way in ways {
            match self.host.metadata(way) {
                Ok(meta) if self.may_execute(&meta) => {}
                Ok(meta) if meta.is_file() || !self.kernel_allows(SEARCH.1, way) => {
                    return Some(Obstacle::Denied(way.to_owned()));
                }
                Ok(_) => {}
                Err(ErrorKind::PermissionDenied) => return None,
                Err(_) => return Some(Obstacle::Missing),
            }
        }
        None
    }

    /// What keeps it from finding a file among the names of its directory and from reading it, the top first. Without a right to
    /// the top nothing would work at all.
    pub(crate) fn closed(&self, file: &Path) -> Vec<Closed> {
        let real = self.host.files.real(file);
        let above = file.ancestors().skip(1).chain(real.ancestors());
        let mut ways: Vec<&Path> = above.filter(|way| way.parent().is_some()).collect();
        ways.sort_by_cached_key(|way| (way.components().count(), way.as_os_str().to_owned()));
        ways.dedup();
        let closed = ways.into_iter().filter_map(|way| {
            let meta = self.host.metadata(way).ok()?;
            let is_directory = meta.is_dir();
            let needs: &[(u32, &str)] = match way {
                _ if !is_directory => &[READ],
                way if Some(way) == file.parent() => &[READ, SEARCH],
                _ => &[SEARCH],
            };
            let is_denied = |(bit, test): &(u32, &str)| {
                !self.may(&meta, *bit) && !self.kernel_allows(test, way)
            };
            let is_closed = self.account.uid != 0 && needs.iter().any(is_denied);
            is_closed.then(|| Closed {
                path: way.to_owned(),
                is_directory,
            })
        });
        closed.collect()
    }

    /// Search a directory, execute a file.
    fn may_execute(&self, meta: &fs::Metadata) -> bool {
        match self.account.uid {
            0 => meta.is_dir() || meta.permissions().mode() & 0o111 != 0,
            _ => self.may(meta, SEARCH.0),
        }
    }

    /// Whether mode bits give a right. `bit` is the one for others, as in [`READ`].
    fn may(&self, meta: &fs::Metadata, bit: u32) -> bool {
        let whose = if meta.uid() == self.account.uid {
            6
        } else if self.groups.contains(&meta.gid()) {
            3
        } else {
            0
        };
        meta.permissions().mode() >> whose & bit != 0
    }

    /// test(1) as the account: access lists count there.
    fn kernel_allows(&self, test: &str, path: &Path) -> bool {
        let argv = ["test".as_ref(), test.as_ref(), path.as_os_str()];
        self.host.live().is_some()
            && nix::unistd::geteuid().is_root()
            && run_as(self.account, &[], &argv, LOOK).is_ok_and(|o| o.status.success())
    }

    /// The interpreter that a script names.
    pub(crate) fn interpreter(&self, program: &Path) -> Option<PathBuf> {
        let text = self.host.files.read_script(program, read::JSON).ok()??;
        let line = text.lines().next()?.strip_prefix("#!")?;
        let path = PathBuf::from(line.split_whitespace().next()?);
        path.is_absolute().then_some(path)
    }
}

/// Whether a file is no secret to an account: its own, or everybody's to read, wherever the path leads.
pub(crate) fn may_read(host: &Host, account: &Account, path: &Path) -> bool {
    let place = host.real(path);
    let real = Path::new("/").join(place.strip_prefix(&host.root).unwrap_or(&place));
    let is_own = host.metadata(&real).is_ok_and(|m| m.uid() == account.uid);
    is_own || is_exposed(host, &real)
}

/// The groups of an account of this host.
fn more_groups(host: &Host, account: &Account) -> Vec<u32> {
    let look_up = || {
        let name = std::ffi::CString::new(account.name.as_str()).unwrap_or_default();
        let groups = nix::unistd::getgrouplist(&name, account.gid.into());
        let groups = groups.unwrap_or_default().into_iter();
        groups.map(nix::unistd::Gid::as_raw).collect()
    };
    let memory = &host.files.memory;
    memory.once(|look| &mut look.groups, account.name.as_str(), look_up)
}

/// Whether anybody may read a file: its mode and that of every directory above.
pub(crate) fn is_exposed(host: &Host, path: &Path) -> bool {
    let others = |path: &Path, bit: u32| {
        let meta = host.metadata(path);
        meta.is_ok_and(|m| m.permissions().mode() & bit != 0)
    };
    host.is_file(path)
        && others(path, 0o004)
        && path.ancestors().skip(1).all(|above| others(above, 0o001))
}
