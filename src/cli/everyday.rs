//! Arguments of the commands for every day: to look, to start and stop, to find what is wrong.

use clap::Args;

use crate::cli::common::{OutputArgs, ScopeArgs, WaitArgs};
use crate::profile::ProfileName;

// Arguments of status.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Show this profile only, and all that is known of it; give it again for more
    #[arg(long = "profile", short, value_name = "NAME")]
    pub(crate) profiles: Vec<ProfileName>,
    /// Say all that is known of each profile, as `--profile` does of one
    #[arg(long, short)]
    pub(crate) long: bool,
    /// Look again every two seconds, or so many, until it is interrupted
    #[arg(
        long,
        short,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = clap::value_parser!(u64).range(1..=86_400),
        conflicts_with_all = ["json", "quiet"]
    )]
    pub(crate) watch: Option<u64>,
    /// Print metrics for Prometheus, as node_exporter's textfile collector reads them; the exit status is 0 then
    #[arg(long, conflicts_with_all = ["json", "quiet", "long", "watch"])]
    pub(crate) prometheus: bool,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

// Arguments of show.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Show this profile only; give it again for more
    #[arg(long = "profile", short, value_name = "NAME")]
    pub(crate) profiles: Vec<ProfileName>,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

// Arguments of start and stop.
#[derive(Debug, Clone, Args)]
pub(crate) struct ControlArgs {
    /// Profiles; the only one that is installed when none is named
    #[arg(value_name = "PROFILE")]
    pub(crate) profiles: Vec<ProfileName>,
    /// All installed profiles
    #[arg(long, conflicts_with = "profiles")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

// Arguments of restart.
#[derive(Debug, Args)]
pub(crate) struct RestartArgs {
    #[command(flatten)]
    pub(crate) control: ControlArgs,
    /// Do not ask the gateway to finish its turns first; systemd stops it as the unit says
    #[arg(long)]
    pub(crate) now: bool,
    /// Only gateways that are older than their hermes on disk, and not while `hermes update` works; all profiles when
    /// none is named
    #[arg(long)]
    pub(crate) outdated: bool,
}

// Arguments of logs.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Profiles; the only one that is installed when none is named
    #[arg(value_name = "PROFILE")]
    pub(crate) profiles: Vec<ProfileName>,
    /// All installed profiles
    #[arg(long, conflicts_with = "profiles")]
    pub(crate) all: bool,
    /// Go on with new lines
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// The last N lines
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) lines: Option<u32>,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

// Arguments of why.
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// Profiles; the only one that is installed when none is named
    #[arg(value_name = "PROFILE")]
    pub(crate) profiles: Vec<ProfileName>,
    /// All installed profiles
    #[arg(long, conflicts_with = "profiles")]
    pub(crate) all: bool,
    /// Show the last N lines before the end
    #[arg(long, short = 'n', value_name = "N", default_value_t = 15)]
    pub(crate) lines: u32,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

// Arguments of run.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// The profile; it need not be installed
    #[arg(value_name = "PROFILE")]
    pub(crate) profile: ProfileName,
    /// What hermes is to do, such as `gateway setup`
    #[arg(
        value_name = "ARGS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) words: Vec<String>,
}

// Arguments of doctor.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 nothing but notes; 1 errors or warnings (after --fix, those that are left); \
                        2 usage or trouble; 3 nobody was there to agree to a fix.",
    mut_arg("system", |a| a.help("Show findings about units of the system's manager only")),
    mut_arg("user", |a| a.help("Show findings about units of users' managers only")),
    mut_arg("root", |a| a.help("Look at a system image in DIR; its units are judged by their files"))
)]
pub(crate) struct DoctorArgs {
    /// Show findings about this profile only; give it again for more
    #[arg(long = "profile", short, value_name = "NAME")]
    pub(crate) profiles: Vec<ProfileName>,
    /// List the rules, and do nothing else
    #[arg(long, conflicts_with_all = ["profiles", "explain", "fix", "system", "user", "root"])]
    pub(crate) list: bool,
    /// Say what a rule is about, and do nothing else
    #[arg(long, value_name = "ID", conflicts_with_all = ["profiles", "fix", "system", "user", "root"])]
    pub(crate) explain: Option<String>,
    /// Fix what can be fixed: show a plan, ask, record what was before, and look again
    #[arg(long, conflicts_with = "root")]
    pub(crate) fix: bool,
    /// Do not ask
    #[arg(long, short, requires = "fix")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}
