//! The accounts that a process works as, and what they may do with a directory. Pure.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

/// User and group IDs of a process (credentials(7)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// Whoever started it.
    pub(crate) real: u32,
    /// Whose rights it has now.
    pub(crate) effective: u32,
    /// Whose rights it may take.
    pub(crate) saved: u32,
    /// Every group of it.
    pub(crate) groups: Vec<u32>,
}

impl Credentials {
    /// From the text of /proc/PID/status (proc_pid_status(5)); `None` when it says none.
    pub(crate) fn parse(status: &str) -> Option<Self> {
        let ids = |key: &str| -> Option<Vec<u32>> {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().map(|id| id.parse().ok()).collect()
        };
        let uids = ids("Uid:")?;
        let mut groups = ids("Gid:")?;
        groups.extend(ids("Groups:").unwrap_or_default());
        Some(Self {
            real: *uids.first()?,
            effective: *uids.get(1)?,
            saved: *uids.get(2)?,
            groups,
        })
    }

    /// Of an account that has one user ID.
    pub(crate) fn of(uid: u32, groups: Vec<u32>) -> Self {
        Self {
            real: uid,
            effective: uid,
            saved: uid,
            groups,
        }
    }

    /// Whether it has the rights of one account alone. A setuid program has those of two, and arguments and environment
    /// that the weaker one chose.
    pub(crate) fn is_one_account(&self) -> bool {
        self.real == self.effective && self.effective == self.saved
    }

    /// Whether it could make or open files in a directory, by the directory's mode; root always.
    pub(crate) fn may_work_in(&self, directory: &fs::Metadata) -> bool {
        let mode = directory.permissions().mode();
        let bits = if self.effective == directory.uid() {
            0o300
        } else if self.groups.contains(&directory.gid()) {
            0o030
        } else {
            0o003
        };
        self.effective == 0 || mode & bits == bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setuid_program_has_two_accounts() {
        let of = |uids: &str| {
            let status = format!("Name:\tsu\nUid:\t{uids}\nGid:\t7\t7\t7\t7\nGroups:\t7 9 \n");
            Credentials::parse(&status).expect("IDs")
        };
        assert!(of("1000\t1000\t1000\t1000").is_one_account());
        assert!(!of("1000\t0\t0\t0").is_one_account());
        assert!(!of("1000\t1000\t0\t1000").is_one_account());
        assert_eq!(of("1000\t0\t0\t0").groups, [7, 7, 7, 7, 7, 9]);
        assert_eq!(Credentials::parse("Name:\tx\n"), None);
    }

    #[test]
    fn a_directory_is_open_to_its_owner_its_group_and_root() {
        let top = tempfile::tempdir().expect("a directory");
        let with = |mode, uid, groups: &[u32]| {
            let rights = fs::Permissions::from_mode(mode);
            fs::set_permissions(top.path(), rights).expect("set");
            let meta = fs::metadata(top.path()).expect("there");
            let groups = groups.iter().map(|g| meta.gid() + g).collect();
            Credentials::of(uid, groups).may_work_in(&meta)
        };
        let me = fs::metadata(top.path()).expect("there").uid();
        assert!(with(0o700, me, &[]));
        assert!(with(0o700, 0, &[]));
        assert!(!with(0o755, 4242, &[1]));
        assert!(with(0o770, 4242, &[0]));
        assert!(with(0o707, 4242, &[1]));
    }
}
