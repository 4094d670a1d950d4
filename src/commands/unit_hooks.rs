//! What is run by units (`exec`, `before-start`, `planned-stop`, `planned-restart`, `post-stop`) and by this program itself
//! (`run-as`).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::reverted::refuse_reverted;
use crate::cli::{ExecArgs, GuardedArgs, HelperArgs, RunAsArgs, WhoseArgs};
use crate::error::Exit;
use crate::gateway::config::stop_drain;
use crate::gateway::installation::Installation;
use crate::gateway::owner::{Rivals, owner_among};
use crate::gateway::running::Running;
use crate::gateway::state::State;
use crate::gateway::stop::{self, Force, Stopped};
use crate::gateway::version::{Rules, Version};
use crate::host::process::Process;
use crate::host::process_text::name;
use crate::host::run_as::become_account;
use crate::host::span;
use crate::launcher::backoff::Starts;
use crate::launcher::exec::{Launch, environment_root, launch};
use crate::launcher::guard::Guarded;
use crate::launcher::journal::{Priority, say};
use crate::launcher::refusal::Refusal;
use crate::layout::Scope;
use crate::profile::ProfileName;

/// Become the gateway, or refuse with 69 or 78.
pub(crate) fn exec(args: ExecArgs) -> Exit {
    let wait = |text: &str| say(Priority::Info, text);
    let refusal = match (args.whose.profile, args.whose.guarded.read()) {
        (Some(profile), _) => match refuse_reverted(&profile, args.home.as_deref()) {
            Err(refusal) => refusal,
            Ok(()) => launch(
                &Launch {
                    profile,
                    root: args.home,
                    hermes: args.hermes,
                },
                wait,
            ),
        },
        (None, Ok(None)) => return Exit::Trouble,
        (None, Err(refusal)) => refusal,
        (None, Ok(Some(unit))) => match unit.launch(wait) {
            Ok(exit) => return exit,
            Err(refusal) => refusal,
        },
    };
    say(Priority::Error, &refusal);
    refusal.exit()
}

/// A profile home, or the unit that is told to have one and has none.
enum Whose {
    Home(PathBuf),
    Nobodys(Box<Guarded>),
}

impl WhoseArgs {
    fn find(&self) -> Result<(Whose, Option<Version>)> {
        let home = |profile: &ProfileName| -> Result<Whose> {
            let (root, _) = environment_root(None)?;
            Ok(Whose::Home(profile.home(&root)))
        };
        match (&self.profile, self.guarded.read()?) {
            (Some(profile), _) => Ok((home(profile)?, None)),
            (None, Some(unit)) => Ok(match unit.target() {
                Some(target) => (Whose::Home(target.home()), unit.version()),
                None => (Whose::Nobodys(Box::new(unit)), None),
            }),
            (None, None) => bail!("neither a profile nor a unit is named"),
        }
    }
}

impl GuardedArgs {
    /// The unit, where one is named.
    fn read(&self) -> Result<Option<Guarded>, Refusal> {
        let scope = if self.user {
            Scope::User
        } else {
            Scope::System
        };
        let unit = self.guarded.as_deref();
        unit.map(|unit| Guarded::read(unit, scope)).transpose()
    }
}

/// `ExecStartPre=`. A brake that fails is no reason to stay down.
pub(crate) fn before_start() -> Result<Exit> {
    if let Some(starts) = Starts::of_this_unit() {
        starts.wait_turn(&variable("INVOCATION_ID"), |text| say(Priority::Info, text))?;
    }
    Ok(Exit::Done)
}

