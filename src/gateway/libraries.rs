//! Where hermes installs the library of a platform when it first needs it. That is its own virtual environment, and where
//! the gateway's account cannot write there, a directory of the hermes root: hermes from 0.18 to 0.21 looks for
//! modules there last, so that nothing in it hides a module of hermes (tools/lazy_deps.py). Other versions ignore the variable.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::gateway::installation::site_packages;

/// The variable that names the directory.
pub(crate) const TARGET: &str = "HERMES_LAZY_INSTALL_TARGET";

/// The directory that [`TARGET`] has to name for a gateway of this root; `None` where hermes' own environment will do.
pub(crate) fn library_target(
    hermes: &Path,
    root: &Path,
    real: &dyn Fn(&Path) -> PathBuf,
    may_write: impl FnOnce(&Path) -> bool,
) -> Option<PathBuf> {
    match site_packages(hermes, real) {
        Some(own) if may_write(&own) => None,
        _ => Some(root.join("lazy-packages")),
    }
}

/// Whether a gateway of this account may take modules and programs from there: whoever can write the directory, or put another in its
/// place, runs code as that account.
pub(crate) fn may_load(target: &Path, uid: u32) -> bool {
    let is_fine = |path: &Path| match std::fs::metadata(path) {
        Ok(meta) => [0, uid].contains(&meta.uid()) && meta.mode() & 0o002 == 0,
        Err(e) => e.kind() == ErrorKind::NotFound,
    };
    is_fine(target) && target.parent().is_none_or(is_fine)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn nobody_else_s_directory_is_loaded_from() {
        let disk = tempfile::tempdir().expect("a directory");
        let target = disk.path().join("lazy-packages");
        let own = nix::unistd::geteuid().as_raw();
        assert!(may_load(&target, own), "hermes makes it");
        std::fs::create_dir(&target).expect("made");
        assert!(may_load(&target, own));
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(&target, open).expect("set");
        assert!(!may_load(&target, own));
    }

    #[test]
    fn an_environment_that_the_account_can_write_is_used_and_any_other_is_left_alone() {
        let disk = tempfile::tempdir().expect("a directory");
        let at = |path: &str| disk.path().join(path);
        let hermes = at("venv/bin/hermes");
        std::fs::create_dir_all(at("venv/bin")).expect("made");
        let interpreter = at("venv/bin/python3");
        std::fs::write(&hermes, format!("#!{}\n", interpreter.display())).expect("written");
        let real = |path: &Path| path.to_owned();
        let target = |may_write: bool| {
            let mut asked = None;
            let found = library_target(&hermes, Path::new("/srv/h"), &real, |path| {
                asked = Some(path.to_owned());
                may_write
            });
            (found, asked)
        };
        let beside = Some(PathBuf::from("/srv/h/lazy-packages"));
        assert_eq!(
            target(true),
            (beside.clone(), None),
            "no environment is seen"
        );

        std::fs::write(at("venv/pyvenv.cfg"), "").expect("written");
        let packages = at("venv/lib/python3.11/site-packages");
        std::fs::create_dir_all(&packages).expect("made");
        assert_eq!(target(true), (None, Some(packages.clone())));
        assert_eq!(target(false), (beside, Some(packages)));
    }
}
