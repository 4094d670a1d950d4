//! The files of a profile home: what a gateway that is gone left, what belongs to others, what everybody reads. Reads
//! only.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::home_gateway::{Mute, Outdated, mute, other_server, outdated};
use super::leftovers::{Leftover, leftovers};
use super::roots::Roots;
use crate::deploy::rights::is_no_secret;
use crate::gateway::config::Configuration;
use crate::gateway::env_file::{ENV, is_assignments};
use crate::gateway::gone::{Gone, gone, is_gone};
use crate::gateway::owner::{Hold, PID, holder};
use crate::gateway::running::GATEWAY_LOCK;
use crate::gateway::state::STATE;
use crate::gateway::tokens::{TokenDigest, bot_tokens};
use crate::host::Host;
use crate::host::access::is_exposed;
use crate::host::cgroup::UnitRef;
use crate::host::process::shell_quote;
use crate::host::process_text::{as_account, name, stop_command, stopped};
use crate::host::read::TEXT;
use crate::launcher::lock::RECORD_LOCK;
use crate::profile::ProfileName;

/// Profile homes in the order of their paths.
#[derive(Debug, Default)]
pub(crate) struct Homes {
    all: Vec<HomeFacts>,
    /// Where in the list each is: rules ask for that of every unit.
    places: HashMap<PathBuf, usize>,
}

impl Homes {
    /// All of a host, in any order.
    pub(crate) fn new(mut all: Vec<HomeFacts>) -> Self {
        all.sort_by(|a, b| a.home.cmp(&b.home));
        let places = all.iter().enumerate();
        let places = places.map(|(at, known)| (known.home.clone(), at));
        Self {
            places: places.collect(),
            all,
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &HomeFacts> {
        self.all.iter()
    }

    /// The one of this name.
    pub(crate) fn get(&self, home: &Path) -> Option<&HomeFacts> {
        self.places.get(home).map(|at| &self.all[*at])
    }
}

/// A profile home and its files; all but its name is empty when it does not exist.
#[derive(Debug, Default)]
pub(crate) struct HomeFacts {
    /// The home as units name it.
    pub(crate) home: PathBuf,
    /// What became of its profile, where that is gone.
    pub(crate) gone: Option<Gone>,
    /// The account that it belongs to.
    pub(crate) uid: u32,
    /// Whether a gateway has it now; `None` when that cannot be told, as in an image.
    pub(crate) is_owned: Option<bool>,
    /// The name of that account.
    pub(crate) account: String,
    /// Whether it is another account's than the one that looks, which can turn each path in it elsewhere.
    pub(crate) is_anothers: bool,
    /// Whether its owner or root named it and it looks like a home: only then its files are looked at. Anybody can name any
    /// directory.
    pub(crate) is_vouched: bool,
    /// Files that only a live gateway has.
    pub(crate) stale: Vec<Leftover>,
    /// Files of another account than the home's.
    pub(crate) foreign: Vec<ForeignFile>,
    /// Files with secrets that everybody may read.
    pub(crate) exposed: Vec<ExposedFile>,
    /// The gateway's drain in seconds, where its configuration sets it.
    pub(crate) drain: Option<u32>,
    /// Whether the root's gateway serves this profile by its configuration.
    pub(crate) is_multiplexed: bool,
    /// For a home with a live gateway of its own: another live gateway that serves its profile, too.
    pub(crate) also_served_by: Option<String>,
    /// For a home with a live gateway whose hermes changed on disk after it had started.
    pub(crate) outdated: Option<Outdated>,
    /// For a home whose lock is held by a process that its files do not name, as in a container.
    pub(crate) holder: Option<Holder>,
    /// For a home with a live gateway that does not go on: who, why, and what lets it.
    pub(crate) halted: Option<(String, &'static str, String)>,
    /// For a home with a live gateway that has no adapter for some platform.
    pub(crate) mute: Option<Mute>,
    /// The active profile of its root.
    pub(crate) active: Option<String>,
    /// What makes its bots the ones that they are, by variable.
    pub(crate) tokens: BTreeMap<&'static str, TokenDigest>,
}

/// A process that holds the lock of a home.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    /// Who it is, as a sentence names it.
    pub(crate) who: String,
    /// What ends it.
    pub(crate) stop: String,
    /// The unit that runs it.
    pub(crate) unit: Option<UnitRef>,
}

/// A file in a home that belongs to another account than the home.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ForeignFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The name of the account that it belongs to.
    pub(crate) account: String,
    /// Whether everybody may read and write it.
    pub(crate) is_writable: bool,
    /// Whether nobody but its owner may read it.
    pub(crate) is_closed: bool,
    /// Whether a gateway makes files of this name, and its contents are nobody's secret: then it may be given back. One
    /// that only its owner can read may have been moved here from anywhere.
    pub(crate) is_gateways: bool,
    /// Whether all of it is here by the doing of its owner: a directory that no other account may write, and so neither move
    /// nor fill (rename(2), EACCES), or the file of variables that an admin writes here.
    pub(crate) is_placed: bool,
}

/// Names of files and directories that a gateway makes in its home and cannot work with when they are another's.
const OWN_NAMES: [&str; 7] = [
    GATEWAY_LOCK,
    PID,
    STATE,
    RECORD_LOCK,
    "gateway-starts.log",
    "logs",
    "sessions",
];

fn is_own_name(name: &str) -> bool {
    let databases = [".db", ".db-wal", ".db-shm", ".db-journal"];
    OWN_NAMES.contains(&name) || databases.iter().any(|end| name.ends_with(end))
}

/// A file with secrets that everybody may read.
#[derive(Debug, Clone)]
pub(crate) struct ExposedFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its permission bits.
    pub(crate) mode: u32,
}

