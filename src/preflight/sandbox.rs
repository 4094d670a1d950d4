//! What the sandbox of a unit has to leave open for a gateway. Reads only.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::host::account::Account;
use crate::host::read;
use crate::layout::hidden_by_protect_home;

/// What hermes' updates and its locks write outside its root: its own virtual environment where the account owns it
/// (it installs what a platform needs at first use), and the account's home (`~/.local/state/hermes/gateway-locks`).
pub(super) fn writable(host: &Host, account: &Account, root: &Path, hermes: &Path) -> Vec<PathBuf> {
    let real = host.files.real(hermes);
    let venv = real
        .parent()
        .and_then(Path::parent)
        .filter(|dir| host.exists(&dir.join("pyvenv.cfg")))
        .map(Path::to_owned);
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in venv.into_iter().chain([account.home.clone()]) {
        let is_covered = path.starts_with(root) || paths.iter().any(|p| path.starts_with(p));
        let is_own = |m: Metadata| m.is_dir() && m.uid() == account.uid;
        let may_be = account.exists && !is_covered && path != Path::new("/");
        if may_be && host.metadata(&path).is_ok_and(is_own) {
            paths.push(path);
        }
    }
    paths
}

/// Where links lead out of a hermes root.
#[derive(Debug)]
pub(super) struct Leads {
    /// The directory that was looked at, where the way to it is one.
    itself: Option<PathBuf>,
    /// What lies in it.
    inside: Vec<PathBuf>,
}

/// Where a directory of a hermes root, or that root, leads out of it, and what lies in the directory.
pub(super) fn leads(host: &Host, account: &Account, root: &Path, directory: &Path) -> Leads {
    let own = host.files.real(root);
    let is_own = |m: Metadata| m.is_dir() && m.uid() == account.uid;
    let out = |path: &Path| {
        let real = host.files.real(path);
        let leads_out = real != path && (path == root || !real.starts_with(&own));
        (account.exists && leads_out && host.metadata(&real).is_ok_and(is_own)).then_some(real)
    };
    let links = host.files.links(directory).unwrap_or_default().into_iter();
    Leads {
        itself: out(directory),
        inside: links
            .filter_map(|name| out(&directory.join(name)))
            .collect(),
    }
}

/// All of a root and of a profile home in it. systemd drops a `ReadWritePaths=` that another one contains before it follows
/// links, so that targets have to be named.
pub(super) fn linked(root: &Leads, home: Option<&Leads>) -> Vec<PathBuf> {
    let both = || [Some(root), home].into_iter().flatten();
    let mut found: Vec<PathBuf> = Vec::new();
    for real in both()
        .flat_map(|l| &l.itself)
        .chain(both().flat_map(|l| &l.inside))
    {
        if !found.iter().any(|outer| real.starts_with(outer)) {
            found.push(real.clone());
        }
    }
    found
}

/// Those of these paths that are on another file system than `/`.
pub(super) fn mounts(host: &Host, paths: &[&Path]) -> Vec<PathBuf> {
    let device = |path: &Path| host.metadata(path).ok().map(|m| m.dev());
    let top = device(Path::new("/"));
    let mut found: Vec<PathBuf> = Vec::new();
    for path in paths {
        let is_other = host.live().is_some() && device(path).is_some_and(|d| Some(d) != top);
        if is_other && !found.iter().any(|p| p == path) {
            found.push((*path).to_owned());
        }
    }
    found
}

/// The interpreter that a script names, links followed: uv keeps Python under the home directory.
pub(super) fn interpreter(host: &Host, hermes: &Path) -> PathBuf {
    let text = host.files.read_script(hermes, read::JSON);
    let text = text.ok().flatten().unwrap_or_default();
    let line = text.lines().next().and_then(|line| line.strip_prefix("#!"));
    let program = line
        .and_then(|l| l.split_whitespace().next())
        .unwrap_or_default();
    host.files.real(Path::new(program))
}

/// Whether `ProtectHome=yes` would hide this path.
pub(super) fn is_private(host: &Host, path: &Path) -> bool {
    hidden_by_protect_home(path) || hidden_by_protect_home(&host.files.real(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_to_root_and_home_come_first_and_nothing_is_named_that_another_place_contains() {
        let leads = |itself: Option<&str>, inside: &[&str]| Leads {
            itself: itself.map(PathBuf::from),
            inside: inside.iter().map(PathBuf::from).collect(),
        };
        let root = leads(Some("/data/root"), &["/data/root/x", "/srv/skills"]);
        let home = leads(Some("/disk/coder"), &["/srv/skills/own", "/srv/notes"]);
        let found = |home: Option<&Leads>| -> Vec<String> {
            let found = linked(&root, home).into_iter();
            found.map(|path| path.display().to_string()).collect()
        };
        assert_eq!(found(None), ["/data/root", "/srv/skills"]);
        assert_eq!(
            found(Some(&home)),
            ["/data/root", "/disk/coder", "/srv/skills", "/srv/notes"]
        );
    }
}
