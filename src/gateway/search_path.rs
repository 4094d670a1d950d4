//! Where a gateway and its tools look for programs before the system's own directories. The unit that `hermes gateway
//! install` writes names the same places (`_build_service_path_dirs`, `_build_user_local_paths`, hermes_cli/gateway.py), and a
//! login shell most of them: an MCP server of `uv tool install`, a bridge that needs node.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::gateway::libraries::may_load;

/// The directories that the system's programs are in; systemd finds programs there, too (systemd.exec(5), ExecSearchPath=).
pub(crate) const SYSTEM: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// On a unit's path anyway, or of no use to it. snapd has every manager search its own (snapd-env-generator).
const OF_NO_CONCERN: [&str; 3] = ["/usr/local/games", "/usr/games", "/snap/bin"];

/// Where hermes' executable is in a checkout: up to 0.21, and what install.sh of 0.22 publishes.
const IN_CHECKOUT: [&str; 3] = ["venv/bin", ".venv/bin", ".hermes/bin"];

/// Whose gateway it is, as far as its programs depend on that.
pub(crate) struct Owner<'a> {
    /// The hermes executable.
    pub(crate) hermes: &'a Path,
    /// The hermes root.
    pub(crate) root: &'a Path,
    /// The profile home.
    pub(crate) home: &'a Path,
    /// The home directory of its account.
    pub(crate) user_home: Option<&'a Path>,
}

impl Owner<'_> {
    /// In the order in which they are searched, whether they are there or not: hermes' own, so that what the gateway starts
    /// finds the same hermes; those of its checkout, profile and root; those of the account's home directory.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        if let Some(directory) = self.hermes.parent() {
            all.push(directory.to_owned());
            if IN_CHECKOUT.iter().any(|place| directory.ends_with(place)) {
                let checkout = directory.ancestors().nth(2);
                all.extend(checkout.map(|checkout| checkout.join("node_modules/.bin")));
            }
        }
        let named = Some(self.home).filter(|home| *home != self.root);
        for home in named.into_iter().chain([self.root]) {
            all.extend(["node/bin", "node_modules/.bin"].map(|place| home.join(place)));
        }
        if let Some(home) = self.user_home {
            let places = [".local/bin", ".cargo/bin", "go/bin", ".npm-global/bin"];
            all.extend(places.map(|place| home.join(place)));
        }
        all
    }

    /// The search path of such a gateway whose unit gives it that one: its directories that are there come first. One that
    /// everybody may write is left out, but for that of hermes itself.
    pub(crate) fn search_path(&self, uid: u32, given: &OsStr) -> OsString {
        let known: Vec<PathBuf> = std::env::split_paths(given).collect();
        let mut own = self.directories();
        own.retain(|directory| !known.contains(directory) && !holds_colon(directory));
        own.retain(|directory| {
            self.hermes.parent() == Some(directory)
                || (directory.is_dir() && may_load(directory, uid))
        });
        let own = own.iter().map(|directory| directory.as_os_str());
        let given = Some(given).filter(|given| !given.is_empty());
        let all: Vec<&OsStr> = own.chain(given).collect();
        all.join(OsStr::new(":"))
    }

    /// Of a search path that a gateway had before: the directories that neither it nor the system has, each once.
    pub(crate) fn more(&self, path: &str) -> Vec<String> {
        let mut more = self.without_own(path);
        let is_known = |entry: &str| SYSTEM.contains(&entry) || OF_NO_CONCERN.contains(&entry);
        more.retain(|entry| !is_known(entry));
        more
    }

    /// The value of PATH for which a gateway has all of this path again, with the system's directories behind.
    pub(crate) fn value(&self, path: &str) -> String {
        let mut all = self.without_own(path);
        for entry in SYSTEM {
            if !all.iter().any(|there| there == entry) {
                all.push(entry.to_owned());
            }
        }
        all.join(":")
    }

    fn without_own(&self, path: &str) -> Vec<String> {
        let own = self.directories();
        let mut all: Vec<String> = Vec::new();
        for entry in path.split(':').filter(|entry| entry.starts_with('/')) {
            let entry = match entry.trim_end_matches('/') {
                "" => continue,
                entry => entry.to_owned(),
            };
            if !all.contains(&entry) && !own.iter().any(|own| own == Path::new(&entry)) {
                all.push(entry);
            }
        }
        all
    }
}

fn holds_colon(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().contains(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_a<'a>(hermes: &'a str, root: &'a str) -> Owner<'a> {
        Owner {
            hermes: Path::new(hermes),
            root: Path::new(root),
            home: Path::new(root),
            user_home: Some(Path::new("/home/a")),
        }
    }

    #[test]
    fn what_hermes_own_unit_names_is_searched_and_only_what_is_more_is_carried() {
        let hermes = "/home/a/.hermes/hermes-agent/venv/bin/hermes";
        let owner = of_a(hermes, "/home/a/.hermes");
        // Written by `hermes gateway install` of 0.19.0 where all of them are there.
        let plain = "/home/a/.hermes/hermes-agent/venv/bin:/home/a/.hermes/hermes-agent/node_modules/.bin:\
            /home/a/.hermes/node/bin:/home/a/.hermes/node_modules/.bin:/home/a/.local/bin:/home/a/.cargo/bin:\
            /home/a/go/bin:/home/a/.npm-global/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let own = owner.directories();
        let named: Vec<PathBuf> = plain.split(':').take(own.len()).map(Into::into).collect();
        assert_eq!(own, named);
        assert!(owner.more(plain).is_empty());
        let nvm = "/home/a/.nvm/versions/node/v22.1.0/bin";
        let path = format!("{nvm}:{plain}:/snap/bin:{nvm}/");
        assert_eq!(owner.more(&path), [nvm]);
        let system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        assert_eq!(owner.value(&path), format!("{nvm}:{system}:/snap/bin"));
        assert_eq!(owner.value("/x"), format!("/x:{system}"));
        assert!(owner.more("/usr/games:.:bin::/:/home/a/go/bin/").is_empty());
    }

    #[test]
    fn what_is_there_comes_first_once_and_nothing_that_everybody_may_write() {
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
        let owner = Owner {
            user_home: Some(home),
            ..of_a("/opt/hermes/bin/hermes", "/none")
        };
        let given = format!("/usr/bin:{known}");
        let path = owner.search_path(uid, given.as_ref());
        let local = home.join(".local/bin").display().to_string();
        let first = format!("/opt/hermes/bin:{local}");
        assert_eq!(path.to_string_lossy(), format!("{first}:{given}"));
        let path = owner.search_path(uid, "".as_ref());
        assert_eq!(
            path.to_string_lossy(),
            format!("{first}:{known}"),
            "no working directory"
        );
    }

    #[test]
    fn a_hermes_without_a_checkout_has_no_modules_of_node_beside_it() {
        let at = |hermes: &str| of_a(hermes, "/r").directories();
        assert_eq!(at("/usr/bin/hermes")[1], Path::new("/r/node/bin"));
        assert_eq!(
            at("/c/.hermes/bin/hermes")[1],
            Path::new("/c/node_modules/.bin")
        );
    }
}