/// What hermes places in a home before anything else (`ensure_hermes_home` of hermes_cli/config.py).
const PERSONA: &str = "SOUL.md";

impl HomeFacts {
    /// What a person types to have something done to files of this home: as its account, where that is another.
    pub(crate) fn typed(&self, argv: &[String]) -> String {
        match self.is_anothers {
            true => as_account(&self.account, &shell_quote(argv)),
            false => shell_quote(argv),
        }
    }
}

fn gone_profile(host: &Host, home: &Path) -> Option<Gone> {
    let (profile, root) = ProfileName::from_home(home)?;
    // An image need not hold data.
    let is_gone = host.live().is_some() && is_gone(host, home);
    is_gone.then(|| gone(&host.real(root), &profile))
}

/// Look at a home; `is_named` says whether its owner or root names it.
pub(super) fn home_facts(host: &Host, roots: &mut Roots, home: &Path, is_named: bool) -> HomeFacts {
    let real = host.real(home);
    let mut facts = HomeFacts {
        home: home.to_owned(),
        gone: gone_profile(host, home),
        ..HomeFacts::default()
    };
    let Some(meta) = host.metadata(home).ok().filter(fs::Metadata::is_dir) else {
        return facts;
    };
    if host.live().is_some() {
        facts.read_owner(roots, &real);
    }
    facts.uid = meta.uid();
    facts.account = host.account_name(meta.uid());
    facts.is_anothers = host.live().is_some() && meta.uid() != host.own.uid;
    // Most profiles of a fleet have neither file, and where their home was listed, nobody is asked.
    let is_there = |name: &str| {
        !host.files.lacks(&home.join(name)) && real.join(name).symlink_metadata().is_ok()
    };
    let has_config = is_there(Configuration::FILE);
    // A first start that failed leaves the last one alone.
    facts.is_vouched = is_named && (has_config || is_there(STATE) || is_there(PERSONA));
    let config = has_config.then(|| Configuration::look(&host.files, home));
    let config = config.unwrap_or_default();
    facts.drain = config.drain();
    let root = roots.of(home);
    facts.active.clone_from(&root.active);
    facts.is_multiplexed = root.is_multiplexed && !config.is_standalone();
    if !facts.is_vouched {
        return facts;
    }
    facts.stale = leftovers(host, home);
    let env = home.join(ENV);
    let text = (!host.files.lacks(&env))
        .then(|| host.files.read_text(&env, TEXT).ok().flatten())
        .flatten();
    let is_of_variables = || text.as_deref().is_some_and(is_assignments);
    facts.foreign = fs::read_dir(&real)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let of = entry.metadata().ok()?;
            let mode = of.permissions().mode();
            (of.uid() != meta.uid() && !of.is_symlink()).then(|| ForeignFile {
                path: home.join(entry.file_name()),
                account: host.account_name(of.uid()),
                is_writable: mode & 0o006 == 0o006,
                is_closed: mode & 0o044 == 0,
                is_gateways: is_no_secret(&of, meta.gid())
                    && entry.file_name().to_str().is_some_and(is_own_name),
                is_placed: (of.is_dir() && mode & 0o022 == 0)
                    || (entry.file_name() == ENV && is_of_variables()),
            })
        })
        .collect();
    facts.foreign.sort();
    facts.tokens = text.map(|text| bot_tokens(&text)).unwrap_or_default();
    let secrets = [ENV, "auth.json"].map(|name| home.join(name));
    let exposed = secrets.into_iter();
    facts.exposed = exposed
        .filter_map(|path| exposed_file(host, path, meta.uid()))
        .collect();
    facts
}

impl HomeFacts {
    /// Ask the kernel for the gateway that has this home, and that gateway for what it is.
    fn read_owner(&mut self, roots: &mut Roots, real: &Path) {
        let found = roots.owners.of(real);
        self.is_owned = found.as_ref().ok().map(Option::is_some);
        let Some(owner) = found.ok().flatten().filter(|o| o.hold == Hold::Has) else {
            return;
        };
        if owner.process.is_none() {
            self.holder = holder(real).map(|process| Holder {
                who: name(&process),
                stop: stop_command(&process),
                unit: process.unit(),
            });
        }
        if let Some(process) = owner.process {
            self.also_served_by = other_server(roots, &self.home, &process);
            self.outdated = outdated(&process);
            self.halted = stopped(&process).map(|(what, go_on)| (name(&process), what, go_on));
            self.mute = mute(real, &process);
        }
    }
}

/// A file with secrets that everybody may read, and that is this account's to close.
fn exposed_file(host: &Host, path: PathBuf, uid: u32) -> Option<ExposedFile> {
    if !is_exposed(host, &path) {
        return None;
    }
    // A link, or a second name, is a file of somewhere else.
    let of = fs::symlink_metadata(host.real(&path)).ok()?;
    let is_own = of.is_file() && of.nlink() == 1 && of.uid() == uid;
    is_own.then(|| ExposedFile {
        path,
        mode: of.permissions().mode() & 0o7777,
    })
}
