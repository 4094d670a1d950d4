//! Settings as written in TOML, and their layers: vendor < /etc < user < flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::cli::SettingArgs;
use crate::host::Host;
use crate::host::read::{self, read_small};
use crate::layout::Scope;
use crate::profile::ProfileName;
use crate::render::model::{Hardening, RestartPolicy};

/// Settings of one profile, or of all. What is absent is left to the layer below.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// The hermes executable.
    pub(crate) hermes: Option<PathBuf>,
    /// The hermes root.
    pub(crate) home: Option<PathBuf>,
    /// The account that the gateway runs as, in system scope.
    pub(crate) run_as: Option<String>,
    /// Its group, when that is not the account's own.
    pub(crate) group: Option<String>,
    /// Files with the gateway's environment.
    pub(crate) environment_files: Option<Vec<PathBuf>>,
    /// Files that systemd hands to the gateway as credentials, by name (`LoadCredential=`).
    pub(crate) credentials: Option<BTreeMap<String, PathBuf>>,
    /// Seconds of drain when the gateway is stopped.
    pub(crate) drain_timeout: Option<u32>,
    /// Whether the unit starts at boot.
    pub(crate) enable: Option<bool>,
    /// Whether install starts the unit.
    pub(crate) start: Option<bool>,
    /// When a gateway that ended comes back.
    pub(crate) restart: Option<RestartPolicy>,
    /// How far the gateway is shut off from the host.
    pub(crate) hardening: Option<Hardening>,
    /// Paths beside the hermes root that the gateway may write, in system scope.
    pub(crate) read_write_paths: Option<Vec<PathBuf>>,
    /// `MemoryHigh=`, as systemd writes it: `2G`, `50%`.
    pub(crate) memory_high: Option<String>,
    /// `MemoryMax=`.
    pub(crate) memory_max: Option<String>,
}

/// The keys of [`Settings`]; a test compares the two.
pub(crate) const KEYS: [&str; 14] = [
    "hermes",
    "home",
    "run-as",
    "group",
    "environment-files",
    "credentials",
    "drain-timeout",
    "enable",
    "start",
    "restart",
    "hardening",
    "read-write-paths",
    "memory-high",
    "memory-max",
];

/// One file, or all layers in one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    /// For every profile.
    pub(crate) defaults: Settings,
    /// For one.
    pub(crate) profiles: BTreeMap<ProfileName, Settings>,
}

impl Settings {
    /// These settings over others.
    pub(crate) fn over(self, below: &Self) -> Self {
        Self {
            hermes: self.hermes.or_else(|| below.hermes.clone()),
            home: self.home.or_else(|| below.home.clone()),
            run_as: self.run_as.or_else(|| below.run_as.clone()),
            group: self.group.or_else(|| below.group.clone()),
            environment_files: self
                .environment_files
                .or_else(|| below.environment_files.clone()),
            credentials: self.credentials.or_else(|| below.credentials.clone()),
            drain_timeout: self.drain_timeout.or(below.drain_timeout),
            enable: self.enable.or(below.enable),
            start: self.start.or(below.start),
            restart: self.restart.or(below.restart),
            hardening: self.hardening.or(below.hardening),
            read_write_paths: self
                .read_write_paths
                .or_else(|| below.read_write_paths.clone()),
            memory_high: self.memory_high.or_else(|| below.memory_high.clone()),
            memory_max: self.memory_max.or_else(|| below.memory_max.clone()),
        }
    }

    /// What the command line says of every profile.
    pub(crate) fn from_args(args: &SettingArgs) -> Result<Self> {
        let absolute = |path: &PathBuf| {
            std::path::absolute(path).with_context(|| format!("`{}` is not a path", path.display()))
        };
        Ok(Self {
            hermes: args.hermes.as_ref().map(absolute).transpose()?,
            home: args.home.as_ref().map(absolute).transpose()?,
            run_as: args.run_as.clone(),
            environment_files: match args.environment_files.as_slice() {
                [] => None,
                files => Some(files.iter().map(absolute).collect::<Result<_>>()?),
            },
            drain_timeout: args.drain_timeout,
            ..Self::default()
        })
    }
}

impl Config {
    /// The settings of one profile.
    pub(crate) fn settings(&self, profile: &ProfileName, flags: &Settings) -> Settings {
        let own = self.profiles.get(profile).cloned().unwrap_or_default();
        flags.clone().over(&own).over(&self.defaults)
    }

    fn over(mut self, below: Self) -> Self {
        self.defaults = self.defaults.over(&below.defaults);
        for (name, settings) in below.profiles {
            let own = self.profiles.remove(&name).unwrap_or_default();
            self.profiles.insert(name, own.over(&settings));
        }
        self
    }

