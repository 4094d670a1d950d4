//! Where a gateway and its tools look for programs before the system's own directories. The unit that `hermes gateway
//! install` writes names the same places (`_build_service_path_dirs`, `_build_user_local_paths`, hermes_cli/gateway.py), and a
//! login shell most of them: an MCP server of `uv tool install`, a bridge that needs node.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::gateway::libraries::may_load;

/// The directories that the system's programs are in, on a unit's path or of no use to it.
const SYSTEM: [&str; 9] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/local/games",
    "/usr/games",
    // snapd has every manager search it (snapd-env-generator).
    "/snap/bin",
];

/// Where hermes' executable is in a checkout: up to 0.21, and what install.sh of 0.22 publishes.
const IN_CHECKOUT: [&str; 3] = ["venv/bin", ".venv/bin", ".hermes/bin"];

/// In the order in which they are searched, whether they are there or not: hermes' own, so that what the gateway starts
/// finds the same hermes; those of its checkout and root; those of the account's home directory.
pub(crate) fn own_directories(hermes: &Path, root: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let mut all = Vec::new();
    if let Some(directory) = hermes.parent() {
        all.push(directory.to_owned());
        if IN_CHECKOUT.iter().any(|place| directory.ends_with(place)) {
            let checkout = directory.ancestors().nth(2);
            all.extend(checkout.map(|checkout| checkout.join("node_modules/.bin")));
        }
    }
    all.extend(["node/bin", "node_modules/.bin"].map(|place| root.join(place)));
    if let Some(home) = home {
        let places = [".local/bin", ".cargo/bin", "go/bin", ".npm-global/bin"];
        all.extend(places.map(|place| home.join(place)));
    }
    all
}

/// The search path of a gateway of this account whose unit gives it that one: the directories of [`own_directories`] that
/// are there come first. One that others may write is left out, but for that of hermes itself.
pub(crate) fn search_path(
    hermes: &Path,
    root: &Path,
    home: Option<&Path>,
    uid: u32,
    given: &OsStr,
) -> OsString {
    let known: Vec<PathBuf> = std::env::split_paths(given).collect();
    let mut own = own_directories(hermes, root, home);
    own.retain(|directory| !known.contains(directory));
    own.retain(|directory| {
        hermes.parent() == Some(directory) || (directory.is_dir() && may_load(directory, uid))
    });
    let own = own.iter().map(|directory| directory.as_os_str());
    let all: Vec<&OsStr> = own.chain([given]).collect();
    all.join(OsStr::new(":"))
}

/// Of a search path that a gateway had before: the directories that neither [`own_directories`] nor the system has.
pub(crate) fn beyond(path: &str, own: &[PathBuf]) -> Vec<String> {
    let is_known = |entry: &str| {
        SYSTEM.contains(&entry) || own.iter().any(|directory| directory == Path::new(entry))
    };
    let entries = path.split(':').filter(|entry| entry.starts_with('/'));
    let more = entries.filter(|entry| !is_known(entry.trim_end_matches('/')));
    more.map(str::to_owned).collect()
}

/// A value of PATH that adds these directories to the system's.
pub(crate) fn with_system(directories: &[String]) -> String {
    let system = SYSTEM[..6].iter().map(|entry| (*entry).to_owned());
    let all: Vec<String> = directories.iter().cloned().chain(system).collect();
    all.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hermes_own_unit_names_is_searched_and_only_what_is_more_is_carried() {
        let (root, home) = (Path::new("/home/a/.hermes"), Path::new("/home/a"));
        let hermes = Path::new("/home/a/.hermes/hermes-agent/venv/bin/hermes");
        let own = own_directories(hermes, root, Some(home));
        // Written by `hermes gateway install` of 0.19.0 where all of them are there.
        let plain = "/home/a/.hermes/hermes-agent/venv/bin:/home/a/.hermes/hermes-agent/node_modules/.bin:\
            /home/a/.hermes/node/bin:/home/a/.hermes/node_modules/.bin:/home/a/.local/bin:/home/a/.cargo/bin:\
            /home/a/go/bin:/home/a/.npm-global/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let named: Vec<PathBuf> = plain.split(':').take(own.len()).map(Into::into).collect();
        assert_eq!(own, named);
        assert!(beyond(plain, &own).is_empty());
        let nvm = format!("/home/a/.nvm/versions/node/v22.1.0/bin:{plain}");
        let more = "/home/a/.nvm/versions/node/v22.1.0/bin:\
            /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        assert_eq!(with_system(&beyond(&nvm, &own)), more);
        assert!(beyond("/usr/games:.:bin:/home/a/go/bin/:", &own).is_empty());
    }

    #[test]
    fn what_is_there_comes_first_once_and_nothing_that_others_may_write() {
        use std::os::unix::fs::PermissionsExt as _;
        let disk = tempfile::tempdir().expect("a directory");
        let home = disk.path();
        for place in [".local/bin", "go/bin", ".cargo/bin"] {
            std::fs::create_dir_all(home.join(place)).expect("made");
        }
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(home.join("go/bin"), open).expect("set");
        let known = home.join(".cargo/bin").display().to_string();
        let uid = nix::unistd::geteuid().as_raw();
        let hermes = Path::new("/opt/hermes/bin/hermes");
        let given = format!("/usr/bin:{known}");
        let path = search_path(hermes, Path::new("/none"), Some(home), uid, given.as_ref());
        let local = home.join(".local/bin").display().to_string();
        assert_eq!(
            path.to_string_lossy(),
            format!("/opt/hermes/bin:{local}:{given}")
        );
    }

    #[test]
    fn a_hermes_without_a_checkout_has_no_modules_of_node_beside_it() {
        let at = |hermes: &str| own_directories(Path::new(hermes), Path::new("/r"), None);
        let of_root = ["/r/node/bin", "/r/node_modules/.bin"];
        assert_eq!(at("/usr/bin/hermes")[1..].len(), of_root.len());
        assert_eq!(
            at("/c/.hermes/bin/hermes")[1],
            Path::new("/c/node_modules/.bin")
        );
    }
}
