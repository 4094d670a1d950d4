//! What a template may see, validated: after this no value can break a unit. Pure.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::layout::{ACCOUNT, Layout, SHIELD, SYSTEMD_FLOOR, Scope};
use crate::profile::ProfileName;
use crate::render::escape::{self};
use crate::render::instance::Instance;
use crate::render::invalid::Invalid;

/// Everything that rendering depends on.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// Who places the files.
    pub(crate) layout: Layout,
    /// Which manager runs them.
    pub(crate) scope: Scope,
    /// The systemd version they are for; newer directives are left out.
    pub(crate) systemd: u32,
    /// The directory above `bin/hermes-install`, for the Nix layout.
    pub(crate) prefix: Option<PathBuf>,
    /// Whether the units of all profiles are part of the tree, or a package owns them already.
    pub(crate) shared_units: bool,
    /// The launcher, where it is not at the layout's own place.
    pub(crate) launcher: Option<String>,
    /// The profiles with settings of their own.
    pub(crate) instances: Vec<Instance>,
    /// Other units that a drop-in makes safe.
    pub(crate) shields: Vec<Shield>,
    /// Whether drop-ins wait for units that hermes itself writes.
    pub(crate) guard: bool,
}

/// Somebody else's unit that runs one profile's gateway, under a drop-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shield {
    /// The unit's name.
    pub(crate) unit: String,
    /// The profile that it runs.
    pub(crate) profile: ProfileName,
    /// The hermes root.
    pub(crate) root: PathBuf,
    /// The hermes executable that belongs to what the unit ran.
    pub(crate) hermes: PathBuf,
    /// Seconds of drain that the gateway is configured for, as seen when the shield was put up.
    #[serde(default)]
    pub(crate) gateway_drain: u32,
    /// Version of hermes seen then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hermes_version: Option<String>,
}

impl Shield {
    /// The drop-in, relative to the directory of units.
    pub(crate) fn drop_in(&self) -> String {
        format!("{}.d/{SHIELD}", self.unit)
    }

    fn check(&self) -> Result<(), Invalid> {
        let plain = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
        if !self.unit.ends_with(".service") || !self.unit.chars().all(plain) {
            return Err(Invalid::Unit(self.unit.clone()));
        }
        check_path(&self.profile, "home", &self.root)?;
        check_path(&self.profile, "hermes", &self.hermes)
    }
}

/// When a gateway that ended comes back. No value brings back a gateway that was stopped or replaced, and a planned
/// restart (exit status 75) comes back under each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RestartPolicy {
    /// After every crash, as the template unit says.
    #[default]
    OnFailure,
    /// After a crash, but not when it was killed (SIGKILL, and so the OOM killer, too).
    UnlessKilled,
    /// Never by itself.
    Never,
}

impl RestartPolicy {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How far the gateway and its tools are shut off from the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Hardening {
    /// As the template unit says.
    #[default]
    Strict,
    /// Tools may use devices, containers and programs that gain rights, such as sudo; files stay protected.
    Relaxed,
}

impl Hardening {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// An account and its group, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// User name.
    pub(crate) user: String,
    /// Group name.
    pub(crate) group: String,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            user: ACCOUNT.to_owned(),
            group: ACCOUNT.to_owned(),
        }
    }
}

/// Whether this gateway ends a planned restart with exit status 0 under systemd: 0.16 and 0.17 do (hermes-agent PR
/// 56362; gateway/run.py of 0.16.0), all others exit 75.
pub(crate) fn exits_zero_on_restart(version: Option<&str>) -> bool {
    version.is_some_and(|v| v.starts_with("0.16.") || v.starts_with("0.17."))
}

/// Variables that the units and the launcher set.
pub(crate) const UNITS: [&str; 4] = [
    "HERMES_HOME",
    "HERMES_INSTALL_HERMES",
    "HERMES_GATEWAY_MAX_STARTS",
    "HERMES_RESTART_DRAIN_TIMEOUT",
];

/// Whether a text is a variable's name (systemd.exec(5), Environment=).
pub(crate) fn is_variable(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(plain) && name.starts_with(|c: char| !c.is_ascii_digit())
}

pub(super) fn check_path(
    profile: &ProfileName,
    setting: &'static str,
    path: &Path,
) -> Result<(), Invalid> {
    let Some(text) = path.to_str() else {
        return Err(Invalid::NotUtf8 {
            profile: profile.clone(),
            setting,
            path: path.to_owned(),
        });
    };
    check_text(profile, setting, text)?;
    let climbs = path.components().any(|c| c == Component::ParentDir);
    if !path.is_absolute() || climbs {
        return Err(Invalid::Path {
            profile: profile.clone(),
            setting,
            path: path.to_owned(),
        });
    }
    Ok(())
}

pub(super) fn check_text(profile: &ProfileName, setting: &str, value: &str) -> Result<(), Invalid> {
    escape::check(setting, value).map_err(|source| Invalid::Unwritable {
        profile: profile.clone(),
        source,
    })
}

impl Model {
    /// Check everything that a template relies on.
    pub(crate) fn validate(&self) -> Result<(), Invalid> {
        if self.systemd < SYSTEMD_FLOOR {
            return Err(Invalid::Systemd(self.systemd));
        }
        if let Some(prefix) = &self.prefix {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
            let text = prefix.to_str().unwrap_or("%");
            if !prefix.is_absolute() || !text.chars().all(plain) {
                return Err(Invalid::Prefix(prefix.clone()));
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for instance in &self.instances {
            instance.check()?;
            if !seen.insert(&instance.profile) {
                return Err(Invalid::Twice(instance.profile.clone()));
            }
        }
        self.shields.iter().try_for_each(Shield::check)
    }
}
