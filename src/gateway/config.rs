//! hermes' own settings as far as they matter here: `config.yaml` of a profile home, `active_profile` of a root.

use std::path::{Path, PathBuf};

use crate::gateway::version::{Rules, Version};
use crate::gateway::yaml::Settings;
use crate::host::read::{self, Unread, read_small_text};
use crate::host::rootfs::RootFs;

/// `config.yaml` of a profile home; without one, everything is as hermes has it by default.
#[derive(Debug, Default)]
pub(crate) struct Configuration(Settings);

impl Configuration {
    /// Its name in a home.
    pub(crate) const FILE: &str = "config.yaml";

    /// That of a profile home, or of the root as the default profile's. What is no YAML says nothing.
    pub(crate) fn read(home: &Path) -> Self {
        Self::of(read_small_text(&home.join(Self::FILE), read::TEXT))
    }

    /// The same in a look at a host's files.
    pub(crate) fn look(files: &RootFs, home: &Path) -> Self {
        Self::of(files.read_text(&home.join(Self::FILE), read::TEXT))
    }

    fn of(text: Result<Option<String>, Unread>) -> Self {
        let settings = text.ok().flatten().and_then(|text| Settings::parse(&text));
        Self(settings.unwrap_or_default())
    }

    /// Seconds that the gateway is configured to drain for, where that is said: HERMES_RESTART_DRAIN_TIMEOUT, overridden by
    /// `agent.restart_drain_timeout` (gateway/run.py 0.19.0).
    pub(crate) fn drain(&self) -> Option<u32> {
        seconds(self.0.get("agent", "restart_drain_timeout"))
    }

    /// Seconds that a stop lets running turns go on.
    pub(crate) fn turns(&self, version: Option<Version>) -> u32 {
        self.drain().unwrap_or(Rules::of(version).drain)
    }

    /// Seconds within which a stop of the gateway is over but for closing down: turns, jobs of cron and of the API. `told`
    /// is what it was told in its environment. Without a version, the longest of what may hold.
    pub(crate) fn stop_drain(&self, version: Option<Version>, told: Option<u32>) -> u32 {
        let turns = self.drain().max(told);
        let jobs = seconds(self.0.get("agent", "cron_drain_timeout")).unwrap_or_default();
        let jobs = jobs.saturating_add(JOB_CLEANUP);
        let drain = match version {
            Some(version) => Rules::of(Some(version)).stop_drain(turns),
            None => turns.unwrap_or(Rules::LONGEST_DRAIN),
        };
        if version.is_some_and(|version| Rules::of(Some(version)).job_drain == 0) {
            drain
        } else {
            drain.max(jobs)
        }
    }

    /// Whether the gateway of this root serves the other profiles, too: `gateway.multiplex_profiles` (since 0.17), or the same
    /// at the top, which comes first; then a gateway of a named profile refuses to start beside it (hermes_cli/gateway.py
    /// 0.19.0).
    pub(crate) fn is_multiplexed(&self) -> bool {
        let places: [&[&str]; 2] = [&["multiplex_profiles"], &["gateway", "multiplex_profiles"]];
        let mut said = places.iter().map(|keys| self.0.at(keys));
        said.find(|value| !value.is_badvalue()).is_some_and(is_true)
    }

    /// Whether this profile has a gateway of its own beside one that serves all: `gateway.standalone` of its own
    /// configuration (since 0.21.5). hermes ignores it for the default profile.
    pub(crate) fn is_standalone(&self) -> bool {
        is_true(self.0.get("gateway", "standalone"))
    }

    /// Whether a platform is turned on here; the last of these places that says so or not holds (`merge_platform_sections` and
    /// `bridge_platform_shared_keys`, gateway/config_loader.py 0.22.2; gateway/config.py before).
    pub(crate) fn turns_on(&self, platform: &str) -> bool {
        let places: [&[&str]; 4] = [
            &["gateway", "platforms", platform, "enabled"],
            &["platforms", platform, "enabled"],
            &["gateway", platform, "enabled"],
            &[platform, "enabled"],
        ];
        let said = places.iter().map(|keys| self.0.at(keys));
        said.rev()
            .find(|value| !value.is_badvalue())
            .is_some_and(is_true)
    }

    /// Whether a token for a platform stands here, in place of its variable. A section of the platform's name at the top has
    /// none (`_bridged_keys`, gateway/config_loader.py 0.22.2; gateway/config.py 0.19.0).
    pub(crate) fn has_token(&self, platform: &str) -> bool {
        let places: [&[&str]; 4] = [
            &["gateway", "platforms", platform, "token"],
            &["platforms", platform, "token"],
            &["gateway", "platforms", platform, "api_key"],
            &["platforms", platform, "api_key"],
        ];
        let mut set = places.iter().map(|keys| self.0.at(keys));
        set.any(|value| !value.is_badvalue() && value.as_str() != Some(""))
    }

    /// Whether variables come from a vault, too: `secrets.bitwarden.enabled` and the like (`_load_secrets_config`,
    /// hermes_cli/env_loader.py 0.19.0 and 0.22.2).
    pub(crate) fn has_vault(&self) -> bool {
        self.0.below("secrets", "enabled").any(is_true)
    }

