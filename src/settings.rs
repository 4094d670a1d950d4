//! The settings of a profile: one list, from which the struct, the keys, the layers and the pages follow.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::cli::SettingArgs;
use crate::host::span::Span;
use crate::render::addition::Addition;
use crate::render::instance::Instance;
use crate::render::model::{Hardening, RestartPolicy};

/// What is known of a setting beside its value; the struct, the keys, the layers, the man page and the tests follow
/// from the one list below.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    field: &'static str,
    /// What it means, one line each.
    about: &'static [&'static str],
    /// A value, as TOML.
    pub(crate) example: &'static str,
}

impl Setting {
    /// Its key in TOML.
    pub(crate) fn key(&self) -> String {
        self.field.replace('_', "-")
    }

    /// What it means.
    pub(crate) fn about(&self) -> String {
        let lines: Vec<&str> = self.about.iter().map(|line| line.trim()).collect();
        lines.join(" ")
    }
}

macro_rules! settings {
    ($($(#[doc = $about:literal])+ $field:ident: $type:ty = $example:literal,)+) => {
        /// Settings of one profile, or of all. What is absent is left to the layer below.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, rename_all = "kebab-case")]
        pub(crate) struct Settings {
            $($(#[doc = $about])+ pub(crate) $field: Option<$type>,)+
        }

        /// Every setting, in the order in which they are explained.
        pub(crate) const SETTINGS: &[Setting] = &[$(Setting {
            field: stringify!($field),
            about: &[$($about),+],
            example: $example,
        }),+];

        impl Settings {
            /// These settings over others.
            pub(crate) fn over(self, below: &Self) -> Self {
                Self { $($field: self.$field.or_else(|| below.$field.clone()),)+ }
            }
        }
    };
}

settings! {
    /// The hermes executable. Default: the one that was named for `default`, for a new profile on the same root; else it is
    /// searched for in the usual places.
    hermes: PathBuf = r#""/opt/hermes/bin/hermes""#,
    /// The hermes root, HERMES_HOME of the default profile. Default: /var/lib/hermes, or ~/.hermes of another account.
    home: PathBuf = r#""/srv/hermes""#,
    /// Whether the profile is a tenant, in the system's manager: an account `hermes-NAME` and a hermes root of its own, and
    /// nothing of other gateways in sight. Default: true for a new profile other than `default`; one that is installed, or has
    /// its home below /var/lib/hermes, stays as it is.
    tenant: bool = "true",
    /// The account that the gateway runs as, in the system's manager. Default: hermes.
    run_as: String = r#""bob""#,
    /// Its group, where that is not the account's own.
    group: String = r#""bots""#,
    /// Variables for the gateway's environment that are no secrets (Environment=): every account can read them, and nothing is expanded in them.
    environment: BTreeMap<String, String> = r#"{ TZ = "Europe/Berlin" }"#,
    /// Files with environment variables for the gateway. systemd reads them at each start, and starts nothing without them. Those of
    /// a system unit can be written by root alone.
    environment_files: Vec<PathBuf> = r#"["/etc/hermes-install/proxy.env"]"#,
    /// Files that systemd hands to the gateway as credentials, by name (LoadCredential=). What `environment-files` says of its
    /// files holds for these, too.
    credentials: BTreeMap<String, PathBuf> = r#"{ bot-token = "/etc/hermes-install/token" }"#,
    /// How long a stop may wait for running turns: seconds, or a span as systemd writes it, such as "5m".
    drain_timeout: Span = r#""5m""#,
    /// Whether the unit starts at boot. Default: true.
    enable: bool = "false",
    /// Whether install starts the unit. Default: true.
    start: bool = "false",
    /// When a gateway that ended comes back: "on-failure" (after every crash, the default), "unless-killed" (not after SIGKILL, and
    /// so not after the OOM killer) or "never".
    restart: RestartPolicy = r#""unless-killed""#,
    /// How far the gateway is shut off from the host: "strict", the default, or "relaxed" for tools that need sudo, devices or
    /// containers.
    hardening: Hardening = r#""relaxed""#,
    /// Paths beside the hermes root that the gateway and its tools may write, in the system's manager.
    read_write_paths: Vec<PathBuf> = r#"["/srv/repositories"]"#,
    /// Memory above which the gateway is slowed down (MemoryHigh=): bytes with `K`, `M`, `G` or `T`, or a share with `%`.
    memory_high: String = r#""2G""#,
    /// Memory that the gateway cannot exceed (MemoryMax=), written in the same way.
    memory_max: String = r#""4G""#,
    /// How many processes and threads the gateway and its tools may have at a time (TasksMax=).
    tasks_max: NonZeroU32 = "500",
    /// The gateway's share of a processor that others want, too, from 1 to 10000; what says nothing has 100 (CPUWeight=).
    cpu_weight: NonZeroU32 = "50",
    /// Directives for the unit as a unit file has them: dependencies, groups and limits. `--migrate` takes them over from an old
    /// unit.
    directives: Vec<Addition> = r#"["After=docker.service", "SupplementaryGroups=docker"]"#,
}

/// The setting that stands before all sections, since it is of the host and of no profile.
pub(crate) const GUARD_SETTING: Setting = Setting {
    field: "guard",
    about: &[
        "Whether units that `hermes gateway install` writes are made safe by drop-ins that wait for them. Default: true.",
        "Stands before all sections; install and upgrade follow it, and `hermes-install guard` does as it is told.",
    ],
    example: "false",
};

impl Settings {
    /// Files that systemd itself reads before it runs anything: what they are, the setting that names them, and where they are.
    pub(crate) fn read_by_systemd(
        &self,
    ) -> impl Iterator<Item = (&'static str, &'static str, &PathBuf)> {
        let environment = self.environment_files.iter().flatten();
        let credentials = self.credentials.iter().flat_map(|c| c.values());
        environment
            .map(|path| ("environment file", "environment-files", path))
            .chain(credentials.map(|path| ("credential", "credentials", path)))
    }

    /// What the command line says of every profile.
    pub(crate) fn from_args(args: &SettingArgs) -> Result<Self> {
        let absolute = |path: &PathBuf| {
            std::path::absolute(path).with_context(|| format!("`{}` is not a path", path.display()))
        };
        // Every flag by name, so that none is forgotten here.
        let SettingArgs {
            profiles: _,
            config: _,
            hermes,
            home,
            tenant,
            shared,
            run_as,
            environment_files,
            drain_timeout,
        } = args;
        Ok(Self {
            hermes: hermes.as_ref().map(absolute).transpose()?,
            home: home.as_ref().map(absolute).transpose()?,
            tenant: (*tenant || *shared).then_some(*tenant),
            run_as: run_as.clone(),
            environment_files: match environment_files.as_slice() {
                [] => None,
                files => Some(files.iter().map(absolute).collect::<Result<_>>()?),
            },
            drain_timeout: *drain_timeout,
            ..Self::default()
        })
    }

    /// Take over what needs no host to be looked at: all but the account, the hermes root and the executable.
    pub(crate) fn apply(&self, to: &mut Instance) {
        // Every setting by name, so that none is forgotten here.
        let Self {
            hermes: _,
            home: _,
            tenant: _,
            run_as: _,
            group: _,
            enable: _,
            start: _,
            environment,
            environment_files,
            credentials,
            drain_timeout,
            restart,
            hardening,
            read_write_paths,
            memory_high,
            memory_max,
            tasks_max,
            cpu_weight,
            directives,
        } = self.clone();
        to.environment = environment.unwrap_or_default();
        to.environment_files = environment_files.unwrap_or_default();
        to.credentials = credentials.unwrap_or_default();
        to.drain_timeout = drain_timeout.map(|span| span.0);
        to.restart = restart.unwrap_or_default();
        to.hardening = hardening.unwrap_or_default();
        to.read_write_paths = read_write_paths.unwrap_or_default();
        to.memory_high = memory_high;
        to.memory_max = memory_max;
        to.tasks_max = tasks_max;
        to.cpu_weight = cpu_weight;
        to.directives = directives.unwrap_or_default();
    }
}
