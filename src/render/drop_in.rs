//! What one profile's drop-in has to say: only what differs from the template unit. Pure.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;

use serde::Serialize;

use crate::layout::{SYSTEM_ROOT, Scope};
use crate::profile::{ProfileName, TENANTS};
use crate::render::addition::Addition;
use crate::render::instance::Instance;
use crate::render::model::{Account, Hardening, RestartPolicy, Shield, exits_zero_on_restart};

/// Where systemd's own stop timeout has to be longer than the contract's 210 s: the drain and 30 s to close down
/// (`shutdown_forensics.py` of hermes-agent asks for drain + 30).
fn stop_timeout(drain: u32) -> Option<u32> {
    (drain > 180).then(|| drain.saturating_add(30))
}

/// What a drop-in has to say: only what differs from the template unit.
#[derive(Default, PartialEq, Serialize)]
pub(super) struct DropIn {
    profile: String,
    user: Option<String>,
    group: Option<String>,
    root: Option<String>,
    hermes: Option<String>,
    environment: BTreeMap<String, String>,
    environment_files: Vec<String>,
    credentials: BTreeMap<String, String>,
    mounts: Vec<String>,
    unit_additions: Vec<String>,
    service_additions: Vec<String>,
    restart: RestartPolicy,
    hardening: Hardening,
    drain_timeout: Option<u32>,
    stop_timeout: Option<u32>,
    exits_zero_on_restart: bool,
    home_access: bool,
    read_write_paths: Vec<String>,
    memory_high: Option<String>,
    memory_max: Option<String>,
    tasks_max: Option<NonZeroU32>,
    cpu_weight: Option<NonZeroU32>,
    /// The home directory of a tenant, all of which it may write.
    tenant: Option<String>,
    /// Where all tenants live.
    tenants: Option<&'static str>,
    /// What else a tenant does not see.
    hidden: Vec<&'static str>,
}

impl DropIn {
    /// Nothing to say of this profile.
    pub(super) fn plain(profile: &ProfileName) -> Self {
        Self {
            profile: profile.to_string(),
            ..Self::default()
        }
    }

    pub(super) fn of_shield(shield: &Shield) -> Self {
        Self {
            root: Some(shield.root.display().to_string()),
            hermes: Some(shield.hermes.display().to_string()),
            stop_timeout: stop_timeout(shield.gateway_drain),
            exits_zero_on_restart: exits_zero_on_restart(shield.hermes_version.as_deref()),
            ..Self::plain(&shield.profile)
        }
    }

    pub(super) fn new(instance: &Instance, scope: Scope) -> Self {
        let text = |path: &Path| path.display().to_string();
        let account = instance
            .account
            .clone()
            .filter(|a| *a != Account::default());
        let default_root = (scope == Scope::System).then_some(Path::new(SYSTEM_ROOT));
        let root = instance.root.as_deref();
        let root = root.filter(|r| Some(*r) != default_root).map(text);
        let is_tenant = scope == Scope::System && instance.is_tenant();
        let mut read_write_paths = Vec::new();
        if scope == Scope::System {
            // The template unit lets its own root be written; another root needs the same.
            read_write_paths.extend(root.clone().filter(|_| !is_tenant));
            read_write_paths.extend(instance.read_write_paths.iter().map(|p| text(p)));
        }
        let (user, group) = account.map(|a| (a.user, a.group)).unzip();
        let additions = |section: &str| -> Vec<String> {
            let all = instance.directives.iter();
            all.filter(|a| Addition::section(&a.key) == Some(section))
                .map(ToString::to_string)
                .collect()
        };
        Self {
            profile: instance.profile.to_string(),
            user,
            group,
            root,
            hermes: instance.hermes.as_deref().map(text),
            environment: instance.environment.clone(),
            environment_files: instance.environment_files.iter().map(|p| text(p)).collect(),
            mounts: instance.mounts.iter().map(|p| text(p)).collect(),
            unit_additions: additions("Unit"),
            service_additions: additions("Service"),
            credentials: (instance.credentials.iter())
                .map(|(name, file)| (name.clone(), text(file)))
                .collect(),
            restart: instance.restart,
            hardening: instance.hardening,
            drain_timeout: instance.drain_timeout,
            stop_timeout: stop_timeout(
                instance
                    .drain_timeout
                    .unwrap_or_default()
                    .max(instance.gateway_drain),
            ),
            exits_zero_on_restart: exits_zero_on_restart(instance.hermes_version.as_deref()),
            home_access: scope == Scope::System && instance.home_access,
            read_write_paths,
            memory_high: instance.memory_high.clone(),
            memory_max: instance.memory_max.clone(),
            tasks_max: instance.tasks_max,
            cpu_weight: instance.cpu_weight,
            tenant: is_tenant.then(|| text(&instance.profile.tenant_home())),
            tenants: is_tenant.then_some(TENANTS),
            hidden: if is_tenant {
                hidden(instance)
            } else {
                Vec::new()
            },
        }
    }
}

/// What is of other gateways, and what hermes-install knows of them: none of it is for a tenant, unless its settings
/// need it.
fn hidden(instance: &Instance) -> Vec<&'static str> {
    let needed = instance.hermes.iter().chain(&instance.read_write_paths);
    let places = [
        SYSTEM_ROOT,
        "/var/lib/hermes-install",
        "/etc/hermes-install",
    ];
    let is_needed = |place: &&str| needed.clone().any(|path| path.starts_with(place));
    places
        .into_iter()
        .filter(|place| !is_needed(place))
        .collect()
}
