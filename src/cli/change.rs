//! Arguments of the commands that change what is installed, and of `plan`, which shows it.

use clap::Args;

use crate::cli::common::{OutputArgs, ScopeArgs, SettingArgs, WaitArgs};
use crate::profile::ProfileName;

// Arguments of install.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Create profiles that are not there, as the account that they are for
    #[arg(long)]
    pub(crate) create: bool,
    /// Do not start the unit at boot
    #[arg(long)]
    pub(crate) no_enable: bool,
    /// Do not start the unit now
    #[arg(long)]
    pub(crate) no_start: bool,
    /// Forget a setting that an earlier run chose or inherited, by its name in the configuration; give it again for more
    #[arg(long, value_name = "SETTING")]
    pub(crate) reset: Vec<String>,
    /// Take the place of another unit that runs the profile: disable it, stop it as planned, move its files to a backup
    #[arg(long)]
    pub(crate) migrate: bool,
    /// Give the profile a gateway of its own where the default profile's would serve it (hermes 0.21.4 and later): sets
    /// `gateway.standalone` with hermes' own command
    #[arg(long)]
    pub(crate) standalone: bool,
    /// Replace files that somebody else wrote or edited, a backup is kept; kill an old gateway that does not end
    #[arg(long)]
    pub(crate) force: bool,
    /// Answer yes to questions
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

// Arguments of plan.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) install: InstallArgs,
    /// Show the changes as a unified diff
    #[arg(long, conflicts_with = "json")]
    pub(crate) diff: bool,
}

// Arguments of adopt.
#[derive(Debug, Args)]
pub(crate) struct AdoptArgs {
    #[command(flatten)]
    pub(crate) install: InstallArgs,
}

// Arguments of shield.
#[derive(Debug, Args)]
pub(crate) struct ShieldArgs {
    /// Shield the unit that hermes made for this profile; give it again for more
    #[arg(long = "profile", short, value_name = "NAME")]
    pub(crate) profiles: Vec<ProfileName>,
    /// Shield this unit, whatever its name; give it again for more
    #[arg(long = "unit", value_name = "UNIT")]
    pub(crate) units: Vec<String>,
    /// Take the drop-in away again
    #[arg(long)]
    pub(crate) remove: bool,
    /// Replace a drop-in that somebody edited; a backup is kept
    #[arg(long, conflicts_with = "remove")]
    pub(crate) force: bool,
    /// Restart units that run without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

// Arguments of guard.
#[derive(Debug, Args)]
pub(crate) struct GuardArgs {
    /// Take it away again; a package's drop-ins are masked
    #[arg(long)]
    pub(crate) remove: bool,
    /// Replace a drop-in that somebody edited; a backup is kept
    #[arg(long, conflicts_with = "remove")]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

// Arguments of split.
#[derive(Debug, Args)]
pub(crate) struct SplitArgs {
    /// The profile, which has a unit of its own in the system's manager
    #[arg(value_name = "PROFILE")]
    pub(crate) profile: ProfileName,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

// Arguments of upgrade.
#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Replace files that somebody else edited; a backup is kept
    #[arg(long)]
    pub(crate) force: bool,
    /// Do not ask before gateways are restarted
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

// Arguments of uninstall.
#[derive(Debug, Args)]
pub(crate) struct UninstallArgs {
    /// Remove this profile's unit only; give it again for more
    #[arg(long = "profile", short, value_name = "NAME")]
    pub(crate) profiles: Vec<ProfileName>,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