    /// Read one file's text; `name` is for the error.
    pub(crate) fn parse(text: &str, name: &str) -> Result<Self> {
        let wrong = || format!("configuration `{name}`");
        let table: toml::Table = text.parse().with_context(wrong)?;
        for (key, value) in &table {
            match (key.as_str(), value.as_table()) {
                ("defaults", Some(settings)) => {
                    known(settings.keys(), "defaults").with_context(wrong)?
                }
                ("profiles", Some(profiles)) => {
                    for (profile, settings) in profiles {
                        let section = format!("profiles.{profile}");
                        let keys = settings.as_table().map(toml::Table::keys);
                        known(keys.into_iter().flatten(), &section).with_context(wrong)?;
                    }
                }
                ("defaults" | "profiles", None) => {
                    bail!("configuration `{name}`: `{key}` is not a table")
                }
                _ => bail!(
                    "configuration `{name}`: unknown section `[{key}]`; there are `[defaults]` and `[profiles.NAME]`"
                ),
            }
        }
        // The text once more when that fails: its errors name the line.
        let config = table.try_into().or_else(|_| toml::from_str(text));
        config.with_context(wrong)
    }

    /// The file that was named, or every layer that exists.
    pub(crate) fn load(file: Option<&Path>, host: &Host) -> Result<Self> {
        let read = |path: &Path| -> Result<Option<Self>> {
            let failed = || format!("configuration `{}` cannot be read", path.display());
            let Some(bytes) = read_small(path, read::TEXT).with_context(failed)? else {
                return Ok(None);
            };
            let text = String::from_utf8(bytes).with_context(failed)?;
            Self::parse(&text, &path.display().to_string()).map(Some)
        };
        if let Some(file) = file {
            return read(file)?
                .with_context(|| format!("configuration `{}` does not exist", file.display()));
        }
        let mut layers = vec![
            host.at(Path::new("/usr/lib/hermes-install/config.toml")),
            host.at(Path::new("/etc/hermes-install/config.toml")),
        ];
        if host.scope == Scope::User {
            layers.push(host.at(&host.own.home.join(".config/hermes-install/config.toml")));
        }
        let mut config = Self::default();
        for layer in layers {
            if let Some(upper) = read(&layer)? {
                config = upper.over(config);
            }
        }
        Ok(config)
    }
}

/// Refuse an unknown key and name the nearest known one.
pub(crate) fn known<'a>(mut keys: impl Iterator<Item = &'a String>, section: &str) -> Result<()> {
    let Some(key) = keys.find(|k| !KEYS.contains(&k.as_str())) else {
        return Ok(());
    };
    let near = KEYS
        .iter()
        .map(|k| (strsim::jaro_winkler(k, key), k))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, near)) => bail!("unknown key `{key}` in `[{section}]`; did you mean `{near}`?"),
        None => bail!(
            "unknown key `{key}` in `[{section}]`; there are {}",
            KEYS.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_keys_is_the_struct() {
        let full = Settings {
            hermes: Some("a".into()),
            home: Some("a".into()),
            run_as: Some("a".into()),
            group: Some("a".into()),
            environment_files: Some(vec![]),
            credentials: Some(BTreeMap::new()),
            drain_timeout: Some(1),
            enable: Some(true),
            start: Some(true),
            restart: Some(RestartPolicy::Never),
            hardening: Some(Hardening::Relaxed),
            read_write_paths: Some(vec![]),
            memory_high: Some("a".into()),
            memory_max: Some("a".into()),
        };
        let table = toml::Table::try_from(full).expect("serialises");
        let mut keys: Vec<&str> = table.keys().map(String::as_str).collect();
        let mut known = KEYS.to_vec();
        keys.sort_unstable();
        known.sort_unstable();
        assert_eq!(keys, known);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let error =
            Config::parse("[profiles.coder]\ndrain-timout = 3\n", "x.toml").expect_err("typo");
        let text = format!("{error:#}");
        assert!(
            text.contains("`drain-timout` in `[profiles.coder]`"),
            "{text}"
        );
        assert!(text.contains("did you mean `drain-timeout`?"), "{text}");
        assert!(Config::parse("[default]\n", "x.toml").is_err());
    }

    #[test]
    fn a_profile_wins_over_defaults_and_flags_over_both() {
        let config = Config::parse(
            "[defaults]\nrun-as = \"a\"\nmemory-high = \"1G\"\n[profiles.x]\nrun-as = \"b\"\n",
            "x.toml",
        )
        .expect("reads");
        let name: ProfileName = "x".parse().expect("a name");
        let settings = config.settings(&name, &Settings::default());
        assert_eq!(settings.run_as.as_deref(), Some("b"));
        assert_eq!(settings.memory_high.as_deref(), Some("1G"));
        let flags = Settings {
            run_as: Some("c".into()),
            ..Settings::default()
        };
        assert_eq!(config.settings(&name, &flags).run_as.as_deref(), Some("c"));
    }
}
