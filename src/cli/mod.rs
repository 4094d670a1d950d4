//! The command line as typed: clap types and help texts. No I/O, no decisions.

mod change;
mod common;
mod everyday;
mod help;
mod hooks;
mod meant;
mod packaging;
#[cfg(test)]
mod pages;

use std::path::Path;

use clap::{Parser, Subcommand};

pub(crate) use self::change::{
    AdoptArgs, GuardArgs, InstallArgs, PlanArgs, ShieldArgs, SplitArgs, UninstallArgs, UpgradeArgs,
};
pub(crate) use self::common::{OutputArgs, ScopeArgs, SettingArgs, WaitArgs};
pub(crate) use self::everyday::{
    ControlArgs, DoctorArgs, LogsArgs, RestartArgs, RunArgs, ShowArgs, StatusArgs, WhyArgs,
};
pub(crate) use self::help::groups;
pub(crate) use self::hooks::{ExecArgs, GuardedArgs, HelperArgs, RunAsArgs, WhoseArgs};
pub(crate) use self::meant::{meant, with_tip};
pub(crate) use self::packaging::{Generate, GenerateArgs, Page, RenderArgs, Shell};

/// Run Hermes gateways under systemd: one per profile, back after a crash, left alone when replaced.
#[derive(Debug, Parser)]
#[command(
    name = "hermes-install",
    version,
    args_conflicts_with_subcommands = true,
    help_template = help::TEMPLATE,
    after_help = help::SHORT,
    after_long_help = help::PAGE
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
            Some(Command::Guard(a)) => (&a.scope, &a.output),
            Some(Command::Status(a)) => (&a.scope, &a.output),
            Some(Command::Show(a)) => (&a.scope, &a.output),
            Some(Command::Start(a) | Command::Stop(a)) => (&a.scope, &a.output),
            Some(Command::Restart(RestartArgs { control: a, .. })) => (&a.scope, &a.output),
            Some(Command::Logs(a)) => (&a.scope, &a.output),
            Some(Command::Why(a)) => (&a.scope, &a.output),
            Some(Command::Run(a)) => (&a.scope, &a.output),
            Some(Command::Doctor(a)) => (&a.scope, &a.output),
            Some(Command::Split(a)) => (&a.scope, &a.output),
            Some(Command::Upgrade(a)) => (&a.scope, &a.output),
            Some(Command::Uninstall(a)) => (&a.scope, &a.output),
            Some(
                Command::Render(_)
                | Command::Exec(_)
                | Command::PlannedStop(_)
                | Command::PlannedRestart(_)
                | Command::BeforeStart
                | Command::PostStop(_)
                | Command::Generate(_)
                | Command::Restartable
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

    /// Whether the command changes units, or prepares a change.
    pub(crate) fn changes(&self) -> bool {
        match &self.command {
            None
            | Some(
                Command::Install(_)
                | Command::Plan(_)
                | Command::Adopt(_)
                | Command::Shield(_)
                | Command::Guard(_)
                | Command::Split(_)
                | Command::Upgrade(_)
                | Command::Uninstall(_),
            ) => true,
            Some(Command::Doctor(args)) => args.fix,
            Some(_) => false,
        }
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

/// The commands; those that only units call are hidden from `--help`. The options of one are made when it is typed: all of them are
/// most of the work of `--version`. They are made after what is said here of the command, and a `///` above a struct of options would
/// replace it: those have `//`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Install profiles, start them and wait until they run
    ///
    /// This is what happens without a command, too. The profile is checked, its unit written, enabled and started. When the gateway does not come up, everything is put back.
    Install(InstallArgs),
    /// Show what install would change, and change nothing
    Plan(PlanArgs),
    /// Take over a gateway that somebody started by hand
    ///
    /// The gateway is stopped as planned, and its unit is started.
    Adopt(AdoptArgs),
    /// Make hermes' own unit, or another, safe with a drop-in
    ///
    /// The unit stays, and its gateway starts through the launcher. Without a profile or a unit, all units that hermes made are shielded.
    Shield(ShieldArgs),
    /// Make the units safe that `hermes gateway install` writes
    ///
    /// Drop-ins wait for such units, and make them safe from their first start. install places them, too, and packages have them.
    Guard(GuardArgs),
    /// Show every profile: what runs, since when, what is wrong
    Status(StatusArgs),
    /// Show settings, and where each comes from
    Show(ShowArgs),
    /// Start units, and wait until their gateways run
    Start(ControlArgs),
    /// Stop units as planned: turns have as long as the drain
    Stop(ControlArgs),
    /// Restart units after their running turns
    ///
    /// As after an update of hermes. Units that do not run are started, and with `--all` those that were stopped stay so.
    Restart(RestartArgs),
    /// Show the journal of profiles
    Logs(LogsArgs),
    /// Say how a gateway ended last, and who asked for it
    Why(WhyArgs),
    /// Run hermes for a profile, with its account and its files
    ///
    /// For example `hermes-install run default -- gateway setup`.
    Run(RunArgs),
    /// Find what is unsafe on this host, explain it, mend it
    Doctor(DoctorArgs),
    /// Move a profile into an account of its own, with its data
    ///
    /// Its gateway is stopped as planned, its data are copied, and the new account runs it. When it does not come up, everything is
    /// put back. The data of before stay, under another name.
    Split(SplitArgs),
    /// Bring what is installed up to this version
    ///
    /// Units that changed are stopped as planned and started. When one does not come up, everything is put back.
    Upgrade(UpgradeArgs),
    /// Remove exactly what was installed; profiles stay
    Uninstall(UninstallArgs),
    /// Write units to a directory or to standard output
    Render(RenderArgs),
    /// Start a profile's gateway in this process, or refuse (66: it is not there yet, 69: it has an owner, 78: it cannot run)
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
    PlannedRestart(GuardedArgs),
    /// Tell a restart from a takeover for gateways 0.16 and 0.17
    #[command(hide = true)]
    PostStop(HelperArgs),
    /// Print the units whose gateways could start again; for the scripts of packages
    #[command(hide = true)]
    Restartable,
    /// Print manual pages or shell completions
    Generate(GenerateArgs),
    /// Give up everything but an account's own rights and execute a program; used by hermes-install itself
    #[command(hide = true)]
    RunAs(RunAsArgs),
}
