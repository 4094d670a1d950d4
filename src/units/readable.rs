//! Whether a unit's own account can read its files: under the guard the launcher runs as that account, and reads there what
//! it is to run.

use std::path::Path;

use crate::host::Host;
use crate::host::access::{Access, Closed};
use crate::host::account::group_number;
use crate::layout::{GUARD, GUARDED};
use crate::units::unit::Unit;

/// Whether the guard is for units of this name.
pub(crate) fn is_for_guard(unit: &str) -> bool {
    let [default, others] = GUARDED;
    unit == default || unit.starts_with(others.trim_end_matches(".service"))
}

impl Unit {
    /// Whether it is a unit of the system's manager that the guard is for, placed or not; no mask keeps the guard from it.
    pub(crate) fn is_for_guard(&self, host: &Host) -> bool {
        let mask = format!("/etc/systemd/system/{}.d/{GUARD}", self.name);
        !self.is_user()
            && !self.is_masked
            && is_for_guard(&self.name)
            && host.files.real(Path::new(&mask)) != Path::new("/dev/null")
    }

    /// What of its files its account cannot read, and the name of that account. A user's manager reads them as that user, so
    /// this is about units of the system's alone, which root reads.
    pub(crate) fn closed(&self, host: &Host) -> Option<(String, Vec<Closed>)> {
        let account = self.own_account(host).filter(|_| !self.is_user())?;
        let access = Access::new(host, &account).with_groups(self.groups(host));
        let files = self.files.fragment.iter().chain(&self.files.drop_ins);
        // The launcher leaves out what is the guard's own.
        let files = files.filter(|file| !file.ends_with(GUARD));
        let mut closed: Vec<Closed> = files.flat_map(|file| access.closed(file)).collect();
        closed.sort();
        closed.dedup();
        (!closed.is_empty()).then_some((account.name, closed))
    }

    /// The groups that it gives its processes beside those of its account.
    fn groups(&self, host: &Host) -> impl Iterator<Item = u32> {
        let own = self.directives.last("Service", "Group");
        let more = self.directives.list("Service", "SupplementaryGroups");
        let words = more.into_iter().chain(own).flat_map(|line| line.words());
        words.filter_map(|name| group_number(&self.expand(name), &host.root))
    }
}

/// The end of a sentence that begins with a unit: as whom it runs, and what that account cannot read.
pub(crate) fn told((account, closed): &(String, Vec<Closed>)) -> String {
    let paths: Vec<String> = closed
        .iter()
        .map(|c| format!("`{}`", c.path.display()))
        .collect();
    format!("runs as `{account}`, who cannot read {}", paths.join(", "))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::host::access::open_command;
    use crate::layout::Scope;
    use crate::units::inventory::Inventory;

    const UNIT: &str = "etc/systemd/system/hermes-gateway-work.service";
    const DROP_IN: &str = "etc/systemd/system/hermes-gateway-work.service.d/override.conf";

    /// What is to be opened of a unit in an image, where these paths have these modes.
    fn to_open(user: &str, modes: &[(&str, u32)]) -> Option<String> {
        to_open_in("", user, modes)
    }

    /// The same where the unit says this, too; the group of its files is called `staff`.
    fn to_open_in(more: &str, user: &str, modes: &[(&str, u32)]) -> Option<String> {
        let top = tempfile::tempdir().expect("a directory");
        let write = |path: &str, text: &str| {
            let path = top.path().join(path);
            fs::create_dir_all(path.parent().expect("above")).expect("made");
            fs::write(path, text).expect("written");
        };
        let other = 1 + nix::unistd::geteuid().as_raw();
        let own = other - 1;
        let passwd = format!(
            "root:x:0:0::/root:/bin/sh\nalice:x:{other}:{other}::/a:/bin/sh\nowner:x:{own}:{own}::/o:/bin/sh\n"
        );
        write("etc/passwd", &passwd);
        let group = nix::unistd::getegid().as_raw();
        write("etc/group", &format!("bin:x:7:\nstaff:x:{group}:\n"));
        write(
            UNIT,
            &format!("[Service]\nUser={user}\n{more}\nExecStart=/opt/hermes gateway run\n"),
        );
        write(DROP_IN, "[Service]\nNice=1\n");
        let guard = format!("etc/systemd/system/hermes-gateway-.service.d/{GUARD}");
        write(
            &guard,
            "[Service]\nExecStart=\nExecStart=/x exec --guarded %n\n",
        );
        let folders = ["etc", "etc/systemd", "etc/systemd/system"].map(|path| (path, 0o755));
        let more = [(UNIT, 0o644), (DROP_IN, 0o644), (&*guard, 0o600)];
        let more = more
            .into_iter()
            .chain([(&DROP_IN[..DROP_IN.len() - 14], 0o755)]);
        for (path, mode) in folders.into_iter().chain(more).chain(modes.iter().copied()) {
            let rights = fs::Permissions::from_mode(mode);
            fs::set_permissions(top.path().join(path), rights).expect("set");
        }
        let host = Host::observer(Scope::System, Some(top.path())).expect("a host");
        let inventory = Inventory::of_own_manager(&host);
        let unit = inventory.units.first().expect("a unit");
        assert!(unit.is_guarded && unit.is_for_guard(&host), "{unit:?}");
        let (_, closed) = unit.closed(&host)?;
        Some(open_command(closed.iter()))
    }

    #[test]
    fn what_an_account_cannot_read_of_its_unit_is_what_is_to_be_opened() {
        let unit = format!("chmod a+r /{UNIT}");
        assert_eq!(to_open("alice", &[]), None, "the guard's own is nothing");
        assert_eq!(to_open("alice", &[(UNIT, 0o640)]), Some(unit.clone()));
        assert_eq!(
            to_open("alice", &[(UNIT, 0o600), (DROP_IN, 0o600)]),
            Some(format!("{unit} /{DROP_IN}"))
        );
        let folder = "etc/systemd/system/hermes-gateway-work.service.d";
        let both = Some(format!("chmod a+rx /{folder} && chmod a+r /{DROP_IN}"));
        assert_eq!(to_open("alice", &[(DROP_IN, 0o640), (folder, 0o700)]), both);
        let listed = Some("chmod a+rx /etc/systemd/system".to_owned());
        assert_eq!(to_open("alice", &[("etc/systemd/system", 0o711)]), listed);
        assert_eq!(
            to_open("alice", &[("etc/systemd", 0o711)]),
            None,
            "nobody lists it"
        );
        for user in ["owner", "root"] {
            assert_eq!(to_open(user, &[(UNIT, 0o600)]), None, "{user}");
        }
    }

    #[test]
    fn a_group_that_a_unit_adds_counts_as_those_of_its_account() {
        let unit = Some(format!("chmod a+r /{UNIT}"));
        let group = nix::unistd::getegid();
        let is_read = |more: &str| to_open_in(more, "alice", &[(UNIT, 0o640)]);
        for more in [
            "SupplementaryGroups=bin\nSupplementaryGroups=%i staff",
            &format!("SupplementaryGroups={group}"),
            "Group=staff",
        ] {
            assert_eq!(is_read(more), None, "{more}");
        }
        for more in [
            "SupplementaryGroups=bin",
            "SupplementaryGroups=staff\nSupplementaryGroups=",
        ] {
            assert_eq!(is_read(more), unit, "{more}");
        }
    }
}
