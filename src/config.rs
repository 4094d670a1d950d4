//! Settings as written in TOML, and their layers: vendor < /etc < user < flags.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::error::{nearest, trouble};
use crate::host::Host;
use crate::host::read::{self, read_small};
use crate::layout::Scope;
use crate::profile::ProfileName;
use crate::settings::{SETTINGS, Setting, Settings};

/// What `--config` calls standard input, so that a plan can be made of a configuration that is in no file.
const STANDARD_INPUT: &str = "-";

/// One file, or all layers in one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    /// See [`GUARD_SETTING`](crate::settings::GUARD_SETTING).
    pub(crate) guard: Option<bool>,
    /// For every profile.
    pub(crate) defaults: Settings,
    /// For one.
    pub(crate) profiles: BTreeMap<ProfileName, Settings>,
    /// The file of each setting that is there, by section and key.
    #[serde(skip)]
    files: BTreeMap<(String, String), String>,
}

impl Config {
    /// The settings of one profile.
    pub(crate) fn settings(&self, profile: &ProfileName, flags: &Settings) -> Settings {
        let own = self.profiles.get(profile).cloned().unwrap_or_default();
        flags.clone().over(&own).over(&self.defaults)
    }

    /// Where a setting of a profile stands, for a person; `None` where no file sets it.
    pub(crate) fn place(&self, profile: &ProfileName, key: &str) -> Option<String> {
        let sections = [format!("profiles.{profile}"), "defaults".to_owned()];
        sections.into_iter().find_map(|section| {
            let file = self.files.get(&(section.clone(), key.to_owned()))?;
            Some(format!("`{key}` in `[{section}]` of `{file}`"))
        })
    }

    /// Where the section of a profile stands, for a person; `None` where there is none.
    pub(crate) fn section(&self, profile: &ProfileName) -> Option<String> {
        let section = format!("profiles.{profile}");
        let mut files = self.files.iter().filter(|((name, _), _)| *name == section);
        let file = files.next().map(|(_, file)| format!(" of `{file}`"));
        let is_there = self.profiles.contains_key(profile);
        is_there.then(|| format!("`[{section}]`{}", file.unwrap_or_default()))
    }

    fn over(mut self, below: Self) -> Self {
        self.guard = self.guard.or(below.guard);
        self.defaults = self.defaults.over(&below.defaults);
        for (name, settings) in below.profiles {
            let own = self.profiles.remove(&name).unwrap_or_default();
            self.profiles.insert(name, own.over(&settings));
        }
        for (setting, file) in below.files {
            self.files.entry(setting).or_insert(file);
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
                ("guard", None) if value.is_bool() => {}
                ("guard", _) => bail!("configuration `{name}`: `guard` is neither true nor false"),
                ("defaults" | "profiles", None) => {
                    bail!("configuration `{name}`: `{key}` is not a table")
                }
                _ => trouble!(
                    "configuration `{name}`: unknown section or setting `{key}`";
                    "there are `guard`, `[defaults]` and `[profiles.NAME]`"
                ),
            }
        }
        let files = places(&table, name);
        // The text once more when that fails: its errors name the line.
        let config = table.try_into().or_else(|_| toml::from_str(text));
        let config: Self = config.with_context(wrong)?;
        Ok(Self { files, ..config })
    }

    /// A file that somebody named, or standard input.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        if file == Path::new(STANDARD_INPUT) {
            let text = read::standard_input(read::TEXT)
                .context("the configuration on standard input cannot be read")?;
            return Self::parse(&text, "standard input");
        }
        Self::read_if_there(file)?
            .with_context(|| format!("configuration `{}` does not exist", file.display()))
    }

    fn read_if_there(path: &Path) -> Result<Option<Self>> {
        let failed = || format!("configuration `{}` cannot be read", path.display());
        let Some(bytes) = read_small(path, read::TEXT).with_context(failed)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes).with_context(failed)?;
        Self::parse(&text, &path.display().to_string()).map(Some)
    }

    /// The file that was named, or every layer that exists.
    pub(crate) fn load(file: Option<&Path>, host: &Host) -> Result<Self> {
        if let Some(file) = file {
            return Self::read(file);
        }
        let mut layers = vec![
            host.real(Path::new("/usr/lib/hermes-install/config.toml")),
            host.real(Path::new("/etc/hermes-install/config.toml")),
        ];
        if host.scope == Scope::User {
            layers.push(host.real(&host.own.home.join(".config/hermes-install/config.toml")));
        }
        let mut config = Self::default();
        for layer in layers {
            if let Some(upper) = Self::read_if_there(&layer)? {
                config = upper.over(config);
            }
        }
        Ok(config)
    }
}

