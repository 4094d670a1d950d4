//! What is run by units (`exec`, `planned-stop`, `planned-restart`, `post-stop`) and by this program itself (`run-as`).

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::cli::{ExecArgs, HelperArgs, RunAsArgs};
use crate::error::Exit;
use crate::gateway::config::stop_drain;
use crate::gateway::installation::Installation;
use crate::gateway::state::State;
use crate::gateway::stop::{self, Force, Stopped};
use crate::gateway::version::Rules;
use crate::host::process::{Process, humanize};
use crate::host::run_as::become_account;
use crate::launcher::backoff::Starts;
use crate::launcher::exec::{Launch, environment_root, launch};
use crate::output;

/// Become the gateway, or refuse with 69 or 78.
pub(crate) fn exec(args: ExecArgs) -> Exit {
    let refusal = launch(
        &Launch {
            profile: args.profile,
            root: args.home,
            hermes: args.hermes,
        },
        |text| output::line(text),
    );
    output::line(&refusal);
    refusal.exit()
}

/// `ExecStartPre=`. A brake that fails is no reason to stay down.
pub(crate) fn before_start() -> Result<Exit> {
    if let Some(starts) = Starts::of_this_unit() {
        starts.wait_turn(|text| output::line(text))?;
    }
    Ok(Exit::Done)
}

/// `ExecStop=`. systemd runs it after a gateway that ended by itself too; then there is no main process.
pub(crate) fn planned_stop(args: &HelperArgs) -> Result<Exit> {
    let (root, _) = environment_root(None)?;
    let home = args.profile.home(&root);
    let starts = Starts::of_this_unit();
    let Some(process) = main_process() else {
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
    let pid = process.pid;
    let told = std::env::var("HERMES_RESTART_DRAIN_TIMEOUT")
        .ok()
        .and_then(|v| v.parse().ok());
    // The longest of what may hold; an idle gateway ends at once in any case.
    let version = Installation::of_process(&process).and_then(|found| found.version);
    let drain = stop_drain(&home, version, told);
    match stop::planned_stop(&process, &home, drain, Force::Deaf, |_| ()) {
        Stopped::Ended(why) => {
            output::line(format!("ended the gateway, pid {pid}, with SIGHUP: {why}"));
        }
        Stopped::Remains(why) => output::line(format!(
            "the gateway, pid {pid}, does not end ({why}); systemd kills it"
        )),
        Stopped::Exited => {}
    }
    Ok(Exit::Done)
}

/// `ExecReload=`.
pub(crate) fn planned_restart() -> Result<Exit> {
    let process = main_process().context(
        "MAINPID names no process of this account; this is for a unit's ExecReload=, use `systemctl reload`",
    )?;
    stop::planned_restart(&process)
        .with_context(|| format!("pid {} cannot be asked to restart", process.pid))?;
    let version = Installation::of_process(&process).and_then(|found| found.version);
    let wait = Rules::of(version).restart_wait;
    if wait > 0 {
        output::line(format!(
            "asked the gateway, pid {}, to restart; it finishes its running turns first, within {}",
            process.pid,
            humanize(Duration::from_secs(u64::from(wait)))
        ));
    }
    Ok(Exit::Done)
}

/// `ExecStopPost=` for gateways 0.16 and 0.17: a failure here makes `Restart=on-failure` start the unit again.
pub(crate) fn post_stop(args: &HelperArgs) -> Result<Exit> {
    let (root, _) = environment_root(None)?;
    let home = args.profile.home(&root);
    if stop::asks_for_start(&home, &variable("SERVICE_RESULT"), &variable("EXIT_STATUS")) {
        output::line(
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
