//! Processes as /proc shows them. Reads only; a process that goes away while it is read is simply not there.
//!
//! What a process says of itself (arguments, environment) is its own choice, also that of a setuid program's caller;
//! accounts, executable and control group are the kernel's word.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::host::cgroup::{UnitRef, container_of, user_of};
use crate::host::credentials::Credentials;
use crate::host::insight::look;
use crate::host::process_memory;
use crate::host::read::text;
use crate::output::{is_hidden, visible};

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    /// Process ID.
    pub(crate) pid: i32,
    /// The process that started it.
    pub(crate) parent: i32,
    /// Real user ID: whoever started it.
    pub(crate) uid: u32,
    /// All its accounts and groups.
    pub(crate) credentials: Credentials,
    /// Its arguments; empty for a kernel thread or a zombie.
    pub(crate) argv: Vec<String>,
    /// Whether it, or another process of its account, kept us from its memory: then there are arguments, and nobody knows them.
    pub(crate) is_silent: bool,
    /// Clock ticks from boot to its start: field 22 of /proc/PID/stat (proc_pid_stat(5)).
    pub(crate) start: u64,
    /// The same number as hermes reads it: the 22nd word, which is another field when the name holds a space.
    pub(crate) naive_start: Option<u64>,
    /// Its session.
    pub(crate) session: i32,
    /// Device number of its terminal, 0 without one.
    tty: i32,
}

impl Process {
    /// The process with this ID; `None` when there is none or it is a zombie.
    pub(crate) fn read(pid: i32) -> Option<Self> {
        // Without the right nothing of it is seen where /proc is mounted with hidepid=.
        look(|| Self::read_all(pid))
    }

    fn read_all(pid: i32) -> Option<Self> {
        // One directory for all of it: should the ID pass to another process meanwhile, nothing more is read.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = openat(CWD, dir(pid), flags, Mode::empty()).ok()?;
        let read = |name: &str| -> Option<Vec<u8>> {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let mut bytes = Vec::new();
            let file = File::from(openat(&dir, name, flags, Mode::empty()).ok()?);
            file.take(MOST).read_to_end(&mut bytes).ok()?;
            Some(bytes)
        };
        let stat = String::from_utf8_lossy(&read("stat")?).into_owned();
        // The name is in parentheses and may hold anything, parentheses too.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        if matches!(*fields.first()?, "Z" | "X") {
            return None;
        }
        let credentials = Credentials::parse(&String::from_utf8_lossy(&read("status")?))?;
        let (argv, is_silent) = match process_memory::read(dir, "cmdline", credentials.real, MOST) {
            Ok(bytes) => (arguments(&bytes), false),
            Err(e) if e.kind() == ErrorKind::TimedOut => (Vec::new(), true),
            Err(_) => return None,
        };
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            uid: credentials.real,
            credentials,
            argv,
            is_silent,
            start: fields.get(19)?.parse().ok()?,
            naive_start: stat.split_whitespace().nth(21).and_then(|w| w.parse().ok()),
            session: fields.get(3)?.parse().ok()?,
            tty: fields.get(4)?.parse().ok()?,
        })
    }

    /// Whether a signal has stopped it, as SIGSTOP does: state `T` of /proc/PID/stat (proc_pid_stat(5)). A debugger's stop is
    /// another one.
    pub(crate) fn is_stopped(&self) -> bool {
        // A process has any name.
        let stat = look(|| fs::read(dir(self.pid).join("stat")).map(text)).unwrap_or_default();
        let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
        state.is_some_and(|state| state.starts_with('T'))
    }

    /// How long it has been running.
    pub(crate) fn age(&self) -> Duration {
        let uptime = fs::read_to_string("/proc/uptime")
            .ok()
            .and_then(|t| t.split_whitespace().next()?.parse::<f64>().ok())
            .unwrap_or_default();
        // USER_HZ, the unit of this file, is 100 on every Linux ABI we build for (proc_pid_stat(5), time(7)).
        Duration::from_secs_f64((uptime - self.start as f64 / 100.0).max(0.0))
    }

    /// When it was started, by the clock of this host.
    pub(crate) fn started(&self) -> SystemTime {
        SystemTime::now() - self.age()
    }

    /// The systemd unit it belongs to, as its control group tells. Units of a container's own systemd do not count, nor
    /// does a user's manager for a process of another account: it could neither start nor stop it.
    pub(crate) fn unit(&self) -> Option<UnitRef> {
        let path = self.cgroup()?;
        let is_own = |unit: &UnitRef| {
            let mut user = unit.user.iter();
            user.all(|uid| *uid == self.uid && self.credentials.is_one_account())
        };
        container_of(&path)
            .is_none()
            .then(|| UnitRef::from_cgroup(&path).filter(is_own))?
    }

    /// The container it runs in, as its control group tells: `docker-ID`, `libpod-ID`, a machine's name.
    pub(crate) fn container(&self) -> Option<String> {
        container_of(&self.cgroup()?)
    }

    /// The user who gave its control group its name: below a user's manager that user names what he likes.
    pub(crate) fn named_by(&self) -> Option<u32> {
        user_of(&self.cgroup()?)
    }

    /// Its control group.
    fn cgroup(&self) -> Option<String> {
        // A user's control groups have any name, and the one of a process is not to be hidden by it.
        let text = look(|| fs::read(dir(self.pid).join("cgroup")).map(text)).ok()?;
        // Version 2 has one line, `0::/path`; on a hybrid host the `name=systemd` line has the path.
        let path = text
            .lines()
            .find_map(|l| l.strip_prefix("0::").filter(|p| *p != "/"))
            .or_else(|| {
                text.lines()
                    .find_map(|l| l.split_once(":name=systemd:"))
                    .map(|(_, p)| p)
            })?;
        Some(path.to_owned())
    }

    /// Its controlling terminal, such as `pts/3`.
    pub(crate) fn terminal(&self) -> Option<String> {
        let (major, minor) = (
            (self.tty >> 8) & 0xfff,
            (self.tty & 0xff) | ((self.tty >> 12) & 0xfff00),
        );
        match major {
            136..=143 => Some(format!("pts/{}", (major - 136) * 256 + minor)),
            4 if minor < 64 => Some(format!("tty{minor}")),
            4 => Some(format!("ttyS{}", minor - 64)),
            _ => None,
        }
    }
}

