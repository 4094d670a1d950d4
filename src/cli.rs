//! The command line as typed: clap types and help texts. No I/O, no decisions.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::layout::{Layout, SYSTEMD_FLOOR, Scope};
use crate::output::Output;
use crate::profile::ProfileName;
use crate::units::span::Span;

/// Run Hermes gateways under systemd, safely: one gateway per profile, restarted when it crashes, left alone when it
/// was stopped or replaced.
#[derive(Debug, Parser)]
#[command(
    name = "hermes-install",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Exit status: 0 done or already so; 1 refused, failed and rolled back, or something differs; \
                  2 usage or trouble.\nStart with: hermes-install --profile default"
)]
pub(crate) struct Cli {
    /// What to do; without a command, install.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Install.
    #[command(flatten)]
    pub(crate) install: InstallArgs,
}

impl Cli {
    /// Which manager, and how to talk, of the commands that report.
    fn reporting(&self) -> Option<(&ScopeArgs, &OutputArgs)> {
        let (scope, output) = match &self.command {
            None => (&self.install.scope, &self.install.output),
            Some(Command::Install(a)) => (&a.scope, &a.output),
            Some(Command::Plan(PlanArgs { install: a, .. })) => (&a.scope, &a.output),
            Some(Command::Adopt(AdoptArgs { install: a })) => (&a.scope, &a.output),
            Some(Command::Shield(a)) => (&a.scope, &a.output),
            Some(Command::Status(a)) => (&a.scope, &a.output),
            Some(Command::Show(a)) => (&a.scope, &a.output),
            Some(Command::Start(a) | Command::Stop(a)) => (&a.scope, &a.output),
            Some(Command::Restart(RestartArgs { control: a, .. })) => (&a.scope, &a.output),
            Some(Command::Logs(a)) => (&a.scope, &a.output),
            Some(Command::Run(a)) => (&a.scope, &a.output),
            Some(Command::Doctor(a)) => (&a.scope, &a.output),
            Some(Command::Upgrade(a)) => (&a.scope, &a.output),
            Some(Command::Uninstall(a)) => (&a.scope, &a.output),
            Some(
                Command::Render(_)
                | Command::Exec(_)
                | Command::PlannedStop(_)
                | Command::PlannedRestart
                | Command::BeforeStart
                | Command::PostStop(_)
                | Command::Generate(_)
                | Command::RunAs(_),
            ) => return None,
        };
        Some((scope, output))
    }

    /// How the command talks; `None` for one that does not report.
    pub(crate) fn output(&self) -> Option<&OutputArgs> {
        self.reporting().map(|(_, output)| output)
    }

    /// Whether the command looks for a hermes to install a unit for.
    pub(crate) fn needs_hermes(&self) -> bool {
        let install = match &self.command {
            None => &self.install,
            Some(Command::Install(install)) => install,
            Some(Command::Plan(args)) => &args.install,
            Some(Command::Adopt(args)) => &args.install,
            Some(_) => return false,
        };
        install.settings.hermes.is_none()
    }

    /// Whether the command looks at the running host, and so at its systemd.
    pub(crate) fn needs_systemd(&self) -> bool {
        let is_about_rules = match &self.command {
            Some(Command::Doctor(args)) => args.list || args.explain.is_some(),
            _ => false,
        };
        let scope = self.reporting().map(|(scope, _)| scope);
        !is_about_rules
            && scope.is_some_and(|s| s.root.as_deref().is_none_or(|r| r == Path::new("/")))
    }
}

/// The commands; those that only units call are hidden from `--help`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Install profiles: plan, write, enable, start, verify; what happens without a command, too
    Install(InstallArgs),
    /// Show what install would change, and change nothing
    Plan(PlanArgs),
    /// Bring a gateway that somebody started by hand under its profile's unit: stop it as planned, start the unit, verify
    Adopt(AdoptArgs),
    /// Make somebody else's unit safe with a drop-in, and keep the unit; without a profile or unit, all of hermes' own
    Shield(ShieldArgs),
    /// Show every profile: who runs it, its unit's state, and files that differ from what was installed
    Status(StatusArgs),
    /// Show the settings of installed profiles, and where each comes from
    Show(ShowArgs),
    /// Start the units of profiles, and wait until their gateways are up
    Start(ControlArgs),
    /// Stop the units of profiles, after their gateways' turns
    Stop(ControlArgs),
    /// Restart gateways after their turns, as after an update of hermes; start those that do not run
    Restart(RestartArgs),
    /// Show the journal of profiles
    Logs(LogsArgs),
    /// Run hermes for a profile, as its account, with its root and files: hermes-install run default gateway setup
    Run(RunArgs),
    /// Find unsafe units, duplicates, stale files and the like; explain and fix
    Doctor(DoctorArgs),
    /// Bring installed units and the launcher up to this version, restart what changed, roll back on failure
    Upgrade(UpgradeArgs),
    /// Remove exactly what was installed; profiles and their data stay
    Uninstall(UninstallArgs),
    /// Write the units to a directory or to standard output; touches nothing else
    Render(RenderArgs),
    /// Start a profile's gateway in this process, or refuse (69: it has an owner, 78: it cannot run)
    #[command(hide = true)]
    Exec(ExecArgs),
    /// Stop the unit's gateway as planned, and end it when it hangs in its exit
    #[command(hide = true)]
    PlannedStop(HelperArgs),
    /// Wait before a restart when there were many in a short time
    #[command(hide = true)]
    BeforeStart,
    /// Ask the unit's gateway to finish its work and restart
    #[command(hide = true)]
    PlannedRestart,
    /// Tell a restart from a takeover for gateways 0.16 and 0.17
    #[command(hide = true)]
    PostStop(HelperArgs),
    /// Print the man page or shell completions
    Generate(GenerateArgs),
    /// Give up everything but an account's own rights and execute a program; used by hermes-install itself
    #[command(hide = true)]
    RunAs(RunAsArgs),
}

