//! Accounts: of this host through NSS, of an image from its passwd file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::unistd::{Group, Uid, User};

use crate::host::read::{UNIT, text};
use crate::host::rootfs::RootFs;

/// An account, or what an account will be once it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// User name.
    pub(crate) name: String,
    /// Name of its main group.
    pub(crate) group: String,
    /// User ID.
    pub(crate) uid: u32,
    /// ID of its main group.
    pub(crate) gid: u32,
    /// Home directory.
    pub(crate) home: PathBuf,
    /// Whether it exists already.
    pub(crate) exists: bool,
}

impl Account {
    /// The account that runs this program.
    pub(crate) fn own() -> Result<Self> {
        let uid = Uid::effective();
        let user = User::from_uid(uid)?.with_context(|| {
            format!("user ID {uid} has no account; run as an account that /etc/passwd knows")
        })?;
        Ok(Self::of(user))
    }

    /// An account of this host, or of the image at `root`; `None` when there is no such account.
    pub(crate) fn find(name: &str, root: &Path) -> Result<Option<Self>> {
        if root == Path::new("/") {
            let user = User::from_name(name)
                .with_context(|| format!("account `{name}` cannot be looked up"))?;
            return Ok(user.map(Self::of));
        }
        Ok(of_image(root).into_iter().find(|a| a.name == name))
    }

    /// The account of this number.
    pub(crate) fn find_number(uid: u32, root: &Path) -> Result<Option<Self>> {
        if root == Path::new("/") {
            let user = User::from_uid(uid.into())
                .with_context(|| format!("user ID {uid} cannot be looked up"))?;
            return Ok(user.map(Self::of));
        }
        Ok(of_image(root).into_iter().find(|a| a.uid == uid))
    }

    /// An account that is to be made; until then the unprivileged `nobody` (systemd's UID 65534) stands for it.
    pub(crate) fn future(name: &str, home: &Path) -> Self {
        Self {
            name: name.to_owned(),
            group: name.to_owned(),
            uid: 65534,
            gid: 65534,
            home: home.to_owned(),
            exists: false,
        }
    }

    /// The account of the system's manager.
    pub(crate) fn root() -> Self {
        Self {
            name: "root".to_owned(),
            group: "root".to_owned(),
            uid: 0,
            gid: 0,
            home: PathBuf::from("/root"),
            exists: true,
        }
    }

    fn of(user: User) -> Self {
        let group = Group::from_gid(user.gid).ok().flatten();
        Self {
            group: group.map_or_else(|| user.gid.to_string(), |g| g.name),
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
            exists: true,
        }
    }
}

/// The accounts of an image's passwd file. The first of a name counts, as for NSS.
#[derive(Debug)]
pub(super) struct Passwd {
    /// In the order of the file.
    accounts: Vec<Account>,
    by_name: BTreeMap<String, usize>,
}

impl Passwd {
    /// Of the image at `root`.
    pub(super) fn read(root: &Path) -> Self {
        let accounts = of_image(root);
        let mut by_name = BTreeMap::new();
        for (at, account) in accounts.iter().enumerate() {
            by_name.entry(account.name.clone()).or_insert(at);
        }
        Self { accounts, by_name }
    }

    /// The account of a name.
    pub(super) fn named(&self, name: &str) -> Option<&Account> {
        self.by_name.get(name).map(|at| &self.accounts[*at])
    }

    /// The account of a number.
    pub(super) fn numbered(&self, uid: u32) -> Option<&Account> {
        self.accounts.iter().find(|a| a.uid == uid)
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = &Account> {
        self.by_name.values().map(|at| &self.accounts[*at])
    }
}

fn of_image(root: &Path) -> Vec<Account> {
    let Ok(files) = RootFs::new(root) else {
        return Vec::new();
    };
    let read = |name: &str| {
        files
            .read_text(Path::new(name), UNIT)
            .ok()
            .flatten()
            .unwrap_or_default()
    };
    let (passwd, group) = (read("/etc/passwd"), read("/etc/group"));
    let groups: HashMap<&str, &str> = group
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .filter(|field| field.len() > 2)
        .map(|field| (field[2], field[0]))
        .collect();
    // No path has a NUL; such a line is broken.
    let lines = passwd.lines().filter(|line| !line.contains('\0'));
    let accounts = lines.map(|line| line.split(':').collect::<Vec<_>>());
    accounts
        .filter(|field| field.len() >= 7)
        .map(|field| Account {
            group: (*groups.get(field[3]).unwrap_or(&field[3])).to_owned(),
            uid: field[2].parse().unwrap_or_default(),
            gid: field[3].parse().unwrap_or_default(),
            home: PathBuf::from(field[5]),
            exists: true,
            name: field[0].to_owned(),
        })
        .collect()
}

/// The number of a group of this host, or of the image at `root`, which may be given as a number.
pub(crate) fn group_number(name: &str, root: &Path) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    if root == Path::new("/") {
        return Some(Group::from_name(name).ok()??.gid.as_raw());
    }
    let groups = RootFs::new(root).ok()?;
    let groups = groups.read_text(Path::new("/etc/group"), UNIT).ok()??;
    let mut groups = groups
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    groups.find(|field| field[0] == name)?.get(2)?.parse().ok()
}

/// Every account that could have a user manager, by name: of this host those of /etc/passwd and those that linger, of an
/// image those of its passwd file.
pub(crate) fn all(root: &Path) -> Vec<Account> {
    if root != Path::new("/") {
        return Passwd::read(root).all().cloned().collect();
    }
    let names = names().into_iter();
    names
        .filter_map(|name| Account::find(&name, root).ok()?)
        .collect()
}

/// The names of those of this host.
pub(super) fn names() -> BTreeSet<String> {
    names_in(
        Path::new("/etc/passwd"),
        Path::new("/var/lib/systemd/linger"),
    )
}

fn names_in(passwd: &Path, lingering: &Path) -> BTreeSet<String> {
    // Accounts write fields of their lines themselves (chfn(1)), in whatever encoding: none of them is to hide the others.
    let passwd = std::fs::read(passwd).map(text).unwrap_or_default();
    let named = passwd.lines().filter_map(|line| line.split(':').next());
    let mut names: BTreeSet<String> = named.map(str::to_owned).collect();
    let lingering = std::fs::read_dir(lingering);
    let lingering = lingering.into_iter().flatten().flatten();
    names.extend(lingering.filter_map(|entry| entry.file_name().into_string().ok()));
    names
}

/// The account's name, or its number when it has none.
pub(crate) fn account_name(uid: u32) -> String {
    nix::unistd::User::from_uid(uid.into())
        .ok()
        .flatten()
        .map_or_else(|| uid.to_string(), |user| user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_utf_8_hides_no_account() {
        let top = tempfile::tempdir().expect("a directory");
        let passwd = top.path().join("passwd");
        let lines = b"root:x:0:0:root:/root:/bin/sh\nmallory:x:1001:1001:,B\xfcro,,:/home/m:/bin/sh\nbob:x:1002:1002::/home/b:/bin/sh\n";
        std::fs::write(&passwd, lines).expect("written");
        let names: Vec<String> = names_in(&passwd, top.path()).into_iter().collect();
        assert_eq!(names, ["bob", "mallory", "passwd", "root"]);
    }
}
