//! The layers of a profile's settings: flags over configuration over the environment over what was chosen before. Reads
//! only.

use std::path::PathBuf;

use anyhow::Result;

use crate::cli::InstallArgs;
use crate::config::{Config, known};
use crate::deploy::chosen::{Chosen, by_name};
use crate::deploy::receipt::Receipt;
use crate::host::Host;
use crate::layout::Scope;
use crate::profile::{ProfileName, root_for};
use crate::settings::Settings;

/// See the module.
pub(super) struct Layers<'a> {
    flags: Settings,
    config: Config,
    environment: Settings,
    receipt: &'a Receipt,
    reset: &'a [String],
    /// What is recorded of the flags and of the environment.
    by_flag: Chosen,
    by_environment: Chosen,
}

impl<'a> Layers<'a> {
    /// Of a run of install.
    pub(super) fn new(
        host: &Host,
        args: &'a InstallArgs,
        config: Config,
        receipt: &'a Receipt,
    ) -> Result<Self> {
        known(args.reset.iter(), "--reset")?;
        let flags = Settings {
            enable: args.no_enable.then_some(false),
            start: args.no_start.then_some(false),
            ..Settings::from_args(&args.settings)?
        };
        let environment = environment(host);
        Ok(Self {
            by_flag: Chosen::of(&flags, |name| flag(name, &flags)),
            by_environment: Chosen::of(&environment, |_| "HERMES_HOME".to_owned()),
            flags,
            environment,
            config,
            receipt,
            reset: &args.reset,
        })
    }

    /// What was chosen before, apart from what this run resets, and by this run.
    pub(super) fn choices(&self, profile: &ProfileName) -> Chosen {
        let mut chosen = self.before(profile);
        let configured = self.config.settings(profile, &Settings::default());
        if configured.home.is_none() {
            chosen.record(&self.by_environment);
        }
        chosen.record(&self.by_flag);
        chosen
    }

    /// Where a setting of a profile was set, for a person.
    pub(super) fn place(&self, profile: &ProfileName, key: &str) -> String {
        let is_flag = by_name(&self.flags).contains_key(key);
        let configured = self.config.place(profile, key);
        match (is_flag, configured) {
            (true, _) => format!("`{}`", flag(key, &self.flags)),
            (false, Some(place)) => place,
            (false, None) => {
                let before = self.before(profile);
                let from = before
                    .get(key)
                    .map_or("an old owner", |choice| &choice.from);
                format!("`{key}`, from {from}; `--reset {key}` forgets it")
            }
        }
    }

    fn before(&self, profile: &ProfileName) -> Chosen {
        let chosen = self.receipt.settings.get(profile).cloned();
        let mut chosen = chosen.unwrap_or_default();
        for name in self.reset {
            chosen.reset(name);
        }
        // The group was that of another account.
        if self.flags.run_as.is_some() {
            chosen.reset("group");
        }
        chosen
    }

    /// The settings of a profile.
    pub(super) fn settings(&self, profile: &ProfileName) -> Result<Settings> {
        let told = self.config.settings(profile, &self.flags);
        let before = self.before(profile).settings()?;
        Ok(told.over(&self.environment).over(&before))
    }
}

/// What the environment of the person who installs says: their own gateway's root.
fn environment(host: &Host) -> Settings {
    let variable = std::env::var_os("HERMES_HOME").map(PathBuf::from);
    let is_theirs = host.scope == Scope::User && host.live().is_some();
    Settings {
        home: variable
            .filter(|home| is_theirs && !home.as_os_str().is_empty())
            .map(|home| root_for(Some(&home), &host.own.home)),
        ..Settings::default()
    }
}

/// The flag that sets a setting to what it was set to.
fn flag(name: &str, set: &Settings) -> String {
    match name {
        "tenant" if set.tenant == Some(false) => "--shared".to_owned(),
        "environment-files" => "--environment-file".to_owned(),
        "enable" => "--no-enable".to_owned(),
        name => format!("--{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_that_is_named_sets_what_was_set() {
        let set = |tenant| Settings {
            tenant: Some(tenant),
            ..Settings::default()
        };
        assert_eq!(flag("tenant", &set(true)), "--tenant");
        assert_eq!(flag("tenant", &set(false)), "--shared");
        assert_eq!(flag("run-as", &set(false)), "--run-as");
    }
}
