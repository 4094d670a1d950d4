//! The instance of one profile: what its drop-in says.

use crate::layout::Scope;
use crate::profile::ProfileName;
use crate::render::addition::Addition;
use crate::render::invalid::Invalid;
use crate::render::model::{
    Account, Hardening, RestartPolicy, UNITS, check_path, check_text, is_variable,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

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
    /// `TasksMax=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tasks_max: Option<NonZeroU32>,
    /// `CPUWeight=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_weight: Option<NonZeroU32>,
    /// Directives beside those of the template unit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) directives: Vec<Addition>,
}

/// The most that systemd takes for `CPUWeight=`; it passes over a line with more.
pub(super) const HEAVIEST: u32 = 10_000;

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
            tasks_max: None,
            cpu_weight: None,
            directives: Vec::new(),
        }
    }

    /// Whether the profile is a tenant: its root says so.
    pub(crate) fn is_tenant(&self) -> bool {
        let root = self.root.as_deref();
        self.account.is_some() && root.is_some_and(|root| self.profile.is_tenant(root))
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
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
        if let Some(weight) = self.cpu_weight.filter(|weight| weight.get() > HEAVIEST) {
            return Err(Invalid::Weight {
                profile: self.profile.clone(),
                weight,
            });
        }
        Ok(())
    }
}
