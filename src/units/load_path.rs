//! A manager and where it looks for its units. Reads only, never out of the root.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::host::access::may_read;
use crate::host::account::Account;
use crate::host::manager::environment;
use crate::host::systemctl::{Manager, Systemctl};
use crate::host::{Host, Live};
use crate::layout::{GUARD, Scope};
use crate::units::environment_d::environment_d;
use crate::units::reader::Reader;

/// A manager and its unit directories, the strongest first (systemd.unit(5), UNIT FILE LOAD PATH).
#[derive(Debug)]
pub(crate) struct LoadPath {
    /// Which it is.
    pub(crate) manager: Manager,
    /// The account that it runs as: root for the system's.
    pub(crate) account: Account,
    /// Whether it is the system's.
    pub(crate) is_system: bool,
    /// How to ask it, where it runs.
    pub(crate) systemctl: Option<Systemctl>,
    pub(super) directories: Vec<PathBuf>,
    /// Reads its files.
    pub(crate) reader: Reader,
    /// What it gives to all its units, once it was asked.
    given: OnceCell<BTreeMap<String, String>>,
    /// Why it did not answer when it was asked something, as a sentence; then it is asked nothing more.
    pub(super) silence: RefCell<Option<String>>,
}

/// The managers of a host: the system's, and of every account for root, for anybody else their own.
pub(crate) fn load_paths(host: &Host) -> Vec<LoadPath> {
    let mut load_paths = vec![system(host)];
    let accounts = match host.own.uid {
        0 => host.accounts(),
        _ => vec![host.own.clone()],
    };
    for account in accounts {
        let is_used = host.live().is_some() && runtime(&account).exists();
        let has_units = || own(&account).iter().any(|d| host.is_directory(d));
        if is_used || has_units() {
            load_paths.push(user(host, account));
        }
    }
    load_paths
}

/// The manager of a host's scope.
pub(crate) fn load_path(host: &Host) -> LoadPath {
    match host.scope {
        Scope::System => system(host),
        Scope::User => user(host, host.own.clone()),
    }
}

fn system(host: &Host) -> LoadPath {
    LoadPath {
        directories: paths(&[
            "/etc/systemd/system.control",
            "/run/systemd/system.control",
            "/run/systemd/transient",
            "/run/systemd/generator.early",
            "/etc/systemd/system",
            // Units of portable services (portablectl(1)).
            "/etc/systemd/system.attached",
            "/run/systemd/system",
            "/run/systemd/system.attached",
            "/run/systemd/generator",
            "/usr/local/lib/systemd/system",
            "/usr/lib/systemd/system",
            "/run/systemd/generator.late",
        ]),
        manager: Manager::System,
        account: Account::root(),
        is_system: true,
        systemctl: host.live().map(|live| live.systemctl(&Manager::System)),
        reader: Reader::new(&host.files),
        given: OnceCell::new(),
        silence: RefCell::default(),
    }
}

fn user(host: &Host, account: Account) -> LoadPath {
    let runtime = runtime(&account);
    let own = own(&account);
    let mut directories = vec![
        account.home.join(".config/systemd/user.control"),
        runtime.join("user.control"),
        runtime.join("transient"),
        runtime.join("generator.early"),
        own[0].clone(),
        PathBuf::from("/etc/xdg/systemd/user"),
        PathBuf::from("/etc/systemd/user"),
        runtime.join("user"),
        PathBuf::from("/run/systemd/user"),
        runtime.join("generator"),
        own[1].clone(),
    ];
    directories.extend(paths(&[
        "/usr/local/share/systemd/user",
        "/usr/share/systemd/user",
        "/usr/local/lib/systemd/user",
        "/usr/lib/systemd/user",
    ]));
    directories.push(runtime.join("generator.late"));
    let manager = if account.uid == host.own.uid {
        Manager::User
    } else {
        Manager::UserOf(account.name.clone())
    };
    let asked = |live: &Live| manager == Manager::User || is_running(live, &account);
    let live = host.live().filter(|live| runtime.exists() && asked(live));
    LoadPath {
        directories,
        systemctl: live.map(|live| live.systemctl(&manager)),
        reader: match manager {
            Manager::UserOf(_) => Reader::of_another(&host.files),
            Manager::System | Manager::User => Reader::new(&host.files),
        },
        given: OnceCell::new(),
        silence: RefCell::default(),
        manager,
        account,
        is_system: false,
    }
}

