//! Whether a started gateway is really up: its own state file says so, under the same main process for a while.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::deploy::interrupt;
use crate::gateway::command_line::{Command, shown};
use crate::gateway::running::Running;
use crate::gateway::state::State;
use crate::host::process::Process;
use crate::host::service_state::{Exit, ServiceState, Start};
use crate::host::span;
use crate::host::systemctl::Systemctl;

/// How long it has to stay up. A gateway that loses its lock or its port dies within a second of `running`.
const STEADY: Duration = Duration::from_secs(3);
/// How long a start may take: 0.6 to 10 s were seen, two minutes in an emulated machine on a busy host.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a gateway of hermes 0.21.4 or later says when another one of its root has not said yet which profiles it serves, as
/// happens when many start on a busy host. It ends with exit status 1 then, and is to be started again
/// (`_unknown_served_message`, gateway/host_attach.py of 0.22.2).
const ASKS_AGAIN: &str = "transient state and a service supervisor will retry";
/// So many of its last lines are looked at for that; its manager's follow.
const LAST_LINES: usize = 20;

/// The end of a start.
#[derive(Debug)]
pub(crate) enum Started {
    /// Up, with this main process, after this time.
    Up {
        /// Its process ID.
        pid: i32,
        /// Time until it said so.
        after: Duration,
    },
    /// Not up; why, as the middle of a sentence, and the start it belongs to.
    Failed {
        /// Why.
        why: String,
        /// The failed start, for the journal.
        start: Start,
    },
}

/// Watch a unit that was just started until its gateway is up or has failed.
pub(crate) fn watch(
    manager: &Systemctl,
    unit: &str,
    home: &Path,
    mut tick: impl FnMut(Duration),
) -> Result<Started> {
    let begin = Instant::now();
    let mut up: Option<(i32, Instant)> = None;
    let mut behind: Option<(i32, Instant)> = None;
    let mut start = Start::default();
    let mut forgiven = 0;
    loop {
        let state = manager.show_one(unit)?;
        // The ID changes when systemd restarts the unit; the first start is the one that failed.
        if start.invocation.is_empty() || start.invocation == state.invocation {
            start = state.start();
        }
        if state.restarts >= forgiven {
            let said = || manager.last_words(unit, &state.start(), LAST_LINES, Duration::ZERO);
            forgiven = forgiven.max(again(&state, said));
        }
        if let Some(why) = failure(&state, forgiven) {
            return Ok(Started::Failed { why, start });
        }
        let said = State::read(home).filter(State::is_up).map(|s| s.pid);
        let is_up = |pid: &i32| said == Some(*pid);
        let main = state.main_pid.filter(|pid| !is_up(pid) && said.is_some());
        let hidden = main.and_then(Process::read);
        let hidden =
            hidden.and_then(|main| Some((Running::behind(&main, home)?.process.pid, main)));
        match (hidden, behind) {
            (Some((pid, main)), Some((same, since))) if pid == same => {
                if since.elapsed() >= STEADY {
                    let why = waits_for(&main, pid);
                    return Ok(Started::Failed { why, start });
                }
            }
            (hidden, _) => behind = hidden.map(|(pid, _)| (pid, Instant::now())),
        }
        match (state.main_pid.filter(is_up), up) {
            (Some(pid), Some((same, since))) if same == pid => {
                if since.elapsed() >= STEADY {
                    return Ok(recognised(pid, since - begin, start));
                }
            }
            (pid, _) => up = pid.map(|pid| (pid, Instant::now())),
        }
        if begin.elapsed() > PATIENCE {
            return Ok(Started::Failed {
                why: format!(
                    "did not say that it runs within {}",
                    span::written(PATIENCE.as_secs())
                ),
                start,
            });
        }
        tick(begin.elapsed());
        interrupt::check()?;
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A wrapper that starts a gateway and waits for it: systemd takes the wrapper for the gateway.
fn waits_for(main: &Process, pid: i32) -> String {
    format!(
        "runs a wrapper, `{}`, which waits for the gateway, pid {pid}, so that no signal of systemd reaches that; its last \
         command must be `exec hermes …`, so that the wrapper becomes the gateway, or name a hermes that is no wrapper with \
         `--hermes PATH`",
        shown(&main.argv)
    )
}

/// A wrapper can hide the gateway from its peers: then it runs, and a second one would start beside it.
fn recognised(pid: i32, after: Duration, start: Start) -> Started {
    let argv = Process::read(pid).map(|p| p.argv).unwrap_or_default();
    let is_known =
        Command::parse(&argv).is_some() && !argv.iter().any(|a| a.ends_with(".hermes-wrapped"));
    if is_known {
        return Started::Up { pid, after };
    }
    Started::Failed {
        why: format!(
            "runs as `{}`, which other gateways do not know for a gateway, so they would start beside it; name a hermes \
             that is no wrapper with `--hermes PATH`",
            shown(&argv)
        ),
        start,
    }
}

/// How many automatic restarts are no failures, as far as this state shows: gateways that start together may ask to be
/// started again, with exit status 75 (hermes 0.21.4 and later; the launcher says when that is too often) or by what they said.
fn again(state: &ServiceState, said: impl FnOnce() -> Vec<String>) -> u32 {
    let asks = match state.exit {
        Some(Exit::Status(75)) => state.waits_to_restart(),
        Some(Exit::Status(1)) => {
            state.waits_to_restart() && said().iter().any(|line| line.contains(ASKS_AGAIN))
        }
        _ => false,
    };
    if asks {
        state.restarts.saturating_add(1)
    } else {
        0
    }
}

/// Why a unit's start failed, if it did.
fn failure(state: &ServiceState, forgiven: u32) -> Option<String> {
    let waits = state.waits_to_restart() && state.restarts >= forgiven;
    let is_over = state.is_at_rest() || waits || state.restarts > forgiven;
    is_over.then(|| format!("ended: {}", state.ending()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_asks_to_be_started_again_has_not_failed() {
        let state = |sub_state: &str, restarts, exit| ServiceState {
            active_state: "activating".into(),
            sub_state: sub_state.into(),
            restarts,
            exit,
            ..ServiceState::default()
        };
        let silent = Vec::new;
        let asks = state("auto-restart", 0, Some(Exit::Status(75)));
        let forgiven = again(&asks, silent);
        assert_eq!((forgiven, failure(&asks, forgiven)), (1, None));
        let runs = state("running", 1, None);
        assert_eq!((again(&runs, silent), failure(&runs, forgiven)), (0, None));
        let crashed = state("auto-restart", 1, Some(Exit::Status(1)));
        let says = |line: &str| again(&crashed, || vec![line.to_owned()]);
        assert_eq!(says("Traceback (most recent call last):"), 0);
        assert!(failure(&crashed, forgiven).is_some());
        let forgiven_more = says("   transient state and a service supervisor will retry.");
        assert_eq!(failure(&crashed, forgiven_more), None);
        assert!(failure(&state("running", 2, None), forgiven).is_some());
        let at_rest = ServiceState {
            exit: Some(Exit::Status(75)),
            ..ServiceState::default()
        };
        assert!(failure(&at_rest, again(&at_rest, silent)).is_some());
    }
}
