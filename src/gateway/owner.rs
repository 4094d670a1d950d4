//! Who has a profile: the holder of its lock, the live process that its files name, or a replacer on its way.
//!
//! Reads only. A lock is never unlinked and held for microseconds at most.

use std::cell::{Cell, OnceCell};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::Deserialize;

use crate::gateway::command_line::{Aim, Command, Home};
use crate::gateway::installation::Installation;
use crate::gateway::running::{GATEWAY_LOCK, Running, Works};
use crate::gateway::state::State;
use crate::gateway::version::{RestartCommand, Rules, Version};
use crate::host::process::{Process, shell_quote};
use crate::host::read::{self, open_regular, read_own};

/// Made by a starting gateway, removed by one that ends well.
pub(crate) const PID: &str = "gateway.pid";
/// The record in `gateway.pid` and `gateway.lock`.
#[derive(Debug, Clone, Deserialize)]
struct Record {
    pid: i32,
    start_time: Option<u64>,
}

/// A process that has a profile, and how that is known.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    /// The process; `None` when somebody holds the lock who cannot be seen.
    pub(crate) process: Option<Process>,
    /// How it owns the profile, as the middle of a sentence.
    pub(crate) how: &'static str,
    /// How much of the profile it has.
    pub(crate) hold: Hold,
    /// Whether the kernel says that it works on this home: then it may be signalled for it.
    pub(crate) is_proven: bool,
}

/// How much of a profile a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It runs the gateway, or has not let go of it.
    Has,
    /// It is about to: a `gateway run --replace` for this home, or a `gateway restart` that runs the next one itself.
    Takes,
    /// A young `--replace` of another account, root's most of all, hides its environment: it may mean this home
    /// or another one, and shows which as soon as it takes its lock.
    MayTake,
}

/// Who may be about to take a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rivals {
    /// Whoever runs `gateway run --replace`, or a `gateway restart` of a version that runs the next gateway itself.
    All,
    /// The former alone: beside a unit of hermes' own, every `gateway restart` waits for the unit that it restarts.
    Replacers,
}

/// How long a gateway may take from its start to its lock; 0.5 to 10 s were seen, cold starts included. Nobody waits longer
/// than this for hidden ones in all, however many follow each other.
pub(crate) const START: Duration = Duration::from_secs(60);

/// What is said where [`owner`] cannot tell.
pub(crate) fn unexamined(home: &Path, error: &std::io::Error) -> String {
    let lock = home.join(GATEWAY_LOCK);
    format!("`{}` cannot be examined: {error}", lock.display())
}

/// What is said where a lock has a holder whom nobody sees, and the command that finds that one, in containers, too.
pub(crate) fn unseen(home: &Path) -> (String, String) {
    let lock = home.join(GATEWAY_LOCK).display().to_string();
    (
        format!("a process that cannot be seen from here holds `{lock}`"),
        shell_quote(&["fuser", "-v", &lock]),
    )
}

/// The process that holds the lock of a home, where the home's files name none: those of a gateway in a container have the ID
/// by which it is known there. Only for a sentence, as anybody may hold a lock of their own.
pub(crate) fn holder(home: &Path) -> Option<Process> {
    let lock = fs::metadata(home.join(GATEWAY_LOCK)).ok()?;
    Process::holding_flock(&lock)
}

/// Whoever has the gateway of this profile home now, or is about to take it.
///
/// A stale pid file, a reused PID and a lock file that nobody holds are no owner. `Err` when the lock cannot be
/// examined: then nobody may be assumed absent.
pub(crate) fn owner(home: &Path) -> std::io::Result<Option<Owner>> {
    owner_among(home, Rivals::All)
}

/// The same, where not everybody counts who may be about to take it.
pub(crate) fn owner_among(home: &Path, rivals: Rivals) -> std::io::Result<Option<Owner>> {
    find(home, rivals, &OnceCell::new(), PATIENCE)
}

/// The version of the gateway that has a home, where one has it and tells.
pub(crate) fn version_at(home: &Path) -> Option<Version> {
    let process = owner(home).ok().flatten().and_then(|owner| owner.process)?;
    Installation::of_process(&process)?.version
}

/// Who has each of many homes: those who may be about to take one are looked for once, among all processes.
#[derive(Debug)]
pub(crate) struct Owners {
    replacers: OnceCell<Vec<Running>>,
    /// How long locks that nobody is named for were waited for, all together.
    waited: Cell<Duration>,
}

impl Default for Owners {
    fn default() -> Self {
        Self {
            replacers: OnceCell::new(),
            waited: Cell::new(Duration::ZERO),
        }
    }
}

impl Owners {
    /// As [`owner`] tells. One account may hold the locks of as many homes as it likes.
    pub(crate) fn of(&self, home: &Path) -> std::io::Result<Option<Owner>> {
        let (begin, left) = (
            Instant::now(),
            MOST_WAITED.saturating_sub(self.waited.get()),
        );
        let found = find(home, Rivals::All, &self.replacers, PATIENCE.min(left));
        if matches!(&found, Ok(Some(owner)) if owner.process.is_none()) {
            self.waited.set(self.waited.get() + begin.elapsed());
        }
        found
    }
}

/// Any liveness probe, this one and upstream's, holds the lock for an instant. Only a holder that stays counts.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same for all homes that are looked at together.
const MOST_WAITED: Duration = Duration::from_secs(5);

