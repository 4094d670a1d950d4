//! `before-start`, a unit's `ExecStartPre=`: a restart waits when there were many, and only then.
//!
//! systemd's own brake (`RestartSteps=`, since 254) counts every automatic restart since the last start by hand, planned
//! ones too, and never forgets: a bot that was restarted four times since spring would pay a minute for each crash. Here
//! the starts of the last ten minutes count, in a file in the unit's runtime directory. systemd empties that directory
//! when the unit stops and keeps it over a restart (systemd.exec(5), RuntimeDirectoryPreserve=), so a start by hand finds
//! nothing that could delay it. While this waits the unit is `activating`, and a stop ends the wait at once.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::host::span;

use crate::gateway::state::State;
use crate::host::read::{self, read_small_text};

/// How long a start counts.
const MEMORY: Duration = Duration::from_secs(600);
/// Starts in that time that cost nothing: the first and three restarts.
const FREE: usize = 4;
/// Seconds that the starts after those wait, the last for all that follow.
const WAITS: [u64; 5] = [5, 10, 20, 40, 60];
/// The most that is read of the record; a line has twenty bytes and a hundred starts are more than ever count.
const MOST: u64 = 4096;
/// Times of starts, a line each, in seconds of CLOCK_BOOTTIME.
const STARTS: &str = "starts";
/// While a start waits: the time of CLOCK_BOOTTIME at which it goes on.
const NEXT: &str = "next";
/// The invocation ID of the last start: a unit with a guard and a shield has two brakes, and each start counts once.
const LAST: &str = "last";
/// How many gateways asked for another start before they were up, since the last that was.
const EARLY: &str = "early";
/// The first of the starts in a row that found the home read-only, as its time.
const READ_ONLY: &str = "read-only";
/// How many of them there may be in a row. Exit status 75 asks for another start under every restart policy; hermes 0.21.4
/// and later end with it in their first seconds when another gateway serves the profile, which may pass: that one may be
/// about to end, or need up to 30 s to see that the profile has opted out.
pub(crate) const MOST_EARLY: u32 = 6;

/// The record of a unit's starts, in its runtime directory.
#[derive(Debug)]
pub(crate) struct Starts {
    directory: PathBuf,
    times: Vec<f64>,
}

impl Starts {
    /// The record of the unit that this process is of; `None` where systemd gave it no runtime directory.
    pub(crate) fn of_this_unit() -> Option<Self> {
        // A unit that is shielded may have directories of its own beside this one (systemd.exec(5)).
        let all = std::env::var("RUNTIME_DIRECTORY").ok()?;
        let ours = all.split(':').find(|d| d.contains("/hermes-install/"))?;
        Some(Self::read(Path::new(ours)))
    }

    /// The record in this directory. What is no record is an empty one: a brake must not keep a gateway down.
    fn read(directory: &Path) -> Self {
        let mut text = String::new();
        if let Ok(file) = File::open(directory.join(STARTS)) {
            let _ = file.take(MOST).read_to_string(&mut text);
        }
        let times = text.lines().filter_map(|line| line.parse().ok());
        Self {
            directory: directory.to_owned(),
            times: times.filter(|t: &f64| t.is_finite()).collect(),
        }
    }

    /// How long a start at this time has to wait, and how many starts there were in the time that counts.
    fn wait(&self, now: f64) -> (Duration, usize) {
        let oldest = now - MEMORY.as_secs_f64();
        let recent = self.times.iter().filter(|t| (oldest..=now).contains(*t));
        let count = recent.count();
        let seconds = match count.checked_sub(FREE) {
            None => 0,
            Some(over) => WAITS[over.min(WAITS.len() - 1)],
        };
        (Duration::from_secs(seconds), count)
    }

    /// Wait as long as this start has to, and record it. `say` is told what is waited for. Whoever stops the unit ends
    /// the wait, and the starts are forgotten: what comes next is a start by hand.
    pub(crate) fn wait_turn(
        mut self,
        invocation: &str,
        mut say: impl FnMut(&str),
    ) -> io::Result<()> {
        let last = self.directory.join(LAST);
        if !invocation.is_empty() && fs::read_to_string(&last).is_ok_and(|id| id == invocation) {
            return Ok(());
        }
        fs::write(last, invocation)?;
        let (wait, count) = self.wait(now());
        if !wait.is_zero() {
            let due = now() + wait.as_secs_f64();
            fs::write(self.directory.join(NEXT), format!("{due:.0} {count}\n"))?;
            let waiting = Waiting {
                seconds: wait.as_secs(),
                starts: count as u64,
            };
            say(&waiting.to_string());
            let stopped = !sleep(wait)?;
            fs::remove_file(self.directory.join(NEXT))?;
            if stopped {
                return self.forget();
            }
        }
        let oldest = now() - MEMORY.as_secs_f64();
        self.times.retain(|t| *t > oldest);
        self.times.push(now());
        self.write()
    }

