//! What a login would have set for a program that talks to the user's own manager.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

/// `su` and `sudo` leave out what a login would set, or keep what the login of another account has set: programs find the
/// user's manager by it, and whoever listens there answers.
pub(crate) fn user_session(command: &mut Command) -> &mut Command {
    own_session(command, std::env::var_os("XDG_RUNTIME_DIR"))
}

fn own_session(command: &mut Command, told: Option<OsString>) -> &mut Command {
    let own = nix::unistd::geteuid();
    let owner = told.and_then(|told| std::fs::metadata(told).ok());
    if owner.is_none_or(|meta| meta.uid() != own.as_raw()) {
        command.env("XDG_RUNTIME_DIR", format!("/run/user/{own}"));
    }
    // Theirs is below that directory; another address may be kept as well (sd_bus_default_user(3)).
    command.env_remove("DBUS_SESSION_BUS_ADDRESS")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use super::*;

    #[test]
    fn a_user_s_manager_is_that_of_the_account_and_not_of_who_logged_in() {
        let own = tempfile::tempdir().expect("a directory");
        let directory = |told: &Path| {
            let mut command = Command::new("systemctl");
            own_session(&mut command, Some(told.into()));
            let mut all = command.get_envs();
            let set = all.find(|(name, _)| *name == "XDG_RUNTIME_DIR");
            set.and_then(|(_, value)| value.map(OsStr::to_owned))
        };
        let usual = OsString::from(format!("/run/user/{}", nix::unistd::geteuid()));
        assert_eq!(directory(own.path()), None, "it stays");
        assert_eq!(directory(Path::new("/nowhere")), Some(usual.clone()));
        // Of somebody else's: root's to others, and to root that of another account.
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::chown(own.path(), Some(65534), None).expect("given away");
            assert_eq!(directory(own.path()), Some(usual));
        }
    }
}
