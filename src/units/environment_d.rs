//! What environment.d(5) gives to all units of a user's manager when that starts. Reads only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::host::account::Account;
use crate::units::reader::Reader;
use crate::units::shell::variables::{is_name, variables};
use crate::units::unit_file::words;

/// Where files are looked for beside the account's own, the strongest first; one of a name counts once.
const DIRECTORIES: [&str; 4] = [
    "/etc/environment.d",
    "/run/environment.d",
    "/usr/local/lib/environment.d",
    "/usr/lib/environment.d",
];

/// Bytes of a value that cost as much as a word.
const BYTES: usize = 64;

/// The variables of an account's manager. `is_known` says whether the account itself may read a file: its manager reads no
/// other, and root takes nothing from one that a link of the account's leads to.
pub(super) fn environment_d(
    reader: &Reader,
    account: &Account,
    is_known: impl Fn(&Path) -> bool,
) -> BTreeMap<String, String> {
    let own = account.home.join(".config/environment.d");
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for directory in std::iter::once(own).chain(DIRECTORIES.map(PathBuf::from)) {
        for name in reader.names(&directory) {
            if name.ends_with(".conf") {
                let path = directory.join(&name);
                files.entry(name).or_insert(path);
            }
        }
    }
    let home = account.home.display().to_string();
    let mut found: BTreeMap<String, String> = [
        ("HOME", home),
        ("USER", account.name.clone()),
        ("LOGNAME", account.name.clone()),
        ("XDG_RUNTIME_DIR", format!("/run/user/{}", account.uid)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for path in files.into_values().filter(|path| is_known(path)) {
        let text = reader.text(&path).unwrap_or_default();
        for line in text.lines().map(str::trim_start) {
            let Some((name, value)) = line.split_once('=').filter(|(name, _)| is_name(name)) else {
                continue;
            };
            let value = words(value).join(" ");
            // What nobody set is empty.
            let known = |name: &str| {
                let value = found.get(name).cloned().unwrap_or_default();
                is_name(name).then_some(value)
            };
            let value = variables(&value, &known);
            // Values are made of each other: twice as long with each line.
            if !reader.spend(1 + value.len() / BYTES) {
                return found;
            }
            found.insert(name.to_owned(), value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::rootfs::RootFs;

    #[test]
    fn files_apply_by_their_names_and_the_account_s_hide_the_host_s() {
        let top = tempfile::tempdir().expect("a directory");
        let write = |path: &str, text: &str| {
            let path = top.path().join(path);
            std::fs::create_dir_all(path.parent().expect("above")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        write(
            "etc/environment.d/10-a.conf",
            "ROOT=/srv\nHERMES_HOME=/etc/no\n",
        );
        write("usr/lib/environment.d/50-b.conf", "HERMES_HOME=/usr/no\n");
        write(
            "home/a/.config/environment.d/50-b.conf",
            "# HERMES_HOME=/no\nHERMES_HOME=\"$ROOT/${USER}/${NONE:-x}$NONE\"\nnot a line\n",
        );
        write(
            "home/a/.config/environment.d/90-c.conf",
            "HERMES_HOME=/secret\n",
        );
        write("home/a/.config/environment.d/95-d", "HERMES_HOME=/no\n");
        let account = Account::future("a", Path::new("/home/a"));
        let reader = Reader::new(&RootFs::new(top.path()).expect("a root"));
        let found = |is_known: fn(&Path) -> bool| {
            let found = environment_d(&reader, &account, is_known);
            found.get("HERMES_HOME").cloned()
        };
        let is_known = |path: &Path| !path.ends_with("90-c.conf");
        assert_eq!(found(is_known).as_deref(), Some("/srv/a/x"));
        assert_eq!(found(|_| true).as_deref(), Some("/secret"));
    }
}