    /// Whether hermes may install what it lacks: `security.allow_lazy_installs` (tools/lazy_deps.py of 0.13 to 0.21).
    pub(crate) fn may_install(&self) -> bool {
        let value = self.0.get("security", "allow_lazy_installs");
        value.as_bool() != Some(false)
    }

    /// Where the tools of the gateway work: `terminal.cwd`, where it names a directory (`~` is the account's home).
    fn terminal_directory(&self, account_home: &Path) -> Option<PathBuf> {
        let text = self.0.get("terminal", "cwd").as_str()?.trim();
        let path = match text.strip_prefix("~/") {
            Some(rest) => account_home.join(rest),
            None => PathBuf::from(text),
        };
        path.is_absolute().then_some(path)
    }
}

/// A switch as hermes reads it (`is_truthy_value`, utils.py).
fn is_true(value: &yaml_rust2::Yaml) -> bool {
    let truth = |text: &str| ["1", "true", "yes", "on"].contains(&&*text.trim().to_lowercase());
    value.as_bool() == Some(true) || value.as_i64() == Some(1) || value.as_str().is_some_and(truth)
}

/// [`Configuration::stop_drain`] of a profile home.
pub(crate) fn stop_drain(home: &Path, version: Option<Version>, told: Option<u32>) -> u32 {
    Configuration::read(home).stop_drain(version, told)
}

/// [`Configuration::is_multiplexed`] of a hermes root.
pub(crate) fn is_multiplexed(root: &Path) -> bool {
    Configuration::read(root).is_multiplexed()
}

/// [`Configuration::is_standalone`] of a profile home.
pub(crate) fn is_standalone(home: &Path) -> bool {
    Configuration::read(home).is_standalone()
}

/// [`Configuration::terminal_directory`] of a profile home.
pub(crate) fn terminal_directory(home: &Path, account_home: &Path) -> Option<PathBuf> {
    Configuration::read(home).terminal_directory(account_home)
}

/// `CRON_DRAIN_CLEANUP_RESERVE_S` of gateway/restart.py (0.20.4 to 0.22.2).
const JOB_CLEANUP: u32 = 10;

/// The most seconds that a configuration can ask a stop to wait.
const LONGEST_DRAIN: u32 = 3600;

fn seconds(value: &yaml_rust2::Yaml) -> Option<u32> {
    let seconds = value
        .as_f64()
        .or_else(|| value.as_i64().map(|n| n as f64))
        .or_else(|| value.as_str()?.trim().parse().ok())?;
    // Whoever can write the file must not keep a host from shutting down; the cast makes a bound of nonsense.
    Some((seconds.ceil() as u32).min(LONGEST_DRAIN))
}

/// The file of a hermes root that names its active profile.
pub(crate) const ACTIVE_PROFILE: &str = "active_profile";

/// The active profile of a hermes root, where its file can hold a name.
pub(crate) fn active_profile(files: &RootFs, hermes_root: &Path) -> Option<String> {
    let text = files.read_text(&hermes_root.join(ACTIVE_PROFILE), read::JSON);
    active_name(&text.ok()??)
}

/// The same from the file's text.
pub(crate) fn active_name(text: &str) -> Option<String> {
    let name = text.trim().to_lowercase();
    (!name.is_empty() && name.len() <= 64).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hermes_installs_what_it_lacks_unless_its_settings_say_no() {
        let may = |text: &str| Configuration::of(Ok(Some(text.to_owned()))).may_install();
        assert!(may("") && may("security:\n  allow_lazy_installs: true\n"));
        assert!(!may("security:\n  allow_lazy_installs: false\n"));
    }

    #[test]
    fn a_platform_is_on_where_the_last_place_says_so() {
        let on = |text: &str| Configuration::of(Ok(Some(text.to_owned()))).turns_on("telegram");
        for text in [
            "platforms: {telegram: {enabled: true}}",
            "gateway: {platforms: {telegram: {enabled: yes}}}",
            "gateway: {telegram: {enabled: 'on'}}",
            "telegram: {enabled: 1}",
            "platforms: {telegram: {enabled: false}}\ntelegram: {enabled: true}",
        ] {
            assert!(on(text), "{text}");
        }
        for text in [
            "",
            "platforms: {telegram: {token: x}, slack: {enabled: true}}",
            "platforms: {telegram: {enabled: true}}\ntelegram: {enabled: false}",
            "gateway: {platforms: {telegram: {enabled: true}}}\nplatforms: {telegram: {enabled: null}}",
        ] {
            assert!(!on(text), "{text}");
        }
    }

    #[test]
    fn one_gateway_for_all_is_asked_for_in_either_place() {
        let is = |text: &str| Configuration::of(Ok(Some(text.to_owned()))).is_multiplexed();
        for text in [
            "gateway: {multiplex_profiles: true}",
            "gateway: {multiplex_profiles: 'yes'}",
            "multiplex_profiles: on\ngateway: {multiplex_profiles: false}",
        ] {
            assert!(is(text), "{text}");
        }
        for text in [
            "",
            "gateway: {multiplex_profiles: false}",
            "multiplex_profiles: false\ngateway: {multiplex_profiles: true}",
        ] {
            assert!(!is(text), "{text}");
        }
    }
}
