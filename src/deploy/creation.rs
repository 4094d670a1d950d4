//! A profile that is not there yet: a user's own hermes root, or a profile that hermes' own command line makes as the account
//! that it is for.

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::gateway::config::is_standalone;
use crate::host::Host;
use crate::host::account::Account;
use crate::host::process::shell_quote;
use crate::host::run_as::run_as;
use crate::host::spawn::Limits;
use crate::preflight::Checked;
use crate::profile::ProfileName;

/// For `hermes profile create`, which copies skills.
const CREATE: Limits = Limits {
    time: Duration::from_secs(300),
    bytes: 1 << 20,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Creation {
    checked: Checked,
    /// Whether it gets a gateway of its own where another would serve it.
    is_standalone: bool,
}

impl Creation {
    /// Of a profile that was checked.
    pub(crate) fn new(checked: &Checked, is_standalone: bool) -> Self {
        Self {
            checked: checked.clone(),
            is_standalone,
        }
    }

    /// The profile.
    pub(crate) fn profile(&self) -> &ProfileName {
        &self.checked.instance.profile
    }

    /// Whether it is the hermes root itself, whose profile needs nothing but a directory.
    fn is_root(&self) -> bool {
        self.checked.home == self.checked.root
    }

    /// Who makes it.
    pub(crate) fn maker(&self) -> &'static str {
        if self.is_root() {
            "hermes-install"
        } else {
            "hermes"
        }
    }

    /// Create it. The account may be one that this run has made.
    pub(super) fn go(&self, host: &Host) -> Result<()> {
        let home = &self.checked.home;
        if self.is_root() {
            return DirBuilder::new()
                .mode(0o700)
                .create(home)
                .with_context(|| format!("`{}` could not be made", home.display()));
        }
        let name = &self.checked.account.name;
        let account = Account::find(name, &host.root)?
            .with_context(|| format!("account `{name}` does not exist"))?;
        let hermes = self.checked.hermes.to_string_lossy();
        // An alias would be a program of the profile's name on somebody's PATH.
        let profile = self.profile().as_str();
        let words = [&*hermes, "profile", "create", profile, "--no-alias"];
        let argv = words.map(OsStr::new);
        let root = self.checked.root.to_string_lossy();
        let command = shell_quote(&words);
        let done = run_as(&account, &[("HERMES_HOME", &*root)], &argv, CREATE)
            .with_context(|| format!("`{command}` could not be run as `{name}`"))?;
        if !done.status.success() || !home.is_dir() {
            let said = String::from_utf8_lossy(&done.stderr);
            let last = said.lines().rfind(|line| !line.trim().is_empty());
            bail!(
                "`{command}` as `{name}` made no `{}` ({}): {}",
                home.display(),
                done.status,
                last.unwrap_or("it said nothing").trim()
            );
        }
        let checked = Checked {
            account,
            is_standalone: is_standalone(home),
            ..self.checked.clone()
        };
        if self.is_standalone && checked.is_served(host) {
            checked.set_standalone(host)
        } else {
            Ok(())
        }
    }
}