/// Which manager is meant.
#[derive(Debug, Clone, Args)]
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

/// How much is said, and how.
#[derive(Debug, Clone, Args)]
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

/// How long to wait for another run.
#[derive(Debug, Clone, Args)]
pub(crate) struct WaitArgs {
    /// Wait so long for another hermes-install that is at work, instead of giving up at once
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait: Option<u64>,
}

impl WaitArgs {
    /// The time.
    pub(crate) fn limit(&self) -> Duration {
        Duration::from_secs(self.wait.unwrap_or_default())
    }
}

/// Settings of the profiles to install.
#[derive(Debug, Clone, Args)]
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
    /// Account that the gateway runs as, in the system's manager [default: hermes]
    #[arg(long, value_name = "USER")]
    pub(crate) run_as: Option<String>,
    /// File with environment variables for the gateway; give it again for more
    #[arg(long = "environment-file", value_name = "PATH")]
    pub(crate) environment_files: Vec<PathBuf>,
    /// How long a stop may wait for the gateway's running turns: `300`, `5m`, `1min 30s`
    #[arg(long, value_name = "SPAN")]
    pub(crate) drain_timeout: Option<Span>,
    /// Read settings from FILE instead of the usual places
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Arguments of install.
#[derive(Debug, Clone, Args)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
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

/// Arguments of plan.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) install: InstallArgs,
    /// Show the changes as a unified diff
    #[arg(long, conflicts_with = "json")]
    pub(crate) diff: bool,
}

/// Arguments of adopt.
#[derive(Debug, Args)]
pub(crate) struct AdoptArgs {
    #[command(flatten)]
    pub(crate) install: InstallArgs,
}

/// Arguments of shield.
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

/// Arguments of status.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Show this profile only; give it again for more
    #[arg(long = "profile", short, value_name = "NAME")]
    pub(crate) profiles: Vec<ProfileName>,
    /// Look again every two seconds until it is interrupted
    #[arg(long, short, conflicts_with_all = ["json", "quiet"])]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Arguments of show.
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

/// Arguments of start and stop.
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

/// Arguments of restart.
#[derive(Debug, Args)]
pub(crate) struct RestartArgs {
    #[command(flatten)]
    pub(crate) control: ControlArgs,
    /// Do not ask the gateway to finish its turns first; systemd stops it as the unit says
    #[arg(long)]
    pub(crate) now: bool,
}

/// Arguments of logs.
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

/// Arguments of run.
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

/// Arguments of doctor.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 nothing but notes, 1 errors or warnings (after --fix, those that are left), \
                        2 usage or trouble.",
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

/// Arguments of upgrade.
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

/// Arguments of uninstall.
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

/// Arguments of render.
#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// Who will place the files
    #[arg(long, value_enum, default_value = "host")]
    pub(crate) layout: Layout,
    /// Which manager they are for; both when left out
    #[arg(long, value_enum)]
    pub(crate) scope: Option<Scope>,
    /// The systemd version they are for; newer directives are left out
    #[arg(long, value_name = "N", default_value_t = SYSTEMD_FLOOR)]
    pub(crate) systemd: u32,
    /// The version of hermes that they are for: 0.16 and 0.17 need a line more
    #[arg(long, value_name = "VERSION")]
    pub(crate) hermes_version: Option<String>,
    /// The directory above bin/hermes-install in the units of the nix layout
    #[arg(long, value_name = "DIR")]
    pub(crate) prefix: Option<PathBuf>,
    /// Write the files under DIR instead of to standard output
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

/// Arguments of exec.
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// Profile to run
    #[arg(long, short, value_name = "NAME")]
    pub(crate) profile: ProfileName,
    /// The hermes root; HERMES_HOME, then ~/.hermes when left out
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// The hermes executable; found in the usual places when left out
    #[arg(long, value_name = "PATH")]
    pub(crate) hermes: Option<PathBuf>,
}

/// Arguments of the unit's helpers; the rest comes from systemd's environment.
#[derive(Debug, Args)]
pub(crate) struct HelperArgs {
    /// Profile that the unit runs
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: ProfileName,
}

/// Arguments of run-as.
#[derive(Debug, Args)]
pub(crate) struct RunAsArgs {
    /// User ID to run it as
    #[arg(long)]
    pub(crate) uid: u32,
    /// Its main group
    #[arg(long)]
    pub(crate) gid: u32,
    /// All its groups
    #[arg(long, value_delimiter = ',')]
    pub(crate) groups: Vec<u32>,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub(crate) argv: Vec<OsString>,
}

/// Arguments of generate.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    #[command(subcommand)]
    pub(crate) what: Generate,
}

/// What can be generated.
#[derive(Debug, Subcommand)]
pub(crate) enum Generate {
    /// A man page in roff
    Man {
        /// hermes-install(1) or hermes-install.toml(5)
        #[arg(value_enum, default_value = "hermes-install")]
        page: Page,
    },
    /// A completion script
    Completions {
        /// The shell it is for
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// Man pages.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Page {
    /// The commands
    #[value(name = "hermes-install")]
    Program,
    /// The settings
    #[value(name = "hermes-install.toml")]
    Settings,
}

/// Shells with completions.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Elvish,
    Fish,
    Zsh,
}
