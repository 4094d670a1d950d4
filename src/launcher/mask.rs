//! How a person keeps the guard from one unit: a mask for its drop-in.

use std::path::Path;

use crate::host::process::shell_quote;
use crate::layout::GUARD;
use crate::units::load_path::LoadPath;

/// The end of a sentence: the command that keeps the guard from a unit.
pub(super) fn without_guard(load_path: &LoadPath, unit: &str) -> String {
    let own = load_path.account.home.join(".config/systemd/user");
    let (units, scope, reload) = if load_path.is_system {
        let units = Path::new("/etc/systemd/system");
        (units, "--system", "systemctl daemon-reload")
    } else {
        (&*own, "--user", "systemctl --user daemon-reload")
    };
    match mask(units, unit) {
        Some(mask) => format!("keep the guard from this unit with `{mask} && {reload}`"),
        None => format!("take the guard away with `hermes-install guard {scope} --remove`"),
    }
}

/// The command that masks the drop-in below a directory of units; `None` where that is the drop-in's own place.
fn mask(units: &Path, unit: &str) -> Option<String> {
    let directory = units.join(format!("{unit}.d"));
    let mask = directory.join(GUARD);
    let is_free = mask.symlink_metadata().is_err();
    is_free.then(|| {
        let [directory, mask] = [directory, mask].map(|p| shell_quote(&[p.to_string_lossy()]));
        format!("mkdir -p {directory} && ln -s /dev/null {mask}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_masks_the_guard_works_where_there_is_no_directory_yet() {
        let top = tempfile::tempdir().expect("a directory");
        let units = top.path().join("of bots");
        let mask = || mask(&units, "hermes-gateway-coder.service");
        let typed = std::process::Command::new("/bin/sh")
            .args(["-c", &mask().expect("a command")])
            .status();
        assert!(typed.expect("a shell").success());
        let link = units.join("hermes-gateway-coder.service.d").join(GUARD);
        assert_eq!(link.read_link().expect("a link"), Path::new("/dev/null"));
        assert_eq!(mask(), None, "the place is taken");
    }
}
