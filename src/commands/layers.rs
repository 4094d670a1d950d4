//! The layers of a profile's settings: flags over configuration over the environment over what was chosen before. Reads
//! only.

use std::path::PathBuf;

use anyhow::Result;

use crate::cli::InstallArgs;
use crate::config::{Config, known};
use crate::deploy::chosen::{Chosen, by_name};
use crate::deploy::receipt::Receipt;
use crate::error::refuse;
use crate::host::Host;
use crate::layout::Scope;
use crate::profile::{ProfileName, root_for};
use crate::render::instance::Instance;
use crate::settings::Settings;
use crate::takeover::typed::Typed;

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
        if configured.home.is_none() && self.heeds_environment(profile) {
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
        Ok(match self.heeds_environment(profile) {
            true => told.over(&self.environment).over(&before),
            false => told.over(&before),
        })
    }

    /// Whether the environment says where a profile is. A variable that a shell has for another bot moves none that is installed.
    fn heeds_environment(&self, profile: &ProfileName) -> bool {
        let is_reset = self.reset.iter().any(|name| name == "home");
        is_reset || self.installed(profile).is_none()
    }

    fn installed(&self, profile: &ProfileName) -> Option<&Instance> {
        let mut instances = self.receipt.instances.iter();
        instances.find(|instance| instance.profile == *profile)
    }

    /// Refuse where the environment alone names another root than a profile is installed on: a person decides.
    pub(super) fn refuse_elsewhere(
        &self,
        host: &Host,
        profile: &ProfileName,
        typed: &Typed,
    ) -> Result<()> {
        let told = self.config.settings(profile, &self.flags);
        let before = self.installed(profile);
        let (Some(before), Some(other), None) = (before, &self.environment.home, told.home) else {
            return Ok(());
        };
        let root = before.root.clone().unwrap_or_else(|| host.default_root());
        if host.directory(&root) == host.directory(other) {
            return Ok(());
        }
        let other = other.display().to_string();
        refuse!(
            "profile `{profile}` is installed on `{}`, and HERMES_HOME of this shell says `{other}`: a variable moves no bot",
            root.display();
            "to leave it where it is: `env -u HERMES_HOME {}`", typed.with(&[]);
            "to run it on `{other}` from now on: `{}`", typed.with(&["--home", &other])
        )
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
    use crate::error::Error;

    #[test]
    fn a_variable_says_where_a_new_profile_is_and_moves_none() {
        let host = Host::observer(Scope::User, Some("/usr".as_ref())).expect("a directory");
        let profile: ProfileName = "default".parse().expect("a name");
        let typed = Typed {
            verb: None,
            words: vec!["--profile".to_owned(), "default".to_owned()],
        };
        let home = |path: &str| Settings {
            home: Some(path.into()),
            ..Settings::default()
        };
        let new = Receipt::empty(0);
        let mut installed = Receipt::empty(0);
        let mut instance = Instance::plain(profile.clone(), Scope::User);
        instance.root = Some("/srv/first".into());
        installed.instances.push(instance);
        let recorded = Chosen::of(&home("/srv/first"), |_| "--home".to_owned());
        installed.settings.insert(profile.clone(), recorded);
        let reset = ["home".to_owned()];
        let ask = |receipt: &Receipt, flags: Settings, variable: &str, reset: &[String]| {
            let environment = home(variable);
            let layers = Layers {
                by_flag: Chosen::of(&flags, |name| flag(name, &flags)),
                by_environment: Chosen::of(&environment, |_| "HERMES_HOME".to_owned()),
                config: Config::default(),
                flags,
                environment,
                receipt,
                reset,
            };
            layers
                .refuse_elsewhere(&host, &profile, &typed)
                .map_err(|e| format!("{e}\n{}", Error::of(&e).hints.join("\n")))?;
            let choices = layers.choices(&profile);
            let from = choices.get("home").map(|choice| choice.from.clone());
            let settings = layers.settings(&profile).expect("settings");
            Ok::<_, String>((settings.home.expect("a root"), from.expect("a place")))
        };
        let none = Settings::default;
        let found = |path: &str, from: &str| Ok((PathBuf::from(path), from.to_owned()));
        let by_variable = ask(&new, none(), "/srv/second", &[]);
        assert_eq!(by_variable, found("/srv/second", "HERMES_HOME"));
        let same = ask(&installed, none(), "/srv/first", &[]);
        assert_eq!(same, found("/srv/first", "--home"));
        let typed = ask(&installed, home("/srv/third"), "/srv/second", &[]);
        assert_eq!(typed, found("/srv/third", "--home"));
        let kept = ask(&installed, none(), "/srv/first", &reset);
        assert_eq!(kept, found("/srv/first", "HERMES_HOME"));
        for reset in [&[][..], &reset] {
            let refused = ask(&installed, none(), "/srv/second", reset).expect_err("a move");
            for part in [
                "installed on `/srv/first`",
                "says `/srv/second`",
                "`env -u HERMES_HOME hermes-install --profile default`",
                "`hermes-install --profile default --home /srv/second`",
            ] {
                assert!(refused.contains(part), "{part}\n{refused}");
            }
        }
    }

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
