//! The unit's helpers beside the launcher: a planned stop that always ends well, a planned restart, and the answer
//! whether a clean exit was one.
//!
//! A busy gateway closes its databases on a stop and then hangs in the interpreter's exit for ever (seen in 0.13.0,
//! 0.15.2 and 0.19.0). systemd's own end of that is SIGKILL after the stop timeout and a failed unit. SIGHUP is the
//! kinder end: the gateway has no handler for it, so it dies at once, and systemd counts it as a clean exit
//! (systemd.service(5), SuccessExitStatus=). How far a stop goes is its caller's choice.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::gateway::owner::{Hold, Rivals, owner_among};
use crate::gateway::state::State;
use crate::host::process::{self, Process};
use crate::host::process_handle::Handle;

/// How long a gateway may show no sign of having heard the signal before it counts as hung. Its handler runs in the
/// event loop within milliseconds; a loop blocked by slow storage was seen to need some seconds.
const DEAF: Duration = Duration::from_secs(20);
/// How long a gateway that says it has stopped may take to exit: 5 s of adapter teardown were seen before, none after.
const LINGER: Duration = Duration::from_secs(5);
/// Added to the drain setting for closing adapters and databases.
const TEARDOWN: u64 = 20;

/// How long another gateway may take until it says that it runs; 0.6 to 10 s were seen.
const ARRIVAL: Duration = Duration::from_secs(60);
/// How long it has to say so: 0.17.0 says it before it crashes.
const STEADY: Duration = Duration::from_secs(5);

/// How far a stop may go with a gateway that does not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Force {
    /// End one that has had its time, without SIGKILL: it has finished and closed its databases, or its drain is over,
    /// when it interrupts its turns itself and may then wait for a client's open request for ever (0.13.0, 0.15.2).
    Overdue,
    /// End one that does not hear, too.
    Deaf,
    /// Whatever it takes.
    Kill,
}

impl Force {
    /// As far as it goes without being asked to kill, or with that.
    pub(crate) fn allowed(kill: bool) -> Self {
        if kill { Self::Kill } else { Self::Overdue }
    }
}