fn find(
    home: &Path,
    rivals: Rivals,
    replacers: &OnceCell<Vec<Running>>,
    patience: Duration,
) -> std::io::Result<Option<Owner>> {
    let patience = Instant::now() + patience;
    loop {
        let held = is_locked(&home.join(GATEWAY_LOCK))?;
        if let Some((process, is_proven)) = recorded(home, held) {
            let how = if held {
                "runs its gateway"
            } else {
                "is a gateway that still ends or has lost its lock"
            };
            return Ok(Some(Owner {
                process: Some(process),
                how,
                hold: Hold::Has,
                is_proven,
            }));
        }
        if !held {
            let is_replacer = |r: &Running| r.command.aim != Aim::Run;
            let replacers = replacers.get_or_init(|| Running::all().filter(is_replacer).collect());
            return Ok(replacer(home, rivals, replacers));
        }
        if Instant::now() > patience {
            return Ok(Some(Owner {
                process: None,
                how: "holds its lock",
                hold: Hold::Has,
                is_proven: false,
            }));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether somebody holds the flock. Ours, shared, is there for microseconds.
fn is_locked(path: &Path) -> std::io::Result<bool> {
    let Some(file) = open_regular(path)? else {
        return Ok(false);
    };
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_lock) => Ok(false),
        Err((_, Errno::EWOULDBLOCK)) => Ok(true),
        Err((_, errno)) => Err(errno.into()),
    }
}

/// The live gateway that the profile's files name.
///
/// With the lock held, the pid and lock records count. Without, the state file counts too, unless it says that its
/// gateway has ended: hermes 0.18 and later refuse to start then, and a gateway that hangs in its exit still has
/// the databases open.
fn recorded(home: &Path, held: bool) -> Option<(Process, bool)> {
    let record = |name: &str| -> Option<Record> {
        serde_json::from_slice(&read_own(&home.join(name), read::JSON).ok()??).ok()
    };
    let state = State::read(home).filter(|s| held || !s.has_ended());
    let state = state.map(|s| Record {
        pid: s.pid,
        start_time: s.start_time,
    });
    [record(PID), record(GATEWAY_LOCK).filter(|_| held), state]
        .into_iter()
        .flatten()
        .find_map(|record| live(&record, home))
}

/// The process of a record, if it is still that process and a gateway of this home, and whether the kernel says so. A PID
/// alone proves nothing: it is reused, and whoever has the home writes there what he likes.
fn live(record: &Record, home: &Path) -> Option<(Process, bool)> {
    let running = Running::read(record.pid)?;
    let process = &running.process;
    let same = record
        .start_time
        .is_none_or(|start| start == process.start || Some(start) == process.naive_start);
    if !same || !running.may_work_on(home) {
        return None;
    }
    match running.works_on(home) {
        Works::Here => Some((running.process, true)),
        Works::Hidden => Some((running.process, false)),
        Works::Elsewhere => None,
    }
}

/// A `gateway run --replace` for this home on its way: for 0.5 to 3 s in a takeover nobody holds the lock. A process whose
/// account could not open the lock takes nothing over, whatever it names.
fn replacer(home: &Path, rivals: Rivals, replacers: &[Running]) -> Option<Owner> {
    let mut doubtful = None;
    let replacers = replacers.iter().filter(|r| r.may_work_on(home));
    for running in replacers.filter(|r| takes_over(&r.process, &r.command, rivals)) {
        let process = &running.process;
        let works = running.works_on(home);
        let hold = match running.home() {
            Home::Known(_) if works == Works::Here => Hold::Takes,
            Home::Known(_) => continue,
            Home::Hidden if is_taking(home, process) => Hold::Takes,
            Home::Hidden if process.age() < START && running.command.may_mean(home) => {
                Hold::MayTake
            }
            Home::Hidden => continue,
        };
        let owner = Owner {
            process: Some(process.clone()),
            how: "is taking it over with `--replace`",
            hold,
            is_proven: works == Works::Here,
        };
        if hold == Hold::Takes {
            return Some(owner);
        }
        doubtful = Some(owner);
    }
    doubtful
}

/// Whether this process means to run the gateway itself. `gateway restart` of newer versions waits for the unit that it
/// restarts, and a start that is refused because of it would be one that nobody makes good.
fn takes_over(process: &Process, command: &Command, rivals: Rivals) -> bool {
    let version = || Installation::of_process(process).and_then(|found| found.version);
    command.aim == Aim::Replace
        || (rivals == Rivals::All
            && Rules::of(version()).restart_command == RestartCommand::TakesOver)
}

/// Whether a process whose environment may not be read left its takeover marker here: another account's replacer,
/// root's most of all. The marker itself may be unreadable too; its owner and its presence are enough.
fn is_taking(home: &Path, process: &Process) -> bool {
    fs::metadata(home.join(".gateway-takeover.json")).is_ok_and(|m| m.uid() == process.uid)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn a_lock_that_cannot_be_examined_is_not_nobody_s_and_none_waits_for_it() {
        let home = tempfile::tempdir().expect("a directory");
        let lock = home.path().join(GATEWAY_LOCK);
        let of = |what: &str| {
            owner(home.path())
                .map(|o| o.is_none())
                .map_err(|e| format!("{what}: {e}"))
        };
        assert_eq!(of("none"), Ok(true));
        std::os::unix::fs::symlink("gone", &lock).expect("made");
        assert_eq!(of("a link to nothing"), Ok(true), "flock(2) would make it");
        std::fs::remove_file(&lock).expect("removed");
        mkfifo(&lock, Mode::S_IRWXU).expect("made");
        assert!(of("a pipe").is_err());
        std::fs::remove_file(&lock).expect("removed");
        let _socket = UnixListener::bind(&lock).expect("made");
        assert!(of("a socket").is_err());
        std::fs::remove_file(&lock).expect("removed");
        std::fs::create_dir(&lock).expect("made");
        assert!(of("a directory").is_err());
    }
}
