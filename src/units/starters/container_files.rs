//! Files of containers that have a profile home of this host in them: compose files and quadlets. What runs inside works on
//! that home, whatever it is called there. Reads only.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::host::account::Account;
use crate::host::process::shell_quote;
use crate::output::printable;
use crate::units::exec_line::gateway_call::is_image;
use crate::units::secret::words_without_secrets;
use crate::units::shell::variables::variables;
use crate::units::starters::starter::Starter;
use crate::units::starters::{Look, MOST_FOUND, variable};

/// The names of compose files, the first that is there counts (docker-compose(1)).
const COMPOSE: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];
/// How many directories beside each other are looked at.
const MOST: usize = 500;
/// How many lines of a file are looked at.
const MOST_LINES: usize = 2000;

impl Look {
    pub(super) fn containers(&mut self, host: &Host) {
        let mut tops = vec![PathBuf::from("/srv"), PathBuf::from("/opt")];
        let homes = self.accounts.values().map(|a| a.home.clone());
        tops.extend(homes.filter(|home| home != Path::new("/")));
        tops.sort();
        tops.dedup();
        for top in tops {
            let names = self.reader.names(&top);
            let directories = names.iter().take(MOST).map(|name| top.join(name));
            for directory in directories.chain([top.clone()]) {
                let mut files = COMPOSE.iter().map(|name| directory.join(name));
                let is_there = |file: &PathBuf| !self.reader.lacks(file) && host.is_file(file);
                if let Some(file) = files.find(is_there) {
                    let way_out = self.down(host, &file);
                    let mut of = self.accounts.values();
                    let of = of.find(|a| a.home != Path::new("/") && file.starts_with(&a.home));
                    let home = of.map_or("/root".into(), |account| account.home.clone());
                    self.volumes(host, &file, &home, &way_out);
                }
            }
        }
        for directory in ["/etc/containers/systemd", "/usr/share/containers/systemd"] {
            self.quadlets(host, Path::new(directory), None);
        }
        for account in self.accounts.clone().into_values() {
            let directory = account.home.join(".config/containers/systemd");
            self.quadlets(host, &directory, Some(&account));
        }
    }

    /// The containers of a manager: the system's, or an account's.
    fn quadlets(&mut self, host: &Host, directory: &Path, of: Option<&Account>) {
        for name in self.reader.names(directory) {
            let stem = name.strip_suffix(".container");
            let Some(stem) = stem.filter(|stem| !stem.starts_with('-')) else {
                continue;
            };
            let file = directory.join(&name);
            let unit = format!("{stem}.service");
            let machine = of.map(|account| format!("{}@", account.name));
            let stop = match (of, &machine) {
                (None, _) => shell_quote(&["systemctl", "stop", &unit]),
                (Some(account), Some(machine)) if account.uid != host.own.uid => {
                    shell_quote(&["systemctl", "--user", "-M", machine, "stop", &unit])
                }
                _ => shell_quote(&["systemctl", "--user", "stop", &unit]),
            };
            let moved = shell_quote(&[file.display().to_string()]);
            let way_out = format!("{stop}, then move {moved} away");
            let home = of.map_or(Path::new("/root"), |account| &account.home);
            self.volumes(host, &file, home, &way_out);
        }
    }

    /// How the containers of a compose file are ended. Root runs none of another account's: it may name programs.
    fn down(&self, host: &Host, file: &Path) -> String {
        let path = file.display().to_string();
        let meta = host.metadata(file);
        let owner = meta.map_or(u32::MAX, |meta| meta.uid());
        let of = self.accounts.values();
        let mut of = of.filter(|a| a.home != Path::new("/") && file.starts_with(&a.home));
        match of.find(|account| account.uid != 0 && account.uid != host.own.uid) {
            Some(account) => format!("have `{}` end it: {}", account.name, shell_quote(&[path])),
            None if owner == 0 || owner == host.own.uid => {
                shell_quote(&["docker", "compose", "-f", &path, "down"])
            }
            None => format!("have its owner end it: {}", shell_quote(&[path])),
        }
    }

