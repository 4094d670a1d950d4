//! What several commands share: the manager, how much is said, how long to wait, the settings.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::host::span::Span;
use crate::layout::Scope;
use crate::output::Output;
use crate::profile::ProfileName;

// Which manager is meant.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ScopeArgs {
    /// The system's manager: starts at boot, needs root (default as root)
    #[arg(long, conflicts_with = "user")]
    pub(crate) system: bool,
    /// Your own manager (default otherwise)
    #[arg(long)]
    pub(crate) user: bool,
    /// Work on a system image in DIR; nothing that runs is asked or changed
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
}

impl ScopeArgs {
    /// The scope that was asked for, or the default for this account.
    pub(crate) fn scope(&self) -> Scope {
        if self.user || (!self.system && !nix::unistd::geteuid().is_root()) {
            Scope::User
        } else {
            Scope::System
        }
    }
}

// How much is said, and how.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OutputArgs {
    /// Say nothing but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Output as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

impl OutputArgs {
    /// How this run talks.
    pub(crate) fn printer(&self) -> Output {
        Output {
            quiet: self.quiet,
            json: self.json,
        }
    }
}

// How long to wait for another run.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WaitArgs {
    /// Wait up to SECONDS for another hermes-install to finish, instead of failing at once
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait: Option<u64>,
}

impl WaitArgs {
    /// The time.
    pub(crate) fn limit(&self) -> Duration {
        Duration::from_secs(self.wait.unwrap_or_default())
    }
}

// Settings of the profiles to install.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SettingArgs {
    /// Profile to run; give it again for more
    #[arg(long = "profile", short, value_name = "NAME")]
    pub(crate) profiles: Vec<ProfileName>,
    /// The hermes executable; found in the usual places when left out
    #[arg(long, value_name = "PATH")]
    pub(crate) hermes: Option<PathBuf>,
    /// The hermes root, HERMES_HOME of the default profile [default: /var/lib/hermes, or ~/.hermes]
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Make the profile a tenant, in the system's manager: an account and a root of its own, out of sight of other gateways
    /// [default for a new profile other than `default`]
    #[arg(long, conflicts_with_all = ["home", "run_as"])]
    pub(crate) tenant: bool,
    /// Have a new profile share the account and the root of other profiles, in the system's manager
    #[arg(long, conflicts_with = "tenant")]
    pub(crate) shared: bool,
    /// Account that the gateway runs as, in the system's manager [default: hermes]
    #[arg(long, value_name = "USER")]
    pub(crate) run_as: Option<String>,
    /// File with environment variables for the gateway; give it again for more
    #[arg(long = "environment-file", value_name = "PATH")]
    pub(crate) environment_files: Vec<PathBuf>,
    /// How long a stop may wait for the gateway's running turns: `300`, `5m`, `1min 30s`
    #[arg(long, value_name = "SPAN")]
    pub(crate) drain_timeout: Option<Span>,
    /// Read settings from FILE instead of the usual places, from standard input with `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