    /// Forget all starts: somebody stops or restarts the unit by hand.
    pub(crate) fn forget(self) -> io::Result<()> {
        match fs::remove_file(self.directory.join(STARTS)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// The gateway of the last start has ended and asks for another one (exit status 75). Only from a gateway that was up
    /// is that a planned restart.
    pub(crate) fn note_restart(&self, state: Option<&State>) -> io::Result<()> {
        let path = self.directory.join(EARLY);
        if state.is_some_and(|s| s.was_up() && self.is_of_last_start(s)) {
            return match fs::remove_file(path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
                _ => Ok(()),
            };
        }
        fs::write(path, format!("{}\n", self.early() + 1))
    }

    /// How many gateways asked for another start before they were up, since the last that was.
    pub(crate) fn early(&self) -> u32 {
        let text = fs::read_to_string(self.directory.join(EARLY)).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    }

    /// Note whether the home is read-only in this start; whether it was in the one before, too. A unit with a guard and a
    /// shield asks twice in each start. Where nothing can be noted it was: a start is not to be tried again for ever.
    pub(crate) fn note_read_only(&self, is_read_only: bool) -> bool {
        let path = self.directory.join(READ_ONLY);
        if !is_read_only {
            let _ = fs::remove_file(path);
            return false;
        }
        let this = self.times.last().map(|time| format!("{time:.2}"));
        match fs::read_to_string(&path) {
            Ok(first) => Some(first) != this,
            Err(_) => fs::write(path, this.unwrap_or_default()).is_err(),
        }
    }

    /// Whether a state is that of the gateway which the last start became. A start time is in clock ticks since boot, as
    /// the kernel shows them to programs: 100 in a second (proc(5)).
    fn is_of_last_start(&self, state: &State) -> bool {
        let last = self.times.last().copied();
        let begin = state.start_time.map(|ticks| ticks as f64 / 100.0);
        last.zip(begin)
            .is_some_and(|(last, begin)| begin > last - 1.0)
    }

    /// Forget the last start when its gateway ended for a restart that was asked for. The state must be that gateway's
    /// own: a gateway that ends with 75 before it was up leaves its predecessor's.
    pub(crate) fn forgive(mut self, state: Option<&State>) -> io::Result<()> {
        let asked = state.is_some_and(|s| s.restart_requested && self.is_of_last_start(s));
        if !asked {
            return Ok(());
        }
        self.times.pop();
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        let mut text = String::new();
        for time in &self.times {
            let _ = writeln!(text, "{time:.2}");
        }
        fs::write(self.directory.join(STARTS), text)
    }
}

/// A start that waits for its turn.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Waiting {
    /// Seconds until it goes on.
    pub(crate) seconds: u64,
    /// Starts in the last ten minutes, because of which it waits.
    pub(crate) starts: u64,
}

impl Waiting {
    /// What the start of a unit waits for, from its runtime directory below `runtime`. The unit's account writes that
    /// file: it is read as two numbers, or not at all.
    pub(crate) fn of_unit(runtime: &Path, unit: &str) -> Option<Self> {
        let name = unit.strip_suffix(".service")?;
        let path = runtime.join("hermes-install").join(name).join(NEXT);
        let text = read_small_text(&path, read::JSON).ok()??;
        Self::parse(&text, now())
    }

    fn parse(text: &str, now: f64) -> Option<Self> {
        let (due, starts) = text.trim().split_once(' ')?;
        let left = due.parse::<u64>().ok()? as f64 - now;
        let longest = WAITS[WAITS.len() - 1] as f64;
        (left > 0.0 && left <= longest + 1.0).then_some(Self {
            seconds: left.ceil() as u64,
            starts: starts.parse().ok()?,
        })
    }
}

impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let memory = span::written(MEMORY.as_secs());
        write!(
            f,
            "next start in {}: {} starts in {memory}",
            span::written(self.seconds),
            self.starts
        )
    }
}

/// Seconds since boot, suspended time included.
fn now() -> f64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0.0, |t| Duration::from(t).as_secs_f64())
}

