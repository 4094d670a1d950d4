//! Files that a unit names and that cannot be read, or not for this account.

use crate::host::Host;
use crate::host::account::Account;
use crate::host::read::{Unread, open_regular};
use crate::host::trust::other_than_root;
use crate::layout::Scope;
use crate::settings::Settings;
use std::path::{Path, PathBuf};

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
    /// What a person does about it, or else takes the setting back.
    pub(super) way_out: &'static str,
}

pub(super) fn unreadable(
    host: &Host,
    settings: &Settings,
    account: &Account,
    place: &dyn Fn(&str) -> String,
) -> Vec<Unreadable> {
    const NO_START: &str = "the gateway would not start without it";
    const AS_ROOT: &str = "systemd reads it as root, and would hand over any file of root's that a link there leads to";
    const CREATE: &str = "create it";
    const MOVE: &str = "keep it where root alone writes, as in /etc/hermes-install";
    const READ_ONLY: &str = "the gateway could not write there later, either";
    let files = settings.read_by_systemd().filter_map(|(what, key, path)| {
        // systemd itself reads them, as root or as the user whose manager it is: as this program runs.
        let (why, effect, way_out) = match open_regular(&host.real(path)) {
            Ok(Some(_)) | Err(Unread::NotRegular("a directory")) => {
                (writer(host, account, path)?, AS_ROOT, MOVE)
            }
            Ok(None) => ("it does not exist".to_owned(), NO_START, CREATE),
            Err(e) => (e.to_string(), NO_START, CREATE),
        };
        Some((what, path, key, why, effect, way_out))
    });
    // In an image it may be a file system that is mounted at boot.
    let paths = settings.read_write_paths.iter().flatten();
    let missing = paths.filter(|path| host.live().is_some() && !path.exists());
    let missing = missing.map(|path| {
        let why = "it does not exist".to_owned();
        let key = "read-write-paths";
        ("read-write path", path, key, why, READ_ONLY, CREATE)
    });
    files
        .chain(missing)
        .map(|(what, path, key, why, effect, way_out)| Unreadable {
            what,
            set_by: place(key),
            effect,
            path: path.clone(),
            why,
            way_out,
        })
        .collect()
}

/// Who beside root could put another file there, where the system's manager reads it for somebody else.
fn writer(host: &Host, account: &Account, path: &Path) -> Option<String> {
    if host.live().is_none() || host.scope != Scope::System || account.uid == 0 {
        return None;
    }
    match other_than_root(path) {
        Ok(found) => found.map(|found| found.to_string()),
        Err(e) => Some(e.to_string()),
    }
}
