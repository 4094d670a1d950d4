//! What a template may see, validated: after this no value can break a unit. Pure.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::layout::{ACCOUNT, Layout, SHIELD, SYSTEMD_FLOOR, Scope};
use crate::profile::ProfileName;
use crate::render::addition::Addition;
use crate::render::escape::{self, Unwritable};

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

/// One profile's settings, resolved. What equals the template unit's default is absent from the rendered drop-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instance {
    /// The profile.
    pub(crate) profile: ProfileName,
    /// The hermes root; `None` is the one that the template unit names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) root: Option<PathBuf>,
    /// The hermes executable; `None` leaves the search to the launcher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hermes: Option<PathBuf>,
    /// Account and group the gateway runs as; `None` in user scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<Account>,
    /// Variables of the gateway's environment that are no secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) environment: BTreeMap<String, String>,
    /// Files with the gateway's environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) environment_files: Vec<PathBuf>,
    /// Files that systemd hands to the gateway as credentials, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) credentials: BTreeMap<String, PathBuf>,
    /// When a gateway that ended comes back.
    #[serde(default, skip_serializing_if = "RestartPolicy::is_default")]
    pub(crate) restart: RestartPolicy,
    /// How far the gateway is shut off from the host.
    #[serde(default, skip_serializing_if = "Hardening::is_default")]
    pub(crate) hardening: Hardening,
    /// Seconds the gateway may take to finish its turns when it is stopped, as the user set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) drain_timeout: Option<u32>,
    /// Seconds of drain that the gateway itself is configured for, as seen at install.
    #[serde(default)]
    pub(crate) gateway_drain: u32,
    /// Version of hermes seen at install.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hermes_version: Option<String>,
    /// Whether paths under /home, /root or /run/user are needed.
    #[serde(default)]
    pub(crate) home_access: bool,
    /// Paths beside the hermes root that the gateway may write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) read_write_paths: Vec<PathBuf>,
    /// Paths on disks of their own that have to be mounted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) mounts: Vec<PathBuf>,
    /// `MemoryHigh=` and `MemoryMax=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory_high: Option<String>,
    /// See `memory_high`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory_max: Option<String>,
    /// Directives beside those of the template unit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) directives: Vec<Addition>,
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
    fn is_default(&self) -> bool {
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
    fn is_default(&self) -> bool {
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

/// A model that cannot be rendered.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// A value that no unit file can hold.
    #[error("profile `{profile}`: {source}")]
    Unwritable {
        /// The profile it belongs to.
        profile: ProfileName,
        /// Which value and why.
        source: Unwritable,
    },
    /// A path that is not absolute or climbs with `..`.
    #[error("profile `{profile}`: `{setting}` is `{path}`: give an absolute path without `..`")]
    Path {
        /// The profile it belongs to.
        profile: ProfileName,
        /// The setting.
        setting: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// A path that is not UTF-8.
    #[error(
        "profile `{profile}`: `{setting}` is {path:?}: a unit file is UTF-8, and so must be this path"
    )]
    NotUtf8 {
        /// The profile it belongs to.
        profile: ProfileName,
        /// The setting.
        setting: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// A name that systemd takes for no credential.
    #[error(
        "profile `{profile}`: credential `{name}`: give a name of letters, digits and `._-` that starts with a letter \
         or digit"
    )]
    Credential {
        /// The profile it belongs to.
        profile: ProfileName,
        /// The name.
        name: String,
    },
    /// A name that is no variable's, or of one that the units set.
    #[error(
        "profile `{profile}`: variable `{name}` in `environment`: give a name of letters, digits and `_`, and none that \
         a setting of its own sets ({})", UNITS.join(", ")
    )]
    Variable {
        /// The profile it belongs to.
        profile: ProfileName,
        /// The name.
        name: String,
    },
    /// A systemd older than the floor.
    #[error(
        "systemd {0} is older than {SYSTEMD_FLOOR}, the oldest that these units are made for and tested with; `doctor` and \
         `status` work here; upgrade the system (Debian 12 and Ubuntu 24.04 have one that is new enough), or take what \
         `hermes-install render --systemd {SYSTEMD_FLOOR}` prints at your own risk"
    )]
    Systemd(u32),
    /// A prefix that would need quoting in an Exec line.
    #[error("prefix `{0}`: give an absolute path of letters, digits and `/._+-` only")]
    Prefix(PathBuf),
    /// A name that is no service's.
    #[error("`{0}` is not the name of a service; name a unit such as `hermes-gateway.service`")]
    Unit(String),
    /// The same profile twice.
    #[error("profile `{0}` is given twice; name each profile once")]
    Twice(ProfileName),
}

