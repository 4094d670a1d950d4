//! A program of an account, run as that account for root. It has a session of its own, so that it has no terminal to type
//! into (CVE-2016-2779). It has no capabilities, no way to new rights and limits, and is ended with all that it started.
//!
//! This program starts itself for that (`/proc/self/exe run-as`), gives everything up in the child, and executes the
//! other: nothing has to be done between fork(2) and execve(2), and no other program is needed.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::unistd::{Gid, Uid, geteuid, setgroups, setresgid, setresuid, setsid};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, WaitOptions, set_child_subreaper,
    setrlimit, waitid, waitpid,
};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::host::account::Account;
use crate::host::process::{Process, pids};
use crate::host::spawn::{Limits, run};

/// The search path of such a program.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// For a program of the system that looks at one file; a slow disk may take its time.
pub(crate) const LOOK: Limits = Limits {
    time: Duration::from_secs(60),
    bytes: 1 << 16,
};

/// Run a program as an account, with that account's environment and nothing else of this process; for root, or for that very account.
///
/// # Errors
/// When it cannot be run, or goes beyond a limit.
pub(crate) fn run_as(
    account: &Account,
    env: &[(&str, &str)],
    argv: &[&OsStr],
    limits: Limits,
) -> io::Result<Output> {
    let groups: Vec<String> = groups(account).iter().map(u32::to_string).collect();
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("hermes-install")
        .args(["run-as", "--uid", &account.uid.to_string()])
        .args(["--gid", &account.gid.to_string()])
        .args(["--groups", &groups.join(","), "--"])
        .args(argv)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", &account.home)
        .env("USER", &account.name)
        .env("LOGNAME", &account.name)
        .env("LC_ALL", "C.UTF-8")
        .envs(env.iter().copied())
        .current_dir("/");
    // Whatever leaves its session is handed to us when its parent ends (PR_SET_CHILD_SUBREAPER).
    let me = Pid::from_raw(std::process::id() as i32);
    set_child_subreaper(me)?;
    let begin = Instant::now();
    let done = run(&mut command, limits);
    end_the_rest(begin);
    done
}

/// Every group of an account; none but its own of one that does not exist yet.
fn groups(account: &Account) -> Vec<u32> {
    let name = CString::new(account.name.as_str()).unwrap_or_default();
    let all = nix::unistd::getgrouplist(&name, account.gid.into());
    match all {
        Ok(all) if account.exists => all.into_iter().map(Gid::as_raw).collect(),
        _ => vec![account.gid],
    }
}

/// End what such a program left behind: our children in other sessions than ours, since this moment. What we start
/// ourselves stays in our session. Whoever forks faster than this runs on, as its account may at any time.
fn end_the_rest(since: Instant) {
    // Most leave nothing, and to look at all processes of a host takes as long as they are many.
    if !has_child() {
        return;
    }
    let me = std::process::id() as i32;
    let Some(own) = Process::read(me) else { return };
    let is_left = |p: &Process| {
        let is_new = p.age() <= since.elapsed() + Duration::from_secs(1);
        p.parent == me && p.session != own.session && is_new
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        let left: Vec<Process> = pids().filter_map(Process::read).filter(is_left).collect();
        if left.is_empty() {
            return;
        }
        for process in left {
            if let Ok(Some(handle)) = process.hold() {
                let _ = handle.send(Signal::KILL);
                handle.ends_within(Duration::from_secs(1));
                let _ = waitpid(Pid::from_raw(process.pid), WaitOptions::NOHANG);
            }
        }
    }
}

/// Whether this process has a child, one that has ended and was not asked for included (ECHILD of wait(2)).
fn has_child() -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::All, look).err() != Some(rustix::io::Errno::CHILD)
}

/// Become an account for good and execute a program; returns only when that failed.
pub(crate) fn become_account(uid: u32, gid: u32, groups: &[u32], argv: &[OsString]) -> Result<()> {
    let (program, arguments) = argv.split_first().context("no program is named")?;
    setsid().context("no session of its own can be made")?;
    close_descriptors();
    limit()?;
    rustix::thread::set_no_new_privs(true)?;
    rustix::thread::clear_ambient_capability_set()?;
    if geteuid().is_root() {
        // EINVAL: this kernel does not know it yet. EPERM: we may not, and without new privileges nobody gets it back.
        for capability in CapabilitySet::all().iter() {
            let _ = rustix::thread::remove_capability_from_bounding_set(capability);
        }
        let groups: Vec<Gid> = groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
        setgroups(&groups).context("its groups cannot be set")?;
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        setresgid(gid, gid, gid).context("its group cannot be set")?;
        setresuid(uid, uid, uid).context("its account cannot be set")?;
    }
    rustix::thread::set_capabilities(
        None,
        CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        },
    )?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let e = Command::new(program).args(arguments).exec();
    Err(e).with_context(|| format!("`{}` cannot be executed", Path::new(program).display()))
}

/// Files that whoever started us left open are not for this program.
fn close_descriptors() {
    let listed = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
    let open: Vec<i32> = listed
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for fd in open.into_iter().filter(|fd| *fd > 2) {
        // The one of the listing is closed already.
        let _ = nix::unistd::close(fd);
    }
}

/// Enough for `hermes --version`, whose imports take some hundred megabytes of address space.
fn limit() -> Result<()> {
    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::Fsize, 64 << 20),
        (Resource::Nofile, 1024),
        (Resource::As, 8 << 30),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ] {
        let before = rustix::process::getrlimit(resource);
        let most = before.maximum.map_or(most, |now| now.min(most));
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).context("its limits cannot be set")?;
    }
    Ok(())
}