/// The most that is read of one file in /proc. A word of a command line has at most so many bytes (`MAX_ARG_STRLEN`,
/// execve(2)); what is beyond says nothing of gateways.
const MOST: u64 = 128 << 10;
/// Words of a command line; as many strings are kept of each gateway.
const MOST_WORDS: usize = 1000;

pub(super) fn dir(pid: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// Whether a process has a handler for a signal: `SigCgt` of /proc/PID/status (proc_pid_status(5)).
pub(crate) fn catches(pid: i32, signal: rustix::process::Signal) -> std::io::Result<bool> {
    // A process has any name.
    let text = look(|| fs::read(dir(pid).join("status")).map(text))?;
    let mask = text.lines().find_map(|l| l.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    Ok(mask.is_some_and(|mask| mask & (1 << (signal.as_raw() - 1)) != 0))
}

fn arguments(cmdline: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(cmdline);
    let words = text.trim_end_matches('\0').split('\0');
    words
        .filter(|_| !text.is_empty())
        .take(MOST_WORDS)
        .map(str::to_owned)
        .collect()
}

/// A command line as a person types it into a shell: quoted, so that every word stays one, and control characters written
/// as bash, zsh and POSIX.1-2024 read them (`$'…'`), so that they can be seen.
pub(crate) fn shell_quote<S: AsRef<str>>(argv: &[S]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    let word = |word: &str| {
        if !word.is_empty() && word.chars().all(plain) {
            word.to_owned()
        } else if word.chars().any(is_hidden) {
            let escaped = word.replace('\\', r"\\").replace('\'', r"\'");
            format!("$'{}'", visible(&escaped))
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    let words: Vec<String> = argv.iter().map(|w| word(w.as_ref())).collect();
    words.join(" ")
}

/// The IDs of all processes that we can see.
pub(crate) fn pids() -> impl Iterator<Item = i32> {
    let pids: Vec<i32> = look(|| {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        entries.filter_map(pid).collect()
    });
    pids.into_iter()
}

/// A child as it is once it has its arguments: spawn(2) comes back a moment before (vfork(2)).
#[cfg(test)]
pub(crate) fn started(child: &std::process::Child) -> Process {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        let process = Process::read(child.id() as i32).expect("it runs");
        if !process.argv.is_empty() {
            return process;
        }
        assert!(std::time::Instant::now() < deadline, "it has no arguments");
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_given_back_as_a_shell_takes_it() {
        assert_eq!(
            shell_quote(&["/opt/a-b/bin/hermes", "it's", "", "a b"]),
            r"/opt/a-b/bin/hermes 'it'\''s' '' 'a b'"
        );
        assert_eq!(shell_quote(&["a\nb'\\"]), r"$'a\nb\'\\'");
    }

    #[test]
    fn a_process_that_a_signal_has_stopped_is_told_from_one_that_goes_on() {
        use nix::sys::signal::{Signal, kill};
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("it runs");
        let process = started(&child);
        let pid = nix::unistd::Pid::from_raw(process.pid);
        let until = |is_stopped| {
            let deadline = std::time::Instant::now() + Duration::from_secs(60);
            while process.is_stopped() != is_stopped {
                assert!(std::time::Instant::now() < deadline, "{is_stopped}");
                std::thread::yield_now();
            }
        };
        until(false);
        kill(pid, Signal::SIGSTOP).expect("sent");
        until(true);
        kill(pid, Signal::SIGCONT).expect("sent");
        until(false);
        child.kill().expect("ended");
        child.wait().expect("gone");
    }

    #[test]
    fn our_own_process_is_read() {
        let me = Process::read(std::process::id() as i32).expect("we run");
        assert!(!me.argv.is_empty());
        assert!(me.age() < Duration::from_secs(3600));
    }
}
