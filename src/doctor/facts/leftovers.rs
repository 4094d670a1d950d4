//! What a gateway leaves in its home when it is killed. Reads only.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::gateway::owner::PID;
use crate::host::Host;

/// How long upstream's markers are meant for the gateway that they name (`_TAKEOVER_MARKER_TTL_S`, gateway/status.py).
pub(crate) const MARKER_LIFE: u64 = 60;

/// Markers of a takeover and of a planned stop.
pub(crate) const MARKERS: [&str; 2] = [".gateway-takeover.json", ".gateway-planned-stop.json"];

/// A file that only a live gateway has.
#[derive(Debug, Clone)]
pub(crate) struct Leftover {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Seconds since it was written.
    pub(crate) age: u64,
}

/// What a gateway leaves in its home when it is killed.
pub(super) fn leftovers(host: &Host, home: &Path) -> Vec<Leftover> {
    let age = |meta: &fs::Metadata| {
        let changed = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        changed.elapsed().map_or(0, |d| d.as_secs())
    };
    let names = [PID].into_iter().chain(MARKERS);
    let there = names.filter_map(|name| {
        let path = home.join(name);
        if host.files.lacks(&path) {
            return None;
        }
        let meta = fs::symlink_metadata(host.real(&path)).ok()?;
        Some(Leftover {
            path,
            age: age(&meta),
        })
    });
    there.collect()
}
