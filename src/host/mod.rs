//! Where this program works: the running host or an image, in one scope, for one account. Paths are relative to its
//! root, so that both are treated alike. Managers, lingering and processes belong to [`Live`], which an image never has:
//! nobody reloads the running host's manager for an image.

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod boot;
pub(crate) mod cgroup;
pub(crate) mod credentials;
pub(crate) mod declared;
pub(crate) mod directory;
pub(crate) mod file;
pub(crate) mod insight;
pub(crate) mod jobs;
pub(crate) mod journal;
pub(crate) mod keeper;
mod last_words;
pub(crate) mod manager;
mod memory;
mod metadata;
pub(crate) mod mounts;
pub(crate) mod ownership;
pub(crate) mod paths;
pub(crate) mod process;
pub(crate) mod process_files;
pub(crate) mod process_handle;
pub(crate) mod process_memory;
pub(crate) mod process_text;
pub(crate) mod read;
pub(crate) mod rootfs;
pub(crate) mod run_as;
pub(crate) mod search;
pub(crate) mod service_state;
pub(crate) mod session;
pub(crate) mod span;
pub(crate) mod spawn;
pub(crate) mod systemctl;
mod tools;
pub(crate) mod transfer;
pub(crate) mod trust;
pub(crate) mod unreaped;
mod walk;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;

use crate::error::trouble;
use crate::host::account::{Account, Passwd, account_name};
use crate::host::rootfs::RootFs;
use crate::host::systemctl::{Manager, Systemctl};
use crate::layout::Scope;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// `/`, or the directory of an image.
    pub(crate) root: PathBuf,
    /// Which manager.
    pub(crate) scope: Scope,
    /// The account that runs this program, as the image knows it.
    pub(crate) own: Account,
    /// Its files.
    pub(crate) files: RootFs,
    live: Option<Live>,
}

/// The running host: what can be asked and told beyond its files. See [`Host::live`].
#[derive(Debug, Clone)]
pub(crate) struct Live {
    scope: Scope,
}

impl Live {
    /// The manager of the host's scope.
    pub(crate) fn manager(&self) -> Systemctl {
        self.systemctl(&Manager::of(self.scope))
    }

    /// A manager of this host.
    pub(crate) fn systemctl(&self, manager: &Manager) -> Systemctl {
        Systemctl::new(manager.clone())
    }

    /// The version of systemd.
    pub(crate) fn systemd_version(&self) -> Result<u32> {
        tools::systemd_version()
    }

    /// Have logind start this account's manager at boot and keep it after logout, or not.
    pub(crate) fn set_linger(&self, account: &str, on: bool) -> Result<()> {
        tools::set_linger(account, on)
    }

    /// Create the accounts of sysusers.d files.
    pub(crate) fn sysusers(&self, files: &[PathBuf]) -> Result<()> {
        tools::sysusers(files)
    }

    /// Create the directories of tmpfiles.d files.
    pub(crate) fn tmpfiles(&self, files: &[PathBuf]) -> Result<()> {
        tools::tmpfiles(files)
    }
}

/// What makes two paths one directory; a key for whatever is known of directories.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum DirectoryId {
    /// Device and inode of one that exists.
    Inode(u64, u64),
    /// The path of one that does not, or cannot be looked at.
    Name(PathBuf),
}

impl Host {
    /// The host, or the image at `root`, in this scope, to be changed.
    pub(crate) fn new(scope: Scope, root: Option<&Path>) -> Result<Self> {
        let host = Self::observer(scope, root)?;
        if host.live.is_some() && scope == Scope::System && host.own.uid != 0 {
            trouble!(
                "the system's manager is root's to change and this runs as `{}`", host.own.name;
                "`--user` works on your own manager";
                "root can use `--system`"
            );
        }
        Ok(host)
    }

    /// The host, or the image at `root`, in this scope, to be looked at.
    pub(crate) fn observer(scope: Scope, root: Option<&Path>) -> Result<Self> {
        let mut own = Account::own()?;
        let root = match root {
            None => PathBuf::from("/"),
            Some(dir) if dir.is_dir() => std::fs::canonicalize(dir)?,
            Some(dir) => trouble!(
                "`--root {}` is not a directory", dir.display();
                "name the top directory of a system image"
            ),
        };
        let live = (root == Path::new("/")).then_some(Live { scope });
        if live.is_none() {
            own = Account::find(&own.name, &root)?.unwrap_or(own);
        }
        Ok(Self {
            files: RootFs::new(&root)?,
            root,
            scope,
            own,
            live,
        })
    }

