//! What must be true before anything is written: look (`probe`), then decide (`decide`, pure), from settings to an
//! [`Instance`](crate::render::instance::Instance) or a refusal with the way out. Whatever cannot be told is a refusal too.

pub(crate) mod again;
mod decide;
mod probe;
mod sandbox;
mod site;
mod standalone;
pub(crate) mod tenant;
mod unreadable;
mod values;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::error::{failure, refuse};
use crate::gateway::config::Configuration;
use crate::gateway::installations::Installations;
use crate::gateway::version::{Version, is_hermes};
use crate::host::Host;
use crate::host::account::Account;
use crate::host::run_as::{LOOK, run_as};
use crate::host::spawn::Limits;
use crate::host::trust::{Stranger, stranger};
use crate::output::Output;
use crate::profile::ProfileName;
use crate::settings::Settings;

pub(crate) use decide::Checked;
use site::Sites;

/// The checks of one run.
#[derive(Debug)]
pub(crate) struct Preflight<'a> {
    host: &'a Host,
    output: &'a Output,
    installations: Installations<'a>,
    sites: Sites<'a>,
    /// Hermes roots, and whether the gateway of each serves all: most profiles share one.
    roots: RefCell<HashMap<PathBuf, bool>>,
    /// Versions by account, executable and root: to ask takes up to a second.
    versions: RefCell<HashMap<(String, PathBuf, PathBuf), Option<Version>>>,
}

impl<'a> Preflight<'a> {
    /// Of profiles of this host.
    pub(crate) fn new(host: &'a Host, output: &'a Output) -> Self {
        Self {
            host,
            output,
            installations: Installations::new(host),
            sites: Sites::new(host),
            roots: RefCell::default(),
            versions: RefCell::default(),
        }
    }

    fn is_multiplexed(&self, root: &Path) -> bool {
        if let Some(known) = self.roots.borrow().get(root) {
            return *known;
        }
        let found = Configuration::look(&self.host.files, root).is_multiplexed();
        self.roots.borrow_mut().insert(root.to_owned(), found);
        found
    }

    fn version(&self, account: &Account, hermes: &Path, root: &Path) -> Result<Option<Version>> {
        let key = (account.name.clone(), hermes.to_owned(), root.to_owned());
        if let Some(known) = self.versions.borrow().get(&key) {
            return Ok(*known);
        }
        let found = version(account, hermes, root)?;
        self.versions.borrow_mut().insert(key, found);
        Ok(found)
    }

    /// Check one profile, all but whether somebody else has it. `place` says where a setting was set; with `creates`, a
    /// profile that is not there is no obstacle.
    pub(crate) fn check(
        &self,
        profile: &ProfileName,
        settings: &Settings,
        place: &dyn Fn(&str) -> String,
        creates: bool,
    ) -> Result<Checked> {
        let host = self.host;
        let mut probe = probe::Probe::read(host, &self.sites, profile, settings, place)?;
        if creates && host.live().is_some() {
            probe.create();
        }
        if let (Ok(hermes), Ok(()), Some(_)) = (&probe.hermes, &probe.home_problem, host.live()) {
            probe.version = self.version(&probe.account, hermes, &probe.root)?;
            self.output.step(format!(
                "profile `{profile}`: hermes {} at `{}`",
                told(probe.version),
                hermes.display()
            ));
            check_version(probe.version, hermes, self.output)?;
        } else if let (Ok(hermes), None) = (&probe.hermes, host.live()) {
            // Nothing of an image is run.
            let found = self.installations.find(hermes);
            probe.version = found.and_then(|hermes| hermes.version);
        }
        probe.read_configuration(host);
        probe.is_multiplexed = self.is_multiplexed(&probe.root);
        let decided = decide::decide(profile, settings, &probe);
        decided.map_err(|problems| failure!(Refused, "{problems}"))
    }
}

/// The hermes executable that an account would run on a root: as named, or the first that it can run.
pub(crate) fn hermes(
    host: &Host,
    named: Option<&Path>,
    account: &Account,
    root: &Path,
) -> Result<PathBuf> {
    let (found, places) = site::find_hermes(host, named, account, root)?;
    found.map_err(|problem| {
        let scope = host.scope;
        failure!(
            Refused,
            "{}",
            decide::no_hermes(problem, named, &places, scope, account, root,)
        )
    })
}

/// For `hermes --version`: up to a minute was seen on an emulated machine.
pub(super) const VERSION: Limits = Limits {
    time: Duration::from_secs(300),
    bytes: 1 << 16,
};