impl Instance {
    /// A profile of this scope as the template unit runs it without any drop-in.
    pub(crate) fn plain(profile: ProfileName, scope: Scope) -> Self {
        Self {
            profile,
            root: None,
            hermes: None,
            account: (scope == Scope::System).then(Account::default),
            environment: BTreeMap::new(),
            environment_files: Vec::new(),
            credentials: BTreeMap::new(),
            restart: RestartPolicy::default(),
            hardening: Hardening::default(),
            drain_timeout: None,
            gateway_drain: 0,
            hermes_version: None,
            home_access: false,
            read_write_paths: Vec::new(),
            mounts: Vec::new(),
            memory_high: None,
            memory_max: None,
            directives: Vec::new(),
        }
    }

    /// Whether the profile is a tenant: its root says so.
    pub(crate) fn is_tenant(&self) -> bool {
        let root = self.root.as_deref();
        self.account.is_some() && root.is_some_and(|root| self.profile.is_tenant(root))
    }

    fn check(&self) -> Result<(), Invalid> {
        let path = |setting, path: &Path| check_path(&self.profile, setting, path);
        if let Some(root) = &self.root {
            path("home", root)?;
        }
        if let Some(hermes) = &self.hermes {
            path("hermes", hermes)?;
        }
        for (name, value) in &self.environment {
            if !is_variable(name) || UNITS.contains(&name.as_str()) {
                return Err(Invalid::Variable {
                    profile: self.profile.clone(),
                    name: name.clone(),
                });
            }
            if !value.is_empty() {
                check_text(&self.profile, "environment", value)?;
            }
        }
        for file in &self.environment_files {
            path("environment-file", file)?;
        }
        for (name, file) in &self.credentials {
            let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
            if !starts || !name.chars().all(plain) {
                return Err(Invalid::Credential {
                    profile: self.profile.clone(),
                    name: name.clone(),
                });
            }
            path("credentials", file)?;
        }
        for place in &self.mounts {
            path("home", place)?;
        }
        for dir in &self.read_write_paths {
            path("read-write-paths", dir)?;
        }
        if let Some(account) = &self.account {
            check_text(&self.profile, "run-as", &account.user)?;
            check_text(&self.profile, "run-as", &account.group)?;
        }
        for (setting, value) in [
            ("memory-high", &self.memory_high),
            ("memory-max", &self.memory_max),
        ] {
            if let Some(value) = value {
                check_text(&self.profile, setting, value)?;
            }
        }
        Ok(())
    }
}

/// Whether this gateway ends a planned restart with exit status 0 under systemd: 0.16 and 0.17 do (hermes-agent PR
/// 56362; gateway/run.py of 0.16.0), all others exit 75.
pub(crate) fn exits_zero_on_restart(version: Option<&str>) -> bool {
    version.is_some_and(|v| v.starts_with("0.16.") || v.starts_with("0.17."))
}

/// Variables that the units and the launcher set.
const UNITS: [&str; 4] = [
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

fn check_path(profile: &ProfileName, setting: &'static str, path: &Path) -> Result<(), Invalid> {
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

fn check_text(profile: &ProfileName, setting: &str, value: &str) -> Result<(), Invalid> {
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
