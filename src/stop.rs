//! The unit's helpers beside the launcher: a planned stop that always ends well, a planned restart, and the answer
//! whether a clean exit was one.
//!
//! A busy gateway closes its databases on a stop and then hangs in the interpreter's exit for ever (seen in 0.13.0,
//! 0.15.2 and 0.19.0). systemd's own end of that is SIGKILL after the stop timeout and a failed unit. SIGHUP is the
//! kinder end: the gateway has no handler for it, so it dies at once, and systemd counts it as a clean exit
//! (systemd.service(5), SuccessExitStatus=).

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::gateway::{self, Hold, State};
use crate::process::Process;

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

/// How a planned stop went.
#[derive(Debug, PartialEq, Eq)]
pub enum Stopped {
    /// There was nothing to stop.
    Nothing,
    /// It ended by itself.
    Exited,
    /// It had finished its work, or could not hear, and was ended.
    Ended(&'static str),
}

/// Stop the main process as planned: SIGINT, its drain, and SIGHUP for one that has finished or hangs.
///
/// `drain` is in seconds. Returns within about `drain` + 20 s + [`LINGER`].
pub fn planned_stop(pid: i32, home: &Path, drain: u32) -> Stopped {
    let Some(process) = Process::read(pid) else {
        return Stopped::Nothing;
    };
    let alive = || Process::read(pid).is_some_and(|p| p.start == process.start);
    let before = State::read(home).map(|s| s.gateway_state);
    let begin = Instant::now();
    let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
    let mut finished_since = None;
    while alive() {
        let state = State::read(home).filter(|s| s.pid == pid);
        // It has heard us once it says so: `draining`, then `stopped`.
        let heard = state
            .as_ref()
            .is_some_and(|s| Some(&s.gateway_state) != before.as_ref() || !s.is_up());
        let finished = state.is_some_and(|s| s.has_ended());
        if finished && finished_since.is_none() {
            finished_since = Some(Instant::now());
        }
        let why = if finished_since.is_some_and(|t| t.elapsed() > LINGER) {
            "it had finished and hung in its exit"
        } else if !heard && begin.elapsed() > DEAF {
            "it did not hear the signal"
        } else if begin.elapsed() > Duration::from_secs(u64::from(drain) + TEARDOWN) {
            "its drain was over"
        } else {
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        let _ = kill(Pid::from_raw(pid), Signal::SIGHUP);
        // A stopped process takes signals when it goes on.
        let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
        let deadline = Instant::now() + Duration::from_secs(2);
        while alive() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        return Stopped::Ended(why);
    }
    Stopped::Exited
}

/// Ask the main process to drain and restart: exit status 75 (0 in 0.16 and 0.17).
pub fn planned_restart(pid: i32) -> nix::Result<()> {
    kill(Pid::from_raw(pid), Signal::SIGUSR1)
}

/// Whether the clean exit that systemd reports asks for another start.
///
/// A planned restart does, which only the state file of 0.16 and 0.17 tells from a takeover. So does a takeover that
/// failed: `hermes gateway restart` of 0.17.0 stops the gateway and then crashes itself (ModuleNotFoundError,
/// cron.scheduler_provider). In a takeover another gateway may have written its own state by now; the record must be
/// that of a gateway that is gone, and nobody else may have the profile. Waits while a takeover is under way.
pub fn asks_for_start(home: &Path, service_result: &str, exit_status: &str) -> bool {
    if service_result != "success" || exit_status != "0" {
        return false;
    }
    let state = State::read(home);
    let mut asks = state
        .is_some_and(|s| s.restart_requested && s.has_ended() && Process::read(s.pid).is_none());
    let begin = Instant::now();
    let mut up_since = None;
    while begin.elapsed() < ARRIVAL {
        let owner = match gateway::owner(home) {
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