/// Every setting of a file, by section and key.
fn places(table: &toml::Table, name: &str) -> BTreeMap<(String, String), String> {
    let profiles = table.get("profiles").and_then(toml::Value::as_table);
    let profiles = profiles.into_iter().flatten();
    let sections = profiles.map(|(profile, settings)| (format!("profiles.{profile}"), settings));
    let defaults = table.get("defaults").map(|d| ("defaults".to_owned(), d));
    let mut found = BTreeMap::new();
    for (section, settings) in sections.chain(defaults) {
        for key in settings.as_table().into_iter().flat_map(toml::Table::keys) {
            found.insert((section.clone(), key.clone()), name.to_owned());
        }
    }
    found
}

/// Refuse an unknown key and name the nearest known one.
pub(crate) fn known<'a>(mut keys: impl Iterator<Item = &'a String>, section: &str) -> Result<()> {
    // There is a section for each profile.
    static ALL: LazyLock<Vec<String>> =
        LazyLock::new(|| SETTINGS.iter().map(Setting::key).collect());
    let Some(key) = keys.find(|key| !ALL.contains(key)) else {
        return Ok(());
    };
    match nearest(key, ALL.iter().map(String::as_str)) {
        Some(near) => {
            trouble!("unknown key `{key}` in `[{section}]`"; "did you mean `{near}`?")
        }
        None => trouble!("unknown key `{key}` in `[{section}]`"; "there are {}", ALL.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::span::Span;

    /// A configuration of one profile with all examples but these.
    fn examples(without: &[&str]) -> String {
        let lines = SETTINGS.iter().filter(|s| !without.contains(&&*s.key()));
        let lines: String = lines
            .map(|s| format!("{} = {}\n", s.key(), s.example))
            .collect();
        format!("[profiles.x]\n{lines}")
    }

    fn of_x(text: &str) -> Settings {
        let config = Config::parse(text, "x.toml").expect("an example that can be read");
        config.settings(&"x".parse().expect("a name"), &Settings::default())
    }

    #[test]
    fn every_setting_has_an_example_that_is_read_and_kept_over_lower_layers() {
        let full = of_x(&examples(&[]));
        let written = toml::Table::try_from(&full).expect("serialises");
        for setting in SETTINGS {
            assert!(written.contains_key(&setting.key()), "{}", setting.key());
            assert!(setting.about().ends_with('.'), "{}", setting.key());
        }
        assert_eq!(written.len(), SETTINGS.len());
        assert_eq!(full.clone().over(&Settings::default()), full);
        assert_eq!(Settings::default().over(&full), full);
    }

    #[test]
    fn a_setting_is_found_in_the_file_that_counts() {
        let upper = Config::parse("[defaults]\nhome = \"/a\"\n", "/etc/upper.toml").expect("reads");
        let text = "[defaults]\nhome = \"/b\"\n[profiles.x]\nmemory-max = \"1G\"\n";
        let lower = Config::parse(text, "/etc/lower.toml").expect("reads");
        let config = upper.over(lower);
        let place = |key: &str| config.place(&"x".parse().expect("a name"), key);
        let home = "`home` in `[defaults]` of `/etc/upper.toml`";
        assert_eq!(place("home").as_deref(), Some(home));
        let memory = "`memory-max` in `[profiles.x]` of `/etc/lower.toml`";
        assert_eq!(place("memory-max").as_deref(), Some(memory));
        assert_eq!(place("hermes"), None);
    }

    #[test]
    fn every_setting_of_a_unit_changes_what_is_rendered() {
        let render = |settings: Settings| {
            let profile = "x".parse().expect("a name");
            let instance = crate::commands::render::instance(&profile, Scope::System, settings);
            let model = crate::render::model::Model {
                layout: crate::layout::Layout::Host,
                scope: Scope::System,
                systemd: crate::layout::SYSTEMD_FLOOR,
                prefix: None,
                shared_units: false,
                launcher: None,
                instances: vec![instance],
                shields: Vec::new(),
                guard: false,
            };
            crate::render::render(&model).expect("renders")
        };
        // A tenant's account and root are no settings.
        let full = render(of_x(&examples(&["tenant"])));
        assert_ne!(render(of_x(&examples(&["home", "run-as"]))), full);
        for setting in SETTINGS.iter().filter(|s| s.key() != "tenant") {
            let key = setting.key();
            // These two are install's, and in no unit.
            let is_of_install = ["enable", "start"].contains(&&*key);
            let is_same = render(of_x(&examples(&["tenant", &key]))) == full;
            assert_eq!(is_same, is_of_install, "{key}");
        }
    }

    #[test]
    fn every_setting_is_an_option_of_the_nix_modules() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let read = |name: &str| std::fs::read_to_string(top.join(name)).expect("can be read");
        let nix = read("nix/settings.nix");
        let (_, nix) = nix
            .split_once("settings = hermes: profile: {")
            .expect("settings");
        let (nix, _) = nix.split_once("};").expect("an end");
        let words: Vec<&str> = nix
            .split(|c: char| !c.is_alphanumeric() && c != '-')
            .collect();
        for setting in SETTINGS {
            let key = setting.key();
            // On NixOS these are the module's own options: a unit's `enable`, its `environment` and `extraServiceConfig`,
            // and for an account of its own `user` and `stateDir`.
            let own = ["enable", "start", "environment", "directives"];
            let is_option = words.contains(&&*key) || own.contains(&&*key);
            assert!(is_option, "{key} is missing in nix/settings.nix");
        }
    }

    #[test]
    fn a_span_is_seconds_or_what_systemd_takes() {
        for (text, seconds) in [
            ("300", 300),
            ("5m", 300),
            ("1min 30s", 90),
            ("2h", 7200),
            ("0", 0),
        ] {
            assert_eq!(text.parse(), Ok(Span(seconds)), "{text}");
        }
        for bad in ["", "5 parsecs", "infinity", "1.5s", "-1", "5000000000"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
        let of = |value: &str| {
            let text = format!("[defaults]\ndrain-timeout = {value}\n");
            let settings = Config::parse(&text, "x.toml").map(|c| c.defaults.drain_timeout);
            settings.map_err(|e| format!("{e:#}"))
        };
        assert_eq!(of("300"), Ok(Some(Span(300))));
        assert_eq!(of("\"5m\""), Ok(Some(Span(300))));
        for bad in ["\"soon\"", "true", "-1"] {
            let text = of(bad).expect_err("refused");
            assert!(text.contains("x.toml") && text.contains("5m"), "{text}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let error =
            Config::parse("[profiles.coder]\ndrain-timout = 3\n", "x.toml").expect_err("typo");
        let error = crate::error::Error::of(&error);
        let text = &error.message;
        assert!(
            text.contains("`drain-timout` in `[profiles.coder]`"),
            "{text}"
        );
        assert_eq!(error.hints, ["did you mean `drain-timeout`?"]);
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