    /// The homes that a file of somebody's hermes container takes from the host; `home` is that account's directory.
    fn volumes(&mut self, host: &Host, file: &Path, home: &Path, way_out: &str) {
        let text = self.reader.text(file).unwrap_or_default();
        let lines = || {
            text.lines()
                .filter(|line| !line.trim_start().starts_with('#'))
        };
        // Where no command is named, the image's own runs, which may be a gateway.
        let is_command = |line: &str| {
            let key = line
                .trim_start()
                .split([':', '='])
                .next()
                .unwrap_or_default();
            matches!(key, "command" | "entrypoint" | "Exec" | "Entrypoint")
        };
        let is_bare = || lines().any(is_image_of_hermes) && !lines().any(is_command);
        let says = |word: &str| lines().any(|line| line.contains(word));
        if !says("hermes") || !(says("gateway") || is_bare()) {
            return;
        }
        let beside = file.parent().map(|directory| directory.join(".env"));
        let told = beside
            .and_then(|path| self.reader.text(&path))
            .unwrap_or_default();
        let told: BTreeMap<String, String> = told.lines().filter_map(variable).collect();
        let before = self.found.len();
        for (at, line) in text.lines().enumerate().take(MOST_LINES) {
            let words = line.split(|c: char| c.is_whitespace() || "\"'[],=".contains(c));
            let bound = words.filter_map(|word| word.split_once(":/").map(|(host, _)| host));
            // A bind mount written out.
            let key = line.trim().trim_start_matches("- ").split_once(':');
            let source = key.filter(|(key, _)| *key == "source");
            let source = source.map(|(_, path)| path.trim().trim_matches(['"', '\'']));
            let bound = bound.chain(source);
            let homes = bound.filter_map(|path| on_host(path, file, home, &told));
            let looks_like_one = |home: &PathBuf| {
                home.ends_with(".hermes") || host.is_file(&home.join("config.yaml"))
            };
            for home in homes.take(MOST_FOUND).filter(looks_like_one) {
                if self.found.len() - before >= MOST_FOUND {
                    return;
                }
                // A second container of the same file has the same way out.
                let is_known = |starter: &Starter| starter.home.as_ref() == Some(&home);
                if self.found[before..].iter().any(is_known) {
                    continue;
                }
                self.found.push(Starter {
                    file: file.to_owned(),
                    line: at + 1,
                    text: printable(&words_without_secrets(line.trim())),
                    account: None,
                    home: Some(home),
                    replaces: false,
                    is_container: true,
                    way_out: way_out.to_owned(),
                });
            }
        }
    }
}

/// The directory of this host that a volume names: an absolute one, one of the account, or one beside the file.
fn on_host(
    path: &str,
    file: &Path,
    home: &Path,
    told: &BTreeMap<String, String>,
) -> Option<PathBuf> {
    let path = &*variables(path, &|name| match name {
        "PWD" => Some(file.parent()?.display().to_string()),
        name => told.get(name).cloned(),
    });
    let of_account = ["%h/", "~/", "$HOME/", "${HOME}/"];
    let below = of_account.iter().find_map(|start| path.strip_prefix(start));
    match (below, path.strip_prefix("./")) {
        (Some(below), _) => Some(home.join(below)),
        (_, Some(beside)) => Some(file.parent()?.join(beside)),
        _ => path.starts_with('/').then(|| PathBuf::from(path)),
    }
}

/// Whether a line names an image of hermes.
fn is_image_of_hermes(line: &str) -> bool {
    let (key, image) = line.split_once([':', '=']).unwrap_or_default();
    let image = image.trim().trim_matches(['"', '\'']);
    matches!(key.trim(), "image" | "Image") && is_image(image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::account::Account;
    use crate::layout::Scope;
    use crate::units::starters::starters;

    #[test]
    fn what_root_types_against_a_compose_file_is_one_word_and_never_another_account_s_file() {
        let top = tempfile::tempdir().expect("a directory");
        let passwd = "root:x:0:0::/root:/bin/sh\nmallory:x:64123:64123::/home/mallory:/bin/sh\n";
        let compose = "command: hermes gateway run\nvolumes: ['/srv/.hermes:/data']\n";
        for (path, text) in [
            ("etc/passwd", passwd),
            ("srv/a b;touch x/compose.yaml", compose),
            ("home/mallory/$(id)/compose.yaml", compose),
        ] {
            let path = top.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        let mut host = Host::observer(Scope::System, Some(top.path())).expect("an image");
        let told = |host: &Host| -> Vec<String> {
            let found = starters(host).into_iter();
            found.map(|starter| starter.way_out).collect()
        };
        // The file is of whoever runs this test.
        let own = told(&host);
        let quoted = "docker compose -f '/srv/a b;touch x/compose.yaml' down".to_owned();
        assert!(own.contains(&quoted), "{own:?}");
        host.own = Account::root();
        let all = told(&host);
        let hers = "have `mallory` end it: '/home/mallory/$(id)/compose.yaml'".to_owned();
        assert!(all.contains(&hers), "{all:?}");
    }
}
