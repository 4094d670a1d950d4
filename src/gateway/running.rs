//! A gateway that runs, as the kernel shows it: what a process or a file says of itself makes no process a gateway, and
//! no gateway the owner of a home. Reads only.

use std::fs;
use std::io;
use std::path::Path;

use crate::gateway::command_line::{Command, Home, home_of};
use crate::gateway::state::State;
use crate::host::insight::look;
use crate::host::process::{self, Process};
use crate::host::process_files::program;

/// Held with flock(2) for the life of a gateway; stays behind, unlocked, when it ends.
pub(crate) const GATEWAY_LOCK: &str = "gateway.lock";

/// A process that is a gateway.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    /// The process.
    pub(crate) process: Process,
    /// Its command line.
    pub(crate) command: Command,
}

/// Whether a gateway works on a profile home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Works {
    /// It holds the home's lock, or that directory is its own home.
    Here,
    /// It works on another.
    Elsewhere,
    /// We may not look.
    Hidden,
}

impl Running {
    /// The process with this ID, if it is a gateway: it has a gateway's command line, the rights of one account, and
    /// runs an interpreter or a program called hermes. `su`, `sudo` and their like can be given any command line. One whose
    /// command line cannot be read may be a gateway.
    pub(crate) fn read(pid: i32) -> Option<Self> {
        // Most processes run something else, and are not asked.
        if !may_run_hermes(program(pid)) {
            return None;
        }
        let process = Process::read(pid)?;
        let command = if process.is_silent {
            Command::unknown()
        } else {
            Command::parse(&process.argv)?
        };
        // The executable last: a process that became a setuid program since is one by now, and was the caller's before.
        let is_one = process.credentials.is_one_account() && runs_hermes(&process);
        is_one.then_some(Self { process, command })
    }

    /// The gateway of a home that says of itself that it runs, where it is in the unit of this main process and another
    /// process: what a wrapper leaves that does not become it.
    pub(crate) fn behind(main: &Process, home: &Path) -> Option<Self> {
        let pid = State::read(home)?.pid;
        let found = Self::read(pid).filter(|_| pid != main.pid)?;
        let is_beside = found.process.uid == main.uid && found.process.unit() == Some(main.unit()?);
        is_beside.then_some(found)
    }

    /// Every gateway that can be seen, but for this process.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let me = std::process::id() as i32;
        let all: Vec<Self> = look(|| {
            let others = process::pids().filter(|pid| *pid != me);
            others.filter_map(Self::read).collect()
        });
        all.into_iter()
    }

    /// The profile home that it works on, as it names it.
    pub(crate) fn home(&self) -> Home {
        home_of(&self.process, &self.command)
    }

    /// Whether it works on this home, by its lock or by its own home's device and inode.
    pub(crate) fn works_on(&self, home: &Path) -> Works {
        let lock = fs::metadata(home.join(GATEWAY_LOCK));
        let is_held = lock.map(|meta| self.process.holds_flock(&meta));
        if matches!(is_held, Ok(Ok(true))) {
            return Works::Here;
        }
        let Home::Known(own) = self.home() else {
            return Works::Hidden;
        };
        let is_here = identity(home).is_some_and(|id| self.process.identity(&own) == Some(id));
        if is_here {
            Works::Here
        } else {
            Works::Elsewhere
        }
    }

    /// Whether its account could work on this home at all.
    pub(crate) fn may_work_on(&self, home: &Path) -> bool {
        fs::metadata(home).is_ok_and(|meta| self.process.credentials.may_work_in(&meta))
    }
}

/// Whether the file that a process runs is an interpreter, or called hermes, and gives nobody another's rights.
fn runs_hermes(process: &Process) -> bool {
    let executable = process.executable();
    let gives_rights = executable.as_ref().is_ok_and(|file| file.gives_rights);
    may_run_hermes(executable.map(|file| file.name)) && !gives_rights
}

/// Whether a file of this name could run hermes. Where we may not look, the command line has to do: nothing but a sentence
/// follows from it then.
fn may_run_hermes(name: io::Result<String>) -> bool {
    match name.as_deref() {
        Ok("hermes" | ".hermes-wrapped") => true,
        Ok(name) => name.starts_with("python") || name.starts_with("pypy"),
        Err(e) => e.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// What makes two paths the same directory.
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}
