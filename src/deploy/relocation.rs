//! A profile on its way into its tenant. Its gateway is stopped as planned, and the two accounts copy its data. What was
//! there before stays until the new gateway runs, and after it under another name.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::deploy::backup::dated;
use crate::deploy::service::{job, refuse_left};
use crate::host::account::Account;
use crate::host::transfer::Side;
use crate::host::{Host, Live};
use crate::output::Output;
use crate::profile::ProfileName;

/// What is of a gateway that has ended, and of no other.
const OF_THE_OLD: [&str; 7] = [
    ".gateway-planned-stop.json",
    ".gateway-takeover.json",
    ".hermes-install.lock",
    "gateway.lock",
    "gateway.pid",
    "gateway.sock",
    "gateway_state.json",
];

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Relocation {
    /// The profile.
    pub(crate) profile: ProfileName,
    /// The account that it belongs to.
    pub(crate) account: Account,
    /// Its hermes root.
    pub(crate) root: PathBuf,
    /// Its home.
    pub(crate) home: PathBuf,
}

impl Relocation {
    /// Stop its unit, by the definition that started it; whether it was started.
    pub(crate) fn stop(&self, live: &Live, output: &Output) -> Result<bool> {
        let (manager, unit) = (live.manager(), self.profile.unit());
        let was_started = manager.show_one(&unit)?.is_started();
        if was_started {
            output.step(format!("stopping `{unit}` as planned"));
            job(&manager, output, "stop", std::slice::from_ref(&unit))?;
        }
        refuse_left(&unit, &self.profile, &self.home)?;
        Ok(was_started)
    }

    /// Copy its data to the tenant, whose account and root are there.
    pub(super) fn copy(&self, host: &Host, output: &Output) -> Result<()> {
        let (account, root) = self.tenant(host)?;
        output.step(format!(
            "copying `{}` to `{}`",
            self.home.display(),
            root.display()
        ));
        let from = Side {
            account: &self.account,
            directory: &self.home,
        };
        // Whole or not at all: what a run that was killed leaves is no bot.
        let to = Side {
            account: &account,
            directory: &self.incoming(),
        };
        to.make_anew()?;
        from.copy(&to, &OF_THE_OLD)?;
        to.rename(&root)?;
        // Before a unit names them: one that is on the disk after a power loss finds them there.
        let copies = Side {
            account: &account,
            directory: &root,
        };
        copies.sync()
    }

    /// Remove the copies again; the unit is stopped.
    pub(crate) fn back(&self, host: &Host) -> Result<()> {
        let (account, root) = self.tenant(host)?;
        let copies = Side {
            account: &account,
            directory: &root,
        };
        let incoming = self.incoming();
        let half = Side {
            account: &account,
            directory: &incoming,
        };
        half.remove()?;
        if !is_free(&root)? {
            // At once: should this be cut short, the root is free, and what is left is no bot.
            copies.rename(&incoming)?;
            copies.make_anew()?;
        }
        half.remove()
    }

    fn incoming(&self) -> PathBuf {
        self.profile.tenant_home().join("incoming")
    }

    /// Put the old data aside, where no gateway of their root takes them for a profile; their new place.
    pub(crate) fn set_aside(&self) -> Result<PathBuf> {
        let now = dated(std::time::SystemTime::now());
        let place = self.root.join(format!("moved-{}-{now}", self.profile));
        let old = Side {
            account: &self.account,
            directory: &self.home,
        };
        old.rename(&place)?;
        Ok(place)
    }

    fn tenant(&self, host: &Host) -> Result<(Account, PathBuf)> {
        let name = self.profile.tenant_account();
        let account = Account::find(&name, &host.root)?;
        let account = account.with_context(|| format!("account `{name}` does not exist"))?;
        Ok((account, self.profile.tenant_root()))
    }
}

/// Whether a directory is not there or has nothing in it.
pub(crate) fn is_free(directory: &Path) -> Result<bool> {
    match std::fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(e).with_context(|| format!("`{}` cannot be read", directory.display())),
    }
}
