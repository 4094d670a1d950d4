//! Files that a unit names and that cannot be read.

use crate::host::Host;
use crate::host::read::{Unread, open_regular};
use crate::settings::Settings;
use std::path::PathBuf;

/// A file or directory that a setting names and that cannot be used.
#[derive(Debug, Clone)]
pub(super) struct Unreadable {
    /// What it would be.
    pub(super) what: &'static str,
    /// Where it was set.
    pub(super) set_by: String,
    /// What comes of it.
    pub(super) effect: &'static str,
    /// The file.
    pub(super) path: PathBuf,
    /// Why not.
    pub(super) why: String,
}

pub(super) fn unreadable(
    host: &Host,
    settings: &Settings,
    place: &dyn Fn(&str) -> String,
) -> Vec<Unreadable> {
    const NO_START: &str = "the gateway would not start without it";
    const READ_ONLY: &str = "the gateway could not write there later, either";
    let environment = settings.environment_files.iter().flatten();
    let credentials = settings.credentials.iter().flat_map(|c| c.values());
    let needed = environment
        .map(|path| ("environment file", path, "environment-files"))
        .chain(credentials.map(|path| ("credential", path, "credentials")));
    let files = needed.filter_map(|(what, path, key)| {
        // systemd itself reads them, as root or as the user whose manager it is: as this program runs.
        let why = match open_regular(&host.at(path)) {
            Ok(Some(_)) | Err(Unread::NotRegular("a directory")) => return None,
            Ok(None) => "it does not exist".to_owned(),
            Err(e) => e.to_string(),
        };
        Some((what, path, key, why, NO_START))
    });
    // In an image it may be a file system that is mounted at boot.
    let paths = settings.read_write_paths.iter().flatten();
    let missing = paths.filter(|path| host.live().is_some() && !path.exists());
    let missing = missing.map(|path| {
        let why = "it does not exist".to_owned();
        ("read-write path", path, "read-write-paths", why, READ_ONLY)
    });
    files
        .chain(missing)
        .map(|(what, path, key, why, effect)| Unreadable {
            what,
            set_by: place(key),
            effect,
            path: path.clone(),
            why,
        })
        .collect()
}
