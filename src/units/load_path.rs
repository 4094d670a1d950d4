//! A manager's units as files: where they are, which there are, what each says. Reads only, never out of the root; a
//! file that is no regular file, or does not end, is read as nothing or in part.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::host::account::{self, Account};
use crate::host::rootfs;
use crate::host::systemctl::{Manager, Systemctl};
use crate::units::unit_file::template_of;

/// The most that is read of one file. systemd itself takes no line beyond 1 MiB (`LONG_LINE_MAX`).
const MOST: u64 = 4 << 20;

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
    /// Where its paths are found: `/` or an image.
    pub(crate) root: PathBuf,
}

/// A unit's files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// The unit file; `None` when there are only drop-ins.
    pub(crate) fragment: Option<PathBuf>,
    /// Its drop-ins in the order in which they apply.
    pub(crate) drop_ins: Vec<PathBuf>,
}

/// The managers of a host: the system's, and of every account for root, of our own for anybody else.
pub(crate) fn load_paths(host: &Host) -> Vec<LoadPath> {
    let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
    let mut load_paths = vec![LoadPath {
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
        root: host.root.clone(),
    }];
    let accounts = match host.own.uid {
        0 => account::all(&host.root),
        _ => vec![host.own.clone()],
    };
    for account in accounts {
        let runtime = PathBuf::from(format!("/run/user/{}/systemd", account.uid));
        let own =
            [".config/systemd/user", ".local/share/systemd/user"].map(|d| account.home.join(d));
        let live = host.live().filter(|_| runtime.exists());
        if live.is_none() && !own.iter().any(|d| host.at(d).is_dir()) {
            continue;
        }
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
        let manager = if account.uid == host.own.uid {
            Manager::User
        } else {
            Manager::UserOf(account.name.clone())
        };
        load_paths.push(LoadPath {
            directories,
            systemctl: live.map(|live| live.systemctl(&manager)),
            manager,
            account,
            is_system: false,
            root: host.root.clone(),
        });
    }
    load_paths
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
}

impl LoadPath {
    /// Look into the directories.
    pub(crate) fn list(&self) -> UnitFiles {
        let mut found = UnitFiles::default();
        for directory in &self.directories {
            for name in entries(&self.root, directory) {
                let path = directory.join(&name);
                if name.ends_with(".service") {
                    found.fragments.entry(name).or_insert(path);
                } else if let Some(unit) =
                    name.strip_suffix(".d").filter(|n| n.ends_with(".service"))
                {
                    let drop_ins = found.drop_ins.entry(unit.to_owned()).or_default();
                    for file in entries(&self.root, &path) {
                        if file.ends_with(".conf") {
                            let path = path.join(&file);
                            drop_ins.entry(file).or_insert(path);
                        }
                    }
                } else if [".wants", ".requires", ".upholds"]
                    .iter()
                    .any(|end| name.ends_with(end))
                {
                    found.wanted.extend(entries(&self.root, &path));
                }
            }
        }
        let activated: Vec<String> = found
            .wanted
            .iter()
            .filter_map(|name| {
                let (stem, kind) = name.rsplit_once('.')?;
                matches!(kind, "timer" | "path" | "socket").then(|| format!("{stem}.service"))
            })
            .collect();
        found.wanted.extend(activated);
        found
    }

    /// Everything that makes up a unit of this name, the strongest first: its file, its drop-ins, links to it in what
    /// others want, and links by another name.
    pub(crate) fn traces(&self, unit: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for directory in &self.directories {
            for name in entries(&self.root, directory) {
                let path = directory.join(&name);
                let wants = [".wants", ".requires", ".upholds"];
                if name == unit {
                    found.push(path);
                } else if name.strip_suffix(".d") == Some(unit) {
                    let files = entries(&self.root, &path);
                    found.extend(files.iter().map(|file| path.join(file)));
                } else if wants.iter().any(|end| name.ends_with(end)) {
                    let links = entries(&self.root, &path);
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
        let place = |p: &Path| Some(place(&self.root, p.parent()?)?.join(p.file_name()?));
        let target = place(path).and_then(|place| fs::read_link(place).ok());
        target.is_some_and(|target| target.file_name().is_some_and(|name| name == unit))
    }

    /// A file's text, as far as it is one.
    pub(crate) fn text(&self, path: &Path) -> Option<String> {
        text(&self.root, path)
    }

    /// Where a path leads when its links are followed, relative to the root.
    pub(crate) fn real(&self, path: &Path) -> PathBuf {
        let relative = path.to_str().unwrap_or_default();
        match rootfs::directory(&self.root, relative) {
            Ok(real) => Path::new("/").join(real.strip_prefix(&self.root).unwrap_or(&real)),
            Err(_) => path.to_owned(),
        }
    }
}

impl UnitFiles {
    /// Names of services that have a file, a drop-in or something that wants them; no templates.
    pub(crate) fn units(&self) -> BTreeSet<&String> {
        let all = self.fragments.keys().chain(self.drop_ins.keys());
        all.chain(&self.wanted)
            .filter(|name| name.ends_with(".service") && !name.contains("@."))
            .collect()
    }

    /// The files of a unit: its own or its template's, and the drop-ins of both. One of a name counts once.
    pub(crate) fn files(&self, unit: &str) -> Files {
        let template = template_of(unit);
        let names = || [Some(unit), template.as_deref()].into_iter().flatten();
        let mut drop_ins: BTreeMap<&String, &PathBuf> = BTreeMap::new();
        for (file, path) in names().filter_map(|n| self.drop_ins.get(n)).flatten() {
            drop_ins.entry(file).or_insert(path);
        }
        Files {
            fragment: names().find_map(|n| self.fragments.get(n)).cloned(),
            drop_ins: drop_ins.into_values().cloned().collect(),
        }
    }
}

/// Where this program finds a path of a root, links followed as the root sees them; `None` when they lead in circles.
pub(crate) fn place(root: &Path, path: &Path) -> Option<PathBuf> {
    match root == Path::new("/") {
        true => Some(path.to_owned()),
        false => rootfs::directory(root, path.to_str()?).ok(),
    }
}

/// The names in a directory of a root.
fn entries(root: &Path, directory: &Path) -> Vec<String> {
    place(root, directory)
        .and_then(|place| fs::read_dir(place).ok())
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// The text of a regular file of a root.
pub(crate) fn text(root: &Path, path: &Path) -> Option<String> {
    let place = place(root, path)?;
    // Opening a pipe would wait for its writer.
    if !fs::metadata(&place).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(&place).ok()?;
    file.take(MOST).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes);
    Some(text.unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

/// The text of a file that the kernel hands to an interpreter.
pub(crate) fn script(root: &Path, path: &Path) -> Option<String> {
    let place = place(root, path)?;
    let mut start = [0; 2];
    if !fs::metadata(&place).ok()?.is_file() {
        return None;
    }
    fs::File::open(&place).ok()?.read_exact(&mut start).ok()?;
    (start == *b"#!").then(|| text(root, path)).flatten()
}
