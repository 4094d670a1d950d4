//! A manager's units as files: where they are, which there are, what each says. Reads only, never out of the root. What
//! is no regular file is nothing, as for systemd; what cannot be read is remembered.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::host::Host;
use crate::host::account::{self, Account};
use crate::host::read::{self, Unread};
use crate::host::rootfs::RootFs;
use crate::host::systemctl::{Manager, Systemctl};
use crate::layout::{GUARD, Scope};
use crate::units::unit_file::template_of;

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
    directories: Vec<PathBuf>,
    /// Reads its files.
    pub(crate) reader: Reader,
}

/// A unit's files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// The unit file; `None` when there are only drop-ins.
    pub(crate) fragment: Option<PathBuf>,
    /// Its drop-ins in the order in which they apply.
    pub(crate) drop_ins: Vec<PathBuf>,
}

/// The managers of a host: the system's, and of every account for root, for anybody else their own.
pub(crate) fn load_paths(host: &Host) -> Vec<LoadPath> {
    let mut load_paths = vec![system(host)];
    let accounts = match host.own.uid {
        0 => account::all(&host.root),
        _ => vec![host.own.clone()],
    };
    for account in accounts {
        let is_used = host.live().is_some() && runtime(&account).exists();
        let has_units = || own(&account).iter().any(|d| host.at(d).is_dir());
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
            "/run/systemd/system",
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
    let manager = match account.uid == host.own.uid {
        true => Manager::User,
        false => Manager::UserOf(account.name.clone()),
    };
    let live = host.live().filter(|_| runtime.exists());
    LoadPath {
        directories,
        systemctl: live.map(|live| live.systemctl(&manager)),
        manager,
        account,
        is_system: false,
        reader: Reader::new(&host.files),
    }
}

fn paths(list: &[&str]) -> Vec<PathBuf> {
    list.iter().map(PathBuf::from).collect()
}

/// Where an account's manager keeps what lasts until it ends.
fn runtime(account: &Account) -> PathBuf {
    PathBuf::from(format!("/run/user/{}/systemd", account.uid))
}

/// Where an account keeps its own units, the strongest first.
fn own(account: &Account) -> [PathBuf; 2] {
    [".config/systemd/user", ".local/share/systemd/user"].map(|d| account.home.join(d))
}

/// What the directories of a load_path hold, by one look at each.
#[derive(Debug, Default)]
pub(crate) struct UnitFiles {
    /// Unit files by name, from the strongest directory.
    fragments: BTreeMap<String, PathBuf>,
    /// Drop-ins by unit name, then by file name.
    drop_ins: BTreeMap<String, BTreeMap<String, PathBuf>>,
    /// Units that something pulls in at some time: a target's wants, or a timer, path or socket that is itself wanted.
    pub(crate) wanted: BTreeSet<String>,
    /// Of each service, the timers, paths and sockets among them that start it.
    pub(crate) activators: BTreeMap<String, Vec<String>>,
    /// Texts of files that were read, as all instances share their template's.
    texts: RefCell<HashMap<PathBuf, Option<Rc<str>>>>,
}

impl LoadPath {
    /// Look into the directories.
    pub(crate) fn list(&self) -> UnitFiles {
        let mut found = UnitFiles::default();
        for directory in &self.directories {
            for name in self.reader.names(directory) {
                let path = directory.join(&name);
                if name.ends_with(".service") {
                    found.fragments.entry(name).or_insert(path);
                } else if let Some(unit) =
                    name.strip_suffix(".d").filter(|n| n.ends_with("service"))
                {
                    let drop_ins = found.drop_ins.entry(unit.to_owned()).or_default();
                    for file in self.reader.names(&path) {
                        if file.ends_with(".conf") {
                            let path = path.join(&file);
                            drop_ins.entry(file).or_insert(path);
                        }
                    }
                } else if [".wants", ".requires", ".upholds"]
                    .iter()
                    .any(|end| name.ends_with(end))
                {
                    found.wanted.extend(self.reader.names(&path));
                }
            }
        }
        for name in &found.wanted {
            if let Some((stem, "timer" | "path" | "socket")) = name.rsplit_once('.') {
                let activators = found.activators.entry(format!("{stem}.service"));
                activators.or_default().push(name.clone());
            }
        }
        found.wanted.extend(found.activators.keys().cloned());
        found
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
        let target = self.reader.files.link_target(path);
        target.is_some_and(|target| target.file_name().is_some_and(|name| name == unit))
    }

    /// Where a path leads when its links are followed, relative to the root.
    pub(crate) fn real(&self, path: &Path) -> PathBuf {
        self.reader.files.real(path)
    }
}

impl UnitFiles {
    /// A file's text, as far as it is one; it is read once.
    pub(crate) fn text(&self, load_path: &LoadPath, path: &Path) -> Option<Rc<str>> {
        let mut texts = self.texts.borrow_mut();
        let read = || load_path.reader.text(path).map(Rc::from);
        texts.entry(path.to_owned()).or_insert_with(read).clone()
    }

    /// Names of services that have a file, a drop-in or something that wants them; no templates. The guard's drop-ins
    /// wait for units and make none.
    pub(crate) fn units(&self) -> BTreeSet<&String> {
        let drop_ins = self.drop_ins.iter();
        let drop_ins = drop_ins.filter(|(_, files)| files.keys().any(|file| file != GUARD));
        let drop_ins = drop_ins.map(|(unit, _)| unit);
        let all = self.fragments.keys().chain(drop_ins);
        all.chain(&self.wanted)
            .filter(|name| name.ends_with(".service") && !name.contains("@."))
            // Drop-ins of a truncated name are those of all units that begin so.
            .filter(|name| !name.ends_with("-.service") || self.fragments.contains_key(*name))
            .collect()
    }

    /// The files of a unit: its own or its template's, and the drop-ins of both, of its truncated names and of all
    /// services (systemd.unit(5)). One of a name counts once.
    pub(crate) fn files(&self, unit: &str) -> Files {
        let template = template_of(unit);
        let names = || [Some(unit), template.as_deref()].into_iter().flatten();
        let truncated: Vec<String> = names().flat_map(truncated).collect();
        let mut drop_ins: BTreeMap<&String, &PathBuf> = BTreeMap::new();
        let of_all = truncated.iter().map(String::as_str).chain(["service"]);
        for (file, path) in names()
            .chain(of_all)
            .filter_map(|n| self.drop_ins.get(n))
            .flatten()
        {
            drop_ins.entry(file).or_insert(path);
        }
        Files {
            fragment: names().find_map(|n| self.fragments.get(n)).cloned(),
            drop_ins: drop_ins.into_values().cloned().collect(),
        }
    }
}

/// The names of drop-in directories that a unit shares with others: `a-b-.service` and `a-.service` for `a-b-c.service`.
fn truncated(unit: &str) -> Vec<String> {
    let Some((stem, kind)) = unit.rsplit_once('.') else {
        return Vec::new();
    };
    let stem = stem.split_once('@').map_or(stem, |(prefix, _)| prefix);
    let dashes = stem
        .match_indices('-')
        .map(|(at, _)| at)
        .filter(|at| at + 1 < stem.len());
    let mut names: Vec<String> = dashes
        .map(|at| format!("{}.{kind}", &stem[..=at]))
        .collect();
    names.reverse();
    names
}

/// Reads files of a root for information, and remembers what it could not read: that may have said anything.
#[derive(Debug)]
pub(crate) struct Reader {
    files: RootFs,
    unread: RefCell<BTreeSet<String>>,
}

impl Reader {
    /// One that has read nothing.
    pub(crate) fn new(files: &RootFs) -> Self {
        Self {
            files: files.clone(),
            unread: RefCell::default(),
        }
    }

    /// What could not be read so far, each as a sentence.
    pub(crate) fn unread(&self) -> Vec<String> {
        self.unread.borrow().iter().cloned().collect()
    }

    /// The names in a directory.
    pub(crate) fn names(&self, directory: &Path) -> Vec<String> {
        let names = self.files.names(directory).unwrap_or_else(|e| {
            self.note(directory, &e);
            Vec::new()
        });
        let names = names.into_iter();
        names.filter_map(|name| name.into_string().ok()).collect()
    }

    /// The text of a regular file.
    pub(crate) fn text(&self, path: &Path) -> Option<String> {
        match self.files.read_text(path, read::UNIT) {
            Ok(text) => text,
            // systemd does not read it either.
            Err(Unread::NotRegular(_)) => None,
            Err(Unread::TooLarge(limit)) => {
                self.note(path, &Unread::TooLarge(limit));
                None
            }
            Err(Unread::Failed(e)) => {
                self.note(path, &e);
                None
            }
        }
    }

    /// The text of a script: a file that the kernel hands to an interpreter, or one that is named like a script.
    pub(crate) fn script(&self, path: &Path) -> Option<String> {
        match self.read_script(path) {
            Ok(text) => text,
            Err(Unread::Failed(e)) => {
                self.note(path, &e);
                None
            }
            Err(_) => None,
        }
    }

    /// Whether there is a script at that path with that word in it. What cannot be read has none.
    pub(crate) fn is_script_with(&self, path: &Path, word: &str) -> bool {
        let text = self.read_script(path).ok().flatten();
        text.is_some_and(|text| text.contains(word))
    }

    fn read_script(&self, path: &Path) -> Result<Option<String>, Unread> {
        match path.extension().and_then(OsStr::to_str) {
            Some("sh" | "bash" | "js" | "mjs" | "cjs" | "ts" | "py" | "rb" | "pl" | "php") => {
                self.files.read_text(path, read::UNIT)
            }
            _ => self.files.read_script(path, read::UNIT),
        }
    }

    fn note(&self, path: &Path, why: &dyn std::fmt::Display) {
        let sentence = format!("`{}` cannot be read: {why}", path.display());
        self.unread.borrow_mut().insert(sentence);
    }
}