/// `ExecStop=`. systemd runs it after a gateway that ended by itself too; then there is no main process.
pub(crate) fn planned_stop(args: &HelperArgs) -> Result<Exit> {
    let home = match args.whose.find()? {
        (Whose::Home(home), _) => home,
        (Whose::Nobodys(unit), _) => return Ok(unit.stop(main_process().as_ref())?),
    };
    let starts = Starts::of_this_unit();
    let Some(process) = main_process() else {
        say_who_replaces(&home);
        if let Some(starts) = starts {
            let state = State::read(&home);
            if variable("EXIT_STATUS") == "75" {
                starts.note_restart(state.as_ref())?;
            }
            starts.forgive(state.as_ref())?;
        }
        return Ok(Exit::Done);
    };
    if let Some(starts) = starts {
        starts.forget()?;
    }
    // A wrapper that waits for its gateway does not hand the signal on.
    let process = Running::behind(&process, &home).map_or(process, |gateway| gateway.process);
    let pid = process.pid;
    let told = std::env::var("HERMES_RESTART_DRAIN_TIMEOUT")
        .ok()
        .and_then(|v| v.parse().ok());
    // The longest of what may hold; an idle gateway ends at once in any case.
    let version = Installation::of_process(&process).and_then(|found| found.version);
    let drain = stop_drain(&home, version, told);
    match stop::planned_stop(&process, &home, drain, Force::Deaf, |_| ()) {
        Stopped::Ended(why) => {
            say(
                Priority::Info,
                format!("ended the gateway, pid {pid}, with SIGHUP: {why}"),
            );
        }
        Stopped::Remains(why) => say(
            Priority::Info,
            format!("the gateway, pid {pid}, does not end ({why}); systemd kills it"),
        ),
        Stopped::Exited => {}
    }
    Ok(Exit::Done)
}

/// Whose gateway took the place of the unit's, for `why`: systemd records an end without an error, and who it was is gone from
/// /proc once the profile has been adopted.
fn say_who_replaces(home: &Path) {
    let other = owner_among(home, Rivals::Replacers).ok().flatten();
    if let Some(process) = other.and_then(|owner| owner.process) {
        let who = name(&process);
        say(Priority::Info, format!("{who} takes the profile over"));
    }
}

/// `ExecReload=`.
pub(crate) fn planned_restart(args: &GuardedArgs) -> Result<Exit> {
    if let Some(unit) = args.read()?.filter(|unit| unit.target().is_none()) {
        return Ok(unit.run_own("ExecReload")?);
    }
    let process = main_process().context(
        "MAINPID names no process of this account; this is for a unit's ExecReload=, use `systemctl reload`",
    )?;
    stop::planned_restart(&process)
        .with_context(|| format!("pid {} cannot be asked to restart", process.pid))?;
    let version = Installation::of_process(&process).and_then(|found| found.version);
    let wait = Rules::of(version).restart_wait;
    if wait > 0 {
        say(
            Priority::Info,
            format!(
                "asked the gateway, pid {}, to restart; it finishes its running turns first, within {}",
                process.pid,
                span::written(u64::from(wait))
            ),
        );
    }
    Ok(Exit::Done)
}

/// `ExecStopPost=` for gateways 0.16 and 0.17: a failure here makes `Restart=on-failure` start the unit again. A guarded
/// unit has it for every version.
pub(crate) fn post_stop(args: &HelperArgs) -> Result<Exit> {
    let (Whose::Home(home), version) = args.whose.find()? else {
        return Ok(Exit::Done);
    };
    let rivals = match args.whose.profile {
        Some(_) => Rivals::All,
        None => Rivals::Replacers,
    };
    if rivals == Rivals::Replacers && Rules::of(version).planned_restart != 0 {
        return Ok(Exit::Done);
    }
    if stop::asks_for_start(
        &home,
        rivals,
        &variable("SERVICE_RESULT"),
        &variable("EXIT_STATUS"),
    ) {
        say(
            Priority::Info,
            "the gateway ended for a restart and nobody has the profile; asking systemd to start it again",
        );
        return Ok(Exit::Differs);
    }
    Ok(Exit::Done)
}

/// Become an account and execute a program: what [`crate::host::run_as`] starts this program for.
pub(crate) fn run_as(args: &RunAsArgs) -> Result<Exit> {
    become_account(args.uid, args.gid, &args.groups, &args.argv).map(|()| Exit::Done)
}

/// A variable of this process; empty when it is not set.
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// The main process, from the environment that systemd gives to Exec lines (systemd.exec(5), MAINPID). A unit's helper
/// runs as the unit does.
fn main_process() -> Option<Process> {
    let pid = std::env::var("MAINPID").ok()?.parse().ok()?;
    Process::read(pid).filter(|process| process.uid == nix::unistd::geteuid().as_raw())
}