/// Sleep; whether the whole time passed. A signal that stops the unit ends it.
fn sleep(time: Duration) -> io::Result<bool> {
    // The unit's KillSignal= is SIGINT; a unit that is shielded may have another one.
    let stops = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    stops.thread_block()?;
    let signals = SignalFd::new(&stops)?;
    let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
    Ok(poll(&mut fds, timeout)? == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(times: &[f64]) -> Starts {
        Starts {
            directory: PathBuf::new(),
            times: times.to_vec(),
        }
    }

    #[test]
    fn the_first_three_restarts_are_free_and_then_the_wait_grows_to_a_minute() {
        let waits: Vec<u64> = (0..12)
            .map(|n| starts(&vec![1000.0; n]).wait(1001.0).0.as_secs())
            .collect();
        assert_eq!(waits, [0, 0, 0, 0, 5, 10, 20, 40, 60, 60, 60, 60]);
    }

    #[test]
    fn starts_of_more_than_ten_minutes_ago_and_of_the_future_do_not_count() {
        assert_eq!(starts(&[10.0; 9]).wait(611.0).1, 0);
        assert_eq!(starts(&[700.0; 9]).wait(611.0).1, 0);
        assert_eq!(starts(&[12.0; 9]).wait(611.0).1, 9);
    }

    #[test]
    fn a_start_that_waits_says_for_how_long_and_why() {
        let shown = |text| Waiting::parse(text, 100.5).map(|w| w.to_string());
        let text = shown("140 6\n");
        assert_eq!(
            text.as_deref(),
            Some("next start in 40s: 6 starts in 10min")
        );
        for text in [
            "100 6",
            "9999999 6",
            "140",
            "140 six",
            "-1 6",
            "140 6\n140 6",
            "",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn a_home_that_was_read_only_in_the_start_before_is_remembered_until_it_is_not() {
        let top = tempfile::tempdir().expect("a directory");
        let note = |start: f64, is_read_only| {
            fs::write(top.path().join(STARTS), format!("{start:.2}\n")).expect("written");
            Starts::read(top.path()).note_read_only(is_read_only)
        };
        assert_eq!([note(1.0, true), note(1.0, true)], [false, false], "twice");
        assert_eq!([note(2.0, true), note(3.0, true)], [true, true]);
        assert_eq!([note(4.0, false), note(5.0, true)], [false, false]);
    }

    #[test]
    fn where_nothing_can_be_noted_a_read_only_home_counts_as_seen_before() {
        let top = tempfile::tempdir().expect("a directory");
        let nowhere = Starts::read(&top.path().join("nowhere"));
        assert!(
            nowhere.note_read_only(true),
            "or it is tried again for ever"
        );
    }

    #[test]
    fn a_start_that_passes_two_brakes_counts_once() {
        let top = tempfile::tempdir().expect("a directory");
        let count = |invocation: &str| {
            let starts = Starts::read(top.path());
            starts.wait_turn(invocation, |_| ()).expect("written");
            Starts::read(top.path()).times.len()
        };
        assert_eq!((count("a"), count("a"), count("b")), (1, 1, 2));
    }

    #[test]
    fn a_record_that_is_none_is_an_empty_one() {
        let top = tempfile::tempdir().expect("a directory");
        fs::write(top.path().join(STARTS), b"\xff\xfe nan\ninf\n5.5\n\n").expect("written");
        assert!(Starts::read(top.path()).times.is_empty());
        fs::write(top.path().join(STARTS), "nan\ninf\n5.5\nfive\n").expect("written");
        assert_eq!(Starts::read(top.path()).times, [5.5]);
        assert!(Starts::read(&top.path().join("nowhere")).times.is_empty());
    }

    #[test]
    fn a_gateway_that_asks_for_a_start_before_it_was_up_is_counted() {
        let top = tempfile::tempdir().expect("a directory");
        fs::write(top.path().join(STARTS), "200.00\n").expect("written");
        let early = |start: u64, text: &str| {
            let json = format!(r#"{{"pid": 7, "start_time": {start}, "gateway_state": "{text}"}}"#);
            let state: State = serde_json::from_str(&json).expect("a state");
            let starts = Starts::read(top.path());
            starts.note_restart(Some(&state)).expect("written");
            starts.early()
        };
        assert_eq!(early(15_000, "stopped"), 1, "its predecessor's state");
        assert_eq!(early(20_010, "starting"), 2);
        assert_eq!(early(20_010, "startup_failed"), 3);
        assert_eq!(early(20_010, "stopped"), 0);
        Starts::read(top.path())
            .note_restart(None)
            .expect("written");
        assert_eq!(Starts::read(top.path()).early(), 1);
    }

    #[test]
    fn a_restart_that_its_own_gateway_asked_for_does_not_count() {
        let top = tempfile::tempdir().expect("a directory");
        let left = |json: &str| {
            fs::write(top.path().join(STARTS), "100.00\n200.00\n").expect("written");
            let state: State = serde_json::from_str(json).expect("a state");
            let starts = Starts::read(top.path());
            starts.forgive(Some(&state)).expect("written");
            Starts::read(top.path()).times.len()
        };
        let state = |start: u64, asked: bool| {
            format!(
                r#"{{"pid": 7, "start_time": {start}, "gateway_state": "stopped", "restart_requested": {asked}}}"#
            )
        };
        assert_eq!(left(&state(20_010, true)), 1);
        assert_eq!(left(&state(20_010, false)), 2, "nobody asked");
        assert_eq!(left(&state(15_000, true)), 2, "another gateway's state");
    }
}
