//! The files of a profile home: what a gateway that is gone left, what belongs to others, what everybody reads. Reads
//! only.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::gateway::config::{drain_setting, is_multiplexed};
use crate::gateway::owner::{PID, owner};
use crate::host::Host;
use crate::host::access::is_exposed;
use crate::host::account::account_name;
use crate::profile::root_for;

/// A profile home and its files; all but its name is empty when it does not exist.
#[derive(Debug, Default)]
pub(crate) struct HomeFacts {
    /// The home as units name it.
    pub(crate) home: PathBuf,
    /// The account that it belongs to.
    pub(crate) uid: u32,
    /// Whether a gateway has it now; `None` when that cannot be told, as in an image.
    pub(crate) is_owned: Option<bool>,
    /// The name of that account.
    pub(crate) account: String,
    /// Files that only a live gateway has.
    pub(crate) stale: Vec<Leftover>,
    /// Files of another account than the home's.
    pub(crate) foreign: Vec<ForeignFile>,
    /// Files with secrets that everybody may read.
    pub(crate) exposed: Vec<ExposedFile>,
    /// The gateway's drain in seconds, where its configuration sets it.
    pub(crate) drain: Option<u32>,
    /// Whether the root's gateway serves all profiles.
    pub(crate) is_multiplexed: bool,
    /// The active profile of its root.
    pub(crate) active: Option<String>,
}

/// A file that only a live gateway has.
#[derive(Debug, Clone)]
pub(crate) struct Leftover {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Seconds since it was written.
    pub(crate) age: u64,
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
}

/// A file with secrets that everybody may read.
#[derive(Debug, Clone)]
pub(crate) struct ExposedFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its permission bits.
    pub(crate) mode: u32,
}

/// How long upstream's markers are meant for the gateway that they name (`_TAKEOVER_MARKER_TTL_S`, gateway/status.py).
pub(crate) const MARKER_LIFE: u64 = 60;

/// Markers of a takeover and of a planned stop.
pub(crate) const MARKERS: [&str; 2] = [".gateway-takeover.json", ".gateway-planned-stop.json"];

/// Look at a home.
pub(crate) fn home_facts(host: &Host, home: &Path) -> HomeFacts {
    let real = host.real(home);
    let mut facts = HomeFacts {
        home: home.to_owned(),
        ..HomeFacts::default()
    };
    let Some(meta) = fs::metadata(&real).ok().filter(fs::Metadata::is_dir) else {
        return facts;
    };
    if host.live().is_some() {
        facts.is_owned = owner(&real).ok().map(|owner| owner.is_some());
    }
    let age = |meta: &fs::Metadata| {
        let changed = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        changed.elapsed().map_or(0, |d| d.as_secs())
    };
    let mut names: Vec<&str> = vec![PID];
    names.extend(MARKERS);
    let there = |name: &&str| {
        let path = home.join(name);
        fs::symlink_metadata(host.real(&path))
            .ok()
            .map(|m| Leftover { path, age: age(&m) })
    };
    facts.uid = meta.uid();
    facts.account = account_name(meta.uid());
    facts.stale = names.iter().filter_map(there).collect();
    facts.foreign = fs::read_dir(&real)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let of = entry.metadata().ok()?;
            let mode = of.permissions().mode();
            (of.uid() != meta.uid() && !of.is_symlink()).then(|| ForeignFile {
                path: home.join(entry.file_name()),
                account: account_name(of.uid()),
                is_writable: mode & 0o006 == 0o006,
            })
        })
        .collect();
    facts.foreign.sort();
    let secrets = [".env", "auth.json"].map(|name| home.join(name));
    let exposed = secrets
        .iter()
        .filter(|path| is_exposed(host, path))
        .filter_map(|path| {
            let mode = fs::metadata(host.real(path)).ok()?.permissions().mode() & 0o7777;
            Some(ExposedFile {
                path: path.clone(),
                mode,
            })
        });
    facts.exposed = exposed.collect();
    let root = root_for(Some(home), Path::new("/nonexistent"));
    facts.active = crate::gateway::config::active_profile(&host.files, &root);
    facts.drain = drain_setting(&real);
    facts.is_multiplexed = is_multiplexed(&host.real(&root));
    facts
}