/// How a planned stop went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// It ended by itself.
    Exited,
    /// It had finished its work, or could not hear, and was ended.
    Ended(&'static str),
    /// It is still there: why it would have to be ended, as the middle of a sentence.
    Remains(&'static str),
}

/// Stop a gateway as planned: SIGINT, its drain, and an end by signal for one that does not end by itself.
///
/// SIGINT and not upstream's marker file with SIGTERM. Measured with 0.13.0 to 0.19.0, started in a terminal and with
/// SIGINT and SIGHUP ignored as under nohup(1): both end it with 0 after the same time. The marker has to be written
/// into somebody's profile, has to be readable by them, has to be followed by the signal before the gateway polls for
/// it, and one that is left behind makes the next gateway of 0.15.0 to 0.15.2 exit 1.
///
/// `drain` is in seconds. Returns within about `drain` + 20 s + [`LINGER`]. `tick` is told the time that has passed.
pub(crate) fn planned_stop(
    process: &Process,
    home: &Path,
    drain: u32,
    force: Force,
    mut tick: impl FnMut(Duration),
) -> Stopped {
    let pid = process.pid;
    let handle = match process.hold() {
        Ok(Some(handle)) => handle,
        Ok(None) => return Stopped::Exited,
        Err(_) => return Stopped::Remains("this kernel does not let it be signalled safely"),
    };
    let before = State::read(home).map(|s| s.gateway_state);
    let begin = Instant::now();
    let _ = handle.send(Signal::INT);
    let mut finished_since = None;
    while handle.is_alive() {
        let state = State::read(home).filter(|s| s.pid == pid);
        // It has heard the signal once it says so: `draining`, then `stopped`.
        let heard = state
            .as_ref()
            .is_some_and(|s| Some(&s.gateway_state) != before.as_ref() || !s.is_up());
        let finished = state.is_some_and(|s| s.has_ended());
        if finished && finished_since.is_none() {
            finished_since = Some(Instant::now());
        }
        let (why, needs) = if finished_since.is_some_and(|t| t.elapsed() > LINGER) {
            ("it had finished and hung in its exit", Force::Overdue)
        } else if !heard && begin.elapsed() > DEAF {
            ("it did not hear the signal", Force::Deaf)
        } else if begin.elapsed() > Duration::from_secs(u64::from(drain) + TEARDOWN) {
            ("its drain was over", Force::Overdue)
        } else {
            tick(begin.elapsed());
            handle.ends_within(Duration::from_millis(50));
            continue;
        };
        if force >= needs && end(&handle, force) {
            return Stopped::Ended(why);
        }
        return Stopped::Remains(why);
    }
    Stopped::Exited
}

/// End a process by signal; whether it is gone. No gateway has a handler for SIGHUP or SIGALRM, and nohup(1) lets it
/// ignore the first one only. SIGTERM does nothing: its handler stays, in an interpreter that runs no handler any more
/// (0.18.2, 0.19.0).
fn end(handle: &Handle, force: Force) -> bool {
    let last = (force == Force::Kill).then_some(Signal::KILL);
    for signal in [Signal::HUP, Signal::ALARM].into_iter().chain(last) {
        let _ = handle.send(signal);
        // A stopped process takes signals when it goes on.
        let _ = handle.send(Signal::CONT);
        if handle.ends_within(Duration::from_secs(2)) {
            return true;
        }
    }
    false
}

/// Ask the main process to drain and restart: exit status 75 (0 in 0.16 and 0.17). Waits until it listens: for the first
/// 1 to 10 s of a start nothing handles the signal, and it would kill.
pub(crate) fn planned_restart(process: &Process) -> std::io::Result<()> {
    let Some(handle) = process.hold()? else {
        return Err(rustix::io::Errno::SRCH.into());
    };
    let deadline = Instant::now() + ARRIVAL;
    while !process::catches(process.pid, Signal::USR1)? {
        if Instant::now() > deadline {
            return Err(std::io::Error::other(
                "it has not come as far as to listen for SIGUSR1",
            ));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(handle.send(Signal::USR1)?)
}

/// Whether the clean exit that systemd reports asks for another start.
///
/// A planned restart does, which only the state file of 0.16 and 0.17 tells from a takeover. So does a takeover that
/// failed: `hermes gateway restart` of 0.17.0 stops the gateway and then crashes itself (ModuleNotFoundError,
/// cron.scheduler_provider). In a takeover another gateway may have written its own state by now; the record must be
/// that of a gateway that is gone, and nobody else may have the profile. Waits while a takeover is under way.
pub(crate) fn asks_for_start(
    home: &Path,
    rivals: Rivals,
    service_result: &str,
    exit_status: &str,
) -> bool {
    if service_result != "success" || exit_status != "0" {
        return false;
    }
    let state = State::read(home);
    let mut asks = state
        .is_some_and(|s| s.restart_requested && s.has_ended() && Process::read(s.pid).is_none());
    let begin = Instant::now();
    let mut up_since = None;
    while begin.elapsed() < ARRIVAL {
        let owner = match owner_among(home, rivals) {
            Ok(Some(owner)) => owner,
            Ok(None) => return asks,
            Err(_) => return false,
        };
        let pid = owner.process.map(|p| p.pid);
        if State::read(home).is_some_and(|s| s.is_up() && Some(s.pid) == pid) {
            if up_since.get_or_insert_with(Instant::now).elapsed() > STEADY {
                return false;
            }
        } else {
            up_since = None;
        }
        // The stop that it asked for is no reason to stay down, if it never arrives.
        asks |= owner.hold != Hold::MayTake;
        std::thread::sleep(Duration::from_millis(200));
    }
    false
}
