//! What a live host must have before a command looks at it: systemd as PID 1, and for a user's manager the buses and
//! the login manager that carry it.

use std::path::Path;

use crate::error::{Error, Kind};
use crate::host::paths::below_root;
use crate::host::search::{hermes_search, install_command};
use crate::layout::{ACCOUNT, SYSTEM_ROOT};

/// What sd_booted(3) looks at, below the root.
const BOOTED: &str = "run/systemd/system";

/// The packages of Debian that a user's manager needs, each with a file that it brings or makes.
const USER_PACKAGES: [(&str, &[&str]); 3] = [
    ("dbus", &["run/dbus/system_bus_socket"]),
    ("dbus-user-session", &["usr/lib/systemd/user/dbus.socket"]),
    (
        "libpam-systemd",
        &[
            "usr/share/pam-configs/systemd",
            "usr/lib/security/pam_systemd.so",
            "usr/lib64/security/pam_systemd.so",
        ],
    ),
];

/// What works without systemd.
const ANYWHERE: [&str; 2] = [
    "`--root DIR` works on the image of a system",
    "to write units anywhere: `hermes-install render`",
];

/// That the host at `root` was booted with systemd. The error names its PID 1, and for a command that installs also
/// hermes when that is missing, so that nobody learns of it only on the next host.
pub(crate) fn check(root: &Path, installs: bool) -> Result<(), Error> {
    if root.join(BOOTED).is_dir() {
        return Ok(());
    }
    let first = std::fs::read_to_string(root.join("proc/1/comm")).unwrap_or_default();
    let first = match first.trim() {
        "" => "PID 1 is another program".to_owned(),
        name => format!("PID 1 is `{name}`"),
    };
    let mut message = format!("this host was not booted with systemd ({first})");
    let mut hints = ANYWHERE.map(str::to_owned).to_vec();
    let mut places = hermes_search(Path::new(SYSTEM_ROOT), Path::new(SYSTEM_ROOT));
    let path = std::env::var_os("PATH").unwrap_or_default();
    places.extend(std::env::split_paths(&path).map(|directory| directory.join("hermes")));
    let is_there = |place: &Path| root.join(below_root(place)).is_file();
    if installs && !places.iter().any(|place| is_there(place)) {
        message += ", and hermes is not installed";
        let root = Path::new(SYSTEM_ROOT);
        let command = install_command(Some((ACCOUNT, root)), root);
        hints.push(format!("to install hermes: `{command}`"));
    }
    Err(Error::new(Kind::NotBooted, message, hints))
}

/// The command that installs what a user's manager lacks on the host at `root`; `None` when it has everything.
pub(crate) fn user_packages(root: &Path) -> Option<String> {
    let lacks = |files: &[&str]| !files.iter().any(|file| root.join(file).exists());
    let missing: Vec<&str> = USER_PACKAGES
        .iter()
        .filter(|(_, files)| lacks(files))
        .map(|(package, _)| *package)
        .collect();
    match missing.as_slice() {
        [] => None,
        packages => Some(format!("apt install {}", packages.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_systemd_is_told_all_that_is_missing_at_once() {
        let root = tempfile::tempdir().expect("a directory");
        let file = |name: &str, text: &str| {
            let file = root.path().join(name);
            std::fs::create_dir_all(file.parent().expect("a parent")).expect("made");
            std::fs::write(file, text).expect("written");
        };
        file("proc/1/comm", "tini\n");
        let status = check(root.path(), false).expect_err("not booted");
        assert_eq!(
            status.message,
            "this host was not booted with systemd (PID 1 is `tini`)"
        );
        let install = check(root.path(), true).expect_err("not booted");
        assert!(
            install.message.ends_with(", and hermes is not installed"),
            "{install}"
        );
        assert_eq!(install.hints.len(), 3);
        file("opt/hermes/bin/hermes", "");
        assert_eq!(check(root.path(), true), Err(status));
        std::fs::create_dir_all(root.path().join(BOOTED)).expect("made");
        assert_eq!(check(root.path(), true), Ok(()));
    }

    #[test]
    fn packages_are_named_where_their_files_are_missing() {
        let root = tempfile::tempdir().expect("a directory");
        let all = user_packages(root.path());
        assert_eq!(
            all.as_deref(),
            Some("apt install dbus dbus-user-session libpam-systemd")
        );
        for (package, files) in USER_PACKAGES {
            let file = root.path().join(files[0]);
            std::fs::create_dir_all(file.parent().expect("a parent")).expect("made");
            std::fs::write(file, "").expect("written");
            assert!(
                !user_packages(root.path())
                    .is_some_and(|text| text.contains(&format!("{package} ")))
            );
        }
        assert_eq!(user_packages(root.path()), None);
    }
}
