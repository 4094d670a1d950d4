//! The units of one manager as files: which there are, of what files each is made, what these say. Each file is read once.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::host::service_state::ServiceState;
use crate::layout::GUARD;
use crate::units::load_path::{LoadPath, is_transient};
use crate::units::specifiers::Specifiers;
use crate::units::unit_file::{Directives, template_of, words};

/// A unit's files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// The unit file; `None` when there are only drop-ins.
    pub(crate) fragment: Option<PathBuf>,
    /// Its drop-ins in the order in which they apply.
    pub(crate) drop_ins: Vec<PathBuf>,
}

impl Files {
    /// Those that a manager loaded.
    pub(super) fn loaded(state: &ServiceState) -> Option<Self> {
        Some(Self {
            fragment: Some(state.fragment.clone()?),
            drop_ins: words(&state.drop_ins).iter().map(PathBuf::from).collect(),
        })
    }
}

/// What the directories of a load_path hold, by one look at each.
#[derive(Debug, Default)]
pub(crate) struct UnitFiles {
    /// Files of services, and of what starts services, by name, from the strongest directory.
    fragments: BTreeMap<String, PathBuf>,
    /// Drop-ins by unit name, then by file name.
    drop_ins: BTreeMap<String, BTreeMap<String, PathBuf>>,
    /// Units that something pulls in at some time: a target's wants, or a timer, path or socket that is itself wanted.
    pub(crate) wanted: BTreeSet<String>,
    /// Timers, paths and sockets that `systemd-run` made, and started.
    pub(crate) passing: BTreeSet<String>,
    /// Of each service, the timers, paths and sockets among them that start it.
    pub(crate) activators: BTreeMap<String, Vec<String>>,
    /// Files that were read, as all instances share their template's. By paths as they are written, which is cheaper than
    /// by their components.
    read: RefCell<HashMap<OsString, Rc<Source>>>,
}

/// A file that was read.
#[derive(Debug)]
struct Source {
    text: Option<String>,
    /// What it says, once that was asked for.
    directives: OnceCell<Directives>,
}

impl LoadPath {
    /// Look into the directories.
    pub(crate) fn list(&self) -> UnitFiles {
        let mut found = UnitFiles::default();
        for directory in &self.directories {
            for name in self.reader.names(directory) {
                let path = directory.join(&name);
                if is_transient(directory) && activates(&name).is_some() {
                    found.passing.insert(name.clone());
                }
                if name.ends_with(".service") || activates(&name).is_some() {
                    found.fragments.entry(name).or_insert(path);
                } else if let Some(unit) = (name.strip_suffix(".d"))
                    .filter(|n| n.ends_with("service") || activates(n).is_some())
                {
                    let drop_ins = found.drop_ins.entry(unit.to_owned()).or_default();
                    for file in self.reader.names(&path) {
                        if file.ends_with(".conf") {
                            let path = path.join(&file);
                            self.reader.read_ahead(&path);
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
        let mut activators: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in found.wanted.union(&found.passing) {
            if let Some(service) = found.activated_by(self, name) {
                activators.entry(service).or_default().push(name.clone());
            }
        }
        found.activators = activators;
        found.wanted.extend(found.activators.keys().cloned());
        found
    }
}

impl UnitFiles {
    /// Whether a file's text has a word.
    pub(crate) fn says(&self, load_path: &LoadPath, path: &Path, word: &str) -> bool {
        let source = self.source(load_path, path);
        source.text.as_ref().is_some_and(|text| text.contains(word))
    }

    /// What a file says.
    pub(crate) fn directives(&self, load_path: &LoadPath, path: &Path) -> Directives {
        let source = self.source(load_path, path);
        let read = || Directives::of(path, source.text.as_deref().unwrap_or_default());
        source.directives.get_or_init(read).clone()
    }

    /// What a timer, path or socket starts.
    fn activated_by(&self, load_path: &LoadPath, name: &str) -> Option<String> {
        let (stem, section, key) = activates(name)?;
        let files = self.files(name);
        let mut said = Directives::default();
        for path in files.fragment.iter().chain(&files.drop_ins) {
            said.extend(&self.directives(load_path, path));
        }
        let account = &load_path.account;
        let specifiers = Specifiers {
            unit: name,
            account: (&account.name, account.uid, &account.home),
            is_user: !load_path.is_system,
        };
        let lines = said.iter().filter(|d| d.section == section && d.key == key);
        // systemd ignores what has no name of a unit.
        let mut named = lines
            .map(|line| specifiers.expand(&line.value))
            .filter(|value| value.contains('.'));
        // The first `Unit=` counts (`config_parse_trigger_unit`), and the last `Service=`.
        let named = match key {
            "Unit" => named.next(),
            _ => named.last(),
        };
        Some(named.unwrap_or_else(|| format!("{stem}.service")))
    }

    fn source(&self, load_path: &LoadPath, path: &Path) -> Rc<Source> {
        let mut known = self.read.borrow_mut();
        if let Some(source) = known.get(path.as_os_str()) {
            return Rc::clone(source);
        }
        let source = Rc::new(Source {
            text: load_path.reader.text(path),
            directives: OnceCell::new(),
        });
        known.insert(path.into(), Rc::clone(&source));
        source
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
        let kind = unit.rsplit('.').next();
        let names = || [Some(unit), template.as_deref()].into_iter().flatten();
        let truncated: Vec<String> = names().flat_map(truncated).collect();
        let mut drop_ins: BTreeMap<&String, &PathBuf> = BTreeMap::new();
        let of_all = truncated.iter().map(String::as_str).chain(kind);
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

/// The name before the dot of a timer, path or socket, which starts the service of that name unless it names another; and
/// where it would.
fn activates(name: &str) -> Option<(&str, &'static str, &'static str)> {
    let (stem, kind) = name.rsplit_once('.')?;
    let (section, key) = match kind {
        "timer" => ("Timer", "Unit"),
        "path" => ("Path", "Unit"),
        "socket" => ("Socket", "Service"),
        _ => return None,
    };
    Some((stem, section, key))
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
