//! The command line as typed: clap types and help texts. No I/O, no decisions.

mod change;
mod common;
mod everyday;
mod hooks;
mod packaging;

use std::path::Path;

use clap::{Parser, Subcommand};

pub(crate) use self::change::{
    AdoptArgs, InstallArgs, PlanArgs, ShieldArgs, UninstallArgs, UpgradeArgs,
};
pub(crate) use self::common::{OutputArgs, ScopeArgs, SettingArgs};
pub(crate) use self::everyday::{
    ControlArgs, DoctorArgs, LogsArgs, RestartArgs, RunArgs, ShowArgs, StatusArgs,
};
pub(crate) use self::hooks::{ExecArgs, HelperArgs, RunAsArgs};
pub(crate) use self::packaging::{Generate, GenerateArgs, Page, RenderArgs, Shell};

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