fn paths(list: &[&str]) -> Vec<PathBuf> {
    list.iter().map(PathBuf::from).collect()
}

/// Whether another account's manager runs. One that was stopped leaves its directory behind while the account is logged in, and
/// to ask it is to start it: `systemctl -M` opens a session (pam_systemd(8)).
fn is_running(live: &Live, account: &Account) -> bool {
    let service = format!("user@{}.service", account.uid);
    let told = live.systemctl(&Manager::System).show_one(&service);
    // Without an answer the directory has to do.
    told.map_or(true, |state| state.is_started())
}

/// Where an account's manager keeps what lasts until it ends.
fn runtime(account: &Account) -> PathBuf {
    PathBuf::from(format!("/run/user/{}/systemd", account.uid))
}

/// Whether a directory holds what `systemd-run` made: units that cannot be disabled, and are gone once they have ended.
pub(super) fn is_transient(directory: &Path) -> bool {
    directory.ends_with("systemd/transient")
}

/// Where an account keeps its own units, the strongest first.
fn own(account: &Account) -> [PathBuf; 2] {
    [".config/systemd/user", ".local/share/systemd/user"].map(|d| account.home.join(d))
}

impl LoadPath {
    /// The variables that its manager gives to all its units, or will where that is a user's and does not run. What another
    /// account's says of them is worth as much as what its units say.
    pub(super) fn environment(&self, host: &Host) -> &BTreeMap<String, String> {
        self.given.get_or_init(|| {
            let is_silent = self.silence.borrow().is_some();
            let asked = self.systemctl.as_ref().filter(|_| !is_silent);
            match asked.map(environment) {
                Some(Ok(told)) => return told,
                Some(Err(e)) => *self.silence.borrow_mut() = Some(format!("{e:#}")),
                None => {}
            }
            if self.is_system {
                return BTreeMap::new();
            }
            environment_d(&self.reader, &self.account, |file| {
                may_read(host, &self.account, file)
            })
        })
    }

    /// Everything that makes up a unit of this name, the strongest first: its file, its drop-ins, links to it in what
    /// others want, and links by another name.
    pub(crate) fn traces(&self, unit: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for directory in &self.directories {
            for name in self.reader.names(directory) {
                let path = directory.join(&name);
                let wants = [".wants", ".requires", ".upholds"];
                if name == unit {
                    found.push(path);
                } else if name.strip_suffix(".d") == Some(unit) {
                    let files = self.reader.names(&path);
                    let drop_ins = files
                        .iter()
                        .filter(|file| file.ends_with(".conf") && *file != GUARD);
                    found.extend(drop_ins.map(|file| path.join(file)));
                } else if wants.iter().any(|end| name.ends_with(end)) {
                    let links = self.reader.names(&path);
                    let links = links.iter().filter(|link| *link == unit);
                    found.extend(links.map(|link| path.join(link)));
                } else if name.ends_with(".service") && self.is_alias(&path, unit) {
                    found.push(path);
                }
            }
        }
        found
    }

    fn is_alias(&self, path: &Path, unit: &str) -> bool {
        let target = self.reader.files().link_target(path);
        target.is_some_and(|target| target.file_name().is_some_and(|name| name == unit))
    }

    /// Where a path leads when its links are followed, relative to the root.
    pub(crate) fn real(&self, path: &Path) -> PathBuf {
        self.reader.files().real(path)
    }
}