    /// The same host seen in this scope.
    pub(crate) fn in_scope(&self, scope: Scope) -> Self {
        Self {
            scope,
            live: self.live.as_ref().map(|_| Live { scope }),
            ..self.clone()
        }
    }

    /// The running host; `None` for an image.
    pub(crate) fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }

    /// Which manager the units of this scope belong to, in an image, too.
    pub(crate) fn manager(&self) -> Manager {
        Manager::of(self.scope)
    }

    /// A path of the host, where this program finds it. A link on the way leads out of an image: see [`Host::real`].
    pub(crate) fn at(&self, path: &Path) -> PathBuf {
        self.root.join(paths::below_root(path))
    }

    /// The same, its links followed as the root sees them.
    pub(crate) fn real(&self, path: &Path) -> PathBuf {
        match self.live {
            Some(_) => path.to_owned(),
            None => self.at(&self.files.real(path)),
        }
    }

    /// Whether a path of the host leads to something.
    pub(crate) fn exists(&self, path: &Path) -> bool {
        self.metadata(path).is_ok()
    }

    /// Whether a path of the host leads to a file.
    pub(crate) fn is_file(&self, path: &Path) -> bool {
        self.metadata(path).is_ok_and(|meta| meta.is_file())
    }

    /// Whether a path of the host leads to a directory.
    pub(crate) fn is_directory(&self, path: &Path) -> bool {
        self.metadata(path).is_ok_and(|meta| meta.is_dir())
    }

    /// An account by name; as long as the host is only looked at, it is looked up once.
    pub(crate) fn account(&self, name: &str) -> Result<Option<Account>> {
        let memory = &self.files.memory;
        match self.live {
            Some(_) => {
                let look_up = || Account::find(name, &self.root);
                memory.try_once(|look| &mut look.accounts, name, look_up)
            }
            None => Ok(self.passwd().named(name).cloned()),
        }
    }

    /// An account by number.
    pub(crate) fn account_of(&self, uid: u32) -> Result<Option<Account>> {
        match self.live {
            Some(_) => Account::find_number(uid, &self.root),
            None => Ok(self.passwd().numbered(uid).cloned()),
        }
    }

    /// Every account that could have a user manager, as [`account::all`]; each is looked up once in a look.
    pub(crate) fn accounts(&self) -> Vec<Account> {
        match self.live {
            Some(_) => {
                let names = account::names().into_iter();
                names.filter_map(|name| self.account(&name).ok()?).collect()
            }
            None => self.passwd().all().cloned().collect(),
        }
    }

    /// The accounts of an image.
    fn passwd(&self) -> Arc<Passwd> {
        let read = || Arc::new(Passwd::read(&self.root));
        let memory = &self.files.memory;
        memory.once(|look| &mut look.passwd, self.root.as_os_str(), read)
    }

    /// The name of a user ID, or the number when it has none.
    pub(crate) fn account_name(&self, uid: u32) -> String {
        let look_up = || account_name(uid);
        let memory = &self.files.memory;
        memory.once(|look| &mut look.names, &uid, look_up)
    }

    /// Which directory a path of the host is, whatever links lead there.
    pub(crate) fn directory(&self, path: &Path) -> DirectoryId {
        match self.metadata(path) {
            Ok(meta) => DirectoryId::Inode(meta.dev(), meta.ino()),
            Err(_) => DirectoryId::Name(path.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_of_an_image_leads_inside_it_and_is_looked_at_once() {
        let top = tempfile::tempdir().expect("a directory");
        let at = |path: &str| top.path().join(path);
        fs::create_dir_all(at("srv/data")).expect("made");
        fs::write(at("srv/data/file"), "text").expect("written");
        symlink("/srv/data", at("link")).expect("made");
        symlink("/etc/passwd", at("srv/data/out")).expect("made");
        let host = Host::observer(Scope::System, Some(top.path())).expect("a host");
        let is_there = |path: &str| host.exists(Path::new(path));
        assert!(host.is_file(Path::new("/link/file")));
        assert!(
            host.is_directory(Path::new("/link")) && !host.is_directory(Path::new("/link/file"))
        );
        assert_eq!(
            host.files.real(Path::new("/link/file")),
            Path::new("/srv/data/file")
        );
        assert_eq!(
            host.directory(Path::new("/link")),
            host.directory(Path::new("/srv/data"))
        );
        // This host has one, and the image has none.
        assert!(!is_there("/srv/data/out") && !is_there("/link/none"));
        assert!(!is_there("/none/file") && !is_there("/none/a/b"));
        fs::create_dir(at("none")).expect("made");
        fs::write(at("none/file"), "text").expect("written");
        assert!(!is_there("/none/file"), "the look goes on");
        host.files.begin();
        assert!(is_there("/none/file"));
    }
}