/// Refuse to run a program that somebody beside root and the account could have put there.
fn check_writers(account: &Account, hermes: &Path) -> Result<()> {
    let found = match stranger(hermes, account) {
        Err(e) if e.kind() == ErrorKind::NotFound && hermes.exists() => refuse!(
            "`{}` cannot be run: the interpreter that its first line names is not there, as in a virtual environment that was \
             moved; make that anew, or name another hermes with `--hermes PATH`",
            hermes.display()
        ),
        found => found.with_context(|| format!("`{}` cannot be examined", hermes.display()))?,
    };
    if let Some(Stranger { path, who }) = found {
        refuse!(
            "`{}` is not run as `{}`: `{}` may be written by {who}; take that right away, or install hermes where only \
             root and `{}` can write, such as a virtual environment of root's under /opt",
            hermes.display(),
            account.name,
            path.display(),
            account.name
        );
    }
    Ok(())
}

/// What a hermes root holds of installations of install.sh since 0.22: without the first, such a hermes does not even tell its
/// version (`activate_dependencies`, pm/environments.py).
const OF_INSTALLATIONS: [&str; 2] = ["installs", "tools"];

/// Run `hermes --version` as the account, with a scratch HERMES_HOME: it writes logs and an update check there. It leads to
/// what `root` holds of installations. `None` when hermes works and cannot tell its version, as in a checkout without tags.
pub(crate) fn version(account: &Account, hermes: &Path, root: &Path) -> Result<Option<Version>> {
    check_writers(account, hermes)?;
    let scratch = nix::unistd::mkdtemp(&std::env::temp_dir().join("hermes-install-XXXXXX"))
        .context("no scratch directory can be made")?;
    let result = (|| {
        lead_to(root, &scratch)?;
        nix::unistd::chown(&scratch, Some(account.uid.into()), Some(account.gid.into()))?;
        let scratch = scratch.to_string_lossy();
        let env = [("HERMES_HOME", &*scratch), ("HOME", &*scratch)];
        let argv = [hermes.as_os_str(), OsStr::new("--version")];
        anyhow::Ok(run_as(account, &env, &argv, VERSION)?)
    })();
    // As who filled it: root would go as deep into it as that program went.
    let remove = ["rm", "-rf", "--"].map(OsStr::new);
    let remove = [&remove[..], &[scratch.as_os_str()]].concat();
    let _ = run_as(account, &[], &remove, LOOK);
    let _ = fs::remove_dir(&scratch);
    let out =
        result.with_context(|| format!("`{} --version` could not be run", hermes.display()))?;
    let text = String::from_utf8_lossy(&out.stdout);
    let said = String::from_utf8_lossy(&out.stderr);
    let last = said
        .lines()
        .last()
        .or(text.lines().last())
        .unwrap_or("nothing")
        .trim();
    match Version::from_output(&text) {
        version if out.status.success() && (version.is_some() || is_hermes(&text)) => Ok(version),
        _ => refuse!(
            "`{} --version` does not work as `{}` ({}, it said: {last}); repair hermes, or name another with `--hermes PATH`",
            hermes.display(),
            account.name,
            out.status
        ),
    }
}

/// Links in a scratch directory to what this root holds of installations.
fn lead_to(root: &Path, scratch: &Path) -> std::io::Result<()> {
    let mut held = OF_INSTALLATIONS
        .iter()
        .filter(|name| root.join(name).is_dir());
    held.try_for_each(|name| symlink(root.join(name), scratch.join(name)))
}

/// A version for people.
pub(crate) fn told(version: Option<Version>) -> String {
    version.map_or_else(|| "of an unknown version".to_owned(), |v| v.to_string())
}

/// Refuse a gateway that these units cannot run; warn of one that is newer than any that was tried.
pub(crate) fn check_version(
    version: Option<Version>,
    hermes: &Path,
    output: &Output,
) -> Result<()> {
    let newest = format!("{}.{}", Version::NEWEST.0, Version::NEWEST.1);
    let Some(version) = version else {
        output.warn(format!(
            "hermes at `{}` does not tell its version, so it is taken for newer than {newest}, the newest that was tested; \
             look at `hermes-install status` after the start",
            hermes.display()
        ));
        return Ok(());
    };
    if version < Version::OLDEST {
        refuse!(
            "hermes {version} at `{}` is older than {}, the oldest gateway that these units know how to run; upgrade \
             hermes-agent, or name another with `--hermes PATH`",
            hermes.display(),
            Version::OLDEST
        );
    }
    if version > Version::NEWEST {
        output.warn(format!(
            "hermes {version} is newer than {newest}, the newest that was tested, and is run like that one; look at \
             `hermes-install status` after the start, and report what differs"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_home_leads_to_what_the_root_holds_of_installations_and_to_nothing_else() {
        let disk = tempfile::tempdir().expect("a directory");
        let (root, scratch) = (disk.path().join("root"), disk.path().join("scratch"));
        fs::create_dir_all(root.join("installs/0")).expect("made");
        fs::create_dir_all(root.join("logs")).expect("made");
        fs::create_dir(&scratch).expect("made");
        lead_to(&root, &scratch).expect("links");
        assert!(scratch.join("installs/0").is_dir());
        let names = fs::read_dir(&scratch).expect("listed").flatten();
        let names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["installs"]);
    }
}
